/*
 * stripe.h - a small number for each thread, so that threads that count or search side by side use
 * different cache lines, and a thread can add to a line of its own without a locked instruction.
 *
 * The first JAYI_STRIPES - 1 threads of a process have a number each, from the lowest free one on;
 * it is free again when the thread ends. All others share the last. After fork the child has but
 * one thread, which keeps its number.
 */
#ifndef JAYI_STRIPE_H
#define JAYI_STRIPE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_STRIPES 32 /* jayi_stripe_index is below this */

/* 1 + the calling thread's number, or 0 before it has one. */
extern _Thread_local uint32_t jayi_stripe_of_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Gives the calling thread a number. */
size_t jayi_stripe_claim(void);

/* The calling thread's number. */
static inline size_t jayi_stripe_index(void) {
    uint32_t number = jayi_stripe_of_thread;
    return __builtin_expect(number != 0, 1) ? number - 1 : jayi_stripe_claim();
}

/*
 * Adds to a count in the stripe `index` of `stripes` (JAYI_STRIPES or fewer), where index is the
 * caller's number, or the last of the stripes for all numbers that are too high. Only the last is
 * shared: to any other no one else adds.
 */
static inline void jayi_stripe_add(_Atomic int64_t *count, size_t index, size_t stripes,
                                   int64_t amount) {
    if (__builtin_expect(index < stripes - 1, 1)) {
        int64_t before = atomic_load_explicit(count, memory_order_relaxed);
        /* Wraps, as an atomic addition does: in shared memory it may be any number. */
        int64_t after = (int64_t)((uint64_t)before + (uint64_t)amount);
        atomic_store_explicit(count, after, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(count, amount, memory_order_relaxed);
    }
}

#endif
