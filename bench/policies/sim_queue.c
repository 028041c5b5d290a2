/*
 * sim_queue.c - see sim_queue.h.
 */
#include "sim_queue.h"

#include <stdlib.h>

sim_item *sim_items_create(uint32_t id_count) {
    return calloc((size_t)id_count + 1, sizeof(sim_item));
}

sim_queue sim_queue_make(sim_item *items, uint8_t tag) {
    return (sim_queue){.items = items, .oldest = SIM_NONE, .newest = SIM_NONE, .tag = tag};
}

void sim_queue_push(sim_queue *queue, uint32_t id) {
    sim_item *item = &queue->items[id];
    item->queue = queue->tag;
    item->older = queue->newest;
    item->newer = SIM_NONE;
    if (queue->newest == SIM_NONE) {
        queue->oldest = id;
    } else {
        queue->items[queue->newest].newer = id;
    }
    queue->newest = id;
    queue->charge += item->charge;
    queue->count++;
}

void sim_queue_remove(sim_queue *queue, uint32_t id) {
    sim_item *item = &queue->items[id];
    if (item->older == SIM_NONE) {
        queue->oldest = item->newer;
    } else {
        queue->items[item->older].newer = item->newer;
    }
    if (item->newer == SIM_NONE) {
        queue->newest = item->older;
    } else {
        queue->items[item->newer].older = item->older;
    }
    item->queue = 0;
    queue->charge -= item->charge;
    queue->count--;
}

uint32_t sim_queue_pop(sim_queue *queue) {
    uint32_t id = queue->oldest;
    if (id != SIM_NONE) {
        sim_queue_remove(queue, id);
    }
    return id;
}
