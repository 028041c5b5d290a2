/*
 * site_page.h - what the pages share: the layout around them, and the row of page numbers below
 * lists.
 */
#ifndef SITE_PAGE_H
#define SITE_PAGE_H

#include "site.h"
#include "site_fragments.h"

/*
 * Shows a page that consists of fragments, one below the other, with the visitor's sidebar. At most
 * SITE_MAX_FRAGMENTS - 1.
 */
void site_show(site_visit *visit, const char *title, site_fragment *fragments, size_t count);

/* Shows a page whose inside is made already. */
void site_show_html(site_visit *visit, const char *title, const site_buf *body);

/* Shows what went wrong: visit->status and visit->problem. */
void site_show_problem(site_visit *visit);

/*
 * Puts "pager" into the model: links to the pages before and after. `base` is the URL of the list,
 * encoded, up to and with "page=". Makes the visit fail when there is no such page.
 */
void site_put_pager(site_visit *visit, site_model *model, const char *base, int64_t rows);

/* How a query's ?page= becomes LIMIT and OFFSET, bound at `at` and `at` + 1. */
void site_bind_page(const site_visit *visit, sqlite3_stmt *rows, int at);

#endif
