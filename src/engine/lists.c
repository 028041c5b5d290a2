/*
 * lists.c - doubly linked lists whose every link is checked before it is followed.
 */
#include "engine/lists.h"

#include "engine/heap.h"
#include "engine/index.h"

/* The neighbour at a link, or NULL at the end or when it makes no sense (then *is_sound is
 * cleared). */
static jayi_item *neighbour(jayi_region *region, jayi_shard *shard, jayi_place place,
                            bool *is_sound) {
    if (place == 0) return NULL;
    if (jayi_item_is_sound(region, shard, place)) return jayi_item_at(region, place);
    jayi_damage(shard);
    *is_sound = false;
    return NULL;
}

static jayi_list *list_of(jayi_region *region, jayi_shard *shard, const jayi_item *item) {
    uint32_t band = jayi_band_of(region, jayi_item_bytes(item));
    return &shard->queues[jayi_item_queue(item)].bands[band];
}

static void count(jayi_shard *shard, jayi_list *list, const jayi_item *item, bool is_added) {
    jayi_queue *queue = &shard->queues[jayi_item_queue(item)];
    uint64_t bytes = jayi_item_bytes(item);
    list->items += is_added ? 1 : UINT64_MAX;
    queue->items += is_added ? 1 : UINT64_MAX;
    queue->bytes += is_added ? bytes : 0 - bytes;
}

void jayi_list_push(jayi_region *region, jayi_shard *shard, int queue, jayi_item *item) {
    jayi_item_set_queue(item, queue);
    jayi_list *list = list_of(region, shard, item);
    jayi_place place = jayi_place_of(region, item);
    bool is_sound = true;
    jayi_item *newest = neighbour(region, shard, list->newest, &is_sound);
    uint32_t band = jayi_band_of(region, jayi_item_bytes(item));
    uint64_t stamp = (uint16_t)(shard->queues[queue].clock + region->weights[band]);
    jayi_poke(&item->identity,
              (jayi_peek(&item->identity) & ~JAYI_STAMP_MASK) | stamp << JAYI_STAMP_SHIFT);
    jayi_poke(&item->newer, 0);
    jayi_poke(&item->older, newest != NULL ? list->newest : 0);
    if (newest != NULL) {
        jayi_poke(&newest->newer, place);
    } else {
        list->oldest = place;
    }
    list->newest = place;
    count(shard, list, item, true);
}

/* Makes the neighbours of `item` and its list point to `older_link` and `newer_link` in its stead.
 */
static bool relink(jayi_region *region, jayi_shard *shard, const jayi_item *item,
                   jayi_place older_link, jayi_place newer_link) {
    jayi_list *list = list_of(region, shard, item);
    bool is_sound = true;
    jayi_item *older = neighbour(region, shard, jayi_peek(&item->older), &is_sound);
    jayi_item *newer = neighbour(region, shard, jayi_peek(&item->newer), &is_sound);
    if (!is_sound) return false;
    if (older != NULL) {
        jayi_poke(&older->newer, newer_link);
    } else {
        list->oldest = newer_link;
    }
    if (newer != NULL) {
        jayi_poke(&newer->older, older_link);
    } else {
        list->newest = older_link;
    }
    return true;
}

void jayi_list_remove(jayi_region *region, jayi_shard *shard, jayi_item *item) {
    if (relink(region, shard, item, jayi_peek(&item->older), jayi_peek(&item->newer)))
        count(shard, list_of(region, shard, item), item, false);
}

void jayi_list_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                       jayi_item *new_item) {
    int queue = jayi_item_queue(old_item);
    jayi_item_set_queue(new_item, queue);
    if (list_of(region, shard, old_item) != list_of(region, shard, new_item)) {
        jayi_list_remove(region, shard, old_item);
        jayi_list_push(region, shard, queue, new_item);
        return;
    }
    jayi_place place = jayi_place_of(region, new_item);
    jayi_poke(&new_item->older, jayi_peek(&old_item->older));
    jayi_poke(&new_item->newer, jayi_peek(&old_item->newer));
    uint64_t stamp = jayi_item_stamp(old_item);
    jayi_poke(&new_item->identity,
              (jayi_peek(&new_item->identity) & ~JAYI_STAMP_MASK) | stamp << JAYI_STAMP_SHIFT);
    if (!relink(region, shard, old_item, place, place)) return;
    count(shard, list_of(region, shard, old_item), old_item, false);
    count(shard, list_of(region, shard, new_item), new_item, true);
}

jayi_item *jayi_list_oldest(jayi_region *region, jayi_shard *shard, int queue) {
    jayi_queue *q = &shard->queues[queue];
    jayi_item *oldest = NULL;
    bool is_sound = true;
    int16_t least = 0;
    for (uint32_t band = 0; band < JAYI_BANDS; band++) {
        jayi_item *item = neighbour(region, shard, q->bands[band].oldest, &is_sound);
        if (item == NULL) continue;
        /* Stamps lie within half of their circle ahead of the clock. */
        int16_t ahead = (int16_t)(uint16_t)(jayi_item_stamp(item) - q->clock);
        if (oldest != NULL && ahead >= least) continue;
        oldest = item;
        least = ahead;
    }
    if (oldest != NULL && least > 0) q->clock = jayi_item_stamp(oldest);
    return oldest;
}
