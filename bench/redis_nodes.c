/*
 * redis_nodes.c - a batch of 300 keys that lie on three masters of a cluster: as one call, which
 * has all nodes at work at once, beside three calls, one for the keys of each node.
 *
 * Both are Jaycache's own code on the same handle and the same connections. The servers, the
 * client, and a replica of each master share the machine. How much it has to gain there, a loop
 * over bare sockets tells, which does the same both ways.
 */
#include "redis_nodes.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "redis_group.h"
#include "wire_bench.h"

#define NODES 3
#define NODE_KEYS 100

static redis_group group;
static jay_cache *cache;
static char names[NODES][NODE_KEYS][24];

static size_t node_of(const char *key) {
    char line[64], reply[32];
    snprintf(line, sizeof line, "CLUSTER KEYSLOT %s", key);
    if (!redis_server_say(&group.servers[0], line, reply, sizeof reply) || reply[0] != ':')
        wire_stop("a node does not tell a key's slot");
    return strtoul(reply + 1, NULL, 10) * NODES / 16384;
}

/* As many keys for each node. */
static void name_keys(void) {
    size_t counts[NODES] = {0}, found = 0;
    for (unsigned i = 0; found < NODES * NODE_KEYS; i++) {
        char key[24];
        snprintf(key, sizeof key, "key-%016u", i);
        size_t node = node_of(key);
        if (counts[node] == NODE_KEYS) continue;
        memcpy(names[node][counts[node]++], key, sizeof key);
        found++;
    }
}

static void look_up(const jay_bytes *keys, size_t count, size_t size) {
    jay_value values[NODES * NODE_KEYS];
    if (jay_get_many(cache, keys, count, values, NULL, NULL) != JAY_OK)
        wire_stop("a batch on the cluster failed");
    for (size_t i = 0; i < count; i++) {
        if (values[i].size != size) wire_stop("a key on the cluster is not found");
    }
    jay_values_release(values, count);
}

/* The keys as they come: those of the nodes by turns. */
static uint64_t together(size_t size, uint64_t at) {
    jay_bytes keys[NODES * NODE_KEYS];
    (void)at;
    for (size_t i = 0; i < NODES * NODE_KEYS; i++) {
        const char *key = names[i % NODES][i / NODES];
        keys[i] = (jay_bytes){key, strlen(key)};
    }
    look_up(keys, NODES * NODE_KEYS, size);
    return NODES * NODE_KEYS;
}

static uint64_t in_sequence(size_t size, uint64_t at) {
    jay_bytes keys[NODE_KEYS];
    (void)at;
    for (size_t node = 0; node < NODES; node++) {
        for (size_t i = 0; i < NODE_KEYS; i++)
            keys[i] = (jay_bytes){names[node][i], strlen(names[node][i])};
        look_up(keys, NODE_KEYS, size);
    }
    return NODES * NODE_KEYS;
}

/* ---- bare sockets ---- */

static int fds[NODES];
static char requests[NODES][NODE_KEYS * 48];
static size_t request_sizes[NODES];

static void set_up_bare(void) {
    for (size_t node = 0; node < NODES; node++) {
        struct sockaddr_in to = {.sin_family = AF_INET};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons((uint16_t)group.servers[node].port);
        fds[node] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fds[node], (const struct sockaddr *)&to, sizeof to) != 0)
            wire_stop("a node does not answer");
        size_t used = 0;
        for (size_t i = 0; i < NODE_KEYS; i++)
            used += (size_t)sprintf(requests[node] + used, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n",
                                    strlen(names[node][i]), names[node][i]);
        request_sizes[node] = used;
    }
}

static void bare_send(size_t node) {
    if (send(fds[node], requests[node], request_sizes[node], MSG_NOSIGNAL) !=
        (ssize_t)request_sizes[node])
        wire_stop("sending to a node failed");
}

static void bare_receive(size_t node, size_t size) {
    size_t left = NODE_KEYS * (size_t)snprintf(NULL, 0, "$%zu\r\n", size);
    for (left += NODE_KEYS * (size + 2); left > 0;) {
        ssize_t got = recv(fds[node], wire.buffer, left, 0);
        if (got <= 0) wire_stop("receiving from a node failed");
        left -= (size_t)got;
    }
}

static uint64_t bare_together(size_t size, uint64_t at) {
    (void)at;
    for (size_t node = 0; node < NODES; node++) bare_send(node);
    for (size_t node = 0; node < NODES; node++) bare_receive(node, size);
    return NODES * NODE_KEYS;
}

static uint64_t bare_in_sequence(size_t size, uint64_t at) {
    (void)at;
    for (size_t node = 0; node < NODES; node++) {
        bare_send(node);
        bare_receive(node, size);
    }
    return NODES * NODE_KEYS;
}

/* ---- all of it ---- */

static void store(size_t size) {
    for (size_t i = 0; i < NODES * NODE_KEYS; i++) {
        const char *key = names[i % NODES][i / NODES];
        if (jay_set(cache, key, strlen(key), wire.value, size, 0, NULL) != JAY_OK)
            wire_stop("a key cannot be stored on the cluster");
    }
}

void redis_nodes_run(bench_report *report, size_t rounds) {
    double ours[WIRE_ROUNDS_MAX], others[WIRE_ROUNDS_MAX];
    double bare[WIRE_ROUNDS_MAX], bare_others[WIRE_ROUNDS_MAX];
    char url[320];
    jay_error error;
    if (!wire_is_wanted("cluster.get_many300")) return;
    redis_group_start_cluster(&group, "30000");
    snprintf(url, sizeof url, "redis+cluster://%s", group.nodes);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) wire_stop(error.message);
    name_keys();
    store(1024);
    set_up_bare();
    for (size_t i = 0; i < rounds; i++) {
        others[i] = wire_run_slot(in_sequence, 1024);
        ours[i] = wire_run_slot(together, 1024);
        bare_others[i] = wire_run_slot(bare_in_sequence, 1024);
        bare[i] = wire_run_slot(bare_together, 1024);
    }
    bench_report_add(report, "redis.cluster.get_many300.keys_s", "keys/s", ours, rounds, NULL);
    bench_report_add_ratio(report, "redis.cluster.get_many300.vs_sequential_nodes", ours, others,
                           rounds, NULL);
    bench_report_add(report, "redis.cluster.get_many300.raw.keys_s", "keys/s", bare, rounds, NULL);
    bench_report_add_ratio(report, "redis.cluster.get_many300.raw.vs_sequential_nodes", bare,
                           bare_others, rounds, NULL);
    bench_report_add_ratio(report, "redis.cluster.get_many300.vs_raw", ours, bare, rounds, NULL);
    for (size_t i = 0; i < NODES; i++) close(fds[i]);
    jay_close(cache);
    redis_group_end(&group);
}
