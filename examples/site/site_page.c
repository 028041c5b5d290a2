/*
 * site_page.c - the layout. See site_page.h.
 */
#include "site_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "site_assets.h"
#include "site_template.h"
#include "site_visitors.h"

void site_fail(site_visit *visit, int status, const char *problem) {
    if (visit->status != 200) return;
    visit->status = status;
    visit->problem = problem;
}

/* Puts the frame around a page: head, search, sidebar, and what it cost. */
static void show_layout(site_visit *visit, const char *title, const site_buf *body,
                        const char *sidebar, size_t sidebar_size) {
    site_buf cost = {NULL, 0, 0, 0};
    site_model *model = site_model_create();
    const site_asset *style = site_asset_find("style.css");
    site_put(model, "title", title);
    site_put(model, "style", style ? style->version : "");
    site_put(model, "q", visit->query);
    site_put(model, "live", visit->is_live ? "live" : NULL);
    if (sidebar_size) site_put_html(model, "sidebar", sidebar, sidebar_size);
    site_cost_bar(visit, &cost);
    if (cost.failed || body->failed) visit->out.failed = 1;
    site_put_html(model, "body", body->data ? body->data : "", body->size);
    site_put_html(model, "cost", cost.data ? cost.data : "", cost.size);
    site_render("layout.html", model, &visit->out);
    site_model_destroy(model);
    site_buf_free(&cost);
}

/* Counts the views of each page in the cache: one atomic call, for any number of servers. */
static void count_view(site_visit *visit) {
    char key[SITE_MAX_PATH_BYTES + 8];
    int size = snprintf(key, sizeof(key), "views%s", visit->path);
    int64_t views = 0;
    if (visit->cache_is_on &&
        jay_inc(visit->cache, key, (size_t)size, 1, JAY_TTL_FOREVER, &views, NULL) == JAY_OK)
        visit->views = views;
}

void site_show(site_visit *visit, const char *title, site_fragment *fragments, size_t count) {
    site_fragment parts[SITE_MAX_FRAGMENTS];
    site_buf body = {NULL, 0, 0, 0};
    if (count > SITE_MAX_FRAGMENTS - 1) count = SITE_MAX_FRAGMENTS - 1;
    memcpy(parts, fragments, count * sizeof(*parts));
    site_fragment *sidebar = &parts[count];
    *sidebar = (site_fragment){.ttl_ms = 5 * 60 * 1000, .make = site_sidebar_make};
    site_sidebar_key(visit, sidebar->key, sizeof(sidebar->key));

    site_fragments_get(visit, parts, count + 1);
    for (size_t i = 0; i < count; i++) site_buf_bytes(&body, parts[i].html, parts[i].size);
    if (visit->status == 200) {
        count_view(visit);
        show_layout(visit, title, &body, sidebar->html, sidebar->size);
    }
    site_fragments_release(parts, count + 1);
    site_buf_free(&body);
}

void site_show_html(site_visit *visit, const char *title, const site_buf *body) {
    if (visit->status == 200) show_layout(visit, title, body, NULL, 0);
}

void site_show_problem(site_visit *visit) {
    site_buf body = {NULL, 0, 0, 0};
    site_model *model = site_model_create();
    char title[64];
    snprintf(title, sizeof(title), "%d: %s", visit->status,
             visit->status == 404   ? "not found"
             : visit->status >= 500 ? "that did not work"
                                    : "that cannot be");
    site_put_format(model, "status", "%d", visit->status);
    site_put(model, "problem", visit->problem);
    site_render("problem.html", model, &body);
    site_buf_free(&visit->out);
    show_layout(visit, title, &body, NULL, 0);
    site_model_destroy(model);
    site_buf_free(&body);
}

static void put_page_link(site_model *model, const char *name, const char *base, int64_t page) {
    site_put_format(model, name, "%s%" PRId64, base, page);
}

void site_put_pager(site_visit *visit, site_model *model, const char *base, int64_t rows) {
    int64_t pages = (rows + SITE_ROWS_A_PAGE - 1) / SITE_ROWS_A_PAGE;
    if (visit->page > 1 && visit->page > pages) {
        site_fail(visit, 404, "The list does not have so many pages.");
        return;
    }
    if (pages <= 1) return;
    site_model *row = site_put_row(model, "pager");
    site_put_count(row, "page", visit->page);
    site_put_count(row, "pages", pages);
    if (visit->page > 1) put_page_link(row, "before", base, visit->page - 1);
    if (visit->page < pages) put_page_link(row, "after", base, visit->page + 1);
    if (visit->page > 2) put_page_link(row, "first", base, 1);
    if (visit->page < pages - 1) put_page_link(row, "last", base, pages);
}

void site_bind_page(const site_visit *visit, sqlite3_stmt *rows, int at) {
    sqlite3_bind_int(rows, at, SITE_ROWS_A_PAGE);
    sqlite3_bind_int64(rows, at + 1, (visit->page - 1) * SITE_ROWS_A_PAGE);
}
