/*
 * read.c - public functions that read one key.
 */
#include "core/cache.h"
#include "core/emulate.h"
#include "engine/hit.h"
#include "util/decimal.h"

/* Whether a read needs nothing but the backend's function, and counting: there is no prefix. */
static inline bool is_simple(const jay_cache *cache) {
    return cache->prefix_size == 0;
}

/* The long way, as get_into below. */
static __attribute__((noinline)) int get(jay_cache *cache, const void *key, size_t key_size,
                                         jay_value *ret_value, jay_error *error) {
    if (ret_value == NULL) return jayi_bad_argument(cache, "ret_value", error);
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status == JAY_MISS) jayi_cache_count(cache, JAYI_MISSES);
    if (status != JAY_OK) return status;
    status = cache->ops->get(cache->backend, call.key.data, call.key.size, ret_value, &call.error);
    if (status == JAY_OK) jayi_view_out(cache, ret_value);
    jayi_count_lookup(cache, status);
    return jayi_end(&call, status);
}

int jay_get(jay_cache *cache, const void *key, size_t key_size, jay_value *ret_value,
            jay_error *error) {
    bool is_plain = cache != NULL && key != NULL && ret_value != NULL && is_simple(cache) &&
                    jayi_key_fits(key_size);
    if (JAYI_UNLIKELY(!is_plain)) return get(cache, key, key_size, ret_value, error);
    jay_error local;
    local.code = JAY_OK;
    int status = cache->ops->get(cache->backend, key, key_size, ret_value, &local);
    if (status == JAY_OK) jayi_view_out(cache, ret_value);
    if (cache->counts) jayi_count_lookup(cache, status);
    return jayi_finish(cache, status, &local, error);
}

uint32_t jay_value_flags(const jay_value *value) {
    if (value == NULL || value->cache == NULL) return 0;
    bool has_flags = (value->cache->ops->flags & JAY_BACKEND_FLAGS) != 0;
    return has_flags ? (uint32_t)value->reserved[0] : 0;
}

void jay_value_release(jay_value *value) {
    if (value == NULL || value->cache == NULL) return;
    jay_cache *cache = value->cache;
    cache->ops->release(cache->backend, value);
    jayi_count(&cache->counters, JAYI_PINNED, -1);
    *value = (jay_value)JAY_VALUE_INIT;
}

/* The long way: what is amiss is told, and what the backend does not do is done here. */
static __attribute__((noinline)) int get_into(jay_cache *cache, const void *key, size_t key_size,
                                              void *buffer, size_t capacity, size_t *ret_size,
                                              jay_error *error) {
    if (ret_size == NULL || (buffer == NULL && capacity > 0))
        return jayi_bad_argument(cache, "ret_size, and a buffer with room,", error);
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status == JAY_MISS) jayi_cache_count(cache, JAYI_MISSES);
    if (status != JAY_OK) return status;
    status = jayi_do_get_into(cache, &call.key, buffer, capacity, ret_size, &call.error);
    jayi_count_lookup(cache, status);
    return jayi_end(&call, status);
}

/*
 * The ways of a jay_get_into, from the shortest to the longest; each hands what it cannot do on to
 * the next, with the arguments as they came, before it has done anything. What is on the way of
 * nearly every hit is one function without calls (engine/hit.h), and what is not is a function of
 * its own, so that it takes no registers there.
 */
typedef int get_into_fn(jay_cache *cache, const void *key, size_t key_size, void *buffer,
                        size_t capacity, size_t *ret_size, jay_error *error);

/* Through the backend's table; the arguments are sound. */
static __attribute__((noinline)) int get_into_by_table(jay_cache *cache, const void *key,
                                                       size_t key_size, void *buffer,
                                                       size_t capacity, size_t *ret_size,
                                                       jay_error *error) {
    if (JAYI_UNLIKELY(!is_simple(cache)) || JAYI_UNLIKELY(cache->ops->get_into == NULL))
        return get_into(cache, key, key_size, buffer, capacity, ret_size, error);
    jay_error local;
    local.code = JAY_OK;
    int status =
        cache->ops->get_into(cache->backend, key, key_size, buffer, capacity, ret_size, &local);
    if (cache->counts) jayi_count_lookup(cache, status);
    return jayi_finish(cache, status, &local, error);
}

/* A call whose value is copied by a function; with its arguments, in case it does not count. */
typedef struct copying {
    jayi_hit hit;
    uint64_t hash;
    jay_cache *cache;
    const void *key;
    size_t key_size;
    void *buffer;
    size_t capacity;
    size_t *ret_size;
    jay_error *error;
} copying;

static __attribute__((noinline)) int copy_and_end(const copying *c) {
    jayi_racy_read(c->buffer, c->hit.value, c->hit.value_size);
    if (JAYI_UNLIKELY(!jayi_hit_end(c->cache->region, c->hash, c->key_size, &c->hit)))
        return get_into_by_table(c->cache, c->key, c->key_size, c->buffer, c->capacity, c->ret_size,
                                 c->error);
    *c->ret_size = c->hit.value_size;
    return JAY_OK;
}

/* A hit in the first or the second bucket of a hash. What is not in the first is looked for by
 * `elsewhere`. */
JAYI_ALWAYS_INLINE int get_hit(jay_cache *cache, uint64_t hash, uint32_t bits, const void *key,
                               size_t key_size, void *buffer, size_t capacity, size_t *ret_size,
                               jay_error *error, get_into_fn *elsewhere) {
    jayi_region *region = cache->region;
    jayi_hit hit;
    enum jayi_hit_outcome outcome = jayi_hit_find(region, hash, bits, key, key_size, &hit);
    if (JAYI_UNLIKELY(outcome == JAYI_HIT_ABSENT))
        return elsewhere(cache, key, key_size, buffer, capacity, ret_size, error);
    if (JAYI_UNLIKELY(outcome != JAYI_HIT_FOUND) || JAYI_UNLIKELY(hit.value_size > capacity))
        return get_into_by_table(cache, key, key_size, buffer, capacity, ret_size, error);
    if (JAYI_UNLIKELY(!jayi_racy_is_handy(hit.value_size))) {
        copying c = {hit, hash, cache, key, key_size, buffer, capacity, ret_size, error};
        return copy_and_end(&c);
    }
    jayi_racy_read(buffer, hit.value, hit.value_size);
    if (JAYI_UNLIKELY(!jayi_hit_end(region, hash, key_size, &hit)))
        return get_into_by_table(cache, key, key_size, buffer, capacity, ret_size, error);
    *ret_size = hit.value_size;
    return JAY_OK;
}

/* A hit in the second bucket. */
static __attribute__((noinline)) int get_into_second(jay_cache *cache, const void *key,
                                                     size_t key_size, void *buffer, size_t capacity,
                                                     size_t *ret_size, jay_error *error) {
    uint64_t hash = jayi_hit_hash(cache->region, key, key_size);
    return get_hit(cache, hash, jayi_second_bits(hash), key, key_size, buffer, capacity, ret_size,
                   error, get_into_by_table);
}

/* A hit of a key of any length. */
static __attribute__((noinline)) int get_into_any(jay_cache *cache, const void *key,
                                                  size_t key_size, void *buffer, size_t capacity,
                                                  size_t *ret_size, jay_error *error) {
    uint64_t hash = jayi_hash(key, key_size, cache->region->seed);
    return get_hit(cache, hash, jayi_first_bits(hash), key, key_size, buffer, capacity, ret_size,
                   error, get_into_second);
}

int jay_get_into(jay_cache *cache, const void *key, size_t key_size, void *buffer, size_t capacity,
                 size_t *ret_size, jay_error *error) {
    bool is_sound = cache != NULL && key != NULL && buffer != NULL && ret_size != NULL &&
                    jayi_key_fits(key_size);
    if (JAYI_UNLIKELY(!is_sound))
        return get_into(cache, key, key_size, buffer, capacity, ret_size, error);
    if (cache->region == NULL)
        return get_into_by_table(cache, key, key_size, buffer, capacity, ret_size, error);
    if (JAYI_UNLIKELY(!jayi_hit_is_short(key_size)))
        return get_into_any(cache, key, key_size, buffer, capacity, ret_size, error);
    uint64_t hash = jayi_hash_short(&cache->region->hash_keys, key, key_size);
    return get_hit(cache, hash, jayi_first_bits(hash), key, key_size, buffer, capacity, ret_size,
                   error, get_into_second);
}

int jay_get_int(jay_cache *cache, const void *key, size_t key_size, int64_t *ret_number,
                jay_error *error) {
    if (ret_number == NULL) return jayi_bad_argument(cache, "ret_number", error);
    char text[JAYI_DECIMAL_MAX];
    size_t size = 0;
    int status = jay_get_into(cache, key, key_size, text, sizeof text, &size, error);
    if (status != JAY_OK && status != JAY_BUFFER_TOO_SMALL) return status;
    if (status == JAY_OK && jayi_decimal_parse(text, size, ret_number)) return JAY_OK;
    jay_error local;
    jay_error_set(&local, JAY_E_NOT_INTEGER, 0, "the entry's value, %zu bytes, is not a number",
                  size);
    return jayi_fail(cache, JAY_E_NOT_INTEGER, &local, error);
}

int jay_has(jay_cache *cache, const void *key, size_t key_size, jay_error *error) {
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status != JAY_OK) return status;
    return jayi_end(&call, jayi_do_has(cache, &call.key, &call.error));
}

int jay_ttl(jay_cache *cache, const void *key, size_t key_size, int64_t *ret_ttl_ms,
            jay_error *error) {
    if (ret_ttl_ms == NULL) return jayi_bad_argument(cache, "ret_ttl_ms", error);
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status != JAY_OK) return status;
    return jayi_end(&call, jayi_do_ttl(cache, &call.key, ret_ttl_ms, &call.error));
}
