/*
 * region_audit.c - the invariants of a region, checked one by one.
 *
 * A map has a byte for each unit (8 bytes) of the region that says what it is part of. The index,
 * limbo, bins and quick lists are entered in it, and nothing may be entered twice; then every unit
 * of every heap chunk must have been entered.
 */
#include "region_audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/chunks.h"
#include "engine/index.h"

enum { NOTHING, LINKED, LIMBO, FREE, QUICK };

typedef struct audit {
    jayi_region region; /* of our own: the engine's functions want one that is not const */
    jayi_shard *shard;
    uint32_t number;
    unsigned char *map;
    uint64_t items;
    uint64_t block_bytes;
    uint64_t run_bytes;
} audit;

static char message[256];

__attribute__((format(printf, 2, 3))) static bool wrong(const audit *a, const char *format, ...) {
    va_list arguments;
    int used = snprintf(message, sizeof message, "shard %u: ", a->number);
    va_start(arguments, format);
    vsnprintf(message + used, sizeof message - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static bool enter(audit *a, jayi_place place, uint64_t bytes, unsigned char kind) {
    if ((uint64_t)place * JAYI_UNIT + bytes > a->region.region_bytes)
        return wrong(a, "a block at %u of %llu bytes leaves the region", place,
                     (unsigned long long)bytes);
    for (uint64_t i = 0; i < bytes / JAYI_UNIT; i++) {
        if (a->map[place + i] != NOTHING)
            return wrong(a, "unit %llu is of kind %d and of kind %d",
                         (unsigned long long)(place + i), a->map[place + i], kind);
        a->map[place + i] = kind;
    }
    return true;
}

static bool enter_item(audit *a, jayi_place place, unsigned char kind) {
    if (!jayi_item_is_sound(&a->region, a->shard, place))
        return wrong(a, "the item at %u (kind %d) is not sound", place, kind);
    const jayi_item *item = jayi_item_at(&a->region, place);
    uint64_t bytes = jayi_item_bytes(item);
    a->block_bytes += bytes;
    if (jayi_peek(&item->state) & JAYI_FLAG_RUN) {
        a->run_bytes += bytes;
        bytes = (uint64_t)jayi_run_chunks(&a->region, bytes) << a->region.chunk_shift;
    }
    return enter(a, place, bytes, kind);
}

/* ---- index ---- */

static bool check_slot(audit *a, uint32_t bucket, uint64_t word, uint32_t count) {
    jayi_place place = jayi_slot_place(word);
    if (!enter_item(a, place, LINKED)) return false;
    const jayi_item *item = jayi_item_at(&a->region, place);
    uint64_t hash = jayi_item_hash(&a->region, item);
    jayi_ref ref;
    if (!jayi_tag_matches(word, hash)) return wrong(a, "a slot's tag is not its item's");
    if (jayi_shard_of(&a->region, hash) != a->number) return wrong(a, "an item of another shard");
    if (jayi_bucket_number(jayi_first_bits(hash), count) != bucket &&
        jayi_bucket_number(jayi_second_bits(hash), count) != bucket)
        return wrong(a, "an item in the wrong bucket");
    if (!jayi_index_find(&a->region, a->shard, hash, jayi_item_key(item), jayi_item_key_size(item),
                         &ref) ||
        ref.item != item)
        return wrong(a, "a key is there twice");
    if (jayi_peek(&item->state) & JAYI_FLAG_LIMBO) return wrong(a, "a linked item is in limbo");
    a->items++;
    return true;
}

static bool check_index(audit *a) {
    uint32_t count = jayi_peek(&a->shard->bucket_count);
    for (uint32_t number = 0; number < count; number++) {
        const jayi_bucket *bucket = jayi_bucket_at(&a->region, a->number, number);
        if (bucket == NULL) return wrong(a, "bucket %u is nowhere", number);
        for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
            uint64_t word = jayi_peek(&bucket->slots[i]);
            if (!jayi_slot_is_empty(word) && !check_slot(a, number, word, count)) return false;
        }
    }
    if (a->items != jayi_peek(&a->shard->item_count))
        return wrong(a, "item_count is %llu, of %llu",
                     (unsigned long long)jayi_peek(&a->shard->item_count),
                     (unsigned long long)a->items);
    return true;
}

/* ---- lists ---- */

/* One list, of a queue and a class of weights. */
static bool check_list(audit *a, int queue, uint32_t class, uint64_t *items, uint64_t *bytes) {
    const jayi_list *list = &a->shard->queues[queue].classes[class];
    jayi_place older = 0;
    uint64_t count = 0;
    for (jayi_place at = list->oldest; at != 0; count++) {
        if (!jayi_place_is_sane(&a->region, at) || a->map[at] != LINKED)
            return wrong(a, "list %d/%u holds %u, which is not linked", queue, class, at);
        if (count > a->items) return wrong(a, "list %d/%u is a circle", queue, class);
        const jayi_item *item = jayi_item_at(&a->region, at);
        if (jayi_item_queue(item) != queue || jayi_class_of(&a->region, item) != class)
            return wrong(a, "list %d/%u holds an item of another", queue, class);
        if (jayi_peek(&item->older) != older) return wrong(a, "list %d/%u is torn", queue, class);
        *bytes += jayi_item_bytes(item);
        older = at;
        at = jayi_peek(&item->newer);
    }
    if (list->newest != older) return wrong(a, "list %d/%u has a wrong end", queue, class);
    if ((a->shard->queues[queue].occupied >> class & 1) != (count > 0))
        return wrong(a, "list %d/%u is marked wrongly", queue, class);
    *items += count;
    return true;
}

static bool check_queues(audit *a) {
    uint64_t all = 0;
    for (int queue = 0; queue < JAYI_QUEUES; queue++) {
        uint64_t items = 0, bytes = 0;
        for (uint32_t class = 0; class < JAYI_CLASSES; class ++) {
            if (!check_list(a, queue, class, &items, &bytes)) return false;
        }
        const jayi_queue *q = &a->shard->queues[queue];
        if (q->items != items || q->bytes != bytes)
            return wrong(a, "queue %d counts %llu items, %llu bytes, of %llu, %llu", queue,
                         (unsigned long long)q->items, (unsigned long long)q->bytes,
                         (unsigned long long)items, (unsigned long long)bytes);
        all += items;
    }
    return all == a->items || wrong(a, "%llu of %llu items are in queues", (unsigned long long)all,
                                    (unsigned long long)a->items);
}

static bool check_limbo(audit *a) {
    jayi_place at = a->shard->limbo;
    while (at != 0) {
        if (!enter_item(a, at, LIMBO)) return false;
        if ((jayi_peek(&jayi_item_at(&a->region, at)->state) & JAYI_FLAG_LIMBO) == 0)
            return wrong(a, "what is in limbo does not say so");
        at = jayi_peek(&jayi_item_at(&a->region, at)->newer);
    }
    if (a->run_bytes != jayi_peek(&a->shard->run_bytes)) return wrong(a, "run_bytes is wrong");
    return a->block_bytes == jayi_peek(&a->shard->block_bytes) ||
           wrong(a, "block_bytes is %llu, of %llu",
                 (unsigned long long)jayi_peek(&a->shard->block_bytes),
                 (unsigned long long)a->block_bytes);
}

/* ---- free blocks ---- */

static bool check_bin(audit *a, uint32_t bin) {
    bool is_marked = a->shard->bin_map[bin / 64] >> (bin % 64) & 1;
    jayi_place older = 0;
    if (is_marked != (a->shard->bins[bin] != 0)) return wrong(a, "bin %u is not marked", bin);
    for (jayi_place at = a->shard->bins[bin]; at != 0;) {
        if (!jayi_place_is_sane(&a->region, at)) return wrong(a, "bin %u holds %u", bin, at);
        const jayi_item *block = jayi_item_at(&a->region, at);
        uint64_t bytes = jayi_peek(&block->identity);
        if ((jayi_peek(&block->state) & JAYI_FLAG_FREE) == 0 || bytes < JAYI_BLOCK_MIN)
            return wrong(a, "bin %u holds %u, which is not free", bin, at);
        if (jayi_peek(&block->older) != older) return wrong(a, "bin %u is torn", bin);
        if (!enter(a, at, bytes, FREE)) return false;
        uint32_t footer =
            jayi_peek((const _Atomic uint32_t *)(const void *)((const unsigned char *)block +
                                                               bytes - sizeof footer));
        if (footer != bytes / JAYI_UNIT) return wrong(a, "the footer of %u is wrong", at);
        older = at;
        at = jayi_peek(&block->newer);
    }
    return true;
}

static bool check_free(audit *a) {
    uint32_t quick = 0;
    for (uint32_t bin = 0; bin < JAYI_BINS; bin++) {
        if (!check_bin(a, bin)) return false;
    }
    for (uint32_t units = 0; units < JAYI_SMALL_BINS; units++) {
        for (jayi_place at = a->shard->quick[units]; at != 0; quick++) {
            if (!jayi_place_is_sane(&a->region, at) ||
                (jayi_peek(&jayi_item_at(&a->region, at)->state) & JAYI_FLAG_QUICK) == 0)
                return wrong(a, "quick list %u holds %u", units, at);
            if (!enter(a, at, (uint64_t)units * JAYI_UNIT, QUICK)) return false;
            at = jayi_peek(&jayi_item_at(&a->region, at)->newer);
        }
    }
    return quick == a->shard->quick_count ||
           wrong(a, "quick_count is %u, of %u", a->shard->quick_count, quick);
}

/* ---- chunks ---- */

static uint64_t block_size(const audit *a, jayi_place at) {
    const jayi_item *block = jayi_item_at(&a->region, at);
    return a->map[at] == FREE || a->map[at] == QUICK ? jayi_peek(&block->identity)
                                                     : jayi_item_bytes(block);
}

static bool is_of_heap(const audit *a, uint32_t chunk) {
    return jayi_chunk_is_of(&a->region, chunk, JAYI_CHUNK_HEAP, a->number);
}

/* Blocks fill heap chunks that lie in a row without a gap. That the block before is free need not
 * be noted where a row was made longer; but what is noted must be true. */
static bool check_heap_row(audit *a, uint32_t first, uint32_t end_chunk) {
    uint64_t at = jayi_place_of(&a->region, jayi_chunk_at(&a->region, first));
    uint64_t end = at + ((uint64_t)(end_chunk - first) << a->region.chunk_shift) / JAYI_UNIT;
    bool previous_free = false;
    while (at < end) {
        if (a->map[at] == NOTHING)
            return wrong(a, "unit %llu of heap chunks %u to %u is lost", (unsigned long long)at,
                         first, end_chunk - 1);
        uint64_t state = jayi_peek(&jayi_item_at(&a->region, (jayi_place)at)->state);
        if ((state & JAYI_FLAG_PREVIOUS_FREE) != 0 && !previous_free)
            return wrong(a, "the block at %llu is wrong about the one before",
                         (unsigned long long)at);
        previous_free = a->map[at] == FREE;
        at += block_size(a, (jayi_place)at) / JAYI_UNIT;
    }
    return at == end || wrong(a, "a block leaves chunk %u", end_chunk - 1);
}

static bool is_in_directory(const audit *a, uint32_t chunk) {
    for (uint32_t i = 0; i < a->region.directory_size; i++) {
        if (jayi_peek(&a->region.directories[(size_t)a->number * a->region.directory_size + i]) ==
            chunk + 1)
            return true;
    }
    return false;
}

static bool is_for_ghosts(const audit *a, uint32_t chunk) {
    for (uint32_t i = 0; i < JAYI_GHOST_CHUNKS; i++) {
        if (a->shard->ghost_chunks[i] == chunk + 1) return true;
    }
    return false;
}

static bool check_chunk(audit *a, uint32_t chunk, enum jayi_chunk_kind kind) {
    unsigned char first = a->map[jayi_place_of(&a->region, jayi_chunk_at(&a->region, chunk))];
    switch (kind) {
    case JAYI_CHUNK_HEAP: /* by rows: check_heap */
        return true;
    case JAYI_CHUNK_RUN:
    case JAYI_CHUNK_RUN_MORE:
        return first == LINKED || first == LIMBO || wrong(a, "run chunk %u is lost", chunk);
    case JAYI_CHUNK_INDEX:
        return is_in_directory(a, chunk) || wrong(a, "index chunk %u is lost", chunk);
    case JAYI_CHUNK_GHOSTS:
        return is_for_ghosts(a, chunk) || wrong(a, "ghost chunk %u is lost", chunk);
    default:
        return wrong(a, "chunk %u is of kind %d", chunk, (int)kind);
    }
}

static bool check_heap(audit *a) {
    uint32_t heap_chunks = 0;
    for (uint32_t chunk = 0; chunk < a->region.chunk_count; chunk++) {
        uint32_t first = chunk;
        while (is_of_heap(a, chunk)) chunk++;
        if (chunk > first && !check_heap_row(a, first, chunk)) return false;
        heap_chunks += chunk - first;
    }
    return heap_chunks == a->shard->heap_chunks ||
           wrong(a, "heap_chunks is %u, of %u", a->shard->heap_chunks, heap_chunks);
}

static bool check_chunks(audit *a) {
    uint64_t table_bytes = 0;
    for (uint32_t chunk = 0; chunk < a->region.chunk_count; chunk++) {
        uint32_t entry = jayi_peek(&a->region.chunk_table[chunk]);
        enum jayi_chunk_kind kind = jayi_chunk_kind(entry);
        if (kind == JAYI_CHUNK_FREE || jayi_chunk_owner(entry) != a->number) continue;
        if (!check_chunk(a, chunk, kind)) return false;
        if (kind == JAYI_CHUNK_INDEX || kind == JAYI_CHUNK_GHOSTS)
            table_bytes += jayi_chunk_bytes(&a->region);
    }
    return table_bytes == jayi_peek(&a->shard->chunk_bytes) ||
           wrong(a, "chunk_bytes is %llu, of %llu",
                 (unsigned long long)jayi_peek(&a->shard->chunk_bytes),
                 (unsigned long long)table_bytes);
}

static bool check_shard(audit *a) {
    if (jayi_peek(&a->shard->lock) != 0)
        return wrong(a, "the lock is held: %#x", jayi_peek(&a->shard->lock));
    if (jayi_peek(&a->shard->is_damaged)) return wrong(a, "the shard is marked damaged");
    return check_index(a) && check_queues(a) && check_limbo(a) && check_free(a) &&
           check_chunks(a) && check_heap(a) &&
           (!jayi_peek(&a->shard->is_damaged) || wrong(a, "damage was found"));
}

const char *region_audit(const jayi_region *region) {
    audit a = {.region = *region};
    a.map = calloc(region->region_bytes / JAYI_UNIT + 1, 1);
    if (a.map == NULL) return "no memory for an audit";
    bool is_well = true;
    for (uint32_t number = 0; is_well && number < region->shard_count; number++) {
        a.number = number;
        a.shard = &a.region.shards[number];
        a.items = a.block_bytes = a.run_bytes = 0;
        is_well = check_shard(&a);
    }
    free(a.map);
    return is_well ? NULL : message;
}
