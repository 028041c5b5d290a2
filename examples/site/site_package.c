/*
 * site_package.c - the page of a package.
 *
 * The whole page is one fragment, page/package/NAME. Its dearest part, the reverse dependencies, is
 * a fragment of its own that lives longer: fragment/reverse/NAME.
 */
#include "site_package.h"

#include <stdio.h>
#include <string.h>

#include "site_records.h"
#include "site_schema.h"
#include "site_template.h"
#include "site_visitors.h"

enum { PAGE_TTL_MS = 10 * 60 * 1000, REVERSE_TTL_MS = 60 * 60 * 1000 };

const char *site_kind_text(int kind) {
    static const char *const texts[] = {"Pre-depends on", "Depends on", "Recommends",
                                        "Suggests",       "Enhances",   "Breaks",
                                        "Conflicts with", "Replaces"};
    return kind >= 0 && kind <= SITE_KIND_REPLACES ? texts[kind] : "Names";
}

const char *site_kind_reverse_text(int kind) {
    static const char *const texts[] = {"pre-depends on it", "depends on it", "recommends it",
                                        "suggests it",       "enhances it",   "breaks it",
                                        "conflicts with it", "replaces it"};
    return kind >= 0 && kind <= SITE_KIND_REPLACES ? texts[kind] : "names it";
}

/* ---- parts of the page ----------------------------------------------------------------------- */

/* Puts kinds -> places -> choices, from rows that come in that order. */
static void put_dependencies(site_visit *visit, site_model *model, int64_t id) {
    int kind = -1, place = -1;
    site_model *kind_row = NULL, *place_row = NULL;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_DEPENDENCIES);
    sqlite3_bind_int64(rows, 1, id);
    while (site_next(visit, rows)) {
        if (sqlite3_column_int(rows, 0) != kind) {
            kind = sqlite3_column_int(rows, 0);
            place = -1;
            kind_row = site_put_row(model, "kinds");
            site_put(kind_row, "kind_text", site_kind_text(kind));
            site_put(kind_row, "minor", kind > SITE_KIND_SUGGESTS ? "minor" : NULL);
        }
        int is_choice = sqlite3_column_int(rows, 1) == place;
        if (!is_choice) {
            place = sqlite3_column_int(rows, 1);
            place_row = site_put_row(kind_row, "places");
        }
        site_model *row = site_put_row(place_row, "choices");
        site_put_columns(row, rows);
        site_put(row, "or", is_choice ? "or" : NULL);
        site_put(row, "virtual", sqlite3_column_int(rows, 6) ? NULL : "virtual");
    }
}

static void put_rows(site_visit *visit, site_model *model, const char *name, sqlite3_stmt *rows) {
    while (site_next(visit, rows)) site_put_columns(site_put_row(model, name), rows);
}

static int is_web_link(const char *url) {
    return url && (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
}

/* Puts what the package's own row says; returns its id, or 0 when there is no such package. */
static int64_t put_package(site_visit *visit, site_model *model, const char *name) {
    int64_t id = 0;
    char source[132] = "";
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_PACKAGE);
    site_bind_text(rows, 1, name);
    while (site_next(visit, rows)) {
        id = sqlite3_column_int64(rows, 0);
        snprintf(source, sizeof(source), "%s", (const char *)sqlite3_column_text(rows, 5));
        const char *homepage = (const char *)sqlite3_column_text(rows, 6);
        site_put_columns(model, rows);
        site_put(model, "web", is_web_link(homepage) ? homepage : NULL);
        site_put(model, "here", sqlite3_column_int(rows, 11) ? "here" : NULL);
        site_put_description(model, (const char *)sqlite3_column_text(rows, 8));
    }
    if (!id) return 0;
    rows = site_query(visit, SITE_QUERY_SIBLINGS);
    site_bind_text(rows, 1, source);
    sqlite3_bind_int64(rows, 2, id);
    put_rows(visit, model, "siblings", rows);
    rows = site_query(visit, SITE_QUERY_PROVIDES);
    sqlite3_bind_int64(rows, 1, id);
    for (int count = 0; site_next(visit, rows); count++) {
        site_model *row = site_put_row(model, "provides");
        site_put_columns(row, rows);
        site_put(row, "comma", count ? ", " : NULL);
        if (count == 0) site_put(model, "any_provides", "yes");
    }
    rows = site_query(visit, SITE_QUERY_FOOTPRINT);
    sqlite3_bind_int64(rows, 1, id);
    while (site_next(visit, rows)) site_put_columns(model, rows);
    put_dependencies(visit, model, id);
    return id;
}

/* A name that is no package but is provided by some, or only depended on. */
static int64_t put_virtual(site_visit *visit, site_model *model, const char *name) {
    int64_t id = 0;
    sqlite3_stmt *rows = site_query(visit, SITE_QUERY_NAME);
    site_bind_text(rows, 1, name);
    while (site_next(visit, rows)) id = sqlite3_column_int64(rows, 0);
    if (!id) return 0;
    site_put(model, "name", name);
    site_put(model, "virtual", "virtual");
    rows = site_query(visit, SITE_QUERY_PROVIDERS);
    sqlite3_bind_int64(rows, 1, id);
    put_rows(visit, model, "providers", rows);
    return id;
}

static void make_package(site_visit *visit, const void *arg, site_buf *out) {
    const char *name = arg;
    site_model *model = site_model_create();
    site_subject subject = {name, put_package(visit, model, name)};
    if (!subject.id) subject.id = put_virtual(visit, model, name);
    if (subject.id) {
        site_fragment reverse = {
            .ttl_ms = REVERSE_TTL_MS, .make = site_reverse_make, .arg = &subject};
        snprintf(reverse.key, sizeof(reverse.key), "fragment/reverse/%s", name);
        site_fragments_get(visit, &reverse, 1);
        site_put_html(model, "reverse", reverse.html, reverse.size);
        site_render("package.html", model, out);
        site_fragments_release(&reverse, 1);
    } else {
        site_fail(visit, 404, "There is no package of this name.");
    }
    site_model_destroy(model);
}

void site_page_package(site_visit *visit, const char *rest) {
    if (!site_name_is_valid(rest)) {
        site_fail(visit, 404, "There is no package of this name.");
        return;
    }
    site_fragment part = {.ttl_ms = PAGE_TTL_MS, .make = make_package, .arg = rest};
    snprintf(part.key, sizeof(part.key), "page/package/%s", rest);
    site_visitor_saw(visit, rest);
    site_show(visit, rest, &part, 1);
}
