/*
 * chunks.h - who has which chunk.
 *
 * An entry of the chunk table changes by compare-and-swap from free to owned and by a store from
 * owned to free; only the owner (holding its shard's lock) gives a chunk back. So there is no lock
 * over the table, and what a killed owner had claimed is found when its shard is rebuilt.
 */
#ifndef JAYI_CHUNKS_H
#define JAYI_CHUNKS_H

#include "engine/region.h"

#define JAYI_NO_CHUNK UINT32_MAX

/* Claims a free chunk: for a heap from the low end of the region, for tables from the high one.
 * JAYI_NO_CHUNK when there is none. */
uint32_t jayi_chunk_claim(jayi_region *region, enum jayi_chunk_kind kind, uint32_t owner);

/* False: a shard has found none, and none has been given back since. */
bool jayi_chunks_may_be_free(const jayi_region *region, const jayi_shard *shard);

/* As above for a shard, which remembers that there was none until one is given back. */
uint32_t jayi_chunk_claim_for(jayi_region *region, jayi_shard *shard, enum jayi_chunk_kind kind);

/* Claims `count` free chunks in a row; the first, or JAYI_NO_CHUNK. */
uint32_t jayi_chunk_claim_row(jayi_region *region, uint32_t count, enum jayi_chunk_kind kind,
                              uint32_t owner);

/* The same as a run. */
uint32_t jayi_chunk_claim_run(jayi_region *region, uint32_t count, uint32_t owner);

/* Gives a chunk back. */
void jayi_chunk_release(jayi_region *region, uint32_t chunk);

/* Gives a run back, from its first chunk on. */
void jayi_chunk_release_run(jayi_region *region, uint32_t first, uint32_t owner);

/* How many chunks an item of so many bytes takes. */
static inline uint32_t jayi_run_chunks(const jayi_region *region, uint64_t bytes) {
    return (uint32_t)((bytes + jayi_chunk_bytes(region) - 1) >> region->chunk_shift);
}

#endif
