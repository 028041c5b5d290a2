/*
 * site_store.c - a pool of SQLite connections with their statements. See site_store.h.
 *
 * Locks: store->lock guards the list of idle connections. A borrowed connection belongs to its
 * visit's thread alone.
 */
#include "site_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

#define QUERY_LIMIT_US ((int64_t)20 * 1000 * 1000) /* for all queries of a visit */
#define STEPS_BETWEEN_LOOKS 20000

static const struct {
    int database;
    const char *sql;
} queries[SITE_QUERY_COUNT] = {
#define QUERY_ROW(id, database, sql) [SITE_QUERY_##id] = {SITE_DB_##database, sql},
    SITE_QUERY_MAP(QUERY_ROW)
#undef QUERY_ROW
};

struct site_db {
    sqlite3 *databases[SITE_DATABASE_COUNT];
    sqlite3_stmt *statements[SITE_QUERY_COUNT];
    site_store *store;
    int64_t deadline_us;
    site_db *next_idle;
};

struct site_store {
    char *files[SITE_DATABASE_COUNT];
    pthread_mutex_t lock;
    site_db *idle;
    atomic_int is_stopping;
};

/* The visitors' recently seen packages: `number` tells the order, and lets old ones be dropped. */
static const char visitors_schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
    "CREATE TABLE IF NOT EXISTS visits(number INTEGER PRIMARY KEY, visitor INTEGER NOT NULL,"
    " package TEXT NOT NULL, UNIQUE(visitor, package));"
    "CREATE INDEX IF NOT EXISTS visits_by_visitor ON visits(visitor, number);";

/* ---- connections ----------------------------------------------------------------------------- */

static void db_close(site_db *db) {
    if (!db) return;
    for (int i = 0; i < SITE_QUERY_COUNT; i++) sqlite3_finalize(db->statements[i]);
    for (int i = 0; i < SITE_DATABASE_COUNT; i++) sqlite3_close(db->databases[i]);
    free(db);
}

/* SQLite asks now and then whether it should give up. */
static int should_give_up(void *arg) {
    const site_db *db = arg;
    return atomic_load_explicit(&db->store->is_stopping, memory_order_relaxed) ||
           site_now_us() > db->deadline_us;
}

static int db_fill(site_db *db, const site_store *store) {
    static const int flags[SITE_DATABASE_COUNT] = {
        [SITE_DB_PACKAGES] = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
        [SITE_DB_VISITORS] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
    };
    static const char *const setup[SITE_DATABASE_COUNT] = {
        [SITE_DB_PACKAGES] = "PRAGMA mmap_size = 268435456; PRAGMA cache_size = -16384;"
                             "PRAGMA temp_store = MEMORY",
        [SITE_DB_VISITORS] = visitors_schema,
    };
    for (int i = 0; i < SITE_DATABASE_COUNT; i++) {
        int status = sqlite3_open_v2(store->files[i], &db->databases[i], flags[i], NULL);
        sqlite3_busy_timeout(db->databases[i], 2000);
        if (status == SQLITE_OK)
            status = sqlite3_exec(db->databases[i], setup[i], NULL, NULL, NULL);
        if (status != SQLITE_OK) {
            fprintf(stderr, "%s: %s\n", store->files[i], sqlite3_errmsg(db->databases[i]));
            return -1;
        }
        sqlite3_progress_handler(db->databases[i], STEPS_BETWEEN_LOOKS, should_give_up, db);
    }
    return 0;
}

static site_db *db_open(site_store *store) {
    site_db *db = calloc(1, sizeof(*db));
    if (!db) return NULL;
    db->store = store;
    db->deadline_us = INT64_MAX;
    if (db_fill(db, store) < 0) {
        db_close(db);
        return NULL;
    }
    return db;
}

static site_db *borrow(site_store *store) {
    pthread_mutex_lock(&store->lock);
    site_db *db = store->idle;
    if (db) store->idle = db->next_idle;
    pthread_mutex_unlock(&store->lock);
    return db ? db : db_open(store);
}

void site_store_leave(site_visit *visit) {
    site_db *db = visit->db;
    if (!db) return;
    visit->db = NULL;
    pthread_mutex_lock(&db->store->lock);
    db->next_idle = db->store->idle;
    db->store->idle = db;
    pthread_mutex_unlock(&db->store->lock);
}

/* ---- the store ------------------------------------------------------------------------------- */

site_store *site_store_open(const char *db) {
    site_store *store = calloc(1, sizeof(*store));
    site_buf visitors = {NULL, 0, 0, 0};
    if (!store) return NULL;
    pthread_mutex_init(&store->lock, NULL);
    site_buf_format(&visitors, "%s-visitors", db);
    store->files[SITE_DB_PACKAGES] = strdup(db);
    store->files[SITE_DB_VISITORS] = visitors.data;
    /* The first connection shows whether all is well. */
    if (store->files[SITE_DB_PACKAGES] && !visitors.failed) store->idle = db_open(store);
    if (!store->idle) {
        site_store_close(store);
        return NULL;
    }
    return store;
}

void site_store_stop(site_store *store) {
    atomic_store(&store->is_stopping, 1);
}

void site_store_close(site_store *store) {
    if (!store) return;
    while (store->idle) {
        site_db *next = store->idle->next_idle;
        db_close(store->idle);
        store->idle = next;
    }
    for (int i = 0; i < SITE_DATABASE_COUNT; i++) free(store->files[i]);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

int site_store_print_popular(const char *db, int64_t count) {
    static const char sql[] =
        "WITH ranked AS (SELECT p.name, row_number() OVER (ORDER BY count(*) DESC, p.name) - 1 AS"
        " rank FROM dependencies d JOIN packages p ON p.id = d.target_id WHERE " SITE_NEEDS
        " GROUP BY p.id), total AS (SELECT max(count(*) / ?1, 1) AS step FROM ranked)"
        " SELECT name FROM ranked, total WHERE rank % step = 0 ORDER BY rank LIMIT ?1";
    sqlite3 *handle = NULL;
    sqlite3_stmt *rows = NULL;
    int status = sqlite3_open_v2(db, &handle, SQLITE_OPEN_READONLY, NULL);
    if (status == SQLITE_OK) status = sqlite3_prepare_v2(handle, sql, -1, &rows, NULL);
    sqlite3_bind_int64(rows, 1, count);
    while (status == SQLITE_OK || status == SQLITE_ROW) {
        status = sqlite3_step(rows);
        if (status == SQLITE_ROW) puts((const char *)sqlite3_column_text(rows, 0));
    }
    if (status != SQLITE_DONE) fprintf(stderr, "%s: %s\n", db, sqlite3_errmsg(handle));
    sqlite3_finalize(rows);
    sqlite3_close(handle);
    return status == SQLITE_DONE ? 0 : -1;
}

/* ---- queries --------------------------------------------------------------------------------- */

sqlite3_stmt *site_query(site_visit *visit, enum site_query_id id) {
    if (!visit->db) {
        visit->db = borrow(visit->app->store);
        if (!visit->db) {
            site_fail(visit, 503, "The database cannot be opened.");
            return NULL;
        }
        visit->db->deadline_us = visit->cost.started_us + QUERY_LIMIT_US;
    }
    sqlite3_stmt **statement = &visit->db->statements[id];
    sqlite3 *database = visit->db->databases[queries[id].database];
    if (!*statement && sqlite3_prepare_v3(database, queries[id].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                          statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "query failed: %s\n", sqlite3_errmsg(database));
        site_fail(visit, 500, "The database does not understand the question.");
        return NULL;
    }
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    visit->cost.queries++;
    return *statement;
}

int site_next(site_visit *visit, sqlite3_stmt *rows) {
    int status = rows ? sqlite3_step(rows) : SQLITE_ERROR;
    if (status == SQLITE_ROW) return 1;
    if (status == SQLITE_INTERRUPT) {
        site_fail(visit, 503, "This took longer than anyone should wait, and was given up.");
    } else if (status != SQLITE_DONE) {
        if (rows) fprintf(stderr, "query failed: %s\n", sqlite3_errmsg(sqlite3_db_handle(rows)));
        site_fail(visit, 500, "The database could not answer.");
    }
    /* Ends the read, so that a connection in the pool holds nothing. */
    if (rows) sqlite3_reset(rows);
    return 0;
}

int site_try(sqlite3_stmt *change) {
    if (!change) return -1;
    int status = sqlite3_step(change);
    if (status != SQLITE_DONE)
        fprintf(stderr, "not written: %s\n", sqlite3_errmsg(sqlite3_db_handle(change)));
    sqlite3_reset(change);
    return status == SQLITE_DONE ? 0 : -1;
}

void site_bind_text(sqlite3_stmt *rows, int at, const char *text) {
    sqlite3_bind_text(rows, at, text, -1, SQLITE_STATIC);
}
