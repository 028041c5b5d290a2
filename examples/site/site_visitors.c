/*
 * site_visitors.c - visitors' numbers, tokens and history. See site_visitors.h.
 */
#include "site_visitors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "site.h"

#define HISTORY_ROWS 100000 /* of all visitors together */

int64_t site_visitor_new(void) {
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits)) return 0;
    return (int64_t)(bits % (uint64_t)(SITE_VISITOR_MAX - 1)) + 1;
}

int site_secret_make(uint64_t secret[2]) {
    return getrandom(secret, 16, 0) == 16 ? 0 : -1;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static uint64_t rotate(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of eight bytes: without the key, nobody can tell what belongs to a number. */
static uint64_t keyed_hash(const uint64_t key[2], uint64_t message) {
    const uint64_t words[2] = {message, (uint64_t)8 << 56};
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    for (int i = 0; i < 2; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void site_visitor_token(const site_visit *visit, char token[SITE_TOKEN_BYTES]) {
    snprintf(token, SITE_TOKEN_BYTES, "%016" PRIx64,
             keyed_hash(visit->app->secret, (uint64_t)visit->visitor));
}

int site_visitor_is_trusted(const site_visit *visit) {
    char expected[SITE_TOKEN_BYTES];
    if (!visit->token || visit->visitor_is_new) return 0;
    site_visitor_token(visit, expected);
    if (strlen(visit->token) != SITE_TOKEN_BYTES - 1) return 0;
    /* Takes the same time wherever they differ. */
    unsigned difference = 0;
    for (int i = 0; i < SITE_TOKEN_BYTES - 1; i++)
        difference |= (unsigned)(unsigned char)expected[i] ^ (unsigned char)visit->token[i];
    return difference == 0;
}

/* ---- history --------------------------------------------------------------------------------- */

void site_sidebar_key(const site_visit *visit, char *key, size_t capacity) {
    if (visit->visitor_is_new)
        snprintf(key, capacity, "sidebar_for/stranger");
    else
        snprintf(key, capacity, "sidebar_for/user%" PRId64, visit->visitor);
}

/* Whether there is such a package; names that someone made up are not worth remembering. */
static int is_package(site_visit *visit, const char *name) {
    int is_found = 0;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SUMMARY);
    site_bind_text(rows, 1, name);
    while (site_next(visit, rows)) is_found = 1;
    return is_found;
}

static void write_history(site_visit *visit, const char *package) {
    sqlite3_stmt *note = site_query(visit, SITE_QUERY_VISIT_NOTE);
    sqlite3_bind_int64(note, 1, visit->visitor);
    site_bind_text(note, 2, package);
    /* Another server may be stopped in the midst of its own note; no page waits for that. */
    if (site_try(note) < 0) return;
    /* Now and then is often enough to keep the history bounded. */
    if (sqlite3_last_insert_rowid(sqlite3_db_handle(note)) % 256 != 0) return;
    sqlite3_stmt *trim = site_query(visit, SITE_QUERY_VISIT_TRIM);
    sqlite3_bind_int64(trim, 1, HISTORY_ROWS);
    site_try(trim);
}

/*
 * A visitor who comes back to a page within the hour has it in the history already: jay_add says so
 * without asking the database. When the history changes, the cached sidebar is out of date: it
 * goes.
 */
void site_visitor_saw(site_visit *visit, const char *package) {
    char key[SITE_COST_KEY_BYTES];
    jay_error error;
    if (visit->visitor_is_new) return;
    int size = snprintf(key, sizeof(key), "seen_by/user%" PRId64 "/%s", visit->visitor, package);
    if (jay_add(visit->cache, key, (size_t)size, "", 0, 60 * 60 * 1000, NULL) == JAY_EXISTS) return;
    if (!is_package(visit, package)) return;
    write_history(visit, package);
    site_sidebar_key(visit, key, sizeof(key));
    if (jay_delete(visit->cache, key, strlen(key), &error) < 0)
        snprintf(visit->cost.failure, sizeof(visit->cost.failure), "%s", error.message);
}
