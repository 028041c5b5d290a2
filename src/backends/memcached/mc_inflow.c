/*
 * mc_inflow.c - receiving a lane's replies.
 */
#include "backends/memcached/mc_inflow.h"

#include <string.h>

/* What is read behind a value that goes elsewhere: of a short one as much as there is; of a long
 * one the head of the next, and not much of its value, which would have to be copied. */
#define SHORT_VALUE ((size_t)8192)
#define BEHIND_BYTES ((size_t)1024)

/* ---- slabs ---- */

static void use_slab(mc_inflow *in, jayi_slab *slab) {
    in->slab = slab;
    in->buffer = slab->bytes;
    in->size = slab->size;
}

void jayi_mc_inflow_begin(mc_inflow *in, jayi_link *link, jayi_blocks *blocks, size_t expected) {
    jayi_slab *slab = expected >= JAYI_SLAB_MIN / 2 ? jayi_slab_acquire(blocks, expected) : NULL;
    *in = (mc_inflow){.link = link, .blocks = blocks, .buffer = link->in, .size = link->in_size};
    if (slab != NULL) use_slab(in, slab);
}

void jayi_mc_inflow_end(mc_inflow *in) {
    if (in->slab != NULL) jayi_slab_unpin(in->blocks, in->slab);
    in->slab = NULL;
}

/* ---- room ---- */

/* Goes on in a new slab, with what has not been taken of the old one. */
static int renew_slab(mc_inflow *in, size_t bytes, bool can_stay, jay_error *error) {
    jayi_slab *slab = jayi_slab_acquire(in->blocks, bytes);
    if (slab == NULL) {
        if (can_stay) return JAY_OK;
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the replies to a batch");
    }
    size_t have = in->end - in->begin;
    memcpy(slab->bytes, in->buffer + in->begin, have);
    jayi_mc_inflow_end(in);
    use_slab(in, slab);
    in->begin = 0;
    in->end = have;
    return JAY_OK;
}

/* What has been taken may be overwritten when no view is of it. */
static bool is_free(const mc_inflow *in) {
    return in->slab == NULL || jayi_slab_is_free(in->slab);
}

static int make_room(mc_inflow *in, size_t whole, size_t expected, jay_error *error) {
    size_t have = in->end - in->begin;
    if (is_free(in) && (have == 0 || in->end == in->size)) {
        if (have > 0) memmove(in->buffer, in->buffer + in->begin, have);
        in->begin = 0;
        in->end = have;
    }
    size_t room = in->size - in->end, wanted = expected < JAYI_SLAB_LOW ? expected : JAYI_SLAB_LOW;
    bool can_stay = room > 0 && in->begin + whole <= in->size;
    if (can_stay && (in->slab == NULL || room >= wanted)) return JAY_OK;
    if (in->slab != NULL)
        return renew_slab(in, whole > have + expected ? whole : have + expected, can_stay, error);
    /* No line is so long. */
    return jay_error_set(error, JAY_E_PROTOCOL, 0,
                         "the server sent a longer line than the protocol has; is it memcached?");
}

/* ---- receiving ---- */

int jayi_mc_inflow_fill(mc_inflow *in, size_t whole, size_t expected, bool may_block,
                        size_t *ret_got, jay_error *error) {
    int status = make_room(in, whole, expected, error);
    if (status != JAY_OK) return status;
    jayi_stream *stream = &in->link->stream;
    char *to = in->buffer + in->end;
    size_t room = in->size - in->end;
    ssize_t got =
        may_block ? jayi_stream_read_first(stream, to, room) : jayi_stream_read(stream, to, room);
    if (got == JAYI_IO_FAILED) return jayi_link_failed(in->link, error);
    in->end += (size_t)got;
    *ret_got = (size_t)got;
    return JAY_OK;
}

int jayi_mc_inflow_read(mc_inflow *in, void *to, size_t size, size_t value_size, bool may_block,
                        size_t *ret_got, jay_error *error) {
    size_t have = in->end - in->begin;
    if (have == 0 && value_size <= SHORT_VALUE) {
        int status = jayi_mc_inflow_fill(in, 1, 0, may_block, &have, error);
        if (status != JAY_OK) return status;
    }
    if (have > 0 || value_size <= SHORT_VALUE) {
        *ret_got = have < size ? have : size;
        if (have > 0) memcpy(to, in->buffer + in->begin, *ret_got);
        in->begin += *ret_got;
        return JAY_OK;
    }
    if (is_free(in)) in->begin = in->end = 0;
    size_t behind = in->size - in->end < BEHIND_BYTES ? in->size - in->end : BEHIND_BYTES;
    const struct iovec parts[2] = {{to, size}, {in->buffer + in->end, behind}};
    ssize_t got = jayi_stream_read_parts(&in->link->stream, parts, behind > 0 ? 2 : 1, may_block);
    if (got == JAYI_IO_FAILED) return jayi_link_failed(in->link, error);
    *ret_got = (size_t)got < size ? (size_t)got : size;
    in->end += (size_t)got - *ret_got;
    return JAY_OK;
}
