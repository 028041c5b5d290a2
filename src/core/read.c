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

int jay_get_into(jay_cache *cache, const void *key, size_t key_size, void *buffer, size_t capacity,
                 size_t *ret_size, jay_error *error) {
    if (JAYI_LIKELY(cache != NULL) && JAYI_LIKELY(cache->region != NULL) &&
        JAYI_LIKELY(key != NULL) && JAYI_LIKELY(buffer != NULL) && JAYI_LIKELY(ret_size != NULL) &&
        JAYI_LIKELY(jayi_key_fits(key_size)) &&
        jayi_hit_get_into(cache->region, key, key_size, buffer, capacity, ret_size))
        return JAY_OK;
    bool is_plain = cache != NULL && key != NULL && ret_size != NULL && buffer != NULL &&
                    is_simple(cache) && cache->ops->get_into != NULL && jayi_key_fits(key_size);
    if (JAYI_UNLIKELY(!is_plain))
        return get_into(cache, key, key_size, buffer, capacity, ret_size, error);
    jay_error local;
    local.code = JAY_OK;
    int status =
        cache->ops->get_into(cache->backend, key, key_size, buffer, capacity, ret_size, &local);
    if (cache->counts) jayi_count_lookup(cache, status);
    return jayi_finish(cache, status, &local, error);
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
