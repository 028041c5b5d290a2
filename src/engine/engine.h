/*
 * engine.h - the cache engine: the functions of a backend's table over one region.
 *
 * It serves memory: (a region of one process) and shm: (a region that many map). The keys have
 * their prefix, TTLs are resolved, and statuses are those of backend.h.
 */
#ifndef JAYI_ENGINE_H
#define JAYI_ENGINE_H

#include <jaycache/backend.h>

#include "engine/region.h"

/*
 * Makes a private region: memory that the kernel gives page by page as it is used, and copies
 * lazily when the process forks. On JAY_OK to be ended with jayi_engine_close_private.
 */
int jayi_engine_open_private(jayi_region *region, const jayi_region_plan *plan, jay_error *error);
void jayi_engine_close_private(jayi_region *region);

int jayi_engine_get(jayi_region *region, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error);
void jayi_engine_release(jayi_region *region, jay_value *value);
int jayi_engine_get_into(jayi_region *region, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error);
int jayi_engine_has(jayi_region *region, const void *key, size_t key_size, jay_error *error);
int jayi_engine_ttl(jayi_region *region, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error);
void jayi_engine_get_many(jayi_region *region, const jay_bytes *keys, size_t count,
                          jay_value *ret_values, int *statuses, jay_error *error);

int jayi_engine_write(jayi_region *region, const jay_write *write, jay_error *error);
int jayi_engine_erase(jayi_region *region, const void *key, size_t key_size, jay_error *error);
int jayi_engine_touch(jayi_region *region, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error);
int jayi_engine_inc(jayi_region *region, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error);

/* ---- for a backend that keeps values elsewhere, and here only where they are ---- */

/* A live entry as it is under the lock; value NULL: there is none. */
typedef struct jayi_engine_old {
    const unsigned char *value;
    size_t size;
    uint64_t deadline_ms;
} jayi_engine_old;

/* Decides, under the shard's lock, whether an exchange goes on: JAY_OK, or the status that it ends
 * with. It must not call the engine. */
typedef int jayi_judge_fn(void *arg, const jayi_engine_old *old);

typedef struct jayi_exchange {
    const void *key;
    size_t key_size;
    const void *value; /* NULL: the entry is removed */
    size_t value_size;
    uint64_t deadline_ms; /* by jayi_clock_ms, or JAYI_DEADLINE_NEVER */
    bool keeps_deadline;  /* that of the old entry, if there is one */
    bool cools;           /* half of its hits are forgotten */
    jayi_judge_fn *judge; /* NULL: whatever there is */
    void *arg;
} jayi_exchange;

/* Puts a value in the place of an entry, or removes it, if the judge agrees. */
int jayi_engine_exchange(jayi_region *region, const jayi_exchange *exchange, jay_error *error);

/* What jayi_engine_look found. */
typedef struct jayi_engine_seen {
    size_t size;
    uint64_t deadline_ms;
    uint32_t frequency;
} jayi_engine_seen;

/* Copies a value of up to `capacity` bytes. Unlike a get it is no hit. JAY_OK or JAY_MISS. */
int jayi_engine_look(jayi_region *region, const void *key, size_t key_size, void *buffer,
                     size_t capacity, jayi_engine_seen *ret_seen);

/* The entries that are held, expired ones included. */
uint64_t jayi_engine_items(const jayi_region *region);

/* Whether less than a quarter of a region is left. */
bool jayi_engine_is_tight(const jayi_region *region);

/* The entries that had to go for others, so far. */
uint64_t jayi_engine_evictions(const jayi_region *region);

int jayi_engine_clear(jayi_region *region, const void *prefix, size_t prefix_size,
                      jay_error *error);
int jayi_engine_iterate(jayi_region *region, const jay_allocator *allocator, const void *prefix,
                        size_t prefix_size, jay_iterate_fn *fn, void *arg, jay_error *error);
int jayi_engine_stats(jayi_region *region, jay_stats *stats, jay_error *error);

/* ---- between the parts of the engine ---- */

/* The failure of a process that cannot get a token. */
int jayi_no_token(jay_error *error);

#endif
