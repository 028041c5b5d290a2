/*
 * site_store.h - the site's data: connections to SQLite, and the queries of site_queries.h.
 *
 * A visit borrows a connection when it needs its first query, and gives it back at its end; a
 * page that comes whole from the cache needs none. Connections keep their prepared statements.
 */
#ifndef SITE_STORE_H
#define SITE_STORE_H

#include <sqlite3.h>
#include <stdint.h>

#include "site_queries.h"

typedef struct site_store site_store;
typedef struct site_db site_db;
struct site_visit;

/* Opens the store: the packages in the file `db`, the visitors' history beside it. Writes to stderr
 * why not. */
site_store *site_store_open(const char *db);

/* Makes running queries stop at once, and all later ones fail: for the end of the program. */
void site_store_stop(site_store *store);
void site_store_close(site_store *store);

/*
 * Begins a query of the visit: a statement to bind parameters to, and then to give to site_next.
 * Never needs to be freed. NULL, which the functions of SQLite and site_next take, when there is no
 * connection.
 */
sqlite3_stmt *site_query(struct site_visit *visit, enum site_query_id id);

/*
 * Goes to the next row: 1, or 0 at the end. A query that fails, or takes longer than a visitor
 * would wait, ends as well, and makes the visit fail, so that nothing half-made is shown or cached.
 */
int site_next(struct site_visit *visit, sqlite3_stmt *rows);

/*
 * Carries out a query that changes something, and that the page can do without: when it fails, as
 * when another process keeps the database locked, the visit goes on. Returns 0 or -1.
 */
int site_try(sqlite3_stmt *change);

/* Binds a text for the time until the statement's next use; it is not copied. */
void site_bind_text(sqlite3_stmt *rows, int at, const char *text);

/* Prints the names of `count` packages, spread evenly over those that others need, the most needed
 * first. */
int site_store_print_popular(const char *db, int64_t count);

/* Gives the visit's connection back. */
void site_store_leave(struct site_visit *visit);

#endif
