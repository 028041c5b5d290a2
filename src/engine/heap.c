/*
 * heap.c - bins, splitting and merging.
 */
#include "engine/heap.h"

#include "engine/chunks.h"
#include "util/assert.h"

#define BLOCKS_TRIED 8 /* of a bin */
#define SPARE_SHARE 8  /* of a heap, free, is kept */
#define SMALL_BYTES (JAYI_SMALL_BINS * JAYI_UNIT)

static uint64_t free_bytes(const jayi_item *block) {
    return jayi_peek(&block->identity);
}

/* Where the size of a free block stands a second time: in its last 4 bytes. */
static _Atomic uint32_t *footer_of(jayi_item *block, uint64_t bytes) {
    return (_Atomic uint32_t *)(void *)((unsigned char *)block + bytes - sizeof(uint32_t));
}

/* The bin of free blocks of this size. */
static uint32_t bin_of(uint64_t bytes) {
    if (bytes < SMALL_BYTES) return (uint32_t)(bytes / JAYI_UNIT);
    uint32_t power = 63 - (uint32_t)__builtin_clzll(bytes); /* 9 and up */
    uint32_t step = (uint32_t)(bytes >> (power - 4)) & (JAYI_BIN_STEPS - 1);
    return JAYI_SMALL_BINS + (power - 9) * JAYI_BIN_STEPS + step;
}

/* Whether a block of `bytes` (1 or more) from a place on ends in a chunk of this heap. */
static bool end_is_owned(const jayi_region *region, const jayi_shard *shard, jayi_place place,
                         uint64_t bytes) {
    uint64_t last = (uint64_t)place * JAYI_UNIT + bytes - 1;
    return last < region->region_bytes &&
           jayi_heap_owns_chunk(region, shard,
                                jayi_chunk_of(region, (jayi_place)(last / JAYI_UNIT)));
}

/* Whether a place holds a free block, of a size that is possible there. */
static bool is_free_block(const jayi_region *region, const jayi_shard *shard, jayi_place place) {
    if (!jayi_heap_owns(region, shard, place)) return false;
    const jayi_item *block = jayi_item_at(region, place);
    uint64_t bytes = free_bytes(block);
    return (jayi_peek(&block->state) & JAYI_FLAG_FREE) != 0 && bytes >= JAYI_BLOCK_MIN &&
           bytes % JAYI_UNIT == 0 && bytes <= region->region_bytes &&
           end_is_owned(region, shard, place, bytes);
}

static void bin_mark(jayi_shard *shard, uint32_t bin) {
    shard->bin_map[bin / 64] |= UINT64_C(1) << (bin % 64);
}

static void bin_unmark(jayi_shard *shard, uint32_t bin) {
    shard->bin_map[bin / 64] &= ~(UINT64_C(1) << (bin % 64));
}

/* The first bin from `bin` on that has a block; JAYI_BINS: none. */
static uint32_t bin_next(const jayi_shard *shard, uint32_t bin) {
    for (uint32_t word = bin / 64; word < (JAYI_BINS + 63) / 64; word++) {
        uint64_t bits = shard->bin_map[word];
        if (word == bin / 64) bits &= ~UINT64_C(0) << (bin % 64);
        if (bits != 0) return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return JAYI_BINS;
}

jayi_item *jayi_heap_next(const jayi_region *region, const jayi_shard *shard, jayi_place place,
                          uint64_t bytes) {
    uint64_t end = (uint64_t)place * JAYI_UNIT + bytes;
    if (end + JAYI_BLOCK_MIN > region->region_bytes) return NULL;
    jayi_place next = (jayi_place)(end / JAYI_UNIT);
    if (!jayi_heap_owns_chunk(region, shard, jayi_chunk_of(region, next))) return NULL;
    return jayi_item_at(region, next);
}

static void tell_next(const jayi_region *region, const jayi_shard *shard, jayi_place place,
                      uint64_t bytes, bool is_free) {
    jayi_item *next = jayi_heap_next(region, shard, place, bytes);
    if (next == NULL) return;
    uint64_t rest = jayi_peek(&next->state) & ~JAYI_FLAG_PREVIOUS_FREE;
    jayi_poke(&next->state, rest | (is_free ? JAYI_FLAG_PREVIOUS_FREE : 0));
}

void jayi_heap_put(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes,
                   bool previous_free) {
    jayi_item *block = jayi_item_at(region, place);
    uint32_t bin = bin_of(bytes);
    jayi_place first = shard->bins[bin];
    jayi_poke(&block->state, JAYI_FLAG_FREE | (previous_free ? JAYI_FLAG_PREVIOUS_FREE : 0));
    jayi_poke(&block->identity, bytes);
    jayi_poke(footer_of(block, bytes), (uint32_t)(bytes / JAYI_UNIT));
    jayi_poke(&block->older, 0);
    jayi_poke(&block->newer, first);
    if (first != 0) {
        if (is_free_block(region, shard, first)) {
            jayi_poke(&jayi_item_at(region, first)->older, place);
        } else {
            jayi_damage(shard);
        }
    }
    shard->bins[bin] = place;
    bin_mark(shard, bin);
}

/* Takes a free block out of its bin. False: the bin is damaged. */
static bool bin_remove(jayi_region *region, jayi_shard *shard, jayi_place place) {
    jayi_item *block = jayi_item_at(region, place);
    uint32_t bin = bin_of(free_bytes(block));
    jayi_place older = jayi_peek(&block->older), newer = jayi_peek(&block->newer);
    bool is_sound =
        (older != 0 ? is_free_block(region, shard, older) : shard->bins[bin] == place) &&
        (newer == 0 || is_free_block(region, shard, newer));
    if (!is_sound) {
        jayi_damage(shard);
        return false;
    }
    if (newer != 0) jayi_poke(&jayi_item_at(region, newer)->older, older);
    if (older != 0) {
        jayi_poke(&jayi_item_at(region, older)->newer, newer);
    } else {
        shard->bins[bin] = newer;
        if (newer == 0) bin_unmark(shard, bin);
    }
    return true;
}

/* Cuts a block that is in no bin to size; what is left over goes into its bin. */
static void trim(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t had,
                 uint64_t bytes) {
    if (had - bytes >= JAYI_BLOCK_MIN) {
        jayi_heap_put(region, shard, place + (jayi_place)(bytes / JAYI_UNIT), had - bytes, false);
        return;
    }
    tell_next(region, shard, place, had, false);
}

/* Whether a free block serves: an item does not say that its block is longer than it needs, so a
 * rest too small to be a block of its own would be lost. */
static bool serves(uint64_t had, uint64_t bytes) {
    return had == bytes || (had > bytes && had - bytes >= JAYI_BLOCK_MIN);
}

/* A block of a bin that serves, among the first few; 0: none. */
static jayi_place search_bin(const jayi_region *region, jayi_shard *shard, uint32_t bin,
                             uint64_t bytes) {
    jayi_place place = shard->bins[bin];
    for (uint32_t i = 0; place != 0 && i < BLOCKS_TRIED; i++) {
        const jayi_item *block = jayi_item_at(region, place);
        if (!is_free_block(region, shard, place) || bin_of(free_bytes(block)) != bin) {
            jayi_damage(shard);
            return 0;
        }
        if (serves(free_bytes(block), bytes)) return place;
        place = jayi_peek(&block->newer);
    }
    return 0;
}

/* A block from the bins: from that of its own size, where some are long enough, upwards. */
static jayi_place take_from_bins(jayi_region *region, jayi_shard *shard, uint64_t bytes) {
    for (uint32_t bin = bin_next(shard, bin_of(bytes)); bin < JAYI_BINS;
         bin = bin_next(shard, bin + 1)) {
        jayi_place place = search_bin(region, shard, bin, bytes);
        if (jayi_peek(&shard->is_damaged)) return 0;
        if (place == 0) continue;
        jayi_item *block = jayi_item_at(region, place);
        uint64_t had = free_bytes(block);
        if (!bin_remove(region, shard, place)) return 0;
        jayi_poke(&block->state, jayi_peek(&block->state) & JAYI_FLAG_PREVIOUS_FREE);
        trim(region, shard, place, had, bytes);
        return place;
    }
    return 0;
}

static jayi_place take_quick(jayi_region *region, jayi_shard *shard, uint64_t bytes) {
    if (bytes >= SMALL_BYTES) return 0;
    jayi_place place = shard->quick[bytes / JAYI_UNIT];
    if (place == 0) return 0;
    jayi_item *block = jayi_item_at(region, place);
    if (!jayi_heap_owns(region, shard, place) || !end_is_owned(region, shard, place, bytes) ||
        free_bytes(block) != bytes || (jayi_peek(&block->state) & JAYI_FLAG_QUICK) == 0) {
        jayi_damage(shard);
        return 0;
    }
    shard->quick[bytes / JAYI_UNIT] = jayi_peek(&block->newer);
    shard->quick_count--;
    jayi_poke(&block->state, jayi_peek(&block->state) & JAYI_FLAG_PREVIOUS_FREE);
    return place;
}

jayi_place jayi_heap_take(jayi_region *region, jayi_shard *shard, uint64_t bytes) {
    JAY_ASSERT(bytes % JAYI_UNIT == 0 && bytes >= JAYI_BLOCK_MIN);
    jayi_place place = take_quick(region, shard, bytes);
    return place != 0 ? place : take_from_bins(region, shard, bytes);
}

void jayi_heap_add_chunks(jayi_region *region, jayi_shard *shard, uint32_t first, uint32_t count) {
    shard->heap_chunks += count;
    jayi_place place = jayi_place_of(region, jayi_chunk_at(region, first));
    uint64_t bytes = (uint64_t)count << region->chunk_shift;
    /* Whether the block before is free nobody has noted: they merge when it is next freed. */
    jayi_poke(&jayi_item_at(region, place)->state, 0);
    shard->keeps_chunks++;
    jayi_heap_give(region, shard, place, bytes);
    shard->keeps_chunks--;
}

/* Grows *place and *bytes over free neighbours, which leave their bins. */
static void merge(jayi_region *region, jayi_shard *shard, jayi_place *place, uint64_t *bytes) {
    jayi_item *next = jayi_heap_next(region, shard, *place, *bytes);
    jayi_place next_place = next != NULL ? jayi_place_of(region, next) : 0;
    if (next != NULL && (jayi_peek(&next->state) & JAYI_FLAG_FREE) != 0 &&
        is_free_block(region, shard, next_place)) {
        uint64_t more = free_bytes(next);
        if (bin_remove(region, shard, next_place)) *bytes += more;
    }
    if ((jayi_peek(&jayi_item_at(region, *place)->state) & JAYI_FLAG_PREVIOUS_FREE) == 0) return;
    uint32_t units = jayi_peek((_Atomic uint32_t *)(void *)jayi_item_at(region, *place) - 1);
    jayi_place previous = *place - units;
    uint64_t more = (uint64_t)units * JAYI_UNIT;
    bool is_sound = units < *place && is_free_block(region, shard, previous) &&
                    free_bytes(jayi_item_at(region, previous)) == more &&
                    bin_remove(region, shard, previous);
    if (!is_sound) {
        jayi_damage(shard);
        return;
    }
    *place = previous;
    *bytes += more;
}

/* Gives back the whole chunks within a free block, in no bin, if what is left on both sides is
 * nothing or a block; so other shards can have them. False: it has none to spare. */
static bool release_chunks(jayi_region *region, jayi_shard *shard, jayi_place place,
                           uint64_t bytes) {
    uint64_t chunk_bytes = jayi_chunk_bytes(region);
    uint64_t start = (uint64_t)place * JAYI_UNIT - region->chunks_at;
    uint64_t first = (start + chunk_bytes - 1) >> region->chunk_shift;
    uint64_t end = (start + bytes) >> region->chunk_shift;
    if (region->shard_count == 1 || end <= first || shard->heap_chunks <= end - first) return false;
    /* A little is kept: it will soon be wanted again, and rows of chunks stay together. */
    uint64_t all = (uint64_t)shard->heap_chunks << region->chunk_shift;
    uint64_t used = jayi_peek(&shard->block_bytes) - jayi_peek(&shard->run_bytes);
    if (used + all / SPARE_SHARE > all) return false;
    uint64_t left = (first << region->chunk_shift) - start;
    uint64_t right = start + bytes - (end << region->chunk_shift);
    if ((left > 0 && left < JAYI_BLOCK_MIN) || (right > 0 && right < JAYI_BLOCK_MIN)) return false;
    bool previous_free =
        (jayi_peek(&jayi_item_at(region, place)->state) & JAYI_FLAG_PREVIOUS_FREE) != 0;
    if (left > 0) jayi_heap_put(region, shard, place, left, previous_free);
    if (right > 0) {
        jayi_place rest = jayi_place_of(region, jayi_chunk_at(region, (uint32_t)end));
        jayi_heap_put(region, shard, rest, right, false);
        tell_next(region, shard, rest, right, true);
    } else {
        tell_next(region, shard, place, bytes, false);
    }
    shard->heap_chunks -= (uint32_t)(end - first);
    for (uint64_t chunk = first; chunk < end; chunk++) jayi_chunk_release(region, (uint32_t)chunk);
    return true;
}

/* Frees a block for good: merged, and chunks that are free as a whole given back. */
static void give_merged(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes) {
    merge(region, shard, &place, &bytes);
    if (bytes >= jayi_chunk_bytes(region) && !shard->keeps_chunks &&
        release_chunks(region, shard, place, bytes))
        return;
    bool previous_free =
        (jayi_peek(&jayi_item_at(region, place)->state) & JAYI_FLAG_PREVIOUS_FREE) != 0;
    jayi_heap_put(region, shard, place, bytes, previous_free);
    tell_next(region, shard, place, bytes, true);
}

void jayi_heap_give(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes) {
    if (bytes >= SMALL_BYTES || shard->quick_count >= JAYI_QUICK_MAX) {
        give_merged(region, shard, place, bytes);
        return;
    }
    jayi_item *block = jayi_item_at(region, place);
    uint64_t flag = jayi_peek(&block->state) & JAYI_FLAG_PREVIOUS_FREE;
    jayi_poke(&block->state, flag | JAYI_FLAG_QUICK);
    jayi_poke(&block->identity, bytes);
    jayi_poke(&block->newer, shard->quick[bytes / JAYI_UNIT]);
    shard->quick[bytes / JAYI_UNIT] = place;
    shard->quick_count++;
}

bool jayi_heap_flush(jayi_region *region, jayi_shard *shard) {
    if (shard->quick_count == 0) return false;
    for (uint32_t units = 0; units < JAYI_SMALL_BINS; units++) {
        for (uint32_t i = 0; shard->quick[units] != 0 && i <= JAYI_QUICK_MAX; i++) {
            jayi_place place = take_quick(region, shard, (uint64_t)units * JAYI_UNIT);
            if (place == 0) return true;
            give_merged(region, shard, place, (uint64_t)units * JAYI_UNIT);
        }
    }
    shard->quick_count = 0;
    return true;
}

/* ---- clearing a range ---- */

uint64_t jayi_heap_absorb(jayi_region *region, jayi_shard *shard, jayi_place place) {
    if (!is_free_block(region, shard, place)) return 0;
    jayi_item *block = jayi_item_at(region, place);
    uint64_t bytes = free_bytes(block);
    uint64_t flag = jayi_peek(&block->state) & JAYI_FLAG_PREVIOUS_FREE;
    if (!bin_remove(region, shard, place)) return 0;
    jayi_poke(&block->state, flag);
    tell_next(region, shard, place, bytes, false);
    return bytes;
}

void jayi_heap_cut(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t had,
                   uint64_t bytes) {
    if (had == bytes) return;
    jayi_place rest = place + (jayi_place)(bytes / JAYI_UNIT);
    jayi_poke(&jayi_item_at(region, rest)->state, 0);
    jayi_heap_give(region, shard, rest, had - bytes);
}

jayi_place jayi_heap_roomy(const jayi_region *region, const jayi_shard *shard, uint32_t skip) {
    for (uint32_t bin = JAYI_BINS; bin > 0; bin--) {
        if ((shard->bin_map[(bin - 1) / 64] >> ((bin - 1) % 64) & 1) == 0) continue;
        jayi_place place = shard->bins[bin - 1];
        for (uint32_t i = 0; place != 0 && i < 64; i++) {
            if (!is_free_block(region, shard, place)) return 0;
            if (skip-- == 0) return place;
            place = jayi_peek(&jayi_item_at(region, place)->newer);
        }
    }
    return 0;
}
