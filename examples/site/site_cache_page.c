/*
 * site_cache_page.c - /cache: a look into the cache itself, and the button that clears it.
 *
 * Nothing here is cached. The walk over the entries is bounded: a large cache is shown in part.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "site_page.h"
#include "site_template.h"
#include "site_visitors.h"

enum { TOP = 10, MAX_WALK = 200000, PLOT_WIDTH = 600, PLOT_HEIGHT = 120 };

#define WALK_LIMIT_US ((int64_t)500 * 1000)

/* ---- the plot -------------------------------------------------------------------------------- */

/* Bars of lookups a second, and over them the line of the hit ratio. */
static void draw_plot(site_visit *visit, site_buf *out) {
    site_sample samples[SITE_SAMPLES];
    size_t count = site_sampler_read(visit->app->sampler, samples);
    int64_t most = 1;
    for (size_t i = 0; i < count; i++)
        if (samples[i].hits + samples[i].misses > most) most = samples[i].hits + samples[i].misses;
    double step = (double)PLOT_WIDTH / SITE_SAMPLES;
    site_buf line = {NULL, 0, 0, 0};
    int is_drawing = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t lookups = samples[i].hits + samples[i].misses;
        double x = (double)(SITE_SAMPLES - count + i) * step;
        if (lookups == 0) {
            is_drawing = 0;
            continue;
        }
        double height = (double)lookups / (double)most * PLOT_HEIGHT;
        site_buf_format(out,
                        "<rect class=\"lookups\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                        "height=\"%.1f\"/>",
                        x, PLOT_HEIGHT - height, step, height);
        double y = PLOT_HEIGHT * (1 - (double)samples[i].hits / (double)lookups);
        /* Two points each, so that a second alone between quiet ones can be seen. */
        site_buf_format(&line, "%c%.1f %.1fL%.1f %.1f", is_drawing ? 'L' : 'M', x, y, x + step, y);
        is_drawing = 1;
    }
    if (line.size) site_buf_format(out, "<path class=\"ratio\" d=\"%s\"/>", line.data);
    if (line.failed) out->failed = 1;
    site_buf_free(&line);
}

/* ---- the entries ----------------------------------------------------------------------------- */

typedef struct seen_entry {
    char key[120];
    int64_t size_bytes;
    int64_t ttl_ms;
    int64_t heat;
} seen_entry;

typedef struct walk {
    seen_entry biggest[TOP];
    seen_entry hottest[TOP];
    size_t biggest_count;
    size_t hottest_count;
    int64_t count;
    int64_t stop_us;
} walk;

/* A key may hold any bytes: what cannot be shown becomes '?'. */
static void copy_key(char *to, size_t capacity, const jay_entry_info *entry) {
    const unsigned char *key = entry->key;
    size_t size = entry->key_size < capacity ? entry->key_size : capacity - 1;
    for (size_t i = 0; i < size; i++) to[i] = (char)(key[i] < 32 || key[i] == 127 ? '?' : key[i]);
    to[size] = '\0';
}

/* Keeps `top` sorted by the larger weight first. */
static void keep_top(seen_entry top[TOP], size_t *count, int by_heat, const jay_entry_info *entry) {
    int64_t size_bytes = entry->size_bytes >= 0 ? entry->size_bytes : (int64_t)entry->value_size;
    int64_t weight = by_heat ? entry->heat : size_bytes;
    size_t at = *count;
    while (at > 0 && (by_heat ? top[at - 1].heat : top[at - 1].size_bytes) < weight) at--;
    if (at == TOP) return;
    if (*count < TOP) (*count)++;
    memmove(&top[at + 1], &top[at], (*count - at - 1) * sizeof(*top));
    copy_key(top[at].key, sizeof(top[at].key), entry);
    top[at].size_bytes = size_bytes;
    top[at].ttl_ms = entry->ttl_ms;
    top[at].heat = entry->heat;
}

static int see_entry(void *arg, const jay_entry_info *entry) {
    walk *seen = arg;
    keep_top(seen->biggest, &seen->biggest_count, 0, entry);
    if (entry->heat >= 0) keep_top(seen->hottest, &seen->hottest_count, 1, entry);
    seen->count++;
    return seen->count >= MAX_WALK || (seen->count % 256 == 0 && site_now_us() > seen->stop_us);
}

static void put_ttl(site_model *row, int64_t ttl_ms) {
    if (ttl_ms == JAY_TTL_FOREVER)
        site_put(row, "left", "for ever");
    else if (ttl_ms < 120000)
        site_put_format(row, "left", "%" PRId64 " s", ttl_ms / 1000);
    else
        site_put_format(row, "left", "%" PRId64 " min", ttl_ms / 60000);
}

static void put_entries(site_model *model, const char *list, const seen_entry *top, size_t count) {
    for (size_t i = 0; i < count; i++) {
        site_model *row = site_put_row(model, list);
        site_put(row, "key", top[i].key);
        site_put_bytes(row, "size", top[i].size_bytes);
        if (top[i].heat >= 0) site_put_count(row, "heat", top[i].heat);
        put_ttl(row, top[i].ttl_ms);
    }
}

static void walk_entries(site_visit *visit, site_model *model) {
    walk *seen = calloc(1, sizeof(*seen));
    jay_error error;
    if (!seen) return;
    seen->stop_us = site_now_us() + WALK_LIMIT_US;
    int status = jay_iterate(visit->app->cache, see_entry, seen, &error);
    if (status < 0) site_put_format(model, "walk_failure", "%s", error.message);
    if (status == JAY_STOPPED) site_put_count(model, "walk_part", seen->count);
    put_entries(model, "biggest", seen->biggest, seen->biggest_count);
    put_entries(model, "hottest", seen->hottest, seen->hottest_count);
    free(seen);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_stat(site_model *model, const char *label, int64_t number, int is_bytes) {
    if (number < 0) return; /* the backend does not know */
    site_model *row = site_put_row(model, "stats");
    site_put(row, "label", label);
    if (is_bytes)
        site_put_bytes(row, "number", number);
    else
        site_put_count(row, "number", number);
}

static void put_stats(site_visit *visit, site_model *model) {
    jay_stats stats;
    jay_error error;
    if (jay_get_stats(visit->app->cache, &stats, sizeof(stats), &error) < 0) {
        site_put(model, "stats_failure", error.message);
        return;
    }
    int64_t lookups = stats.hits + stats.misses;
    if (stats.hits >= 0 && stats.misses >= 0 && lookups > 0)
        site_put_format(model, "hit_ratio", "%.1f %%",
                        100.0 * (double)stats.hits / (double)lookups);
    put_stat(model, "hits", stats.hits, 0);
    put_stat(model, "misses", stats.misses, 0);
    put_stat(model, "items", stats.items, 0);
    put_stat(model, "bytes held", stats.bytes, 1);
    if (stats.max_bytes > 0) put_stat(model, "limit of bytes", stats.max_bytes, 1);
    if (stats.max_items > 0) put_stat(model, "limit of items", stats.max_items, 0);
    put_stat(model, "stored", stats.sets, 0);
    put_stat(model, "deleted", stats.deletes, 0);
    put_stat(model, "evicted", stats.evictions, 0);
    put_stat(model, "expired", stats.expiries, 0);
    put_stat(model, "views pinned now", stats.pinned, 0);
    put_stat(model, "failed calls", stats.errors, 0);
    if (stats.resets > 0) put_stat(model, "emptied for damage", stats.resets, 0);
}

static void put_pages_made(site_visit *visit, site_model *model, int cache_is_on) {
    site_pages_made made = site_sampler_pages(visit->app->sampler, cache_is_on);
    if (made.count == 0) return;
    site_model *row = site_put_row(model, "made");
    site_put(row, "how", cache_is_on ? "with the cache" : "without it");
    site_put_count(row, "pages", made.count);
    site_put_us(row, "mean", made.total_us / made.count);
}

static void put_workers(const site_visit *visit, site_model *model) {
    const site_workers *workers = visit->app->workers;
    if (!workers) return;
    int64_t count = site_workers_count(workers), replaced = site_workers_replaced(workers);
    site_put_count(model, "workers", count);
    site_put(model, "has_others", count > 1 ? "others" : NULL);
    site_put_count(model, "running", site_workers_running(workers));
    if (replaced) site_put_count(model, "replaced", replaced);
    site_put(model, "is_private", visit->app->cache_is_private ? "private" : NULL);
    site_put_format(model, "worker", "%ld", (long)getpid());
}

static void show_cache(site_visit *visit, const char *said) {
    site_buf body = {NULL, 0, 0, 0}, plot = {NULL, 0, 0, 0};
    site_model *model = site_model_create();
    char token[SITE_TOKEN_BYTES];
    site_visitor_token(visit, token);
    site_put(model, "token", token);
    site_put(model, "said", said);
    site_put(model, "scheme", jay_cache_scheme(visit->app->cache));
    site_put(model, "live", visit->is_live ? "live" : NULL);
    put_stats(visit, model);
    put_workers(visit, model);
    put_pages_made(visit, model, 1);
    put_pages_made(visit, model, 0);
    draw_plot(visit, &plot);
    if (plot.size) site_put_html(model, "plot", plot.data, plot.size);
    if (plot.failed) body.failed = 1;
    walk_entries(visit, model);
    site_render("cache.html", model, &body);
    site_show_html(visit, "The cache", &body);
    site_model_destroy(model);
    site_buf_free(&plot);
    site_buf_free(&body);
}

void site_page_cache(site_visit *visit, const char *rest) {
    (void)rest;
    show_cache(visit, NULL);
}

void site_page_clear(site_visit *visit, const char *rest) {
    jay_error error;
    (void)rest;
    if (!site_visitor_is_trusted(visit)) {
        site_fail(visit, 403, "This form was not made for you; open /cache and press its button.");
        return;
    }
    /* A clear that failed leaves stale pages behind: the one failure that must not pass unseen. */
    if (jay_clear(visit->app->cache, &error) < 0) {
        show_cache(visit, error.message);
        return;
    }
    visit->status = 303;
    visit->location = "/cache";
}
