/*
 * random.h - randomness for seeds.
 */
#ifndef JAYI_RANDOM_H
#define JAYI_RANDOM_H

#include <stdint.h>

/* A seed from the kernel's random numbers. Never fails: where there are none yet (early in the
 * boot), it is made of the time, and keys made to collide then cost speed, nothing else. */
uint64_t jayi_random_seed(void);

#endif
