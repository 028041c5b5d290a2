/*
 * net_inflow.h - receiving on a link so that values stay where they arrive.
 *
 * Between begin and end a link receives into slabs (util/slab.h) instead of its own buffer. Whoever
 * reads there may leave a value in place: jayi_link_gather it whole, pin link->slab for its view,
 * and go on behind it. All else is as with the buffer; what is short of room goes on in a new slab.
 *
 *     | taken, some of it pinned by views | in_begin: to be taken | in_end: room | in_size
 */
#ifndef JAYI_NET_INFLOW_H
#define JAYI_NET_INFLOW_H

#include "net/net_pool.h"

/* Begins, on a link that has nothing unread. Of `expected` bytes to come, which the caller keeps
 * up to date in link->slab_expected. Without memory, and for a few bytes, the buffer stays. */
void jayi_link_begin_slabs(jayi_link *link, jayi_blocks *blocks, size_t expected);

/* Back to the link's own buffer; drops what is unread. */
void jayi_link_end_slabs(jayi_link *link);

/* Moves what is unread to the front, where no view may be in the way. */
void jayi_inflow_move_up(jayi_link *link);

/* Makes room for more, and for `whole` bytes from in_begin on, which is no more than
 * JAYI_SLAB_VALUE_MAX and a line. JAY_OK or JAY_E_NO_MEMORY. */
int jayi_inflow_make_room(jayi_link *link, size_t whole, jay_error *error);

#endif
