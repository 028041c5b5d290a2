/*
 * sim_s3fifo.c - S3-FIFO: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak, "FIFO queues are all you
 * need for cache eviction", SOSP 2023.
 *
 *     new --> small (10 %) --asked for twice--> main (90 %, a clock of 2 bits) --> gone
 *                 |                              ^
 *                 `--else--> ghost (ids only) ---' asked for again
 *
 * With sizes, an item that is larger than the small queue is not taken in; the paper, which counts
 * items, does not say, and the authors' own simulator does so.
 */
#include "sim_queue.h"

#include <stdlib.h>

enum { SMALL = 1, MAIN = 2, GHOST = 3 };

/* Requests, beyond the first, that promote an item from small to main. */
#define PROMOTE_FREQUENCY 2
#define MAX_FREQUENCY 3

typedef struct s3fifo {
    uint64_t capacity;
    uint64_t small_capacity;
    uint64_t ghost_capacity;
    sim_item *items;
    sim_queue small;
    sim_queue main;
    sim_queue ghost;
} s3fifo;

static void s3fifo_destroy(void *state) {
    s3fifo *cache = state;
    if (cache != NULL) {
        free(cache->items);
        free(cache);
    }
}

static void *s3fifo_create(const sim_params *params) {
    s3fifo *cache = calloc(1, sizeof(*cache));
    sim_item *items = sim_items_create(params->id_count);
    if (cache == NULL || items == NULL) {
        free(items);
        free(cache);
        return NULL;
    }
    uint64_t small = params->capacity / 10;
    *cache = (s3fifo){.capacity = params->capacity,
                      .small_capacity = small > 0 ? small : 1,
                      .ghost_capacity = params->capacity / 10 * 9 + params->capacity % 10 * 9 / 10,
                      .items = items,
                      .small = sim_queue_make(items, SMALL),
                      .main = sim_queue_make(items, MAIN),
                      .ghost = sim_queue_make(items, GHOST)};
    return cache;
}

static void remember(s3fifo *cache, uint32_t id) {
    uint64_t charge = cache->items[id].charge;
    if (charge > cache->ghost_capacity) {
        return;
    }
    while (cache->ghost.charge + charge > cache->ghost_capacity) {
        sim_queue_pop(&cache->ghost);
    }
    sim_queue_push(&cache->ghost, id);
}

/* Moves what was asked for to main, until one item has left or the queue is empty. */
static void evict_from_small(s3fifo *cache) {
    while (cache->small.count > 0) {
        uint32_t id = sim_queue_pop(&cache->small);
        if (cache->items[id].frequency < PROMOTE_FREQUENCY) {
            remember(cache, id);
            return;
        }
        cache->items[id].frequency = 0;
        sim_queue_push(&cache->main, id);
    }
}

/* Ends: each turn lowers a frequency or evicts. */
static void evict_from_main(s3fifo *cache) {
    while (cache->main.count > 0) {
        uint32_t id = sim_queue_pop(&cache->main);
        uint32_t frequency = cache->items[id].frequency;
        if (frequency == 0) {
            return;
        }
        cache->items[id].frequency = (frequency > MAX_FREQUENCY ? MAX_FREQUENCY : frequency) - 1;
        sim_queue_push(&cache->main, id);
    }
}

static void make_room(s3fifo *cache, uint64_t charge) {
    while (cache->small.charge + cache->main.charge + charge > cache->capacity) {
        if (cache->main.charge > cache->capacity - cache->small_capacity ||
            cache->small.count == 0) {
            evict_from_main(cache);
        } else {
            evict_from_small(cache);
        }
    }
}

static bool s3fifo_request(void *state, const sim_request *request) {
    s3fifo *cache = state;
    sim_item *item = &cache->items[request->id];
    if (item->queue == SMALL || item->queue == MAIN) {
        item->frequency++;
        return true;
    }
    bool was_ghost = item->queue == GHOST;
    if (was_ghost) {
        sim_queue_remove(&cache->ghost, request->id);
    }
    if (request->charge > cache->small_capacity) {
        return false;
    }
    make_room(cache, request->charge);
    item->charge = request->charge;
    item->frequency = 0;
    sim_queue_push(was_ghost ? &cache->main : &cache->small, request->id);
    return false;
}

const sim_policy sim_s3fifo = {"s3fifo", s3fifo_create, s3fifo_request, s3fifo_destroy};
