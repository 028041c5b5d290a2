/*
 * sim_heap.h - a heap of ids that can be changed and removed anywhere, for the simulators.
 *
 * The id with the smallest rank is on top; among equal ranks, the one with the smallest order. The
 * places of ids live in one array that several heaps may share, as long as an id is in one at most.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include "sim_policy.h"

typedef struct sim_heap_entry {
    double rank;
    uint64_t order;
    uint32_t id;
} sim_heap_entry;

typedef struct sim_heap {
    sim_heap_entry *entries;
    uint32_t *places; /* of each id; not owned */
    uint32_t count;
    uint32_t capacity;
} sim_heap;

/* Frees what the heap has allocated. A zeroed heap with `places` set is an empty one. */
void sim_heap_deinit(sim_heap *heap);

/* Puts an id in that is in no heap. Returns false when out of memory. */
bool sim_heap_push(sim_heap *heap, sim_heap_entry entry);

/* Gives an id of this heap another rank and order. */
void sim_heap_change(sim_heap *heap, sim_heap_entry entry);

/* Takes out an id of this heap. */
void sim_heap_remove(sim_heap *heap, uint32_t id);

#endif
