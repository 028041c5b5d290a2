/*
 * ghosts.h - what is remembered of entries that have been evicted.
 *
 * A mark is 20 bits of hash and 12 of time, in a table of the shard's own chunks, two places to a
 * hash. The time counts evictions in ticks; a mark older than asked for does not count, and a
 * cursor wipes old marks before the circle of time closes. The shard's lock is held.
 */
#ifndef JAYI_GHOSTS_H
#define JAYI_GHOSTS_H

#include "engine/region.h"

/* Remembers a hash. */
void jayi_ghosts_put(jayi_region *region, jayi_shard *shard, uint64_t hash, uint64_t limit);

/* Whether a hash was put within the last `limit` evictions; it is forgotten. */
bool jayi_ghosts_take(jayi_region *region, jayi_shard *shard, uint64_t hash, uint64_t limit);

/* Whether the table is too small for so many resident entries, or missing, and could be larger. */
bool jayi_ghosts_want_chunk(const jayi_region *region, const jayi_shard *shard);

/* Hands over a claimed chunk. */
void jayi_ghosts_add_chunk(jayi_region *region, jayi_shard *shard, uint32_t chunk);

/* Forgets all, and that there are chunks. */
void jayi_ghosts_forget(jayi_shard *shard);

#endif
