/*
 * site_fragments.h - pieces of pages, from the cache where it has them.
 *
 * A fragment is a piece of HTML with a key, a time to live, and a function that makes it. A page
 * names the fragments it consists of, gets them all in one trip to the cache, makes those that were
 * missing, and stores them for the next visitor:
 *
 *     site_fragment parts[] = {{.key = "fragment/totals", .ttl_ms = 60000, .make = make_totals}};
 *     site_fragments_get(visit, parts, 1);
 *     site_buf_bytes(&out, parts[0].html, parts[0].size);
 *     site_fragments_release(parts, 1);
 */
#ifndef SITE_FRAGMENTS_H
#define SITE_FRAGMENTS_H

#include <jaycache/jaycache.h>
#include <stddef.h>
#include <stdint.h>

#include "site_text.h"

struct site_visit;

enum { SITE_KEY_BYTES = 512, SITE_MAX_FRAGMENTS = 8 };

/* Makes a fragment. When it calls site_fail, what it wrote is shown to nobody and not stored. */
typedef void site_make_fn(struct site_visit *visit, const void *arg, site_buf *out);

typedef struct site_fragment {
    char key[SITE_KEY_BYTES];
    int64_t ttl_ms;
    site_make_fn *make;
    const void *arg;
    /* After site_fragments_get, until site_fragments_release: */
    const char *html; /* never NULL */
    size_t size;
    jay_value view; /* of a hit: the cache's own bytes, pinned */
    site_buf made;  /* of a miss */
} site_fragment;

/* At most SITE_MAX_FRAGMENTS at a time. Works as well, only slower, when the cache fails. */
void site_fragments_get(struct site_visit *visit, site_fragment *fragments, size_t count);
void site_fragments_release(site_fragment *fragments, size_t count);

#endif
