/*
 * site.h - the site as a whole, and one visit: a request on its way to a page.
 *
 * Who may call whom: http -> routes -> pages -> fragments, sidebar, cost -> store, model, template,
 * text. A visit belongs to one thread; the site is shared by all and, once started, changes only
 * inside its members, which lock for themselves.
 */
#ifndef SITE_H
#define SITE_H

#include <jaycache/jaycache.h>

#include "site_cost.h"
#include "site_model.h"
#include "site_sampler.h"
#include "site_store.h"
#include "site_text.h"
#include "site_workers.h"

#define SITE_MAX_QUERY_BYTES ((size_t)160) /* of a search text */
#define SITE_MAX_PATH_BYTES ((size_t)400)
#define SITE_MAX_PAGE 10000
#define SITE_ROWS_A_PAGE 50

typedef struct site_app {
    jay_cache *cache;    /* as asked for by --cache */
    jay_cache *no_cache; /* null: stands in for it when a visitor has switched the cache off */
    site_store *store;
    site_sampler *sampler;
    site_workers *workers; /* NULL: this process serves alone */
    int cache_is_private;  /* each process that serves has one of its own */
    uint64_t secret[2];    /* of this run, for the tokens in forms */
} site_app;

typedef struct site_visit {
    site_app *app;
    const char *method;
    const char *path;   /* decoded, valid as a string */
    const char *query;  /* ?q=, or NULL */
    int64_t page;       /* ?page=, from 1 */
    int is_live;        /* ?live=1: the page asks to be loaded again every second */
    int64_t visitor;    /* from the cookie, or made for this visit */
    int visitor_is_new; /* 1: no cookie came along */
    const char *token;  /* the form's token, or NULL */
    jay_cache *cache;   /* site->cache, or site->no_cache */
    int cache_is_on;
    int cache_is_switched; /* the visit itself switched it */
    site_cost cost;
    site_db *db;   /* once a query was needed */
    int64_t views; /* of this page, by the cache's counter; 0: not known */

    int status;           /* of HTTP; other than 200 once something went wrong */
    const char *problem;  /* then: what, for people; a constant */
    const char *allow;    /* with 405: the methods allowed */
    const char *location; /* with 303: where to go; a constant */
    site_buf out;         /* the page */
} site_visit;

/* Notes that a visit cannot be answered as hoped. The first failure counts. */
void site_fail(site_visit *visit, int status, const char *problem);

/* Answers a visit: fills in status and out. */
void site_answer(site_visit *visit);

/* The pages; `rest` is what follows the route's path. */
void site_page_front(site_visit *visit, const char *rest);
void site_page_section(site_visit *visit, const char *rest);
void site_page_sections(site_visit *visit, const char *rest);
void site_page_maintainer(site_visit *visit, const char *rest);
void site_page_maintainers(site_visit *visit, const char *rest);
void site_page_search(site_visit *visit, const char *rest);
void site_page_package(site_visit *visit, const char *rest);
void site_page_reverse(site_visit *visit, const char *rest);
void site_page_cache(site_visit *visit, const char *rest);
void site_page_clear(site_visit *visit, const char *rest);

#endif
