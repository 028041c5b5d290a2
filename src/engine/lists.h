/*
 * lists.h - the queues of a shard: lists of items, by age and band of sizes, linked by places
 * within the items. The shard's lock is held.
 *
 * Entries of one band leave in the order in which they came. Between bands the stamp decides: the
 * queue's clock when the entry came, plus the weight of its band, which is less the larger the
 * entries are; the clock is the last stamp that left. So among entries equally old the larger go
 * first, and age still tells in the end (Cao and Irani: "Cost-aware WWW proxy caching algorithms",
 * USITS 1997, with first-in first-out within a band).
 */
#ifndef JAYI_LISTS_H
#define JAYI_LISTS_H

#include "engine/region.h"

/* Puts an item at the newest end of its band in a queue, and says so in its state. */
void jayi_list_push(jayi_region *region, jayi_shard *shard, int queue, jayi_item *item);

/* Takes an item out of the queue that its state names. */
void jayi_list_remove(jayi_region *region, jayi_shard *shard, jayi_item *item);

/* Gives the position of an item to another; one of another band comes as the newest there. */
void jayi_list_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                       jayi_item *new_item);

/* Has the neighbours of an item brought in, which is to be removed or replaced. */
void jayi_list_prefetch(const jayi_region *region, const jayi_item *item);

/* The item of a queue that goes first, or NULL; the clock moves on to its stamp. */
jayi_item *jayi_list_oldest(jayi_region *region, jayi_shard *shard, int queue);

#endif
