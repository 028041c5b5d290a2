/*
 * sim_belady.c - the optimum in hindsight: L. Belady, "A study of replacement algorithms for a
 * virtual-storage computer", IBM Systems Journal 5(2), 1966.
 *
 * With charges of 1 this is the optimum for a cache that takes in all it is asked for: the item
 * whose next request is farthest leaves. With sizes the optimum cannot be had in reasonable time;
 * this is the usual greedy stand-in, by which the item with the largest
 *     (requests until its next one) x size
 * leaves, those never asked for again first, and in which a new item may itself be the one that is
 * not kept. It bounds no policy strictly, but none comes near it.
 *
 * That product's order changes as time passes, unlike the order of next requests. So items are
 * kept in classes of almost equal size (an eighth of an octave), each a heap by next request; the
 * victim is the best of the classes' tops.
 */
#include "sim_heap.h"

#include <stdlib.h>

#define CLASSES_PER_OCTAVE 8
#define CLASS_COUNT (64 * CLASSES_PER_OCTAVE)
/* Distance of a request that never comes: more than any other's product can make up for. */
#define NEVER 1e25

typedef struct belady {
    uint64_t capacity;
    uint64_t used;
    uint64_t *charges; /* of each id; 0: not in the cache */
    uint32_t *places;
    uint32_t class_end; /* classes from here on have never been used */
    sim_heap classes[CLASS_COUNT];
} belady;

static void belady_destroy(void *state) {
    belady *cache = state;
    if (cache != NULL) {
        for (uint32_t i = 0; i < CLASS_COUNT; i++) {
            sim_heap_deinit(&cache->classes[i]);
        }
        free(cache->places);
        free(cache->charges);
        free(cache);
    }
}

static void *belady_create(const sim_params *params) {
    belady *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    cache->capacity = params->capacity;
    cache->charges = calloc((size_t)params->id_count + 1, sizeof(*cache->charges));
    cache->places = calloc((size_t)params->id_count + 1, sizeof(*cache->places));
    if (cache->charges == NULL || cache->places == NULL) {
        belady_destroy(cache);
        return NULL;
    }
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        cache->classes[i].places = cache->places;
    }
    return cache;
}

/* The octave, and the eighth of it in which the charge lies. */
static uint32_t class_of(uint64_t charge) {
    uint32_t octave = 63U - (uint32_t)__builtin_clzll(charge);
    uint64_t eighth = octave >= 3 ? charge >> (octave - 3) : charge << (3 - octave);
    return octave * CLASSES_PER_OCTAVE + (uint32_t)(eighth & 7U);
}

/* Heaps have the smallest rank on top: the farthest next request. */
static sim_heap_entry place_in_time(const sim_request *request) {
    double rank = request->next == SIM_NONE ? -NEVER : -(double)request->next;
    return (sim_heap_entry){.rank = rank, .order = request->now, .id = request->id};
}

static double burden(double rank, uint64_t charge, uint32_t now) {
    return (-rank - (double)now) * (double)charge;
}

/* The id that burdens the cache most, and by how much; SIM_NONE in an empty cache. */
static uint32_t find_victim(const belady *cache, uint32_t now, double *ret_burden) {
    uint32_t victim = SIM_NONE;
    *ret_burden = -1;
    for (uint32_t i = 0; i < cache->class_end; i++) {
        if (cache->classes[i].count > 0) {
            const sim_heap_entry *top = &cache->classes[i].entries[0];
            double its_burden = burden(top->rank, cache->charges[top->id], now);
            if (its_burden > *ret_burden) {
                *ret_burden = its_burden;
                victim = top->id;
            }
        }
    }
    return victim;
}

static bool bring_in(belady *cache, const sim_request *request) {
    uint32_t class = class_of(request->charge);
    if (!sim_heap_push(&cache->classes[class], place_in_time(request))) {
        return false;
    }
    cache->charges[request->id] = request->charge;
    cache->used += request->charge;
    if (class >= cache->class_end) {
        cache->class_end = class + 1;
    }
    return true;
}

static bool belady_request(void *state, const sim_request *request) {
    belady *cache = state;
    uint64_t charge = cache->charges[request->id];
    if (charge != 0) {
        sim_heap_change(&cache->classes[class_of(charge)], place_in_time(request));
        return true;
    }
    if (request->charge > cache->capacity) {
        return false;
    }
    double own_burden = burden(place_in_time(request).rank, request->charge, request->now);
    while (cache->used + request->charge > cache->capacity) {
        double victim_burden;
        uint32_t victim = find_victim(cache, request->now, &victim_burden);
        if (victim == SIM_NONE || (request->charge > 1 && own_burden >= victim_burden)) {
            return false;
        }
        sim_heap_remove(&cache->classes[class_of(cache->charges[victim])], victim);
        cache->used -= cache->charges[victim];
        cache->charges[victim] = 0;
    }
    bring_in(cache, request);
    return false;
}

const sim_policy sim_belady = {"belady", belady_create, belady_request, belady_destroy};
