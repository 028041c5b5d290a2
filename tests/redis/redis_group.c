/*
 * redis_group.c - servers that belong together.
 */
#include "redis_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 6000 /* of 10 ms */
#define MASTERS 3
#define REPLY_MAX 8192

static void stop(const char *what) {
    fprintf(stderr, "redis_group: %s\n", what);
    exit(1);
}

static void pause_shortly(void) {
    const struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

void redis_group_tell(redis_group *group, size_t which, const char *line, const char *wanted) {
    char reply[REPLY_MAX];
    if (redis_server_say(&group->servers[which], line, reply, sizeof reply) &&
        strcmp(reply, wanted) == 0)
        return;
    fprintf(stderr, "redis_group: server %zu answers to %s: %s\n", which, line, reply);
    exit(1);
}

void redis_group_await(redis_group *group, size_t which, const char *line, const char *words) {
    char reply[REPLY_MAX] = "";
    for (int i = 0; i < ROUNDS; i++) {
        if (redis_server_say(&group->servers[which], line, reply, sizeof reply) &&
            strstr(reply, words) != NULL)
            return;
        pause_shortly();
    }
    fprintf(stderr, "redis_group: server %zu answers to %s: %s\n", which, line, reply);
    exit(1);
}

void redis_group_id(redis_group *group, size_t which, char id[64]) {
    if (!redis_server_say(&group->servers[which], "CLUSTER MYID", id, 64)) stop("a node has no id");
}

static void name_nodes(redis_group *group, size_t first, size_t count) {
    size_t used = 0;
    for (size_t i = first; i < first + count; i++)
        used += (size_t)snprintf(group->nodes + used, sizeof group->nodes - used, "%s127.0.0.1:%d",
                                 i > first ? "," : "", group->servers[i].port);
}

static void init_server(const redis_group *group, redis_server *server) {
    redis_server_init(server);
    if (group->model != NULL) redis_server_resemble(server, group->model);
}

/* ---- clusters ---- */

/* What a node knows of the others, as it writes it down itself: with that it begins where it takes
 * nodes that have to meet many seconds to get to. */
static void write_config(const redis_group *group, size_t which) {
    char path[96];
    snprintf(path, sizeof path, "%s/nodes.conf", group->servers[which].dir);
    FILE *file = fopen(path, "w");
    if (file == NULL) stop("a node's configuration cannot be written");
    for (size_t i = 0; i < group->count; i++) {
        const redis_server *server = &group->servers[i];
        size_t master = i % MASTERS;
        fprintf(file, "%040zx 127.0.0.1:%d@%d %s", i + 1, server->port, server->bus_port,
                i == which ? "myself," : "");
        if (i == master) {
            fprintf(file, "master - 0 0 %zu connected %zu-%zu\n", i + 1, i * 16384 / MASTERS,
                    (i + 1) * 16384 / MASTERS - 1);
        } else {
            fprintf(file, "slave %040zx 0 0 %zu connected\n", master + 1, master + 1);
        }
    }
    fprintf(file, "vars currentEpoch %d lastVoteEpoch 0\n", MASTERS);
    fclose(file);
}

static void start_nodes(redis_group *group, const char *node_timeout_ms) {
    const char *const options[] = {"--cluster-node-timeout",
                                   node_timeout_ms,
                                   "--cluster-replica-validity-factor",
                                   "0",
                                   "--repl-diskless-sync-delay",
                                   "0",
                                   "--cluster-allow-replica-migration",
                                   "no"};
    group->count = 2 * MASTERS;
    for (size_t i = 0; i < group->count; i++) {
        redis_server *server = &group->servers[i];
        init_server(group, server);
        server->is_cluster = true;
        for (size_t j = 0; j < sizeof options / sizeof options[0]; j++)
            redis_server_add_option(server, options[j]);
        redis_server_reserve(server);
    }
    for (size_t i = 0; i < group->count; i++) {
        write_config(group, i);
        redis_server_start(&group->servers[i]);
    }
}

void redis_group_start_cluster(redis_group *group, const char *node_timeout_ms) {
    start_nodes(group, node_timeout_ms);
    for (size_t i = 0; i < group->count; i++) {
        redis_group_await(group, i, "CLUSTER INFO", "cluster_state:ok");
        redis_group_await(group, i, "CLUSTER INFO", "cluster_known_nodes:6");
        if (i >= MASTERS) redis_group_await(group, i, "INFO replication", "master_link_status:up");
    }
    name_nodes(group, 0, group->count);
}

/* ---- sentinels ---- */

static void start_sentinel(redis_group *group, size_t which, const char *down_after_ms) {
    redis_server *server = &group->servers[which];
    char path[96];
    init_server(group, server);
    server->option_count = 0;
    server->is_sentinel = true;
    snprintf(path, sizeof path, "%s/config", server->dir);
    FILE *file = fopen(path, "w");
    if (file == NULL) stop("a sentinel's configuration cannot be written");
    fprintf(file,
            "sentinel monitor " REDIS_GROUP_NAME " 127.0.0.1 %d 2\n"
            "sentinel down-after-milliseconds " REDIS_GROUP_NAME " %s\n"
            "sentinel failover-timeout " REDIS_GROUP_NAME " 5000\n"
            "sentinel parallel-syncs " REDIS_GROUP_NAME " 2\n",
            group->servers[0].port, down_after_ms);
    fclose(file);
    redis_server_start(server);
}

void redis_group_start_sentinels(redis_group *group, const char *down_after_ms) {
    char line[128];
    group->count = 6;
    for (size_t i = 0; i < 3; i++) {
        init_server(group, &group->servers[i]);
        redis_server_add_option(&group->servers[i], "--repl-diskless-sync-delay");
        redis_server_add_option(&group->servers[i], "0");
        redis_server_start(&group->servers[i]);
        snprintf(line, sizeof line, "REPLICAOF 127.0.0.1 %d", group->servers[0].port);
        if (i > 0) redis_group_tell(group, i, line, "+OK");
    }
    for (size_t i = 1; i < 3; i++)
        redis_group_await(group, i, "INFO replication", "master_link_status:up");
    for (size_t i = 3; i < group->count; i++) start_sentinel(group, i, down_after_ms);
    for (size_t i = 3; i < group->count; i++)
        redis_group_await(group, i, "INFO sentinel", "status=ok,address=127.0.0.1");
    for (size_t i = 3; i < group->count; i++)
        redis_group_await(group, i, "INFO sentinel", "slaves=2,sentinels=3");
    name_nodes(group, 3, 3);
}

void redis_group_end(redis_group *group) {
    for (size_t i = 0; i < group->count; i++) redis_server_deinit(&group->servers[i]);
    group->count = 0;
}

/* ---- moving slots ---- */

/* Sends the keys that a slot still has; whether there were any. */
static bool move_keys(redis_group *group, int slot, size_t from, size_t to) {
    char line[REPLY_MAX + 128], keys[REPLY_MAX], reply[256];
    snprintf(line, sizeof line, "CLUSTER GETKEYSINSLOT %d 10", slot);
    if (!redis_server_say(&group->servers[from], line, keys, sizeof keys)) stop("a node is silent");
    if (keys[0] == '\0') return false;
    for (char *at = keys; *at != '\0'; at++)
        if (*at == '\n') *at = ' ';
    snprintf(line, sizeof line, "MIGRATE 127.0.0.1 %d \"\" 0 10000 KEYS %s",
             group->servers[to].port, keys);
    if (!redis_server_say(&group->servers[from], line, reply, sizeof reply) ||
        (strcmp(reply, "+OK") != 0 && strcmp(reply, "+NOKEY") != 0)) {
        fprintf(stderr, "redis_group: MIGRATE: %s\n", reply);
        exit(1);
    }
    return true;
}

void redis_group_move_slot(redis_group *group, int slot, size_t from, size_t to) {
    char line[256], from_id[64], to_id[64];
    redis_group_id(group, from, from_id);
    redis_group_id(group, to, to_id);
    snprintf(line, sizeof line, "CLUSTER SETSLOT %d IMPORTING %s", slot, from_id);
    redis_group_tell(group, to, line, "+OK");
    snprintf(line, sizeof line, "CLUSTER SETSLOT %d MIGRATING %s", slot, to_id);
    redis_group_tell(group, from, line, "+OK");
    while (move_keys(group, slot, from, to)) pause_shortly();
    snprintf(line, sizeof line, "CLUSTER SETSLOT %d NODE %s", slot, to_id);
    redis_group_tell(group, to, line, "+OK");
    redis_group_tell(group, from, line, "+OK");
}
