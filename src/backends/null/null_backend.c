/*
 * null_backend.c - every write succeeds and nothing is ever found.
 *
 * Each call is answered as by a cache that evicts each entry at once, so a program that works with
 * it works with any backend. It has no state: one constant serves as all.
 */
#include "backends/null/null_backend.h"

struct jay_backend {
    char unused;
};

static jay_backend the_one;

static int null_open(const jay_backend_config *config, jay_backend **ret_backend,
                     jay_error *error) {
    if (config->authority[0] != '\0' || config->path[0] != '\0') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "%s: takes nothing but options; write %s: or %s:?default_ttl=60s",
                             config->scheme, config->scheme, config->scheme);
    }
    *ret_backend = &the_one;
    return JAY_OK;
}

static int null_close(jay_backend *backend) {
    (void)backend;
    return JAY_OK;
}

static int null_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error) {
    (void)backend, (void)key, (void)key_size, (void)ret_value, (void)error;
    return JAY_MISS;
}

static void null_release(jay_backend *backend, jay_value *value) {
    (void)backend, (void)value;
}

static int null_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    (void)backend, (void)error;
    return write->mode == JAY_WRITE_SET || write->mode == JAY_WRITE_ADD ? JAY_OK : JAY_MISS;
}

/* As in the original NullCache a delete succeeds: after it the key is gone, which is what was
 * asked. */
static int null_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    (void)backend, (void)key, (void)key_size, (void)error;
    return JAY_OK;
}

static int null_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error) {
    (void)backend, (void)key, (void)key_size, (void)ret_ttl_ms, (void)error;
    return JAY_MISS;
}

static int null_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error) {
    (void)backend, (void)key, (void)key_size, (void)ttl_ms, (void)error;
    return JAY_MISS;
}

static int null_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    (void)backend, (void)key, (void)key_size, (void)ttl_ms, (void)error;
    *ret_number = delta;
    return JAY_OK;
}

static int null_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_error *error) {
    (void)backend, (void)prefix, (void)prefix_size, (void)error;
    return JAY_OK;
}

static int null_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                        jay_iterate_fn *fn, void *arg, jay_error *error) {
    (void)fn, (void)arg;
    return null_clear(backend, prefix, prefix_size, error);
}

static int null_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    (void)backend, (void)error;
    stats->evictions = stats->expiries = stats->resets = 0;
    stats->items = stats->bytes = 0;
    stats->max_items = stats->max_bytes = 0;
    return JAY_OK;
}

const jay_backend_ops jayi_null_backend = {
    .struct_size = sizeof(jay_backend_ops),
    .abi = JAY_BACKEND_ABI,
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS | JAY_BACKEND_STORES_NOTHING,
    .scheme = "null",
    .help = "stores nothing: for switching a cache off",
    .open = null_open,
    .close = null_close,
    .get = null_get,
    .release = null_release,
    .write = null_write,
    .erase = null_erase,
    .ttl = null_ttl,
    .touch = null_touch,
    .inc = null_inc,
    .clear = null_clear,
    .iterate = null_iterate,
    .stats = null_stats,
};
