/*
 * bench_memcached.c - Jaycache on a memcached server, beside a loop over a bare socket, which is
 * the limit, and beside libmemcached.
 *
 *     bench_memcached [--json] [--rounds N] [--slot-ms N] [--only TEXT]
 *
 * It starts a server on a unix socket in a temporary folder. Every cell runs for a slot in every
 * round, one after another, so that ratios are of runs side by side. The bare loops send the same
 * commands, in one write, and take the replies apart as far as every client must: the heads are
 * read and compared, the values counted. They leave a value where it was received; Jaycache gives
 * each as a view of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "harness.h"

#ifdef BENCH_HAVE_LIBMEMCACHED
#include <libmemcached/memcached.h>
#endif

#define BATCH 100
#define KEYS 1000
#define ROUNDS_MAX 50
#define THREADS 8
#define BUFFER_BYTES ((size_t)4 << 20)
#define VALGRIND_GETS 2000

static const bench_goal goals[] = {
    {"memcached.get.1KiB.unix.vs_raw", false, 0.97},
    {"memcached.set.1KiB.unix.vs_raw", false, 0.97},
    {"memcached.get_many100.1KiB.unix.vs_raw", false, 0.95},
    {"memcached.set_many100.1KiB.unix.vs_raw", false, 0.95},
    {"memcached.set_many100.1KiB.unix.vs_libmemcached", false, 8},
    {"memcached.get_many100.16KiB.unix.vs_libmemcached", false, 1.3},
    {"memcached.get.1KiB.8threads.4connections.vs_connection_each", false, 0.95},
    {"memcached.get.client_instructions", true, 1200},
    {NULL, false, 0}};

static struct {
    char dir[64];
    char socket_path[96];
    char url[160];
    pid_t server;
    int fd;
    jay_cache *cache;
    jay_cache *four, *eight;
    bench_team *team;
    char keys[KEYS][24];
    size_t key_sizes[KEYS];
    char *value;
    char *buffer;
    int64_t slot_ns;
    const char *only; /* cells whose names hold this text */
#ifdef BENCH_HAVE_LIBMEMCACHED
    memcached_st *peer;
#endif
} all;

static void stop(const char *what) {
    fprintf(stderr, "bench_memcached: %s\n", what);
    exit(1);
}

/* ---- the server ---- */

static int connect_server(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", all.socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

static void end_server(void) {
    if (all.server > 0) {
        kill(all.server, SIGKILL);
        waitpid(all.server, NULL, 0);
    }
    unlink(all.socket_path);
    rmdir(all.dir);
}

static void start_server(void) {
    snprintf(all.dir, sizeof all.dir, "/tmp/jaycache-bench-XXXXXX");
    if (mkdtemp(all.dir) == NULL) stop("no temporary folder can be made");
    snprintf(all.socket_path, sizeof all.socket_path, "%s/mc", all.dir);
    snprintf(all.url, sizeof all.url, "memcached://%s", all.socket_path);
    all.server = fork();
    if (all.server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool is_root = geteuid() == 0;
        execl(BENCH_MEMCACHED, "memcached", "-U", "0", "-m", "256", "-s", all.socket_path,
              is_root ? "-u" : (char *)NULL, "root", (char *)NULL);
        _exit(127);
    }
    atexit(end_server);
    for (int i = 0; i < 1000 && all.fd < 1; i++) {
        const struct timespec time = {.tv_nsec = 10000000};
        nanosleep(&time, NULL);
        all.fd = connect_server();
    }
    if (all.fd < 1) stop("the server does not answer");
}

/* ---- the bare loops ---- */

static void send_all(const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(all.fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) stop("sending failed");
        data += sent;
        size -= (size_t)sent;
    }
}

/* Receives until what has come ends with `end`, as the whole reply does. */
static size_t receive_until(const char *end, size_t at_least) {
    size_t have = 0, end_size = strlen(end);
    for (;;) {
        ssize_t got = recv(all.fd, all.buffer + have, BUFFER_BYTES - have, 0);
        if (got <= 0) stop("receiving failed");
        have += (size_t)got;
        if (have >= at_least && memcmp(all.buffer + have - end_size, end, end_size) == 0)
            return have;
    }
}

/* A number at a place, which moves on behind it. */
static size_t take_number(const char **at) {
    size_t number = 0;
    while (**at >= '0' && **at <= '9') number = number * 10 + (size_t)(*(*at)++ - '0');
    return number;
}

static uint64_t raw_get(size_t size, uint64_t at) {
    char request[64];
    size_t key = at % KEYS, key_size = all.key_sizes[key];
    memcpy(request, "mg ", 3);
    memcpy(request + 3, all.keys[key], key_size);
    memcpy(request + 3 + key_size, " v f\r\n", 6);
    send_all(request, 9 + key_size);
    size_t have = receive_until("\r\n", size + 4);
    const char *reply = all.buffer + 3;
    if (memcmp(all.buffer, "VA ", 3) != 0 || take_number(&reply) != size ||
        memcmp(reply, " f0\r\n", 5) != 0 || reply + 5 + size + 2 != all.buffer + have)
        stop("a bare get finds no value");
    return 1;
}

static size_t put_set(char *to, size_t key, size_t size) {
    int head = sprintf(to, "ms %s %zu\r\n", all.keys[key], size);
    memcpy(to + head, all.value, size);
    memcpy(to + (size_t)head + size, "\r\n", 2);
    return (size_t)head + size + 2;
}

static uint64_t raw_set(size_t size, uint64_t at) {
    static char request[32768];
    send_all(request, put_set(request, at % KEYS, size));
    receive_until("\r\n", 4);
    return 1;
}

static uint64_t raw_get_many(size_t size, uint64_t at) {
    static char request[8192];
    char *to = request;
    memcpy(to, "gets", 4);
    to += 4;
    for (size_t i = 0; i < BATCH; i++) {
        size_t key = (at + i) % KEYS;
        *to++ = ' ';
        memcpy(to, all.keys[key], all.key_sizes[key]);
        to += all.key_sizes[key];
    }
    memcpy(to, "\r\n", 2);
    send_all(request, (size_t)(to + 2 - request));
    size_t have = receive_until("END\r\n", size * BATCH);
    const char *reply = all.buffer;
    for (size_t i = 0; i < BATCH; i++) {
        size_t key = (at + i) % KEYS;
        if (memcmp(reply, "VALUE ", 6) != 0 ||
            memcmp(reply + 6, all.keys[key], all.key_sizes[key]) != 0)
            stop("a bare batch does not find a key");
        reply += 6 + all.key_sizes[key] + 1;
        (void)take_number(&reply);
        reply++;
        size_t value_size = take_number(&reply);
        reply++;
        (void)take_number(&reply);
        reply += 2 + value_size + 2;
    }
    if (reply + 5 != all.buffer + have) stop("a bare batch is of another size");
    return BATCH;
}

static uint64_t raw_set_many(size_t size, uint64_t at) {
    static char *request;
    if (request == NULL) request = malloc(BUFFER_BYTES);
    if (request == NULL) stop("there is no memory");
    size_t used = 0;
    for (size_t i = 0; i < BATCH; i++) used += put_set(request + used, (at + i) % KEYS, size);
    send_all(request, used);
    size_t have = receive_until("\r\n", BATCH * strlen("HD\r\n"));
    for (size_t i = 0; i < have; i += 4) {
        if (memcmp(all.buffer + i, "HD\r\n", 4) != 0) stop("a bare batch is not stored");
    }
    return BATCH;
}

/* ---- Jaycache ---- */

static uint64_t our_get(size_t size, uint64_t at) {
    size_t key = at % KEYS, found = 0;
    int status = jay_get_into(all.cache, all.keys[key], all.key_sizes[key], all.buffer,
                              BUFFER_BYTES, &found, NULL);
    if (status != JAY_OK || found != size) stop("a key is not found");
    return 1;
}

static uint64_t our_set(size_t size, uint64_t at) {
    size_t key = at % KEYS;
    if (jay_set(all.cache, all.keys[key], all.key_sizes[key], all.value, size, 0, NULL) != JAY_OK)
        stop("a key is not stored");
    return 1;
}

static uint64_t our_get_many(size_t size, uint64_t at) {
    jay_bytes keys[BATCH];
    jay_value values[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        keys[i] = (jay_bytes){all.keys[(at + i) % KEYS], all.key_sizes[(at + i) % KEYS]};
    if (jay_get_many(all.cache, keys, BATCH, values, NULL, NULL) != JAY_OK) stop("a batch failed");
    for (size_t i = 0; i < BATCH; i++) {
        if (values[i].size != size) stop("a key of a batch is not found");
    }
    jay_values_release(values, BATCH);
    return BATCH;
}

static uint64_t our_set_many(size_t size, uint64_t at) {
    jay_pair pairs[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        pairs[i] = (jay_pair){
            {all.keys[(at + i) % KEYS], all.key_sizes[(at + i) % KEYS]}, {all.value, size}, 0};
    }
    if (jay_set_many(all.cache, pairs, BATCH, NULL, NULL) != JAY_OK) stop("a batch failed");
    return BATCH;
}

/* ---- libmemcached ---- */

#ifdef BENCH_HAVE_LIBMEMCACHED
static uint64_t peer_get_many(size_t size, uint64_t at) {
    const char *keys[BATCH];
    size_t sizes[BATCH], count = 0;
    memcached_return_t status;
    memcached_result_st result, *found;
    for (size_t i = 0; i < BATCH; i++) {
        keys[i] = all.keys[(at + i) % KEYS];
        sizes[i] = all.key_sizes[(at + i) % KEYS];
    }
    if (memcached_mget(all.peer, keys, sizes, BATCH) != MEMCACHED_SUCCESS) stop("mget failed");
    memcached_result_create(all.peer, &result);
    while ((found = memcached_fetch_result(all.peer, &result, &status)) != NULL)
        count += memcached_result_length(found) == size;
    memcached_result_free(&result);
    if (count != BATCH) stop("libmemcached does not find a key");
    return BATCH;
}

static uint64_t peer_set_many(size_t size, uint64_t at) {
    for (size_t i = 0; i < BATCH; i++) {
        size_t key = (at + i) % KEYS;
        if (memcached_set(all.peer, all.keys[key], all.key_sizes[key], all.value, size, 0, 0) !=
            MEMCACHED_SUCCESS)
            stop("libmemcached cannot store");
    }
    return BATCH;
}
#endif

/* ---- eight threads ---- */

static jay_cache *team_cache;
static uint64_t team_done[THREADS][16];

static void team_gets(void *arg, unsigned member) {
    int64_t until = *(const int64_t *)arg;
    char *value = malloc(65536);
    uint64_t done = 0;
    if (value == NULL) stop("there is no memory");
    for (; bench_now_ns() < until; done++) {
        size_t key = (done * 7 + member * 131) % KEYS, size = 0;
        if (jay_get_into(team_cache, all.keys[key], all.key_sizes[key], value, 65536, &size,
                         NULL) != JAY_OK)
            stop("a thread does not find a key");
    }
    team_done[member][0] = done;
    free(value);
}

static double run_team(jay_cache *cache) {
    int64_t start = bench_now_ns(), until = start + 4 * all.slot_ns;
    team_cache = cache;
    bench_team_run(all.team, THREADS, team_gets, &until);
    uint64_t done = 0;
    for (size_t i = 0; i < THREADS; i++) done += team_done[i][0];
    return (double)done / ((double)(bench_now_ns() - start) / 1e9);
}

/* ---- cells ---- */

typedef uint64_t cell_fn(size_t size, uint64_t at);

typedef struct cell {
    const char *label;
    size_t size;
    cell_fn *ours, *raw, *peer;
    bool stores;
} cell;

#ifndef BENCH_HAVE_LIBMEMCACHED
#define peer_get_many NULL
#define peer_set_many NULL
#endif

static const cell cells[] = {
    {"get.1KiB", 1024, our_get, raw_get, NULL, false},
    {"set.1KiB", 1024, our_set, raw_set, NULL, true},
    {"get_many100.1KiB", 1024, our_get_many, raw_get_many, peer_get_many, false},
    {"set_many100.1KiB", 1024, our_set_many, raw_set_many, peer_set_many, true},
    {"get_many100.16KiB", 16384, our_get_many, raw_get_many, peer_get_many, false},
    {"set_many100.16KiB", 16384, our_set_many, raw_set_many, peer_set_many, true},
};

#define CELLS (sizeof cells / sizeof cells[0])

static double run_slot(cell_fn *fn, size_t size) {
    uint64_t done = 0;
    int64_t start = bench_now_ns(), now;
    while ((now = bench_now_ns()) - start < all.slot_ns) done += fn(size, done);
    return (double)done / ((double)(now - start) / 1e9);
}

static void fill(size_t size) {
    for (uint64_t at = 0; at < KEYS; at += BATCH) our_set_many(size, at);
}

static void run_cell(bench_report *report, const cell *which, size_t rounds) {
    double ours[ROUNDS_MAX], raw[ROUNDS_MAX], peer[ROUNDS_MAX];
    char figure[96];
    fill(which->size);
    for (size_t i = 0; i < rounds; i++) {
        raw[i] = run_slot(which->raw, which->size);
        ours[i] = run_slot(which->ours, which->size);
        if (which->peer != NULL) peer[i] = run_slot(which->peer, which->size);
    }
    snprintf(figure, sizeof figure, "memcached.%s.unix.keys_s", which->label);
    bench_report_add(report, figure, "keys/s", ours, rounds, NULL);
    snprintf(figure, sizeof figure, "memcached.%s.unix.raw.keys_s", which->label);
    bench_report_add(report, figure, "keys/s", raw, rounds, NULL);
    snprintf(figure, sizeof figure, "memcached.%s.unix.vs_raw", which->label);
    bench_report_add_ratio(report, figure, ours, raw, rounds, NULL);
    snprintf(figure, sizeof figure, "memcached.%s.unix.vs_libmemcached", which->label);
    if (which->peer != NULL) bench_report_add_ratio(report, figure, ours, peer, rounds, NULL);
}

static void run_threads(bench_report *report, size_t rounds) {
    double four[ROUNDS_MAX], eight[ROUNDS_MAX];
    fill(1024);
    for (size_t i = 0; i < rounds; i++) {
        eight[i] = run_team(all.eight);
        four[i] = run_team(all.four);
    }
    bench_report_add(report, "memcached.get.1KiB.8threads.4connections.keys_s", "keys/s", four,
                     rounds, NULL);
    bench_report_add_ratio(report, "memcached.get.1KiB.8threads.4connections.vs_connection_each",
                           four, eight, rounds, NULL);
}

/* ---- instructions ---- */

/* What runs under valgrind: gets, counted inside of jay_get_into alone. */
static int run_gets(const char *url) {
    char value[2048];
    size_t size = 0;
    if (jay_open(url, NULL, &all.cache, NULL) != JAY_OK) return 1;
    for (int i = 0; i < VALGRIND_GETS; i++) {
        if (jay_get_into(all.cache, "key-0000000000000001", 20, value, sizeof value, &size, NULL) !=
            JAY_OK)
            return 1;
    }
    return jay_close(all.cache) != JAY_OK;
}

static void count_instructions(bench_report *report, const char *program) {
    char command[640], line[256];
    double count = 0;
    snprintf(command, sizeof command,
             "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
             "--toggle-collect=jay_get_into '%s' --gets '%s' 2>&1",
             program, all.url);
    fill(1024);
    FILE *output = popen(command, "r");
    if (output == NULL) return;
    while (fgets(line, sizeof line, output) != NULL) {
        const char *place = strstr(line, "Collected : ");
        if (place != NULL) count = strtod(place + 12, NULL) / VALGRIND_GETS;
    }
    if (pclose(output) == 0 && count > 0)
        bench_report_add(report, "memcached.get.client_instructions", "instructions", &count, 1,
                         "by callgrind, with the core, without the kernel");
}

/* ---- all of it ---- */

static jay_cache *open_cache(const char *options) {
    char url[256];
    jay_cache *cache;
    jay_error error;
    snprintf(url, sizeof url, "%s%s", all.url, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) stop(error.message);
    return cache;
}

static bool is_wanted(const char *name) {
    return all.only == NULL || strstr(name, all.only) != NULL;
}

static void set_up(void) {
    start_server();
    all.cache = open_cache("");
    all.four = open_cache("?connections=4");
    all.eight = open_cache("?connections=8");
    all.team = bench_team_create(THREADS);
    all.value = malloc(65536);
    all.buffer = malloc(BUFFER_BYTES);
    if (all.value == NULL || all.buffer == NULL) stop("there is no memory");
    memset(all.value, 'v', 65536);
    for (size_t i = 0; i < KEYS; i++)
        all.key_sizes[i] =
            (size_t)snprintf(all.keys[i], sizeof all.keys[i], "key-%016u", (unsigned)i);
#ifdef BENCH_HAVE_LIBMEMCACHED
    all.peer = memcached_create(NULL);
    if (all.peer == NULL ||
        memcached_server_add_unix_socket(all.peer, all.socket_path) != MEMCACHED_SUCCESS)
        stop("libmemcached cannot be set up");
#endif
}

static long parse_number(const char *text, long most) {
    char *end = NULL;
    long number = text != NULL ? strtol(text, &end, 10) : 0;
    if (number < 1 || number > most || *end != '\0') {
        fputs("Usage: bench_memcached [--json] [--rounds 1..50] [--slot-ms 1..10000] "
              "[--only TEXT]\n",
              stderr);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv) {
    bool is_json = false;
    long rounds = 5, slot_ms = 200;
    if (argc == 3 && strcmp(argv[1], "--gets") == 0) return run_gets(argv[2]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            is_json = true;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = parse_number(argv[++i], ROUNDS_MAX);
        } else if (strcmp(argv[i], "--slot-ms") == 0) {
            slot_ms = parse_number(argv[++i], 10000);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            all.only = argv[++i];
        } else {
            parse_number(NULL, 0);
        }
    }
    all.slot_ns = (int64_t)slot_ms * 1000000;
    set_up();
    bench_report *report = bench_report_create(stdout, is_json, goals);
    for (size_t i = 0; i < CELLS; i++) {
        if (is_wanted(cells[i].label)) run_cell(report, &cells[i], (size_t)rounds);
    }
    if (is_wanted("get.1KiB.8threads.4connections")) run_threads(report, (size_t)rounds);
    if (is_wanted("get.client_instructions")) count_instructions(report, argv[0]);
    bench_report_finish(report);
    return 0;
}
