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

/* A stamp counts in units of its class, so that 16 bits serve weights of any size. */
static uint32_t unit_shift(uint32_t class_number) {
    return JAYI_CLASSES / 2 - (class_number + 1) / 2;
}

/* The weight of a class in its own units: less than half of the stamps' circle. */
static uint64_t weight_of(uint32_t class_number) {
    return class_number % 2 == 0 ? 16384 : 23170;
}

static void set_stamp(jayi_item *item, uint64_t stamp) {
    jayi_poke(&item->identity, (jayi_peek(&item->identity) & ~JAYI_STAMP_MASK) |
                                   (stamp & 0xffff) << JAYI_STAMP_SHIFT);
}

/* Adds an item's share to what a queue holds, or (-1) takes it away. */
static void count(jayi_queue *queue, const jayi_item *item, int64_t sign) {
    queue->items += (uint64_t)sign;
    queue->bytes += (uint64_t)sign * jayi_item_bytes(item);
}

void jayi_list_push(jayi_region *region, jayi_shard *shard, int queue_number, uint32_t level,
                    jayi_item *item) {
    jayi_item_set_standing(item, queue_number, level);
    uint32_t number = jayi_class_of(region, item);
    jayi_queue *queue = &shard->queues[queue_number];
    jayi_list *list = &queue->classes[number];
    jayi_place place = jayi_place_of(region, item);
    jayi_item *newest = list->newest != 0 ? linked(region, shard, list->newest) : NULL;
    set_stamp(item, (queue->clock >> unit_shift(number)) + weight_of(number));
    jayi_poke(&item->newer, 0);
    jayi_poke(&item->older, newest != NULL ? list->newest : 0);
    if (newest != NULL) {
        jayi_poke(&newest->newer, place);
    } else {
        list->oldest = place;
    }
    list->newest = place;
    queue->occupied |= UINT64_C(1) << number;
    count(queue, item, 1);
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
    jayi_queue *queue = &shard->queues[jayi_item_queue(item)];
    uint32_t number = jayi_class_of(region, item);
    jayi_list *list = &queue->classes[number];
    if (!relink(region, shard, list, item, jayi_peek(&item->older), jayi_peek(&item->newer)))
        return;
    if (list->oldest == 0) queue->occupied &= ~(UINT64_C(1) << number);
    count(queue, item, -1);
}

void jayi_list_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                       jayi_item *new_item) {
    int queue_number = jayi_item_queue(old_item);
    uint32_t number = jayi_class_of(region, old_item), level = jayi_item_level(old_item);
    jayi_item_set_standing(new_item, queue_number, level);
    if (number != jayi_class_of(region, new_item)) {
        jayi_list_remove(region, shard, old_item);
        jayi_list_push(region, shard, queue_number, level, new_item);
        return;
    }
    jayi_queue *queue = &shard->queues[queue_number];
    jayi_place place = jayi_place_of(region, new_item);
    jayi_poke(&new_item->older, jayi_peek(&old_item->older));
    jayi_poke(&new_item->newer, jayi_peek(&old_item->newer));
    set_stamp(new_item, jayi_item_stamp(old_item));
    if (!relink(region, shard, &queue->classes[number], old_item, place, place)) return;
    queue->bytes += jayi_item_bytes(new_item) - jayi_item_bytes(old_item);
}

void jayi_list_prefetch(const jayi_region *region, const jayi_item *item) {
    jayi_place older = jayi_peek(&item->older), newer = jayi_peek(&item->newer);
    if (jayi_place_is_sane(region, older)) __builtin_prefetch(&jayi_item_at(region, older)->newer);
    if (jayi_place_is_sane(region, newer)) __builtin_prefetch(&jayi_item_at(region, newer)->older);
}

jayi_item *jayi_list_oldest(jayi_region *region, jayi_shard *shard, int queue_number) {
    jayi_queue *queue = &shard->queues[queue_number];
    jayi_item *oldest = NULL;
    int64_t least = 0;
    for (uint64_t left = queue->occupied; left != 0; left &= left - 1) {
        uint32_t number = (uint32_t)__builtin_ctzll(left);
        jayi_place place = queue->classes[number].oldest;
        jayi_item *item = place != 0 ? linked(region, shard, place) : NULL;
        if (item == NULL) continue;
        /* Stamps lie within half of their circle ahead of the clock. */
        uint32_t shift = unit_shift(number);
        uint16_t units = (uint16_t)(jayi_item_stamp(item) - (queue->clock >> shift));
        int64_t unit = INT64_C(1) << shift;
        int64_t ahead = (int16_t)units * unit - (int64_t)(queue->clock & (uint64_t)(unit - 1));
        if (oldest != NULL && ahead >= least) continue;
        oldest = item;
        least = ahead;
    }
    if (oldest != NULL && least > 0) queue->clock += (uint64_t)least;
    return oldest;
}
