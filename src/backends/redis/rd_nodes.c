/*
 * rd_nodes.c - the nodes of a cluster, or behind sentinels, and the map of who has which slot.
 *
 * The lock is held for moments: never while waiting for a server, and no other lock is taken under
 * it. Nodes are destroyed outside of it.
 */
#include "backends/redis/rd_nodes.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "os/clock.h"
#include "util/memory.h"
#include "wire/redis_slot.h"

/* A map is not asked for more often than this: a cluster that is in trouble has enough to do. */
#define REFRESH_PAUSE_MS 100

/* ---- fork ---- */

/* The handles of this process that have nodes. Global, because fork calls handlers without an
 * argument; fork takes this lock and then that of each, so that a child finds all lists whole. */
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static rd_nodes *handles;
static pthread_once_t handles_once = PTHREAD_ONCE_INIT;
static int handles_failure;

static void before_fork(void) {
    pthread_mutex_lock(&handles_lock);
    for (rd_nodes *at = handles; at != NULL; at = at->next) pthread_mutex_lock(&at->lock);
}

static void after_fork(void) {
    for (rd_nodes *at = handles; at != NULL; at = at->next) pthread_mutex_unlock(&at->lock);
    pthread_mutex_unlock(&handles_lock);
}

static void init_condition(rd_nodes *nodes) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&nodes->settled, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Whoever was refreshing is not in the child. What other threads held stays until the handle ends.
 */
static void in_child(void) {
    for (rd_nodes *at = handles; at != NULL; at = at->next) {
        at->is_refreshing = false;
        at->asked_at_ms = INT64_MIN / 2;
        init_condition(at);
    }
    after_fork();
}

static void install_handlers(void) {
    handles_failure = pthread_atfork(before_fork, after_fork, in_child);
}

/* ---- one node ---- */

rd_node *jayi_rd_node_create(jay_backend *backend, enum rd_role role, const jayi_address *address,
                             jay_error *error) {
    size_t size = strlen(address->host) + 1;
    rd_node *node = jayi_alloc(&backend->allocator, sizeof *node + size);
    if (node == NULL) {
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a server");
        return NULL;
    }
    *node = (rd_node){.address = *address, .backend = backend, .role = role, .users = 1};
    memcpy(node->host, address->host, size);
    node->address.host = node->host;
    jayi_pool_plan plan = backend->plan;
    plan.address = &node->address;
    plan.greet_arg = node;
    if (jayi_pool_init(&node->pool, &plan, error) == JAY_OK) return node;
    jayi_free(&backend->allocator, node);
    return NULL;
}

void jayi_rd_node_destroy(rd_node *node) {
    if (node == NULL) return;
    jayi_pool_deinit(&node->pool);
    jayi_free(&node->backend->allocator, node);
}

/* ---- all nodes ---- */

int jayi_rd_nodes_init(jay_backend *backend, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    pthread_once(&handles_once, install_handlers);
    if (handles_failure != 0)
        return jay_error_set(error, JAY_E_NO_MEMORY, handles_failure,
                             "no memory to prepare for fork");
    pthread_mutex_init(&nodes->lock, NULL);
    init_condition(nodes);
    nodes->asked_at_ms = INT64_MIN / 2;
    backend->has_nodes = true;
    pthread_mutex_lock(&handles_lock);
    nodes->next = handles;
    if (handles != NULL) handles->previous = nodes;
    handles = nodes;
    pthread_mutex_unlock(&handles_lock);
    return JAY_OK;
}

void jayi_rd_nodes_deinit(jay_backend *backend) {
    rd_nodes *nodes = &backend->nodes;
    pthread_mutex_lock(&handles_lock);
    if (nodes->next != NULL) nodes->next->previous = nodes->previous;
    if (nodes->previous != NULL) nodes->previous->next = nodes->next;
    if (handles == nodes) handles = nodes->next;
    pthread_mutex_unlock(&handles_lock);
    jayi_free(&backend->allocator, nodes->map);
    while (nodes->first != NULL) {
        rd_node *node = nodes->first;
        nodes->first = node->next;
        jayi_rd_node_destroy(node);
    }
    pthread_cond_destroy(&nodes->settled);
    pthread_mutex_destroy(&nodes->lock);
}

/* Under the lock. */
static rd_node *find(rd_nodes *nodes, enum rd_role role, const jayi_address *address) {
    for (rd_node *node = nodes->first; node != NULL; node = node->next) {
        if (node->role == role && node->address.port == address->port &&
            strcmp(node->host, address->host) == 0) {
            node->users++;
            return node;
        }
    }
    return NULL;
}

rd_node *jayi_rd_node_acquire(jay_backend *backend, enum rd_role role, const char *host,
                              size_t host_size, uint16_t port, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    char name[RD_HOST_MAX + 1];
    if (host_size == 0 || host_size > RD_HOST_MAX || memchr(host, '\0', host_size) != NULL) {
        jay_error_set(error, JAY_E_PROTOCOL, 0, "a server named a node that has no proper name");
        return NULL;
    }
    memcpy(name, host, host_size);
    name[host_size] = '\0';
    jayi_address address = {.host = name, .port = port, .weight = 1};
    pthread_mutex_lock(&nodes->lock);
    rd_node *node = find(nodes, role, &address);
    pthread_mutex_unlock(&nodes->lock);
    if (node != NULL) return node;
    rd_node *made = jayi_rd_node_create(backend, role, &address, error);
    if (made == NULL) return NULL;
    pthread_mutex_lock(&nodes->lock);
    node = find(nodes, role, &address);
    if (node == NULL) {
        made->next = nodes->first;
        nodes->first = made;
    }
    pthread_mutex_unlock(&nodes->lock);
    if (node == NULL) return made;
    jayi_rd_node_destroy(made);
    return node;
}

void jayi_rd_node_release(rd_node *node) {
    rd_nodes *nodes = &node->backend->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool is_last = --node->users == 0;
    if (is_last) {
        rd_node **at = &nodes->first;
        while (*at != node) at = &(*at)->next;
        *at = node->next;
    }
    pthread_mutex_unlock(&nodes->lock);
    if (is_last) jayi_rd_node_destroy(node);
}

/* ---- maps ---- */

rd_map *jayi_rd_map_create(jay_backend *backend, jay_error *error) {
    size_t slots = backend->layout == RD_CLUSTER ? JAYI_REDIS_SLOTS : 1;
    rd_map *map = jayi_calloc(&backend->allocator, 1, sizeof *map + 2 * slots * sizeof(uint16_t));
    if (map == NULL) {
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a map of the servers");
        return NULL;
    }
    map->slot_count = slots;
    map->masters = (uint16_t *)(void *)(map + 1);
    map->readers = map->masters + slots;
    return map;
}

void jayi_rd_map_destroy(jay_backend *backend, rd_map *map) {
    if (map == NULL) return;
    for (size_t i = 0; i < map->held_count; i++) jayi_rd_node_release(map->held[i]);
    jayi_free(&backend->allocator, map);
}

uint16_t jayi_rd_map_add(rd_map *map, rd_node *node) {
    if (map->held_count == RD_NODES_MAX) return 0;
    map->held[map->held_count++] = node;
    return (uint16_t)map->held_count;
}

void jayi_rd_nodes_patch(jay_backend *backend, uint16_t slot, rd_node *node) {
    rd_nodes *nodes = &backend->nodes;
    pthread_mutex_lock(&nodes->lock);
    rd_map *map = nodes->map;
    if (map != NULL && slot < map->slot_count) {
        size_t place = 0;
        while (place < map->held_count && map->held[place] != node) place++;
        bool is_new = place == map->held_count,
             is_held = !is_new || jayi_rd_map_add(map, node) != 0;
        if (is_new && is_held) node->users++;
        bool is_other = is_held && map->masters[slot] != place + 1;
        if (is_other) {
            map->masters[slot] = map->readers[slot] = (uint16_t)(place + 1);
            nodes->edition++;
            nodes->deals++;
        }
    }
    pthread_mutex_unlock(&nodes->lock);
    atomic_store_explicit(&nodes->is_suspect, true, memory_order_relaxed);
}

/* ---- a new map ---- */

/* Waits while another thread refreshes; under the lock. Whether it has ended, in time. */
static bool await_settled(rd_nodes *nodes, uint64_t edition, int64_t deadline_ms) {
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                             .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    while (nodes->is_refreshing && nodes->edition == edition) {
        if (pthread_cond_timedwait(&nodes->settled, &nodes->lock, &until) == ETIMEDOUT)
            return !nodes->is_refreshing || nodes->edition != edition;
    }
    return true;
}

/* Whether two maps name the same masters; under the lock. */
static bool are_alike(const rd_map *a, const rd_map *b) {
    if (a == NULL) return false;
    for (size_t i = 0; i < a->slot_count; i++) {
        const rd_node *x = a->masters[i] != 0 ? a->held[a->masters[i] - 1] : NULL;
        const rd_node *y = b->masters[i] != 0 ? b->held[b->masters[i] - 1] : NULL;
        if (x != y) return false;
    }
    return true;
}

static bool refresh(jay_backend *backend, uint64_t edition, int64_t deadline_ms, int64_t pause_ms,
                    jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    int64_t now_ms = jayi_clock_ms();
    pthread_mutex_lock(&nodes->lock);
    bool is_settled = await_settled(nodes, edition, deadline_ms);
    bool is_newer = nodes->edition != edition;
    bool may_ask = is_settled && !is_newer && now_ms - nodes->asked_at_ms >= pause_ms;
    if (may_ask) {
        nodes->is_refreshing = true;
        nodes->asked_at_ms = now_ms;
    }
    pthread_mutex_unlock(&nodes->lock);
    if (!is_newer && !may_ask)
        jay_error_set(error, JAY_E_UNREACHABLE, 0,
                      "no server has told who has the keys; is one of those in the URL up?");
    if (!may_ask) return is_newer;
    rd_map *map = backend->layout == RD_CLUSTER
                      ? jayi_rd_ask_cluster(backend, deadline_ms, error)
                      : jayi_rd_ask_sentinels(backend, deadline_ms, error);
    pthread_mutex_lock(&nodes->lock);
    rd_map *old = NULL;
    if (map != NULL) {
        old = nodes->map;
        nodes->deals += !are_alike(old, map);
        nodes->map = map;
        nodes->edition++;
        atomic_store_explicit(&nodes->is_suspect, false, memory_order_relaxed);
    }
    nodes->is_refreshing = false;
    pthread_cond_broadcast(&nodes->settled);
    pthread_mutex_unlock(&nodes->lock);
    jayi_rd_map_destroy(backend, old);
    return map != NULL;
}

bool jayi_rd_refresh(jay_backend *backend, uint64_t edition, int64_t deadline_ms,
                     jay_error *error) {
    return refresh(backend, edition, deadline_ms, REFRESH_PAUSE_MS, error);
}

bool jayi_rd_refresh_now(jay_backend *backend, uint64_t edition, int64_t deadline_ms,
                         jay_error *error) {
    return refresh(backend, edition, deadline_ms, 0, error);
}

/* Makes sure that there is a map, a new one when the old one is in doubt and nobody is at it. */
static int settle(jay_backend *backend, int64_t deadline_ms, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    pthread_mutex_lock(&nodes->lock);
    bool has_map = nodes->map != NULL, is_busy = nodes->is_refreshing;
    uint64_t edition = nodes->edition;
    pthread_mutex_unlock(&nodes->lock);
    bool is_suspect = atomic_load_explicit(&nodes->is_suspect, memory_order_relaxed);
    if (has_map && (!is_suspect || is_busy)) return JAY_OK;
    jay_error once = {.code = JAY_E_UNREACHABLE};
    /* Where there is a map, half of the time is for the call itself. */
    if (has_map) deadline_ms -= (deadline_ms - jayi_clock_ms()) / 2;
    if (jayi_rd_refresh(backend, edition, deadline_ms, &once) || has_map) return JAY_OK;
    if (error != NULL) *error = once;
    return once.code;
}

/* ---- routes ---- */

int jayi_rd_route(jay_backend *backend, int slot, bool reads, int64_t deadline_ms,
                  uint64_t *ret_edition, rd_node **ret_node, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    int status = settle(backend, deadline_ms, error);
    if (status != JAY_OK) return status;
    pthread_mutex_lock(&nodes->lock);
    const rd_map *map = nodes->map;
    uint16_t place = reads ? map->readers[slot] : map->masters[slot];
    *ret_edition = nodes->edition;
    *ret_node = place != 0 ? map->held[place - 1] : NULL;
    if (place != 0) (*ret_node)->users++;
    pthread_mutex_unlock(&nodes->lock);
    return JAY_OK;
}

int jayi_rd_route_many(jay_backend *backend, uint16_t *lanes, size_t count, bool reads,
                       int64_t deadline_ms, rd_node *ret_nodes[RD_NODES_MAX], size_t *ret_count,
                       uint64_t *ret_edition, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    uint16_t lane_of[RD_NODES_MAX] = {0};
    size_t used = 0;
    int status = settle(backend, deadline_ms, error);
    if (status != JAY_OK) return status;
    pthread_mutex_lock(&nodes->lock);
    const rd_map *map = nodes->map;
    const uint16_t *places = reads ? map->readers : map->masters;
    for (size_t i = 0; i < count; i++) {
        if (lanes[i] == RD_NO_NODE) continue;
        uint16_t place = places[lanes[i]];
        lanes[i] = RD_NO_NODE;
        if (place == 0) continue;
        if (lane_of[place - 1] == 0) {
            map->held[place - 1]->users++;
            ret_nodes[used++] = map->held[place - 1];
            lane_of[place - 1] = (uint16_t)used;
        }
        lanes[i] = (uint16_t)(lane_of[place - 1] - 1);
    }
    *ret_edition = nodes->edition;
    pthread_mutex_unlock(&nodes->lock);
    *ret_count = used;
    return JAY_OK;
}

int jayi_rd_masters(jay_backend *backend, int64_t deadline_ms, rd_node *ret_nodes[RD_NODES_MAX],
                    size_t *ret_count, uint64_t *ret_edition, uint64_t *ret_deals,
                    jay_error *error) {
    uint16_t lanes[JAYI_REDIS_SLOTS];
    size_t slots = backend->layout == RD_CLUSTER ? JAYI_REDIS_SLOTS : 1;
    for (size_t i = 0; i < slots; i++) lanes[i] = (uint16_t)i;
    int status = settle(backend, deadline_ms, error);
    if (status != JAY_OK) return status;
    /* Before the map is looked at: a change in between only looks like one more. */
    pthread_mutex_lock(&backend->nodes.lock);
    *ret_deals = backend->nodes.deals;
    pthread_mutex_unlock(&backend->nodes.lock);
    return jayi_rd_route_many(backend, lanes, slots, false, deadline_ms, ret_nodes, ret_count,
                              ret_edition, error);
}
