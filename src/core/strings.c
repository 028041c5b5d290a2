/*
 * strings.c - the forms for NUL-terminated strings.
 */
#include <string.h>

#include "core/cache.h"

/* Leaves the function when a string is missing. */
#define RETURN_IF_NULL(cache, text, what) \
    if ((text) == NULL) return jayi_bad_argument((cache), (what), NULL)

int jay_get_str(jay_cache *cache, const char *key, jay_value *ret_value) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_get(cache, key, strlen(key), ret_value, NULL);
}

int jay_set_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms) {
    RETURN_IF_NULL(cache, key, "the key");
    RETURN_IF_NULL(cache, value, "the value");
    return jay_set(cache, key, strlen(key), value, strlen(value), ttl_ms, NULL);
}

int jay_add_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms) {
    RETURN_IF_NULL(cache, key, "the key");
    RETURN_IF_NULL(cache, value, "the value");
    return jay_add(cache, key, strlen(key), value, strlen(value), ttl_ms, NULL);
}

int jay_replace_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms) {
    RETURN_IF_NULL(cache, key, "the key");
    RETURN_IF_NULL(cache, value, "the value");
    return jay_replace(cache, key, strlen(key), value, strlen(value), ttl_ms, NULL);
}

int jay_delete_str(jay_cache *cache, const char *key) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_delete(cache, key, strlen(key), NULL);
}

int jay_has_str(jay_cache *cache, const char *key) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_has(cache, key, strlen(key), NULL);
}

int jay_touch_str(jay_cache *cache, const char *key, int64_t ttl_ms) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_touch(cache, key, strlen(key), ttl_ms, NULL);
}

int jay_inc_str(jay_cache *cache, const char *key, int64_t delta, int64_t *ret_number) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_inc(cache, key, strlen(key), delta, JAY_TTL_DEFAULT, ret_number, NULL);
}

int jay_dec_str(jay_cache *cache, const char *key, int64_t delta, int64_t *ret_number) {
    RETURN_IF_NULL(cache, key, "the key");
    return jay_dec(cache, key, strlen(key), delta, JAY_TTL_DEFAULT, ret_number, NULL);
}
