/*
 * jayi_blocks.h - memory for values, kept for the next ones.
 *
 * A batch takes and gives back a hundred blocks of many KiB at a time. Given back to the allocator
 * they would go on to the kernel, and come from there again page by page. So blocks of 1 to 256
 * KiB are kept, up to JAYI_BLOCKS_HELD_MAX bytes of them. Whoever finds the list in use goes to the
 * allocator: nobody waits, in a child of fork neither.
 */
#ifndef JAYI_BLOCKS_H
#define JAYI_BLOCKS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <jaycache/backend.h>

#define JAYI_BLOCK_STEP ((size_t)1024)
#define JAYI_BLOCK_CLASSES 258
#define JAYI_BLOCKS_HELD_MAX ((size_t)4 << 20)

typedef struct jayi_blocks {
    const jay_allocator *allocator;
    atomic_flag is_used;
    size_t held_bytes;
    struct jayi_block *free[JAYI_BLOCK_CLASSES]; /* by size in steps */
} jayi_blocks;

void jayi_blocks_init(jayi_blocks *blocks, const jay_allocator *allocator);
void jayi_blocks_deinit(jayi_blocks *blocks);

/* NULL without memory. */
void *jayi_block_acquire(jayi_blocks *blocks, size_t size);

/* NULL is allowed. */
void jayi_block_release(jayi_blocks *blocks, void *memory);

#endif
