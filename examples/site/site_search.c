/*
 * site_search.c - the full-text search.
 *
 * What people type never reaches the search as an expression: it is cut into words, each goes in as
 * a quoted term, so that AND, *, ", NEAR and parentheses are nothing but text.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "site_page.h"
#include "site_template.h"

enum { MAX_WORDS = 8, SEARCH_TTL_MS = 60 * 1000 };

/* Whether a word has anything that the index knows; punctuation alone matches nothing. */
static int has_content(const char *word, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (isalnum((unsigned char)word[i]) || (unsigned char)word[i] >= 0x80) return 1;
    return 0;
}

/* Writes `"word"*` for each word; returns how many there are. */
static int make_expression(const char *text, site_buf *out) {
    static const char blanks[] = " \t\r\n\v\f";
    int words = 0;
    while (words < MAX_WORDS) {
        text += strspn(text, blanks);
        size_t size = strcspn(text, blanks);
        if (size == 0) break;
        if (has_content(text, size)) {
            site_buf_text(out, words++ ? " \"" : "\"");
            for (size_t i = 0; i < size; i++)
                site_buf_bytes(out, text[i] == '"' ? "\"\"" : text + i, text[i] == '"' ? 2 : 1);
            site_buf_text(out, "\"*");
        }
        text += size;
    }
    return words;
}

static int64_t count_matches(site_visit *visit, const char *expression) {
    int64_t total = 0;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SEARCH_TOTAL);
    site_bind_text(rows, 1, expression);
    while (site_next(visit, rows)) total = sqlite3_column_int64(rows, 0);
    return total;
}

static void put_matches(site_visit *visit, site_model *model, const char *expression) {
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SEARCH);
    site_bind_text(rows, 1, expression);
    site_bind_text(rows, 2, visit->query);
    site_bind_page(visit, rows, 3);
    while (site_next(visit, rows)) {
        site_model *row = site_put_row(model, "packages");
        const char *snippet = (const char *)sqlite3_column_text(rows, 5);
        site_put_columns(row, rows);
        site_put(row, "here", sqlite3_column_int(rows, 2) ? "here" : NULL);
        site_put(row, "in_text", snippet && strchr(snippet, SITE_MARK_BEGIN) ? "yes" : NULL);
    }
}

static void make_search(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    site_buf expression = {NULL, 0, 0, 0}, base = {NULL, 0, 0, 0};
    site_put(model, "text", visit->query);
    if (make_expression(visit->query, &expression) && !expression.failed) {
        int64_t total = count_matches(visit, expression.data);
        site_buf_text(&base, "/search?q=");
        site_buf_query(&base, visit->query);
        site_buf_text(&base, "&page=");
        if (total) site_put_count(model, "total", total);
        site_put(model, "one", total == 1 ? "one" : NULL);
        if (!base.failed) site_put_pager(visit, model, base.data, total);
        if (total) put_matches(visit, model, expression.data);
    }
    site_render("search.html", model, out);
    site_model_destroy(model);
    site_buf_free(&expression);
    site_buf_free(&base);
}

void site_page_search(site_visit *visit, const char *rest) {
    (void)rest;
    if (!visit->query) {
        site_fail(visit, 400, "A search needs a text to look for: /search?q=...");
        return;
    }
    site_fragment part = {.ttl_ms = SEARCH_TTL_MS, .make = make_search};
    snprintf(part.key, sizeof(part.key), "page/search/%lld/%s", (long long)visit->page,
             visit->query);
    site_show(visit, "Search", &part, 1);
}
