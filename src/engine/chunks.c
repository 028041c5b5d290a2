/*
 * chunks.c - claiming and releasing chunks.
 */
#include "engine/chunks.h"

static bool claim_one(jayi_region *region, uint32_t chunk, uint32_t entry) {
    uint32_t is_free = 0;
    return jayi_peek(&region->chunk_table[chunk]) == 0 &&
           atomic_compare_exchange_strong(&region->chunk_table[chunk], &is_free, entry);
}

uint32_t jayi_chunk_claim(jayi_region *region, enum jayi_chunk_kind kind, uint32_t owner) {
    uint32_t start = jayi_peek(&region->header->chunk_hint) % region->chunk_count;
    bool is_table = kind == JAYI_CHUNK_INDEX || kind == JAYI_CHUNK_GHOSTS;
    for (uint32_t i = 0; i < region->chunk_count; i++) {
        /* Tables come last in the region, so that heaps have long rows. */
        uint32_t chunk = is_table ? region->chunk_count - 1 - i : (start + i) % region->chunk_count;
        if (!claim_one(region, chunk, jayi_chunk_entry(kind, owner))) continue;
        if (!is_table) jayi_poke(&region->header->chunk_hint, chunk + 1);
        return chunk;
    }
    return JAYI_NO_CHUNK;
}

bool jayi_chunks_may_be_free(const jayi_region *region, const jayi_shard *shard) {
    return shard->seen_freed_epoch != atomic_load(&region->header->freed_epoch) + 1;
}

uint32_t jayi_chunk_claim_for(jayi_region *region, jayi_shard *shard, enum jayi_chunk_kind kind) {
    uint32_t epoch = atomic_load(&region->header->freed_epoch) + 1;
    if (shard->seen_freed_epoch == epoch) return JAYI_NO_CHUNK;
    uint32_t chunk = jayi_chunk_claim(region, kind, jayi_shard_number(region, shard));
    shard->seen_freed_epoch = chunk == JAYI_NO_CHUNK ? epoch : 0;
    return chunk;
}

void jayi_chunk_release(jayi_region *region, uint32_t chunk) {
    atomic_store(&region->chunk_table[chunk], 0);
    atomic_fetch_add(&region->header->freed_epoch, 1);
    if (chunk < jayi_peek(&region->header->chunk_hint))
        jayi_poke(&region->header->chunk_hint, chunk);
}

/* Claims the chunks from `first` on; all or none. */
static bool claim_range(jayi_region *region, uint32_t first, uint32_t count, uint32_t entry) {
    for (uint32_t i = 0; i < count; i++) {
        if (claim_one(region, first + i, entry)) continue;
        while (i > 0) jayi_chunk_release(region, first + --i);
        return false;
    }
    return true;
}

uint32_t jayi_chunk_claim_row(jayi_region *region, uint32_t count, enum jayi_chunk_kind kind,
                              uint32_t owner) {
    uint32_t in_a_row = 0;
    for (uint32_t chunk = 0; chunk < region->chunk_count; chunk++) {
        in_a_row = jayi_peek(&region->chunk_table[chunk]) == 0 ? in_a_row + 1 : 0;
        if (in_a_row < count) continue;
        uint32_t first = chunk + 1 - count;
        if (claim_range(region, first, count, jayi_chunk_entry(kind, owner))) return first;
        in_a_row = 0;
    }
    return JAYI_NO_CHUNK;
}

uint32_t jayi_chunk_claim_run(jayi_region *region, uint32_t count, uint32_t owner) {
    uint32_t first = jayi_chunk_claim_row(region, count, JAYI_CHUNK_RUN_MORE, owner);
    if (first != JAYI_NO_CHUNK)
        atomic_store(&region->chunk_table[first], jayi_chunk_entry(JAYI_CHUNK_RUN, owner));
    return first;
}

void jayi_chunk_release_run(jayi_region *region, uint32_t first, uint32_t owner) {
    uint32_t more = jayi_chunk_entry(JAYI_CHUNK_RUN_MORE, owner);
    uint32_t end = first + 1;
    while (end < region->chunk_count && jayi_peek(&region->chunk_table[end]) == more) end++;
    /* From the end: whoever is killed here leaves a shorter run, whole as far as it goes. */
    while (end > first) jayi_chunk_release(region, --end);
}
