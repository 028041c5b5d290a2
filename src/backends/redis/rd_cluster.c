/*
 * rd_cluster.c - what a cluster says of itself: CLUSTER SLOTS, which every version since Redis 3
 * and Valkey answers.
 *
 * Its reply is a list of ranges: first slot, last slot, the master, its replicas. Each of these is
 * a list: the name to connect to, the port, and in later versions an id and further names. A name
 * may be null, which is that of the node asked, or "?" where hostnames are preferred and it has
 * none; then the further names have its address.
 */
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "os/clock.h"
#include "os/random.h"
#include "wire/redis_slot.h"

#define RANGES_MAX (2 * JAYI_REDIS_SLOTS)
#define RANGE_PARTS_MAX 512

/* ---- replies ---- */

static int read_count(rd_call *call, int64_t most, int64_t *ret_count) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number > most) return jayi_rd_garbled(call);
    *ret_count = head.number;
    return JAY_OK;
}

static int read_number(rd_call *call, int64_t most, int64_t *ret_number) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_INTEGER || head.number < 0 || head.number > most)
        return jayi_rd_garbled(call);
    *ret_number = head.number;
    return JAY_OK;
}

static int skip_replies(rd_call *call, int64_t count) {
    int status = JAY_OK;
    for (int64_t i = 0; i < count && status == JAY_OK; i++) {
        jayi_resp_head head;
        status = jayi_rd_read(call, &head);
        if (status == JAY_OK) status = jayi_rd_skip_reply(call, &head);
    }
    return status;
}

/* Looks for "ip" among the further names of a node. */
static int read_address(rd_call *call, rd_text *name) {
    int64_t count = 0;
    int status = read_count(call, RANGE_PARTS_MAX, &count);
    for (int64_t i = 0; i + 1 < count && status == JAY_OK; i += 2) {
        rd_text key, value;
        status = jayi_rd_read_text(call, &key);
        if (status == JAY_OK) status = jayi_rd_read_text(call, &value);
        if (status == JAY_OK && key.size == 2 && memcmp(key.bytes, "ip", 2) == 0) *name = value;
    }
    return status;
}

/* Reads one node of a range: its name, and its port, which is 0 of one that cannot be reached. */
static int read_node(rd_call *call, rd_text *name, int64_t *ret_port) {
    int64_t count = 0, read = 2;
    int status = read_count(call, RANGE_PARTS_MAX, &count);
    if (status == JAY_OK && count < 2) return jayi_rd_garbled(call);
    if (status == JAY_OK) status = jayi_rd_read_text(call, name);
    if (status == JAY_OK) status = read_number(call, UINT16_MAX, ret_port);
    bool is_unnamed = name->size == 1 && name->bytes[0] == '?';
    if (status == JAY_OK && is_unnamed && count >= 4) {
        name->size = 0;
        status = skip_replies(call, 1);
        if (status == JAY_OK) status = read_address(call, name);
        read = 4;
    }
    if (status == JAY_OK) status = skip_replies(call, count - read);
    if (status == JAY_OK && name->size == 0) {
        name->size = strlen(call->node->host);
        memcpy(name->bytes, call->node->host, name->size);
    }
    return status;
}

/* ---- maps ---- */

static int add_node(rd_call *call, rd_map *map, enum rd_role role, const rd_text *name,
                    int64_t port, uint16_t *ret_place) {
    rd_node *node = jayi_rd_node_acquire(call->backend, role, name->bytes, name->size,
                                         (uint16_t)port, call->error);
    if (node == NULL) return call->error->code;
    for (size_t i = 0; i < map->held_count; i++) {
        if (map->held[i] != node) continue;
        jayi_rd_node_release(node);
        *ret_place = (uint16_t)(i + 1);
        return JAY_OK;
    }
    *ret_place = jayi_rd_map_add(map, node);
    if (*ret_place != 0) return JAY_OK;
    jayi_rd_node_release(node);
    return jay_error_set(call->error, JAY_E_UNSUPPORTED, 0,
                         "the cluster has over %d nodes, which is more than this library keeps",
                         RD_NODES_MAX);
}

/* Reads the master and the replicas of a range, and chooses whom to read from. */
static int read_range_nodes(rd_call *call, rd_map *map, int64_t count, uint64_t chance,
                            uint16_t *ret_master, uint16_t *ret_reader) {
    int64_t replicas = count - 1,
            chosen = replicas > 0 ? (int64_t)(chance % (uint64_t)replicas) : 0;
    int status = JAY_OK;
    *ret_master = *ret_reader = 0;
    for (int64_t i = 0; i < count && status == JAY_OK; i++) {
        rd_text name;
        int64_t port = 0;
        status = read_node(call, &name, &port);
        if (status != JAY_OK || port == 0) continue;
        if (i == 0) status = add_node(call, map, RD_MASTER, &name, port, ret_master);
        if (call->backend->reads_replicas && i == 1 + chosen && status == JAY_OK)
            status = add_node(call, map, RD_REPLICA, &name, port, ret_reader);
    }
    if (*ret_reader == 0) *ret_reader = *ret_master;
    return status;
}

static int read_range(rd_call *call, rd_map *map, uint64_t chance) {
    int64_t count = 0, first = 0, last = 0;
    uint16_t master, reader;
    int status = read_count(call, RANGE_PARTS_MAX, &count);
    if (status == JAY_OK && count < 3) return jayi_rd_garbled(call);
    if (status == JAY_OK) status = read_number(call, JAYI_REDIS_SLOTS - 1, &first);
    if (status == JAY_OK) status = read_number(call, JAYI_REDIS_SLOTS - 1, &last);
    if (status == JAY_OK) status = read_range_nodes(call, map, count - 2, chance, &master, &reader);
    for (int64_t slot = first; status == JAY_OK && slot <= last; slot++) {
        map->masters[slot] = master;
        map->readers[slot] = reader;
    }
    return status;
}

static int read_map(rd_call *call, rd_map *map) {
    const jay_bytes words[] = {RD_WORD("CLUSTER"), RD_WORD("SLOTS")};
    jayi_resp_head head;
    uint64_t chance = jayi_random_seed();
    int status = jayi_rd_run(call, words, 2, false, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number > RANGES_MAX)
        return jayi_rd_unexpected(call, &head);
    for (int64_t i = 0; i < head.number && status == JAY_OK; i++)
        status = read_range(call, map, chance >> (i % 32));
    call->is_clean = status == JAY_OK;
    if (status == JAY_OK && map->held_count == 0)
        return jay_error_set(call->error, JAY_E_SERVER, 0,
                             "the cluster has given no slots to its nodes; run redis-cli --cluster "
                             "create, or fix");
    return status;
}

/* Asks one node: a map, or NULL. */
static rd_map *ask(rd_node *node, int64_t deadline_ms, jay_error *error) {
    rd_call call;
    rd_map *map = jayi_rd_map_create(node->backend, error);
    if (map == NULL) return NULL;
    int status = jayi_rd_begin_at(&call, node, jayi_rd_share_of(deadline_ms), error);
    if (status == JAY_OK) status = jayi_rd_end(&call, read_map(&call, map));
    if (status == JAY_OK) return map;
    jayi_rd_map_destroy(node->backend, map);
    return NULL;
}

/* Masters of the map that there is, some other one first each time. */
static rd_map *ask_known(jay_backend *backend, int64_t deadline_ms, jay_error *error) {
    rd_nodes *nodes = &backend->nodes;
    rd_node *known[RD_NODES_MAX];
    size_t count = 0, begin = (size_t)jayi_random_seed();
    rd_map *map = NULL;
    pthread_mutex_lock(&nodes->lock);
    for (; nodes->map != NULL && count < nodes->map->held_count; count++) {
        known[count] = nodes->map->held[count];
        known[count]->users++;
    }
    pthread_mutex_unlock(&nodes->lock);
    for (size_t i = 0; i < count; i++) {
        rd_node *node = known[(begin % count + i) % count];
        bool is_out = node->role != RD_MASTER || jayi_pool_is_out(&node->pool, jayi_clock_ms());
        if (map == NULL && !is_out && jayi_clock_ms() < deadline_ms)
            map = ask(node, deadline_ms, error);
    }
    for (size_t i = 0; i < count; i++) jayi_rd_node_release(known[i]);
    return map;
}

rd_map *jayi_rd_ask_cluster(jay_backend *backend, int64_t deadline_ms, jay_error *error) {
    jay_error once;
    rd_map *map = ask_known(backend, deadline_ms, &once);
    for (size_t i = 0; i < backend->address_count && map == NULL; i++) {
        if (i > 0 && jayi_clock_ms() >= deadline_ms) break;
        map = ask(backend->seeds[i], deadline_ms, &once);
    }
    if (map == NULL && error != NULL) *error = once;
    return map;
}
