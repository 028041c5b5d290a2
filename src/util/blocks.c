/*
 * jayi_blocks.c - memory for values.
 */
#include "util/blocks.h"

#include "util/checked.h"
#include "util/memory.h"

/* Before the memory that is handed out. */
typedef struct jayi_block {
    struct jayi_block *next;
    size_t steps; /* 0: of no class */
} jayi_block;

void jayi_blocks_init(jayi_blocks *blocks, const jay_allocator *allocator) {
    blocks->allocator = allocator;
    atomic_flag_clear(&blocks->is_used);
}

void jayi_blocks_deinit(jayi_blocks *blocks) {
    for (size_t i = 0; i < JAYI_BLOCK_CLASSES; i++) {
        while (blocks->free[i] != NULL) {
            jayi_block *block = blocks->free[i];
            blocks->free[i] = block->next;
            jayi_free(blocks->allocator, block);
        }
    }
}

static bool begin(jayi_blocks *blocks) {
    return !atomic_flag_test_and_set_explicit(&blocks->is_used, memory_order_acquire);
}

static void end(jayi_blocks *blocks) {
    atomic_flag_clear_explicit(&blocks->is_used, memory_order_release);
}

void *jayi_block_acquire(jayi_blocks *blocks, size_t size) {
    size_t steps = size / JAYI_BLOCK_STEP + 1, room = size;
    if (steps == 1 || steps >= JAYI_BLOCK_CLASSES) steps = 0;
    jayi_block *block = NULL;
    if (steps > 0 && begin(blocks)) {
        block = blocks->free[steps];
        if (block != NULL) {
            blocks->free[steps] = block->next;
            blocks->held_bytes -= steps * JAYI_BLOCK_STEP;
        }
        end(blocks);
    }
    if (block != NULL) return block + 1;
    if (steps > 0) room = steps * JAYI_BLOCK_STEP;
    if (!jayi_add_size(room, sizeof *block, &room)) return NULL;
    block = jayi_alloc(blocks->allocator, room);
    if (block == NULL) return NULL;
    block->steps = steps;
    return block + 1;
}

void jayi_block_release(jayi_blocks *blocks, void *memory) {
    if (memory == NULL) return;
    jayi_block *block = (jayi_block *)memory - 1;
    size_t size = block->steps * JAYI_BLOCK_STEP;
    bool is_kept = false;
    if (size > 0 && begin(blocks)) {
        is_kept = blocks->held_bytes + size <= JAYI_BLOCKS_HELD_MAX;
        if (is_kept) {
            block->next = blocks->free[block->steps];
            blocks->free[block->steps] = block;
            blocks->held_bytes += size;
        }
        end(blocks);
    }
    if (!is_kept) jayi_free(blocks->allocator, block);
}
