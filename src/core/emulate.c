/*
 * emulate.c - stand-ins for what a backend leaves out.
 */
#include "core/emulate.h"

#include <string.h>

#include "util/checked.h"
#include "util/decimal.h"
#include "util/memory.h"

/* Compare-and-set loses only to someone who got on: so many losses in a row are a fault. */
#define INC_ATTEMPTS 1000

static int unsupported(const jay_cache *cache, const char *what, jay_error *error) {
    return jay_error_set(error, JAY_E_UNSUPPORTED, 0, "%s: does not support %s", cache->ops->scheme,
                         what);
}

int jayi_check_flags(const jay_cache *cache, const uint32_t *flags, size_t count,
                     jay_error *error) {
    if ((cache->ops->flags & JAY_BACKEND_FLAGS) != 0) return JAY_OK;
    for (size_t i = 0; i < count; i++) {
        if (flags[i] != 0) return unsupported(cache, "client flags", error);
    }
    return JAY_OK;
}

int jayi_do_get_into(jay_cache *cache, const jayi_key *key, void *buffer, size_t capacity,
                     size_t *ret_size, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    if (ops->get_into != NULL) {
        return ops->get_into(cache->backend, key->data, key->size, buffer, capacity, ret_size,
                             error);
    }
    jay_value view = JAY_VALUE_INIT;
    int status = ops->get(cache->backend, key->data, key->size, &view, error);
    if (status != JAY_OK) return status;
    *ret_size = view.size;
    if (view.size > capacity) {
        status = JAY_BUFFER_TOO_SMALL;
    } else if (view.size > 0) {
        memcpy(buffer, view.data, view.size);
    }
    ops->release(cache->backend, &view);
    return status;
}

int jayi_do_has(jay_cache *cache, const jayi_key *key, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    if (ops->has != NULL) return ops->has(cache->backend, key->data, key->size, error);
    jay_value view = JAY_VALUE_INIT;
    int status = ops->get(cache->backend, key->data, key->size, &view, error);
    if (status == JAY_OK) ops->release(cache->backend, &view);
    return status;
}

int jayi_do_ttl(jay_cache *cache, const jayi_key *key, int64_t *ret_ttl_ms, jay_error *error) {
    if (cache->ops->ttl == NULL) return unsupported(cache, "ttl", error);
    return cache->ops->ttl(cache->backend, key->data, key->size, ret_ttl_ms, error);
}

/* Replace by compare-and-set of whatever version is there. */
static int replace_by_cas(jay_cache *cache, jay_write *write, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    for (int attempt = 0; attempt < INC_ATTEMPTS; attempt++) {
        jay_value view = JAY_VALUE_INIT;
        int status = ops->get(cache->backend, write->key, write->key_size, &view, error);
        if (status != JAY_OK) return status;
        write->mode = JAY_WRITE_CAS;
        write->version = view.version;
        ops->release(cache->backend, &view);
        status = ops->write(cache->backend, write, error);
        if (status != JAY_CHANGED) return status;
    }
    return jay_error_set(error, JAY_E_BUSY, 0, "%s: the entry kept changing", ops->scheme);
}

/* Writes whose time is over before they begin. Only compare-and-set needs the backend to know. */
static int write_expired(jay_cache *cache, const jay_write *write, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    int status;
    switch (write->mode) {
    case JAY_WRITE_SET:
        status = ops->erase(cache->backend, write->key, write->key_size, error);
        return status == JAY_MISS ? JAY_OK : status;
    case JAY_WRITE_ADD: {
        jayi_key key = {.data = write->key, .size = write->key_size, .allocated = NULL};
        status = jayi_do_has(cache, &key, error);
        if (status == JAY_MISS) return JAY_OK;
        return status == JAY_OK ? JAY_EXISTS : status;
    }
    case JAY_WRITE_REPLACE:
        if (ops->flags & JAY_BACKEND_STORES_NOTHING) return JAY_MISS;
        return ops->erase(cache->backend, write->key, write->key_size, error);
    default:
        return ops->write(cache->backend, write, error);
    }
}

int jayi_do_write(jay_cache *cache, jay_write *write, jay_error *error) {
    uint32_t flags = cache->ops->flags;
    if (write->mode == JAY_WRITE_CAS && (flags & JAY_BACKEND_CAS) == 0)
        return unsupported(cache, "cas", error);
    if (write->mode == JAY_WRITE_ADD && (flags & JAY_BACKEND_ADD) == 0)
        return unsupported(cache, "add", error);
    if (write->mode == JAY_WRITE_REPLACE && (flags & (JAY_BACKEND_REPLACE | JAY_BACKEND_CAS)) == 0)
        return unsupported(cache, "replace", error);
    if (write->ttl_ms == JAY_TTL_EXPIRED) return write_expired(cache, write, error);
    if (write->mode == JAY_WRITE_REPLACE && (flags & JAY_BACKEND_REPLACE) == 0)
        return replace_by_cas(cache, write, error);
    return cache->ops->write(cache->backend, write, error);
}

int jayi_do_touch(jay_cache *cache, const jayi_key *key, int64_t ttl_ms, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    if (ops->touch != NULL) return ops->touch(cache->backend, key->data, key->size, ttl_ms, error);
    if (ttl_ms == JAY_TTL_EXPIRED) return ops->erase(cache->backend, key->data, key->size, error);
    return unsupported(cache, "touch", error);
}

/* One try of inc by compare-and-set; JAY_CHANGED or JAY_EXISTS: someone else was faster. */
static int try_inc(jay_cache *cache, const jayi_key *key, int64_t delta, int64_t ttl_ms,
                   int64_t *ret_number, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_ADD,
                       .key = key->data,
                       .key_size = key->size,
                       .ttl_ms = ttl_ms};
    int64_t number = 0;
    jay_value view = JAY_VALUE_INIT;
    int status = ops->get(cache->backend, key->data, key->size, &view, error);
    if (status == JAY_OK) {
        bool is_number = jayi_decimal_parse(view.data, view.size, &number);
        write.mode = JAY_WRITE_CAS;
        write.version = view.version;
        ops->release(cache->backend, &view);
        if (!is_number)
            return jay_error_set(error, JAY_E_NOT_INTEGER, 0, "the entry's value is not a number");
        /* An entry that expires between these calls fails the compare-and-set below. */
        status = ops->ttl(cache->backend, key->data, key->size, &write.ttl_ms, error);
        if (status == JAY_MISS) return JAY_CHANGED;
        if (status != JAY_OK) return status;
    } else if (status != JAY_MISS) {
        return status;
    }
    if (!jayi_add_i64(number, delta, &number))
        return jay_error_set(error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    char text[JAYI_DECIMAL_MAX];
    write.value = text;
    write.value_size = jayi_decimal_format(number, text);
    status = jayi_do_write(cache, &write, error);
    if (status == JAY_OK) *ret_number = number;
    return status == JAY_MISS ? JAY_CHANGED : status;
}

int jayi_do_inc(jay_cache *cache, const jayi_key *key, int64_t delta, int64_t ttl_ms,
                int64_t *ret_number, jay_error *error) {
    const jay_backend_ops *ops = cache->ops;
    if (ops->inc != NULL) {
        return ops->inc(cache->backend, key->data, key->size, delta, ttl_ms, ret_number, error);
    }
    uint32_t needed = JAY_BACKEND_CAS | JAY_BACKEND_ADD;
    if ((ops->flags & needed) != needed || ops->ttl == NULL)
        return unsupported(cache, "inc and dec", error);
    for (int attempt = 0; attempt < INC_ATTEMPTS; attempt++) {
        int status = try_inc(cache, key, delta, ttl_ms, ret_number, error);
        if (status != JAY_CHANGED && status != JAY_EXISTS) return status;
    }
    return jay_error_set(error, JAY_E_BUSY, 0, "%s: the counter kept changing", ops->scheme);
}

/* ---- iterate and clear ---- */

int jayi_do_iterate(jay_cache *cache, jay_iterate_fn *fn, void *arg, jay_error *error) {
    if (cache->ops->iterate == NULL) return unsupported(cache, "iterate", error);
    return cache->ops->iterate(cache->backend, cache->prefix, cache->prefix_size, fn, arg, error);
}

typedef struct clearing {
    jay_cache *cache;
    jay_error *error;
    int status;
} clearing;

static int erase_entry(void *arg, const jay_entry_info *entry) {
    clearing *state = arg;
    int status =
        state->cache->ops->erase(state->cache->backend, entry->key, entry->key_size, state->error);
    if (status < 0) state->status = status;
    return status < 0;
}

int jayi_do_clear(jay_cache *cache, jay_error *error) {
    if (cache->ops->clear != NULL)
        return cache->ops->clear(cache->backend, cache->prefix, cache->prefix_size, error);
    if (cache->ops->iterate == NULL) return unsupported(cache, "clear", error);
    clearing state = {cache, error, JAY_OK};
    int status = jayi_do_iterate(cache, erase_entry, &state, error);
    return status == JAY_STOPPED ? state.status : status;
}
