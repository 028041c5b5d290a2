/*
 * space.h - room for an item: from what is free, from a fresh chunk, or by eviction.
 *
 * All functions: the shard's lock is held.
 */
#ifndef JAYI_SPACE_H
#define JAYI_SPACE_H

#include "engine/index.h"

/* Finds room for an item of `bytes` (jayi_block_bytes), evicting as need be. 0: none to be had. */
jayi_place jayi_space_take(jayi_region *region, jayi_shard *shard, uint32_t token, uint64_t bytes,
                           int64_t now_ms);

/* Whether an item of so many bytes gets chunks of its own. */
bool jayi_space_is_run(const jayi_region *region, uint64_t bytes);

/* Frees the memory of an item that nobody can find or holds. */
void jayi_space_give(jayi_region *region, jayi_shard *shard, jayi_place place);

/* Unlinks an entry: out of the index and the queues; its memory is freed, or waits for its views.
 */
void jayi_space_unlink(jayi_region *region, jayi_shard *shard, jayi_ref *ref);

/* Frees the memory of an item just unlinked from the index and the queues, or puts it in limbo. */
void jayi_space_retire(jayi_region *region, jayi_shard *shard, jayi_item *item);

/* Evicts one entry, by the policy. False: there is none. */
bool jayi_space_evict(jayi_region *region, jayi_shard *shard, int64_t now_ms);

/* Makes sure that the index has a bucket for one more entry, as far as that can be. */
void jayi_space_grow_index(jayi_region *region, jayi_shard *shard, int64_t now_ms);

/* Adds a bucket to the index without evicting anything. False: it cannot. */
bool jayi_space_grow_index_freely(jayi_region *region, jayi_shard *shard);

#endif
