/*
 * site_pages.c - the front page, and the lists of packages by section and by maintainer.
 */
#include <stdio.h>
#include <string.h>

#include "site_page.h"
#include "site_template.h"

enum { MINUTE_MS = 60 * 1000, FRONT_ROWS = 10, ALL_ROWS = 1000 };

/* Puts every row of a query into the list `name`. */
static void put_rows(site_visit *visit, site_model *model, const char *name, sqlite3_stmt *rows) {
    while (site_next(visit, rows)) site_put_columns(site_put_row(model, name), rows);
}

/* ---- the front page -------------------------------------------------------------------------- */

static void make_totals(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_TOTALS);
    while (site_next(visit, rows)) site_put_columns(model, rows);
    site_render("totals.html", model, out);
    site_model_destroy(model);
}

static void make_popular(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_POPULAR);
    sqlite3_bind_int(rows, 1, FRONT_ROWS);
    put_rows(visit, model, "popular", rows);
    rows = site_query(visit, SITE_QUERY_LARGEST);
    sqlite3_bind_int(rows, 1, FRONT_ROWS);
    put_rows(visit, model, "largest", rows);
    site_render("popular.html", model, out);
    site_model_destroy(model);
}

static void make_sections(site_visit *visit, const void *arg, site_buf *out) {
    const int *limit = arg;
    site_model *model = site_model_create();
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_SECTIONS);
    sqlite3_bind_int(rows, 1, *limit);
    put_rows(visit, model, "sections", rows);
    site_put(model, "more", *limit == ALL_ROWS ? NULL : "more");
    site_render("sections.html", model, out);
    site_model_destroy(model);
}

static void make_top_maintainers(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_MAINTAINERS);
    sqlite3_bind_int(rows, 1, FRONT_ROWS);
    sqlite3_bind_int(rows, 2, 0);
    put_rows(visit, model, "maintainers", rows);
    site_put(model, "more", "more");
    site_render("maintainers.html", model, out);
    site_model_destroy(model);
}

void site_page_front(site_visit *visit, const char *rest) {
    static const int limit = FRONT_ROWS;
    (void)rest;
    site_fragment parts[] = {
        {.key = "fragment/totals", .ttl_ms = 10 * MINUTE_MS, .make = make_totals},
        {.key = "fragment/sections",
         .ttl_ms = 10 * MINUTE_MS,
         .make = make_sections,
         .arg = &limit},
        {.key = "fragment/maintainers", .ttl_ms = 10 * MINUTE_MS, .make = make_top_maintainers},
        {.key = "fragment/popular", .ttl_ms = 10 * MINUTE_MS, .make = make_popular},
    };
    site_show(visit, "Every package of this Debian", parts, sizeof(parts) / sizeof(parts[0]));
}

/* ---- sections and maintainers ---------------------------------------------------------------- */

void site_page_sections(site_visit *visit, const char *rest) {
    static const int limit = ALL_ROWS;
    (void)rest;
    site_fragment part = {
        .key = "page/sections", .ttl_ms = 10 * MINUTE_MS, .make = make_sections, .arg = &limit};
    site_show(visit, "Sections", &part, 1);
}

static void make_maintainers(site_visit *visit, const void *arg, site_buf *out) {
    (void)arg;
    site_model *model = site_model_create();
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_MAINTAINER_TOTAL);
    int64_t total = 0;
    while (site_next(visit, rows)) total = sqlite3_column_int64(rows, 0);
    site_put_count(model, "total", total);
    site_put_pager(visit, model, "/maintainers?page=", total);
    rows = site_query(visit, SITE_QUERY_MAINTAINERS);
    site_bind_page(visit, rows, 1);
    put_rows(visit, model, "maintainers", rows);
    site_render("maintainers.html", model, out);
    site_model_destroy(model);
}

void site_page_maintainers(site_visit *visit, const char *rest) {
    (void)rest;
    site_fragment part = {.ttl_ms = 10 * MINUTE_MS, .make = make_maintainers};
    snprintf(part.key, sizeof(part.key), "page/maintainers/%lld", (long long)visit->page);
    site_show(visit, "Maintainers", &part, 1);
}

/* ---- lists of packages ----------------------------------------------------------------------- */

/* One of the two kinds of lists: by section, and by maintainer. */
typedef struct listing {
    const char *kind; /* "section": a part of its URL, too */
    const char *name;
    enum site_query_id find;
    enum site_query_id packages;
} listing;

static void make_listing(site_visit *visit, const void *arg, site_buf *out) {
    const listing *list = arg;
    int64_t id = 0, total = 0;
    sqlite3_stmt *rows = site_query(visit, list->find);
    site_bind_text(rows, 1, list->name);
    while (site_next(visit, rows)) {
        id = sqlite3_column_int64(rows, 0);
        total = sqlite3_column_int64(rows, 1);
    }
    if (!id) {
        site_fail(visit, 404, "No package has such a section or maintainer.");
        return;
    }
    site_model *model = site_model_create();
    site_buf base = {NULL, 0, 0, 0};
    site_buf_format(&base, "/%s/", list->kind);
    site_buf_path(&base, list->name);
    site_buf_text(&base, "?page=");
    site_put(model, "kind", list->kind);
    site_put(model, "name", list->name);
    site_put_count(model, "total", total);
    if (!base.failed) site_put_pager(visit, model, base.data, total);
    rows = site_query(visit, list->packages);
    sqlite3_bind_int64(rows, 1, id);
    site_bind_page(visit, rows, 2);
    while (site_next(visit, rows)) {
        site_model *row = site_put_row(model, "packages");
        site_put_columns(row, rows);
        site_put(row, "here", sqlite3_column_int(rows, 3) ? "here" : NULL);
    }
    site_render("listing.html", model, out);
    site_model_destroy(model);
    site_buf_free(&base);
}

static void show_listing(site_visit *visit, const listing *list) {
    site_fragment part = {.ttl_ms = 10 * MINUTE_MS, .make = make_listing, .arg = list};
    char title[300];
    snprintf(part.key, sizeof(part.key), "page/%s/%s/%lld", list->kind, list->name,
             (long long)visit->page);
    snprintf(title, sizeof(title), "%s", list->name);
    site_show(visit, title, &part, 1);
}

void site_page_section(site_visit *visit, const char *rest) {
    listing list = {"section", rest, SITE_QUERY_SECTION, SITE_QUERY_SECTION_PACKAGES};
    show_listing(visit, &list);
}

void site_page_maintainer(site_visit *visit, const char *rest) {
    listing list = {"maintainer", rest, SITE_QUERY_MAINTAINER, SITE_QUERY_MAINTAINER_PACKAGES};
    show_listing(visit, &list);
}
