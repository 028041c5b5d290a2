/*
 * engine_kit.h - what the tests of the engine share: regions to work on, entries whose bytes tell
 * whose they are, and an audit that goes through everything that a region holds.
 */
#ifndef ENGINE_KIT_H
#define ENGINE_KIT_H

#include <stdbool.h>

#include "../unit/unit.h"

#include "engine/engine.h"
#include "engine/identity.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

/* A private region of so many bytes; fails the test when there is none. */
void kit_open(jayi_region *region, uint64_t bytes, uint64_t max_items);

/* Audits the region, and closes it. */
void kit_close(jayi_region *region);

/* The key of a number: "key <number>", or longer by as many dots as `longer` says. */
jay_bytes kit_key(uint64_t number, size_t longer);

/* Stores the value of this number and size under the key of the number. */
int kit_set(jayi_region *region, uint64_t number, size_t value_size, int64_t ttl_ms);

/* Whether the entry of a number is there; fails the test unless its bytes are those of
 * `value_size`. */
bool kit_has(jayi_region *region, uint64_t number, size_t value_size);

int kit_view(jayi_region *region, uint64_t number, jay_value *ret_value);
int kit_erase(jayi_region *region, uint64_t number);

/* How many of the entries 0 to count - 1, of these sizes, are there. */
uint64_t kit_count(jayi_region *region, uint64_t count, size_t value_size);

jay_stats kit_stats(jayi_region *region);

/* What an audit found. */
typedef struct kit_audit {
    uint64_t entries;
    uint64_t limbo; /* items that only views hold */
    uint64_t free_bytes;
    uint64_t quick_blocks;
    uint32_t chunks[JAYI_CHUNK_KINDS];
} kit_audit;

/*
 * Goes through a region that nobody uses and fails the test when something does not add up: every
 * slot leads to a sound item in its right bucket, no two items overlap, heap chunks are items
 * and free blocks without gaps, boundary tags and bins agree with them, free neighbours are merged,
 * queues hold every entry once, counts are right.
 */
kit_audit kit_check(jayi_region *region);

#endif
