/*
 * wall_clock.c - the date.
 */
#include "os/wall_clock.h"

#include <time.h>

int64_t jayi_clock_wall_ms(void) {
    struct timespec now;
    /* Cannot fail: the clock always exists and the pointer is good. */
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
