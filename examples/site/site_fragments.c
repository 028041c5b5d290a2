/*
 * site_fragments.c - how the site uses its cache: read this file to do the same. See
 * site_fragments.h.
 *
 * What is stored is the HTML behind a stamp, an HTML comment that says what making it took:
 *
 *     <!-- made in 38214 us by 9 queries -->
 *     <h1>...
 *
 * so that a hit can tell what it saved.
 */
#include "site_fragments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

#define STAMP_FORMAT "<!-- made in %" PRId64 " us by %d queries -->\n"

static void note_failure(site_visit *visit, const jay_error *error) {
    snprintf(visit->cost.failure, sizeof(visit->cost.failure), "%s", error->message);
}

/* Goes over `expected` in *text; 0 when there is something else. */
static int skip(const char **text, const char *expected) {
    size_t size = strlen(expected);
    if (strncmp(*text, expected, size) != 0) return 0;
    *text += size;
    return 1;
}

/* Reads the digits at *text as a number; 0 when there are none, or too many to be believed. */
static int take_number(const char **text, int64_t *ret_number) {
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 8) return 0;
    *ret_number = strtoll(*text, NULL, 10);
    *text += digits;
    return 1;
}

/* Takes a value found in the cache. What does not look like ours is as good as a miss. */
static int take_hit(site_visit *visit, site_fragment *fragment) {
    int64_t time_us = 0, queries = 0;
    const char *text = fragment->view.data; /* a NUL follows the bytes */
    const char *html = text;
    if (!skip(&html, "<!-- made in ") || !take_number(&html, &time_us) || !skip(&html, " us by ") ||
        !take_number(&html, &queries) || !skip(&html, " queries -->\n")) {
        jay_value_release(&fragment->view);
        return 0;
    }
    fragment->html = html;
    fragment->size = fragment->view.size - (size_t)(html - text);
    visit->cost.saved_us += time_us;
    visit->cost.saved_queries += (int)queries;
    site_cost_piece *piece = site_cost_add(&visit->cost, fragment->key, SITE_HIT);
    if (piece) {
        piece->size_bytes = fragment->size;
        piece->time_us = time_us;
        piece->queries = (int)queries;
    }
    return 1;
}

/* Stores what was made, behind its stamp. A cache that refuses does not keep a page back. */
static int store(site_visit *visit, const site_fragment *fragment, int64_t time_us, int queries) {
    site_buf value = {NULL, 0, 0, 0};
    jay_error error = {.message = "out of memory"};
    int status = JAY_E_NO_MEMORY;
    site_buf_format(&value, STAMP_FORMAT, time_us, queries);
    site_buf_bytes(&value, fragment->html, fragment->size);
    if (!value.failed)
        status = jay_set(visit->cache, fragment->key, strlen(fragment->key), value.data, value.size,
                         fragment->ttl_ms, &error);
    site_buf_free(&value);
    if (status < 0) note_failure(visit, &error);
    return status;
}

/* Makes a fragment that the cache did not have. */
static void make(site_visit *visit, site_fragment *fragment, int status) {
    int outcome = visit->cache_is_on ? SITE_MISS : SITE_OFF;
    site_cost_piece *piece = site_cost_add(&visit->cost, fragment->key, outcome);
    int64_t started_us = site_now_us();
    int queries = visit->cost.queries;

    visit->cost.depth++;
    fragment->make(visit, fragment->arg, &fragment->made);
    visit->cost.depth--;
    if (fragment->made.failed) site_fail(visit, 500, "There is not enough memory for this page.");

    int64_t time_us = site_now_us() - started_us;
    queries = visit->cost.queries - queries;
    fragment->html = fragment->made.data ? fragment->made.data : "";
    fragment->size = fragment->made.size;
    if (visit->status == 200 && store(visit, fragment, time_us, queries) < 0) status = -1;
    if (!piece) return;
    if (status < 0) piece->outcome = SITE_BROKEN;
    piece->size_bytes = fragment->size;
    piece->time_us = time_us;
    piece->queries = queries;
}

void site_fragments_get(site_visit *visit, site_fragment *fragments, size_t count) {
    jay_bytes keys[SITE_MAX_FRAGMENTS] = {{NULL, 0}};
    jay_value values[SITE_MAX_FRAGMENTS];
    int statuses[SITE_MAX_FRAGMENTS];
    jay_error error;

    for (size_t i = 0; i < count; i++)
        keys[i] = (jay_bytes){fragments[i].key, strlen(fragments[i].key)};
    if (jay_get_many(visit->cache, keys, count, values, statuses, &error) < 0)
        note_failure(visit, &error);

    for (size_t i = 0; i < count; i++) {
        fragments[i].view = values[i];
        if (statuses[i] == JAY_OK && take_hit(visit, &fragments[i])) continue;
        make(visit, &fragments[i], statuses[i]);
    }
}

void site_fragments_release(site_fragment *fragments, size_t count) {
    for (size_t i = 0; i < count; i++) {
        jay_value_release(&fragments[i].view);
        site_buf_free(&fragments[i].made);
        fragments[i].html = "";
        fragments[i].size = 0;
    }
}
