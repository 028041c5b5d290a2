/*
 * stripe.h - a small number for each thread, so that threads that count or search side by side
 * mostly use different cache lines.
 */
#ifndef JAYI_STRIPE_H
#define JAYI_STRIPE_H

#include <stddef.h>
#include <stdint.h>

#define JAYI_STRIPES 32 /* jayi_stripe_index is below this */

/* The calling thread's number. Two threads may have the same. */
static inline size_t jayi_stripe_index(void) {
    /* Thread-local blocks lie pages apart, at no regular distance: spread their page numbers. */
    static _Thread_local char marker __attribute__((tls_model("initial-exec")));
    uint64_t page = (uint64_t)(uintptr_t)&marker >> 12;
    return (size_t)((page * UINT64_C(0x9E3779B97F4A7C15)) >> 59);
}

_Static_assert(JAYI_STRIPES == 32, "the top 5 bits of a product");

#endif
