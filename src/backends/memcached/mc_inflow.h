/*
 * mc_inflow.h - receiving a lane's replies on its link, as they come.
 *
 * Where a batch looks values up, its replies are received into slabs, and the values stay there
 * (net/net_inflow.h). How much a slab has to hold is learned from earlier batches on the server, so
 * a view keeps about as much memory as its batch's values have, and JAYI_SLAB_MAX bytes at most.
 * All else goes through the link's buffer.
 */
#ifndef JAYI_MC_INFLOW_H
#define JAYI_MC_INFLOW_H

#include "net/net_inflow.h"

/*
 * Receives what has arrived, with room for `whole` bytes from in_begin on; of `expected` more.
 * Waits for it with `may_block`, as jayi_stream_read_first. *ret_got is 0 when nothing has arrived.
 */
int jayi_mc_inflow_fill(jayi_link *link, size_t whole, size_t expected, bool may_block,
                        size_t *ret_got, jay_error *error);

/* Takes up to `size` bytes of a value of `value_size`, straight from the socket where it can be. */
int jayi_mc_inflow_read(jayi_link *link, void *to, size_t size, size_t value_size, bool may_block,
                        size_t *ret_got, jay_error *error);

#endif
