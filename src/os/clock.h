/*
 * clock.h - time for expiry.
 */
#ifndef JAYI_CLOCK_H
#define JAYI_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment before the process began; never goes back, also not when someone
 * sets the date. Not comparable across machines or reboots. */
int64_t jayi_clock_ms(void);

/* The same clock as the kernel last noted it: never ahead of jayi_clock_ms, behind it by less than
 * JAYI_CLOCK_COARSE_LAG_MS, at a quarter of its cost. */
int64_t jayi_clock_coarse_ms(void);

#define JAYI_CLOCK_COARSE_LAG_MS 20 /* two ticks at the slowest rate in use, 100 a second */

#endif
