/*
 * recover.h - rebuilding a shard from its index.
 *
 * Done by whoever takes the lock from a dead process, or finds that something does not add up.
 * Every slot whose item is whole and in its right bucket stays; all else (queues, free lists,
 * counts) is made anew from those. Nothing is trusted but single words. It can be interrupted at
 * any point and begun again by another process. A shard whose index itself makes no sense is
 * emptied, and counted in `resets`.
 */
#ifndef JAYI_RECOVER_H
#define JAYI_RECOVER_H

#include "engine/lock.h"
#include "engine/region.h"

/* The shard's lock is held. */
void jayi_recover(jayi_region *region, jayi_shard *shard);

/* Unlocks a shard, rebuilt if it was found damaged. */
static inline void jayi_unlock_checked(jayi_region *region, jayi_shard *shard) {
    if (jayi_peek(&shard->is_damaged)) jayi_recover(region, shard);
    jayi_unlock(region, shard);
}

#endif
