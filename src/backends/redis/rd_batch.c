/*
 * rd_batch.c - get_many by MGET, set_many and delete_many as a row of commands: a group of keys at
 * a time, each group one round trip. The server puts replies by while it reads commands, so sending
 * a group whole before reading cannot end in both waiting for each other.
 */
#include <string.h>

#include "backends/redis/rd_state.h"
#include "util/memory.h"

#define GROUP 1000

enum rd_kind { RD_GET, RD_SET, RD_DELETE };

typedef struct rd_batch {
    enum rd_kind kind;
    const jay_bytes *keys;
    const jay_pair *pairs;
    jay_value *values;
    int *statuses;
    size_t count;
    size_t begin, end; /* the group */
    size_t asked;      /* items of it that are not to be skipped */
    size_t next;       /* the first item of it that has no reply yet */
} rd_batch;

/* ---- sending ---- */

/* Marks off the next group. Skipped items have another status than JAY_OK; so have those that are
 * done, when the group is theirs. */
static void begin_group(rd_batch *batch) {
    batch->asked = 0;
    batch->end = batch->next = batch->begin;
    while (batch->end < batch->count && batch->asked < GROUP)
        batch->asked += batch->statuses[batch->end++] == JAY_OK;
}

static void put_pair(rd_call *call, const jay_pair *pair) {
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_SET,
                       .key = pair->key.data,
                       .key_size = pair->key.size,
                       .value = pair->value.data,
                       .value_size = pair->value.size,
                       .ttl_ms = pair->ttl_ms};
    jayi_rd_put_set(call, &write);
}

static int send_group(rd_call *call, const rd_batch *batch) {
    if (batch->kind == RD_GET) {
        jayi_rd_put_command(call, batch->asked + 1);
        RD_PUT(call, "MGET");
    }
    for (size_t i = batch->begin; i < batch->end; i++) {
        if (batch->statuses[i] != JAY_OK) continue;
        if (batch->kind == RD_SET) {
            put_pair(call, &batch->pairs[i]);
            continue;
        }
        if (batch->kind == RD_DELETE) {
            jayi_rd_put_command(call, 2);
            RD_PUT(call, "UNLINK");
        }
        jayi_rd_put_word(call, batch->keys[i].data, batch->keys[i].size);
    }
    return jayi_rd_flush(call);
}

/* ---- receiving ---- */

/* Whether a status leaves the connection of use: the reply has been read whole. */
static bool is_item_failure(int status) {
    return status >= 0 || status == JAY_E_NO_MEMORY || status == JAY_E_SERVER ||
           status == JAY_E_FULL || status == JAY_E_BUSY || status == JAY_E_AUTH;
}

static int read_value(rd_call *call, jay_value *ret_value) {
    jayi_resp_head head;
    char *block = NULL;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type == JAYI_RESP_NULL) return JAY_MISS;
    if (head.type != JAYI_RESP_STRING) return jayi_rd_unexpected(call, &head);
    status = jayi_rd_take_block(call, &head, &block);
    if (status == JAY_OK) jayi_rd_fill_value(ret_value, block, (size_t)head.number);
    return status;
}

/* The reply to a SET or an UNLINK. */
static int read_done(rd_call *call, enum rd_kind kind) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (kind == RD_SET && head.type == JAYI_RESP_TEXT) return JAY_OK;
    if (kind == RD_DELETE && head.type == JAYI_RESP_INTEGER)
        return head.number > 0 ? JAY_OK : JAY_MISS;
    return jayi_rd_unexpected(call, &head);
}

/* Keeps the batch's error to the first that an item had. */
static int read_item(rd_call *call, rd_batch *batch, size_t item, bool *has_failed) {
    jay_error once, *error = call->error;
    call->error = &once;
    int status = batch->kind == RD_GET ? read_value(call, &batch->values[item])
                                       : read_done(call, batch->kind);
    call->error = error;
    if (status < 0 && !*has_failed && error != NULL) *error = once;
    *has_failed |= status < 0;
    return status;
}

/* Reads the replies of a group. Not JAY_OK: the items from batch->next on have none. */
static int read_group(rd_call *call, rd_batch *batch, bool *has_failed) {
    jayi_resp_head head;
    if (batch->kind == RD_GET) {
        int status = jayi_rd_read(call, &head);
        if (status != JAY_OK) return status;
        if (head.type == JAYI_RESP_ERROR) call->is_clean = true;
        if (head.type != JAYI_RESP_ARRAY || head.number != (int64_t)batch->asked)
            return jayi_rd_unexpected(call, &head);
    }
    for (size_t i = batch->begin; i < batch->end; i++) {
        if (batch->statuses[i] == JAY_OK) {
            int status = read_item(call, batch, i, has_failed);
            if (!is_item_failure(status)) return status;
            batch->statuses[i] = status;
        }
        batch->next = i + 1;
    }
    call->is_clean = true;
    return JAY_OK;
}

/* ---- running ---- */

static void fail_rest(rd_batch *batch, int status) {
    for (size_t i = batch->next; i < batch->count; i++) {
        if (batch->statuses[i] == JAY_OK) batch->statuses[i] = status;
    }
}

/* Runs the batch on one link: all groups, or up to a failure. */
static int run_groups(rd_call *call, rd_batch *batch, bool *has_failed) {
    while (batch->begin < batch->count) {
        begin_group(batch);
        int status = JAY_OK;
        if (batch->asked > 0) status = send_group(call, batch);
        if (status == JAY_OK && batch->asked > 0) status = read_group(call, batch, has_failed);
        if (status != JAY_OK) return status;
        batch->begin = batch->next = batch->end;
    }
    return JAY_OK;
}

static void run_batch(jay_backend *backend, rd_batch *batch, jay_error *error) {
    bool has_failed = false;
    jay_error once;
    for (int i = 0;; i++) {
        rd_call call;
        int status = jayi_rd_begin(&call, backend, &once);
        if (status == JAY_OK) {
            call.error = has_failed ? &once : error;
            status = run_groups(&call, batch, &has_failed);
            bool again = batch->next == 0 && jayi_rd_may_repeat(&call, status, i);
            (void)jayi_rd_end(&call, status);
            if (again) continue;
        } else if (!has_failed && error != NULL) {
            *error = once;
        }
        if (status != JAY_OK) fail_rest(batch, status);
        return;
    }
}

void jayi_rd_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error) {
    rd_batch batch = {
        .kind = RD_GET, .keys = keys, .values = ret_values, .statuses = statuses, .count = count};
    run_batch(backend, &batch, error);
    for (size_t i = 0; i < count; i++) statuses[i] = rd_read_status(backend, statuses[i]);
}

void jayi_rd_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                      jay_error *error) {
    bool has_refused = false;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK || pairs[i].value.size <= RD_VALUE_MAX) continue;
        statuses[i] = jay_error_set(has_refused ? NULL : error, JAY_E_TOO_BIG, 0,
                                    "a value of %zu bytes is over 512 MiB", pairs[i].value.size);
        has_refused = true;
    }
    rd_batch batch = {.kind = RD_SET, .pairs = pairs, .statuses = statuses, .count = count};
    run_batch(backend, &batch, error);
}

void jayi_rd_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                         jay_error *error) {
    rd_batch batch = {.kind = RD_DELETE, .keys = keys, .statuses = statuses, .count = count};
    run_batch(backend, &batch, error);
}
