/*
 * rd_lane.c - sending and reading one node's part of a batch.
 */
#include "backends/redis/rd_lane.h"

#include <string.h>

#include "net/net_inflow.h"

/* The most items of a group, and how many bytes of values it has about, where they are long enough.
 * A server of Redis writes 64 KiB before it looks at what else there is to do. */
#define GROUP_MAX 1000
#define GROUP_BYTES ((size_t)66 << 10)
/* Batches up to this are one group. */
#define WINDOW_FROM_BYTES ((size_t)128 << 10)
/* Longer values gain nothing by groups. */
#define LONG_BYTES (JAYI_SLAB_VALUE_MAX / 2)

void jayi_rd_item_failed(rd_batch *batch, uint32_t item, int status, bool may_pass) {
    batch->statuses[item] = status;
    if (may_pass) return;
    batch->marks[item] = RD_MARK_DONE;
    if (!batch->has_failed) batch->failure = batch->passing;
    batch->has_failed = true;
}

/* ---- beginning and ending ---- */

static int end_call(rd_lane *lane, int status) {
    jayi_link *link = lane->call.link;
    if (lane->is_refused || lane->group_count > 0 || link->in_begin != link->in_end)
        lane->call.is_clean = false;
    jayi_link_end_slabs(link);
    lane->is_open = false;
    return jayi_rd_end(&lane->call, status == JAY_OK && lane->is_refused ? JAY_E_AUTH : status);
}

/* The remaining items have no reply: they fail, or are dealt anew. */
static void fail(rd_batch *batch, rd_lane *lane, int status) {
    bool is_gone = status == JAY_E_UNREACHABLE, may_pass = is_gone;
    if (lane->is_open) {
        /* Only what has not been answered at all is taken to have met a closed connection. */
        bool was_closed = is_gone && lane->was_reused && !lane->has_heard;
        batch->was_closed |= was_closed;
        may_pass = was_closed || (is_gone && batch->kind != RD_DELETE);
        lane->call.is_clean = false;
        (void)end_call(lane, status);
    }
    batch->was_lost |= is_gone && batch->backend->layout != RD_ONE;
    for (uint32_t i = lane->to_read; i != RD_NO_ITEM; i = batch->next[i])
        jayi_rd_item_failed(batch, i, status, may_pass);
    lane->to_read = lane->to_send = RD_NO_ITEM;
}

/* How the items are to be grouped, by how long their values may be. */
static void plan_groups(const rd_batch *batch, rd_lane *lane) {
    lane->group_max = GROUP_MAX;
    lane->window = 1;
    lane->a_key = batch->kind == RD_GET ? atomic_load(&lane->node->bytes_a_key) : 0;
    /* Long ones are read straight into memory of their own. */
    if (lane->a_key == 0 || lane->a_key > LONG_BYTES) return;
    jayi_link_begin_slabs(lane->call.link, &batch->backend->blocks, lane->a_key * lane->count);
    if (lane->a_key * lane->count <= WINDOW_FROM_BYTES) return;
    size_t group = GROUP_BYTES / lane->a_key;
    lane->group_max = group < 1 ? 1 : group < GROUP_MAX ? group : GROUP_MAX;
    lane->window = RD_LANE_GROUPS;
}

void jayi_rd_lane_begin(rd_batch *batch, rd_lane *lane, bool may_block) {
    lane->to_send = lane->to_read = lane->first;
    lane->is_open = lane->has_heard = lane->is_refused = false;
    lane->group_count = 0;
    lane->heard = lane->heard_size = 0;
    if (lane->first == RD_NO_ITEM) return;
    int status = jayi_rd_begin_at(&lane->call, lane->node, batch->deadline_ms, &batch->passing);
    if (status != JAY_OK) {
        fail(batch, lane, status);
        return;
    }
    lane->is_open = true;
    lane->was_reused = lane->call.link->is_reused;
    if (!may_block) lane->call.may_block = false;
    plan_groups(batch, lane);
}

/* How long values have been, for the next batch. Few say little. */
static void note_size(const rd_batch *batch, rd_lane *lane) {
    if (batch->kind != RD_GET || lane->heard == 0) return;
    size_t a_key = lane->heard_size / lane->heard + 1;
    if (a_key > UINT32_MAX) a_key = UINT32_MAX;
    atomic_store(&lane->node->bytes_a_key, (uint32_t)a_key);
}

void jayi_rd_lane_end(const rd_batch *batch, rd_lane *lane) {
    if (!lane->is_open) return;
    note_size(batch, lane);
    (void)end_call(lane, JAY_OK);
}

/* ---- sending ---- */

static bool is_one_command(const rd_batch *batch) {
    return batch->kind == RD_GET && batch->backend->layout != RD_CLUSTER;
}

/* Writes the commands of the next group. */
static void put_group(rd_batch *batch, rd_lane *lane) {
    rd_call *call = &lane->call;
    bool is_one = is_one_command(batch);
    uint32_t item = lane->to_send;
    size_t count = 0;
    for (; item != RD_NO_ITEM && count < lane->group_max; count++) item = batch->next[item];
    if (is_one) {
        jayi_rd_put_command(call, count + 1);
        RD_PUT(call, "MGET");
    }
    for (uint32_t i = lane->to_send; i != item; i = batch->next[i]) {
        if (batch->kind == RD_SET) {
            jay_write write = rd_item_write(batch, i);
            jayi_rd_put_set(call, &write);
            continue;
        }
        jay_bytes key = batch->keys[i];
        if (!is_one) jayi_rd_put_command(call, 2);
        if (batch->kind == RD_DELETE) RD_PUT(call, "UNLINK");
        if (batch->kind == RD_GET && !is_one) RD_PUT(call, "GET");
        jayi_rd_put_word(call, key.data, key.size);
    }
    lane->to_send = item;
    lane->groups[lane->group_count++] = count;
}

void jayi_rd_lane_send(rd_batch *batch, rd_lane *lane) {
    if (!lane->is_open || lane->to_send == RD_NO_ITEM || lane->group_count == lane->window) return;
    while (lane->to_send != RD_NO_ITEM && lane->group_count < lane->window) put_group(batch, lane);
    int status = jayi_rd_flush(&lane->call);
    if (status != JAY_OK) fail(batch, lane, status);
}

/* ---- reading ---- */

/* Whether a status leaves the connection of use: the reply has been read whole. */
static bool is_item_failure(int status) {
    return status >= 0 || status == JAY_E_NO_MEMORY || status == JAY_E_SERVER ||
           status == JAY_E_FULL || status == JAY_E_BUSY || status == JAY_E_AUTH;
}

/* Leaves a value where it has been received, and makes it a view. */
static int take_in_place(rd_call *call, size_t size, jay_value *ret_value) {
    jayi_link *link = call->link;
    int status = jayi_link_gather(link, size + 2, call->deadline_ms, call->may_block, call->error);
    if (status != JAY_OK) return status;
    char *data = link->in + link->in_begin;
    if (memcmp(data + size, "\r\n", 2) != 0) return jayi_rd_garbled(call);
    data[size] = '\0';
    link->in_begin += size + 2;
    jayi_slab_pin(link->slab);
    ret_value->data = data;
    ret_value->size = size;
    ret_value->version = rd_version_of(data, size);
    ret_value->pin = link->slab;
    ret_value->reserved[RD_VIEW_IN_SLAB] = true;
    return JAY_OK;
}

/* Fills in what a reply comes to. */
static int take_value(rd_call *call, rd_lane *lane, const jayi_resp_head *head,
                      jay_value *ret_value) {
    rd_block *block = NULL;
    if (head->type == JAYI_RESP_NULL || jayi_rd_says(head, "WRONGTYPE")) return JAY_MISS;
    if (head->type != JAYI_RESP_STRING) return jayi_rd_unexpected(call, head);
    size_t size = (size_t)head->number;
    lane->heard++;
    lane->heard_size += size;
    if (call->link->slab != NULL && size <= JAYI_SLAB_VALUE_MAX)
        return take_in_place(call, size, ret_value);
    int status = jayi_rd_take_block(call, head, &block);
    if (status == JAY_OK) jayi_rd_fill_value(ret_value, block);
    return status;
}

static int take_reply(rd_lane *lane, rd_batch *batch, uint32_t item, const jayi_resp_head *head) {
    rd_call *call = &lane->call;
    if (batch->kind == RD_GET) return take_value(call, lane, head, &batch->values[item]);
    if (batch->kind == RD_SET && head->type == JAYI_RESP_TEXT) return JAY_OK;
    if (batch->kind == RD_DELETE && head->type == JAYI_RESP_INTEGER)
        return head->number > 0 ? JAY_OK : JAY_MISS;
    return jayi_rd_unexpected(call, head);
}

/* A redirection, or a refusal that may pass: what is to become of the item. */
static void take_refusal(rd_call *call, rd_batch *batch, uint32_t item, enum rd_refusal what,
                         const jayi_resp_head *head) {
    int status = jayi_rd_unexpected(call, head);
    if (what == RD_ASK) {
        batch->statuses[item] = JAY_OK;
        batch->marks[item] = RD_MARK_ALONE;
        return;
    }
    jayi_rd_item_failed(batch, item, status, true);
    if (what == RD_PAUSE || what == RD_STALE) batch->must_pause = true;
    if (what == RD_STALE) batch->was_lost = true;
    if (what != RD_MOVED) return;
    uint16_t slot = 0;
    rd_node *node = jayi_rd_redirected(call, head, &slot);
    if (node == NULL) return;
    jayi_rd_nodes_patch(batch->backend, slot, node);
    jayi_rd_node_release(node);
}

static int read_item(rd_lane *lane, rd_batch *batch, uint32_t item) {
    rd_call *call = &lane->call;
    jayi_resp_head head;
    call->error = &batch->passing;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    enum rd_refusal what = jayi_rd_refusal(call, &head);
    if (what != RD_FINAL) {
        take_refusal(call, batch, item, what, &head);
        return JAY_OK;
    }
    lane->is_refused |= jayi_rd_says(&head, "NOAUTH");
    status = take_reply(lane, batch, item, &head);
    if (!is_item_failure(status)) return status;
    if (status < 0) {
        jayi_rd_item_failed(batch, item, status, false);
    } else {
        batch->statuses[item] = status;
        batch->marks[item] = RD_MARK_DONE;
    }
    return JAY_OK;
}

/* A group was refused as a whole. */
static void refuse_group(rd_batch *batch, rd_lane *lane, const jayi_resp_head *head, int status) {
    enum rd_refusal what = jayi_rd_refusal(&lane->call, head);
    bool may_pass = what == RD_PAUSE || what == RD_STALE;
    batch->must_pause |= may_pass;
    batch->was_lost |= what == RD_STALE;
    lane->is_refused |= jayi_rd_says(head, "NOAUTH");
    for (size_t left = lane->groups[0]; left > 0; left--) {
        jayi_rd_item_failed(batch, lane->to_read, status, may_pass);
        lane->to_read = batch->next[lane->to_read];
    }
}

/* The head of an MGET's reply. Whether replies follow. */
static int read_list(rd_batch *batch, rd_lane *lane, bool *ret_has_replies) {
    jayi_resp_head head;
    int status = jayi_rd_read(&lane->call, &head);
    if (status != JAY_OK) return status;
    *ret_has_replies = head.type == JAYI_RESP_ARRAY && head.number == (int64_t)lane->groups[0];
    if (*ret_has_replies) return JAY_OK;
    status = jayi_rd_unexpected(&lane->call, &head);
    if (head.type != JAYI_RESP_ERROR) return status;
    refuse_group(batch, lane, &head, status);
    return JAY_OK;
}

static int read_group(rd_batch *batch, rd_lane *lane) {
    bool has_replies = true;
    lane->call.error = &batch->passing;
    if (is_one_command(batch)) {
        int status = read_list(batch, lane, &has_replies);
        if (status != JAY_OK) return status;
        lane->has_heard = true;
    }
    for (size_t left = has_replies ? lane->groups[0] : 0; left > 0; left--) {
        int status = read_item(lane, batch, lane->to_read);
        if (status != JAY_OK) return status;
        lane->has_heard = true;
        lane->to_read = batch->next[lane->to_read];
        if (lane->call.link->slab_expected > lane->a_key)
            lane->call.link->slab_expected -= lane->a_key;
    }
    memmove(lane->groups, lane->groups + 1, (size_t)--lane->group_count * sizeof lane->groups[0]);
    return JAY_OK;
}

void jayi_rd_lane_read(rd_batch *batch, rd_lane *lane) {
    int status = read_group(batch, lane);
    if (status != JAY_OK) {
        fail(batch, lane, status);
        return;
    }
    lane->call.is_clean = lane->group_count == 0;
    jayi_rd_lane_send(batch, lane);
}
