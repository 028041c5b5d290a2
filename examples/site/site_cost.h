/*
 * site_cost.h - what a page cost: time, queries, and which pieces came from the cache.
 */
#ifndef SITE_COST_H
#define SITE_COST_H

#include <stddef.h>
#include <stdint.h>

#include "site_model.h"

enum { SITE_COST_PIECES = 12, SITE_COST_KEY_BYTES = 200 };

enum site_outcome {
    SITE_HIT,   /* came from the cache */
    SITE_MISS,  /* was not there: made, and stored */
    SITE_OFF,   /* the visitor has switched the cache off: made */
    SITE_BROKEN /* the cache failed, or took the piece not: made */
};

typedef struct site_cost_piece {
    char key[SITE_COST_KEY_BYTES];
    int outcome; /* enum site_outcome */
    int depth;   /* 1 and more: a piece of the piece before */
    size_t size_bytes;
    int64_t time_us; /* of a hit: what it saved */
    int queries;
} site_cost_piece;

typedef struct site_cost {
    int64_t started_us;
    int queries;
    int depth;
    size_t piece_count;
    int hits;
    int misses;
    int64_t saved_us;
    int saved_queries;
    char failure[288]; /* what the cache last complained of, or "" */
    site_cost_piece pieces[SITE_COST_PIECES];
} site_cost;

struct site_visit;

/* Adds a piece; NULL when there are too many to show. The caller fills in the rest. */
site_cost_piece *site_cost_add(site_cost *cost, const char *key, int outcome);

/* Renders the bar at the foot of the page. */
void site_cost_bar(struct site_visit *visit, site_buf *out);

#endif
