/*
 * mc_blocks.c - memory for values.
 */
#include "backends/memcached/mc_blocks.h"

#include "util/checked.h"
#include "util/memory.h"

/* Before the memory that is handed out. */
typedef struct mc_block {
    struct mc_block *next;
    size_t steps; /* 0: of no class */
} mc_block;

void jayi_mc_blocks_init(mc_blocks *blocks, const jay_allocator *allocator) {
    blocks->allocator = allocator;
    atomic_flag_clear(&blocks->is_used);
}

void jayi_mc_blocks_deinit(mc_blocks *blocks) {
    for (size_t i = 0; i < MC_BLOCK_CLASSES; i++) {
        while (blocks->free[i] != NULL) {
            mc_block *block = blocks->free[i];
            blocks->free[i] = block->next;
            jayi_free(blocks->allocator, block);
        }
    }
}

static bool begin(mc_blocks *blocks) {
    return !atomic_flag_test_and_set_explicit(&blocks->is_used, memory_order_acquire);
}

static void end(mc_blocks *blocks) {
    atomic_flag_clear_explicit(&blocks->is_used, memory_order_release);
}

void *jayi_mc_block_acquire(mc_blocks *blocks, size_t size) {
    size_t steps = size / MC_BLOCK_STEP + 1, room = size;
    if (steps == 1 || steps >= MC_BLOCK_CLASSES) steps = 0;
    mc_block *block = NULL;
    if (steps > 0 && begin(blocks)) {
        block = blocks->free[steps];
        if (block != NULL) {
            blocks->free[steps] = block->next;
            blocks->held_bytes -= steps * MC_BLOCK_STEP;
        }
        end(blocks);
    }
    if (block != NULL) return block + 1;
    if (steps > 0) room = steps * MC_BLOCK_STEP;
    if (!jayi_add_size(room, sizeof *block, &room)) return NULL;
    block = jayi_alloc(blocks->allocator, room);
    if (block == NULL) return NULL;
    block->steps = steps;
    return block + 1;
}

void jayi_mc_block_release(mc_blocks *blocks, void *memory) {
    if (memory == NULL) return;
    mc_block *block = (mc_block *)memory - 1;
    size_t size = block->steps * MC_BLOCK_STEP;
    bool is_kept = false;
    if (size > 0 && begin(blocks)) {
        is_kept = blocks->held_bytes + size <= MC_BLOCKS_HELD_MAX;
        if (is_kept) {
            block->next = blocks->free[block->steps];
            blocks->free[block->steps] = block;
            blocks->held_bytes += size;
        }
        end(blocks);
    }
    if (!is_kept) jayi_free(blocks->allocator, block);
}
