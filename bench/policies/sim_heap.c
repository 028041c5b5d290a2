/*
 * sim_heap.c - see sim_heap.h.
 */
#include "sim_heap.h"

#include <stdlib.h>

void sim_heap_deinit(sim_heap *heap) {
    free(heap->entries);
    *heap = (sim_heap){.places = heap->places};
}

static bool goes_before(const sim_heap_entry *a, const sim_heap_entry *b) {
    if (a->rank < b->rank || a->rank > b->rank) {
        return a->rank < b->rank;
    }
    return a->order < b->order;
}

static void put(sim_heap *heap, uint32_t place, sim_heap_entry entry) {
    heap->entries[place] = entry;
    heap->places[entry.id] = place;
}

static void sift_up(sim_heap *heap, uint32_t place, sim_heap_entry entry) {
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!goes_before(&entry, &heap->entries[parent])) {
            break;
        }
        put(heap, place, heap->entries[parent]);
        place = parent;
    }
    put(heap, place, entry);
}

static void sift_down(sim_heap *heap, uint32_t place, sim_heap_entry entry) {
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            goes_before(&heap->entries[child + 1], &heap->entries[child])) {
            child++;
        }
        if (!goes_before(&heap->entries[child], &entry)) {
            break;
        }
        put(heap, place, heap->entries[child]);
        place = child;
    }
    put(heap, place, entry);
}

static void settle(sim_heap *heap, uint32_t place, sim_heap_entry entry) {
    if (place > 0 && goes_before(&entry, &heap->entries[(place - 1) / 2])) {
        sift_up(heap, place, entry);
    } else {
        sift_down(heap, place, entry);
    }
}

bool sim_heap_push(sim_heap *heap, sim_heap_entry entry) {
    if (heap->count == heap->capacity) {
        uint32_t capacity = heap->capacity < 64 ? 64 : heap->capacity * 2;
        sim_heap_entry *entries = realloc(heap->entries, capacity * sizeof(*entries));
        if (entries == NULL) {
            return false;
        }
        heap->entries = entries;
        heap->capacity = capacity;
    }
    heap->count++;
    sift_up(heap, heap->count - 1, entry);
    return true;
}

void sim_heap_change(sim_heap *heap, sim_heap_entry entry) {
    settle(heap, heap->places[entry.id], entry);
}

void sim_heap_remove(sim_heap *heap, uint32_t id) {
    uint32_t place = heap->places[id];
    heap->count--;
    if (place < heap->count) {
        settle(heap, place, heap->entries[heap->count]);
    }
}
