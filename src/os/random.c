/*
 * random.c - randomness for seeds.
 */
#include "os/random.h"

#include <sys/random.h>
#include <unistd.h>

#include "os/clock.h"

uint64_t jayi_random_seed(void) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)jayi_clock_ms() * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)getpid();
    return seed;
}
