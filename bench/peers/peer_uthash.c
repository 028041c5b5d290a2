/*
 * peer_uthash.c - uthash under a read-write lock. Beyond its limit it drops the entry that was
 * stored first: uthash keeps that order, and a lookup under the read lock must not change anything.
 *
 * Each entry is one allocation: the hash handle, sizes, key, value. A view would have to hold the
 * read lock, so there is none.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

static unsigned hash_of_key(const void *key, size_t key_size) {
    return (unsigned)XXH3_64bits(key, key_size);
}

#define HASH_FUNCTION(key, key_size, hash) (hash) = hash_of_key(key, key_size)
#include <uthash.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

typedef struct entry {
    UT_hash_handle hh;
    uint32_t value_size;
    uint32_t key_size;
    char bytes[];
} entry;

typedef struct store {
    pthread_rwlock_t lock;
    entry *table;
    uint32_t limit; /* 0: none */
} store;

static void *uthash_open(const peer_config *config, peer_error *error) {
    store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    pthread_rwlock_init(&self->lock, NULL);
    self->limit = config->item_limit;
    return self;
}

static void drop(store *self, entry *e) {
    HASH_DEL(self->table, e);
    free(e);
}

static void uthash_close(void *state) {
    store *self = state;
    /* The analyser does not see that HASH_DEL moves the table on. */
    while (self->table != NULL) drop(self, self->table); /* NOLINT(clang-analyzer-unix.Malloc) */
    pthread_rwlock_destroy(&self->lock);
    free(self);
}

static void *uthash_attach(void *state, peer_error *error) {
    (void)error;
    return state;
}

static void uthash_detach(void *state, void *handle) {
    (void)state;
    (void)handle;
}

static entry *find(const store *self, const void *key, size_t key_size) {
    entry *found;
    HASH_FIND(hh, self->table, key, key_size, found);
    return found;
}

static int uthash_get_into(void *handle, const void *key, size_t key_size, void *buffer,
                           size_t capacity, size_t *ret_size) {
    store *self = handle;
    int status = PEER_MISS;
    pthread_rwlock_rdlock(&self->lock);
    const entry *found = find(self, key, key_size);
    if (found != NULL && found->value_size <= capacity) {
        memcpy(buffer, found->bytes + key_size, found->value_size);
        *ret_size = found->value_size;
        status = PEER_HIT;
    }
    pthread_rwlock_unlock(&self->lock);
    return status;
}

static void add(store *self, entry *e) {
    if (self->limit != 0 && HASH_COUNT(self->table) >= self->limit) drop(self, self->table);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
    HASH_ADD_KEYPTR(hh, self->table, e->bytes, e->key_size, e);
}

/* A value of the same size is overwritten in place, which is the cheapest. */
static int uthash_set(void *handle, const void *key, size_t key_size, const void *value,
                      size_t value_size) {
    store *self = handle;
    int status = PEER_FAILED;
    pthread_rwlock_wrlock(&self->lock);
    entry *found = find(self, key, key_size);
    if (found != NULL && found->value_size != value_size) goto out;
    if (found == NULL) {
        found = malloc(sizeof *found + key_size + value_size);
        if (found == NULL) goto out;
        found->key_size = (uint32_t)key_size;
        found->value_size = (uint32_t)value_size;
        memcpy(found->bytes, key, key_size);
        add(self, found);
    }
    memcpy(found->bytes + key_size, value, value_size);
    status = PEER_HIT;
out:
    pthread_rwlock_unlock(&self->lock);
    return status;
}

const peer_ops peer_uthash = {
    .name = "uthash",
    .title = "uthash, read-write lock",
    .is_rival = true,
    .evicts = true,
    .open = uthash_open,
    .close = uthash_close,
    .attach = uthash_attach,
    .detach = uthash_detach,
    .get_into = uthash_get_into,
    .set = uthash_set,
};
