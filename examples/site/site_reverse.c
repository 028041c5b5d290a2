/*
 * site_reverse.c - who needs a package: the part of its page, and the whole list.
 */
#include <stdio.h>
#include <string.h>

#include "site_package.h"
#include "site_records.h"
#include "site_schema.h"
#include "site_template.h"

enum { TOP_ROWS = 12, LIST_TTL_MS = 10 * 60 * 1000 };

static void put_kinds(site_visit *visit, site_model *model, int64_t id) {
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_REVERSE_KINDS);
    sqlite3_bind_int64(rows, 1, id);
    while (site_next(visit, rows)) {
        site_model *row = site_put_row(model, "kinds");
        int kind = sqlite3_column_int(rows, 0);
        site_put_columns(row, rows);
        site_put(row, "kind_text", site_kind_reverse_text(kind));
        if (kind <= SITE_KIND_ENHANCES) site_put(model, "list", "list");
    }
}

static void put_steps(site_visit *visit, site_model *model, int64_t id) {
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_REVERSE_STEPS);
    sqlite3_bind_int64(rows, 1, id);
    int64_t total = 0;
    while (site_next(visit, rows)) {
        site_model *row = site_put_row(model, "steps");
        site_put_columns(row, rows);
        site_put(row, "plural", sqlite3_column_int(rows, 0) == 1 ? NULL : "s");
        total = sqlite3_column_int64(rows, 3);
    }
    if (total) site_put_count(model, "total", total);
    site_put(model, "one", total == 1 ? "one" : NULL);
}

void site_reverse_make(site_visit *visit, const void *arg, site_buf *out) {
    const site_subject *subject = arg;
    site_model *model = site_model_create();
    site_put(model, "subject", subject->name);
    put_kinds(visit, model, subject->id);
    put_steps(visit, model, subject->id);
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_REVERSE_TOP);
    sqlite3_bind_int64(rows, 1, subject->id);
    sqlite3_bind_int(rows, 2, TOP_ROWS);
    while (site_next(visit, rows)) {
        site_put_columns(site_put_row(model, "top"), rows);
        site_put(model, "any_top", "yes");
    }
    site_render("reverse.html", model, out);
    site_model_destroy(model);
}

/* ---- the whole list -------------------------------------------------------------------------- */

static void put_list(site_visit *visit, site_model *model, int64_t id) {
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_REVERSE_LIST);
    sqlite3_bind_int64(rows, 1, id);
    site_bind_page(visit, rows, 2);
    while (site_next(visit, rows)) {
        site_model *row = site_put_row(model, "packages");
        int kind = sqlite3_column_int(rows, 4);
        site_put_columns(row, rows);
        site_put(row, "here", sqlite3_column_int(rows, 3) ? "here" : NULL);
        site_put(row, "note", kind > SITE_KIND_DEPENDS ? site_kind_reverse_text(kind) : NULL);
    }
}

static void make_list(site_visit *visit, const void *arg, site_buf *out) {
    const char *name = arg;
    int64_t id = 0, total = 0;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_NAME);
    site_bind_text(rows, 1, name);
    while (site_next(visit, rows)) id = sqlite3_column_int64(rows, 0);
    if (!id) {
        site_fail(visit, 404, "There is no package of this name.");
        return;
    }
    rows = site_query(visit, SITE_QUERY_REVERSE_TOTAL);
    sqlite3_bind_int64(rows, 1, id);
    while (site_next(visit, rows)) total = sqlite3_column_int64(rows, 0);

    site_model *model = site_model_create();
    site_buf base = {NULL, 0, 0, 0};
    site_buf_format(&base, "/needed-by/%s?page=", name);
    site_put(model, "subject", name);
    site_put_count(model, "total", total);
    if (!base.failed) site_put_pager(visit, model, base.data, total);
    put_list(visit, model, id);
    site_render("needed_by.html", model, out);
    site_model_destroy(model);
    site_buf_free(&base);
}

void site_page_reverse(site_visit *visit, const char *rest) {
    char title[200];
    if (!site_name_is_valid(rest)) {
        site_fail(visit, 404, "There is no package of this name.");
        return;
    }
    site_fragment part = {.ttl_ms = LIST_TTL_MS, .make = make_list, .arg = rest};
    snprintf(part.key, sizeof(part.key), "page/needed-by/%s/%lld", rest, (long long)visit->page);
    snprintf(title, sizeof(title), "Needed by: %s", rest);
    site_show(visit, title, &part, 1);
}
