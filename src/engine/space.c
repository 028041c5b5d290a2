/*
 * space.c - allocation with eviction.
 */
#include "engine/space.h"

#include "engine/chunks.h"
#include "engine/ghosts.h"
#include "engine/heap.h"
#include "engine/lock.h"
#include "engine/pins.h"
#include "engine/policy.h"
#include "engine/recover.h"

#define EVICTIONS_MAX (1u << 20) /* for one entry: more than any can need */
#define FREE_RESERVE 16 /* so much of the heap may be free but scattered, before it is cleared */
#define PLACES_COMPARED 12
#define CLEARINGS_MAX 16 /* that failed, over views that hold items */
#define ROW_ENTRIES 64
#define ROW_BYTES_MAX (2u << 20)
#define RUN_FROM (128u << 10) /* shorter items share chunks, which lie in a row if need be */
#define COST_OF_HOT 8         /* times the bytes, for an entry that has hits */
#define MOVE_COST 256         /* bytes that could be copied while an item is relinked */
#define WINDOWS_TRIED 64
#define CHUNKS_FOR_GHOSTS 8 /* a smaller shard has better use for a chunk */
#define REAP_EVERY_MS 100
#define LIMBO_MAX (1u << 24) /* more than can be pinned: the list runs in a circle */

/* ---- freeing ---- */

void jayi_space_give(jayi_region *region, jayi_shard *shard, jayi_place place) {
    jayi_item *item = jayi_item_at(region, place);
    /* It was when it was found; but where blocks overlap, writing another may have changed it. */
    if (!jayi_item_is_sound(region, shard, place)) {
        jayi_damage(shard);
        return;
    }
    uint64_t bytes = jayi_item_bytes(item);
    jayi_bump(&shard->block_bytes, 0 - bytes);
    if (jayi_peek(&item->state) & JAYI_FLAG_RUN) {
        jayi_bump(&shard->run_bytes, 0 - bytes);
        jayi_chunk_release_run(region, jayi_chunk_of(region, place),
                               jayi_shard_number(region, shard));
        return;
    }
    jayi_heap_give(region, shard, place, bytes);
}

void jayi_space_retire(jayi_region *region, jayi_shard *shard, jayi_item *item) {
    jayi_place place = jayi_place_of(region, item);
    shard->unlinks++;
    if (!jayi_is_pinned(region, place)) {
        jayi_space_give(region, shard, place);
        return;
    }
    jayi_poke(&item->state, jayi_peek(&item->state) | JAYI_FLAG_LIMBO);
    jayi_poke(&item->newer, shard->limbo);
    shard->limbo = place;
}

/* Frees what was in limbo and is no longer pinned. */
static bool drain_limbo(jayi_region *region, jayi_shard *shard) {
    jayi_place place = shard->limbo;
    bool has_freed = false;
    shard->limbo = 0;
    for (uint32_t i = 0; place != 0; i++) {
        if (i == LIMBO_MAX || !jayi_item_is_sound(region, shard, place) ||
            (jayi_peek(&jayi_item_at(region, place)->state) & JAYI_FLAG_LIMBO) == 0) {
            jayi_damage(shard);
            break;
        }
        jayi_item *item = jayi_item_at(region, place);
        jayi_place next = jayi_peek(&item->newer);
        if (jayi_is_pinned(region, place)) {
            jayi_poke(&item->newer, shard->limbo);
            shard->limbo = place;
        } else {
            jayi_space_give(region, shard, place);
            has_freed = true;
        }
        place = next;
    }
    return has_freed;
}

/* The same; where all of it is pinned, views of processes that have died are dropped, now and then.
 */
static bool drain_or_reap(jayi_region *region, jayi_shard *shard, uint32_t token, int64_t now_ms) {
    if (drain_limbo(region, shard)) return true;
    if (now_ms - jayi_peek(&region->reaped_ms) < REAP_EVERY_MS) return false;
    jayi_poke(&region->reaped_ms, now_ms);
    return jayi_rows_reap(region, token) && drain_limbo(region, shard);
}

void jayi_space_unlink(jayi_region *region, jayi_shard *shard, jayi_ref *ref) {
    jayi_index_store(ref, 0);
    jayi_policy_remove(region, shard, ref->item);
    jayi_bump(&shard->item_count, UINT64_MAX);
    jayi_space_retire(region, shard, ref->item);
}

/* ---- eviction ---- */

/* Unlinks an entry and counts it as evicted or, if its time was over, as expired. */
static void evict_ref(jayi_region *region, jayi_shard *shard, jayi_ref *ref, int64_t now_ms) {
    if (jayi_is_expired(jayi_item_deadline(ref->item), now_ms)) {
        jayi_bump(&shard->expiries, 1);
    } else {
        jayi_bump(&shard->evictions, 1);
        jayi_policy_evicting(region, shard, ref);
    }
    jayi_space_unlink(region, shard, ref);
}

/* What is free in a shard's heap, in all. */
static uint64_t free_bytes_of(const jayi_region *region, const jayi_shard *shard) {
    uint64_t all = (uint64_t)shard->heap_chunks << region->chunk_shift;
    uint64_t used = jayi_peek(&shard->block_bytes) - jayi_peek(&shard->run_bytes);
    return used < all ? all - used : 0;
}

/*
 * Evicts in the order of the policy until the heap has so much free, somewhere. False: it stays
 * short of that, since there is nothing left or a run went, whose chunks were no part of it.
 */
static bool evict_for(jayi_region *region, jayi_shard *shard, uint64_t bytes, int64_t now_ms) {
    jayi_ref ref;
    for (uint64_t free = free_bytes_of(region, shard); free < bytes;) {
        if (!jayi_policy_victim(region, shard, now_ms, &ref)) return false;
        evict_ref(region, shard, &ref, now_ms);
        uint64_t before = free;
        free = free_bytes_of(region, shard);
        if (free <= before) return false;
    }
    return true;
}

/* ---- clearing a range of the heap ---- */

/* Copies an item to another place of the heap, where it is the entry from then on. */
static bool move_item(jayi_region *region, jayi_shard *shard, jayi_ref *ref) {
    uint64_t bytes = jayi_item_bytes(ref->item);
    jayi_place place = jayi_heap_take(region, shard, bytes);
    if (place == 0) return false;
    jayi_item *copy = jayi_item_at(region, place);
    uint64_t flag = jayi_peek(&copy->state) & JAYI_FLAG_PREVIOUS_FREE;
    uint64_t state = jayi_peek(&ref->item->state) & ~JAYI_FLAG_PREVIOUS_FREE;
    jayi_poke(&copy->state, state | flag);
    jayi_poke(&copy->identity, jayi_peek(&ref->item->identity));
    jayi_racy_write(copy->more, ref->item->more, bytes - JAYI_ITEM_HEADER);
    jayi_bump(&shard->block_bytes, bytes);
    jayi_policy_replace(region, shard, ref->item, copy);
    /* The word may have gained a hit since; losing that is of no account. */
    jayi_index_store(ref, (ref->word & ~UINT64_C(0xffffffff)) | place);
    jayi_space_retire(region, shard, ref->item);
    return true;
}

/* Moves or evicts the item at a place. False: it is held, or no item. */
static bool dislodge(jayi_region *region, jayi_shard *shard, jayi_place place, int64_t now_ms) {
    jayi_ref ref;
    const jayi_item *item = jayi_item_at(region, place);
    if (!jayi_item_is_sound(region, shard, place)) {
        jayi_damage(shard);
        return false;
    }
    if ((jayi_peek(&item->state) & JAYI_FLAG_LIMBO) || jayi_is_pinned(region, place)) return false;
    if (!jayi_index_find_item(region, shard, place, &ref)) {
        jayi_damage(shard);
        return false;
    }
    if (jayi_is_expired(jayi_item_deadline(item), now_ms) || !move_item(region, shard, &ref))
        evict_ref(region, shard, &ref, now_ms);
    return true;
}

/* Whether more has to be cleared than what is had: it is too little, or the rest of it is. */
static bool wants_more(uint64_t had, uint64_t bytes) {
    return had < bytes || (had > bytes && had - bytes < JAYI_BLOCK_MIN);
}

/*
 * Empties the heap from `place`, where a block begins behind one that is not free, until `bytes`
 * are had, or enough for a block more, which are then in no bin. Returns how much was had; 0: it
 * cannot be, and all is given back.
 */
static uint64_t clear_from(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes,
                           int64_t now_ms) {
    uint64_t had = 0;
    shard->keeps_chunks++;
    for (uint64_t step = 0; wants_more(had, bytes) && step < bytes / JAYI_BLOCK_MIN * 4 + 64;
         step++) {
        jayi_place at = place + (jayi_place)(had / JAYI_UNIT);
        if (!jayi_heap_owns(region, shard, at) || jayi_peek(&shard->is_damaged)) break;
        uint64_t state = jayi_peek(&jayi_item_at(region, at)->state);
        if (state & JAYI_FLAG_FREE) {
            uint64_t more = jayi_heap_absorb(region, shard, at);
            if (more == 0) break;
            had += more;
        } else if (state & JAYI_FLAG_QUICK) {
            jayi_heap_flush(region, shard);
        } else {
            if (!dislodge(region, shard, at, now_ms)) break;
            jayi_heap_flush(region, shard);
        }
    }
    bool is_enough = !wants_more(had, bytes);
    if (!is_enough && had > 0) jayi_heap_give(region, shard, place, had);
    shard->keeps_chunks--;
    return is_enough ? had : 0;
}

/* What it would cost to lose or move the item at a place, in bytes that others could use. */
static uint64_t cost_of_item(jayi_region *region, jayi_shard *shard, jayi_place place,
                             uint64_t bytes, uint64_t roomiest) {
    jayi_ref ref;
    if (bytes <= roomiest / 2) return bytes / 4 + MOVE_COST;
    if (!jayi_item_is_sound(region, shard, place) ||
        !jayi_index_find_item(region, shard, place, &ref))
        return bytes * COST_OF_HOT;
    /* It would be evicted: out of turn, but for those that are about to go. */
    bool is_cold = jayi_slot_frequency(ref.word) == 0;
    bool is_new = jayi_item_queue(ref.item) == JAYI_PROBATION;
    return bytes * (is_cold ? is_new ? 1 : 2 : COST_OF_HOT) + MOVE_COST;
}

/* What it would cost to clear `bytes` from a place on; UINT64_MAX: impossible, or `enough` at
 * least. */
static uint64_t cost_of(jayi_region *region, jayi_shard *shard, jayi_place place, uint64_t bytes,
                        uint64_t roomiest, uint64_t enough) {
    uint64_t cost = 0;
    for (uint64_t at = 0; at < bytes && cost < enough;) {
        jayi_place block_place = place + (jayi_place)(at / JAYI_UNIT);
        if (!jayi_heap_owns(region, shard, block_place)) return UINT64_MAX;
        const jayi_item *block = jayi_item_at(region, block_place);
        uint64_t state = jayi_peek(&block->state);
        bool is_free = (state & (JAYI_FLAG_FREE | JAYI_FLAG_QUICK)) != 0;
        uint64_t size = is_free ? jayi_peek(&block->identity) : jayi_item_bytes(block);
        if (size < JAYI_BLOCK_MIN || (state & JAYI_FLAG_LIMBO)) return UINT64_MAX;
        if (!is_free) cost += cost_of_item(region, shard, block_place, size, roomiest);
        at += size;
    }
    return cost < enough ? cost : UINT64_MAX;
}

/* A block made by clearing the cheapest place among some that have much room already. */
static jayi_place take_by_clearing(jayi_region *region, jayi_shard *shard, uint64_t bytes,
                                   int64_t now_ms) {
    jayi_place best = 0, roomy = jayi_heap_roomy(region, shard, 0);
    uint64_t roomiest = roomy != 0 ? jayi_peek(&jayi_item_at(region, roomy)->identity) : 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < PLACES_COMPARED; i++) {
        jayi_place place = jayi_heap_roomy(region, shard, i);
        if (place == 0) break;
        uint64_t cost = cost_of(region, shard, place, bytes, roomiest, least);
        if (cost >= least) continue;
        least = cost;
        best = place;
    }
    if (best == 0) return 0;
    uint64_t had = clear_from(region, shard, best, bytes, now_ms);
    if (had == 0) return 0;
    jayi_heap_cut(region, shard, best, had, bytes);
    return best;
}

/* Where to begin clearing so that a chunk becomes free: the start of a block at or before the
 * chunk's, behind one that is not free, and not so near that the rest would be no block. */
static jayi_place start_before(jayi_region *region, jayi_shard *shard, uint32_t chunk) {
    uint32_t first = chunk;
    while (first > 0 && jayi_heap_owns_chunk(region, shard, first - 1)) first--;
    jayi_place wanted = jayi_place_of(region, jayi_chunk_at(region, chunk));
    jayi_place at = jayi_place_of(region, jayi_chunk_at(region, first)), start = at;
    while (at <= wanted && jayi_heap_owns(region, shard, at)) {
        const jayi_item *block = jayi_item_at(region, at);
        uint64_t state = jayi_peek(&block->state);
        bool is_far = at == wanted || (uint64_t)(wanted - at) * JAYI_UNIT >= JAYI_BLOCK_MIN;
        if (is_far && (state & JAYI_FLAG_PREVIOUS_FREE) == 0) start = at;
        bool is_free = (state & (JAYI_FLAG_FREE | JAYI_FLAG_QUICK)) != 0;
        uint64_t size = is_free ? jayi_peek(&block->identity) : jayi_item_bytes(block);
        if (size < JAYI_BLOCK_MIN) {
            jayi_damage(shard);
            return 0;
        }
        at += (jayi_place)(size / JAYI_UNIT);
    }
    return start;
}

/* Empties a heap chunk, which is then claimed by the shard and in no use. */
static bool empty_heap_chunk(jayi_region *region, jayi_shard *shard, uint32_t chunk,
                             int64_t now_ms) {
    uint64_t chunk_bytes = jayi_chunk_bytes(region);
    shard->keeps_chunks++;
    /* What is in the chunk may be worth more than what is elsewhere: make room to move it to. */
    evict_for(region, shard, chunk_bytes + chunk_bytes / FREE_RESERVE, now_ms);
    shard->keeps_chunks--;
    if (jayi_peek(&shard->is_damaged)) return false;
    jayi_heap_flush(region, shard);
    jayi_place start = start_before(region, shard, chunk);
    if (start == 0) return false;
    uint64_t begin = (uint64_t)start * JAYI_UNIT - region->chunks_at;
    uint64_t left = ((uint64_t)chunk << region->chunk_shift) - begin;
    uint64_t wanted = left + chunk_bytes;
    jayi_place end =
        jayi_place_of(region, jayi_chunk_at(region, chunk)) + (jayi_place)(chunk_bytes / JAYI_UNIT);
    uint64_t had = clear_from(region, shard, start, wanted, now_ms);
    if (had == 0) return false;
    shard->keeps_chunks++;
    if (had > wanted) {
        jayi_poke(&jayi_item_at(region, end)->state, 0);
        jayi_heap_give(region, shard, end, had - wanted);
    }
    shard->heap_chunks--;
    atomic_store(&region->chunk_table[chunk],
                 jayi_chunk_entry(JAYI_CHUNK_RUN_MORE, jayi_shard_number(region, shard)));
    if (left > 0) jayi_heap_give(region, shard, start, left);
    shard->keeps_chunks--;
    return true;
}

/* A chunk for the shard's own tables: a free one, or one of its heap, emptied. */
static uint32_t take_chunk(jayi_region *region, jayi_shard *shard, enum jayi_chunk_kind kind,
                           int64_t now_ms) {
    uint32_t chunk = jayi_chunk_claim_for(region, shard, kind);
    uint32_t number = jayi_shard_number(region, shard);
    for (uint32_t i = region->chunk_count; chunk == JAYI_NO_CHUNK && i > 0; i--) {
        if (jayi_peek(&shard->is_damaged)) break;
        if (!jayi_heap_owns_chunk(region, shard, i - 1)) continue;
        if (!empty_heap_chunk(region, shard, i - 1, now_ms)) continue;
        atomic_store(&region->chunk_table[i - 1], jayi_chunk_entry(kind, number));
        chunk = i - 1;
    }
    return chunk;
}

/* Sees to the ghosts before an eviction: a table, in keeping with the size of the shard. */
static void prepare_ghosts(jayi_region *region, jayi_shard *shard, int64_t now_ms) {
    if (!jayi_ghosts_want_chunk(region, shard)) return;
    bool is_affordable =
        shard->heap_chunks >= CHUNKS_FOR_GHOSTS &&
        jayi_peek(&shard->chunk_bytes) >> region->chunk_shift < shard->heap_chunks / 4;
    if (region->is_sized && !is_affordable) return;
    uint32_t chunk = region->is_sized ? take_chunk(region, shard, JAYI_CHUNK_GHOSTS, now_ms)
                                      : jayi_chunk_claim_for(region, shard, JAYI_CHUNK_GHOSTS);
    if (chunk != JAYI_NO_CHUNK) jayi_ghosts_add_chunk(region, shard, chunk);
}

bool jayi_space_evict(jayi_region *region, jayi_shard *shard, int64_t now_ms) {
    jayi_ref ref;
    prepare_ghosts(region, shard, now_ms);
    if (!jayi_policy_victim(region, shard, now_ms, &ref)) return false;
    evict_ref(region, shard, &ref, now_ms);
    return true;
}

/* Evicts the item of a run; its chunks are then free. */
static bool empty_run(jayi_region *region, jayi_shard *shard, uint32_t first, int64_t now_ms) {
    jayi_place place = jayi_place_of(region, jayi_chunk_at(region, first));
    jayi_ref ref;
    if (!jayi_item_is_sound(region, shard, place)) return false;
    if (jayi_peek(&jayi_item_at(region, place)->state) & JAYI_FLAG_LIMBO) return false;
    if (jayi_is_pinned(region, place)) return false;
    if (!jayi_index_find_item(region, shard, place, &ref)) return false;
    evict_ref(region, shard, &ref, now_ms);
    return true;
}

/* Frees a chunk of another kind of owner: 0 when it now is free, or was. */
static bool vacate(jayi_region *region, jayi_shard *mine, uint32_t token, uint32_t chunk,
                   int64_t now_ms) {
    uint32_t entry = atomic_load(&region->chunk_table[chunk]);
    enum jayi_chunk_kind kind = jayi_chunk_kind(entry);
    uint32_t owner = jayi_chunk_owner(entry);
    if (kind == JAYI_CHUNK_FREE) return true;
    bool is_movable =
        kind == JAYI_CHUNK_HEAP || kind == JAYI_CHUNK_RUN || kind == JAYI_CHUNK_RUN_MORE;
    if (!is_movable || owner >= region->shard_count) return false;
    jayi_shard *shard = &region->shards[owner];
    if (shard != mine && !jayi_lock_try(shard, token)) return false;
    if (shard != mine && jayi_peek(&shard->is_damaged)) {
        jayi_unlock_checked(region, shard);
        return false;
    }
    bool is_free = false;
    if (atomic_load(&region->chunk_table[chunk]) == entry) {
        if (kind == JAYI_CHUNK_HEAP) {
            is_free = empty_heap_chunk(region, shard, chunk, now_ms);
            if (is_free) jayi_chunk_release(region, chunk);
        } else {
            uint32_t first = chunk;
            while (first > 0 && jayi_peek(&region->chunk_table[first]) ==
                                    jayi_chunk_entry(JAYI_CHUNK_RUN_MORE, owner))
                first--;
            is_free = empty_run(region, shard, first, now_ms);
        }
    }
    if (shard != mine) jayi_unlock_checked(region, shard);
    return is_free;
}

/* ---- taking ---- */

/* Where a window of `count` chunks from `first` on would have to begin at least, so as to have no
 * tables in it: `first` itself, or behind the last of them. */
static uint32_t behind_tables(const jayi_region *region, uint32_t first, uint32_t count) {
    for (uint32_t chunk = first + count; chunk > first; chunk--) {
        enum jayi_chunk_kind kind = jayi_chunk_kind(jayi_peek(&region->chunk_table[chunk - 1]));
        if (kind == JAYI_CHUNK_INDEX || kind == JAYI_CHUNK_GHOSTS) return chunk;
    }
    return first;
}

/* The next window without tables, from `start` on and round the region's end; JAYI_NO_CHUNK: there
 * is none. */
static uint32_t next_window(const jayi_region *region, uint32_t start, uint32_t count) {
    for (int turn = 0; turn < 2; turn++) {
        while (start + count <= region->chunk_count) {
            uint32_t first = behind_tables(region, start, count);
            if (first == start) return start;
            start = first;
        }
        start = 0;
    }
    return JAYI_NO_CHUNK;
}

/* Room for an item that fills chunks of its own. */
static jayi_place take_run(jayi_region *region, jayi_shard *shard, uint32_t token, uint64_t bytes,
                           int64_t now_ms) {
    uint32_t owner = jayi_shard_number(region, shard);
    uint32_t count = jayi_run_chunks(region, bytes);
    if (count > region->chunk_count) return 0;
    uint32_t start = (uint32_t)(shard->unlinks * 7919 % region->chunk_count);
    uint32_t first = jayi_chunk_claim_run(region, count, owner);
    for (uint32_t tries = 0; first == JAYI_NO_CHUNK && tries < WINDOWS_TRIED; tries++) {
        start = next_window(region, start, count);
        if (start == JAYI_NO_CHUNK) return 0;
        bool is_free = true;
        for (uint32_t chunk = start; chunk < start + count && is_free; chunk++)
            is_free = vacate(region, shard, token, chunk, now_ms);
        if (jayi_peek(&shard->is_damaged)) return 0;
        if (is_free) first = jayi_chunk_claim_run(region, count, owner);
        start += is_free ? count : 1 + count / 2;
    }
    return first != JAYI_NO_CHUNK ? jayi_place_of(region, jayi_chunk_at(region, first)) : 0;
}

/* How many chunks of a heap a block needs to itself: what is left of the last one has to be a block
 * again, or nothing, or the heap does not serve from it. */
static uint32_t heap_chunks_for(const jayi_region *region, uint64_t bytes) {
    bool is_even = bytes % jayi_chunk_bytes(region) == 0;
    return jayi_run_chunks(region, is_even ? bytes : bytes + JAYI_BLOCK_MIN);
}

/* As below, where one chunk is too short: those of a run become a row of the heap. */
static jayi_place take_by_row(jayi_region *region, jayi_shard *shard, uint32_t token,
                              uint64_t bytes, int64_t now_ms) {
    uint32_t count = heap_chunks_for(region, bytes);
    uint64_t row_bytes = (uint64_t)count << region->chunk_shift;
    jayi_place place = take_run(region, shard, token, row_bytes, now_ms);
    if (place == 0) return 0;
    uint32_t first = jayi_chunk_of(region, place);
    uint32_t entry = jayi_chunk_entry(JAYI_CHUNK_HEAP, jayi_shard_number(region, shard));
    for (uint32_t i = 0; i < count; i++) atomic_store(&region->chunk_table[first + i], entry);
    jayi_heap_add_chunks(region, shard, first, count);
    return jayi_heap_take(region, shard, bytes);
}

/* A block from a chunk of another shard, for one that has nothing left to evict. */
static jayi_place take_by_chunk(jayi_region *region, jayi_shard *shard, uint32_t token,
                                uint64_t bytes, int64_t now_ms) {
    if (heap_chunks_for(region, bytes) > 1) return take_by_row(region, shard, token, bytes, now_ms);
    uint32_t start = (uint32_t)(shard->unlinks * 7919 % region->chunk_count);
    for (uint32_t i = 0; i < region->chunk_count && !jayi_peek(&shard->is_damaged); i++) {
        uint32_t chunk = (start + i) % region->chunk_count;
        if (jayi_heap_owns_chunk(region, shard, chunk)) continue;
        if (!vacate(region, shard, token, chunk, now_ms)) continue;
        uint32_t claimed = jayi_chunk_claim_for(region, shard, JAYI_CHUNK_HEAP);
        if (claimed == JAYI_NO_CHUNK) continue;
        jayi_heap_add_chunks(region, shard, claimed, 1);
        return jayi_heap_take(region, shard, bytes);
    }
    return 0;
}

bool jayi_space_is_run(const jayi_region *region, uint64_t bytes) {
    /* What leaves less than a block of the largest chunk could have no such chunk to itself. */
    return region->shard_count > 1 && bytes > RUN_FROM - JAYI_BLOCK_MIN;
}

/* How many chunks the heap takes at once. Large entries want long rows; small ones little waste. */
static uint32_t chunks_at_once(const jayi_region *region, const jayi_shard *shard) {
    uint64_t items = jayi_peek(&shard->item_count);
    uint64_t mean = items > 0 ? jayi_peek(&shard->block_bytes) / items : 0;
    uint64_t wanted = mean * ROW_ENTRIES;
    return (uint32_t)((wanted > ROW_BYTES_MAX ? ROW_BYTES_MAX : wanted) >> region->chunk_shift);
}

/* More chunks for the heap, if there are free ones. */
static bool extend_heap(jayi_region *region, jayi_shard *shard, uint64_t bytes) {
    uint32_t number = jayi_shard_number(region, shard);
    uint32_t needed = heap_chunks_for(region, bytes);
    uint32_t wanted = chunks_at_once(region, shard);
    uint32_t count = needed > wanted ? needed : wanted;
    uint32_t first = JAYI_NO_CHUNK;
    if (!jayi_chunks_may_be_free(region, shard)) return false;
    if (count > 1) first = jayi_chunk_claim_row(region, count, JAYI_CHUNK_HEAP, number);
    if (first == JAYI_NO_CHUNK && count > needed && needed > 1)
        first = jayi_chunk_claim_row(region, count = needed, JAYI_CHUNK_HEAP, number);
    if (first == JAYI_NO_CHUNK && needed == 1) {
        count = 1;
        first = jayi_chunk_claim_for(region, shard, JAYI_CHUNK_HEAP);
    }
    if (first == JAYI_NO_CHUNK) return false;
    jayi_heap_add_chunks(region, shard, first, count);
    return true;
}

/* A block by eviction in the order of the policy; then, when enough is free but scattered, by
 * clearing. */
static jayi_place take_by_eviction(jayi_region *region, jayi_shard *shard, uint64_t bytes,
                                   int64_t now_ms) {
    uint64_t all = (uint64_t)shard->heap_chunks << region->chunk_shift;
    uint64_t reserve = all / FREE_RESERVE + 2 * JAYI_BLOCK_MIN;
    jayi_place place = 0;
    uint32_t clearings = 0;
    for (uint32_t i = 0; place == 0 && i < EVICTIONS_MAX && clearings < CLEARINGS_MAX; i++) {
        if (jayi_peek(&shard->is_damaged)) return 0;
        if (free_bytes_of(region, shard) >= bytes + reserve) {
            place = take_by_clearing(region, shard, bytes, now_ms);
            if (place != 0) return place;
            clearings++;
        }
        /* Also where there is no victim: seeing to the ghosts may have made room. */
        bool has_evicted = jayi_space_evict(region, shard, now_ms);
        place = jayi_heap_take(region, shard, bytes);
        if (place == 0 && jayi_heap_flush(region, shard))
            place = jayi_heap_take(region, shard, bytes);
        if (!has_evicted) return place;
    }
    return place;
}

jayi_place jayi_space_take(jayi_region *region, jayi_shard *shard, uint32_t token, uint64_t bytes,
                           int64_t now_ms) {
    jayi_place place = 0;
    if (jayi_space_is_run(region, bytes)) {
        place = take_run(region, shard, token, bytes, now_ms);
        if (place != 0) jayi_bump(&shard->run_bytes, bytes);
    } else {
        place = jayi_heap_take(region, shard, bytes);
        if (place == 0 && shard->limbo != 0 && drain_or_reap(region, shard, token, now_ms))
            place = jayi_heap_take(region, shard, bytes);
        if (place == 0 && extend_heap(region, shard, bytes))
            place = jayi_heap_take(region, shard, bytes);
        if (place == 0 && jayi_heap_flush(region, shard))
            place = jayi_heap_take(region, shard, bytes);
        if (place == 0) place = take_by_eviction(region, shard, bytes, now_ms);
        if (place == 0 && region->shard_count > 1 && !jayi_peek(&shard->is_damaged))
            place = take_by_chunk(region, shard, token, bytes, now_ms);
    }
    if (place != 0) jayi_bump(&shard->block_bytes, bytes);
    return place;
}

/* ---- the index ---- */

void jayi_space_grow_index(jayi_region *region, jayi_shard *shard, int64_t now_ms) {
    if (!jayi_index_is_short(shard)) return;
    if (jayi_index_wants_chunk(region, shard)) {
        uint32_t chunk = take_chunk(region, shard, JAYI_CHUNK_INDEX, now_ms);
        if (chunk == JAYI_NO_CHUNK) return;
        jayi_index_add_chunk(region, shard, chunk);
    }
    jayi_index_grow(region, shard);
}

bool jayi_space_grow_index_freely(jayi_region *region, jayi_shard *shard) {
    if (jayi_index_wants_chunk(region, shard)) {
        uint32_t chunk = jayi_chunk_claim_for(region, shard, JAYI_CHUNK_INDEX);
        if (chunk == JAYI_NO_CHUNK) return false;
        jayi_index_add_chunk(region, shard, chunk);
    }
    return jayi_index_grow(region, shard);
}
