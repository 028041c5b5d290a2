/*
 * peer_lmdb.c - LMDB, as a map in memory: one file in the run's scratch directory, which is on
 * tmpfs where there is one, mapped writable and never synced. It never evicts.
 *
 * A thread keeps one read transaction and renews it for each lookup, so that it sees what was
 * stored before, as a cache must. Each set is a transaction of its own; filling takes one for many.
 */
#include <lmdb.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

typedef struct store {
    MDB_env *env;
    MDB_dbi table;
    char path[256];
} store;

typedef struct handle {
    store *store;
    MDB_txn *reader;
    int error;
} handle;

static int open_env(store *self, const peer_config *config) {
    const unsigned flags =
        MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_NORDAHEAD | MDB_NOTLS;
    int error = mdb_env_create(&self->env);
    if (error != 0) return error;
    /* Pages of 4 KiB split in halves: room for twice the data, and for old pages still being read.
     * The file is sparse, so that what is not needed is not taken. */
    error = mdb_env_set_mapsize(self->env, config->capacity_bytes * 4 + ((size_t)256 << 20));
    if (error != 0) return error;
    error = mdb_env_set_maxreaders(self->env, config->thread_count + 4);
    if (error != 0) return error;
    error = mdb_env_open(self->env, self->path, flags, 0600);
    if (error != 0) return error;
    MDB_txn *txn;
    error = mdb_txn_begin(self->env, NULL, 0, &txn);
    if (error != 0) return error;
    error = mdb_dbi_open(txn, NULL, MDB_CREATE, &self->table);
    if (error == 0) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return error;
}

static void lmdb_close(void *state) {
    store *self = state;
    char lock_path[sizeof self->path + 8];
    if (self->env != NULL) mdb_env_close(self->env);
    snprintf(lock_path, sizeof lock_path, "%s-lock", self->path);
    unlink(self->path);
    unlink(lock_path);
    free(self);
}

static void *lmdb_open(const peer_config *config, peer_error *error) {
    store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    snprintf(self->path, sizeof self->path, "%s/lmdb-%zu", config->scratch, config->value_bytes);
    const int status = open_env(self, config);
    if (status != 0) {
        snprintf(error->message, sizeof error->message, "%s: %s", self->path, mdb_strerror(status));
        lmdb_close(self);
        return NULL;
    }
    return self;
}

static void lmdb_detach(void *state, void *arg) {
    handle *self = arg;
    (void)state;
    if (self->reader != NULL) mdb_txn_abort(self->reader);
    free(self);
}

static void *lmdb_attach(void *state, peer_error *error) {
    handle *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    self->store = state;
    const int status = mdb_txn_begin(self->store->env, NULL, MDB_RDONLY, &self->reader);
    if (status != 0) {
        snprintf(error->message, sizeof error->message, "%s", mdb_strerror(status));
        lmdb_detach(state, self);
        return NULL;
    }
    mdb_txn_reset(self->reader);
    return self;
}

/* On a hit the read transaction stays open; on anything else it is reset. */
static int find(handle *self, const void *key, size_t key_size, MDB_val *ret_value) {
    MDB_val name = {key_size, (void *)(uintptr_t)key};
    self->error = mdb_txn_renew(self->reader);
    if (self->error != 0) return PEER_FAILED;
    self->error = mdb_get(self->reader, self->store->table, &name, ret_value);
    if (self->error == 0) return PEER_HIT;
    mdb_txn_reset(self->reader);
    return self->error == MDB_NOTFOUND ? PEER_MISS : PEER_FAILED;
}

static int lmdb_get_into(void *arg, const void *key, size_t key_size, void *buffer, size_t capacity,
                         size_t *ret_size) {
    handle *self = arg;
    MDB_val value;
    const int status = find(self, key, key_size, &value);
    if (status != PEER_HIT) return status;
    const bool fits = value.mv_size <= capacity;
    if (fits) memcpy(buffer, value.mv_data, value.mv_size);
    *ret_size = value.mv_size;
    mdb_txn_reset(self->reader);
    return fits ? PEER_HIT : PEER_FAILED;
}

static int lmdb_view(void *arg, const void *key, size_t key_size, peer_view *ret_view) {
    MDB_val value;
    const int status = find(arg, key, key_size, &value);
    if (status != PEER_HIT) return status;
    ret_view->data = value.mv_data;
    ret_view->size = value.mv_size;
    return PEER_HIT;
}

static void lmdb_release(void *arg, peer_view *view) {
    (void)view;
    mdb_txn_reset(((handle *)arg)->reader);
}

static int lmdb_load(void *arg, const peer_pair *pairs, size_t count) {
    handle *self = arg;
    MDB_txn *txn;
    self->error = mdb_txn_begin(self->store->env, NULL, 0, &txn);
    if (self->error != 0) return PEER_FAILED;
    for (size_t i = 0; i < count; i++) {
        MDB_val name = {pairs[i].key.size, (void *)(uintptr_t)pairs[i].key.data};
        MDB_val value = {pairs[i].value.size, (void *)(uintptr_t)pairs[i].value.data};
        self->error = mdb_put(txn, self->store->table, &name, &value, 0);
        if (self->error != 0) {
            mdb_txn_abort(txn);
            return PEER_FAILED;
        }
    }
    self->error = mdb_txn_commit(txn);
    return self->error == 0 ? PEER_HIT : PEER_FAILED;
}

static int lmdb_set(void *arg, const void *key, size_t key_size, const void *value,
                    size_t value_size) {
    const peer_pair pair = {{key, key_size}, {value, value_size}};
    return lmdb_load(arg, &pair, 1);
}

static const char *lmdb_message(void *arg) {
    return mdb_strerror(((handle *)arg)->error);
}

const peer_ops peer_lmdb = {
    .name = "lmdb",
    .title = "LMDB, on tmpfs, no sync (no eviction)",
    .is_rival = true,
    .open = lmdb_open,
    .close = lmdb_close,
    .attach = lmdb_attach,
    .detach = lmdb_detach,
    .get_into = lmdb_get_into,
    .set = lmdb_set,
    .view = lmdb_view,
    .release = lmdb_release,
    .load = lmdb_load,
    .message = lmdb_message,
};
