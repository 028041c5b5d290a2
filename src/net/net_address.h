/*
 * net_address.h - lists of servers: "host:port*weight,[v6]:port,/run/x.sock".
 *
 * The port may be left out, and so may the weight (1). A name that begins with '/' is a unix
 * socket.
 */
#ifndef JAYI_NET_ADDRESS_H
#define JAYI_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <jaycache/backend.h>

#define JAYI_ADDRESSES_MAX 256
#define JAYI_WEIGHT_MAX 1000

typedef struct jayi_address {
    const char *host; /* without brackets; of a unix socket the path */
    uint32_t weight;
    uint16_t port; /* 0 of a unix socket */
    bool is_unix;
} jayi_address;

/*
 * Parses a list. On JAY_OK *ret_list is one block of the allocator's, to be freed as a whole, with
 * *ret_count addresses, 1 or more. Else JAY_E_URL or JAY_E_NO_MEMORY.
 */
int jayi_addresses_parse(const char *text, uint16_t default_port, const jay_allocator *allocator,
                         jayi_address **ret_list, size_t *ret_count, jay_error *error);

/* "[::1]:11211", for messages; `text` has room for `capacity` bytes. Returns `text`. */
const char *jayi_address_text(const jayi_address *address, char *text, size_t capacity);

#endif
