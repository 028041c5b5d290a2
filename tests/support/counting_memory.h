/*
 * counting_memory.h - an allocator for tests: it counts what is live and can fail any one call.
 *
 * Every block carries a mark, so that memory from elsewhere, or memory freed twice, is
 * counted as a misuse instead of being believed.
 */
#ifndef COUNTING_MEMORY_H
#define COUNTING_MEMORY_H

#include <stdint.h>

#include <jaycache/jaycache.h>

typedef struct counting_memory {
    _Atomic int64_t live_blocks;
    _Atomic int64_t calls;   /* of alloc and realloc, since the start or counting_memory_fail */
    _Atomic int64_t fail_at; /* the call with this number fails; 0: none does */
    _Atomic int64_t misuses; /* blocks handed back that are none of ours, requests for 0 bytes */
} counting_memory;

/* An allocator on `memory`, which must outlive all that uses it and begin as all zeros. */
jay_allocator counting_allocator(counting_memory *memory);

/* Lets the n-th call from now fail; 0: none. Counts calls anew. */
void counting_memory_fail(counting_memory *memory, int64_t n);

/* Whether the failure asked for has happened. */
int counting_memory_has_failed(counting_memory *memory);

#endif
