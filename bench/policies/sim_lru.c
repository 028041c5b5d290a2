/*
 * sim_lru.c - least recently used: what was asked for longest ago leaves first.
 */
#include "sim_queue.h"

#include <stdlib.h>

typedef struct lru {
    uint64_t capacity;
    sim_item *items;
    sim_queue queue;
} lru;

static void lru_destroy(void *state) {
    lru *cache = state;
    if (cache != NULL) {
        free(cache->items);
        free(cache);
    }
}

static void *lru_create(const sim_params *params) {
    lru *cache = calloc(1, sizeof(*cache));
    sim_item *items = sim_items_create(params->id_count);
    if (cache == NULL || items == NULL) {
        free(items);
        free(cache);
        return NULL;
    }
    *cache = (lru){params->capacity, items, sim_queue_make(items, 1)};
    return cache;
}

static bool lru_request(void *state, const sim_request *request) {
    lru *cache = state;
    if (cache->items[request->id].queue != 0) {
        sim_queue_remove(&cache->queue, request->id);
        sim_queue_push(&cache->queue, request->id);
        return true;
    }
    if (request->charge > cache->capacity) {
        return false;
    }
    while (cache->queue.charge + request->charge > cache->capacity) {
        sim_queue_pop(&cache->queue);
    }
    cache->items[request->id].charge = request->charge;
    sim_queue_push(&cache->queue, request->id);
    return false;
}

const sim_policy sim_lru = {"lru", lru_create, lru_request, lru_destroy};
