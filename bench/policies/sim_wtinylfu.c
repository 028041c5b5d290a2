/*
 * sim_wtinylfu.c - W-TinyLFU: G. Einziger, R. Friedman, B. Manes, "TinyLFU: a highly efficient
 * cache admission policy", ACM Transactions on Storage 13(4), 2017.
 *
 *     new --> window (1 %, LRU) --compared with the oldest of probation--> probation <--> protected
 *
 * What leaves the window takes the place of the oldest item of the main part's probation only if
 * it was asked for more often. How often is told by a count-min sketch of 4 rows of 4-bit counters,
 * before which a doorkeeper (a Bloom filter) takes up first requests; after 10 requests an item
 * all counters are halved and the doorkeeper is emptied. The main part is an LRU in two segments,
 * of which the protected one has 80 %. With sizes, a newcomer must win against each item that
 * stands in its way, one after the other.
 */
#include "sim_queue.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 1, PROBATION = 2, PROTECTED = 3 };

#define ROWS 4
#define MAX_COUNT 15
/* Requests between two halvings, for each item that the cache holds. */
#define SAMPLE_FACTOR 10

typedef struct counts {
    uint8_t *counters;   /* ROWS rows of `width` */
    uint8_t *doorkeeper; /* of `width` bits times 8 */
    uint64_t width;      /* a power of two */
    uint64_t requests;   /* since the last halving */
    uint64_t sample;
} counts;

typedef struct wtinylfu {
    uint64_t capacity;
    uint64_t window_capacity;
    uint64_t protected_capacity;
    sim_item *items;
    sim_queue window;
    sim_queue probation;
    sim_queue protected;
    counts sketch;
} wtinylfu;

static void wtinylfu_destroy(void *state) {
    wtinylfu *cache = state;
    if (cache != NULL) {
        free(cache->sketch.counters);
        free(cache->sketch.doorkeeper);
        free(cache->items);
        free(cache);
    }
}

static void *wtinylfu_create(const sim_params *params) {
    wtinylfu *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    uint64_t width = 64;
    while (width < 4 * params->expected_items && width < UINT64_C(1) << 30) {
        width *= 2;
    }
    cache->sketch = (counts){.counters = calloc(ROWS, width),
                             .doorkeeper = calloc(1, width),
                             .width = width,
                             .sample = SAMPLE_FACTOR * params->expected_items};
    cache->items = sim_items_create(params->id_count);
    if (cache->sketch.counters == NULL || cache->sketch.doorkeeper == NULL ||
        cache->items == NULL) {
        wtinylfu_destroy(cache);
        return NULL;
    }
    uint64_t window = params->capacity / 100;
    cache->capacity = params->capacity;
    cache->window_capacity = window > 0 ? window : 1;
    cache->protected_capacity = (params->capacity - cache->window_capacity) / 5 * 4;
    cache->window = sim_queue_make(cache->items, WINDOW);
    cache->probation = sim_queue_make(cache->items, PROBATION);
    cache->protected = sim_queue_make(cache->items, PROTECTED);
    return cache;
}

/* The finaliser of splitmix64, so that neighbouring ids share no counters. */
static uint64_t mix(uint32_t id, uint32_t row) {
    uint64_t x = ((uint64_t)(row + 1) << 32 | id) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint8_t *counter(const counts *sketch, uint32_t id, uint32_t row) {
    return &sketch->counters[row * sketch->width + (mix(id, row) & (sketch->width - 1))];
}

/* Whether the doorkeeper knows the id; with `let_in`, it does from now on. */
static bool at_door(counts *sketch, uint32_t id, bool let_in) {
    bool known = true;
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t bit = mix(id, ROWS + i) & (8 * sketch->width - 1);
        uint8_t mask = (uint8_t)(1U << (bit & 7));
        known = known && (sketch->doorkeeper[bit / 8] & mask) != 0;
        if (let_in) {
            sketch->doorkeeper[bit / 8] |= mask;
        }
    }
    return known;
}

static uint32_t estimate(counts *sketch, uint32_t id) {
    uint32_t least = MAX_COUNT;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t count = *counter(sketch, id, row);
        least = count < least ? count : least;
    }
    return least + (at_door(sketch, id, false) ? 1 : 0);
}

static void halve(counts *sketch) {
    for (uint64_t i = 0; i < ROWS * sketch->width; i++) {
        sketch->counters[i] /= 2;
    }
    memset(sketch->doorkeeper, 0, sketch->width);
    sketch->requests = 0;
}

/* Conservative: only the smallest counters grow. */
static void record(counts *sketch, uint32_t id) {
    if (at_door(sketch, id, true)) {
        uint32_t least = MAX_COUNT;
        for (uint32_t row = 0; row < ROWS; row++) {
            uint32_t count = *counter(sketch, id, row);
            least = count < least ? count : least;
        }
        for (uint32_t row = 0; row < ROWS && least < MAX_COUNT; row++) {
            uint8_t *its_counter = counter(sketch, id, row);
            *its_counter = *its_counter == least ? (uint8_t)(least + 1) : *its_counter;
        }
    }
    sketch->requests++;
    if (sketch->requests >= sketch->sample) {
        halve(sketch);
    }
}

static void on_hit(wtinylfu *cache, uint32_t id) {
    switch (cache->items[id].queue) {
    case WINDOW:
        sim_queue_remove(&cache->window, id);
        sim_queue_push(&cache->window, id);
        break;
    case PROBATION:
        sim_queue_remove(&cache->probation, id);
        sim_queue_push(&cache->protected, id);
        while (cache->protected.charge > cache->protected_capacity) {
            sim_queue_push(&cache->probation, sim_queue_pop(&cache->protected));
        }
        break;
    default:
        sim_queue_remove(&cache->protected, id);
        sim_queue_push(&cache->protected, id);
        break;
    }
}

static uint64_t main_charge(const wtinylfu *cache) {
    return cache->probation.charge + cache->protected.charge;
}

/* One item has left the window: it stays if it is asked for more often than those it replaces. */
static void admit(wtinylfu *cache, uint32_t id) {
    uint64_t main_capacity = cache->capacity - cache->window_capacity;
    uint64_t charge = cache->items[id].charge;
    if (charge > main_capacity) {
        return;
    }
    uint32_t frequency = estimate(&cache->sketch, id);
    while (main_charge(cache) + charge > main_capacity) {
        sim_queue *from = cache->probation.count > 0 ? &cache->probation : &cache->protected;
        if (frequency <= estimate(&cache->sketch, from->oldest)) {
            return;
        }
        sim_queue_pop(from);
    }
    sim_queue_push(&cache->probation, id);
}

static bool wtinylfu_request(void *state, const sim_request *request) {
    wtinylfu *cache = state;
    record(&cache->sketch, request->id);
    if (cache->items[request->id].queue != 0) {
        on_hit(cache, request->id);
        return true;
    }
    if (request->charge > cache->capacity) {
        return false;
    }
    cache->items[request->id].charge = request->charge;
    sim_queue_push(&cache->window, request->id);
    while (cache->window.charge > cache->window_capacity) {
        admit(cache, sim_queue_pop(&cache->window));
    }
    return false;
}

const sim_policy sim_wtinylfu = {"wtinylfu", wtinylfu_create, wtinylfu_request, wtinylfu_destroy};
