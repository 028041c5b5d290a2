/*
 * write.c - public functions that write one key.
 */
#include "core/cache.h"
#include "core/emulate.h"
#include "util/decimal.h"

/* The common way of set, add, replace and cas: `write` lacks only its prefix and resolved TTL. */
static int store(jay_cache *cache, jay_write *write, jay_error *error) {
    if (write->value == NULL && write->value_size > 0)
        return jayi_bad_argument(cache, "the value", error);
    jayi_call call;
    int status = jayi_begin_store(&call, cache, write->key, write->key_size, error);
    if (status != JAY_OK) return status;
    write->key = call.key.data;
    write->key_size = call.key.size;
    write->ttl_ms = jayi_resolve_ttl(cache, write->ttl_ms);
    status = jayi_do_write(cache, write, &call.error);
    if (status == JAY_OK) jayi_cache_count(cache, JAYI_SETS);
    return jayi_end(&call, status);
}

#define WRITE_OF(write_mode, wanted_version)                                                      \
    {                                                                                             \
        .struct_size = sizeof(jay_write), .mode = (write_mode), .key = key, .key_size = key_size, \
        .value = value, .value_size = value_size, .ttl_ms = ttl_ms, .version = (wanted_version),  \
    }

int jay_set(jay_cache *cache, const void *key, size_t key_size, const void *value,
            size_t value_size, int64_t ttl_ms, jay_error *error) {
    jay_write write = WRITE_OF(JAY_WRITE_SET, 0);
    return store(cache, &write, error);
}

int jay_set_int(jay_cache *cache, const void *key, size_t key_size, int64_t number, int64_t ttl_ms,
                jay_error *error) {
    char text[JAYI_DECIMAL_MAX];
    size_t size = jayi_decimal_format(number, text);
    return jay_set(cache, key, key_size, text, size, ttl_ms, error);
}

int jay_add(jay_cache *cache, const void *key, size_t key_size, const void *value,
            size_t value_size, int64_t ttl_ms, jay_error *error) {
    jay_write write = WRITE_OF(JAY_WRITE_ADD, 0);
    return store(cache, &write, error);
}

int jay_replace(jay_cache *cache, const void *key, size_t key_size, const void *value,
                size_t value_size, int64_t ttl_ms, jay_error *error) {
    jay_write write = WRITE_OF(JAY_WRITE_REPLACE, 0);
    return store(cache, &write, error);
}

int jay_cas(jay_cache *cache, const void *key, size_t key_size, const void *value,
            size_t value_size, int64_t ttl_ms, uint64_t version, jay_error *error) {
    jay_write write = WRITE_OF(JAY_WRITE_CAS, version);
    return store(cache, &write, error);
}

int jay_store(jay_cache *cache, const void *key, size_t key_size, const void *value,
              size_t value_size, int64_t ttl_ms, const jay_extras *extras, jay_error *error) {
    if (extras == NULL) return jay_set(cache, key, key_size, value, value_size, ttl_ms, error);
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    jay_error local = {.code = JAY_OK};
    int status = JAY_OK;
    if (extras->struct_size < sizeof *extras || extras->mode < JAY_STORE_SET ||
        extras->mode > JAY_STORE_CAS) {
        status = jay_error_set(&local, JAY_E_ARGUMENT, 0,
                               "the extras' struct_size must be %zu, and their mode one of enum "
                               "jay_store_mode",
                               sizeof *extras);
    } else {
        status = jayi_check_flags(cache, &extras->flags, 1, &local);
    }
    if (status != JAY_OK) return jayi_fail(cache, status, &local, error);
    jay_write write = WRITE_OF(extras->mode, extras->version);
    write.flags = extras->flags;
    return store(cache, &write, error);
}

int jay_delete(jay_cache *cache, const void *key, size_t key_size, jay_error *error) {
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status != JAY_OK) return status;
    status = cache->ops->erase(cache->backend, call.key.data, call.key.size, &call.error);
    if (status == JAY_OK) jayi_cache_count(cache, JAYI_DELETES);
    return jayi_end(&call, status);
}

int jay_touch(jay_cache *cache, const void *key, size_t key_size, int64_t ttl_ms,
              jay_error *error) {
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status != JAY_OK) return status;
    ttl_ms = jayi_resolve_ttl(cache, ttl_ms);
    return jayi_end(&call, jayi_do_touch(cache, &call.key, ttl_ms, &call.error));
}

int jay_inc(jay_cache *cache, const void *key, size_t key_size, int64_t delta, int64_t ttl_ms,
            int64_t *ret_number, jay_error *error) {
    jayi_call call;
    int status = jayi_begin_store(&call, cache, key, key_size, error);
    if (status != JAY_OK) return status;
    int64_t number = 0;
    ttl_ms = jayi_resolve_ttl(cache, ttl_ms);
    status = jayi_do_inc(cache, &call.key, delta, ttl_ms, &number, &call.error);
    if (status == JAY_OK) jayi_cache_count(cache, JAYI_SETS);
    if (status == JAY_OK && ret_number != NULL) *ret_number = number;
    return jayi_end(&call, status);
}

int jay_dec(jay_cache *cache, const void *key, size_t key_size, int64_t delta, int64_t ttl_ms,
            int64_t *ret_number, jay_error *error) {
    if (delta != INT64_MIN) return jay_inc(cache, key, key_size, -delta, ttl_ms, ret_number, error);
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    jay_error local;
    jay_error_set(
        &local, JAY_E_ARGUMENT, 0,
        "the delta is the least 64-bit number, which has no negative; subtract in two steps");
    return jayi_fail(cache, JAY_E_ARGUMENT, &local, error);
}
