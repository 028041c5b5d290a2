/*
 * cache.c - opening and closing handles, and the shared steps of cache.h.
 */
#include "core/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backends/region/region_backend.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/url.h"
#include "util/memory.h"

static void log_failure(const jay_cache *cache, const jay_error *error) {
    if (cache->log == NULL || cache->log_level < JAY_LOG_ERROR) return;
    char line[sizeof error->message + 64];
    snprintf(line, sizeof line, "%s: %s (%s)", error->backend, error->message,
             jay_status_name(error->code));
    cache->log(cache->log_arg, JAY_LOG_ERROR, line);
}

int jayi_fail(jay_cache *cache, int status, jay_error *local, jay_error *ret_error) {
    if (local->code != status)
        jay_error_set(local, status, 0, "%s: %s", cache->ops->scheme, jay_status_text(status));
    snprintf(local->backend, sizeof local->backend, "%s", cache->ops->scheme);
    jayi_count(&cache->counters, JAYI_ERRORS, 1);
    log_failure(cache, local);
    if (ret_error != NULL) *ret_error = *local;
    return status;
}

void jayi_report_argument(jay_cache *cache, const char *what, jay_error *ret_error) {
    jay_error local;
    jay_error_set(&local, JAY_E_ARGUMENT, 0, "%s must not be NULL", what);
    if (cache != NULL) {
        jayi_fail(cache, JAY_E_ARGUMENT, &local, ret_error);
    } else if (ret_error != NULL) {
        *ret_error = local;
    }
}

int jayi_bad_key(size_t key_size, jay_error *error) {
    return jay_error_set(error, JAY_E_KEY, 0,
                         "the key has %zu bytes; it must have 1 to %zu (hash longer ones)",
                         key_size, JAY_KEY_MAX_BYTES);
}

int jayi_key_prefixed(jay_cache *cache, const void *key, size_t key_size, jayi_key *ret_key,
                      jay_error *error) {
    size_t size = cache->prefix_size + key_size; /* both are bounded: no overflow */
    unsigned char *bytes = ret_key->inline_bytes;
    ret_key->allocated = NULL;
    if (size > sizeof ret_key->inline_bytes) {
        bytes = jayi_alloc(&cache->allocator, size);
        if (bytes == NULL) {
            return jay_error_set(error, JAY_E_NO_MEMORY, 0,
                                 "no memory for a key of %zu bytes with its prefix", size);
        }
        ret_key->allocated = bytes;
    }
    memcpy(bytes, cache->prefix, cache->prefix_size);
    memcpy(bytes + cache->prefix_size, key, key_size);
    ret_key->data = bytes;
    ret_key->size = size;
    return JAY_OK;
}

int jayi_begin_store(jayi_call *call, jay_cache *cache, const void *key, size_t key_size,
                     jay_error *ret_error) {
    int status = jayi_begin(call, cache, key, key_size, ret_error);
    if (status != JAY_MISS) return status;
    return jayi_fail(cache, jayi_bad_key(key_size, &call->error), &call->error, ret_error);
}

/* A zeroed handle at an address aligned for its counters. */
static jay_cache *allocate_handle(const jay_allocator *allocator) {
    void *allocated = jayi_calloc(allocator, 1, sizeof(jay_cache) + JAYI_LINE_BYTES);
    if (allocated == NULL) return NULL;
    uintptr_t address = (uintptr_t)allocated;
    size_t skip = (JAYI_LINE_BYTES - address % JAYI_LINE_BYTES) % JAYI_LINE_BYTES;
    jay_cache *cache = (jay_cache *)(void *)((char *)allocated + skip);
    cache->allocated = allocated;
    cache->allocator = *allocator;
    return cache;
}

static void free_handle(jay_cache *cache) {
    jay_allocator allocator = cache->allocator;
    jayi_free(&allocator, cache->prefix);
    jayi_free(&allocator, cache->allocated);
}

static int open_backend(jay_cache *cache, const jayi_url *url, const jay_options *options,
                        const jay_option_value *values, jay_error *error) {
    jay_backend_config config = {.struct_size = sizeof config,
                                 .scheme = url->scheme,
                                 .authority = url->authority,
                                 .path = url->path,
                                 .values = values + JAYI_CORE_OPTION_COUNT,
                                 .allocator = cache->allocator,
                                 .log = cache->log,
                                 .log_arg = cache->log_arg,
                                 .log_level = cache->log_level,
                                 .default_ttl_ms = cache->default_ttl_ms,
                                 .prefix = cache->prefix,
                                 .prefix_size = cache->prefix_size};
    if (options != NULL) {
        config.dial = options->dial;
        config.dial_arg = options->dial_arg;
        config.login = options->login;
        config.login_arg = options->login_arg;
    }
    int status = cache->ops->open(&config, &cache->backend, error);
    if (status <= 0) return status;
    return jay_error_set(error, JAY_E_INTERNAL, 0,
                         "the backend's open returned %d, which is no "
                         "failure and not JAY_OK",
                         status);
}

/* Makes the handle for a backend whose options are resolved. */
static int open_handle(const jay_backend_ops *ops, const jayi_url *url, const jay_options *options,
                       const jay_allocator *allocator, const jay_option_value *values,
                       jay_cache **ret_cache, jay_error *error) {
    jay_cache *cache = allocate_handle(allocator);
    if (cache == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    const char *prefix = values[JAYI_OPTION_PREFIX].text;
    cache->ops = ops;
    cache->counts = (ops->flags & JAY_BACKEND_COUNTS) == 0;
    cache->default_ttl_ms = values[JAYI_OPTION_DEFAULT_TTL].number;
    cache->log = options != NULL ? options->log : NULL;
    cache->log_arg = options != NULL ? options->log_arg : NULL;
    cache->log_level = options != NULL ? options->log_level : JAY_LOG_ERROR;
    cache->prefix_size = strlen(prefix);
    cache->prefix = jayi_copy_text(allocator, prefix, cache->prefix_size);
    int status = cache->prefix == NULL
                     ? jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the prefix")
                     : open_backend(cache, url, options, values, error);
    if (status != JAY_OK) {
        free_handle(cache);
        return status;
    }
    if (cache->prefix_size == 0) cache->region = jayi_region_of(ops, cache->backend);
    *ret_cache = cache;
    return JAY_OK;
}

static int unknown_scheme(const char *scheme, const jay_options *options, jay_error *error) {
    const char *nearest = jayi_nearest_scheme(options, scheme);
    if (nearest != NULL) {
        return jay_error_set(error, JAY_E_SCHEME, 0,
                             "no backend has the URL scheme '%s'; did you mean '%s:'?", scheme,
                             nearest);
    }
    char list[sizeof error->message];
    size_t used = 0;
    for (size_t i = 0; jay_scheme_at(i) != NULL && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s:", i == 0 ? "" : " ",
                                 jay_scheme_at(i));
    }
    return jay_error_set(error, JAY_E_SCHEME, 0, "no backend has the URL scheme '%s'; there are %s",
                         scheme, list);
}

static int open_url(const jayi_url *url, const jay_options *options, const jay_allocator *allocator,
                    jay_cache **ret_cache, jay_error *error) {
    const jay_backend_ops *ops = jayi_find_backend(options, url->scheme);
    if (ops == NULL) return unknown_scheme(url->scheme, options, error);
    jay_option_value *values =
        jayi_calloc(allocator, JAYI_CORE_OPTION_COUNT + ops->option_count, sizeof *values);
    if (values == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the options");
    int status = jayi_resolve_options(ops, options, url, values, error);
    if (status == JAY_OK)
        status = open_handle(ops, url, options, allocator, values, ret_cache, error);
    jayi_free(allocator, values);
    return status;
}

int jay_open(const char *url, const jay_options *options, jay_cache **ret_cache, jay_error *error) {
    jay_error local = {.code = JAY_OK};
    if (url == NULL) return jayi_bad_argument(NULL, "the URL", error);
    if (ret_cache == NULL) return jayi_bad_argument(NULL, "ret_cache", error);
    const jay_allocator *allocator =
        options != NULL ? &options->allocator : &jayi_default_allocator;
    jayi_url parsed;
    parsed.scheme[0] = '\0';
    int status = jayi_url_init(&parsed, url, allocator, &local);
    if (status == JAY_OK) {
        status = open_url(&parsed, options, allocator, ret_cache, &local);
        jayi_url_deinit(&parsed);
    }
    if (status == JAY_OK) return status;
    if (local.code != status) jay_error_set(&local, status, 0, "%s", jay_status_text(status));
    snprintf(local.backend, sizeof local.backend, "%s", parsed.scheme);
    if (error != NULL) *error = local;
    return status;
}

int jay_close(jay_cache *cache) {
    if (cache == NULL) return JAY_OK;
    jay_error local = {.code = JAY_OK};
    int64_t held = jayi_total(&cache->counters, JAYI_PINNED);
    if (held > 0) {
        jay_error_set(&local, JAY_E_BUSY, 0,
                      "%" PRId64 " views are still held; release them, then close again", held);
        return jayi_fail(cache, JAY_E_BUSY, &local, NULL);
    }
    int status = cache->ops->close(cache->backend);
    if (status < 0) jayi_fail(cache, status, &local, NULL);
    free_handle(cache);
    return status;
}

const char *jay_cache_scheme(const jay_cache *cache) {
    return cache != NULL ? cache->ops->scheme : "";
}
