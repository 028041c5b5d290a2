/*
 * real_clock.h - the date, for what outlives a reboot, and for times that machines must agree on.
 */
#ifndef JAYI_REAL_CLOCK_H
#define JAYI_REAL_CLOCK_H

#include <stdint.h>

/* Nanoseconds, or milliseconds, since 1970. Go where someone sets the date to. */
int64_t jayi_clock_real_ns(void);
int64_t jayi_clock_real_ms(void);

#endif
