/*
 * linear_worker.h - one of several callers that use the same few keys at once, and note what they
 * saw.
 *
 * What workers share lies in memory that they all map, so that they can be threads or processes.
 */
#ifndef LINEAR_WORKER_H
#define LINEAR_WORKER_H

#include <stdatomic.h>

#include <jaycache/jaycache.h>

#include "linear_checker.h"

#define LINEAR_WORKERS_MAX 8
#define LINEAR_CALLS 1500      /* of a worker in a round; a batch counts as one */
#define LINEAR_EVENTS 12000    /* room for what a worker notes in a round */
#define LINEAR_REGISTERS 6     /* keys 0 to 5 hold values */
#define LINEAR_KEYS 10         /* the rest are counters */
#define LINEAR_TORN UINT64_MAX /* noted as the value, when its bytes are not as they were stored */

typedef struct linear_log {
    size_t count;
    bool has_overflowed;
    uint64_t bad_statuses; /* that no caller should get */
    int last_bad_status;
    uint64_t changed_views; /* whose bytes were not the same any more when they were released */
    uint64_t zero_versions;
    linear_event events[LINEAR_EVENTS];
} linear_log;

typedef struct linear_round {
    uint64_t seed;
    uint32_t worker_count;
    uint32_t noise; /* keys that are stored besides, so that the index grows and memory is reused */
    _Atomic uint32_t ready;
    linear_log logs[LINEAR_WORKERS_MAX];
} linear_round;

/* Waits for the other workers, then makes its calls. */
void linear_work(linear_round *round, uint32_t worker, jay_cache *cache);

#endif
