/*
 * broken_values.c - faults in keys, values, views and batches, one a backend.
 *
 * Each wraps the functions of the reference backend and is right in all else. Where a batch
 * function would go round the fault, it is left out, so that the core calls the faulty one key by
 * key.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broken_backends.h"
#include "reference_backend.h"

static void spoil_batches(jay_backend_ops *ops) {
    ops->get_many = NULL;
    ops->set_many = NULL;
    ops->delete_many = NULL;
}

/* ---- values ---- */

static void pause_briefly(void) {
    struct timespec time = {.tv_nsec = 50000};
    nanosleep(&time, NULL);
}

/* A reader between the two writes sees the head of the new value and nothing of its end. */
static int torn_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    if (write->mode == JAY_WRITE_SET && write->value_size >= 64) {
        char *half = calloc(1, write->value_size);
        if (half != NULL) {
            jay_write first = *write;
            memcpy(half, write->value, write->value_size / 2);
            first.value = half;
            int status = reference_backend.write(backend, &first, NULL);
            free(half);
            if (status == JAY_OK) pause_briefly();
        }
    }
    return reference_backend.write(backend, write, error);
}

static void spoil_torn(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = torn_write;
}

static int cut_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write cut = *write;
    if (cut.value_size > 0) {
        const void *nul = memchr(cut.value, '\0', cut.value_size);
        if (nul != NULL) cut.value_size = (size_t)((const char *)nul - (const char *)cut.value);
    }
    return reference_backend.write(backend, &cut, error);
}

static void spoil_cut_at_nul(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = cut_write;
}

static int shortening_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    int status = reference_backend.write(backend, write, NULL);
    if (status != JAY_E_TOO_BIG)
        return status < 0 ? reference_backend.write(backend, write, error) : status;
    jay_write shorter = *write;
    shorter.value_size = backend->store->max_bytes / 2;
    return reference_backend.write(backend, &shorter, error);
}

static void spoil_too_big(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = shortening_write;
}

static int empty_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                     jay_error *error) {
    jay_value value;
    int status = reference_backend.get(backend, key, key_size, &value, error);
    if (status == JAY_OK && value.size == 0) {
        reference_backend.release(backend, &value);
        return JAY_MISS;
    }
    if (status == JAY_OK) *ret_value = value;
    return status;
}

static void spoil_empty(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->get = empty_get;
}

/* ---- keys ---- */

/* Makes a wrapper of every function with a key out of one that changes the key. */
#define WITH_CHANGED_KEY(name)                                                                     \
    static int name##_get(jay_backend *backend, const void *key, size_t key_size,                  \
                          jay_value *ret_value, jay_error *error) {                                \
        jay_bytes changed = name##_change(key, key_size);                                          \
        int status = reference_backend.get(backend, changed.data, changed.size, ret_value, error); \
        free((void *)(uintptr_t)changed.data);                                                     \
        return status;                                                                             \
    }                                                                                              \
    static int name##_has(jay_backend *backend, const void *key, size_t key_size,                  \
                          jay_error *error) {                                                      \
        jay_bytes changed = name##_change(key, key_size);                                          \
        int status = reference_backend.has(backend, changed.data, changed.size, error);            \
        free((void *)(uintptr_t)changed.data);                                                     \
        return status;                                                                             \
    }                                                                                              \
    static int name##_write(jay_backend *backend, const jay_write *write, jay_error *error) {      \
        jay_bytes changed = name##_change(write->key, write->key_size);                            \
        jay_write other = *write;                                                                  \
        other.key = changed.data;                                                                  \
        other.key_size = changed.size;                                                             \
        int status = reference_backend.write(backend, &other, error);                              \
        free((void *)(uintptr_t)changed.data);                                                     \
        return status;                                                                             \
    }                                                                                              \
    static int name##_erase(jay_backend *backend, const void *key, size_t key_size,                \
                            jay_error *error) {                                                    \
        jay_bytes changed = name##_change(key, key_size);                                          \
        int status = reference_backend.erase(backend, changed.data, changed.size, error);          \
        free((void *)(uintptr_t)changed.data);                                                     \
        return status;                                                                             \
    }                                                                                              \
    static void name##_spoil(jay_backend_ops *ops) {                                               \
        spoil_batches(ops);                                                                        \
        ops->get_into = NULL;                                                                      \
        ops->has = name##_has;                                                                     \
        ops->get = name##_get;                                                                     \
        ops->write = name##_write;                                                                 \
        ops->erase = name##_erase;                                                                 \
    }

/* A copy for the caller to change and free; keys are never empty. */
static jay_bytes copy_key(const void *key, size_t key_size) {
    unsigned char *copy = malloc(key_size);
    if (copy == NULL) abort();
    memcpy(copy, key, key_size);
    return (jay_bytes){copy, key_size};
}

static jay_bytes nul_change(const void *key, size_t key_size) {
    jay_bytes changed = copy_key(key, key_size);
    const void *nul = memchr(changed.data, '\0', key_size);
    if (nul != NULL) changed.size = (size_t)((const char *)nul - (const char *)changed.data);
    if (changed.size == 0) changed.size = 1;
    return changed;
}

static jay_bytes fold_change(const void *key, size_t key_size) {
    jay_bytes changed = copy_key(key, key_size);
    unsigned char *bytes = (unsigned char *)(uintptr_t)changed.data;
    for (size_t i = 0; i < key_size; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z') bytes[i] = (unsigned char)(bytes[i] + 32);
    }
    return changed;
}

static jay_bytes long_change(const void *key, size_t key_size) {
    jay_bytes changed = copy_key(key, key_size);
    if (changed.size > 250) changed.size = 250;
    return changed;
}

/* Two keys whose eight bits of hash agree are one key. */
static jay_bytes hash_change(const void *key, size_t key_size) {
    jay_bytes changed = copy_key(key, key_size);
    unsigned char *bytes = (unsigned char *)(uintptr_t)changed.data;
    unsigned char hash = 0;
    for (size_t i = 0; i < key_size; i++) hash = (unsigned char)(hash * 31 + bytes[i]);
    bytes[0] = hash;
    changed.size = 1;
    return changed;
}

WITH_CHANGED_KEY(nul)
WITH_CHANGED_KEY(fold)
WITH_CHANGED_KEY(long)
WITH_CHANGED_KEY(hash)

/* ---- views ---- */

/* Writes over the bytes of the entry that is to be replaced, as if its memory were used again. */
static int scribbling_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_value old;
    if (reference_backend.get(backend, write->key, write->key_size, &old, NULL) == JAY_OK) {
        memset((void *)(uintptr_t)old.data, 'X', old.size);
        reference_backend.release(backend, &old);
    }
    return reference_backend.write(backend, write, error);
}

static void spoil_scribble(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = scribbling_write;
}

static int no_nul_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                      jay_error *error) {
    int status = reference_backend.get(backend, key, key_size, ret_value, error);
    if (status == JAY_OK) ((char *)(uintptr_t)ret_value->data)[ret_value->size] = '?';
    return status;
}

static void spoil_no_nul(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->get = no_nul_get;
}

static int written_on_miss_get_into(jay_backend *backend, const void *key, size_t key_size,
                                    void *buffer, size_t capacity, size_t *ret_size,
                                    jay_error *error) {
    int status =
        reference_backend.get_into(backend, key, key_size, buffer, capacity, ret_size, error);
    if (status == JAY_MISS) *ret_size = 0;
    return status;
}

static void spoil_written_on_miss(jay_backend_ops *ops) {
    ops->get_into = written_on_miss_get_into;
}

/* ---- versions ---- */

static int constant_get(jay_backend *backend, const void *key, size_t key_size,
                        jay_value *ret_value, jay_error *error) {
    int status = reference_backend.get(backend, key, key_size, ret_value, error);
    if (status == JAY_OK) ret_value->version = 1;
    return status;
}

static int constant_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (other.mode == JAY_WRITE_CAS && other.version == 1) {
        jay_value value;
        if (reference_backend.get(backend, write->key, write->key_size, &value, NULL) == JAY_OK) {
            other.version = value.version;
            reference_backend.release(backend, &value);
        }
    }
    return reference_backend.write(backend, &other, error);
}

static void spoil_constant_version(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->get = constant_get;
    ops->write = constant_write;
}

static int touch_by_set(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                        jay_error *error) {
    if (ttl_ms == JAY_TTL_EXPIRED) return reference_backend.erase(backend, key, key_size, error);
    jay_value value;
    int status = reference_backend.get(backend, key, key_size, &value, error);
    if (status != JAY_OK) return status;
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_REPLACE,
                       .key = key,
                       .key_size = key_size,
                       .value = value.data,
                       .value_size = value.size,
                       .ttl_ms = ttl_ms};
    status = reference_backend.write(backend, &write, error);
    reference_backend.release(backend, &value);
    return status;
}

static void spoil_touch(jay_backend_ops *ops) {
    ops->touch = touch_by_set;
}

/* ---- batches ---- */

/* Answers in the order of the keys read backwards. */
static void backwards_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                               jay_value *ret_values, int *statuses, jay_error *error) {
    (void)error;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        const jay_bytes *key = &keys[count - 1 - i];
        if (key->size == 0 || key->data == NULL) key = &keys[i];
        statuses[i] = reference_backend.get(backend, key->data, key->size, &ret_values[i], NULL);
    }
}

static void spoil_order(jay_backend_ops *ops) {
    ops->get_many = backwards_get_many;
}

static void lazy_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                          jay_error *error) {
    if (count > 1) reference_backend.set_many(backend, pairs, count - 1, statuses, error);
    if (count == 1) reference_backend.set_many(backend, pairs, count, statuses, error);
}

static void spoil_set_many(jay_backend_ops *ops) {
    ops->set_many = lazy_set_many;
}

static void optimistic_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                                   int *statuses, jay_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        (void)reference_backend.erase(backend, keys[i].data, keys[i].size, error);
    }
}

static void spoil_delete_many(jay_backend_ops *ops) {
    ops->delete_many = optimistic_delete_many;
}

const broken_backend broken_values[] = {
    {"broken-torn-value", "a value becomes visible half written", "hammering", spoil_torn},
    {"broken-cut-at-nul", "a value ends at its first NUL", "value_of_any_bytes", spoil_cut_at_nul},
    {"broken-too-big", "a value that is too big is shortened", "value_too_big", spoil_too_big},
    {"broken-empty-value", "an empty value reads as a miss", "value_empty", spoil_empty},
    {"broken-key-nul", "a key ends at its first NUL", "key_of_any_bytes", nul_spoil},
    {"broken-key-case", "keys do not tell upper from lower case", "key_of_any_bytes", fold_spoil},
    {"broken-key-long", "of a key only 250 bytes count", "key_lengths", long_spoil},
    {"broken-key-hash", "keys are compared by a hash", "key_many_alike", hash_spoil},
    {"broken-view-reused", "a view changes when its entry is overwritten", "view_after_overwrite",
     spoil_scribble},
    {"broken-view-nul", "no NUL follows a view's bytes", "value_of_any_bytes", spoil_no_nul},
    {"broken-ret-on-miss", "ret_size is written on a miss", "get_into", spoil_written_on_miss},
    {"broken-version", "the version never changes", "cas_changed", spoil_constant_version},
    {"broken-touch-version", "touch changes the version", "touch", spoil_touch},
    {"broken-batch-order", "get_many answers in another order", "get_many_order", spoil_order},
    {"broken-batch-last", "set_many drops its last pair", "set_many", spoil_set_many},
    {"broken-batch-deleted", "delete_many takes a miss for a success", "delete_many",
     spoil_delete_many},
};
const size_t broken_values_count = sizeof broken_values / sizeof broken_values[0];
