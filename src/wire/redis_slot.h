/*
 * redis_slot.h - which of a cluster's slots a key belongs to, and where its redirections point.
 */
#ifndef JAYI_REDIS_SLOT_H
#define JAYI_REDIS_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_REDIS_SLOTS 16384

/* CRC16 of the key, or of what is between its first '{' and the next '}' unless that is nothing. */
uint16_t jayi_redis_slot(const void *key, size_t size);

typedef struct jayi_redis_place {
    uint16_t slot;
    uint16_t port;
    const char *host; /* in the text; host_size 0: that of the node which says so */
    size_t host_size;
} jayi_redis_place;

/* Reads "MOVED 3999 10.0.0.1:6381" or "ASK ...". False: it is neither, or makes no sense. */
bool jayi_redis_place_parse(const char *text, size_t size, jayi_redis_place *ret_place);

#endif
