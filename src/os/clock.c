/*
 * clock.c - the monotonic clock.
 */
#include "os/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t clock) {
    struct timespec now;
    /* Cannot fail: the clocks exist since Linux 2.6.32 and the pointer is good. */
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t jayi_clock_ms(void) {
    return read_ms(CLOCK_MONOTONIC);
}

int64_t jayi_clock_coarse_ms(void) {
    return read_ms(CLOCK_MONOTONIC_COARSE);
}
