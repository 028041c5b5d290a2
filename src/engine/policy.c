/*
 * policy.c - S3-FIFO with classes of weights (lists.h) and a choice of presets.
 *
 * New entries come into the probation queue. Its oldest go: out, with a ghost, or on to the main
 * queue if they were asked for. The oldest of main go round again while they have hits to give. An
 * entry with a ghost comes straight into main. How much of the room is for probation, how fast main
 * forgets, and how long ghosts are kept is the preset's: what suits web pages is wrong for loops
 * and scans.
 *
 * Source: Yang, Zhang, Qiu, Yue and Rashmi: "FIFO queues are all you need for cache eviction", SOSP
 * 2023; with promotion at the first hit, frequencies up to 7, and a main queue that is filled
 * first.
 */
#include "engine/policy.h"

#include <string.h>

#include "engine/ghosts.h"
#include "engine/heap.h"
#include "engine/lists.h"
#include "engine/sampling.h"

#define GHOSTS_MIN 128 /* small caches profit from remembering more than they hold */
#define TURNS_MAX 64   /* then the oldest goes, whatever its hits */

static uint64_t charge_of(const jayi_region *region, const jayi_item *item) {
    return region->is_sized ? jayi_item_bytes(item) : 1;
}

static uint64_t used_of(const jayi_region *region, const jayi_queue *queue) {
    return region->is_sized ? queue->bytes : queue->items;
}

static uint64_t share_of(const jayi_preset *preset, uint64_t capacity) {
    uint64_t share = capacity * preset->probation_permille / 1000;
    return share > 0 ? share : 1;
}

static uint64_t ghost_limit(const jayi_region *region, const jayi_shard *shard) {
    uint64_t limit =
        jayi_peek(&shard->item_count) * jayi_sampling_preset(region)->ghosts_percent / 100;
    return limit > GHOSTS_MIN ? limit : GHOSTS_MIN;
}

/* What a shard can hold, about. */
static uint64_t capacity_of(const jayi_region *region, const jayi_shard *shard) {
    if (!region->is_sized) return shard->max_items;
    uint64_t bytes = (uint64_t)region->chunk_count << region->chunk_shift;
    return bytes / region->shard_count / 16 * 15;
}

/* Whether main still has room that nothing else will use: a first loop then stays. */
static bool is_filling(const jayi_region *region, const jayi_shard *shard, uint64_t charge) {
    uint64_t capacity = capacity_of(region, shard);
    uint64_t share = share_of(jayi_sampling_preset(region), capacity);
    return used_of(region, &shard->queues[JAYI_PROBATION]) >= share &&
           used_of(region, &shard->queues[JAYI_MAIN]) + charge + share <= capacity;
}

void jayi_policy_admit(jayi_region *region, jayi_shard *shard, jayi_item *item, uint64_t hash) {
    bool is_known = jayi_ghosts_take(region, shard, hash, ghost_limit(region, shard));
    bool to_main = is_known || is_filling(region, shard, charge_of(region, item));
    uint32_t level = is_known && region->is_sized ? 1 : 0;
    jayi_list_push(region, shard, to_main ? JAYI_MAIN : JAYI_PROBATION, level, item);
}

void jayi_policy_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                         jayi_item *new_item) {
    jayi_list_replace(region, shard, old_item, new_item);
}

void jayi_policy_remove(jayi_region *region, jayi_shard *shard, jayi_item *item) {
    jayi_list_remove(region, shard, item);
}

void jayi_policy_evicting(jayi_region *region, jayi_shard *shard, const jayi_ref *ref) {
    if (jayi_item_queue(ref->item) == JAYI_PROBATION)
        jayi_ghosts_put(region, shard, ref->hash, ghost_limit(region, shard));
}

/* Which queue gives up its oldest. Main, when probation has no more than its share. */
static int queue_that_gives(const jayi_region *region, const jayi_shard *shard) {
    uint64_t probation = used_of(region, &shard->queues[JAYI_PROBATION]);
    uint64_t all = probation + used_of(region, &shard->queues[JAYI_MAIN]);
    bool is_main = shard->queues[JAYI_PROBATION].items == 0 ||
                   probation < share_of(jayi_sampling_preset(region), all);
    return is_main && shard->queues[JAYI_MAIN].items > 0 ? JAYI_MAIN : JAYI_PROBATION;
}

/* By size, hits of each turn add to the entry's level, and so to its weight from then on. */
static uint32_t level_after_turn(const jayi_region *region, const jayi_item *item,
                                 uint32_t frequency) {
    if (!region->is_sized) return 0;
    uint32_t level = jayi_item_level(item) + frequency;
    return level < JAYI_LEVEL_MAX ? level : JAYI_LEVEL_MAX;
}

bool jayi_policy_victim(jayi_region *region, jayi_shard *shard, int64_t now_ms, jayi_ref *ret_ref) {
    const jayi_preset *preset = jayi_sampling_preset(region);
    for (int turn = 0;; turn++) {
        int queue = queue_that_gives(region, shard);
        jayi_item *item = jayi_list_oldest(region, shard, queue);
        if (item == NULL) {
            if (shard->queues[queue].items > 0) jayi_damage(shard);
            return false;
        }
        if (!jayi_index_find_item(region, shard, jayi_place_of(region, item), ret_ref)) {
            jayi_damage(shard);
            return false;
        }
        uint32_t frequency = jayi_slot_frequency(ret_ref->word);
        if (frequency == 0 || turn == TURNS_MAX ||
            jayi_is_expired(jayi_item_deadline(item), now_ms))
            return true;
        jayi_list_remove(region, shard, item);
        jayi_list_push(region, shard, JAYI_MAIN, level_after_turn(region, item, frequency), item);
        bool clears = queue == JAYI_PROBATION || region->is_sized || preset->clears;
        jayi_slot_set_frequency(&ret_ref->bucket->slots[ret_ref->slot], ret_ref->word,
                                clears ? 0 : frequency - 1);
        if (jayi_peek(&shard->is_damaged)) return false;
    }
}

void jayi_policy_reset(jayi_region *region, jayi_shard *shard) {
    (void)region;
    memset(shard->queues, 0, sizeof shard->queues);
}

void jayi_policy_readmit(jayi_region *region, jayi_shard *shard, jayi_item *item) {
    jayi_list_push(region, shard, jayi_item_queue(item), jayi_item_level(item), item);
}
