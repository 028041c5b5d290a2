/*
 * site_cost.c - the account of a page, and the bar that shows it. See site_cost.h.
 */
#include "site_cost.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "site.h"
#include "site_template.h"

site_cost_piece *site_cost_add(site_cost *cost, const char *key, int outcome) {
    if (outcome == SITE_HIT)
        cost->hits++;
    else
        cost->misses++;
    if (cost->piece_count == SITE_COST_PIECES) return NULL;
    site_cost_piece *piece = &cost->pieces[cost->piece_count++];
    *piece = (site_cost_piece){.outcome = outcome, .depth = cost->depth};
    snprintf(piece->key, sizeof(piece->key), "%s", key);
    return piece;
}

static void put_piece(site_model *model, const site_cost_piece *piece) {
    static const char *const names[] = {"hit", "miss", "off", "broken"};
    site_model *row = site_put_row(model, "pieces");
    site_put(row, "key", piece->key);
    site_put(row, "outcome", names[piece->outcome]);
    site_put(row, "nested", piece->depth ? "nested" : NULL);
    site_put_bytes(row, "size", (int64_t)piece->size_bytes);
    site_put_us(row, "time", piece->time_us);
    site_put_format(row, "queries", piece->queries == 1 ? "%d query" : "%d queries",
                    piece->queries);
    site_put(row, "saved", piece->outcome == SITE_HIT ? "saved" : NULL);
}

/* The link that loads the same page with the cache switched. */
static void put_switch(site_model *model, const site_visit *visit) {
    site_buf link = {NULL, 0, 0, 0};
    site_buf_path(&link, visit->path);
    site_buf_format(&link, "?cache=%s", visit->cache_is_on ? "off" : "on");
    if (visit->query) {
        site_buf_text(&link, "&q=");
        site_buf_query(&link, visit->query);
    }
    if (visit->page > 1) site_buf_format(&link, "&page=%lld", (long long)visit->page);
    site_put(model, "switch", link.data);
    site_buf_free(&link);
}

void site_cost_bar(site_visit *visit, site_buf *out) {
    const site_cost *cost = &visit->cost;
    site_model *model = site_model_create();
    int pieces = cost->hits + cost->misses;
    site_put(model, "on", visit->cache_is_on ? "on" : NULL);
    site_put_format(model, "queries", cost->queries == 1 ? "%d query" : "%d queries",
                    cost->queries);
    if (pieces && visit->cache_is_on) {
        site_put_format(model, "from_cache", "%d of %d", cost->hits, pieces);
        site_put(model, "verdict", cost->misses == 0 ? "hit" : cost->hits ? "part" : "miss");
    } else {
        site_put(model, "verdict", visit->cache_is_on ? "none" : "off");
    }
    if (cost->hits) {
        site_put_us(model, "saved", cost->saved_us);
        site_put_format(model, "saved_queries",
                        cost->saved_queries == 1 ? "%d query" : "%d queries", cost->saved_queries);
    }
    if (visit->app->workers) site_put_format(model, "worker", "%ld", (long)getpid());
    site_put(model, "failure", cost->failure);
    for (size_t i = 0; i < cost->piece_count; i++) put_piece(model, &cost->pieces[i]);
    if (visit->views) site_put_count(model, "views", visit->views);
    site_put(model, "views_plural", visit->views == 1 ? NULL : "s");
    put_switch(model, visit);
    /* Last, so that it counts all that came before. */
    site_put_us(model, "time", site_now_us() - cost->started_us);
    site_render("cost.html", model, out);
    site_model_destroy(model);
}
