/*
 * reference_backend.h - `reference:`, a full backend kept as simple as can be.
 *
 * It shows what the contract asks for, and is what the broken backends are made of: they wrap its
 * table, and a few reach into its store.
 */
#ifndef REFERENCE_BACKEND_H
#define REFERENCE_BACKEND_H

#include <jaycache/backend.h>

#include "fork_lock.h"

#define REFERENCE_BUCKETS 256u

typedef struct reference_entry {
    struct reference_entry *next; /* in its bucket */
    struct reference_entry *older;
    struct reference_entry *newer;
    uint64_t version;
    int64_t deadline_ms; /* INT64_MAX: never */
    size_t references;   /* one of the table, one of each view */
    size_t key_size;
    size_t value_size;
    unsigned char bytes[]; /* value, NUL, key */
} reference_entry;

/*
 * Entries and their lock. All handles with the same path and the same allocator share one store,
 * which ends with the last of them.
 */
typedef struct reference_store {
    struct reference_store *next; /* in the list of all stores */
    size_t users;                 /* guarded by the list's lock, like `next` */
    char *path;
    jay_allocator allocator;
    fork_lock lock; /* of everything below */
    reference_entry *buckets[REFERENCE_BUCKETS];
    reference_entry *oldest;
    reference_entry *newest;
    size_t max_items; /* 0: no limit */
    size_t max_bytes;
    size_t items;
    size_t bytes; /* of all entries, also of those gone but pinned */
    uint64_t last_version;
    int64_t hits, misses, sets, deletes, evictions, expiries;
} reference_store;

struct jay_backend {
    reference_store *store;
};

enum reference_option { REFERENCE_MAX_ITEMS, REFERENCE_MAX_BYTES, REFERENCE_OPTION_COUNT };

extern const jay_backend_ops reference_backend;

/* Milliseconds of the clock that the store's deadlines are counted in. */
int64_t reference_now_ms(void);

#endif
