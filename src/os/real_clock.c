/*
 * real_clock.c - the date.
 */
#include "os/real_clock.h"

#include <time.h>

int64_t jayi_clock_real_ns(void) {
    struct timespec now;
    /* Cannot fail: the clock exists and the pointer is good. */
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t jayi_clock_real_ms(void) {
    return jayi_clock_real_ns() / 1000000;
}
