/*
 * place.c - jay_file_path.
 */
#include <string.h>

#include "backends/file/file_backend.h"
#include "backends/file/file_place.h"
#include "core/cache.h"

/* As the other lookups; what is not a file: cache is told so even for keys that cannot be there. */
static int find_place(jay_cache *cache, const void *key, size_t key_size, jay_file_place *ret_place,
                      jay_error *error) {
    jay_error local;
    local.code = JAY_OK;
    if (cache->ops != &jayi_file_backend) {
        jay_error_set(&local, JAY_E_UNSUPPORTED, 0,
                      "%s: has no files to give out; use jay_get, or the URL of a file: cache",
                      cache->ops->scheme);
        return jayi_fail(cache, JAY_E_UNSUPPORTED, &local, error);
    }
    jayi_call call;
    int status = jayi_begin(&call, cache, key, key_size, error);
    if (status == JAY_MISS) jayi_cache_count(cache, JAYI_MISSES);
    if (status != JAY_OK) return status;
    status = jayi_file_place(cache->backend, call.key.data, call.key.size, ret_place, &call.error);
    jayi_count_lookup(cache, status);
    return jayi_end(&call, status);
}

int jay_file_path(jay_cache *cache, const void *key, size_t key_size, jay_file_place *ret_place,
                  size_t place_size, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (ret_place == NULL) return jayi_bad_argument(cache, "ret_place", error);
    if (place_size == 0 || place_size % sizeof(int64_t) != 0) {
        jay_error local;
        jay_error_set(&local, JAY_E_ARGUMENT, 0,
                      "place_size must be sizeof(jay_file_place), not %zu", place_size);
        return jayi_fail(cache, JAY_E_ARGUMENT, &local, error);
    }
    jay_file_place place;
    int status = find_place(cache, key, key_size, &place, error);
    if (status != JAY_OK) return status;
    /* A program made for a longer struct finds the fields that we do not know at 0. */
    memset(ret_place, 0, place_size);
    memcpy(ret_place, &place, place_size < sizeof place ? place_size : sizeof place);
    return JAY_OK;
}
