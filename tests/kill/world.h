/*
 * world.h - a small shared memory cache with known entries, which can be put back to how it was.
 *
 * This process is the survivor: it has row 0 and, where the world says so, views. A stepped child
 * does something to the cache; the survivor then looks at what is there.
 *
 * What is there is one number for each key that the world knows: 0 for a miss, else a hash of the
 * value and, coarsely, of the time that it has left.
 */
#ifndef WORLD_H
#define WORLD_H

#include "engine/region.h"
#include "kill_support.h"

#define WORLD_KEYS 1200
#define WORLD_VALUE_MAX 131072
#define WORLD_VIEWS 6
#define WORLD_LONG_TTL_MS INT64_C(96000000) /* no test lasts until then */

typedef struct world_key {
    char name[40];
} world_key;

typedef struct world {
    const char *name;
    char url[160];
    jay_cache *cache;
    jayi_region region; /* a mapping of our own, beside the cache's */
    unsigned char *start;
    world_key keys[WORLD_KEYS];
    unsigned key_count;
    jay_value views[WORLD_VIEWS];
    unsigned char *held[WORLD_VIEWS]; /* what the views showed at first */
    unsigned view_count;
    uint64_t version; /* of the subject's value, for cas */
    bool is_full;     /* so that whatever is stored evicts something */
    unsigned expired; /* entries that are over, but may still be counted */
} world;

typedef struct world_state {
    uint64_t values[WORLD_KEYS];
    uint64_t present; /* how many are; as wide as the values, so that states compare as bytes */
} world_state;

/* Opens a new cache. `options` is what follows '?' in the URL. */
void world_create(world *w, const char *options);
void world_destroy(world *w);

/* Makes a key known. */
void world_know(world *w, const char *key);

/* Stores a value made from key, generation and size, and makes the key known. JAY_OK or fails. */
void world_set(world *w, const char *key, unsigned generation, size_t size, int64_t ttl_ms);

/* The bytes of such a value. */
void world_value(unsigned char *buffer, const char *key, unsigned generation, size_t size);

/* Stores entries of many sizes until some have been evicted, and forgets the keys of those. */
void world_fill(world *w, size_t smallest, size_t largest);

/* Takes a view of a key, which must be there. */
void world_hold(world *w, const char *key);

/* Fails unless every view shows what it did. */
void world_check_views(const world *w);

/* Remembers the region as it is now; puts it back. */
void world_seal(world *w);
void world_restore(const world *w);

/* Reads every known key. */
void world_read(const world *w, world_state *state);

/* Fails unless counts add up: statistics, iteration, and what the keys say. */
void world_check_counts(const world *w, const world_state *state);

/* Fails unless the region adds up. */
void world_audit(const world *w);

/* The number of a key. */
unsigned world_find(const world *w, const char *key);

#endif
