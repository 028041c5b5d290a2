/*
 * hitratio_replay.h - replays a trace through a simulated policy or through the library.
 *
 * What makes the comparison fair where bytes are counted: the library's bound, max_bytes, covers
 * all that it takes: keys, headers, index, unused room. A simulator charges each item its value's
 * size and a fixed sum on top (`item_overhead`), which stands for the key and for what a compact
 * cache would need to hold it; what the library takes beyond that is its own loss. Both get the
 * same bound.
 */
#ifndef HITRATIO_REPLAY_H
#define HITRATIO_REPLAY_H

#include "hitratio_trace.h"
#include "policies/sim_policy.h"

/* Which bound a run is under. */
typedef struct hitratio_bound {
    bool in_bytes;           /* else items are counted */
    uint64_t capacity;       /* so many items or bytes */
    uint64_t item_overhead;  /* bytes charged to each item beyond its size, by simulators */
    const char *url_pattern; /* for the library: %N becomes the capacity */
} hitratio_bound;

/* Percent of the requests, and of the bytes requested, that were found. */
typedef struct hitratio_result {
    double hits;
    double byte_hits; /* 0 for a trace without sizes */
} hitratio_result;

/* Returns false, with the reason in `error`, when it could not be run. */
bool hitratio_simulate(const hitratio_trace *trace, const sim_policy *policy,
                       const hitratio_bound *bound, hitratio_result *ret_result,
                       char error[HITRATIO_ERROR_SIZE]);

/* The same through the library itself: a get, and on a miss a set. */
bool hitratio_replay(const hitratio_trace *trace, const hitratio_bound *bound,
                     hitratio_result *ret_result, char error[HITRATIO_ERROR_SIZE]);

#endif
