/*
 * counting_memory.c - the counting allocator: malloc with a marked head before each block.
 *
 * The C library's malloc can be used in a child that was forked while other threads were inside
 * it; those of AddressSanitizer and ThreadSanitizer cannot (their locks stay taken). So under
 * these, and only there, a fork waits until nobody is inside malloc or free. Words that order
 * nothing see to it: a lock would tell ThreadSanitizer that callers follow each other, and hide
 * their races. (The sanitizers run on processors whose read-modify-writes are full fences.)
 */
#include "counting_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GUARDS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
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

/* Global, because pthread_atfork knows no argument. */
static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static _Atomic int inside;
static _Atomic int is_forking;

static void before_fork(void) {
    atomic_exchange_explicit(&is_forking, 1, memory_order_relaxed);
    while (atomic_load_explicit(&inside, memory_order_relaxed) > 0) sched_yield();
}

static void after_fork(void) {
    atomic_store_explicit(&is_forking, 0, memory_order_relaxed);
}

static void install_handlers(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

static void enter(void) {
    pthread_once(&guard_once, install_handlers);
    for (;;) {
        atomic_fetch_add_explicit(&inside, 1, memory_order_relaxed);
        if (!atomic_load_explicit(&is_forking, memory_order_relaxed)) return;
        atomic_fetch_sub_explicit(&inside, 1, memory_order_relaxed);
        sched_yield();
    }
}

static void leave(void) {
    atomic_fetch_sub_explicit(&inside, 1, memory_order_relaxed);
}

static void *guarded_malloc(size_t size) {
    if (!GUARDS_MALLOC) return malloc(size);
    enter();
    void *block = malloc(size);
    leave();
    return block;
}

static void guarded_free(void *block) {
    if (GUARDS_MALLOC) enter();
    free(block);
    if (GUARDS_MALLOC) leave();
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
