/*
 * sim_queue.h - queues of items for the simulators: doubly linked through one array of items.
 *
 * An item is in one queue at most, and says in which. A queue knows the sum of its items' charges.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "sim_policy.h"

/* Zeroed memory is an item that is in no queue. */
typedef struct sim_item {
    uint64_t charge;
    uint32_t older; /* towards the end at which queues give items away */
    uint32_t newer;
    uint32_t frequency; /* for the policy's own use, as is `mark` */
    uint8_t queue;      /* tag of the queue that holds it; 0: none */
    uint8_t mark;
} sim_item;

typedef struct sim_queue {
    sim_item *items;
    uint64_t charge; /* of all its items */
    uint64_t count;
    uint32_t oldest;
    uint32_t newest;
    uint8_t tag; /* not 0 */
} sim_queue;

/* An array of `id_count` items that are in no queue, to be freed; NULL when out of memory. */
sim_item *sim_items_create(uint32_t id_count);

/* An empty queue of these items. */
sim_queue sim_queue_make(sim_item *items, uint8_t tag);

/* Puts an item that is in no queue at the newest end. Its charge must not change while it is there.
 */
void sim_queue_push(sim_queue *queue, uint32_t id);

/* Takes out an item that is in this queue. */
void sim_queue_remove(sim_queue *queue, uint32_t id);

/* Takes out the oldest item. Returns its id, or SIM_NONE when the queue is empty. */
uint32_t sim_queue_pop(sim_queue *queue);

#endif
