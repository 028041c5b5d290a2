/*
 * file_stores.h - what bench_file measures beside each other: stores of entries in a directory.
 */
#ifndef JAYCACHE_BENCH_FILE_STORES_H
#define JAYCACHE_BENCH_FILE_STORES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_file_store {
    const char *name;
    /* Opens an empty store in a directory that is there. NULL on failure. */
    void *(*open)(const char *path, size_t value_bytes, size_t items);
    void (*close)(void *store);
    bool (*set)(void *store, size_t key, const void *value, size_t size);
    /* Returns the bytes copied into the buffer; 0: not found. */
    size_t (*get)(void *store, size_t key, void *buffer, size_t capacity);
} bench_file_store;

/* "raw", "files", "segments", "segments_mmap", and the others that were found at configure time;
 * then NULL. */
const bench_file_store *bench_file_store_at(size_t index);

/* The number of a store by its name; or that of the NULL behind them. */
size_t bench_file_store_find(const char *name);

#endif
