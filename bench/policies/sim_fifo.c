/*
 * sim_fifo.c - first in, first out: what came earliest leaves first, asked for or not.
 */
#include "sim_queue.h"

#include <stdlib.h>

typedef struct fifo {
    uint64_t capacity;
    sim_item *items;
    sim_queue queue;
} fifo;

static void fifo_destroy(void *state) {
    fifo *cache = state;
    if (cache != NULL) {
        free(cache->items);
        free(cache);
    }
}

static void *fifo_create(const sim_params *params) {
    fifo *cache = calloc(1, sizeof(*cache));
    sim_item *items = sim_items_create(params->id_count);
    if (cache == NULL || items == NULL) {
        free(items);
        free(cache);
        return NULL;
    }
    *cache = (fifo){params->capacity, items, sim_queue_make(items, 1)};
    return cache;
}

static bool fifo_request(void *state, const sim_request *request) {
    fifo *cache = state;
    if (cache->items[request->id].queue != 0) {
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

const sim_policy sim_fifo = {"fifo", fifo_create, fifo_request, fifo_destroy};
