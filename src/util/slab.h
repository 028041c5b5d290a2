/*
 * slab.h - memory that is received into and in which several values then stay: each view of one
 * pins it.
 *
 * So a view keeps the values beside its own in memory, JAYI_SLAB_MAX bytes of them at most.
 */
#ifndef JAYI_SLAB_H
#define JAYI_SLAB_H

#include <stdint.h>

#include "util/blocks.h"

#define JAYI_SLAB_MIN ((size_t)4 << 10)
#define JAYI_SLAB_MAX ((size_t)256 << 10)
/* Larger values get a block of their own: else too much would have to move from slab to slab. */
#define JAYI_SLAB_VALUE_MAX (JAYI_SLAB_MAX / 4)
/* With less room than this a new slab is begun: short reads cost as much as long ones. */
#define JAYI_SLAB_LOW (JAYI_SLAB_MAX / 4)

typedef struct jayi_slab {
    _Atomic uint32_t pins; /* views, and whoever receives here */
    uint32_t size;         /* of the bytes */
    char bytes[];
} jayi_slab;

/* A slab, pinned, with room for so many bytes, or for JAYI_SLAB_MAX; NULL without memory. */
jayi_slab *jayi_slab_acquire(jayi_blocks *blocks, size_t bytes);

/* Counts a view into the slab that is being received into. */
static inline void jayi_slab_pin(jayi_slab *slab) {
    /* Nobody else has it yet. */
    uint32_t pins = atomic_load_explicit(&slab->pins, memory_order_relaxed);
    atomic_store_explicit(&slab->pins, pins + 1, memory_order_relaxed);
}

/* Whether there is no view into it. */
static inline bool jayi_slab_is_free(jayi_slab *slab) {
    return atomic_load_explicit(&slab->pins, memory_order_relaxed) == 1;
}

void jayi_slab_unpin(jayi_blocks *blocks, jayi_slab *slab);

#endif
