/*
 * heap.h - the blocks of a shard's heap chunks. Blocks fill them without gaps, from chunk to chunk
 * where these lie in a row.
 *
 * Free blocks are kept in bins by size, with bitmaps over them, and merged with free neighbours (a
 * two-level segregated fit: Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator
 * for real-time systems", ECRTS 2004). A used block has no header of its own: its size follows from
 * the item in it. A freed block of a small size first rests in a quick list, unmerged, since the
 * next entry is often of the size of one just overwritten.
 *
 * All functions: the shard's lock is held. Whatever is read is checked; where it makes no sense the
 * shard is marked damaged and rebuilt before its lock is released.
 */
#ifndef JAYI_HEAP_H
#define JAYI_HEAP_H

#include "engine/region.h"

/* A block of `bytes` (of jayi_block_bytes) from what is free, or 0. */
jayi_place jayi_heap_take(jayi_region *region, jayi_shard *shard, uint64_t bytes);

/* Makes claimed heap chunks in a row one free block. */
void jayi_heap_add_chunks(jayi_region *region, jayi_shard *shard, uint32_t first, uint32_t count);

/* Frees a block. Chunks that become free as a whole are given back where there are other shards. */
void jayi_heap_give(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes);

/* Merges what rests in the quick lists. Returns whether there was anything. */
bool jayi_heap_flush(jayi_region *region, jayi_shard *shard);

/* Puts a free block of `bytes` at `place` into its bin, unmerged: for rebuilding. */
void jayi_heap_put(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes,
                   bool previous_free);

/* The block behind one of `bytes`, or NULL where the heap ends or has a gap. */
jayi_item *jayi_heap_next(const jayi_region *region, const jayi_shard *shard, jayi_place place,
                          uint64_t bytes);

/* Takes a free block out of the bins, as it is; its size, or 0 if it is none. */
uint64_t jayi_heap_absorb(jayi_region *region, jayi_shard *shard, jayi_place place);

/* Keeps `bytes` of a range of `had` that is in no bin, and frees the rest, which must be nothing or
 * enough for a block. */
void jayi_heap_cut(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t had,
                   uint64_t bytes);

/* The free blocks from the largest down, about: the one after `skip` others; 0: there is none. */
jayi_place jayi_heap_roomy(const jayi_region *region, const jayi_shard *shard, uint32_t skip);

static inline bool jayi_heap_owns_chunk(const jayi_region *region, const jayi_shard *shard,
                                        uint32_t chunk) {
    return jayi_chunk_is_of(region, chunk, JAYI_CHUNK_HEAP, jayi_shard_number(region, shard));
}

/* Whether a place could be a block of this shard's heap. */
static inline bool jayi_heap_owns(const jayi_region *region, const jayi_shard *shard,
                                  jayi_place place) {
    return jayi_place_is_sane(region, place) &&
           jayi_heap_owns_chunk(region, shard, jayi_chunk_of(region, place));
}

static inline void jayi_damage(jayi_shard *shard) {
    jayi_poke(&shard->is_damaged, 1);
}

#endif
