/*
 * sim_gdsf.c - Greedy-Dual-Size with frequency: L. Cherkasova, "Improving WWW proxies performance
 * with Greedy-Dual-Size-Frequency caching policy", HP Laboratories, 1998.
 *
 * What is worth least leaves first. An item is worth clock + frequency / size, where the clock is
 * the worth of the last one that left, so that what is no longer asked for ages.
 */
#include "sim_heap.h"

#include <stdlib.h>

typedef struct gdsf_item {
    uint64_t charge; /* 0: not in the cache */
    uint32_t frequency;
} gdsf_item;

typedef struct gdsf {
    uint64_t capacity;
    uint64_t used;
    double clock;
    gdsf_item *items;
    sim_heap heap;
} gdsf;

static void gdsf_destroy(void *state) {
    gdsf *cache = state;
    if (cache != NULL) {
        sim_heap_deinit(&cache->heap);
        free(cache->heap.places);
        free(cache->items);
        free(cache);
    }
}

static void *gdsf_create(const sim_params *params) {
    gdsf *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    cache->capacity = params->capacity;
    cache->items = calloc((size_t)params->id_count + 1, sizeof(*cache->items));
    cache->heap.places = calloc((size_t)params->id_count + 1, sizeof(*cache->heap.places));
    if (cache->items == NULL || cache->heap.places == NULL) {
        gdsf_destroy(cache);
        return NULL;
    }
    return cache;
}

static sim_heap_entry worth(const gdsf *cache, const sim_request *request) {
    const gdsf_item *item = &cache->items[request->id];
    double rank = cache->clock + (double)item->frequency / (double)item->charge;
    return (sim_heap_entry){.rank = rank, .order = request->now, .id = request->id};
}

static bool gdsf_request(void *state, const sim_request *request) {
    gdsf *cache = state;
    gdsf_item *item = &cache->items[request->id];
    if (item->charge != 0) {
        item->frequency++;
        sim_heap_change(&cache->heap, worth(cache, request));
        return true;
    }
    if (request->charge > cache->capacity) {
        return false;
    }
    while (cache->used + request->charge > cache->capacity) {
        sim_heap_entry victim = cache->heap.entries[0];
        sim_heap_remove(&cache->heap, victim.id);
        cache->clock = victim.rank;
        cache->used -= cache->items[victim.id].charge;
        cache->items[victim.id].charge = 0;
    }
    item->charge = request->charge;
    item->frequency = 1;
    if (!sim_heap_push(&cache->heap, worth(cache, request))) {
        item->charge = 0;
        return false;
    }
    cache->used += item->charge;
    return false;
}

const sim_policy sim_gdsf = {"gdsf", gdsf_create, gdsf_request, gdsf_destroy};
