/*
 * mc_lane.c - sending and receiving one server's part of a batch.
 */
#include "backends/memcached/mc_lane.h"

#include <string.h>

#include "os/clock.h"

/* Values up to this are copied behind their command. */
#define COPY_MAX 4096
/* A command with a value to copy needs no more room than this, nor does a group of one key. What is
 * stored under a hashed key has the key before the value; mc_batch.c sends longer ones alone. */
#define ITEM_ROOM (JAYI_MC_LINE_MAX + COPY_MAX + MC_ENVELOPE_MAX + JAYI_MC_RAW_KEY_MAX + 2)
/* What a reply has besides key and value, about. */
#define HEAD_BYTES 64

jay_bytes jayi_mc_item_raw(const mc_batch *batch, const mc_lane *lane, uint32_t item) {
    jay_bytes key = mc_item_key(batch, item);
    if (!batch->backend->has_generations) return key;
    jayi_mc_put_generation(batch->backend, key.data, key.size, lane->generation, batch->scratch);
    return (jay_bytes){batch->scratch, key.size + MC_GENERATION_DIGITS + 1};
}

/* ---- beginning and ending ---- */

void jayi_mc_lane_begin(const mc_batch *batch, mc_lane *lane, jayi_link *link) {
    lane->link = link;
    lane->was_reused = link->is_reused;
    lane->is_classic = link->dialect == MC_CLASSIC;
    lane->status = JAY_OK;
    lane->to_send = lane->to_reply = lane->first;
    lane->on_the_way = 0;
    lane->part_begin = lane->part_end = 0;
    lane->reading = MC_READS_LINES;
    lane->block = NULL;
    lane->heard = lane->heard_bytes = 0;
    size_t a_key = batch->kind == MC_GET ? atomic_load(&lane->server->bytes_a_key) : 0;
    jayi_link_begin_slabs(link, &batch->backend->blocks, a_key * lane->count);
    lane->awaits_end = lane->has_heard = lane->again = lane->has_digits = false;
    lane->awaits_generation = batch->backend->has_generations;
    lane->generation = lane->current = atomic_load(&lane->server->generation);
    if (!lane->awaits_generation) return;
    size_t size = mc_compose_generation_get(link->out, batch->backend, lane->is_classic);
    lane->parts[0] = (struct iovec){link->out, size};
    lane->part_end = 1;
}

static void set_status(const mc_batch *batch, mc_lane *lane, uint32_t item, int status) {
    batch->statuses[item] = status;
    if (status < 0 && lane->status == JAY_OK) lane->status = status;
}

/* Gives the link up; JAY_OK: it is of further use. */
static void end_link(mc_lane *lane, int status) {
    jayi_link_end_slabs(lane->link);
    if (status == JAY_OK) {
        jayi_link_release(lane->link, jayi_clock_coarse_ms());
    } else {
        jayi_link_discard(lane->link, status);
    }
    lane->link = NULL;
}

void jayi_mc_lane_fail(const mc_batch *batch, mc_lane *lane, int status) {
    if (lane->link != NULL) end_link(lane, status);
    jayi_block_release(&batch->backend->blocks, lane->block);
    lane->block = NULL;
    for (uint32_t i = lane->to_reply; i != MC_NO_ITEM; i = batch->next[i])
        set_status(batch, lane, i, status);
    lane->to_reply = MC_NO_ITEM;
}

static int garbled(mc_lane *lane) {
    char text[160];
    jayi_address_text(lane->server->pool.plan.address, text, sizeof text);
    return jay_error_set(&lane->error, JAY_E_PROTOCOL, 0,
                         "%s sent a reply that makes no sense; is it a memcached server?", text);
}

/* ---- sending ---- */

static bool is_text(const mc_batch *batch, const mc_lane *lane, const jayi_mc_key *key) {
    if (batch->kind != MC_GET) return false;
    return lane->is_classic || (!batch->backend->has_generations && !key->is_base64);
}

/* gets and as many keys as are plain and have room, from an item on; `key` is that of the item. */
static size_t compose_group(const mc_batch *batch, mc_lane *lane, char *out, size_t room,
                            jayi_mc_key *key) {
    char *to = out, *end = out + room - JAYI_MC_KEY_MAX - 3;
    uint32_t last = lane->to_send;
    memcpy(to, "gets", 4);
    to += 4;
    for (int i = 0; i < MC_GROUP && lane->to_send != MC_NO_ITEM && to < end; i++) {
        if (i > 0) {
            jay_bytes raw = jayi_mc_item_raw(batch, lane, lane->to_send);
            mc_key_encode(lane->is_classic, raw.data, raw.size, key);
        }
        if (key->is_base64) break;
        *to++ = ' ';
        memcpy(to, key->text, key->size);
        to += key->size;
        last = lane->to_send;
        batch->marks[last] = MC_MARK_TEXT;
        lane->on_the_way++;
        lane->to_send = batch->next[last];
    }
    batch->marks[last] |= MC_MARK_LAST;
    memcpy(to, "\r\n", 2);
    return (size_t)(to + 2 - out);
}

static char *put_part(char *to, const struct iovec *part) {
    if (part->iov_len > 0) memcpy(to, part->iov_base, part->iov_len);
    return to + part->iov_len;
}

/* A store with its value, copied or as parts of their own. Whether more may follow in the buffer.
 */
static bool compose_store(const mc_batch *batch, mc_lane *lane, char *out, jay_bytes raw,
                          const jayi_mc_key *key, size_t *ret_size) {
    const jay_pair *pair = &batch->pairs[lane->to_send];
    jay_write write = {.mode = JAY_WRITE_SET,
                       .value = pair->value.data,
                       .value_size = pair->value.size,
                       .ttl_ms = pair->ttl_ms,
                       .flags = batch->flags != NULL ? batch->flags[lane->to_send] : 0};
    mc_place place = {raw.data, raw.size, key, lane->is_classic, 0, 0};
    mc_command command;
    jayi_mc_store_command(&place, &write, lane->header, &command);
    char *to = out + mc_compose_store(lane->is_classic, out, key, &command.store);
    to = put_part(put_part(to, &command.parts[0]), &command.parts[1]);
    bool copies = write.value_size <= COPY_MAX;
    if (copies) {
        to = put_part(to, &command.parts[2]);
        memcpy(to, "\r\n", 2);
        to += 2;
    } else {
        static const char line_end[] = "\r\n";
        lane->parts[lane->part_end++] = command.parts[2];
        lane->parts[lane->part_end++] = (struct iovec){(void *)(uintptr_t)line_end, 2};
    }
    *ret_size = (size_t)(to - out);
    return copies;
}

/* Composes commands into the link's buffer, as many as fit it and the window. */
static void compose_more(const mc_batch *batch, mc_lane *lane) {
    char *out = lane->link->out;
    size_t used = 0, window = batch->kind == MC_GET ? MC_WINDOW : SIZE_MAX;
    bool goes_on = true;
    lane->part_begin = 0;
    lane->part_end = 1;
    while (goes_on && lane->to_send != MC_NO_ITEM && lane->on_the_way < window &&
           used + ITEM_ROOM <= JAYI_LINK_OUT_BYTES) {
        jayi_mc_key key;
        size_t size = 0;
        uint32_t item = lane->to_send;
        jay_bytes raw = jayi_mc_item_raw(batch, lane, item);
        mc_key_encode(lane->is_classic, raw.data, raw.size, &key);
        batch->marks[item] = 0;
        if (is_text(batch, lane, &key)) {
            used += compose_group(batch, lane, out + used, JAYI_LINK_OUT_BYTES - used, &key);
            continue;
        }
        if (batch->kind == MC_GET) {
            size = jayi_mc_compose_get(out + used, &key, " v f c");
        } else if (batch->kind == MC_DELETE) {
            size = lane->is_classic ? jayi_mc_text_compose_delete(out + used, &key, 0)
                                    : jayi_mc_compose_delete(out + used, &key, 0);
        } else {
            goes_on = compose_store(batch, lane, out + used, raw, &key, &size);
        }
        used += size;
        lane->on_the_way++;
        lane->to_send = batch->next[item];
    }
    lane->parts[0] = (struct iovec){out, used};
}

static bool wants_to_send(const mc_batch *batch, const mc_lane *lane) {
    if (lane->part_begin < lane->part_end) return true;
    if (lane->to_send == MC_NO_ITEM) return false;
    /* Half a window at a time: a line for every reply would be many. */
    return batch->kind != MC_GET || lane->on_the_way <= MC_WINDOW - MC_GROUP;
}

static int send_some(const mc_batch *batch, mc_lane *lane) {
    while (wants_to_send(batch, lane)) {
        if (lane->part_begin == lane->part_end) compose_more(batch, lane);
        ssize_t sent = jayi_stream_write(&lane->link->stream, lane->parts + lane->part_begin,
                                         lane->part_end - lane->part_begin);
        if (sent == JAYI_IO_FAILED) return jayi_link_failed(lane->link, &lane->error);
        if (sent == JAYI_IO_AGAIN) return JAY_OK;
        size_t left = (size_t)sent;
        while (lane->part_begin < lane->part_end && left >= lane->parts[lane->part_begin].iov_len)
            left -= lane->parts[lane->part_begin++].iov_len;
        if (lane->part_begin < lane->part_end) {
            struct iovec *part = &lane->parts[lane->part_begin];
            part->iov_base = (char *)part->iov_base + left;
            part->iov_len -= left;
        }
    }
    return JAY_OK;
}

int jayi_mc_lane_events(const mc_lane *lane) {
    return lane->part_begin < lane->part_end ? POLLIN | POLLOUT : POLLIN;
}

/* ---- receiving ---- */

static void hear(const mc_batch *batch, mc_lane *lane, int status) {
    set_status(batch, lane, lane->to_reply, status);
    lane->to_reply = batch->next[lane->to_reply];
    lane->on_the_way--;
    lane->heard++;
}

/* Whether a key is hashed on a classic server; its value must be in an envelope then. */
static bool is_hashed(jay_bytes raw) {
    jayi_mc_key key;
    jayi_mc_text_key_encode(raw.data, raw.size, &key);
    return key.is_hashed;
}

/* How long the reply to a key is on average, as far as it is known. */
static size_t bytes_a_key(const mc_lane *lane) {
    if (lane->heard == 0) return atomic_load(&lane->server->bytes_a_key);
    return lane->heard_bytes / lane->heard + HEAD_BYTES;
}

/* Whether reading may wait: there is nothing to be sent, no other server to be looked after, and
 * enough time for the socket's own timeout. */
static bool may_block(const mc_batch *batch, const mc_lane *lane) {
    if (!batch->is_single || lane->part_begin < lane->part_end) return false;
    int64_t left_ms = batch->deadline_ms - jayi_clock_coarse_ms() - JAYI_CLOCK_COARSE_LAG_MS;
    return left_ms > batch->backend->call_ms / 2;
}

static int fill(const mc_batch *batch, mc_lane *lane, size_t whole, size_t *ret_got) {
    size_t expected =
        lane->link->slab != NULL ? bytes_a_key(lane) * (lane->count - lane->heard) : 0;
    return jayi_mc_inflow_fill(lane->link, whole, expected, may_block(batch, lane), ret_got,
                               &lane->error);
}

/* Opens a value that has arrived whole, in a slab or (NULL) a block of its own, and makes it a
 * view. */
static void finish_value(const mc_batch *batch, mc_lane *lane, jayi_slab *slab, char *data) {
    uint32_t item = lane->to_reply;
    mc_found found = {.block = data,
                      .data = data,
                      .size = (size_t)lane->reply.value_size,
                      .flags = lane->reply.flags,
                      .cas = lane->reply.cas != 0 ? lane->reply.cas : 1};
    data[found.size] = '\0';
    lane->heard_bytes += found.size;
    int status = JAY_OK;
    if (lane->is_classic || found.flags == MC_ENVELOPE) {
        jay_bytes raw = jayi_mc_item_raw(batch, lane, item);
        status = jayi_mc_open_envelope(&found, raw.data, raw.size, &lane->error);
        if (status == JAY_OK && !found.has_envelope && is_hashed(raw)) status = JAY_MISS;
        if (status == JAY_OK && found.envelope.stamp != 0) {
            batch->marks[item] |= MC_MARK_ALONE;
            status = JAY_MISS;
        }
    }
    if (status == JAY_OK) {
        jay_value *value = &batch->values[item];
        value->data = found.data;
        value->size = found.size;
        value->version = found.envelope.version != 0 ? found.envelope.version : found.cas;
        value->version ^= batch->backend->version_mark;
        value->pin = slab != NULL ? (void *)slab : lane->block;
        value->reserved[MC_VIEW_FLAGS] = found.flags;
        value->reserved[MC_VIEW_IN_SLAB] = slab != NULL;
        if (slab != NULL) jayi_slab_pin(slab);
    } else {
        jayi_block_release(&batch->backend->blocks, lane->block);
    }
    lane->block = NULL;
    lane->awaits_end = (batch->marks[item] & MC_MARK_LAST) != 0;
    hear(batch, lane, status);
}

/* Takes the line end behind a value. Whether it is there. */
static int take_line_end(const mc_batch *batch, mc_lane *lane, bool *ret_is_there) {
    jayi_link *link = lane->link;
    *ret_is_there = false;
    while (link->in_end - link->in_begin < 2) {
        size_t got = 0;
        int status = fill(batch, lane, 2, &got);
        if (status != JAY_OK || got == 0) return status;
    }
    if (memcmp(link->in + link->in_begin, "\r\n", 2) != 0) return garbled(lane);
    link->in_begin += 2;
    *ret_is_there = true;
    return JAY_OK;
}

/* Takes what there is of a value that goes elsewhere. Whether it is whole, with its line end. */
static int take_some(const mc_batch *batch, mc_lane *lane, bool *ret_is_whole) {
    *ret_is_whole = false;
    size_t whole = lane->reading == MC_READS_VALUE ? (size_t)lane->reply.value_size : lane->left;
    while (lane->left > 0) {
        size_t got = 0;
        int status = jayi_mc_inflow_read(lane->link, lane->to, lane->left, whole,
                                         may_block(batch, lane), &got, &lane->error);
        if (status != JAY_OK || got == 0) return status;
        lane->to += got;
        lane->left -= got;
    }
    int status = take_line_end(batch, lane, ret_is_whole);
    if (status != JAY_OK || !*ret_is_whole) return status;
    if (lane->reading == MC_READS_GENERATION) {
        lane->current = jayi_mc_parse_generation(lane->digits, sizeof lane->digits);
        lane->awaits_generation = lane->is_classic;
        lane->has_digits = true;
    } else {
        finish_value(batch, lane, NULL, lane->block);
    }
    lane->reading = MC_READS_LINES;
    return JAY_OK;
}

/* Leaves a value where it is received. Whether it is whole, with its line end. */
static int take_in_place(const mc_batch *batch, mc_lane *lane, bool *ret_is_whole) {
    jayi_link *link = lane->link;
    size_t size = (size_t)lane->reply.value_size;
    *ret_is_whole = false;
    while (link->in_end - link->in_begin < size + 2) {
        size_t got = 0;
        int status = fill(batch, lane, size + 2, &got);
        if (status != JAY_OK || got == 0) return status;
    }
    char *data = link->in + link->in_begin;
    if (memcmp(data + size, "\r\n", 2) != 0) return garbled(lane);
    link->in_begin += size + 2;
    *ret_is_whole = true;
    lane->reading = MC_READS_LINES;
    finish_value(batch, lane, link->slab, data);
    return JAY_OK;
}

static int begin_value(const mc_batch *batch, mc_lane *lane, const jayi_mc_reply *reply) {
    if (reply->value_size > MC_VALUE_MAX) return garbled(lane);
    size_t size = (size_t)reply->value_size;
    lane->reply = *reply;
    lane->reading = MC_READS_IN_PLACE;
    if (lane->link->slab != NULL && size <= JAYI_SLAB_VALUE_MAX) return JAY_OK;
    lane->block = jayi_block_acquire(&batch->backend->blocks, size + 1);
    if (lane->block == NULL)
        return jay_error_set(&lane->error, JAY_E_NO_MEMORY, 0, "no memory for a value of %zu bytes",
                             size);
    lane->reading = MC_READS_VALUE;
    lane->to = lane->block;
    lane->left = size;
    return JAY_OK;
}

/* The same on a classic server: VALUE and END, or END alone. */
static int take_classic_generation(const mc_batch *batch, mc_lane *lane,
                                   const jayi_mc_reply *reply) {
    const jayi_mc_key *key = &batch->backend->generation_keys[MC_CLASSIC];
    if (reply->code == JAYI_MC_END) {
        if (!lane->has_digits) lane->current = 0;
        lane->awaits_generation = false;
        return JAY_OK;
    }
    if (reply->code != JAYI_MC_VALUE) return jayi_mc_refused(reply, &lane->error);
    bool is_it = reply->text_size == key->size && memcmp(reply->text, key->text, key->size) == 0 &&
                 reply->value_size == sizeof lane->digits && !lane->has_digits;
    if (!is_it) return garbled(lane);
    lane->reading = MC_READS_GENERATION;
    lane->to = lane->digits;
    lane->left = sizeof lane->digits;
    return JAY_OK;
}

static int take_generation(mc_lane *lane, const jayi_mc_reply *reply) {
    if (reply->code == JAYI_MC_VA && reply->value_size == sizeof lane->digits) {
        lane->reading = MC_READS_GENERATION;
        lane->to = lane->digits;
        lane->left = sizeof lane->digits;
        return JAY_OK;
    }
    if (reply->code != JAYI_MC_EN) return jayi_mc_refused(reply, &lane->error);
    lane->current = 0;
    lane->awaits_generation = false;
    return JAY_OK;
}

/* Whether a VALUE is that of an item. */
static bool is_of_item(const mc_batch *batch, const mc_lane *lane, uint32_t item,
                       const jayi_mc_reply *reply) {
    if (lane->is_classic) {
        jayi_mc_key key;
        jay_bytes raw = jayi_mc_item_raw(batch, lane, item);
        jayi_mc_text_key_encode(raw.data, raw.size, &key);
        return key.size == reply->text_size && memcmp(key.text, reply->text, key.size) == 0;
    }
    jay_bytes key = mc_item_key(batch, item);
    return key.size == reply->text_size && memcmp(key.data, reply->text, key.size) == 0;
}

/* A line in answer to `gets`: VALUE for a key of the group, which those before it are not, or END.
 */
static int take_group_line(const mc_batch *batch, mc_lane *lane, const jayi_mc_reply *reply) {
    bool is_end = reply->code == JAYI_MC_END, is_last;
    if (!is_end && reply->code != JAYI_MC_VALUE) return jayi_mc_refused(reply, &lane->error);
    if (lane->awaits_end) {
        lane->awaits_end = false;
        return is_end ? JAY_OK : garbled(lane);
    }
    uint32_t item = lane->to_reply;
    while (!is_end && !is_of_item(batch, lane, item, reply)) {
        /* After a value that nobody asked for, none is known to be missing either. */
        if ((batch->marks[item] & MC_MARK_LAST) != 0) return garbled(lane);
        item = batch->next[item];
    }
    while (!is_end && lane->to_reply != item) hear(batch, lane, JAY_MISS);
    if (!is_end) return begin_value(batch, lane, reply);
    do {
        is_last = (batch->marks[lane->to_reply] & MC_MARK_LAST) != 0;
        hear(batch, lane, JAY_MISS);
    } while (!is_last);
    return JAY_OK;
}

/* What a classic server says of a set or a delete. */
static int take_classic_line(const mc_batch *batch, mc_lane *lane, const jayi_mc_reply *reply) {
    bool is_delete = batch->kind == MC_DELETE;
    int status = JAY_OK;
    if (is_delete && reply->code == JAYI_MC_NOT_FOUND) {
        status = JAY_MISS;
    } else if (reply->code != (is_delete ? JAYI_MC_DELETED : JAYI_MC_STORED)) {
        status = jayi_mc_refused(reply, &lane->error);
        if (reply->code != JAYI_MC_SERVER_ERROR) return status;
    }
    hear(batch, lane, status);
    return JAY_OK;
}

static int take_line(const mc_batch *batch, mc_lane *lane, const jayi_mc_reply *reply) {
    if (lane->awaits_generation)
        return lane->is_classic ? take_classic_generation(batch, lane, reply)
                                : take_generation(lane, reply);
    if (lane->awaits_end) return take_group_line(batch, lane, reply);
    if (lane->to_reply == MC_NO_ITEM || lane->on_the_way == 0) return garbled(lane);
    if ((batch->marks[lane->to_reply] & MC_MARK_TEXT) != 0)
        return take_group_line(batch, lane, reply);
    if (lane->is_classic) return take_classic_line(batch, lane, reply);
    int status;
    switch (reply->code) {
    case JAYI_MC_VA:
        return batch->kind == MC_GET ? begin_value(batch, lane, reply) : garbled(lane);
    case JAYI_MC_HD:
        status = JAY_OK;
        break;
    case JAYI_MC_EN:
    case JAYI_MC_NF:
        status = JAY_MISS;
        break;
    case JAYI_MC_SERVER_ERROR:
        status = jayi_mc_refused(reply, &lane->error);
        break;
    default:
        return jayi_mc_refused(reply, &lane->error);
    }
    bool is_likely =
        batch->kind == MC_GET ? reply->code == JAYI_MC_EN || status < 0 : reply->code != JAYI_MC_EN;
    if (!is_likely) return garbled(lane);
    hear(batch, lane, status);
    return JAY_OK;
}

static bool is_over(const mc_lane *lane) {
    return lane->to_reply == MC_NO_ITEM && !lane->awaits_end && !lane->awaits_generation &&
           lane->reading == MC_READS_LINES && lane->part_begin == lane->part_end;
}

/* The usual case: the next key of a group has been found. The length of the line, or 0. */
static int parse_next_value(const mc_batch *batch, const mc_lane *lane, jayi_mc_reply *ret_reply) {
    const jayi_link *link = lane->link;
    if (lane->is_classic || lane->awaits_generation || lane->awaits_end || lane->on_the_way == 0 ||
        (batch->marks[lane->to_reply] & MC_MARK_TEXT) == 0)
        return 0;
    jay_bytes key = mc_item_key(batch, lane->to_reply);
    return jayi_mc_parse_found(link->in + link->in_begin, link->in_end - link->in_begin, key.data,
                               key.size, ret_reply);
}

/* Takes what there is; *ret_may_send: there is more, but first the window has room again. */
static int receive_some(const mc_batch *batch, mc_lane *lane, bool *ret_may_send) {
    jayi_link *link = lane->link;
    *ret_may_send = false;
    while (!is_over(lane)) {
        if (lane->reading != MC_READS_LINES) {
            bool is_whole;
            int status = lane->reading == MC_READS_IN_PLACE ? take_in_place(batch, lane, &is_whole)
                                                            : take_some(batch, lane, &is_whole);
            if (status != JAY_OK || !is_whole) return status;
            continue;
        }
        jayi_mc_reply reply;
        int used = parse_next_value(batch, lane, &reply);
        if (used > 0) {
            link->in_begin += (size_t)used;
            int status = begin_value(batch, lane, &reply);
            if (status != JAY_OK) return status;
            continue;
        }
        used = jayi_mc_parse(link->in + link->in_begin, link->in_end - link->in_begin, &reply);
        if (used < 0) return garbled(lane);
        if (used == 0) {
            size_t got = 0;
            int status = fill(batch, lane, link->in_end - link->in_begin + 1, &got);
            if (status != JAY_OK || got == 0) return status;
            lane->has_heard = true;
            continue;
        }
        link->in_begin += (size_t)used;
        int status = take_line(batch, lane, &reply);
        if (status != JAY_OK) return status;
        *ret_may_send = lane->part_begin == lane->part_end && wants_to_send(batch, lane);
        if (*ret_may_send) return JAY_OK;
    }
    return JAY_OK;
}

/* How long replies have been, for the next batch. */
static void note_size(const mc_batch *batch, mc_lane *lane) {
    size_t a_key = bytes_a_key(lane);
    if (a_key > JAYI_SLAB_MAX) a_key = JAYI_SLAB_MAX;
    if (batch->kind == MC_GET) atomic_store(&lane->server->bytes_a_key, (uint32_t)a_key);
}

void jayi_mc_lane_move(const mc_batch *batch, mc_lane *lane) {
    int status;
    bool may_send = false;
    do {
        status = send_some(batch, lane);
        if (status == JAY_OK) status = receive_some(batch, lane, &may_send);
    } while (status == JAY_OK && may_send && lane->part_begin == lane->part_end);
    if (status != JAY_OK) {
        jayi_mc_lane_fail(batch, lane, status);
    } else if (is_over(lane)) {
        note_size(batch, lane);
        /* When there is more than was asked for, nobody may read it. */
        end_link(lane, lane->link->in_begin == lane->link->in_end ? JAY_OK : JAY_E_PROTOCOL);
    }
}
