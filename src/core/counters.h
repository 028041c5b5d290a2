/*
 * counters.h - statistics that many threads count at once without sharing a cache line.
 *
 * Each thread adds to the line of its number (util/stripe.h). A total is the sum of the stripes,
 * exact once the threads are done.
 */
#ifndef JAYI_COUNTERS_H
#define JAYI_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "util/stripe.h"

#define JAYI_LINE_BYTES 64

enum jayi_counter {
    JAYI_HITS,
    JAYI_MISSES,
    JAYI_SETS,
    JAYI_DELETES,
    JAYI_ERRORS,
    JAYI_PINNED,
    JAYI_COUNTER_COUNT
};

typedef struct jayi_stripe {
    _Alignas(JAYI_LINE_BYTES) _Atomic int64_t counts[JAYI_COUNTER_COUNT];
} jayi_stripe;

typedef struct jayi_counters {
    jayi_stripe stripes[JAYI_STRIPES];
} jayi_counters;

static inline void jayi_count(jayi_counters *counters, enum jayi_counter counter, int64_t amount) {
    size_t index = jayi_stripe_index();
    jayi_stripe_add(&counters->stripes[index].counts[counter], index, JAYI_STRIPES, amount);
}

static inline int64_t jayi_total(jayi_counters *counters, enum jayi_counter counter) {
    int64_t total = 0;
    for (size_t i = 0; i < JAYI_STRIPES; i++)
        total += atomic_load_explicit(&counters->stripes[i].counts[counter], memory_order_relaxed);
    return total;
}

#endif
