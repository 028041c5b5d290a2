/*
 * cache.h - the handle, and the steps that all its functions share.
 *
 * A public function on one key is: jayi_begin (checks the arguments, puts the prefix before the
 * key), a call of the backend's table or what stands in for it (emulate.h), counting, and jayi_end
 * (reports a failure). Those on many keys are in batch.c.
 *
 * All fields but the counters are constant between open and close, so no lock is needed here.
 */
#ifndef JAYI_CACHE_H
#define JAYI_CACHE_H

#include <stdbool.h>

#include <jaycache/backend.h>

#include "core/counters.h"

struct jay_cache {
    jayi_counters counters; /* first: its lines want alignment */
    const jay_backend_ops *ops;
    jay_backend *backend;
    struct jayi_region *region; /* NULL: hits take the long way, through the backend's table */
    char *prefix;
    size_t prefix_size;
    int64_t default_ttl_ms;
    jay_allocator allocator;
    jay_log_fn *log;
    void *log_arg;
    int log_level;
    bool counts;     /* false: the backend counts by itself */
    void *allocated; /* what to free: the handle lies at an aligned address within */
};

/* ---- failures ---- */

/* Ends a call that failed: completes the error, counts it, logs it, and copies it to the caller's.
 */
int jayi_fail(jay_cache *cache, int status, jay_error *local, jay_error *ret_error);

/* Ends any call. `local` is the error that the backend was given, with code 0 before. */
static inline int jayi_finish(jay_cache *cache, int status, jay_error *local,
                              jay_error *ret_error) {
    return status >= 0 ? status : jayi_fail(cache, status, local, ret_error);
}

void jayi_report_argument(jay_cache *cache, const char *what, jay_error *ret_error);

/* The failure of a NULL argument, on a handle that may be NULL itself. */
static inline int jayi_bad_argument(jay_cache *cache, const char *what, jay_error *ret_error) {
    jayi_report_argument(cache, what, ret_error);
    return JAY_E_ARGUMENT;
}

/* ---- keys ---- */

/* A key with its prefix. Short ones need no allocation. */
typedef struct jayi_key {
    const void *data;
    size_t size;
    void *allocated;
    unsigned char inline_bytes[256];
} jayi_key;

/* Whether a key is of a length that can be stored. */
static inline bool jayi_key_fits(size_t key_size) {
    return key_size - 1 < JAY_KEY_MAX_BYTES;
}

int jayi_key_prefixed(jay_cache *cache, const void *key, size_t key_size, jayi_key *ret_key,
                      jay_error *error);

/* Makes *ret_key, to be ended with jayi_key_deinit on JAY_OK, from a key that fits. */
static inline int jayi_key_init(jay_cache *cache, const void *key, size_t key_size,
                                jayi_key *ret_key, jay_error *error) {
    if (cache->prefix_size > 0) return jayi_key_prefixed(cache, key, key_size, ret_key, error);
    ret_key->data = key;
    ret_key->size = key_size;
    ret_key->allocated = NULL;
    return JAY_OK;
}

static inline void jayi_key_deinit(jay_cache *cache, jayi_key *key) {
    if (key->allocated != NULL) cache->allocator.free(cache->allocator.arg, key->allocated);
}

/* The failure of a key that cannot be stored. */
int jayi_bad_key(size_t key_size, jay_error *error);

/* ---- a call on one key ---- */

typedef struct jayi_call {
    jay_cache *cache;
    jay_error *ret_error; /* the caller's, or NULL */
    jay_error error;      /* the backend's; only its code is set before */
    jayi_key key;
} jayi_call;

/*
 * Begins a call. On JAY_OK it goes on, with call->key, and ends with jayi_end. Otherwise it is
 * over, with that status: JAY_MISS for a key that cannot be stored, or a failure, which is
 * reported.
 */
static inline int jayi_begin(jayi_call *call, jay_cache *cache, const void *key, size_t key_size,
                             jay_error *ret_error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", ret_error);
    if (!jayi_key_fits(key_size)) return JAY_MISS;
    if (key == NULL) return jayi_bad_argument(cache, "the key", ret_error);
    call->cache = cache;
    call->ret_error = ret_error;
    call->error.code = JAY_OK;
    int status = jayi_key_init(cache, key, key_size, &call->key, &call->error);
    return jayi_finish(cache, status, &call->error, ret_error);
}

/* The same for calls that store: a key that cannot be stored is a failure. */
int jayi_begin_store(jayi_call *call, jay_cache *cache, const void *key, size_t key_size,
                     jay_error *ret_error);

/* Ends a call that has begun, with its status. */
static inline int jayi_end(jayi_call *call, int status) {
    jayi_key_deinit(call->cache, &call->key);
    return jayi_finish(call->cache, status, &call->error, call->ret_error);
}

/* ---- the rest ---- */

/* What a caller's TTL means: JAY_TTL_FOREVER, 1 to JAY_TTL_MAX_MS, or JAY_TTL_EXPIRED. */
static inline int64_t jayi_resolve_ttl(const jay_cache *cache, int64_t ttl_ms) {
    if (ttl_ms == JAY_TTL_DEFAULT) return cache->default_ttl_ms;
    if (ttl_ms < 0) return JAY_TTL_EXPIRED;
    return ttl_ms > JAY_TTL_MAX_MS ? JAY_TTL_FOREVER : ttl_ms;
}

static inline void jayi_cache_count(jay_cache *cache, enum jayi_counter counter) {
    if (cache->counts) jayi_count(&cache->counters, counter, 1);
}

/* Counts a lookup by its status. */
static inline void jayi_count_lookup(jay_cache *cache, int status) {
    if (status == JAY_MISS) jayi_cache_count(cache, JAYI_MISSES);
    if (status == JAY_OK || status == JAY_BUFFER_TOO_SMALL) jayi_cache_count(cache, JAYI_HITS);
}

/* Hands a view from the backend on to the caller. */
static inline void jayi_view_out(jay_cache *cache, jay_value *view) {
    view->cache = cache;
    jayi_count(&cache->counters, JAYI_PINNED, 1);
}

#endif
