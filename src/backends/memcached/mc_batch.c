/*
 * mc_batch.c - get_many, set_many and delete_many: one round trip a server, all servers at once.
 *
 * The items are dealt to lanes, one a server (mc_lane.h). A batch holds a link to each of its
 * servers; it acquires them in the order of the servers, so that two batches never wait for each
 * other. Lanes whose server turned out to have another generation, or whose connection turned out
 * to be closed, are run once more.
 */
#include <string.h>

#include "backends/memcached/mc_lane.h"
#include "os/clock.h"
#include "util/checked.h"
#include "util/memory.h"

#define ROUNDS_MAX 8

typedef struct workspace {
    mc_lane *lanes; /* as many as servers */
    struct pollfd *pollers;
    void *memory;
    uint32_t *used; /* the lanes with items */
    size_t used_count;
} workspace;

/* ---- setting up ---- */

static bool workspace_init(mc_batch *batch, workspace *space) {
    size_t servers = batch->backend->server_count, items = batch->count, key_max = 0, size;
    size_t a_server = sizeof(mc_lane) + sizeof(struct pollfd) + sizeof(uint32_t);
    size_t an_item = sizeof(uint32_t) + 1;
    for (size_t i = 0; batch->backend->has_generations && i < items; i++) {
        size_t key_size = mc_item_key(batch, (uint32_t)i).size;
        if (key_size > key_max) key_max = key_size;
    }
    key_max += MC_GENERATION_DIGITS + 1;
    if (!jayi_mul_size(items, an_item, &size) ||
        !jayi_add_size(size, servers * a_server + key_max, &size))
        return false;
    char *memory = jayi_alloc(&batch->backend->allocator, size);
    if (memory == NULL) return false;
    space->memory = memory;
    space->lanes = (mc_lane *)(void *)memory;
    space->pollers = (struct pollfd *)(void *)(space->lanes + servers);
    space->used = (uint32_t *)(void *)(space->pollers + servers);
    batch->next = space->used + servers;
    batch->marks = (unsigned char *)(batch->next + items);
    batch->scratch = (char *)(batch->marks + items);
    space->used_count = 0;
    for (size_t i = 0; i < servers; i++) {
        memset(&space->lanes[i], 0, sizeof space->lanes[i]);
        space->lanes[i].first = MC_NO_ITEM;
        space->lanes[i].server = &batch->backend->servers[i];
    }
    memset(batch->marks, 0, items);
    return true;
}

/* Puts each item at the end of its server's list. */
static void deal(mc_batch *batch, workspace *space, int64_t now_ms) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] != JAY_OK) continue;
        jay_bytes key = mc_item_key(batch, i);
        mc_server *server = jayi_mc_server_of(batch->backend, key.data, key.size, now_ms);
        mc_lane *lane = &space->lanes[server - batch->backend->servers];
        if (lane->first == MC_NO_ITEM) {
            lane->first = i;
            lane->again = true;
        } else {
            batch->next[lane->last] = i;
        }
        lane->last = i;
        lane->count++;
        batch->next[i] = MC_NO_ITEM;
    }
    for (uint32_t i = 0; i < batch->backend->server_count; i++) {
        if (space->lanes[i].first != MC_NO_ITEM) space->used[space->used_count++] = i;
    }
    batch->is_single = space->used_count == 1;
}

/* ---- running ---- */

/* What an earlier round has found in a lane is let go. */
static void forget(const mc_batch *batch, const mc_lane *lane) {
    for (uint32_t i = lane->first; i != MC_NO_ITEM; i = batch->next[i]) {
        if (batch->kind == MC_GET && batch->statuses[i] == JAY_OK && batch->values[i].pin != NULL) {
            jayi_mc_release(batch->backend, &batch->values[i]);
            batch->values[i] = (jay_value)JAY_VALUE_INIT;
        }
        batch->statuses[i] = JAY_OK;
    }
}

static void begin_lanes(const mc_batch *batch, workspace *space, int64_t now_ms) {
    for (size_t i = 0; i < space->used_count; i++) {
        mc_lane *lane = &space->lanes[space->used[i]];
        if (!lane->again) continue;
        lane->has_run = true;
        jayi_link *link = NULL;
        int status =
            jayi_link_acquire(&lane->server->pool, now_ms, batch->deadline_ms, &link, &lane->error);
        forget(batch, lane);
        if (status == JAY_OK) {
            jayi_mc_lane_begin(batch, lane, link);
        } else {
            lane->again = false;
            lane->was_reused = lane->has_heard = false;
            lane->to_reply = lane->first;
            lane->block = NULL;
            lane->status = JAY_OK;
            jayi_mc_lane_fail(batch, lane, status);
        }
    }
}

/* Waits until a lane can go on. Whether one can, in time. */
static bool await_lanes(const mc_batch *batch, workspace *space) {
    nfds_t count = 0;
    for (size_t i = 0; i < space->used_count; i++) {
        mc_lane *lane = &space->lanes[space->used[i]];
        if (lane->link == NULL) continue;
        int events = jayi_mc_lane_events(lane);
        if (space->used_count == 1)
            return jayi_stream_wait(&lane->link->stream, events, batch->deadline_ms);
        jayi_stream *stream = &lane->link->stream;
        if (stream->tls != NULL && jayi_tls_has_bytes(stream)) return true;
        space->pollers[count++] =
            (struct pollfd){.fd = stream->fd, .events = jayi_stream_events(stream, events)};
    }
    int64_t left_ms = batch->deadline_ms - jayi_clock_ms();
    return left_ms > 0 && poll(space->pollers, count, (int)left_ms) != 0;
}

static void fail_open_lanes(const mc_batch *batch, workspace *space) {
    for (size_t i = 0; i < space->used_count; i++) {
        mc_lane *lane = &space->lanes[space->used[i]];
        if (lane->link == NULL) continue;
        (void)jayi_link_late(lane->link, &lane->error);
        jayi_mc_lane_fail(batch, lane, JAY_E_TIMEOUT);
    }
}

static void run_lanes(const mc_batch *batch, workspace *space) {
    for (;;) {
        size_t open = 0;
        for (size_t i = 0; i < space->used_count; i++) {
            mc_lane *lane = &space->lanes[space->used[i]];
            if (lane->link != NULL) jayi_mc_lane_move(batch, lane);
            open += lane->link != NULL;
        }
        if (open == 0) return;
        if (!await_lanes(batch, space) || jayi_clock_coarse_ms() >= batch->deadline_ms) {
            fail_open_lanes(batch, space);
            return;
        }
    }
}

/* Whether a lane has to be run once more; makes sure then that the handle knows the generation. */
static bool must_repeat(const mc_batch *batch, mc_lane *lane) {
    bool was_closed = lane->status == JAY_E_UNREACHABLE && lane->was_reused && !lane->has_heard;
    bool is_other = batch->backend->has_generations && lane->has_heard &&
                    (lane->current != lane->generation || lane->current == 0);
    if (!was_closed && !is_other) return false;
    if (is_other) {
        /* Any call on the server agrees with it on a generation. */
        jay_bytes key = mc_item_key(batch, lane->first);
        (void)jayi_mc_has(batch->backend, key.data, key.size, &lane->error);
    }
    return true;
}

static void run_rounds(const mc_batch *batch, workspace *space) {
    size_t most = ROUNDS_MAX + (size_t)batch->backend->servers[0].pool.plan.max_links;
    for (size_t round = 0; round < most; round++) {
        begin_lanes(batch, space, jayi_clock_coarse_ms());
        run_lanes(batch, space);
        bool is_done = true;
        for (size_t i = 0; i < space->used_count; i++) {
            mc_lane *lane = &space->lanes[space->used[i]];
            lane->again = lane->has_run && must_repeat(batch, lane);
            lane->has_run = false;
            if (lane->again) is_done = false;
        }
        if (is_done) return;
    }
}

/* The failure that the caller is to see: that of the first key that failed. */
static void report(const mc_batch *batch, const workspace *space, int64_t now_ms,
                   jay_error *error) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] >= 0) continue;
        jay_bytes key = mc_item_key(batch, i);
        const mc_server *server = jayi_mc_server_of(batch->backend, key.data, key.size, now_ms);
        const mc_lane *lane = &space->lanes[server - batch->backend->servers];
        if (lane->first != MC_NO_ITEM && lane->error.code == batch->statuses[i])
            *error = lane->error;
        return;
    }
}

static void fail_all(const mc_batch *batch, jay_error *error) {
    int status =
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a batch of %zu keys", batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->statuses[i] == JAY_OK) batch->statuses[i] = status;
    }
}

/* Runs a batch; the marks are good until workspace_deinit. Whether there was memory. */
static bool run_batch(mc_batch *batch, workspace *space, jay_error *error) {
    int64_t now_ms = jayi_clock_coarse_ms();
    batch->deadline_ms = now_ms + batch->backend->call_ms;
    if (!workspace_init(batch, space)) {
        fail_all(batch, error);
        return false;
    }
    deal(batch, space, now_ms);
    run_rounds(batch, space);
    report(batch, space, now_ms, error);
    return true;
}

/* ---- the table's functions ---- */

void jayi_mc_get_many_at(jay_backend *backend, const jay_bytes *keys, size_t count,
                         jay_value *ret_values, int *statuses, jay_error *error) {
    mc_batch batch = {.backend = backend,
                      .kind = MC_GET,
                      .keys = keys,
                      .values = ret_values,
                      .statuses = statuses,
                      .count = count};
    workspace space;
    if (!run_batch(&batch, &space, error)) return;
    for (size_t i = 0; i < count; i++) {
        /* Values in parts take further round trips. */
        if ((batch.marks[i] & MC_MARK_ALONE) != 0)
            statuses[i] = jayi_mc_get(backend, keys[i].data, keys[i].size, &ret_values[i], error);
    }
    jayi_free(&backend->allocator, space.memory);
}

void jayi_mc_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error) {
    jayi_mc_get_many_at(backend, keys, count, ret_values, statuses, error);
    if (backend->next_place != NULL)
        jayi_mc_get_many_elsewhere(backend, keys, count, ret_values, statuses, error);
    for (size_t i = 0; i < count; i++) statuses[i] = mc_read_status(backend, statuses[i]);
}

/* Whether a pair can go into a batch: hashed keys and values in parts go alone. */
static bool is_simple(const jay_backend *backend, const jay_pair *pair, uint32_t flags) {
    size_t key_size = pair->key.size + MC_GENERATION_DIGITS + 1;
    return flags != MC_ENVELOPE && key_size <= JAYI_MC_RAW_KEY_MAX &&
           *(const char *)pair->key.data != '\0' && pair->value.size <= MC_VALUE_MAX &&
           !jayi_mc_needs_parts(backend, key_size, pair->value.size);
}

static void set_each(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                     size_t count, int *statuses, jay_error *error) {
    bool has_failed = false;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != JAY_OK) continue;
        jay_write write = {.struct_size = sizeof write,
                           .mode = JAY_WRITE_SET,
                           .key = pairs[i].key.data,
                           .key_size = pairs[i].key.size,
                           .value = pairs[i].value.data,
                           .value_size = pairs[i].value.size,
                           .ttl_ms = pairs[i].ttl_ms,
                           .flags = flags != NULL ? flags[i] : 0};
        jay_error once;
        statuses[i] = jayi_mc_write_at(backend, &write, &once);
        if (statuses[i] < 0 && !has_failed) *error = once;
        has_failed |= statuses[i] < 0;
    }
}

void jayi_mc_set_many_at(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                         size_t count, int *statuses, jay_error *error) {
    for (size_t i = 0; i < count; i++) {
        /* In the order of the keys, for the sake of those that come twice. */
        uint32_t own = flags != NULL ? flags[i] : 0;
        if (statuses[i] == JAY_OK && !is_simple(backend, &pairs[i], own)) {
            set_each(backend, pairs, flags, count, statuses, error);
            return;
        }
    }
    mc_batch batch = {.backend = backend,
                      .kind = MC_STORE,
                      .pairs = pairs,
                      .flags = flags,
                      .statuses = statuses,
                      .count = count};
    workspace space;
    if (run_batch(&batch, &space, error)) jayi_free(&backend->allocator, space.memory);
}

void jayi_mc_set_many_flags(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                            size_t count, int *statuses, jay_error *error) {
    if (backend->next_place != NULL) {
        jayi_mc_set_many_copies(backend, pairs, flags, count, statuses, error);
    } else {
        jayi_mc_set_many_at(backend, pairs, flags, count, statuses, error);
    }
}

void jayi_mc_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                      jay_error *error) {
    jayi_mc_set_many_flags(backend, pairs, NULL, count, statuses, error);
}

void jayi_mc_delete_many_at(jay_backend *backend, const jay_bytes *keys, size_t count,
                            int *statuses, jay_error *error) {
    mc_batch batch = {
        .backend = backend, .kind = MC_DELETE, .keys = keys, .statuses = statuses, .count = count};
    workspace space;
    if (run_batch(&batch, &space, error)) jayi_free(&backend->allocator, space.memory);
}

void jayi_mc_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                         jay_error *error) {
    if (backend->next_place != NULL) {
        jayi_mc_delete_many_copies(backend, keys, count, statuses, error);
    } else {
        jayi_mc_delete_many_at(backend, keys, count, statuses, error);
    }
}
