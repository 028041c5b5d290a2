/*
 * bench_memcached.c - Jaycache on a memcached server, beside a loop over a bare socket, which is
 * the limit, and beside libmemcached.
 *
 *     bench_memcached [--json] [--rounds N] [--slot-ms N] [--only TEXT]
 */
#include <string.h>
#include <unistd.h>

#include "wire_bench.h"

#ifdef BENCH_HAVE_LIBMEMCACHED
#include <libmemcached/memcached.h>
#endif

static const bench_goal goals[] = {
    {"memcached.get.1KiB.unix.vs_raw", false, 0.97},
    {"memcached.set.1KiB.unix.vs_raw", false, 0.97},
    {"memcached.get_many100.1KiB.unix.vs_raw", false, 0.95},
    {"memcached.set_many100.1KiB.unix.vs_raw", false, 0.95},
    {"memcached.set_many100.1KiB.unix.vs_libmemcached", false, 8},
    {"memcached.get_many100.16KiB.unix.vs_libmemcached", false, 1.3},
    {"memcached.get.1KiB.8threads.4connections.vs_connection_each", false, 0.95},
    {"memcached.get.client_instructions", true, 1200},
    {"memcached.faults.late_ms.max", true, 50},
    {NULL, false, 0}};

static void exec_server(const char *dir, const char *socket_path) {
    (void)dir;
    bool is_root = geteuid() == 0;
    execl(BENCH_MEMCACHED, "memcached", "-U", "0", "-m", "256", "-s", socket_path,
          is_root ? "-u" : (char *)NULL, "root", (char *)NULL);
}

/* ---- the bare loops ---- */

static uint64_t raw_get(size_t size, uint64_t at) {
    char request[64];
    size_t key = at % WIRE_KEYS, key_size = wire.key_sizes[key];
    memcpy(request, "mg ", 3);
    memcpy(request + 3, wire.keys[key], key_size);
    memcpy(request + 3 + key_size, " v f\r\n", 6);
    wire_send(request, 9 + key_size);
    size_t have = wire_receive("\r\n", size + 4);
    const char *reply = wire.buffer + 3;
    if (memcmp(wire.buffer, "VA ", 3) != 0 || wire_number(&reply) != size ||
        memcmp(reply, " f0\r\n", 5) != 0 || reply + 5 + size + 2 != wire.buffer + have)
        wire_stop("a bare get finds no value");
    return 1;
}

static size_t put_set(char *to, size_t key, size_t size) {
    int head = sprintf(to, "ms %s %zu\r\n", wire.keys[key], size);
    memcpy(to + head, wire.value, size);
    memcpy(to + (size_t)head + size, "\r\n", 2);
    return (size_t)head + size + 2;
}

static uint64_t raw_set(size_t size, uint64_t at) {
    static char request[32768];
    wire_send(request, put_set(request, at % WIRE_KEYS, size));
    wire_receive("\r\n", 4);
    return 1;
}

static uint64_t raw_get_many(size_t size, uint64_t at) {
    static char request[8192];
    char *to = request;
    memcpy(to, "gets", 4);
    to += 4;
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        size_t key = (at + i) % WIRE_KEYS;
        *to++ = ' ';
        memcpy(to, wire.keys[key], wire.key_sizes[key]);
        to += wire.key_sizes[key];
    }
    memcpy(to, "\r\n", 2);
    wire_send(request, (size_t)(to + 2 - request));
    size_t have = wire_receive("END\r\n", size * WIRE_BATCH);
    const char *reply = wire.buffer;
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        size_t key = (at + i) % WIRE_KEYS;
        if (memcmp(reply, "VALUE ", 6) != 0 ||
            memcmp(reply + 6, wire.keys[key], wire.key_sizes[key]) != 0)
            wire_stop("a bare batch does not find a key");
        reply += 6 + wire.key_sizes[key] + 1;
        (void)wire_number(&reply);
        reply++;
        size_t value_size = wire_number(&reply);
        reply++;
        (void)wire_number(&reply);
        reply += 2 + value_size + 2;
    }
    if (reply + 5 != wire.buffer + have) wire_stop("a bare batch is of another size");
    return WIRE_BATCH;
}

static uint64_t raw_set_many(size_t size, uint64_t at) {
    char *request = wire.request;
    size_t used = 0;
    for (size_t i = 0; i < WIRE_BATCH; i++)
        used += put_set(request + used, (at + i) % WIRE_KEYS, size);
    wire_send(request, used);
    size_t have = wire_receive("\r\n", WIRE_BATCH * strlen("HD\r\n"));
    for (size_t i = 0; i < have; i += 4) {
        if (memcmp(wire.buffer + i, "HD\r\n", 4) != 0) wire_stop("a bare batch is not stored");
    }
    return WIRE_BATCH;
}

/* ---- libmemcached ---- */

#ifdef BENCH_HAVE_LIBMEMCACHED
static memcached_st *peer;

static void set_up_peer(const char *socket_path) {
    peer = memcached_create(NULL);
    if (peer == NULL || memcached_server_add_unix_socket(peer, socket_path) != MEMCACHED_SUCCESS)
        wire_stop("libmemcached cannot be set up");
}

static uint64_t peer_get_many(size_t size, uint64_t at) {
    const char *keys[WIRE_BATCH];
    size_t sizes[WIRE_BATCH], count = 0;
    memcached_return_t status;
    memcached_result_st result, *found;
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        keys[i] = wire.keys[(at + i) % WIRE_KEYS];
        sizes[i] = wire.key_sizes[(at + i) % WIRE_KEYS];
    }
    if (memcached_mget(peer, keys, sizes, WIRE_BATCH) != MEMCACHED_SUCCESS)
        wire_stop("mget failed");
    memcached_result_create(peer, &result);
    while ((found = memcached_fetch_result(peer, &result, &status)) != NULL)
        count += memcached_result_length(found) == size;
    memcached_result_free(&result);
    if (count != WIRE_BATCH) wire_stop("libmemcached does not find a key");
    return WIRE_BATCH;
}

static uint64_t peer_set_many(size_t size, uint64_t at) {
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        size_t key = (at + i) % WIRE_KEYS;
        if (memcached_set(peer, wire.keys[key], wire.key_sizes[key], wire.value, size, 0, 0) !=
            MEMCACHED_SUCCESS)
            wire_stop("libmemcached cannot store");
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
    const wire_plan plan = {.name = "memcached",
                            .peer = "libmemcached",
                            .url_head = "memcached://",
                            .goals = goals,
                            .cells = cells,
                            .cell_count = sizeof cells / sizeof cells[0],
                            .exec_server = exec_server,
                            .set_up_peer = set_up_peer};
    return wire_main(&plan, argc, argv);
}
