/*
 * registry.c - which backends are built in. A new one is a line here and a folder in src/backends.
 */
#include "core/registry.h"

#include <string.h>

#include "backends/file/file_backend.h"
#include "backends/memcached/memcached_backend.h"
#include "backends/memory/memory_backend.h"
#include "backends/null/null_backend.h"
#include "backends/redis/redis_backend.h"
#include "backends/shm/shm_backend.h"

static const jay_backend_ops *const builtin[] = {
    &jayi_null_backend,          &jayi_memory_backend,         &jayi_simple_backend,
    &jayi_shm_backend,           &jayi_file_backend,           &jayi_memcached_backend,
    &jayi_memcacheds_backend,    &jayi_redis_backend,          &jayi_rediss_backend,
    &jayi_redis_unix_backend,    &jayi_redis_sentinel_backend, &jayi_rediss_sentinel_backend,
    &jayi_redis_cluster_backend, &jayi_rediss_cluster_backend,
};

#define BUILTIN_COUNT (sizeof builtin / sizeof builtin[0])

const jay_option_info jayi_core_options[JAYI_CORE_OPTION_COUNT] = {
    [JAYI_OPTION_PREFIX] = {.name = "prefix",
                            .type = JAY_OPTION_TEXT,
                            .default_text = "",
                            .min = 0,
                            .max = (int64_t)JAY_PREFIX_MAX_BYTES,
                            .also = "key_prefix namespace",
                            .help = "put before every key, so that several caches share one store"},
    [JAYI_OPTION_DEFAULT_TTL] = {.name = "default_ttl",
                                 .type = JAY_OPTION_DURATION,
                                 .default_text = "300s",
                                 .min = 0,
                                 .max = JAY_TTL_MAX_MS,
                                 .also = "default_timeout timeout ttl expire",
                                 .help = "time to live where a call gives none; 0: for ever"},
};

const jay_backend_ops *jayi_builtin_backend_at(size_t index) {
    return index < BUILTIN_COUNT ? builtin[index] : NULL;
}

const jay_backend_ops *jayi_builtin_backend(const char *scheme) {
    for (size_t i = 0; i < BUILTIN_COUNT; i++) {
        if (strcmp(builtin[i]->scheme, scheme) == 0) return builtin[i];
    }
    return NULL;
}

const char *jay_scheme_at(size_t index) {
    const jay_backend_ops *ops = jayi_builtin_backend_at(index);
    return ops != NULL ? ops->scheme : NULL;
}

const char *jay_scheme_help(const char *scheme) {
    const jay_backend_ops *ops = scheme != NULL ? jayi_builtin_backend(scheme) : NULL;
    return ops != NULL ? ops->help : NULL;
}

const jay_option_info *jay_option_at(const char *scheme, size_t index) {
    if (scheme == NULL) return index < JAYI_CORE_OPTION_COUNT ? &jayi_core_options[index] : NULL;
    const jay_backend_ops *ops = jayi_builtin_backend(scheme);
    return ops != NULL && index < ops->option_count ? &ops->options[index] : NULL;
}
