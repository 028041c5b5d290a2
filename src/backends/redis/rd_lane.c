/*
 * rd_lane.c - sending and reading one node's part of a batch.
 */
#include "backends/redis/rd_lane.h"

#include <string.h>

#define GROUP 1000

void jayi_rd_item_failed(rd_batch *batch, uint32_t item, int status, bool may_pass) {
    batch->statuses[item] = status;
    if (may_pass) return;
    batch->marks[item] = RD_MARK_DONE;
    if (!batch->has_failed) batch->failure = batch->passing;
    batch->has_failed = true;
}

/* ---- beginning and ending ---- */

/* The remaining items have no reply: they fail, or are dealt anew. */
static void fail(rd_batch *batch, rd_lane *lane, int status) {
    bool is_gone = status == JAY_E_UNREACHABLE, may_pass = is_gone;
    if (lane->is_open) {
        /* Only what has not been answered at all is taken to have met a closed connection. */
        bool was_closed = is_gone && lane->was_reused && !lane->has_heard;
        batch->was_closed |= was_closed;
        may_pass = was_closed || (is_gone && batch->kind != RD_DELETE);
        lane->is_open = false;
        (void)jayi_rd_end(&lane->call, status);
    }
    batch->was_lost |= is_gone && batch->backend->layout != RD_ONE;
    for (uint32_t i = lane->to_read; i != RD_NO_ITEM; i = batch->next[i])
        jayi_rd_item_failed(batch, i, status, may_pass);
    lane->to_read = lane->to_send = RD_NO_ITEM;
}

void jayi_rd_lane_begin(rd_batch *batch, rd_lane *lane, bool may_block) {
    lane->to_send = lane->to_read = lane->first;
    lane->is_open = lane->has_heard = false;
    if (lane->first == RD_NO_ITEM) return;
    int status = jayi_rd_begin_at(&lane->call, lane->node, batch->deadline_ms, &batch->passing);
    if (status != JAY_OK) {
        fail(batch, lane, status);
        return;
    }
    lane->is_open = true;
    lane->was_reused = lane->call.link->is_reused;
    if (!may_block) lane->call.may_block = false;
}

void jayi_rd_lane_end(rd_lane *lane) {
    if (lane->is_open) (void)jayi_rd_end(&lane->call, JAY_OK);
    lane->is_open = false;
}

/* ---- sending ---- */

static bool is_one_command(const rd_batch *batch) {
    return batch->kind == RD_GET && batch->backend->layout != RD_CLUSTER;
}

void jayi_rd_lane_send(rd_batch *batch, rd_lane *lane) {
    rd_call *call = &lane->call;
    uint32_t item = lane->to_send;
    if (!lane->is_open || item == RD_NO_ITEM) return;
    bool is_one = is_one_command(batch);
    for (lane->asked = 0; item != RD_NO_ITEM && lane->asked < GROUP; lane->asked++)
        item = batch->next[item];
    if (is_one) {
        jayi_rd_put_command(call, lane->asked + 1);
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
    int status = jayi_rd_flush(call);
    if (status != JAY_OK) fail(batch, lane, status);
}

/* ---- reading ---- */

/* Whether a status leaves the connection of use: the reply has been read whole. */
static bool is_item_failure(int status) {
    return status >= 0 || status == JAY_E_NO_MEMORY || status == JAY_E_SERVER ||
           status == JAY_E_FULL || status == JAY_E_BUSY || status == JAY_E_AUTH;
}

/* Fills in what a reply comes to. */
static int take_value(rd_call *call, const jayi_resp_head *head, jay_value *ret_value) {
    rd_block *block = NULL;
    if (head->type == JAYI_RESP_NULL || jayi_rd_says(head, "WRONGTYPE")) return JAY_MISS;
    if (head->type != JAYI_RESP_STRING) return jayi_rd_unexpected(call, head);
    int status = jayi_rd_take_block(call, head, &block);
    if (status == JAY_OK) jayi_rd_fill_value(ret_value, block);
    return status;
}

static int take_reply(rd_call *call, rd_batch *batch, uint32_t item, const jayi_resp_head *head) {
    if (batch->kind == RD_GET) return take_value(call, head, &batch->values[item]);
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

static int read_item(rd_call *call, rd_batch *batch, uint32_t item) {
    jayi_resp_head head;
    call->error = &batch->passing;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    enum rd_refusal what = jayi_rd_refusal(call, &head);
    if (what != RD_FINAL) {
        take_refusal(call, batch, item, what, &head);
        return JAY_OK;
    }
    status = take_reply(call, batch, item, &head);
    if (!is_item_failure(status)) return status;
    if (status < 0) {
        jayi_rd_item_failed(batch, item, status, false);
    } else {
        batch->statuses[item] = status;
        batch->marks[item] = RD_MARK_DONE;
    }
    return JAY_OK;
}

/* The head of an MGET's reply. */
static int read_list(rd_call *call, rd_lane *lane, rd_batch *batch) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type == JAYI_RESP_ARRAY && head.number == (int64_t)lane->asked) return JAY_OK;
    status = jayi_rd_unexpected(call, &head);
    call->is_clean = head.type == JAYI_RESP_ERROR && !jayi_rd_says(&head, "NOAUTH");
    enum rd_refusal what = jayi_rd_refusal(call, &head);
    bool may_pass = what == RD_PAUSE || what == RD_STALE;
    if (may_pass) batch->must_pause = true;
    if (what == RD_STALE) batch->was_lost = true;
    lane->is_open = false;
    (void)jayi_rd_end(call, JAY_OK);
    for (uint32_t i = lane->to_read; i != RD_NO_ITEM; i = batch->next[i])
        jayi_rd_item_failed(batch, i, status, may_pass);
    return JAY_OK;
}

void jayi_rd_lane_read(rd_batch *batch, rd_lane *lane) {
    rd_call *call = &lane->call;
    int status = JAY_OK;
    call->error = &batch->passing;
    if (is_one_command(batch)) status = read_list(call, lane, batch);
    if (status == JAY_OK && !lane->is_open) return;
    lane->has_heard |= status == JAY_OK && is_one_command(batch);
    while (status == JAY_OK && lane->to_read != lane->to_send) {
        status = read_item(call, batch, lane->to_read);
        if (status != JAY_OK) break;
        lane->has_heard = true;
        lane->to_read = batch->next[lane->to_read];
    }
    if (status != JAY_OK) {
        fail(batch, lane, status);
    } else {
        call->is_clean = true;
    }
}
