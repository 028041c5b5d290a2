/*
 * lock.h - the lock of a shard.
 *
 * One word: 0, or the holder's token, and a bit that says that someone sleeps on it (futex). It is
 * taken by compare-and-swap. Who waits too long asks whether the holder has died, and then
 * takes its place and rebuilds the shard (recover.h) before anything else. So whoever has the lock
 * finds the shard whole. The rank is the lowest there is: under it nothing waits; other shards'
 * locks are only tried.
 */
#ifndef JAYI_LOCK_H
#define JAYI_LOCK_H

#include "engine/identity.h"

#define JAYI_LOCK_WAITERS 0x80000000u

/* Waits for the lock. JAY_OK, or JAY_E_BUSY when the holder lives but does not let go. */
int jayi_lock_wait(jayi_region *region, jayi_shard *shard, uint32_t token, jay_error *error);

/* Rebuilds a damaged shard whose lock we have: JAY_OK, or JAY_E_NO_MEMORY and the lock is gone. */
int jayi_lock_repair(jayi_region *region, jayi_shard *shard, jay_error *error);

void jayi_lock_wake(const jayi_region *region, jayi_shard *shard);

static inline bool jayi_lock_try(jayi_shard *shard, uint32_t token) {
    uint32_t free_word = 0;
    return atomic_compare_exchange_strong_explicit(&shard->lock, &free_word, token,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* After the lock was had: makes sure that the shard is whole. JAY_OK, or JAY_E_NO_MEMORY and the
 * lock is gone. */
static inline int jayi_lock_check(jayi_region *region, jayi_shard *shard, jay_error *error) {
    return jayi_peek(&shard->is_damaged) ? jayi_lock_repair(region, shard, error) : JAY_OK;
}

/* Takes the lock of a shard, which is then whole. JAY_OK, JAY_E_BUSY or JAY_E_NO_MEMORY. */
static inline int jayi_lock(jayi_region *region, jayi_shard *shard, uint32_t token,
                            jay_error *error) {
    int status = jayi_lock_try(shard, token) ? JAY_OK : jayi_lock_wait(region, shard, token, error);
    return status == JAY_OK ? jayi_lock_check(region, shard, error) : status;
}

static inline void jayi_unlock(const jayi_region *region, jayi_shard *shard) {
    uint32_t word = atomic_exchange_explicit(&shard->lock, 0, memory_order_release);
    if (word & JAYI_LOCK_WAITERS) jayi_lock_wake(region, shard);
}

#endif
