/*
 * sim_arc.c - ARC: N. Megiddo, D. Modha, "ARC: a self-tuning, low overhead replacement cache",
 * FAST 2003.
 *
 * T1 holds what was asked for once of late, T2 what was asked for more often, both in order of use;
 * B1 and B2 remember what was evicted from each. A hit in a memory says that its list was too
 * short, and moves the target of T1's length. The paper counts pages; here every length is a sum of
 * charges, and a step is as long as the charge of the item that caused it.
 */
#include "sim_queue.h"

#include <stdlib.h>

enum { T1 = 1, T2 = 2, B1 = 3, B2 = 4 };

typedef struct arc {
    uint64_t capacity;
    double target; /* of T1 */
    sim_item *items;
    sim_queue t1;
    sim_queue t2;
    sim_queue b1;
    sim_queue b2;
} arc;

static void arc_destroy(void *state) {
    arc *cache = state;
    if (cache != NULL) {
        free(cache->items);
        free(cache);
    }
}

static void *arc_create(const sim_params *params) {
    arc *cache = calloc(1, sizeof(*cache));
    sim_item *items = sim_items_create(params->id_count);
    if (cache == NULL || items == NULL) {
        free(items);
        free(cache);
        return NULL;
    }
    *cache = (arc){.capacity = params->capacity,
                   .items = items,
                   .t1 = sim_queue_make(items, T1),
                   .t2 = sim_queue_make(items, T2),
                   .b1 = sim_queue_make(items, B1),
                   .b2 = sim_queue_make(items, B2)};
    return cache;
}

/* The paper's REPLACE: one item goes from T1 or T2 to the memory of that list. */
static void replace(arc *cache, bool was_in_b2) {
    double t1 = (double)cache->t1.charge;
    bool from_t1 = cache->t1.count > 0 && (cache->t2.count == 0 || t1 > cache->target ||
                                           (was_in_b2 && t1 >= cache->target));
    if (from_t1) {
        sim_queue_push(&cache->b1, sim_queue_pop(&cache->t1));
    } else if (cache->t2.count > 0) {
        sim_queue_push(&cache->b2, sim_queue_pop(&cache->t2));
    }
}

static double ratio_or_one(const sim_queue *over, const sim_queue *under) {
    double ratio = (double)over->charge / (double)under->charge;
    return ratio > 1 ? ratio : 1;
}

/* The paper's cases II and III: the item was evicted, but is remembered. */
static void recall(arc *cache, const sim_request *request) {
    bool was_in_b2 = cache->items[request->id].queue == B2;
    double charge = (double)request->charge;
    if (was_in_b2) {
        cache->target -= charge * ratio_or_one(&cache->b1, &cache->b2);
        cache->target = cache->target < 0 ? 0 : cache->target;
    } else {
        double capacity = (double)cache->capacity;
        cache->target += charge * ratio_or_one(&cache->b2, &cache->b1);
        cache->target = cache->target > capacity ? capacity : cache->target;
    }
    sim_queue_remove(was_in_b2 ? &cache->b2 : &cache->b1, request->id);
    while (cache->t1.charge + cache->t2.charge + request->charge > cache->capacity) {
        replace(cache, was_in_b2);
    }
    cache->items[request->id].charge = request->charge;
    sim_queue_push(&cache->t2, request->id);
}

/* The paper's case IV: nothing is known of the item. */
static void bring_in(arc *cache, const sim_request *request) {
    uint64_t charge = request->charge;
    while (cache->t1.charge + cache->b1.charge + charge > cache->capacity) {
        if (sim_queue_pop(&cache->b1) == SIM_NONE) {
            sim_queue_pop(&cache->t1);
        }
    }
    while (cache->t1.charge + cache->t2.charge + charge > cache->capacity) {
        replace(cache, false);
    }
    while (cache->t1.charge + cache->t2.charge + cache->b1.charge + cache->b2.charge + charge >
           2 * cache->capacity) {
        /* B1 is bounded with T1 above, so that it is B2 which is too long. */
        if (sim_queue_pop(&cache->b2) == SIM_NONE) {
            break;
        }
    }
    cache->items[request->id].charge = charge;
    sim_queue_push(&cache->t1, request->id);
}

static bool arc_request(void *state, const sim_request *request) {
    arc *cache = state;
    uint8_t queue = cache->items[request->id].queue;
    if (queue == T1 || queue == T2) {
        sim_queue_remove(queue == T1 ? &cache->t1 : &cache->t2, request->id);
        sim_queue_push(&cache->t2, request->id);
        return true;
    }
    if (request->charge > cache->capacity) {
        return false;
    }
    if (queue == B1 || queue == B2) {
        recall(cache, request);
    } else {
        bring_in(cache, request);
    }
    return false;
}

const sim_policy sim_arc = {"arc", arc_create, arc_request, arc_destroy};
