/*
 * peer_glib.c - what a C programmer would write first: GLib's hash table, a list in order of use,
 * and one mutex.
 *
 * Each entry is one allocation: links, sizes, key, value. A lookup moves the entry to the front of
 * the list; a new key beyond the limit drops the last. Everything is done under the mutex, the copy
 * of the value included, since the entry may go as soon as it is unlocked; so there is no view.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <glib.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

typedef struct entry {
    struct entry *newer;
    struct entry *older;
    const void *key;
    uint32_t key_size;
    uint32_t value_size;
    char bytes[];
} entry;

typedef struct store {
    pthread_mutex_t lock;
    GHashTable *table; /* a set of entries */
    entry *newest;
    entry *oldest;
    uint32_t count;
    uint32_t limit; /* 0: none */
} store;

static guint hash_entry(gconstpointer a) {
    const entry *e = a;
    return (guint)XXH3_64bits(e->key, e->key_size);
}

static gboolean entries_equal(gconstpointer a, gconstpointer b) {
    const entry *x = a, *y = b;
    return x->key_size == y->key_size && memcmp(x->key, y->key, x->key_size) == 0;
}

static void *glib_open(const peer_config *config, peer_error *error) {
    store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->table = g_hash_table_new_full(hash_entry, entries_equal, free, NULL);
    self->limit = config->item_limit;
    return self;
}

static void glib_close(void *state) {
    store *self = state;
    g_hash_table_destroy(self->table);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void *glib_attach(void *state, peer_error *error) {
    (void)error;
    return state;
}

static void glib_detach(void *state, void *handle) {
    (void)state;
    (void)handle;
}

static void unlink_entry(store *self, entry *e) {
    *(e->newer == NULL ? &self->newest : &e->newer->older) = e->older;
    *(e->older == NULL ? &self->oldest : &e->older->newer) = e->newer;
}

static void link_newest(store *self, entry *e) {
    e->newer = NULL;
    e->older = self->newest;
    *(self->newest == NULL ? &self->oldest : &self->newest->newer) = e;
    self->newest = e;
}

static entry *find_and_use(store *self, const void *key, size_t key_size) {
    const entry wanted = {.key = key, .key_size = (uint32_t)key_size};
    entry *found = g_hash_table_lookup(self->table, &wanted);
    if (found != NULL && found != self->newest) {
        unlink_entry(self, found);
        link_newest(self, found);
    }
    return found;
}

static int glib_get_into(void *handle, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size) {
    store *self = handle;
    int status = PEER_MISS;
    pthread_mutex_lock(&self->lock);
    const entry *found = find_and_use(self, key, key_size);
    if (found != NULL && found->value_size <= capacity) {
        memcpy(buffer, found->bytes + key_size, found->value_size);
        *ret_size = found->value_size;
        status = PEER_HIT;
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static entry *entry_create(const void *key, size_t key_size, const void *value, size_t value_size) {
    entry *e = malloc(sizeof *e + key_size + value_size);
    if (e == NULL) return NULL;
    memcpy(e->bytes, key, key_size);
    memcpy(e->bytes + key_size, value, value_size);
    e->key = e->bytes;
    e->key_size = (uint32_t)key_size;
    e->value_size = (uint32_t)value_size;
    return e;
}

static void drop_oldest(store *self) {
    entry *dropped = self->oldest;
    unlink_entry(self, dropped);
    g_hash_table_remove(self->table, dropped);
    self->count--;
}

static int insert(store *self, const void *key, size_t key_size, const void *value,
                  size_t value_size) {
    entry *added = entry_create(key, key_size, value, value_size);
    if (added == NULL) return PEER_FAILED;
    if (self->limit != 0 && self->count >= self->limit) drop_oldest(self);
    g_hash_table_add(self->table, added);
    link_newest(self, added);
    self->count++;
    return PEER_HIT;
}

/* A value of the same size is overwritten in place, which is the cheapest. */
static int glib_set(void *handle, const void *key, size_t key_size, const void *value,
                    size_t value_size) {
    store *self = handle;
    int status = PEER_HIT;
    pthread_mutex_lock(&self->lock);
    entry *found = find_and_use(self, key, key_size);
    if (found == NULL) {
        status = insert(self, key, key_size, value, value_size);
    } else if (found->value_size == value_size) {
        memcpy(found->bytes + key_size, value, value_size);
    } else {
        status = PEER_FAILED;
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

const peer_ops peer_glib_lru = {
    .name = "glib_lru",
    .title = "GLib hash table, LRU list, mutex",
    .is_rival = true,
    .evicts = true,
    .open = glib_open,
    .close = glib_close,
    .attach = glib_attach,
    .detach = glib_detach,
    .get_into = glib_get_into,
    .set = glib_set,
};
