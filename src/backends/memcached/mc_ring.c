/*
 * mc_ring.c - spreading keys over servers.
 */
#include "backends/memcached/mc_ring.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/digest.h"
#include "util/memory.h"

#define POINTS_PER_SERVER 160
#define POINTS_PER_DIGEST 4
#define DEFAULT_PORT 11211

static uint32_t word_of(const unsigned char *digest, size_t index) {
    const unsigned char *at = digest + 4 * index;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int compare_points(const void *a, const void *b) {
    uint32_t left = ((const mc_point *)a)->place, right = ((const mc_point *)b)->place;
    return (left > right) - (left < right);
}

/* How many digests of points a server has. Single precision, as in libmemcached: or weights would
 * come to other numbers than there. */
static uint32_t digests_of(const jayi_address *address, uint64_t total_weight, size_t count) {
    float share = (float)address->weight / (float)total_weight;
    float points = share * POINTS_PER_SERVER / POINTS_PER_DIGEST * (float)count;
    return (uint32_t)(float)((double)points + 0.0000000001);
}

/* The points of one server, from *to on, which moves on. */
static void add_points(const jayi_address *address, uint32_t server, uint32_t digests,
                       mc_point **to) {
    for (uint32_t i = 0; i < digests; i++) {
        char name[512];
        int size = address->port == DEFAULT_PORT
                       ? snprintf(name, sizeof name, "%.400s-%u", address->host, i)
                       : snprintf(name, sizeof name, "%.400s:%u-%u", address->host,
                                  (unsigned)address->port, i);
        unsigned char digest[JAYI_MD5_BYTES];
        jayi_md5(name, (size_t)size, digest);
        for (size_t j = 0; j < POINTS_PER_DIGEST; j++)
            *(*to)++ = (mc_point){word_of(digest, j), server};
    }
}

int jayi_mc_ring_init(mc_ring *ring, const jayi_address *addresses, size_t count, bool is_ketama,
                      const jay_allocator *allocator, jay_error *error) {
    *ring = (mc_ring){.server_count = count};
    if (!is_ketama || count == 1) return JAY_OK;
    uint64_t total_weight = 0;
    size_t point_count = 0;
    for (size_t i = 0; i < count; i++) total_weight += addresses[i].weight;
    for (size_t i = 0; i < count; i++)
        point_count += (size_t)digests_of(&addresses[i], total_weight, count) * POINTS_PER_DIGEST;
    mc_point *points = jayi_calloc(allocator, point_count, sizeof *points);
    if (points == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the servers");
    mc_point *to = points;
    for (size_t i = 0; i < count; i++)
        add_points(&addresses[i], (uint32_t)i, digests_of(&addresses[i], total_weight, count), &to);
    qsort(points, point_count, sizeof *points, compare_points);
    ring->points = points;
    ring->point_count = point_count;
    return JAY_OK;
}

void jayi_mc_ring_deinit(mc_ring *ring, const jay_allocator *allocator) {
    jayi_free(allocator, ring->points);
}

/* Bytes are signed here because libmemcached's are. */
static uint32_t one_at_a_time(const signed char *key, size_t size) {
    uint32_t hash = 0;
    for (size_t i = 0; i < size; i++) {
        uint32_t byte = (uint32_t)(int32_t)key[i];
        hash += byte;
        hash += hash << 10;
        hash ^= hash >> 6;
    }
    hash += hash << 3;
    hash ^= hash >> 11;
    return hash + (hash << 15);
}

/* The first point at or after a place, around the circle. */
static size_t point_at(const mc_ring *ring, uint32_t place) {
    size_t low = 0, high = ring->point_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ring->points[middle].place < place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == ring->point_count ? 0 : low;
}

/* Goes on around the circle until `skip` other servers have been passed. */
static size_t skip_servers(const mc_ring *ring, size_t point, size_t skip) {
    unsigned char passed[JAYI_ADDRESSES_MAX] = {0};
    size_t server = ring->points[point].server;
    for (size_t i = 0; i < ring->point_count && skip > 0; i++) {
        passed[server] = 1;
        point = (point + 1) % ring->point_count;
        server = ring->points[point].server;
        if (!passed[server]) skip--;
    }
    return server;
}

size_t jayi_mc_ring_find(const mc_ring *ring, const void *key, size_t key_size, size_t skip) {
    if (ring->server_count == 1) return 0;
    if (ring->points == NULL) return (one_at_a_time(key, key_size) + skip) % ring->server_count;
    unsigned char digest[JAYI_MD5_BYTES];
    jayi_md5(key, key_size, digest);
    size_t point = point_at(ring, word_of(digest, 0));
    return skip == 0 ? ring->points[point].server : skip_servers(ring, point, skip);
}
