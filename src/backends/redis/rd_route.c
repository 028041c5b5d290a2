/*
 * rd_route.c - where a call goes: to the node that has its key, after redirections where they
 * point, and after failures to whoever has taken the node's place.
 *
 * A refusal has changed nothing, so any command may be sent again after one. After a lost
 * connection only those are that may be done twice. All this ends at the call's deadline, and after
 * a bounded number of turns.
 */
#include <string.h>
#include <time.h>

#include "backends/redis/rd_nodes.h"
#include "os/clock.h"
#include "wire/redis_slot.h"

#define TURNS_MAX 24
#define PAUSES_MAX 8
#define PAUSE_FIRST_MS 5
#define PAUSE_MAX_MS 100
#define SHARE 3
#define SHARE_MIN_MS 50

int64_t jayi_rd_share_of(int64_t deadline_ms) {
    int64_t now_ms = jayi_clock_ms(), share_ms = (deadline_ms - now_ms) / SHARE;
    return now_ms + (share_ms > SHARE_MIN_MS ? share_ms : SHARE_MIN_MS);
}

static int64_t pause_of(int pauses) {
    int64_t pause_ms = PAUSE_FIRST_MS << pauses;
    return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}

static bool may_pause(int pauses, int64_t deadline_ms) {
    return pauses < PAUSES_MAX && jayi_clock_ms() + pause_of(pauses) < deadline_ms;
}

bool jayi_rd_pause(int *pauses, int64_t deadline_ms) {
    if (!may_pause(*pauses, deadline_ms)) return false;
    int64_t pause_ms = pause_of((*pauses)++);
    const struct timespec time = {.tv_nsec = (long)pause_ms * 1000000};
    nanosleep(&time, NULL);
    return true;
}

/* ---- beginning ---- */

static int nobody(const rd_call *call) {
    return jay_error_set(call->error, JAY_E_UNREACHABLE, 0,
                         "no node of the cluster has slot %d; run redis-cli --cluster fix",
                         call->slot);
}

static int take_link(rd_call *call) {
    jayi_pool *pool = &call->node->pool;
    int status =
        call->may_ride
            ? jayi_link_board(pool, call->now_ms, call->deadline_ms, &call->link, call->error)
            : jayi_link_acquire(pool, call->now_ms, call->deadline_ms, &call->link, call->error);
    if (status != JAY_OK) call->link = NULL;
    return status;
}

void jayi_rd_leave(rd_call *call, int status) {
    if (status == JAY_E_UNREACHABLE || status == JAY_E_TIMEOUT)
        atomic_store_explicit(&call->backend->nodes.is_suspect, true, memory_order_relaxed);
    if (call->node != NULL && call->slot >= 0) jayi_rd_node_release(call->node);
    call->node = NULL;
}

/* Finds the node of the call's slot and a link to it; when it cannot be reached and the map turns
 * out to be old, to the one that has its place. */
static int reach(rd_call *call) {
    for (int i = 0;; i++) {
        jay_backend *backend = call->backend;
        int status = jayi_rd_route(backend, call->slot, call->reads, call->deadline_ms,
                                   &call->edition, &call->node, call->error);
        if (status != JAY_OK) return status;
        status = call->node != NULL ? take_link(call) : nobody(call);
        if (status == JAY_OK) {
            jayi_rd_reset(call);
            return JAY_OK;
        }
        jayi_rd_leave(call, status);
        bool may_move = status == JAY_E_UNREACHABLE && i < 2;
        if (!may_move || !jayi_rd_refresh(backend, call->edition, call->deadline_ms, NULL))
            return status;
    }
}

static void init(rd_call *call, jay_backend *backend, int64_t now_ms, int64_t deadline_ms,
                 jay_error *error) {
    call->backend = backend;
    call->link = NULL;
    call->node = NULL;
    call->error = error;
    call->now_ms = now_ms;
    call->deadline_ms = deadline_ms;
    call->turns = call->pauses = 0;
    call->is_asking = call->may_block = call->may_ride = false;
}

/* A link that was taken, not waited for, may block: it has the whole time of a call. */
static void note_blocking(rd_call *call) {
    call->may_block = call->link->is_reused && !call->link->was_awaited &&
                      call->deadline_ms - jayi_clock_coarse_ms() + JAYI_CLOCK_COARSE_LAG_MS >=
                          call->backend->call_ms;
}

int jayi_rd_begin(rd_call *call, jay_backend *backend, jay_bytes key, bool reads,
                  jay_error *error) {
    int64_t now_ms = jayi_clock_coarse_ms();
    int status;
    init(call, backend, now_ms, now_ms + backend->call_ms, error);
    call->may_ride = true;
    if (backend->layout == RD_ONE) {
        call->slot = -1;
        call->node = backend->server;
        status = take_link(call);
        if (status != JAY_OK) return status;
        jayi_rd_reset(call);
        call->may_block = call->link->is_reused && !call->link->was_awaited;
        return JAY_OK;
    }
    call->slot = backend->layout == RD_CLUSTER ? jayi_redis_slot(key.data, key.size) : 0;
    call->reads = reads;
    status = reach(call);
    if (status == JAY_OK) note_blocking(call);
    return status;
}

int jayi_rd_begin_at(rd_call *call, rd_node *node, int64_t deadline_ms, jay_error *error) {
    jay_backend *backend = node->backend;
    int64_t now_ms = jayi_clock_coarse_ms();
    init(call, backend, now_ms, deadline_ms, error);
    call->slot = -1;
    call->node = node;
    int status = take_link(call);
    if (status != JAY_OK) return status;
    jayi_rd_reset(call);
    note_blocking(call);
    return JAY_OK;
}

/* ---- going on ---- */

enum rd_refusal jayi_rd_refusal(const rd_call *call, const jayi_resp_head *head) {
    static const struct {
        const char *word;
        enum rd_refusal what;
    } rows[] = {{"MOVED", RD_MOVED},       {"ASK", RD_ASK},          {"TRYAGAIN", RD_PAUSE},
                {"CLUSTERDOWN", RD_PAUSE}, {"MASTERDOWN", RD_PAUSE}, {"READONLY", RD_STALE},
                {"LOADING", RD_STALE}};
    if (call->backend->layout == RD_ONE || head->type != JAYI_RESP_ERROR) return RD_FINAL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (jayi_rd_says(head, rows[i].word)) return rows[i].what;
    }
    return RD_FINAL;
}

rd_node *jayi_rd_redirected(rd_call *call, const jayi_resp_head *head, uint16_t *ret_slot) {
    jayi_redis_place place;
    if (!jayi_redis_place_parse(head->text, head->text_size, &place)) {
        jayi_rd_garbled(call);
        return NULL;
    }
    if (place.host_size == 0) {
        place.host = call->node->host;
        place.host_size = strlen(place.host);
    }
    *ret_slot = place.slot;
    return jayi_rd_node_acquire(call->backend, RD_MASTER, place.host, place.host_size, place.port,
                                call->error);
}

/* Gives back the link, the reply to whose command has been read whole, and the node. */
static void part(rd_call *call) {
    jayi_link_release(call->link, call->now_ms);
    call->link = NULL;
    jayi_rd_leave(call, JAY_OK);
}

/* Goes to the node that a redirection names. */
static int follow(rd_call *call, const jayi_resp_head *head, bool is_ask) {
    uint16_t slot = 0;
    rd_node *node = jayi_rd_redirected(call, head, &slot);
    if (node == NULL) return call->error != NULL ? call->error->code : JAY_E_PROTOCOL;
    if (!is_ask) jayi_rd_nodes_patch(call->backend, slot, node);
    part(call);
    call->node = node;
    /* ASKING and its command go together on a link of their own. */
    call->may_ride = false;
    int status = take_link(call);
    if (status == JAY_OK) {
        call->is_asking = is_ask;
        jayi_rd_reset(call);
        return JAY_OK;
    }
    jayi_rd_leave(call, status);
    if (status != JAY_E_UNREACHABLE) return status;
    (void)jayi_rd_refresh(call->backend, call->edition, call->deadline_ms, NULL);
    return reach(call);
}

/* After a refusal. */
static bool goes_on_after(rd_call *call, int *status, const jayi_resp_head *head) {
    enum rd_refusal what = jayi_rd_refusal(call, head);
    bool is_read = call->link->in_begin == call->link->in_end;
    if (what == RD_FINAL || call->slot < 0 || !is_read || ++call->turns > TURNS_MAX) return false;
    if (what == RD_MOVED || what == RD_ASK) {
        *status = follow(call, head, what == RD_ASK);
        return *status == JAY_OK;
    }
    if (!may_pause(call->pauses, call->deadline_ms)) return false;
    /* First of all without the link: who asks for a map may need it. */
    part(call);
    atomic_store_explicit(&call->backend->nodes.is_suspect, true, memory_order_relaxed);
    if (what == RD_PAUSE || !jayi_rd_refresh(call->backend, call->edition, call->deadline_ms, NULL))
        (void)jayi_rd_pause(&call->pauses, call->deadline_ms);
    *status = reach(call);
    return *status == JAY_OK;
}

/* After a failure: whether the command can be sent once more, on a link of the call's own. */
static bool may_send_again(rd_call *call, int *status, bool is_once) {
    if (*status != JAYI_LINK_NEEDED)
        return !is_once && jayi_rd_may_repeat(call, *status, call->turns++);
    /* A seat was too small: for the command, which has not been sent, or for the reply. No reply to
     * what must not be sent twice is so long. */
    if (is_once && !call->is_clean) *status = jayi_rd_garbled(call);
    return *status == JAYI_LINK_NEEDED;
}

bool jayi_rd_goes_on(rd_call *call, int *status, const jayi_resp_head *head, bool is_once) {
    call->is_asking = false;
    if (*status == JAY_OK) {
        if (head->type != JAYI_RESP_ERROR || call->backend->layout == RD_ONE) return false;
        return goes_on_after(call, status, head);
    }
    if (!may_send_again(call, status, is_once)) return false;
    bool stays = call->slot < 0 || *status == JAYI_LINK_NEEDED;
    jayi_link_discard(call->link, *status);
    call->link = NULL;
    call->may_block = call->may_ride = false;
    if (stays) {
        *status = take_link(call);
        if (*status == JAY_OK) jayi_rd_reset(call);
    } else {
        jayi_rd_leave(call, *status);
        *status = reach(call);
    }
    return *status == JAY_OK;
}
