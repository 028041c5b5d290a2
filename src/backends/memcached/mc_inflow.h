/*
 * mc_inflow.h - what a lane has received and not yet taken.
 *
 * Where a batch looks values up, its replies are received into slabs, and the values stay there:
 * their views pin the slab, and nothing is copied. How much a slab has to hold is learned
 * from earlier batches on the server, so a view keeps about as much memory as its batch's values
 * have, and JAYI_SLAB_MAX bytes at most. All else goes through the link's buffer.
 *
 *     | taken, some of it pinned by views | begin: to be taken | end: room | size
 */
#ifndef JAYI_MC_INFLOW_H
#define JAYI_MC_INFLOW_H

#include "net/net_pool.h"
#include "util/slab.h"

typedef struct mc_inflow {
    jayi_link *link;
    jayi_blocks *blocks;
    jayi_slab *slab; /* NULL: the buffer is the link's */
    char *buffer;
    size_t begin, end, size;
} mc_inflow;

/* Begins on a link that has nothing unread. `expected`: how many bytes of values are to come, 0
 * for none. */
void jayi_mc_inflow_begin(mc_inflow *in, jayi_link *link, jayi_blocks *blocks, size_t expected);

/* Lets go of the slab. */
void jayi_mc_inflow_end(mc_inflow *in);

/*
 * Receives what has arrived, with room for `whole` bytes from `begin` on; of `expected` more. Waits
 * for it with `may_block`, as jayi_stream_read_first. *ret_got is 0 when nothing has arrived.
 */
int jayi_mc_inflow_fill(mc_inflow *in, size_t whole, size_t expected, bool may_block,
                        size_t *ret_got, jay_error *error);

/* Takes up to `size` bytes of a value of `value_size`, straight from the socket where it can be. */
int jayi_mc_inflow_read(mc_inflow *in, void *to, size_t size, size_t value_size, bool may_block,
                        size_t *ret_got, jay_error *error);

#endif
