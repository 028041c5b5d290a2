/*
 * sim_policy.h - eviction policies as simulators: what a cache of a given capacity would have hit.
 *
 * A simulator holds no values. It is told of one request after another, in the order of a trace,
 * and answers whether the cache would have had the item; on a miss the item is brought in at once,
 * as a site does that computes what it did not find. Ids are numbered from 0 without gaps, so that
 * simulators keep what they know in plain arrays. Each item has a charge: 1 where the bound counts
 * items, its bytes where the bound counts bytes. Nothing here is random: two runs give the same.
 *
 * These are yardsticks, made for being obviously what the papers say, not for speed.
 */
#ifndef SIM_POLICY_H
#define SIM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No id, and no request. */
#define SIM_NONE UINT32_MAX

/* What a simulator is made for. */
typedef struct sim_params {
    uint64_t capacity;       /* sum of the charges that the cache may hold, at least 1 */
    uint64_t expected_items; /* about how many items that is, at least 1 */
    uint32_t id_count;       /* ids are below this */
} sim_params;

typedef struct sim_request {
    uint64_t charge; /* of the item if it is brought in now, at least 1 */
    uint32_t id;
    uint32_t now;  /* this request's place in the trace */
    uint32_t next; /* place of the next request of the same id, or SIM_NONE */
} sim_request;

typedef struct sim_policy {
    const char *name;
    /* Returns the state of an empty cache, or NULL when out of memory. */
    void *(*create)(const sim_params *params);
    /* Takes one request. Returns whether it was a hit. */
    bool (*request)(void *state, const sim_request *request);
    /* Ends a state. NULL is allowed. */
    void (*destroy)(void *state);
} sim_policy;

extern const sim_policy sim_fifo;
extern const sim_policy sim_lru;
extern const sim_policy sim_s3fifo;
extern const sim_policy sim_arc;
extern const sim_policy sim_wtinylfu;
extern const sim_policy sim_gdsf;
extern const sim_policy sim_belady;

/* All of the above, one by one; NULL past the last. */
const sim_policy *sim_policy_at(size_t index);

/* The policy of this name, or NULL. */
const sim_policy *sim_policy_find(const char *name, size_t name_size);

#endif
