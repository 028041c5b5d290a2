/*
 * slab.c - memory that several values share.
 */
#include "util/slab.h"

jayi_slab *jayi_slab_acquire(jayi_blocks *blocks, size_t bytes) {
    size_t size = JAYI_SLAB_MIN;
    while (size < JAYI_SLAB_MAX && size - sizeof(jayi_slab) - 1 < bytes) size *= 2;
    /* A byte less, by which the block is of the class of `size`. */
    jayi_slab *slab = jayi_block_acquire(blocks, size - 1);
    if (slab == NULL) return NULL;
    atomic_init(&slab->pins, 1);
    slab->size = (uint32_t)(size - 1 - sizeof *slab);
    return slab;
}

void jayi_slab_unpin(jayi_blocks *blocks, jayi_slab *slab) {
    if (atomic_fetch_sub_explicit(&slab->pins, 1, memory_order_acq_rel) == 1)
        jayi_block_release(blocks, slab);
}
