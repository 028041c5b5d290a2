/*
 * lists.h - the queues of a shard: lists of items, by age and class of weights, linked by places
 * within the items. The shard's lock is held.
 *
 * An entry weighs the more, the more hits it has had (its level), and the less, the larger it is.
 * Entries of one class of weights leave in the order in which they came. Between classes the stamp
 * decides: the queue's clock when the entry came, plus the weight of its class; the clock is the
 * last stamp that left. So among entries equally old those go first that are large for their hits,
 * and age still tells in the end (Cherkasova: "Improving WWW proxies performance with
 * Greedy-Dual-Size-Frequency caching policy", HP Laboratories, 1998, with first-in first-out within
 * a class).
 */
#ifndef JAYI_LISTS_H
#define JAYI_LISTS_H

#include "engine/region.h"

/* Puts an item at the newest end of its class in a queue, and says so in its state. */
void jayi_list_push(jayi_region *region, jayi_shard *shard, int queue, uint32_t level,
                    jayi_item *item);

/* Takes an item out of the queue that its state names. */
void jayi_list_remove(jayi_region *region, jayi_shard *shard, jayi_item *item);

/* Gives the position of an item to another; one of another class comes as the newest there. */
void jayi_list_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                       jayi_item *new_item);

/* Has the neighbours of an item brought in, which is to be removed or replaced. */
void jayi_list_prefetch(const jayi_region *region, const jayi_item *item);

/* The item of a queue that goes first, or NULL; the clock moves on to its stamp. */
jayi_item *jayi_list_oldest(jayi_region *region, jayi_shard *shard, int queue_number);

#endif
