/*
 * mc_blocks.h - memory for values, kept for the next ones.
 *
 * A batch takes and gives back a hundred blocks of many KiB at a time. Given back to the allocator
 * they would go on to the kernel, and come from there again page by page. So blocks of 1 to 64 KiB
 * are kept, up to MC_BLOCKS_HELD_MAX bytes of them. Whoever finds the list in use goes to the
 * allocator: nobody waits, in a child of fork neither.
 */
#ifndef JAYI_MC_BLOCKS_H
#define JAYI_MC_BLOCKS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <jaycache/backend.h>

#define MC_BLOCK_STEP ((size_t)1024)
#define MC_BLOCK_CLASSES 66
#define MC_BLOCKS_HELD_MAX ((size_t)4 << 20)

typedef struct mc_blocks {
    const jay_allocator *allocator;
    atomic_flag is_used;
    size_t held_bytes;
    struct mc_block *free[MC_BLOCK_CLASSES]; /* by size in steps */
} mc_blocks;

void jayi_mc_blocks_init(mc_blocks *blocks, const jay_allocator *allocator);
void jayi_mc_blocks_deinit(mc_blocks *blocks);

/* NULL without memory. */
void *jayi_mc_block_acquire(mc_blocks *blocks, size_t size);

/* NULL is allowed. */
void jayi_mc_block_release(mc_blocks *blocks, void *memory);

#endif
