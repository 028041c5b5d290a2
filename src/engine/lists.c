/*
 * lists.c - doubly linked lists whose every link is checked before it is followed.
 */
#include "engine/lists.h"

#include "engine/heap.h"
#include "engine/index.h"

/* The item at a link that came out of the shard itself, or NULL when it makes no sense. */
static jayi_item *linked(jayi_region *region, jayi_shard *shard, jayi_place place) {
    if (jayi_item_is_sound(region, shard, place)) return jayi_item_at(region, place);
    jayi_damage(shard);
    return NULL;
}

/*
 * Whether an item may be changed as the neighbour of one in a list: it lies in the shard's own
 * chunks, and its link back (a field of it, newer or older) says so, too. Only its links are looked
 * at: they are often not in the cache, and the rest of the item is not needed.
 */
static bool links_back(const jayi_region *region, const jayi_shard *shard, jayi_place place,
                       const _Atomic jayi_place *back, jayi_place self) {
    uint32_t number = jayi_shard_number(region, shard);
    uint32_t chunk = jayi_chunk_of(region, place);
    return jayi_place_is_sane(region, place) &&
           (jayi_chunk_is_of(region, chunk, JAYI_CHUNK_HEAP, number) ||
            jayi_chunk_is_of(region, chunk, JAYI_CHUNK_RUN, number)) &&
           jayi_peek(back) == self;
}

static jayi_list *list_of(jayi_region *region, jayi_shard *shard, const jayi_item *item) {
    uint32_t band = jayi_band_of(region, jayi_item_bytes(item));
    return &shard->queues[jayi_item_queue(item)].bands[band];
}

/* Adds an item's share to what a list and its queue hold, or (-1) takes it away. */
static void count(jayi_shard *shard, jayi_list *list, const jayi_item *item, int64_t sign) {
    jayi_queue *queue = &shard->queues[jayi_item_queue(item)];
    list->items += (uint64_t)sign;
    queue->items += (uint64_t)sign;
    queue->bytes += (uint64_t)sign * jayi_item_bytes(item);
}

void jayi_list_push(jayi_region *region, jayi_shard *shard, int queue, jayi_item *item) {
    jayi_item_set_queue(item, queue);
    jayi_list *list = list_of(region, shard, item);
    jayi_place place = jayi_place_of(region, item);
    jayi_item *newest = list->newest != 0 ? linked(region, shard, list->newest) : NULL;
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
    count(shard, list, item, 1);
}

/* Makes the neighbours of `item` and its list point to `older_link` and `newer_link` in its stead.
 */
static bool relink(jayi_region *region, jayi_shard *shard, jayi_list *list, const jayi_item *item,
                   jayi_place older_link, jayi_place newer_link) {
    jayi_place self = jayi_place_of(region, item);
    jayi_place older_place = jayi_peek(&item->older), newer_place = jayi_peek(&item->newer);
    jayi_item *older = jayi_item_at(region, older_place);
    jayi_item *newer = jayi_item_at(region, newer_place);
    bool is_sound = older_place != 0 ? links_back(region, shard, older_place, &older->newer, self)
                                     : list->oldest == self;
    is_sound =
        is_sound && (newer_place != 0 ? links_back(region, shard, newer_place, &newer->older, self)
                                      : list->newest == self);
    if (!is_sound) {
        jayi_damage(shard);
        return false;
    }
    if (older_place != 0) {
        jayi_poke(&older->newer, newer_link);
    } else {
        list->oldest = newer_link;
    }
    if (newer_place != 0) {
        jayi_poke(&newer->older, older_link);
    } else {
        list->newest = older_link;
    }
    return true;
}

void jayi_list_remove(jayi_region *region, jayi_shard *shard, jayi_item *item) {
    jayi_list *list = list_of(region, shard, item);
    if (relink(region, shard, list, item, jayi_peek(&item->older), jayi_peek(&item->newer)))
        count(shard, list, item, -1);
}

void jayi_list_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                       jayi_item *new_item) {
    int queue = jayi_item_queue(old_item);
    jayi_item_set_queue(new_item, queue);
    jayi_list *list = list_of(region, shard, old_item);
    if (list != list_of(region, shard, new_item)) {
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
    if (!relink(region, shard, list, old_item, place, place)) return;
    shard->queues[queue].bytes += jayi_item_bytes(new_item) - jayi_item_bytes(old_item);
}

void jayi_list_prefetch(const jayi_region *region, const jayi_item *item) {
    jayi_place older = jayi_peek(&item->older), newer = jayi_peek(&item->newer);
    if (jayi_place_is_sane(region, older)) __builtin_prefetch(&jayi_item_at(region, older)->newer);
    if (jayi_place_is_sane(region, newer)) __builtin_prefetch(&jayi_item_at(region, newer)->older);
}

jayi_item *jayi_list_oldest(jayi_region *region, jayi_shard *shard, int queue) {
    jayi_queue *q = &shard->queues[queue];
    jayi_item *oldest = NULL;
    int16_t least = 0;
    for (uint32_t band = 0; band < JAYI_BANDS; band++) {
        jayi_place place = q->bands[band].oldest;
        jayi_item *item = place != 0 ? linked(region, shard, place) : NULL;
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
