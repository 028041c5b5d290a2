/*
 * engine_audit.c - kit_check: reads a whole region, believing nothing.
 *
 * An array of marks has a byte for each unit of the region: what has been found to begin or lie
 * there.
 */
#include <stdlib.h>

#include "engine_kit.h"

#include "engine/chunks.h"
#include "engine/index.h"
#include "util/hash.h"

enum mark { NOTHING, WITHIN, ENTRY, LIMBO };

typedef struct audit {
    jayi_region *region;
    unsigned char *marks;
    kit_audit sums;
    /* of one shard */
    jayi_shard *shard;
    uint32_t number;
    uint64_t entries, block_bytes, listed, binned;
} audit;

#define CHECK(holds, place)                                                                 \
    do {                                                                                    \
        if (!(holds)) fail_msg("audit: %s: not so at place %u", #holds, (unsigned)(place)); \
    } while (0)

/* ---- items ---- */

static void take_item(audit *a, jayi_place place, enum mark mark) {
    const jayi_item *item = jayi_item_at(a->region, place);
    uint64_t units = jayi_item_bytes(item) / JAYI_UNIT;
    for (uint64_t i = 0; i < units; i++) {
        CHECK(a->marks[place + i] == NOTHING, place);
        a->marks[place + i] = WITHIN;
    }
    a->marks[place] = (unsigned char)mark;
    a->block_bytes += jayi_item_bytes(item);
}

static void check_run(const audit *a, jayi_place place) {
    const jayi_item *item = jayi_item_at(a->region, place);
    if ((jayi_peek(&item->state) & JAYI_FLAG_RUN) == 0) return;
    uint32_t first = jayi_chunk_of(a->region, place);
    uint32_t count = jayi_run_chunks(a->region, jayi_item_bytes(item));
    for (uint32_t i = 1; i < count; i++)
        CHECK(jayi_chunk_is_of(a->region, first + i, JAYI_CHUNK_RUN_MORE, a->number), place);
}

static void check_slot(audit *a, uint64_t word, uint32_t bucket, uint32_t count) {
    jayi_place place = jayi_slot_place(word);
    CHECK(jayi_item_is_sound(a->region, a->shard, place), place);
    const jayi_item *item = jayi_item_at(a->region, place);
    uint64_t hash = jayi_item_hash(a->region, item);
    CHECK(jayi_tag_matches(word, hash), place);
    CHECK(jayi_shard_of(a->region, hash) == a->number, place);
    CHECK(jayi_bucket_number(jayi_first_bits(hash), count) == bucket ||
              jayi_bucket_number(jayi_second_bits(hash), count) == bucket,
          place);
    CHECK((jayi_peek(&item->state) & JAYI_FLAG_LIMBO) == 0, place);
    take_item(a, place, ENTRY);
    check_run(a, place);
    a->entries++;
}

static void check_index(audit *a) {
    uint32_t count = jayi_peek(&a->shard->bucket_count);
    for (uint32_t i = 0; i < count; i++) {
        const jayi_bucket *bucket = jayi_bucket_at(a->region, a->number, i);
        CHECK(bucket != NULL, i);
        for (uint32_t slot = 0; slot < JAYI_BUCKET_SLOTS; slot++) {
            uint64_t word = jayi_peek(&bucket->slots[slot]);
            if (!jayi_slot_is_empty(word)) check_slot(a, word, i, count);
        }
    }
    CHECK(a->entries == jayi_peek(&a->shard->item_count), 0);
    a->sums.entries += a->entries;
}

static void check_limbo(audit *a) {
    for (jayi_place place = a->shard->limbo; place != 0;) {
        CHECK(jayi_item_is_sound(a->region, a->shard, place), place);
        const jayi_item *item = jayi_item_at(a->region, place);
        CHECK((jayi_peek(&item->state) & JAYI_FLAG_LIMBO) != 0, place);
        take_item(a, place, LIMBO);
        a->sums.limbo++;
        place = jayi_peek(&item->newer);
    }
}

/* ---- queues ---- */

static void check_queue(audit *a, uint32_t number) {
    const jayi_queue *queue = &a->shard->queues[number];
    uint64_t items = 0, bytes = 0;
    for (uint32_t class = 0; class < JAYI_CLASSES; class ++) {
        const jayi_list *list = &queue->classes[class];
        jayi_place older = 0;
        uint64_t in_class = 0;
        for (jayi_place place = list->oldest; place != 0;) {
            const jayi_item *item = jayi_item_at(a->region, place);
            CHECK(a->marks[place] == ENTRY, place);
            CHECK(jayi_peek(&item->older) == older, place);
            CHECK((uint32_t)jayi_item_queue(item) == number, place);
            CHECK(jayi_class_of(a->region, item) == class, place);
            CHECK(++in_class <= a->entries, place);
            bytes += jayi_item_bytes(item);
            older = place;
            place = jayi_peek(&item->newer);
        }
        CHECK(list->newest == older, older);
        CHECK((queue->occupied >> class & 1) == (in_class > 0), older);
        items += in_class;
    }
    CHECK(queue->items == items && queue->bytes == bytes, 0);
    a->listed += items;
}

/* ---- the heap ---- */

/* Whether a place is where a chunk begins: a block there need not know of a free one before it. */
static bool begins_chunk(const audit *a, jayi_place place) {
    uint64_t at = (uint64_t)place * JAYI_UNIT - a->region->chunks_at;
    return at % jayi_chunk_bytes(a->region) == 0;
}

/* A free block, or one in a quick list. */
static uint64_t check_free(audit *a, jayi_place place, bool is_quick) {
    const jayi_item *block = jayi_item_at(a->region, place);
    uint64_t bytes = jayi_peek(&block->identity);
    CHECK(bytes >= JAYI_BLOCK_MIN && bytes % JAYI_UNIT == 0, place);
    CHECK(bytes <= a->region->region_bytes - (uint64_t)place * JAYI_UNIT, place);
    for (uint64_t i = 0; i < bytes / JAYI_UNIT; i++) CHECK(a->marks[place + i] == NOTHING, place);
    a->sums.free_bytes += bytes;
    if (is_quick) {
        a->sums.quick_blocks++;
        return bytes;
    }
    uint32_t units;
    memcpy(&units, (const unsigned char *)block + bytes - sizeof units, sizeof units);
    CHECK(units == bytes / JAYI_UNIT, place);
    a->binned++;
    return bytes;
}

/* Checks the block at `place` and returns its size. */
static uint64_t check_block(audit *a, jayi_place place, bool previous_free, bool *ret_is_free) {
    const jayi_item *block = jayi_item_at(a->region, place);
    uint64_t state = jayi_peek(&block->state);
    bool knows_previous = (state & JAYI_FLAG_PREVIOUS_FREE) != 0;
    *ret_is_free = (state & JAYI_FLAG_FREE) != 0;
    CHECK(!knows_previous || previous_free, place);
    CHECK(knows_previous || !previous_free || begins_chunk(a, place), place);
    /* Two free ones would have been merged, but where chunks were joined. */
    CHECK(!*ret_is_free || !knows_previous || begins_chunk(a, place), place);
    if (*ret_is_free || (state & JAYI_FLAG_QUICK) != 0) return check_free(a, place, !*ret_is_free);
    CHECK(a->marks[place] == ENTRY || a->marks[place] == LIMBO, place);
    return jayi_item_bytes(block);
}

/* Goes through heap chunks in a row. */
static void check_heap_row(audit *a, uint32_t first, uint32_t count) {
    uint64_t at = jayi_place_of(a->region, jayi_chunk_at(a->region, first));
    uint64_t end = at + count * (jayi_chunk_bytes(a->region) / JAYI_UNIT);
    bool previous_free = false;
    while (at < end) {
        bool is_free;
        uint64_t bytes = check_block(a, (jayi_place)at, previous_free, &is_free);
        at += bytes / JAYI_UNIT;
        CHECK(at <= end, at);
        previous_free = is_free;
    }
}

static uint32_t check_heap(audit *a) {
    uint32_t chunks = 0;
    for (uint32_t chunk = 0; chunk < a->region->chunk_count; chunk++) {
        uint32_t first = chunk;
        while (jayi_chunk_is_of(a->region, chunk, JAYI_CHUNK_HEAP, a->number)) chunk++;
        if (chunk > first) check_heap_row(a, first, chunk - first);
        chunks += chunk - first;
    }
    return chunks;
}

/* Every free block is in exactly the bin of its size. */
static void check_bins(audit *a) {
    uint64_t in_bins = 0, in_quick = 0;
    for (uint32_t bin = 0; bin < JAYI_BINS; bin++) {
        bool is_marked = (a->shard->bin_map[bin / 64] >> (bin % 64) & 1) != 0;
        CHECK(is_marked == (a->shard->bins[bin] != 0), bin);
        jayi_place older = 0;
        for (jayi_place place = a->shard->bins[bin]; place != 0;) {
            const jayi_item *block = jayi_item_at(a->region, place);
            CHECK((jayi_peek(&block->state) & JAYI_FLAG_FREE) != 0, place);
            CHECK(bin >= JAYI_SMALL_BINS || jayi_peek(&block->identity) == bin * JAYI_UNIT, place);
            CHECK(jayi_peek(&block->older) == older, place);
            CHECK(++in_bins <= a->binned, place);
            older = place;
            place = jayi_peek(&block->newer);
        }
    }
    for (uint32_t units = 0; units < JAYI_SMALL_BINS; units++) {
        for (jayi_place place = a->shard->quick[units]; place != 0;) {
            const jayi_item *block = jayi_item_at(a->region, place);
            CHECK((jayi_peek(&block->state) & JAYI_FLAG_QUICK) != 0, place);
            CHECK(jayi_peek(&block->identity) == units * JAYI_UNIT, place);
            CHECK(++in_quick <= JAYI_QUICK_MAX, place);
            place = jayi_peek(&block->newer);
        }
    }
    CHECK(in_bins == a->binned, 0);
    CHECK(in_quick == a->shard->quick_count, 0);
}

static void check_chunks(audit *a) {
    uint64_t table_bytes = 0;
    for (uint32_t chunk = 0; chunk < a->region->chunk_count; chunk++) {
        uint32_t entry = jayi_peek(&a->region->chunk_table[chunk]);
        uint32_t kind = entry >> 24;
        if (entry == 0 || jayi_chunk_owner(entry) != a->number) continue;
        CHECK(kind < COUNT_OF(a->sums.chunks), chunk);
        if (kind < COUNT_OF(a->sums.chunks)) a->sums.chunks[kind]++;
        bool is_table = kind == JAYI_CHUNK_INDEX || kind == JAYI_CHUNK_GHOSTS;
        if (is_table) table_bytes += jayi_chunk_bytes(a->region);
    }
    CHECK(table_bytes == jayi_peek(&a->shard->chunk_bytes), 0);
    CHECK(check_heap(a) == a->shard->heap_chunks, 0);
}

/* ---- the whole ---- */

static void check_shard(audit *a) {
    a->entries = a->block_bytes = a->listed = a->binned = 0;
    CHECK(jayi_peek(&a->shard->lock) == 0, a->number);
    CHECK(jayi_peek(&a->shard->is_damaged) == 0, a->number);
    check_index(a);
    check_limbo(a);
    CHECK(a->block_bytes == jayi_peek(&a->shard->block_bytes), a->number);
    for (uint32_t queue = 0; queue < JAYI_QUEUES; queue++) check_queue(a, queue);
    CHECK(a->listed == a->entries, a->number);
    uint64_t quick_before = a->sums.quick_blocks;
    check_chunks(a);
    CHECK(a->sums.quick_blocks - quick_before == a->shard->quick_count, a->number);
    check_bins(a);
}

kit_audit kit_check(jayi_region *region) {
    audit a = {.region = region};
    a.marks = calloc(region->region_bytes / JAYI_UNIT + 1, 1);
    assert_non_null(a.marks);
    for (a.number = 0; a.number < region->shard_count; a.number++) {
        a.shard = &region->shards[a.number];
        check_shard(&a);
    }
    for (uint32_t i = 0; i < region->chunk_count; i++)
        a.sums.chunks[JAYI_CHUNK_FREE] += jayi_peek(&region->chunk_table[i]) == 0;
    free(a.marks);
    return a.sums;
}
