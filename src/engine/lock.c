/*
 * lock.c - waiting for a shard's lock, and taking it from the dead.
 */
#include "engine/lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/recover.h"
#include "os/clock.h"

#define SPINS 200
#define SLEEP_NS 500000  /* after which the holder's life is asked about */
#define DEADLINE_MS 4000 /* a starved machine is not a stopped holder */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(const jayi_region *region, jayi_shard *shard, uint32_t word) {
    struct timespec timeout = {.tv_nsec = SLEEP_NS};
    int operation = region->is_shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE;
    /* Whatever ends it (woken, changed, timed out, a signal), the caller looks again. */
    syscall(SYS_futex, &shard->lock, operation, word, &timeout, NULL, 0);
}

void jayi_lock_wake(const jayi_region *region, jayi_shard *shard) {
    int operation = region->is_shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE;
    int saved = errno;
    syscall(SYS_futex, &shard->lock, operation, INT_MAX, NULL, NULL, 0);
    errno = saved;
}

/* Takes the lock over from a dead holder, and rebuilds the shard. */
static bool inherit(jayi_region *region, jayi_shard *shard, uint32_t token, uint32_t word) {
    if (!jayi_token_is_dead(region, token, word & ~JAYI_LOCK_WAITERS)) return false;
    if (!atomic_compare_exchange_strong(&shard->lock, &word, token | JAYI_LOCK_WAITERS))
        return false;
    jayi_recover(region, shard);
    return true;
}

int jayi_lock_wait(jayi_region *region, jayi_shard *shard, uint32_t token, jay_error *error) {
    for (int i = 0; i < SPINS; i++) {
        if (jayi_peek(&shard->lock) == 0 && jayi_lock_try(shard, token)) return JAY_OK;
        relax();
    }
    int saved = errno;
    int64_t give_up_ms = jayi_clock_ms() + DEADLINE_MS;
    int status = JAY_OK;
    for (;;) {
        uint32_t word = jayi_peek(&shard->lock);
        if (word == 0) {
            uint32_t free_word = 0;
            /* Others may still sleep: take it with the bit, to wake them later. */
            if (atomic_compare_exchange_strong(&shard->lock, &free_word, token | JAYI_LOCK_WAITERS))
                break;
            continue;
        }
        if (!(word & JAYI_LOCK_WAITERS) &&
            !atomic_compare_exchange_strong(&shard->lock, &word, word | JAYI_LOCK_WAITERS))
            continue;
        word |= JAYI_LOCK_WAITERS;
        futex_wait(region, shard, word);
        if (jayi_peek(&shard->lock) == word && inherit(region, shard, token, word)) break;
        if (jayi_clock_ms() >= give_up_ms) {
            status = jay_error_set(
                error, JAY_E_BUSY, 0,
                "a part of the cache was locked for %d ms by process %u, which "
                "is stopped or starved; try again",
                DEADLINE_MS, jayi_peek(&jayi_own_row(region, word & ~JAYI_LOCK_WAITERS)->pid));
            break;
        }
    }
    errno = saved;
    return status;
}

int jayi_lock_repair(jayi_region *region, jayi_shard *shard, jay_error *error) {
    jayi_recover(region, shard);
    if (!jayi_peek(&shard->is_damaged)) return JAY_OK;
    jayi_unlock(region, shard);
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to repair a part of the cache");
}
