/*
 * recover.c - rebuilding a shard.
 *
 * While it runs, a bitmap has a bit for each unit of the shard's own chunks that a kept item takes.
 * It lies in memory of this process, chunk after chunk in the order of the region, and so has no
 * gaps for those of others: it stays in the processor's cache, where one of the whole region would
 * not.
 */
#include "engine/recover.h"

#include <string.h>
#include <sys/mman.h>

#include "engine/chunks.h"
#include "engine/ghosts.h"
#include "engine/heap.h"
#include "engine/index.h"
#include "engine/pins.h"
#include "engine/policy.h"
#include "engine/space.h"

#define BUCKETS_AHEAD 4 /* whose items are on their way */
#define NO_ORDINAL UINT32_MAX

typedef struct rebuild {
    jayi_region *region;
    jayi_shard *shard;
    uint32_t number;
    uint64_t *taken;
    uint64_t taken_units;  /* in the bitmap */
    uint32_t *ordinals;    /* of a chunk among the shard's own that hold items; NO_ORDINAL: none */
    uint64_t memory_bytes; /* of both, from `taken` on */
} rebuild;

/* ---- the bitmap ---- */

/* The bit of a place, which lies in one of the shard's own chunks; UINT64_MAX: it does not. */
static uint64_t bit_of(const rebuild *r, jayi_place place) {
    uint32_t chunk = jayi_chunk_of(r->region, place);
    uint32_t ordinal = chunk < r->region->chunk_count ? r->ordinals[chunk] : NO_ORDINAL;
    if (ordinal == NO_ORDINAL) return UINT64_MAX;
    uint64_t chunk_units = jayi_chunk_bytes(r->region) / JAYI_UNIT;
    uint64_t start = jayi_place_of(r->region, jayi_chunk_at(r->region, chunk));
    return ordinal * chunk_units + (place - start);
}

/* Whether any of `count` bits from `first` is set, or there are not so many; sets them all if not.
 */
static bool take_bits(rebuild *r, uint64_t first, uint64_t count) {
    if (first > r->taken_units || count > r->taken_units - first) return false;
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t at = first; at < first + count;) {
            uint64_t bits = 64 - at % 64;
            if (bits > first + count - at) bits = first + count - at;
            uint64_t mask = (bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1) << (at % 64);
            if (pass == 0 && (r->taken[at / 64] & mask) != 0) return false;
            if (pass == 1) r->taken[at / 64] |= mask;
            at += bits;
        }
    }
    return true;
}

/* The first bit from `from` on, before `end`, that is `wanted`; else `end`. */
static uint64_t find_bit(const rebuild *r, uint64_t from, uint64_t end, bool wanted) {
    while (from < end) {
        uint64_t word = wanted ? r->taken[from / 64] : ~r->taken[from / 64];
        word &= ~UINT64_C(0) << (from % 64);
        if (word != 0) {
            uint64_t found = from / 64 * 64 + (uint64_t)__builtin_ctzll(word);
            return found < end ? found : end;
        }
        from = (from / 64 + 1) * 64;
    }
    return end;
}

/* Takes the memory of an item that is whole; false when another has some of it. */
static bool take_item(rebuild *r, jayi_place place) {
    const jayi_item *item = jayi_item_at(r->region, place);
    uint64_t bytes = jayi_item_bytes(item);
    if (jayi_peek(&item->state) & JAYI_FLAG_RUN)
        bytes = (uint64_t)jayi_run_chunks(r->region, bytes) << r->region->chunk_shift;
    return take_bits(r, bit_of(r, place), bytes / JAYI_UNIT);
}

/* ---- entries ---- */

/* Whether an item is sound, and each chunk between its first and last, too, is this shard's. */
static bool item_is_whole(const rebuild *r, jayi_place place) {
    if (!jayi_item_is_sound(r->region, r->shard, place)) return false;
    const jayi_item *item = jayi_item_at(r->region, place);
    bool is_run = (jayi_peek(&item->state) & JAYI_FLAG_RUN) != 0;
    uint64_t end = (uint64_t)place * JAYI_UNIT + jayi_item_bytes(item);
    uint32_t last = jayi_chunk_of(r->region, (jayi_place)((end - 1) / JAYI_UNIT));
    for (uint32_t chunk = jayi_chunk_of(r->region, place) + 1; chunk < last; chunk++) {
        if (!jayi_chunk_is_of(r->region, chunk, is_run ? JAYI_CHUNK_RUN_MORE : JAYI_CHUNK_HEAP,
                              r->number))
            return false;
    }
    return true;
}

/* Whether a slot's item is whole and belongs into this bucket. */
static bool slot_is_good(rebuild *r, uint64_t word, uint32_t bucket, uint32_t count) {
    jayi_place place = jayi_slot_place(word);
    if (!item_is_whole(r, place)) return false;
    uint64_t hash = jayi_item_hash(r->region, jayi_item_at(r->region, place));
    return jayi_tag_matches(word, hash) && jayi_shard_of(r->region, hash) == r->number &&
           (jayi_bucket_number(jayi_first_bits(hash), count) == bucket ||
            jayi_bucket_number(jayi_second_bits(hash), count) == bucket);
}

static void drop_slot(jayi_bucket *bucket, uint32_t slot) {
    jayi_ref ref = {.bucket = bucket, .slot = slot};
    jayi_index_store(&ref, 0);
}

static void count_bytes(rebuild *r, const jayi_item *item) {
    uint64_t bytes = jayi_item_bytes(item);
    jayi_bump(&r->shard->block_bytes, bytes);
    if (jayi_peek(&item->state) & JAYI_FLAG_RUN) jayi_bump(&r->shard->run_bytes, bytes);
}

static void keep_item(rebuild *r, jayi_item *item) {
    uint64_t flags = JAYI_FLAG_RUN | JAYI_STANDING_MASK | JAYI_EPOCH_MASK;
    uint64_t deadline = jayi_item_deadline(item);
    jayi_poke(&item->state, deadline << JAYI_DEADLINE_SHIFT | (jayi_peek(&item->state) & flags));
    jayi_policy_readmit(r->region, r->shard, item);
    jayi_bump(&r->shard->item_count, 1);
    count_bytes(r, item);
}

/* Has the items of a bucket to come brought in: they lie anywhere, and waiting for one after the
 * other is what would take longest. */
static void prefetch_entries(const rebuild *r, uint32_t number, uint32_t count) {
    const jayi_bucket *bucket =
        number < count ? jayi_bucket_at(r->region, r->number, number) : NULL;
    for (uint32_t i = 0; bucket != NULL && i < JAYI_BUCKET_SLOTS; i++) {
        jayi_place place = jayi_slot_place(jayi_peek(&bucket->slots[i]));
        if (!jayi_place_is_sane(r->region, place)) continue;
        __builtin_prefetch(jayi_item_at(r->region, place), 1);
        __builtin_prefetch((const unsigned char *)jayi_item_at(r->region, place) + JAYI_LINE);
    }
}

/* Goes through the index: good entries are kept, others dropped. False: the index is damaged. */
static bool keep_entries(rebuild *r) {
    uint32_t count = jayi_peek(&r->shard->bucket_count);
    for (uint32_t number = 0; number < count; number++) {
        jayi_bucket *bucket = jayi_bucket_at(r->region, r->number, number);
        if (bucket == NULL) return false;
        prefetch_entries(r, number + BUCKETS_AHEAD, count);
        for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
            uint64_t word = jayi_peek(&bucket->slots[i]);
            if (jayi_slot_is_empty(word)) continue;
            if (slot_is_good(r, word, number, count) && take_item(r, jayi_slot_place(word))) {
                keep_item(r, jayi_item_at(r->region, jayi_slot_place(word)));
            } else {
                drop_slot(bucket, i);
            }
        }
    }
    return true;
}

/* Pinned items that are no longer linked wait in limbo. */
static void keep_pinned(void *arg, jayi_place place) {
    rebuild *r = arg;
    if (!item_is_whole(r, place) || !take_item(r, place)) return;
    jayi_item *item = jayi_item_at(r->region, place);
    uint64_t kept =
        jayi_peek(&item->state) & (JAYI_FLAG_RUN | JAYI_STANDING_MASK | JAYI_EPOCH_MASK);
    jayi_poke(&item->state,
              jayi_item_deadline(item) << JAYI_DEADLINE_SHIFT | kept | JAYI_FLAG_LIMBO);
    jayi_poke(&item->newer, r->shard->limbo);
    r->shard->limbo = place;
    count_bytes(r, item);
}

/* ---- chunks ---- */

/* Whether the directory names a chunk; used entries come first, each once. */
static bool directory_is_sound(const rebuild *r) {
    uint32_t shift = r->region->chunk_shift - 6;
    uint32_t used = (jayi_peek(&r->shard->bucket_count) + (1u << shift) - 1) >> shift;
    _Atomic uint32_t *directory =
        &r->region->directories[(size_t)r->number * r->region->directory_size];
    if (used > r->region->directory_size) return false;
    for (uint32_t i = 0; i < r->region->directory_size; i++) {
        uint32_t entry = jayi_peek(&directory[i]);
        if (entry == 0 && i >= used) continue;
        if (!jayi_chunk_is_of(r->region, entry - 1, JAYI_CHUNK_INDEX, r->number)) return false;
        for (uint32_t j = 0; j < i; j++) {
            if (jayi_peek(&directory[j]) == entry) return false;
        }
    }
    return true;
}

static bool directory_names(const rebuild *r, uint32_t chunk) {
    _Atomic uint32_t *directory =
        &r->region->directories[(size_t)r->number * r->region->directory_size];
    for (uint32_t i = 0; i < r->region->directory_size; i++) {
        if (jayi_peek(&directory[i]) == chunk + 1) return true;
    }
    return false;
}

static bool ghosts_name(const rebuild *r, uint32_t chunk) {
    for (uint32_t i = 0; i < JAYI_GHOST_CHUNKS; i++) {
        if (r->shard->ghost_chunks[i] == chunk + 1) return true;
    }
    return false;
}

/* Makes free blocks of what no item takes in a row of `count` heap chunks. Items say already that
 * what is before them is not free. False: a gap is too small for a block. */
static bool rebuild_row(rebuild *r, uint32_t first_chunk, uint32_t count) {
    uint64_t row = jayi_place_of(r->region, jayi_chunk_at(r->region, first_chunk));
    uint64_t begin = bit_of(r, (jayi_place)row);
    uint64_t end = begin + count * (jayi_chunk_bytes(r->region) / JAYI_UNIT);
    for (uint64_t at = begin; begin != UINT64_MAX;) {
        at = find_bit(r, at, end, false);
        if (at == end) break;
        uint64_t gap_end = find_bit(r, at, end, true), bytes = (gap_end - at) * JAYI_UNIT;
        if (bytes < JAYI_BLOCK_MIN) return false;
        jayi_heap_put(r->region, r->shard, (jayi_place)(row + at - begin), bytes, false);
        at = gap_end;
        if (at == end) break;
        jayi_item *item = jayi_item_at(r->region, (jayi_place)(row + at - begin));
        jayi_poke(&item->state, jayi_peek(&item->state) | JAYI_FLAG_PREVIOUS_FREE);
    }
    return begin != UINT64_MAX;
}

/* The bits of a chunk of the heap: the first, or UINT64_MAX when it is not of the shard's own. */
static uint64_t bits_of_chunk(const rebuild *r, uint32_t chunk) {
    if (!jayi_heap_owns_chunk(r->region, r->shard, chunk)) return UINT64_MAX;
    return bit_of(r, jayi_place_of(r->region, jayi_chunk_at(r->region, chunk)));
}

/* Whether nothing is in a heap chunk, and giving it back would leave, before it and behind it, no
 * piece that is too small for a block. */
static bool is_spare(const rebuild *r, uint32_t chunk) {
    const uint64_t least = JAYI_BLOCK_MIN / JAYI_UNIT;
    uint64_t units = jayi_chunk_bytes(r->region) / JAYI_UNIT;
    uint64_t at = bits_of_chunk(r, chunk), before = 0, behind = 0;
    if (at == UINT64_MAX || find_bit(r, at, at + units, true) < at + units) return false;
    if (chunk > 0 && bits_of_chunk(r, chunk - 1) != UINT64_MAX) {
        while (before < least && find_bit(r, at - before - 1, at - before, true) == at - before)
            before++;
    }
    if (bits_of_chunk(r, chunk + 1) != UINT64_MAX)
        behind = find_bit(r, at + units, at + units + least, true) - (at + units);
    return (before == 0 || before >= least) && (behind == 0 || behind >= least);
}

/* Gives heap chunks back that nothing is in, and makes blocks of the rest. */
static bool rebuild_heap(rebuild *r) {
    jayi_region *region = r->region;
    for (uint32_t chunk = 0; chunk < region->chunk_count; chunk++) {
        if (is_spare(r, chunk)) jayi_chunk_release(region, chunk);
    }
    for (uint32_t chunk = 0; chunk < region->chunk_count; chunk++) {
        uint32_t first = chunk;
        while (jayi_heap_owns_chunk(region, r->shard, chunk)) chunk++;
        if (chunk == first) continue;
        r->shard->heap_chunks += chunk - first;
        if (!rebuild_row(r, first, chunk - first)) return false;
    }
    return true;
}

/* Whether no shard can have written an entry of the chunk table. */
static bool is_senseless(const jayi_region *region, uint32_t entry) {
    return entry != 0 && (entry >> 24 == JAYI_CHUNK_FREE || entry >> 24 >= JAYI_CHUNK_KINDS ||
                          jayi_chunk_owner(entry) >= region->shard_count);
}

/* Sorts out every chunk that this shard owns, or nobody. False: the heap does not add up. */
static bool rebuild_chunks(rebuild *r) {
    for (uint32_t chunk = 0; chunk < r->region->chunk_count; chunk++) {
        uint32_t entry = atomic_load(&r->region->chunk_table[chunk]);
        if (is_senseless(r->region, entry)) {
            jayi_chunk_release(r->region, chunk);
            continue;
        }
        if (jayi_chunk_owner(entry) != r->number) continue;
        uint64_t bit = bit_of(r, jayi_place_of(r->region, jayi_chunk_at(r->region, chunk)));
        bool is_taken = bit != UINT64_MAX && (r->taken[bit / 64] >> (bit % 64) & 1) != 0;
        switch (jayi_chunk_kind(entry)) {
        case JAYI_CHUNK_INDEX:
            if (!directory_names(r, chunk)) jayi_chunk_release(r->region, chunk);
            break;
        case JAYI_CHUNK_GHOSTS:
            if (!ghosts_name(r, chunk)) jayi_chunk_release(r->region, chunk);
            break;
        case JAYI_CHUNK_RUN:
        case JAYI_CHUNK_RUN_MORE:
            if (!is_taken) jayi_chunk_release(r->region, chunk);
            break;
        default: /* free, or of the heap */
            break;
        }
    }
    return rebuild_heap(r);
}

/* ---- readers ---- */

/*
 * Raises the version of every bucket, so that readers look again at whatever they have seen: who
 * died may have changed a slot, and not come to raise its version any more. Memory is reused only
 * after that. `is_dropped`: empties the slots first, for readers that still know the bucket.
 */
static void renew_buckets(rebuild *r, bool is_dropped) {
    _Atomic uint32_t *directory =
        &r->region->directories[(size_t)r->number * r->region->directory_size];
    for (uint32_t i = 0; i < r->region->directory_size; i++) {
        uint32_t chunk = jayi_peek(&directory[i]) - 1;
        if (!jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_INDEX, r->number)) continue;
        jayi_bucket *buckets = (jayi_bucket *)(void *)jayi_chunk_at(r->region, chunk);
        for (uint64_t j = 0; j < jayi_chunk_bytes(r->region) / sizeof *buckets; j++) {
            for (uint32_t slot = 0; is_dropped && slot < JAYI_BUCKET_SLOTS; slot++)
                jayi_poke(&buckets[j].slots[slot], 0);
            atomic_store_explicit(&buckets[j].version, jayi_peek(&buckets[j].version) + 1,
                                  memory_order_release);
        }
    }
    atomic_thread_fence(memory_order_seq_cst);
}

/* ---- the whole ---- */

/* Forgets everything that is made from the index. */
static void forget(rebuild *r) {
    jayi_shard *shard = r->shard;
    jayi_policy_reset(r->region, shard);
    jayi_ghosts_forget(shard);
    jayi_poke(&shard->item_count, 0);
    jayi_poke(&shard->block_bytes, 0);
    jayi_poke(&shard->run_bytes, 0);
    shard->limbo = 0;
    shard->heap_chunks = 0;
    shard->keeps_chunks = 0;
    shard->quick_count = 0;
    shard->seen_freed_epoch = 0;
    memset(shard->bin_map, 0, sizeof shard->bin_map);
    memset(shard->bins, 0, sizeof shard->bins);
    memset(shard->quick, 0, sizeof shard->quick);
    memset(r->taken, 0, r->taken_units / 8);
    jayi_poke(&shard->is_damaged, 0);
}

static void count_index_bytes(rebuild *r) {
    uint64_t bytes = 0;
    for (uint32_t chunk = 0; chunk < r->region->chunk_count; chunk++) {
        if (jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_INDEX, r->number) ||
            jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_GHOSTS, r->number))
            bytes += jayi_chunk_bytes(r->region);
    }
    jayi_poke(&r->shard->chunk_bytes, bytes);
}

/* Empties the shard: no entry, no index. Only what views hold stays. */
static void reset(rebuild *r) {
    jayi_index_set_count(r->shard, 0);
    renew_buckets(r, true);
    for (uint32_t i = 0; i < r->region->directory_size; i++)
        jayi_poke(&r->region->directories[(size_t)r->number * r->region->directory_size + i], 0);
    /* Readers that saw the index before may still look at it: memory stays mapped, and what they
     * find there they check. */
    atomic_thread_fence(memory_order_seq_cst);
    forget(r);
    jayi_pins_each(r->region, keep_pinned, r);
    if (!rebuild_chunks(r)) {
        forget(r);
        rebuild_chunks(r);
    }
    atomic_fetch_add(&r->region->header->resets, 1);
}

static bool rebuild_all(rebuild *r) {
    forget(r);
    if (!directory_is_sound(r) || !keep_entries(r)) return false;
    jayi_pins_each(r->region, keep_pinned, r);
    return rebuild_chunks(r) && !jayi_peek(&r->shard->is_damaged);
}

static bool holds_items(const rebuild *r, uint32_t chunk) {
    return jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_HEAP, r->number) ||
           jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_RUN, r->number) ||
           jayi_chunk_is_of(r->region, chunk, JAYI_CHUNK_RUN_MORE, r->number);
}

/* Gives each chunk of the shard that can hold items its place in the bitmap, and makes that.
 * False: no memory. */
static bool make_bitmap(rebuild *r) {
    uint32_t count = r->region->chunk_count, own = 0;
    uint64_t chunk_units = jayi_chunk_bytes(r->region) / JAYI_UNIT;
    for (uint32_t chunk = 0; chunk < count; chunk++) own += holds_items(r, chunk);
    /* Nobody else changes what is ours in the chunk table, unless by damage: `own` bounds it. */
    r->taken_units = own * chunk_units;
    r->memory_bytes = r->taken_units / 8 + count * sizeof(uint32_t);
    void *memory =
        mmap(NULL, r->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    r->taken = memory;
    r->ordinals = (uint32_t *)(void *)((unsigned char *)memory + r->taken_units / 8);
    uint32_t next = 0;
    for (uint32_t chunk = 0; chunk < count; chunk++)
        r->ordinals[chunk] = next < own && holds_items(r, chunk) ? next++ : NO_ORDINAL;
    return true;
}

void jayi_recover(jayi_region *region, jayi_shard *shard) {
    rebuild r = {.region = region, .shard = shard, .number = jayi_shard_number(region, shard)};
    if (!make_bitmap(&r)) {
        /* It stays damaged: the next to come tries again. */
        jayi_poke(&shard->is_damaged, 1);
        return;
    }
    atomic_fetch_add(&region->header->recoveries, 1);
    renew_buckets(&r, false);
    if (!rebuild_all(&r)) reset(&r);
    count_index_bytes(&r);
    munmap(r.taken, r.memory_bytes);
}
