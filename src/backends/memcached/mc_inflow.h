/*
 * mc_inflow.h - what a lane has received and not yet taken.
 *
 * Where a batch looks values up, its replies are received into slabs, and the values stay there:
 * their views pin the slab, and nothing is copied. How much a slab has to hold is learned
 * from earlier batches on the server, so a view keeps about as much memory as its batch's values
 * have, and MC_SLAB_MAX bytes at most. All else goes through the link's buffer.
 *
 *     | taken, some of it pinned by views | begin: to be taken | end: room | size
 */
#ifndef JAYI_MC_INFLOW_H
#define JAYI_MC_INFLOW_H

#include "net/net_pool.h"
#include "util/blocks.h"

#define MC_SLAB_MIN ((size_t)4 << 10)
#define MC_SLAB_MAX ((size_t)256 << 10)
/* Larger values get a block of their own: else too much would have to move from slab to slab. */
#define MC_SLAB_VALUE_MAX (MC_SLAB_MAX / 4)

typedef struct mc_slab {
    _Atomic uint32_t pins; /* views, and the lane while it receives here */
    uint32_t size;         /* of the bytes */
    char bytes[];
} mc_slab;

typedef struct mc_inflow {
    jayi_link *link;
    jayi_blocks *blocks;
    mc_slab *slab; /* NULL: the buffer is the link's */
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

/* Counts a view into the slab that is being received into. */
static inline void mc_slab_pin(mc_slab *slab) {
    /* Nobody else has it yet. */
    uint32_t pins = atomic_load_explicit(&slab->pins, memory_order_relaxed);
    atomic_store_explicit(&slab->pins, pins + 1, memory_order_relaxed);
}

void jayi_mc_slab_unpin(jayi_blocks *blocks, mc_slab *slab);

#endif
