/*
 * real_clock.h - the date, for what outlives a reboot.
 */
#ifndef JAYI_REAL_CLOCK_H
#define JAYI_REAL_CLOCK_H

#include <stdint.h>

/* Nanoseconds since 1970. Goes where someone sets the date to. */
int64_t jayi_clock_real_ns(void);

#endif
