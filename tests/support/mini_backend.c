/*
 * mini_backend.c - a backend as a stranger would write it from backend.h: a linked list.
 *
 * It has the six required functions and no flags, so that all else comes from the core or is
 * reported as unsupported. Views are copies: the list may change under them.
 */
#include "mini_backend.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "fork_lock.h"

typedef struct node {
    struct node *next;
    int64_t deadline_ms; /* INT64_MAX: never */
    size_t key_size;
    size_t value_size;
    unsigned char bytes[]; /* key, then value */
} node;

struct jay_backend {
    jay_allocator allocator;
    fork_lock lock; /* of `first` and all nodes */
    node *first;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int mini_open(const jay_backend_config *config, jay_backend **ret_backend,
                     jay_error *error) {
    jay_backend *backend = config->allocator.alloc(config->allocator.arg, sizeof *backend);
    if (backend == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for mini:");
    backend->allocator = config->allocator;
    backend->first = NULL;
    fork_lock_init(&backend->lock);
    *ret_backend = backend;
    return JAY_OK;
}

static void mini_free(jay_backend *backend, void *memory) {
    backend->allocator.free(backend->allocator.arg, memory);
}

static int mini_close(jay_backend *backend) {
    while (backend->first != NULL) {
        node *next = backend->first->next;
        mini_free(backend, backend->first);
        backend->first = next;
    }
    fork_lock_deinit(&backend->lock);
    mini_free(backend, backend);
    return JAY_OK;
}

/* The link that leads to a key's live node, or to NULL. Expired nodes met are removed. */
static node **mini_find(jay_backend *backend, const void *key, size_t key_size) {
    int64_t now = now_ms();
    node **link = &backend->first;
    while (*link != NULL) {
        node *here = *link;
        if (here->deadline_ms <= now) {
            *link = here->next;
            mini_free(backend, here);
        } else if (here->key_size == key_size && memcmp(here->bytes, key, key_size) == 0) {
            break;
        } else {
            link = &here->next;
        }
    }
    return link;
}

static int mini_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error) {
    int status = JAY_MISS;
    fork_lock_take(&backend->lock);
    const node *found = *mini_find(backend, key, key_size);
    if (found != NULL) {
        unsigned char *copy =
            backend->allocator.alloc(backend->allocator.arg, found->value_size + 1);
        status = copy != NULL ? JAY_OK
                              : jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a view");
        if (copy != NULL) {
            memcpy(copy, found->bytes + found->key_size, found->value_size);
            copy[found->value_size] = '\0';
            *ret_value =
                (jay_value){.data = copy, .size = found->value_size, .version = 1, .pin = copy};
        }
    }
    fork_lock_drop(&backend->lock);
    return status;
}

static void mini_release(jay_backend *backend, jay_value *value) {
    mini_free(backend, value->pin);
}

static int mini_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    if (write->value_size > SIZE_MAX / 2)
        return jay_error_set(error, JAY_E_TOO_BIG, 0, "the value is longer than memory");
    node *fresh = backend->allocator.alloc(backend->allocator.arg,
                                           sizeof *fresh + write->key_size + write->value_size);
    if (fresh == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for an entry");
    fresh->deadline_ms = write->ttl_ms == JAY_TTL_FOREVER ? INT64_MAX : now_ms() + write->ttl_ms;
    fresh->key_size = write->key_size;
    fresh->value_size = write->value_size;
    memcpy(fresh->bytes, write->key, write->key_size);
    if (write->value_size > 0)
        memcpy(fresh->bytes + write->key_size, write->value, write->value_size);

    fork_lock_take(&backend->lock);
    node **link = mini_find(backend, write->key, write->key_size);
    node *old = *link;
    fresh->next = old != NULL ? old->next : NULL;
    *link = fresh;
    fork_lock_drop(&backend->lock);
    mini_free(backend, old);
    return JAY_OK;
}

static int mini_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    (void)error;
    fork_lock_take(&backend->lock);
    node **link = mini_find(backend, key, key_size);
    node *old = *link;
    if (old != NULL) *link = old->next;
    fork_lock_drop(&backend->lock);
    mini_free(backend, old);
    return old != NULL ? JAY_OK : JAY_MISS;
}

const jay_backend_ops mini_backend = {
    .struct_size = sizeof(jay_backend_ops),
    .abi = JAY_BACKEND_ABI,
    .scheme = "mini",
    .help = "a linked list, for tests",
    .open = mini_open,
    .close = mini_close,
    .get = mini_get,
    .release = mini_release,
    .write = mini_write,
    .erase = mini_erase,
};
