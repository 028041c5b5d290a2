/*
 * peer.h - one small table of functions for everything that the memory benchmark measures: the
 * limit, Jaycache itself, and the other caches and maps.
 *
 * A store is opened once, then each thread of the benchmark gets its own handle from `attach`, made
 * and ended while nothing else runs. After that any thread may call the operations at any time,
 * each with its own handle. All operations go through these pointers, so that the cost of the call
 * is the same for all.
 *
 * The rules that keep it fair
 *  - the key given is hashed in each call, with XXH3 wherever the store lets its hash be chosen;
 *  - the whole key is compared;
 *  - get_into copies the value into the caller's buffer; view shows it in place, and it stays as it
 *    is until `release`, where the store can promise that;
 *  - a store that evicts does so by count of items (config.item_limit), with its own policy.
 * What a store cannot do, its table leaves NULL, and the benchmark leaves out.
 */
#ifndef JAYCACHE_BENCH_PEER_H
#define JAYCACHE_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_status { PEER_HIT = 0, PEER_MISS = 1, PEER_FAILED = -1 };

#define PEER_BATCH_MAX 16

typedef struct peer_config {
    uint32_t item_count;   /* items that the workload has */
    uint32_t item_limit;   /* items that the store may hold, 0: all of them */
    size_t value_bytes;    /* every value's size */
    size_t capacity_bytes; /* room enough for all it may hold, overhead included */
    unsigned thread_count; /* threads that will attach */
    const char *scratch;   /* a temporary directory of this run, in memory if possible */
    const char *url;       /* of Jaycache stores */
    const char *tag;       /* text of this run that names what must be named system-wide */
} peer_config;

typedef struct peer_view {
    const void *data;
    size_t size;
    void *pin;
} peer_view;

typedef struct peer_key {
    const void *data;
    size_t size;
} peer_key;

typedef struct peer_pair {
    peer_key key;
    peer_key value;
} peer_pair;

/* What went wrong, for people. */
typedef struct peer_error {
    char message[320];
} peer_error;

typedef struct peer_ops {
    const char *name;  /* as in the names of figures: "rocksdb_lru" */
    const char *title; /* for people: "RocksDB LRUCache" */
    bool is_rival;     /* counts as a peer; the limit and Jaycache do not */
    bool evicts;       /* keeps to config.item_limit */
    bool is_set_split; /* an overwrite is an erase and an insert: others may miss in between */

    /* Returns NULL and fills in `error` on failure. `state` is what the other functions get. */
    void *(*open)(const peer_config *config, peer_error *error);
    void (*close)(void *state);
    void *(*attach)(void *state, peer_error *error);
    void (*detach)(void *state, void *handle);

    int (*get_into)(void *handle, const void *key, size_t key_size, void *buffer, size_t capacity,
                    size_t *ret_size);
    int (*set)(void *handle, const void *key, size_t key_size, const void *value,
               size_t value_size);

    /* ---- everything below may be NULL ---- */

    /* One view at a time is held by a handle. */
    int (*view)(void *handle, const void *key, size_t key_size, peer_view *ret_view);
    void (*release)(void *handle, peer_view *view);

    /* Up to PEER_BATCH_MAX views at once; data is NULL where it was a miss. */
    int (*view_many)(void *handle, const peer_key *keys, size_t count, peer_view *ret_views);
    void (*release_many)(void *handle, size_t count);

    /* A faster way to fill, never timed. Left out: set, one by one. */
    int (*load)(void *handle, const peer_pair *pairs, size_t count);

    /* What the store says it takes, in bytes; -1: it does not know. */
    int64_t (*bytes)(void *handle);
    /* Another process that holds the data, whose memory counts; 0: none. */
    int (*process)(void *state);
    /* Why the last call of this handle failed. */
    const char *(*message)(void *handle);
} peer_ops;

extern const peer_ops peer_limit;
extern const peer_ops peer_jaycache;
extern const peer_ops peer_rocksdb_hyperclock;
extern const peer_ops peer_rocksdb_lru;
extern const peer_ops peer_glib_lru;
extern const peer_ops peer_uthash;
extern const peer_ops peer_tbb;
extern const peer_ops peer_lmdb;
extern const peer_ops peer_memcached;

#ifdef __cplusplus
}
#endif

#endif
