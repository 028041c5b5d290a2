/*
 * wall_clock.h - the date, for times that machines must agree on.
 */
#ifndef JAYI_WALL_CLOCK_H
#define JAYI_WALL_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, as the date is set here; it may jump. */
int64_t jayi_clock_wall_ms(void);

#endif
