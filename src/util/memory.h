/*
 * memory.h - allocation through the hooks of one cache.
 */
#ifndef JAYI_MEMORY_H
#define JAYI_MEMORY_H

#include <jaycache/jaycache.h>

/* malloc, realloc and free. */
extern const jay_allocator jayi_default_allocator;

static inline void *jayi_alloc(const jay_allocator *allocator, size_t size) {
    return allocator->alloc(allocator->arg, size > 0 ? size : 1);
}

static inline void *jayi_realloc(const jay_allocator *allocator, void *memory, size_t size) {
    return allocator->realloc(allocator->arg, memory, size > 0 ? size : 1);
}

static inline void jayi_free(const jay_allocator *allocator, void *memory) {
    allocator->free(allocator->arg, memory);
}

/* `count` zeroed elements of `size` bytes; NULL when that is too much. */
void *jayi_calloc(const jay_allocator *allocator, size_t count, size_t size);

/* A copy of `size` bytes with a NUL behind them. */
char *jayi_copy_text(const jay_allocator *allocator, const char *text, size_t size);

#endif
