/*
 * ghosts.c - the table of marks.
 *
 * Only the holder of the shard's lock uses it. Its chunks may have held items before, which a slow
 * reader may still be looking at (in vain: the version has been raised since), so marks are words
 * that can be read at any moment.
 */
#include "engine/ghosts.h"

#include <string.h>

#include "engine/heap.h"

#define TIMES 4096       /* ticks until the time comes round */
#define TICKS_OF_ALL 512 /* in the eviction of as many entries as there are */

static uint32_t chunk_places(const jayi_region *region) {
    return (uint32_t)(jayi_chunk_bytes(region) / sizeof(uint32_t));
}

/* The mark of a place, or NULL when the table makes no sense. */
static _Atomic uint32_t *mark_at(jayi_region *region, jayi_shard *shard, uint32_t place) {
    uint32_t at = place / chunk_places(region);
    if (at >= JAYI_GHOST_CHUNKS) return NULL;
    uint32_t chunk = shard->ghost_chunks[at] - 1;
    if (!jayi_chunk_is_of(region, chunk, JAYI_CHUNK_GHOSTS, jayi_shard_number(region, shard)))
        return NULL;
    _Atomic uint32_t *marks = (_Atomic uint32_t *)(void *)jayi_chunk_at(region, chunk);
    return &marks[place % chunk_places(region)];
}

static uint32_t now_of(const jayi_shard *shard) {
    uint64_t unit = shard->ghost_unit > 0 ? shard->ghost_unit : 1;
    return (uint32_t)(shard->ghost_clock / unit % TIMES);
}

static uint32_t age_of(const jayi_shard *shard, uint32_t mark) {
    return (now_of(shard) - mark % TIMES) % TIMES;
}

static uint64_t limit_in_ticks(const jayi_shard *shard, uint64_t limit) {
    uint64_t ticks = limit / (shard->ghost_unit > 0 ? shard->ghost_unit : 1);
    return ticks < TIMES / 2 ? ticks : TIMES / 2;
}

/* The place of a hash; its second is place ^ 1. */
static uint32_t place_of(const jayi_shard *shard, uint64_t hash) {
    return (uint32_t)(hash * UINT64_C(0xD6E8FEB86659FD93) >> 32) & (shard->ghost_places - 1);
}

static uint32_t mark_of(const jayi_shard *shard, uint64_t hash) {
    return (uint32_t)(hash >> 44) << 12 | now_of(shard);
}

/* Wipes marks that are too old, going round the table once in half a circle of time. */
static void wipe_some(jayi_region *region, jayi_shard *shard, uint64_t limit) {
    uint64_t unit = shard->ghost_unit > 0 ? shard->ghost_unit : 1;
    uint64_t count = shard->ghost_places / (TIMES / 4 * unit) + 1;
    uint64_t ticks = limit_in_ticks(shard, limit);
    for (uint64_t i = 0; i < count; i++) {
        _Atomic uint32_t *mark =
            mark_at(region, shard, shard->ghost_cursor & (shard->ghost_places - 1));
        shard->ghost_cursor++;
        if (mark == NULL) continue;
        uint32_t word = jayi_peek(mark);
        if (word != 0 && age_of(shard, word) > ticks) jayi_poke(mark, 0);
    }
}

void jayi_ghosts_put(jayi_region *region, jayi_shard *shard, uint64_t hash, uint64_t limit) {
    shard->ghost_clock++;
    if (shard->ghost_places == 0) return;
    uint32_t place = place_of(shard, hash);
    _Atomic uint32_t *first = mark_at(region, shard, place);
    _Atomic uint32_t *second = mark_at(region, shard, place ^ 1);
    if (first == NULL || second == NULL) {
        jayi_damage(shard);
        return;
    }
    uint32_t one = jayi_peek(first), other = jayi_peek(second);
    bool is_second = one != 0 && (other == 0 || age_of(shard, other) > age_of(shard, one));
    jayi_poke(is_second ? second : first, mark_of(shard, hash));
    wipe_some(region, shard, limit);
}

bool jayi_ghosts_take(jayi_region *region, jayi_shard *shard, uint64_t hash, uint64_t limit) {
    if (shard->ghost_places == 0) return false;
    uint32_t place = place_of(shard, hash);
    for (uint32_t i = 0; i < 2; i++) {
        _Atomic uint32_t *mark = mark_at(region, shard, place ^ i);
        uint32_t word = mark != NULL ? jayi_peek(mark) : 0;
        if (word == 0 || word >> 12 != (uint32_t)(hash >> 44)) continue;
        bool is_young = age_of(shard, word) <= limit_in_ticks(shard, limit);
        jayi_poke(mark, 0);
        return is_young;
    }
    return false;
}

bool jayi_ghosts_want_chunk(const jayi_region *region, const jayi_shard *shard) {
    if (shard->ghost_places == 0) return true;
    uint64_t wanted = jayi_peek(&shard->item_count) * 3 / 2;
    return shard->ghost_places < wanted &&
           shard->ghost_places * 2 <= chunk_places(region) * JAYI_GHOST_CHUNKS;
}

void jayi_ghosts_add_chunk(jayi_region *region, jayi_shard *shard, uint32_t chunk) {
    uint32_t count = 0;
    while (count < JAYI_GHOST_CHUNKS && shard->ghost_chunks[count] != 0) count++;
    if (count == JAYI_GHOST_CHUNKS) {
        jayi_damage(shard);
        return;
    }
    shard->ghost_chunks[count++] = chunk + 1;
    jayi_racy_zero(jayi_chunk_at(region, chunk), jayi_chunk_bytes(region));
    jayi_bump(&shard->chunk_bytes, jayi_chunk_bytes(region));
    /* The table doubles, and its marks are at other places then: begin with none. */
    if ((count & (count - 1)) != 0) return;
    for (uint32_t i = 0; i < count; i++) {
        _Atomic uint32_t *marks = mark_at(region, shard, i * chunk_places(region));
        if (marks != NULL) jayi_racy_zero(marks, jayi_chunk_bytes(region));
    }
    shard->ghost_places = count * chunk_places(region);
    uint64_t unit = jayi_peek(&shard->item_count) / TICKS_OF_ALL;
    shard->ghost_unit = unit > 0 ? (uint32_t)unit : 1;
}

void jayi_ghosts_forget(jayi_shard *shard) {
    shard->ghost_places = 0;
    memset(shard->ghost_chunks, 0, sizeof shard->ghost_chunks);
}
