/*
 * policy.h - which entry goes when room is needed.
 *
 * All functions: the shard's lock is held. Entries stand in lists by age; a hit changes no list,
 * only the capped frequency in the entry's slot.
 */
#ifndef JAYI_POLICY_H
#define JAYI_POLICY_H

#include "engine/index.h"

/* Takes a new entry in, which is linked in the index already or about to be. */
void jayi_policy_admit(jayi_region *region, jayi_shard *shard, jayi_item *item, uint64_t hash);

/* Puts an item in the place of another of the same key. */
void jayi_policy_replace(jayi_region *region, jayi_shard *shard, jayi_item *old_item,
                         jayi_item *new_item);

/* Takes an entry out. */
void jayi_policy_remove(jayi_region *region, jayi_shard *shard, jayi_item *item);

/* The entry that goes next. False: there is none. */
bool jayi_policy_victim(jayi_region *region, jayi_shard *shard, int64_t now_ms, jayi_ref *ret_ref);

/* Remembers an entry that is about to be evicted. */
void jayi_policy_evicting(jayi_region *region, jayi_shard *shard, const jayi_ref *ref);

/* Forgets all lists; then each entry is added anew. */
void jayi_policy_reset(jayi_region *region, jayi_shard *shard);
void jayi_policy_readmit(jayi_region *region, jayi_shard *shard, jayi_item *item);

#endif
