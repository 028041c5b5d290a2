/*
 * reference_backend.c - the functions of `reference:` on its store, each one under the lock.
 */
#include "reference_backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reference_store.h"

/* ---- stores ---- */

static pthread_mutex_t stores_mutex = PTHREAD_MUTEX_INITIALIZER;
static reference_store *stores; /* so that handles on the same path find the same entries */

static void end_store(reference_store *store) {
    while (store->oldest != NULL) reference_unlink(store, store->oldest);
    fork_lock_deinit(&store->lock);
    store->allocator.free(store->allocator.arg, store->path);
    store->allocator.free(store->allocator.arg, store);
}

static reference_store *make_store(const jay_backend_config *config) {
    const jay_allocator *allocator = &config->allocator;
    reference_store *store = allocator->alloc(allocator->arg, sizeof *store);
    char *path = allocator->alloc(allocator->arg, strlen(config->path) + 1);
    if (store == NULL || path == NULL) {
        allocator->free(allocator->arg, store);
        allocator->free(allocator->arg, path);
        return NULL;
    }
    memset(store, 0, sizeof *store);
    memcpy(path, config->path, strlen(config->path) + 1);
    store->path = path;
    store->allocator = *allocator;
    store->users = 1;
    store->max_items = (size_t)config->values[REFERENCE_MAX_ITEMS].number;
    store->max_bytes = (size_t)config->values[REFERENCE_MAX_BYTES].number;
    fork_lock_init(&store->lock);
    return store;
}

/* Joins the store there is, or else makes `fresh` the one; returns which. */
static reference_store *join_store(reference_store *fresh) {
    pthread_mutex_lock(&stores_mutex);
    reference_store *store = stores;
    while (store != NULL &&
           (strcmp(store->path, fresh->path) != 0 || store->allocator.arg != fresh->allocator.arg))
        store = store->next;
    if (store != NULL) {
        store->users++;
    } else {
        store = fresh;
        store->next = stores;
        stores = store;
    }
    pthread_mutex_unlock(&stores_mutex);
    return store;
}

static int reference_open(const jay_backend_config *config, jay_backend **ret_backend,
                          jay_error *error) {
    const jay_allocator *allocator = &config->allocator;
    if (config->authority[0] != '\0')
        return jay_error_set(error, JAY_E_URL, 0, "reference: takes a name, not a server");
    jay_backend *backend = allocator->alloc(allocator->arg, sizeof *backend);
    reference_store *fresh = backend != NULL ? make_store(config) : NULL;
    if (fresh == NULL) {
        allocator->free(allocator->arg, backend);
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a store");
    }
    backend->store = join_store(fresh);
    if (backend->store != fresh) end_store(fresh);
    *ret_backend = backend;
    return JAY_OK;
}

static int reference_close(jay_backend *backend) {
    reference_store *store = backend->store;
    jay_allocator allocator = store->allocator;
    pthread_mutex_lock(&stores_mutex);
    int is_last = --store->users == 0;
    if (is_last) {
        reference_store **link = &stores;
        while (*link != store) link = &(*link)->next;
        *link = store->next;
    }
    pthread_mutex_unlock(&stores_mutex);
    if (is_last) end_store(store);
    allocator.free(allocator.arg, backend);
    return JAY_OK;
}

/* ---- reading ---- */

static int get_locked(reference_store *store, const void *key, size_t key_size,
                      jay_value *ret_value) {
    reference_entry *entry = reference_find(store, key, key_size);
    if (entry == NULL) {
        store->misses++;
        return JAY_MISS;
    }
    store->hits++;
    entry->references++;
    *ret_value = (jay_value){
        .data = entry->bytes, .size = entry->value_size, .version = entry->version, .pin = entry};
    return JAY_OK;
}

static int reference_get(jay_backend *backend, const void *key, size_t key_size,
                         jay_value *ret_value, jay_error *error) {
    (void)error;
    fork_lock_take(&backend->store->lock);
    int status = get_locked(backend->store, key, key_size, ret_value);
    fork_lock_drop(&backend->store->lock);
    return status;
}

static void reference_release(jay_backend *backend, jay_value *value) {
    fork_lock_take(&backend->store->lock);
    reference_drop(backend->store, value->pin);
    fork_lock_drop(&backend->store->lock);
}

static int reference_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                              size_t capacity, size_t *ret_size, jay_error *error) {
    (void)error;
    reference_store *store = backend->store;
    int status = JAY_MISS;
    fork_lock_take(&store->lock);
    const reference_entry *entry = reference_find(store, key, key_size);
    if (entry == NULL) {
        store->misses++;
    } else {
        store->hits++;
        *ret_size = entry->value_size;
        status = entry->value_size > capacity ? JAY_BUFFER_TOO_SMALL : JAY_OK;
        if (status == JAY_OK && entry->value_size > 0)
            memcpy(buffer, entry->bytes, entry->value_size);
    }
    fork_lock_drop(&store->lock);
    return status;
}

static int reference_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    (void)error;
    fork_lock_take(&backend->store->lock);
    int is_there = reference_find(backend->store, key, key_size) != NULL;
    fork_lock_drop(&backend->store->lock);
    return is_there ? JAY_OK : JAY_MISS;
}

static int64_t remaining_ms(const reference_entry *entry) {
    if (entry->deadline_ms == INT64_MAX) return JAY_TTL_FOREVER;
    int64_t left = entry->deadline_ms - reference_now_ms();
    return left > 0 ? left : 1;
}

static int reference_ttl(jay_backend *backend, const void *key, size_t key_size,
                         int64_t *ret_ttl_ms, jay_error *error) {
    (void)error;
    fork_lock_take(&backend->store->lock);
    const reference_entry *entry = reference_find(backend->store, key, key_size);
    if (entry != NULL) *ret_ttl_ms = remaining_ms(entry);
    fork_lock_drop(&backend->store->lock);
    return entry != NULL ? JAY_OK : JAY_MISS;
}

/* ---- writing ---- */

/* What the mode says about the entry that is there: JAY_OK to go on. */
static int mode_allows(const jay_write *write, const reference_entry *old) {
    switch (write->mode) {
    case JAY_WRITE_ADD:
        return old == NULL ? JAY_OK : JAY_EXISTS;
    case JAY_WRITE_REPLACE:
        return old != NULL ? JAY_OK : JAY_MISS;
    case JAY_WRITE_CAS:
        if (old == NULL) return JAY_MISS;
        return old->version == write->version ? JAY_OK : JAY_CHANGED;
    default:
        return JAY_OK;
    }
}

static int reference_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    reference_store *store = backend->store;
    reference_entry *entry = reference_make(store, write);
    if (entry == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a value of %zu bytes",
                             write->value_size);
    }
    fork_lock_take(&store->lock);
    reference_entry *old = reference_find(store, write->key, write->key_size);
    int status = mode_allows(write, old);
    int is_linked = 0;
    if (status == JAY_OK && write->ttl_ms == JAY_TTL_EXPIRED) {
        if (old != NULL) reference_unlink(store, old);
    } else if (status == JAY_OK) {
        status = reference_link(store, entry, old, error);
        is_linked = status == JAY_OK;
    }
    store->sets += status == JAY_OK;
    fork_lock_drop(&store->lock);
    if (!is_linked) store->allocator.free(store->allocator.arg, entry);
    return status;
}

static int reference_erase(jay_backend *backend, const void *key, size_t key_size,
                           jay_error *error) {
    (void)error;
    reference_store *store = backend->store;
    fork_lock_take(&store->lock);
    reference_entry *entry = reference_find(store, key, key_size);
    if (entry != NULL) {
        reference_unlink(store, entry);
        store->deletes++;
    }
    fork_lock_drop(&store->lock);
    return entry != NULL ? JAY_OK : JAY_MISS;
}

static int reference_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                           jay_error *error) {
    (void)error;
    fork_lock_take(&backend->store->lock);
    reference_entry *entry = reference_find(backend->store, key, key_size);
    if (entry != NULL) entry->deadline_ms = reference_deadline(ttl_ms);
    if (entry != NULL && ttl_ms == JAY_TTL_EXPIRED) reference_unlink(backend->store, entry);
    fork_lock_drop(&backend->store->lock);
    return entry != NULL ? JAY_OK : JAY_MISS;
}

/* Reads the canonical decimal form of a number. */
static int parse_number(const unsigned char *text, size_t size, int64_t *ret_number) {
    char copy[24], again[24];
    if (size == 0 || size >= sizeof copy) return 0;
    memcpy(copy, text, size);
    copy[size] = '\0';
    intmax_t number = strtoimax(copy, NULL, 10);
    /* Whatever is not canonical, NUL bytes included, does not come out as it went in. */
    int again_size = snprintf(again, sizeof again, "%" PRIdMAX, number);
    if ((size_t)again_size != size || memcmp(again, copy, size) != 0) return 0;
    *ret_number = number;
    return 1;
}

/* Puts a number in the place of `old`, or leaves a missing key missing when its time is over. */
static int store_number(reference_store *store, jay_write *write, int64_t number,
                        reference_entry *old, jay_error *error) {
    if (old == NULL && write->ttl_ms == JAY_TTL_EXPIRED) return JAY_OK;
    char text[24];
    write->value = text;
    write->value_size = (size_t)snprintf(text, sizeof text, "%" PRId64, number);
    reference_entry *entry = reference_make(store, write);
    if (entry == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a counter");
    if (old != NULL) entry->deadline_ms = old->deadline_ms;
    int status = reference_link(store, entry, old, error);
    if (status != JAY_OK) store->allocator.free(store->allocator.arg, entry);
    return status;
}

static int inc_locked(reference_store *store, jay_write *write, int64_t delta, int64_t *ret_number,
                      jay_error *error) {
    int64_t number = 0;
    reference_entry *old = reference_find(store, write->key, write->key_size);
    if (old != NULL && !parse_number(old->bytes, old->value_size, &number)) {
        return jay_error_set(error, JAY_E_NOT_INTEGER, 0, "a value of %zu bytes is no counter",
                             old->value_size);
    }
    if (delta > 0 ? number > INT64_MAX - delta : number < INT64_MIN - delta)
        return jay_error_set(error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    number += delta;
    int status = store_number(store, write, number, old, error);
    if (status == JAY_OK) *ret_number = number;
    store->sets += status == JAY_OK;
    return status;
}

static int reference_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                         int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    jay_write write = {
        .struct_size = sizeof write, .key = key, .key_size = key_size, .ttl_ms = ttl_ms};
    fork_lock_take(&backend->store->lock);
    int status = inc_locked(backend->store, &write, delta, ret_number, error);
    fork_lock_drop(&backend->store->lock);
    return status;
}

/* ---- many keys ---- */

static void reference_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                               jay_value *ret_values, int *statuses, jay_error *error) {
    (void)error;
    fork_lock_take(&backend->store->lock);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        statuses[i] = get_locked(backend->store, keys[i].data, keys[i].size, &ret_values[i]);
    }
    fork_lock_drop(&backend->store->lock);
}

static void reference_set_many(jay_backend *backend, const jay_pair *pairs, size_t count,
                               int *statuses, jay_error *error) {
    int has_failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        jay_write write = {.struct_size = sizeof write,
                           .key = pairs[i].key.data,
                           .key_size = pairs[i].key.size,
                           .value = pairs[i].value.data,
                           .value_size = pairs[i].value.size,
                           .ttl_ms = pairs[i].ttl_ms};
        statuses[i] = reference_write(backend, &write, has_failed ? NULL : error);
        if (statuses[i] < 0) has_failed = 1;
    }
}

static void reference_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                                  int *statuses, jay_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        statuses[i] = reference_erase(backend, keys[i].data, keys[i].size, error);
    }
}

/* ---- looking inside ---- */

static int begins_with(const reference_entry *entry, const void *prefix, size_t prefix_size) {
    return entry->key_size >= prefix_size &&
           (prefix_size == 0 || memcmp(reference_key(entry), prefix, prefix_size) == 0);
}

static int reference_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                           jay_error *error) {
    (void)error;
    reference_store *store = backend->store;
    fork_lock_take(&store->lock);
    reference_entry *newer;
    for (reference_entry *entry = store->oldest; entry != NULL; entry = newer) {
        newer = entry->newer;
        if (begins_with(entry, prefix, prefix_size)) reference_unlink(store, entry);
    }
    fork_lock_drop(&store->lock);
    return JAY_OK;
}

/* Pins every live entry with the prefix, into an array that the caller frees. */
static int pin_all(reference_store *store, const void *prefix, size_t prefix_size,
                   reference_entry ***ret_pinned, size_t *ret_count, jay_error *error) {
    *ret_pinned = NULL;
    *ret_count = 0;
    reference_sweep(store);
    if (store->items == 0) return JAY_OK;
    reference_entry **pinned =
        store->allocator.alloc(store->allocator.arg, store->items * sizeof(reference_entry *));
    if (pinned == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to iterate");
    for (reference_entry *entry = store->oldest; entry != NULL; entry = entry->newer) {
        if (!begins_with(entry, prefix, prefix_size)) continue;
        entry->references++;
        pinned[(*ret_count)++] = entry;
    }
    *ret_pinned = pinned;
    return JAY_OK;
}

static int reference_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                             jay_iterate_fn *fn, void *arg, jay_error *error) {
    reference_store *store = backend->store;
    reference_entry **pinned;
    size_t count;
    fork_lock_take(&store->lock);
    int status = pin_all(store, prefix, prefix_size, &pinned, &count, error);
    fork_lock_drop(&store->lock);
    for (size_t i = 0; i < count; i++) {
        fork_lock_take(&store->lock);
        jay_entry_info info = {.key = reference_key(pinned[i]),
                               .key_size = pinned[i]->key_size,
                               .value_size = pinned[i]->value_size,
                               .ttl_ms = remaining_ms(pinned[i]),
                               .heat = -1,
                               .size_bytes = (int64_t)reference_entry_bytes(pinned[i])};
        fork_lock_drop(&store->lock);
        if (status == JAY_OK && fn(arg, &info) != 0) status = JAY_STOPPED;
        fork_lock_take(&store->lock);
        reference_drop(store, pinned[i]);
        fork_lock_drop(&store->lock);
    }
    store->allocator.free(store->allocator.arg, (void *)pinned);
    return status;
}

static int reference_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    (void)error;
    const reference_store *store = backend->store;
    fork_lock_take(&backend->store->lock);
    stats->hits = store->hits;
    stats->misses = store->misses;
    stats->sets = store->sets;
    stats->deletes = store->deletes;
    stats->evictions = store->evictions;
    stats->expiries = store->expiries;
    stats->items = (int64_t)store->items;
    stats->bytes = (int64_t)store->bytes;
    stats->max_items = (int64_t)store->max_items;
    stats->max_bytes = (int64_t)store->max_bytes;
    stats->resets = 0;
    fork_lock_drop(&backend->store->lock);
    return JAY_OK;
}

static const jay_option_info options[REFERENCE_OPTION_COUNT] = {
    [REFERENCE_MAX_ITEMS] = {.name = "max_items",
                             .type = JAY_OPTION_INT,
                             .default_text = "0",
                             .min = 0,
                             .max = INT32_MAX,
                             .also = "threshold",
                             .help = "how many entries there may be; 0: any number"},
    [REFERENCE_MAX_BYTES] = {.name = "max_bytes",
                             .type = JAY_OPTION_SIZE,
                             .default_text = "64m",
                             .min = 0,
                             .max = INT64_C(1) << 40,
                             .also = "memory size",
                             .help = "how many bytes there may be; 0: any number"},
};

const jay_backend_ops reference_backend = {
    .struct_size = sizeof(jay_backend_ops),
    .abi = JAY_BACKEND_ABI,
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS | JAY_BACKEND_COUNTS,
    .scheme = "reference",
    .help = "a simple backend that keeps the contract, for tests",
    .options = options,
    .option_count = REFERENCE_OPTION_COUNT,
    .open = reference_open,
    .close = reference_close,
    .get = reference_get,
    .release = reference_release,
    .write = reference_write,
    .erase = reference_erase,
    .get_into = reference_get_into,
    .has = reference_has,
    .ttl = reference_ttl,
    .touch = reference_touch,
    .inc = reference_inc,
    .get_many = reference_get_many,
    .set_many = reference_set_many,
    .delete_many = reference_delete_many,
    .clear = reference_clear,
    .iterate = reference_iterate,
    .stats = reference_stats,
};
