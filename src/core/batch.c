/*
 * batch.c - public functions on many keys.
 *
 * A batch goes to the backend in one call where its table has one, else key by key. While it is on
 * its way statuses[i] says what to do: JAY_OK is to be done; anything else the core has settled
 * already, and the backend skips it.
 */
#include <string.h>

#include "core/cache.h"
#include "core/emulate.h"
#include "util/checked.h"
#include "util/memory.h"

/* Small batches need no memory for their statuses. */
#define INLINE_STATUSES 64

typedef struct batch {
    jay_cache *cache;
    size_t count;
    int *statuses;   /* the caller's, or inline, or in `allocated` */
    void *allocated; /* statuses, and keys and pairs with their prefix */
    int inline_statuses[INLINE_STATUSES];
} batch;

/* The memory that `keys_size` bytes of keys need, and `count` records of `record_size`. */
static bool scratch_size(const batch *b, size_t record_size, size_t keys_size, size_t *ret_size) {
    size_t records, statuses;
    return jayi_mul_size(b->count, record_size, &records) &&
           jayi_mul_size(b->count, sizeof(int), &statuses) &&
           jayi_add_size(records, statuses, ret_size) &&
           jayi_add_size(*ret_size, keys_size, ret_size);
}

/* Copies one key behind the prefix, at *to, which moves on. */
static jay_bytes prefixed_key(const jay_cache *cache, jay_bytes key, unsigned char **to) {
    jay_bytes full = {*to, cache->prefix_size + key.size};
    memcpy(*to, cache->prefix, cache->prefix_size);
    memcpy(*to + cache->prefix_size, key.data, key.size);
    *to += full.size;
    return full;
}

/* Sets the statuses up, and `record_size` bytes of scratch a key (0: none) in *ret_records, with
 * `keys_size` bytes behind it in *ret_bytes. */
static int batch_init(batch *b, jay_cache *cache, size_t count, int *ret_statuses,
                      size_t record_size, size_t keys_size, void **ret_records,
                      unsigned char **ret_bytes, jay_error *error) {
    b->cache = cache;
    b->count = count;
    b->allocated = NULL;
    b->statuses = ret_statuses != NULL ? ret_statuses : b->inline_statuses;
    bool need_statuses = ret_statuses == NULL && count > INLINE_STATUSES;
    if (record_size == 0 && !need_statuses) return JAY_OK;
    size_t size;
    if (scratch_size(b, record_size, keys_size, &size))
        b->allocated = jayi_alloc(&cache->allocator, size);
    if (b->allocated == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a batch of %zu keys", count);
    unsigned char *bytes = (unsigned char *)b->allocated + count * record_size;
    if (need_statuses) b->statuses = (int *)(void *)bytes;
    *ret_records = b->allocated;
    *ret_bytes = bytes + count * sizeof(int);
    return JAY_OK;
}

static void batch_deinit(batch *b) {
    if (b->allocated != NULL) jayi_free(&b->cache->allocator, b->allocated);
}

/* The status of the whole: JAY_OK, or the first failure. */
static int batch_status(const batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        if (b->statuses[i] < 0) return b->statuses[i];
    }
    return JAY_OK;
}

static int check_keys(jay_cache *cache, const jay_bytes *keys, size_t count, jay_error *error) {
    if (keys == NULL) return jayi_bad_argument(cache, "keys", error);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].data == NULL && keys[i].size > 0)
            return jayi_bad_argument(cache, "a key's data", error);
    }
    return JAY_OK;
}

/*
 * Prepares a batch of keys only: keys that cannot be stored are misses, the others JAY_OK; *keys
 * become those with the prefix.
 */
static int prepare_keys(batch *b, jay_cache *cache, const jay_bytes **keys, size_t count,
                        int *ret_statuses, jay_error *error) {
    void *records = NULL;
    unsigned char *bytes = NULL;
    size_t record_size = cache->prefix_size > 0 ? sizeof(jay_bytes) : 0;
    size_t keys_size = 0;
    for (size_t i = 0; record_size > 0 && i < count; i++) {
        if (jayi_key_fits((*keys)[i].size)) keys_size += cache->prefix_size + (*keys)[i].size;
    }
    int status =
        batch_init(b, cache, count, ret_statuses, record_size, keys_size, &records, &bytes, error);
    if (status != JAY_OK) return status;
    jay_bytes *full = record_size > 0 ? records : NULL;
    for (size_t i = 0; i < count; i++) {
        bool fits = jayi_key_fits((*keys)[i].size);
        b->statuses[i] = fits ? JAY_OK : JAY_MISS;
        if (full != NULL) full[i] = fits ? prefixed_key(cache, (*keys)[i], &bytes) : (*keys)[i];
    }
    if (full != NULL) *keys = full;
    return JAY_OK;
}

static void fill_statuses(int *statuses, size_t count, int status) {
    for (size_t i = 0; statuses != NULL && i < count; i++) statuses[i] = status;
}

/* Keeps the first failure only: the backend overwrites `once` at each. */
static void keep_first(jay_error *first, const jay_error *once, int status) {
    if (status < 0 && first->code == JAY_OK) *first = *once;
}

/* ---- get_many ---- */

static void get_each(batch *b, const jay_bytes *keys, jay_value *values, jay_error *error) {
    const jay_backend_ops *ops = b->cache->ops;
    if (ops->get_many != NULL) {
        ops->get_many(b->cache->backend, keys, b->count, values, b->statuses, error);
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (b->statuses[i] != JAY_OK) continue;
        jay_error once = {.code = JAY_OK};
        b->statuses[i] = ops->get(b->cache->backend, keys[i].data, keys[i].size, &values[i], &once);
        keep_first(error, &once, b->statuses[i]);
    }
}

int jay_get_many(jay_cache *cache, const jay_bytes *keys, size_t count, jay_value *ret_values,
                 int *ret_statuses, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (count == 0) return JAY_OK;
    if (ret_values == NULL) return jayi_bad_argument(cache, "ret_values", error);
    int status = check_keys(cache, keys, count, error);
    if (status != JAY_OK) return status;
    jay_error local = {.code = JAY_OK};
    for (size_t i = 0; i < count; i++) ret_values[i] = (jay_value)JAY_VALUE_INIT;
    batch b;
    status = prepare_keys(&b, cache, &keys, count, ret_statuses, &local);
    if (status != JAY_OK) {
        fill_statuses(ret_statuses, count, status);
        return jayi_fail(cache, status, &local, error);
    }
    get_each(&b, keys, ret_values, &local);
    int64_t views = 0;
    for (size_t i = 0; i < count; i++) {
        jayi_count_lookup(cache, b.statuses[i]);
        if (b.statuses[i] == JAY_OK) {
            ret_values[i].cache = cache;
            views++;
        } else {
            ret_values[i] = (jay_value)JAY_VALUE_INIT;
        }
    }
    jayi_count(&cache->counters, JAYI_PINNED, views);
    status = batch_status(&b);
    batch_deinit(&b);
    return jayi_finish(cache, status, &local, error);
}

void jay_values_release(jay_value *values, size_t count) {
    /* Counted together as long as they are of the same cache, which nearly all are. */
    jay_cache *cache = NULL;
    int64_t views = 0;
    for (size_t i = 0; values != NULL && i < count; i++) {
        jay_value *value = &values[i];
        if (value->cache == NULL) continue;
        if (value->cache != cache && views > 0) {
            jayi_count(&cache->counters, JAYI_PINNED, -views);
            views = 0;
        }
        cache = value->cache;
        cache->ops->release(cache->backend, value);
        views++;
        *value = (jay_value)JAY_VALUE_INIT;
    }
    if (views > 0) jayi_count(&cache->counters, JAYI_PINNED, -views);
}

/* ---- set_many ---- */

static int check_pairs(jay_cache *cache, const jay_pair *pairs, size_t count, jay_error *error) {
    if (pairs == NULL) return jayi_bad_argument(cache, "pairs", error);
    for (size_t i = 0; i < count; i++) {
        bool has_key = pairs[i].key.data != NULL || pairs[i].key.size == 0;
        bool has_value = pairs[i].value.data != NULL || pairs[i].value.size == 0;
        if (!has_key || !has_value)
            return jayi_bad_argument(cache, "a pair's key and value", error);
    }
    return JAY_OK;
}

/* A pair whose time is over already removes its key, after earlier pairs of the same key and before
 * later ones: a batch with one goes key by key. */
static bool has_expired_pair(const jay_pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].ttl_ms == JAY_TTL_EXPIRED) return true;
    }
    return false;
}

static void set_each(batch *b, const jay_pair *pairs, const uint32_t *flags, jay_error *error) {
    const jay_backend_ops *ops = b->cache->ops;
    bool is_plain = !has_expired_pair(pairs, b->count);
    if (is_plain && flags == NULL && ops->set_many != NULL) {
        ops->set_many(b->cache->backend, pairs, b->count, b->statuses, error);
        return;
    }
    if (is_plain && flags != NULL && ops->set_many_flags != NULL) {
        ops->set_many_flags(b->cache->backend, pairs, flags, b->count, b->statuses, error);
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (b->statuses[i] != JAY_OK) continue;
        jay_write write = {.struct_size = sizeof write,
                           .mode = JAY_WRITE_SET,
                           .key = pairs[i].key.data,
                           .key_size = pairs[i].key.size,
                           .value = pairs[i].value.data,
                           .value_size = pairs[i].value.size,
                           .ttl_ms = pairs[i].ttl_ms,
                           .flags = flags != NULL ? flags[i] : 0};
        jay_error once = {.code = JAY_OK};
        b->statuses[i] = jayi_do_write(b->cache, &write, &once);
        keep_first(error, &once, b->statuses[i]);
    }
}

/* Copies the pairs with prefixes and resolved TTLs; keys that cannot be stored get JAY_E_KEY. */
static int prepare_pairs(batch *b, jay_cache *cache, const jay_pair **pairs, size_t count,
                         int *ret_statuses, jay_error *error) {
    size_t keys_size = 0;
    for (size_t i = 0; cache->prefix_size > 0 && i < count; i++) {
        if (jayi_key_fits((*pairs)[i].key.size))
            keys_size += cache->prefix_size + (*pairs)[i].key.size;
    }
    void *records = NULL;
    unsigned char *bytes = NULL;
    int status = batch_init(b, cache, count, ret_statuses, sizeof(jay_pair), keys_size, &records,
                            &bytes, error);
    if (status != JAY_OK) return status;
    jay_pair *full = records;
    for (size_t i = 0; i < count; i++) {
        full[i] = (*pairs)[i];
        full[i].ttl_ms = jayi_resolve_ttl(cache, full[i].ttl_ms);
        b->statuses[i] = JAY_OK;
        if (!jayi_key_fits(full[i].key.size)) {
            jay_error once;
            b->statuses[i] = jayi_bad_key(full[i].key.size, &once);
            keep_first(error, &once, b->statuses[i]);
        } else if (cache->prefix_size > 0) {
            full[i].key = prefixed_key(cache, full[i].key, &bytes);
        }
    }
    *pairs = full;
    return JAY_OK;
}

int jay_set_many_flags(jay_cache *cache, const jay_pair *pairs, const uint32_t *flags, size_t count,
                       int *ret_statuses, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (count == 0) return JAY_OK;
    int status = check_pairs(cache, pairs, count, error);
    if (status != JAY_OK) return status;
    jay_error local = {.code = JAY_OK};
    batch b;
    if (flags != NULL) status = jayi_check_flags(cache, flags, count, &local);
    if (status == JAY_OK) status = prepare_pairs(&b, cache, &pairs, count, ret_statuses, &local);
    if (status != JAY_OK) {
        fill_statuses(ret_statuses, count, status);
        return jayi_fail(cache, status, &local, error);
    }
    set_each(&b, pairs, flags, &local);
    for (size_t i = 0; i < count; i++) {
        if (b.statuses[i] == JAY_OK) jayi_cache_count(cache, JAYI_SETS);
    }
    status = batch_status(&b);
    batch_deinit(&b);
    return jayi_finish(cache, status, &local, error);
}

int jay_set_many(jay_cache *cache, const jay_pair *pairs, size_t count, int *ret_statuses,
                 jay_error *error) {
    return jay_set_many_flags(cache, pairs, NULL, count, ret_statuses, error);
}

/* ---- delete_many ---- */

static void delete_each(batch *b, const jay_bytes *keys, jay_error *error) {
    const jay_backend_ops *ops = b->cache->ops;
    if (ops->delete_many != NULL) {
        ops->delete_many(b->cache->backend, keys, b->count, b->statuses, error);
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (b->statuses[i] != JAY_OK) continue;
        jay_error once = {.code = JAY_OK};
        b->statuses[i] = ops->erase(b->cache->backend, keys[i].data, keys[i].size, &once);
        keep_first(error, &once, b->statuses[i]);
    }
}

int jay_delete_many(jay_cache *cache, const jay_bytes *keys, size_t count, int *ret_statuses,
                    jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (count == 0) return JAY_OK;
    int status = check_keys(cache, keys, count, error);
    if (status != JAY_OK) return status;
    jay_error local = {.code = JAY_OK};
    batch b;
    status = prepare_keys(&b, cache, &keys, count, ret_statuses, &local);
    if (status != JAY_OK) {
        fill_statuses(ret_statuses, count, status);
        return jayi_fail(cache, status, &local, error);
    }
    delete_each(&b, keys, &local);
    for (size_t i = 0; i < count; i++) {
        if (b.statuses[i] == JAY_OK) jayi_cache_count(cache, JAYI_DELETES);
    }
    status = batch_status(&b);
    batch_deinit(&b);
    return jayi_finish(cache, status, &local, error);
}
