/*
 * counting_memory.c - the counting allocator: malloc with a marked head before each block.
 *
 * The C library's malloc can be used in a child that was forked while other threads were inside
 * it; that of AddressSanitizer cannot (its locks stay taken). So under that sanitizer, and only
 * there, malloc and free are guarded by a fork lock. It is made before any other lock, and
 * therefore taken last before a fork, like here, where callers may hold locks of their own.
 */
#include "counting_memory.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fork_lock.h"

#if defined(__SANITIZE_ADDRESS__)
#define GUARDS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARDS_MALLOC 1
#endif
#endif
#ifndef GUARDS_MALLOC
#define GUARDS_MALLOC 0
#endif

#define MARK_LIVE UINT64_C(0x6c6976652d6d656d)
#define MARK_FREED UINT64_C(0x66726565642d6d65)

typedef union block_head {
    struct {
        uint64_t mark;
        size_t size;
    } is;
    max_align_t aligned;
} block_head;

static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static fork_lock guard;

static void make_guard(void) {
    fork_lock_init(&guard);
}

static void *guarded_malloc(size_t size) {
    if (!GUARDS_MALLOC) return malloc(size);
    pthread_once(&guard_once, make_guard);
    fork_lock_take(&guard);
    void *block = malloc(size);
    fork_lock_drop(&guard);
    return block;
}

static void guarded_free(void *block) {
    if (GUARDS_MALLOC) fork_lock_take(&guard);
    free(block);
    if (GUARDS_MALLOC) fork_lock_drop(&guard);
}

static int may_allocate(counting_memory *memory) {
    int64_t call = atomic_fetch_add(&memory->calls, 1) + 1;
    return call != atomic_load(&memory->fail_at);
}

static void *count_alloc(void *arg, size_t size) {
    counting_memory *memory = arg;
    if (size == 0) atomic_fetch_add(&memory->misuses, 1);
    if (!may_allocate(memory) || size > SIZE_MAX - sizeof(block_head)) return NULL;
    block_head *head = guarded_malloc(sizeof *head + size);
    if (head == NULL) return NULL;
    head->is.mark = MARK_LIVE;
    head->is.size = size;
    atomic_fetch_add(&memory->live_blocks, 1);
    /* Whoever takes fresh memory for zeros is to notice. */
    memset(head + 1, 0xa5, size < 4096 ? size : 4096);
    return head + 1;
}

static void count_free(void *arg, void *block) {
    counting_memory *memory = arg;
    if (block == NULL) return;
    block_head *head = (block_head *)block - 1;
    if (head->is.mark != MARK_LIVE) {
        atomic_fetch_add(&memory->misuses, 1);
        return;
    }
    head->is.mark = MARK_FREED;
    atomic_fetch_sub(&memory->live_blocks, 1);
    guarded_free(head);
}

/* Always moves, so that nobody can count on a block staying where it is. */
static void *count_realloc(void *arg, void *block, size_t size) {
    if (block == NULL) return count_alloc(arg, size);
    block_head *head = (block_head *)block - 1;
    void *moved = count_alloc(arg, size);
    if (moved == NULL) return NULL;
    memcpy(moved, block, size < head->is.size ? size : head->is.size);
    count_free(arg, block);
    return moved;
}

jay_allocator counting_allocator(counting_memory *memory) {
    return (jay_allocator){count_alloc, count_realloc, count_free, memory};
}

void counting_memory_fail(counting_memory *memory, int64_t n) {
    atomic_store(&memory->calls, 0);
    atomic_store(&memory->fail_at, n);
}

int counting_memory_has_failed(counting_memory *memory) {
    int64_t n = atomic_load(&memory->fail_at);
    return n > 0 && atomic_load(&memory->calls) >= n;
}
