/*
 * mc_ring.h - which server has a key. Both ways are those of libmemcached, so that its users find
 * what was stored here, and the reverse.
 *
 * Ketama: each server has points on a circle of 32 bits, 160 at an even weight, from MD5 of its
 * name and a number; a key belongs to the first point at or after the first 32 bits of its MD5. A
 * server more or less moves only the keys of its share.
 * Modula: Jenkins' one-at-a-time hash modulo the number of servers. Weights do not count.
 */
#ifndef JAYI_MC_RING_H
#define JAYI_MC_RING_H

#include "net/net_address.h"

typedef struct mc_point {
    uint32_t place;
    uint32_t server;
} mc_point;

typedef struct mc_ring {
    mc_point *points; /* sorted; NULL: modula */
    size_t point_count;
    size_t server_count;
} mc_ring;

/* JAY_OK, to be ended with jayi_mc_ring_deinit, or JAY_E_NO_MEMORY. */
int jayi_mc_ring_init(mc_ring *ring, const jayi_address *addresses, size_t count, bool is_ketama,
                      const jay_allocator *allocator, jay_error *error);
void jayi_mc_ring_deinit(mc_ring *ring, const jay_allocator *allocator);

/* The server of a key; `skip` 1 and up: those that take its place, one after another. */
size_t jayi_mc_ring_find(const mc_ring *ring, const void *key, size_t key_size, size_t skip);

#endif
