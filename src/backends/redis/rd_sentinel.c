/*
 * rd_sentinel.c - what sentinels say: who is the master of a name, and which replicas it has.
 *
 * A map behind a sentinel has one slot. A new connection to the master is used only while the
 * sentinels name that one and it says itself that it is one (ROLE): a master that was down and
 * comes back goes on as one until the sentinels have told it otherwise.
 */
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "os/clock.h"
#include "os/random.h"
#include "util/decimal.h"

#define REPLICAS_MAX 128
#define FIELDS_MAX 256

/* ---- replies ---- */

static bool is_text(const rd_text *which, const char *wanted) {
    return which->size == strlen(wanted) && memcmp(which->bytes, wanted, which->size) == 0;
}

static bool has_word(const rd_text *which, const char *word) {
    return memmem(which->bytes, which->size, word, strlen(word)) != NULL;
}

static bool read_port(const rd_text *which, uint16_t *ret_port) {
    int64_t number;
    if (!jayi_decimal_parse(which->bytes, which->size, &number)) return false;
    *ret_port = (uint16_t)number;
    return number >= 1 && number <= UINT16_MAX;
}

/* ---- the master ---- */

static int no_such_master(rd_call *call) {
    return jay_error_set(call->error, JAY_E_SERVER, 0,
                         "the sentinel knows no master '%.80s'; write the name that its "
                         "configuration monitors behind the sentinels",
                         call->backend->master_name);
}

/* Asks for the master's address. */
static int find_master(rd_call *call, rd_text *host, uint16_t *ret_port) {
    const char *name = call->backend->master_name;
    const jay_bytes words[] = {
        RD_WORD("SENTINEL"), RD_WORD("GET-MASTER-ADDR-BY-NAME"), {name, strlen(name)}};
    jayi_resp_head head;
    rd_text port = {.size = 0};
    int status = jayi_rd_run(call, words, 3, false, &head);
    if (status != JAY_OK) return status;
    if (head.type == JAYI_RESP_NULL) return no_such_master(call);
    if (head.type != JAYI_RESP_ARRAY || head.number != 2) return jayi_rd_unexpected(call, &head);
    status = jayi_rd_read_text(call, host);
    if (status == JAY_OK) status = jayi_rd_read_text(call, &port);
    if (status != JAY_OK) return status;
    call->is_clean = true;
    return read_port(&port, ret_port) ? JAY_OK : jayi_rd_garbled(call);
}

/* ---- replicas ---- */

typedef struct replica {
    rd_text host;
    uint16_t port;
    bool is_well;
} replica;

/* Reads the fields of a replica: name and value in turn. */
static int read_replica(rd_call *call, replica *ret_replica) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number > FIELDS_MAX || head.number % 2 != 0)
        return jayi_rd_garbled(call);
    *ret_replica = (replica){.is_well = true};
    for (int64_t i = 0; i < head.number && status == JAY_OK; i += 2) {
        rd_text name = {.size = 0}, value = {.size = 0};
        status = jayi_rd_read_text(call, &name);
        if (status == JAY_OK) status = jayi_rd_read_text(call, &value);
        if (status != JAY_OK) return status;
        if (is_text(&name, "ip")) ret_replica->host = value;
        if (is_text(&name, "port") && !read_port(&value, &ret_replica->port))
            ret_replica->is_well = false;
        if (is_text(&name, "flags") && (has_word(&value, "down") || has_word(&value, "disconnect")))
            ret_replica->is_well = false;
        if (is_text(&name, "master-link-status") && !is_text(&value, "ok"))
            ret_replica->is_well = false;
    }
    return status;
}

/* Chooses one of the replicas that are well; *ret_is_found: there is one. */
static int find_replica(rd_call *call, replica *ret_replica, bool *ret_is_found) {
    const char *name = call->backend->master_name;
    const jay_bytes words[] = {RD_WORD("SENTINEL"), RD_WORD("REPLICAS"), {name, strlen(name)}};
    jayi_resp_head head;
    uint64_t chance = jayi_random_seed(), well = 0;
    int status = jayi_rd_run(call, words, 3, false, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number > REPLICAS_MAX)
        return jayi_rd_unexpected(call, &head);
    for (int64_t i = 0; i < head.number && status == JAY_OK; i++) {
        replica next = {.is_well = false};
        status = read_replica(call, &next);
        if (status != JAY_OK || !next.is_well || next.port == 0) continue;
        /* Each of those seen so far is as likely as the others. */
        if (chance % ++well == 0) *ret_replica = next;
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        chance ^= chance >> 29;
    }
    call->is_clean = status == JAY_OK;
    *ret_is_found = well > 0;
    return status;
}

/* ---- maps ---- */

static int fill_map(rd_call *call, rd_map *map) {
    jay_backend *backend = call->backend;
    rd_text host = {.size = 0};
    replica other = {.is_well = false};
    uint16_t port = 0;
    bool is_found = false;
    int status = find_master(call, &host, &port);
    if (status == JAY_OK && backend->reads_replicas) status = find_replica(call, &other, &is_found);
    if (status != JAY_OK) return status;
    rd_node *node =
        jayi_rd_node_acquire(backend, RD_MASTER, host.bytes, host.size, port, call->error);
    if (node == NULL) return call->error->code;
    map->masters[0] = map->readers[0] = jayi_rd_map_add(map, node);
    if (!is_found) return JAY_OK;
    node = jayi_rd_node_acquire(backend, RD_REPLICA, other.host.bytes, other.host.size, other.port,
                                call->error);
    if (node == NULL) return call->error->code;
    map->readers[0] = jayi_rd_map_add(map, node);
    return JAY_OK;
}

static int ask(rd_node *sentinel, rd_map *map, int64_t deadline_ms, jay_error *error) {
    rd_call call;
    int status = jayi_rd_begin_at(&call, sentinel, jayi_rd_share_of(deadline_ms), error);
    return status == JAY_OK ? jayi_rd_end(&call, fill_map(&call, map)) : status;
}

rd_map *jayi_rd_ask_sentinels(jay_backend *backend, int64_t deadline_ms, jay_error *error) {
    jay_error once;
    rd_map *map = jayi_rd_map_create(backend, error);
    if (map == NULL) return NULL;
    for (size_t i = 0; i < backend->address_count; i++) {
        if (i > 0 && jayi_clock_ms() >= deadline_ms) break;
        if (ask(backend->seeds[i], map, deadline_ms, &once) == JAY_OK) return map;
    }
    jayi_rd_map_destroy(backend, map);
    if (error != NULL) *error = once;
    return NULL;
}

/* ---- the role of a node ---- */

/* Whether the sentinels name this node; when none of them answers there is its own word only. */
static bool is_named(rd_call *call, const rd_node *node) {
    jay_backend *backend = node->backend;
    for (size_t i = 0; i < backend->address_count; i++) {
        rd_call asked;
        jay_error once;
        rd_text host = {.size = 0};
        uint16_t port = 0;
        if (jayi_clock_ms() >= call->deadline_ms) break;
        int status =
            jayi_rd_begin_at(&asked, backend->seeds[i], jayi_rd_share_of(call->deadline_ms), &once);
        if (status == JAY_OK) status = jayi_rd_end(&asked, find_master(&asked, &host, &port));
        if (status != JAY_OK) continue;
        return port == node->address.port && is_text(&host, node->host);
    }
    return true;
}

static int refuse_role(rd_call *call, const rd_node *node) {
    char name[RD_HOST_MAX + 16];
    atomic_store_explicit(&call->backend->nodes.is_suspect, true, memory_order_relaxed);
    return jay_error_set(call->error, JAY_E_UNREACHABLE, 0,
                         "%s is %s any more; the sentinels will name another",
                         jayi_address_text(&node->address, name, sizeof name),
                         node->role == RD_MASTER ? "no master" : "no replica");
}

int jayi_rd_check_role(rd_call *call, const rd_node *node) {
    const jay_bytes words[] = {RD_WORD("ROLE")};
    jayi_resp_head head;
    rd_text role = {.size = 0};
    int status = jayi_rd_run(call, words, 1, true, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number < 1) return jayi_rd_unexpected(call, &head);
    int64_t rest = head.number - 1;
    status = jayi_rd_read_text(call, &role);
    for (int64_t i = 0; i < rest && status == JAY_OK; i++) {
        status = jayi_rd_read(call, &head);
        if (status == JAY_OK) status = jayi_rd_skip_reply(call, &head);
    }
    if (status != JAY_OK) return status;
    call->is_clean = true;
    if (node->role == RD_REPLICA) return JAY_OK;
    if (!is_text(&role, "master") || !is_named(call, node)) return refuse_role(call, node);
    return JAY_OK;
}
