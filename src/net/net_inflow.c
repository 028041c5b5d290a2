/*
 * net_inflow.c - receiving into slabs.
 */
#include "net/net_inflow.h"

#include <string.h>

static void use(jayi_link *link, jayi_slab *slab) {
    link->slab = slab;
    link->in = slab->bytes;
    link->in_size = slab->size;
}

void jayi_link_begin_slabs(jayi_link *link, jayi_blocks *blocks, size_t expected) {
    jayi_slab *slab = expected >= JAYI_SLAB_MIN / 2 ? jayi_slab_acquire(blocks, expected) : NULL;
    if (slab == NULL) return;
    link->slab_blocks = blocks;
    link->slab_expected = expected;
    link->in_begin = link->in_end = 0;
    use(link, slab);
}

void jayi_link_end_slabs(jayi_link *link) {
    if (link->slab == NULL) return;
    jayi_slab_unpin(link->slab_blocks, link->slab);
    link->slab = NULL;
    link->in = link->own_in;
    link->in_size = sizeof link->own_in;
    link->in_begin = link->in_end = 0;
}

void jayi_inflow_move_up(jayi_link *link) {
    size_t have = link->in_end - link->in_begin;
    if (have > 0 && link->in_begin > 0) memmove(link->in, link->in + link->in_begin, have);
    link->in_begin = 0;
    link->in_end = have;
}

int jayi_inflow_make_room(jayi_link *link, size_t whole, jay_error *error) {
    size_t have = link->in_end - link->in_begin;
    size_t expected = link->slab_expected > have ? link->slab_expected - have : 0;
    if (jayi_slab_is_free(link->slab) && (have == 0 || link->in_end == link->in_size))
        jayi_inflow_move_up(link);
    size_t room = link->in_size - link->in_end;
    bool can_stay = room > 0 && link->in_begin + whole <= link->in_size;
    if (can_stay && (room >= JAYI_SLAB_LOW || room >= expected)) return JAY_OK;
    size_t size = have + expected > whole ? have + expected : whole;
    jayi_slab *slab = jayi_slab_acquire(link->slab_blocks, size);
    if (slab != NULL) {
        memcpy(slab->bytes, link->in + link->in_begin, have);
        jayi_slab_unpin(link->slab_blocks, link->slab);
        use(link, slab);
        link->in_begin = 0;
        link->in_end = have;
    }
    return slab != NULL || can_stay
               ? JAY_OK
               : jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the replies to a batch");
}
