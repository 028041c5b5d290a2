/*
 * mc_inflow.c - receiving a lane's replies.
 */
#include "backends/memcached/mc_inflow.h"

#include <string.h>

/* What is read behind a value that goes elsewhere: of a short one as much as there is; of a long
 * one the head of the next, and not much of its value, which would have to be copied. */
#define SHORT_VALUE ((size_t)8192)
#define BEHIND_BYTES ((size_t)1024)

/* Without slabs nothing stays in the buffer, and what is unread is less than a line. */
static int make_room(jayi_link *link, size_t whole, size_t expected, jay_error *error) {
    size_t have = link->in_end - link->in_begin;
    if (link->slab != NULL) {
        link->slab_expected = have + expected;
        return jayi_inflow_make_room(link, whole, error);
    }
    if (have == 0 || link->in_end == link->in_size) jayi_inflow_move_up(link);
    if (link->in_end < link->in_size && link->in_begin + whole <= link->in_size) return JAY_OK;
    /* No line is so long. */
    return jay_error_set(error, JAY_E_PROTOCOL, 0,
                         "the server sent a longer line than the protocol has; is it memcached?");
}

int jayi_mc_inflow_fill(jayi_link *link, size_t whole, size_t expected, bool may_block,
                        size_t *ret_got, jay_error *error) {
    int status = make_room(link, whole, expected, error);
    if (status != JAY_OK) return status;
    char *to = link->in + link->in_end;
    size_t room = link->in_size - link->in_end;
    ssize_t got = may_block ? jayi_stream_read_first(&link->stream, to, room)
                            : jayi_stream_read(&link->stream, to, room);
    if (got == JAYI_IO_FAILED) return jayi_link_failed(link, error);
    link->in_end += (size_t)got;
    *ret_got = (size_t)got;
    return JAY_OK;
}

int jayi_mc_inflow_read(jayi_link *link, void *to, size_t size, size_t value_size, bool may_block,
                        size_t *ret_got, jay_error *error) {
    size_t have = link->in_end - link->in_begin;
    if (have == 0 && value_size <= SHORT_VALUE) {
        int status = jayi_mc_inflow_fill(link, 1, 0, may_block, &have, error);
        if (status != JAY_OK) return status;
    }
    if (have > 0 || value_size <= SHORT_VALUE) {
        *ret_got = have < size ? have : size;
        if (have > 0) memcpy(to, link->in + link->in_begin, *ret_got);
        link->in_begin += *ret_got;
        return JAY_OK;
    }
    if (link->slab == NULL || jayi_slab_is_free(link->slab)) link->in_begin = link->in_end = 0;
    size_t behind = link->in_size - link->in_end;
    if (behind > BEHIND_BYTES) behind = BEHIND_BYTES;
    const struct iovec parts[2] = {{to, size}, {link->in + link->in_end, behind}};
    ssize_t got = jayi_stream_read_parts(&link->stream, parts, behind > 0 ? 2 : 1, may_block);
    if (got == JAYI_IO_FAILED) return jayi_link_failed(link, error);
    *ret_got = (size_t)got < size ? (size_t)got : size;
    link->in_end += (size_t)got - *ret_got;
    return JAY_OK;
}
