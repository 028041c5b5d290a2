/*
 * bench_redis.c - Jaycache on a Redis server, beside a loop over a bare socket, which is the limit,
 * and beside hiredis; and on a cluster, all nodes at once beside one after the other.
 *
 *     bench_redis [--json] [--rounds N] [--slot-ms N] [--only TEXT]
 */
#include <string.h>
#include <unistd.h>

#include "redis_nodes.h"
#include "wire_bench.h"

#ifdef BENCH_HAVE_HIREDIS
#include <hiredis/hiredis.h>
#endif

static const bench_goal goals[] = {
    {"redis.get.1KiB.unix.vs_raw", false, 0.97},
    {"redis.set.1KiB.unix.vs_raw", false, 0.97},
    {"redis.get_many100.1KiB.unix.vs_raw", false, 0.95},
    {"redis.set_many100.1KiB.unix.vs_raw", false, 0.95},
    {"redis.get_many100.16KiB.unix.vs_hiredis", false, 1.8},
    {"redis.get.1KiB.8threads.4connections.vs_connection_each", false, 0.95},
    {"redis.get.client_instructions", true, 1200},
    {"redis.cluster.get_many300.vs_sequential_nodes", false, 2},
    {"redis.faults.late_ms.max", true, 50},
    {NULL, false, 0}};

static void exec_server(const char *dir, const char *socket_path) {
    execl(BENCH_REDIS, "redis-server", "--port", "0", "--save", "", "--dir", dir, "--unixsocket",
          socket_path, "--loglevel", "warning", (char *)NULL);
}

/* ---- the bare loops ---- */

static size_t put_key(char *to, size_t key) {
    int head = sprintf(to, "$%zu\r\n", wire.key_sizes[key]);
    memcpy(to + head, wire.keys[key], wire.key_sizes[key]);
    memcpy(to + (size_t)head + wire.key_sizes[key], "\r\n", 2);
    return (size_t)head + wire.key_sizes[key] + 2;
}

static uint64_t raw_get(size_t size, uint64_t at) {
    char request[96] = "*2\r\n$3\r\nGET\r\n";
    size_t head = strlen(request);
    wire_send(request, head + put_key(request + head, at % WIRE_KEYS));
    size_t have = wire_receive("\r\n", size + 4);
    const char *reply = wire.buffer + 1;
    if (wire.buffer[0] != '$' || wire_number(&reply) != size ||
        reply + 2 + size + 2 != wire.buffer + have)
        wire_stop("a bare get finds no value");
    return 1;
}

static size_t put_set(char *to, size_t key, size_t size) {
    static const char command[] = "*3\r\n$3\r\nSET\r\n";
    memcpy(to, command, sizeof command - 1);
    size_t used = sizeof command - 1;
    used += put_key(to + used, key);
    used += (size_t)sprintf(to + used, "$%zu\r\n", size);
    memcpy(to + used, wire.value, size);
    memcpy(to + used + size, "\r\n", 2);
    return used + size + 2;
}

static uint64_t raw_set(size_t size, uint64_t at) {
    wire_send(wire.request, put_set(wire.request, at % WIRE_KEYS, size));
    wire_receive("\r\n", 5);
    if (memcmp(wire.buffer, "+OK\r\n", 5) != 0) wire_stop("a bare value is not stored");
    return 1;
}

static uint64_t raw_get_many(size_t size, uint64_t at) {
    size_t used = (size_t)sprintf(wire.request, "*%d\r\n$4\r\nMGET\r\n", WIRE_BATCH + 1);
    for (size_t i = 0; i < WIRE_BATCH; i++)
        used += put_key(wire.request + used, (at + i) % WIRE_KEYS);
    wire_send(wire.request, used);
    size_t have = wire_receive("\r\n", size * WIRE_BATCH);
    const char *reply = wire.buffer + 1;
    if (wire.buffer[0] != '*' || wire_number(&reply) != WIRE_BATCH)
        wire_stop("a bare batch is of another length");
    reply += 2;
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        if (*reply++ != '$') wire_stop("a bare batch does not find a key");
        size_t value_size = wire_number(&reply);
        reply += 2 + value_size + 2;
    }
    if (reply != wire.buffer + have) wire_stop("a bare batch is of another size");
    return WIRE_BATCH;
}

static uint64_t raw_set_many(size_t size, uint64_t at) {
    size_t used = 0;
    for (size_t i = 0; i < WIRE_BATCH; i++)
        used += put_set(wire.request + used, (at + i) % WIRE_KEYS, size);
    wire_send(wire.request, used);
    size_t have = wire_receive("\r\n", WIRE_BATCH * strlen("+OK\r\n"));
    for (size_t i = 0; i < have; i += 5) {
        if (memcmp(wire.buffer + i, "+OK\r\n", 5) != 0) wire_stop("a bare batch is not stored");
    }
    return WIRE_BATCH;
}

/* ---- hiredis ---- */

#ifdef BENCH_HAVE_HIREDIS
static redisContext *peer;

static void set_up_peer(const char *socket_path) {
    peer = redisConnectUnix(socket_path);
    if (peer == NULL || peer->err != 0) wire_stop("hiredis cannot be set up");
}

static uint64_t peer_get_many(size_t size, uint64_t at) {
    const char *words[WIRE_BATCH + 1] = {"MGET"};
    size_t sizes[WIRE_BATCH + 1] = {4};
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        words[i + 1] = wire.keys[(at + i) % WIRE_KEYS];
        sizes[i + 1] = wire.key_sizes[(at + i) % WIRE_KEYS];
    }
    redisReply *reply = redisCommandArgv(peer, WIRE_BATCH + 1, words, sizes);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != WIRE_BATCH)
        wire_stop("hiredis cannot read a batch");
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        if (reply->element[i]->len != size) wire_stop("hiredis does not find a key");
    }
    freeReplyObject(reply);
    return WIRE_BATCH;
}

static uint64_t peer_set_many(size_t size, uint64_t at) {
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        size_t key = (at + i) % WIRE_KEYS;
        const char *words[3] = {"SET", wire.keys[key], wire.value};
        const size_t sizes[3] = {3, wire.key_sizes[key], size};
        if (redisAppendCommandArgv(peer, 3, words, sizes) != REDIS_OK)
            wire_stop("hiredis cannot store");
    }
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        void *reply = NULL;
        if (redisGetReply(peer, &reply) != REDIS_OK) wire_stop("hiredis cannot store");
        freeReplyObject(reply);
    }
    return WIRE_BATCH;
}
#else
#define set_up_peer NULL
#define peer_get_many NULL
#define peer_set_many NULL
#endif

/* ---- all of it ---- */

static const wire_cell cells[] = {
    {"get.1KiB", 1024, WIRE_GET, raw_get, NULL},
    {"set.1KiB", 1024, WIRE_SET, raw_set, NULL},
    {"get_many100.1KiB", 1024, WIRE_GET_MANY, raw_get_many, peer_get_many},
    {"set_many100.1KiB", 1024, WIRE_SET_MANY, raw_set_many, peer_set_many},
    {"get_many100.16KiB", 16384, WIRE_GET_MANY, raw_get_many, peer_get_many},
    {"set_many100.16KiB", 16384, WIRE_SET_MANY, raw_set_many, peer_set_many},
};

int main(int argc, char **argv) {
    const wire_plan plan = {.name = "redis",
                            .peer = "hiredis",
                            .url_head = "redis+unix://",
                            .goals = goals,
                            .cells = cells,
                            .cell_count = sizeof cells / sizeof cells[0],
                            .exec_server = exec_server,
                            .set_up_peer = set_up_peer,
                            .run_more = redis_nodes_run};
    return wire_main(&plan, argc, argv);
}
