/*
 * file_stores.c - the kernel's own files, Jaycache, LMDB and SQLite behind the same few functions.
 */
#include "file_stores.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#ifdef BENCH_HAVE_LMDB
#include <lmdb.h>
#endif
#ifdef BENCH_HAVE_SQLITE
#include <sqlite3.h>
#endif

enum { KEY_BYTES = 40 };

static int write_key(char key[KEY_BYTES], size_t number) {
    return snprintf(key, KEY_BYTES, "page:/products/%012zu", number);
}

/* ---- raw: one file an entry, no more than the kernel must do ---- */

typedef struct raw_store {
    int folder_fd;
} raw_store;

static void *raw_open(const char *path, size_t value_bytes, size_t items) {
    (void)value_bytes, (void)items;
    raw_store *raw = calloc(1, sizeof *raw);
    if (raw != NULL) raw->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return raw;
}

static void raw_close(void *store) {
    raw_store *raw = store;
    close(raw->folder_fd);
    free(raw);
}

static bool raw_set(void *store, size_t key, const void *value, size_t size) {
    const raw_store *raw = store;
    char name[KEY_BYTES];
    snprintf(name, sizeof name, "%032zx", key);
    int fd = openat(raw->folder_fd, "aside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool is_written = write(fd, value, size) == (ssize_t)size;
    close(fd);
    return is_written && renameat(raw->folder_fd, "aside", raw->folder_fd, name) == 0;
}

static size_t raw_get(void *store, size_t key, void *buffer, size_t capacity) {
    const raw_store *raw = store;
    char name[KEY_BYTES];
    snprintf(name, sizeof name, "%032zx", key);
    int fd = openat(raw->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, buffer, capacity);
    close(fd);
    return size > 0 ? (size_t)size : 0;
}

/* ---- Jaycache ---- */

static void *open_cache(const char *path, const char *options) {
    char url[600];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "file:%s?%s", path, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fprintf(stderr, "%s\n", error.message);
    return cache;
}

static void *files_open(const char *path, size_t value_bytes, size_t items) {
    (void)value_bytes, (void)items;
    return open_cache(path, "layout=files&max_bytes=64g");
}

/* Three times what the entries take: what is overwritten is reclaimed all the time. */
static void *open_segments(const char *path, size_t value_bytes, size_t items, const char *more) {
    char options[100];
    snprintf(options, sizeof options, "layout=segments&max_bytes=%zu%s",
             3 * items * (value_bytes + 150), more);
    return open_cache(path, options);
}

static void *segments_open(const char *path, size_t value_bytes, size_t items) {
    return open_segments(path, value_bytes, items, "");
}

static void *segments_mmap_open(const char *path, size_t value_bytes, size_t items) {
    return open_segments(path, value_bytes, items, "&mmap=1");
}

static void cache_close(void *store) {
    (void)jay_close(store);
}

static bool cache_set(void *store, size_t key, const void *value, size_t size) {
    char text[KEY_BYTES];
    size_t key_size = (size_t)write_key(text, key);
    return jay_set(store, text, key_size, value, size, 86400000, NULL) == JAY_OK;
}

static size_t cache_get(void *store, size_t key, void *buffer, size_t capacity) {
    char text[KEY_BYTES];
    size_t key_size = (size_t)write_key(text, key), size = 0;
    return jay_get_into(store, text, key_size, buffer, capacity, &size, NULL) == JAY_OK ? size : 0;
}

/* ---- LMDB: as durable as the others here, that is, not synced ---- */

#ifdef BENCH_HAVE_LMDB
typedef struct lmdb_store {
    MDB_env *env;
    MDB_dbi table;
} lmdb_store;

static void *lmdb_open(const char *path, size_t value_bytes, size_t items) {
    lmdb_store *lmdb = calloc(1, sizeof *lmdb);
    MDB_txn *txn = NULL;
    if (lmdb == NULL || mdb_env_create(&lmdb->env) != 0) return NULL;
    mdb_env_set_mapsize(lmdb->env, (value_bytes + 8192) * items * 3 + (64u << 20));
    if (mdb_env_open(lmdb->env, path, MDB_NOSYNC, 0600) != 0 ||
        mdb_txn_begin(lmdb->env, NULL, 0, &txn) != 0 ||
        mdb_dbi_open(txn, NULL, 0, &lmdb->table) != 0 || mdb_txn_commit(txn) != 0)
        return NULL;
    return lmdb;
}

static void lmdb_close(void *store) {
    lmdb_store *lmdb = store;
    mdb_env_close(lmdb->env);
    free(lmdb);
}

static bool lmdb_set(void *store, size_t key, const void *value, size_t size) {
    const lmdb_store *lmdb = store;
    char text[KEY_BYTES];
    MDB_txn *txn;
    MDB_val k = {(size_t)write_key(text, key), text};
    MDB_val v = {size, (char *)(uintptr_t)value}; /* it only reads it */
    if (mdb_txn_begin(lmdb->env, NULL, 0, &txn) != 0) return false;
    if (mdb_put(txn, lmdb->table, &k, &v, 0) == 0) return mdb_txn_commit(txn) == 0;
    mdb_txn_abort(txn);
    return false;
}

static size_t lmdb_get(void *store, size_t key, void *buffer, size_t capacity) {
    const lmdb_store *lmdb = store;
    char text[KEY_BYTES];
    MDB_txn *txn;
    MDB_val k = {(size_t)write_key(text, key), text}, v;
    size_t size = 0;
    if (mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn) != 0) return 0;
    if (mdb_get(txn, lmdb->table, &k, &v) == 0 && v.mv_size <= capacity) {
        memcpy(buffer, v.mv_data, v.mv_size);
        size = v.mv_size;
    }
    mdb_txn_abort(txn);
    return size;
}
#endif

/* ---- SQLite: write-ahead log, not synced ---- */

#ifdef BENCH_HAVE_SQLITE
typedef struct sqlite_store {
    sqlite3 *db;
    sqlite3_stmt *set;
    sqlite3_stmt *get;
} sqlite_store;

static void *sqlite_open(const char *path, size_t value_bytes, size_t items) {
    sqlite_store *s = calloc(1, sizeof *s);
    char file[600];
    (void)value_bytes, (void)items;
    snprintf(file, sizeof file, "%s/sqlite.db", path);
    bool is_open =
        s != NULL && sqlite3_open(file, &s->db) == SQLITE_OK &&
        sqlite3_exec(s->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
                     "CREATE TABLE cache (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
                     NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(s->db, "REPLACE INTO cache VALUES (?, ?)", -1, &s->set, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(s->db, "SELECT value FROM cache WHERE key = ?", -1, &s->get, NULL) ==
            SQLITE_OK;
    return is_open ? s : NULL;
}

static void sqlite_close(void *store) {
    sqlite_store *s = store;
    sqlite3_finalize(s->set);
    sqlite3_finalize(s->get);
    sqlite3_close(s->db);
    free(s);
}

static bool sqlite_set(void *store, size_t key, const void *value, size_t size) {
    const sqlite_store *s = store;
    char text[KEY_BYTES];
    sqlite3_bind_blob(s->set, 1, text, write_key(text, key), SQLITE_STATIC);
    sqlite3_bind_blob(s->set, 2, value, (int)size, SQLITE_STATIC);
    bool is_done = sqlite3_step(s->set) == SQLITE_DONE;
    sqlite3_reset(s->set);
    return is_done;
}

static size_t sqlite_get(void *store, size_t key, void *buffer, size_t capacity) {
    const sqlite_store *s = store;
    char text[KEY_BYTES];
    size_t size = 0;
    sqlite3_bind_blob(s->get, 1, text, write_key(text, key), SQLITE_STATIC);
    if (sqlite3_step(s->get) == SQLITE_ROW) {
        size = (size_t)sqlite3_column_bytes(s->get, 0);
        if (size > capacity) size = 0;
        memcpy(buffer, sqlite3_column_blob(s->get, 0), size);
    }
    sqlite3_reset(s->get);
    return size;
}
#endif

static const bench_file_store stores[] = {
    {"raw", raw_open, raw_close, raw_set, raw_get},
    {"files", files_open, cache_close, cache_set, cache_get},
    {"segments", segments_open, cache_close, cache_set, cache_get},
    {"segments_mmap", segments_mmap_open, cache_close, cache_set, cache_get},
#ifdef BENCH_HAVE_LMDB
    {"lmdb_nosync", lmdb_open, lmdb_close, lmdb_set, lmdb_get},
#endif
#ifdef BENCH_HAVE_SQLITE
    {"sqlite_wal", sqlite_open, sqlite_close, sqlite_set, sqlite_get},
#endif
};

const bench_file_store *bench_file_store_at(size_t index) {
    return index < sizeof stores / sizeof stores[0] ? &stores[index] : NULL;
}

size_t bench_file_store_find(const char *name) {
    size_t i = 0;
    while (bench_file_store_at(i) != NULL && strcmp(bench_file_store_at(i)->name, name) != 0) i++;
    return i;
}
