/*
 * bell.c - sleeping until a word of memory changes.
 */
#include "os/bell.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool jayi_bell_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline_ms) {
    const struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                                   .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    int saved = errno;
    /* With a set of bits the time is a date of the monotonic clock. */
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &until, NULL,
                          FUTEX_BITSET_MATCH_ANY);
    bool is_late = result != 0 && errno == ETIMEDOUT;
    errno = saved;
    return !is_late;
}

void jayi_bell_ring(_Atomic uint32_t *word) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}
