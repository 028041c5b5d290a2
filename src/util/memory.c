/*
 * memory.c - the default allocator, and helpers over any.
 */
#include "util/memory.h"

#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

static void *default_alloc(void *arg, size_t size) {
    (void)arg;
    return malloc(size);
}

static void *default_realloc(void *arg, void *memory, size_t size) {
    (void)arg;
    return realloc(memory, size);
}

static void default_free(void *arg, void *memory) {
    (void)arg;
    free(memory);
}

const jay_allocator jayi_default_allocator = {default_alloc, default_realloc, default_free, NULL};

void *jayi_calloc(const jay_allocator *allocator, size_t count, size_t size) {
    size_t total;
    if (!jayi_mul_size(count, size, &total)) return NULL;
    void *memory = jayi_alloc(allocator, total);
    if (memory != NULL) memset(memory, 0, total);
    return memory;
}

char *jayi_copy_text(const jay_allocator *allocator, const char *text, size_t size) {
    size_t total;
    if (!jayi_add_size(size, 1, &total)) return NULL;
    char *copy = jayi_alloc(allocator, total);
    if (copy == NULL) return NULL;
    if (size > 0) memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}
