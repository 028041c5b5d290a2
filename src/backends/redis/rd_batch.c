/*
 * rd_batch.c - get_many, set_many and delete_many: one round trip a server, all servers at once.
 *
 * The items are dealt to lanes, one a node (rd_lane.h). A batch holds a link to each of its nodes;
 * it acquires them in one order, so that two batches never wait for each other. First every lane
 * sends groups of commands, then each reads its replies as they arrive, and sends more: the servers
 * put replies by while they read commands, so sending a group whole before reading cannot end in
 * both waiting for each other.
 *
 * Items that were redirected, or whose node could not be reached, are dealt anew, a bounded number
 * of times; one whose slot is just being moved is asked for alone.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/redis/rd_lane.h"
#include "os/clock.h"
#include "util/checked.h"
#include "util/memory.h"
#include "wire/redis_slot.h"

#define TURNS_MAX 8
/* Batches of up to so many items need no memory of their own. */
#define SMALL_ITEMS 256

typedef struct workspace {
    uint32_t next[SMALL_ITEMS];
    uint16_t lanes[SMALL_ITEMS];
    unsigned char marks[SMALL_ITEMS];
    rd_lane lane;
    void *memory;
} workspace;

/* ---- setting up ---- */

static int no_memory(const rd_batch *batch, jay_error *error) {
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a batch of %zu keys",
                         batch->count);
}

static bool workspace_init(rd_batch *batch, workspace *space) {
    space->memory = NULL;
    batch->next = space->next;
    batch->lane_of = space->lanes;
    batch->marks = space->marks;
    if (batch->count > SMALL_ITEMS) {
        size_t size;
        if (!jayi_mul_size(batch->count, sizeof(uint32_t) + sizeof(uint16_t) + 1, &size))
            return false;
        space->memory = jayi_alloc(&batch->backend->allocator, size);
        if (space->memory == NULL) return false;
        batch->next = space->memory;
        batch->lane_of = (uint16_t *)(void *)(batch->next + batch->count);
        batch->marks = (unsigned char *)(batch->lane_of + batch->count);
    }
    for (size_t i = 0; i < batch->count; i++)
        batch->marks[i] = batch->statuses[i] == JAY_OK ? RD_MARK_PENDING : RD_MARK_DONE;
    return true;
}

/* ---- lanes ---- */

static void init_lane(rd_lane *lane, rd_node *node) {
    lane->node = node;
    lane->first = lane->last = RD_NO_ITEM;
    lane->count = 0;
    lane->is_open = lane->has_heard = false;
}

static void add_item(const rd_batch *batch, rd_lane *lane, uint32_t item) {
    if (lane->first == RD_NO_ITEM) {
        lane->first = item;
    } else {
        batch->next[lane->last] = item;
    }
    lane->last = item;
    lane->count++;
    batch->next[item] = RD_NO_ITEM;
}

static int compare_lanes(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const rd_lane *)a)->node, y = (uintptr_t)((const rd_lane *)b)->node;
    return (x > y) - (x < y);
}

/* One server: all items are its own. */
static int deal_to_one(rd_batch *batch, workspace *space) {
    batch->lanes = &space->lane;
    batch->lane_count = 1;
    init_lane(batch->lanes, batch->backend->server);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->marks[i] == RD_MARK_PENDING) add_item(batch, batch->lanes, i);
    }
    return JAY_OK;
}

/* Puts the slots of the items that are to be dealt into lane_of. */
static void note_slots(const rd_batch *batch) {
    bool has_slots = batch->backend->layout == RD_CLUSTER;
    for (uint32_t i = 0; i < batch->count; i++) {
        jay_bytes key = rd_item_key(batch, i);
        batch->lane_of[i] = batch->marks[i] != RD_MARK_PENDING ? RD_NO_NODE
                            : has_slots                        ? jayi_redis_slot(key.data, key.size)
                                                               : 0;
    }
}

static void deal_items(rd_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->marks[i] != RD_MARK_PENDING) continue;
        if (batch->lane_of[i] != RD_NO_NODE) {
            add_item(batch, &batch->lanes[batch->lane_of[i]], i);
            continue;
        }
        int status = jay_error_set(&batch->passing, JAY_E_UNREACHABLE, 0,
                                   "no node of the cluster has the slot of a key; run redis-cli "
                                   "--cluster fix");
        jayi_rd_item_failed(batch, i, status, true);
    }
}

/* Deals the pending items to the nodes that have them. */
static int deal(rd_batch *batch, workspace *space) {
    rd_node *nodes[RD_NODES_MAX];
    size_t count = 0;
    if (batch->backend->layout == RD_ONE) return deal_to_one(batch, space);
    note_slots(batch);
    batch->lanes = NULL;
    batch->lane_count = 0;
    int status =
        jayi_rd_route_many(batch->backend, batch->lane_of, batch->count, batch->kind == RD_GET,
                           batch->deadline_ms, nodes, &count, &batch->edition, &batch->passing);
    if (status != JAY_OK) return status;
    batch->lanes =
        count == 1 ? &space->lane : jayi_calloc(&batch->backend->allocator, count, sizeof(rd_lane));
    if (batch->lanes == NULL) {
        for (size_t i = 0; i < count; i++) jayi_rd_node_release(nodes[i]);
        return no_memory(batch, &batch->passing);
    }
    batch->lane_count = count;
    for (size_t i = 0; i < count; i++) init_lane(&batch->lanes[i], nodes[i]);
    deal_items(batch);
    if (count > 1) qsort(batch->lanes, count, sizeof batch->lanes[0], compare_lanes);
    return JAY_OK;
}

static void drop_lanes(rd_batch *batch, const workspace *space) {
    for (size_t i = 0; i < batch->lane_count && batch->backend->layout != RD_ONE; i++)
        jayi_rd_node_release(batch->lanes[i].node);
    if (batch->lanes != &space->lane) jayi_free(&batch->backend->allocator, batch->lanes);
    batch->lanes = NULL;
    batch->lane_count = 0;
}

/* ---- running ---- */

/* The lane among those that await replies which has some; the first one when none has in time. */
static rd_lane *await_lane(const rd_batch *batch, struct pollfd *pollers) {
    nfds_t count = 0;
    rd_lane *first = NULL;
    for (size_t i = 0; i < batch->lane_count; i++) {
        rd_lane *lane = &batch->lanes[i];
        if (!rd_lane_awaits(lane)) continue;
        jayi_link *link = lane->call.link;
        bool has_bytes = link->in_begin < link->in_end ||
                         (link->stream.tls != NULL && jayi_tls_has_bytes(&link->stream));
        if (has_bytes) return lane;
        if (first == NULL) first = lane;
        pollers[count++] = (struct pollfd){.fd = link->stream.fd,
                                           .events = jayi_stream_events(&link->stream, POLLIN)};
    }
    int64_t left_ms = batch->deadline_ms - jayi_clock_ms();
    if (count < 2 || poll(pollers, count, left_ms > 0 ? (int)left_ms : 0) <= 0) return first;
    count = 0;
    for (size_t i = 0; i < batch->lane_count; i++) {
        if (!rd_lane_awaits(&batch->lanes[i])) continue;
        if (pollers[count++].revents != 0) return &batch->lanes[i];
    }
    return first;
}

static void run_lanes(rd_batch *batch, struct pollfd *pollers) {
    rd_lane *lane;
    for (size_t i = 0; i < batch->lane_count; i++)
        jayi_rd_lane_begin(batch, &batch->lanes[i], batch->lane_count == 1);
    for (size_t i = 0; i < batch->lane_count; i++) jayi_rd_lane_send(batch, &batch->lanes[i]);
    while ((lane = await_lane(batch, pollers)) != NULL) jayi_rd_lane_read(batch, lane);
    for (size_t i = 0; i < batch->lane_count; i++) jayi_rd_lane_end(batch, &batch->lanes[i]);
}

/* Whether the pending items can be dealt anew; waits a moment where that may help. */
static bool may_deal_again(rd_batch *batch, int turn) {
    bool is_pending = false;
    for (size_t i = 0; i < batch->count && !is_pending; i++)
        is_pending = batch->marks[i] == RD_MARK_PENDING;
    if (!is_pending || jayi_clock_ms() >= batch->deadline_ms) return false;
    /* Every idle link may have been closed by a server that was restarted. */
    if (turn >= TURNS_MAX + batch->backend->plan.max_links) return false;
    if (batch->was_closed) return true;
    if (batch->backend->layout == RD_ONE) return false;
    if (batch->was_lost &&
        jayi_rd_refresh(batch->backend, batch->edition, batch->deadline_ms, NULL))
        return true;
    if (batch->must_pause) return jayi_rd_pause(&batch->pauses, batch->deadline_ms);
    return !batch->was_lost;
}

/* Items whose slot is being moved, each by a call of its own. */
static void run_alone(rd_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->marks[i] != RD_MARK_ALONE) continue;
        jay_bytes key = rd_item_key(batch, i);
        jay_error once;
        int status;
        if (batch->kind == RD_GET) {
            status = jayi_rd_get(batch->backend, key.data, key.size, &batch->values[i], &once);
        } else if (batch->kind == RD_DELETE) {
            status = jayi_rd_erase(batch->backend, key.data, key.size, &once);
        } else {
            jay_write write = rd_item_write(batch, i);
            status = jayi_rd_write(batch->backend, &write, &once);
        }
        if (status < 0 && !batch->has_failed) batch->failure = once;
        batch->has_failed |= status < 0;
        batch->statuses[i] = status;
        batch->marks[i] = RD_MARK_DONE;
    }
}

static void run_turns(rd_batch *batch, workspace *space) {
    struct pollfd few[4];
    for (int turn = 0;; turn++) {
        batch->was_closed = batch->was_lost = batch->must_pause = false;
        int status = deal(batch, space);
        struct pollfd *pollers = few;
        if (status == JAY_OK && batch->lane_count > sizeof few / sizeof few[0]) {
            pollers = jayi_calloc(&batch->backend->allocator, batch->lane_count, sizeof *pollers);
            if (pollers == NULL) status = no_memory(batch, &batch->passing);
        }
        if (status == JAY_OK) run_lanes(batch, pollers);
        if (pollers != few) jayi_free(&batch->backend->allocator, pollers);
        drop_lanes(batch, space);
        run_alone(batch);
        for (size_t i = 0; i < batch->count && status != JAY_OK; i++) {
            if (batch->marks[i] == RD_MARK_PENDING) batch->statuses[i] = status;
        }
        if (status != JAY_OK || !may_deal_again(batch, turn)) return;
    }
}

static void run_batch(rd_batch *batch, jay_error *error) {
    workspace space;
    batch->deadline_ms = jayi_clock_coarse_ms() + batch->backend->call_ms;
    if (!workspace_init(batch, &space)) {
        int status = no_memory(batch, error);
        for (size_t i = 0; i < batch->count; i++) {
            if (batch->statuses[i] == JAY_OK) batch->statuses[i] = status;
        }
        return;
    }
    run_turns(batch, &space);
    bool is_open = false;
    for (size_t i = 0; i < batch->count; i++) is_open |= batch->marks[i] == RD_MARK_PENDING;
    if (error != NULL && batch->has_failed) *error = batch->failure;
    if (error != NULL && !batch->has_failed && is_open) *error = batch->passing;
    jayi_free(&batch->backend->allocator, space.memory);
}

/* ---- the table's functions ---- */

void jayi_rd_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error) {
    rd_batch batch = {.backend = backend,
                      .kind = RD_GET,
                      .keys = keys,
                      .values = ret_values,
                      .statuses = statuses,
                      .count = count};
    run_batch(&batch, error);
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
    rd_batch batch = {
        .backend = backend, .kind = RD_SET, .pairs = pairs, .statuses = statuses, .count = count};
    run_batch(&batch, error);
}

void jayi_rd_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                         jay_error *error) {
    rd_batch batch = {
        .backend = backend, .kind = RD_DELETE, .keys = keys, .statuses = statuses, .count = count};
    run_batch(&batch, error);
}
