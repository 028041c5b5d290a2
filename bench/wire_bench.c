/*
 * wire_bench.c - what the benchmarks of servers have in common.
 */
#include "wire_faults.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define VALGRIND_GETS 2000

wire_bench wire;

void wire_stop(const char *what) {
    fprintf(stderr, "bench_%s: %s\n", wire.plan->name, what);
    exit(1);
}

/* ---- the server ---- */

static int connect_server(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", wire.socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

static void end_server(void) {
    if (wire.server > 0) {
        kill(wire.server, SIGKILL);
        waitpid(wire.server, NULL, 0);
    }
    unlink(wire.socket_path);
    rmdir(wire.dir);
}

static void start_server(void) {
    snprintf(wire.dir, sizeof wire.dir, "/tmp/jaycache-bench-XXXXXX");
    if (mkdtemp(wire.dir) == NULL) wire_stop("no temporary folder can be made");
    snprintf(wire.socket_path, sizeof wire.socket_path, "%s/socket", wire.dir);
    snprintf(wire.url, sizeof wire.url, "%s%s", wire.plan->url_head, wire.socket_path);
    wire.server = fork();
    if (wire.server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Standard output is for the figures alone. */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        wire.plan->exec_server(wire.dir, wire.socket_path);
        _exit(127);
    }
    atexit(end_server);
    for (int i = 0; i < 1000 && wire.fd < 1; i++) {
        const struct timespec time = {.tv_nsec = 10000000};
        nanosleep(&time, NULL);
        wire.fd = connect_server();
    }
    if (wire.fd < 1) wire_stop("the server does not answer");
}

/* ---- the bare socket ---- */

void wire_send(const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(wire.fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) wire_stop("sending failed");
        data += sent;
        size -= (size_t)sent;
    }
}

size_t wire_receive(const char *end, size_t at_least) {
    size_t have = 0, end_size = strlen(end);
    for (;;) {
        ssize_t got = recv(wire.fd, wire.buffer + have, WIRE_BUFFER_BYTES - have, 0);
        if (got <= 0) wire_stop("receiving failed");
        have += (size_t)got;
        if (have >= at_least && memcmp(wire.buffer + have - end_size, end, end_size) == 0)
            return have;
    }
}

size_t wire_number(const char **at) {
    size_t number = 0;
    while (**at >= '0' && **at <= '9') number = number * 10 + (size_t)(*(*at)++ - '0');
    return number;
}

/* ---- Jaycache ---- */

static uint64_t our_get(size_t size, uint64_t at) {
    size_t key = at % WIRE_KEYS, found = 0;
    int status = jay_get_into(wire.cache, wire.keys[key], wire.key_sizes[key], wire.buffer,
                              WIRE_BUFFER_BYTES, &found, NULL);
    if (status != JAY_OK || found != size) wire_stop("a key is not found");
    return 1;
}

static uint64_t our_set(size_t size, uint64_t at) {
    size_t key = at % WIRE_KEYS;
    if (jay_set(wire.cache, wire.keys[key], wire.key_sizes[key], wire.value, size, 0, NULL) !=
        JAY_OK)
        wire_stop("a key is not stored");
    return 1;
}

static uint64_t our_get_many(size_t size, uint64_t at) {
    jay_bytes keys[WIRE_BATCH];
    jay_value values[WIRE_BATCH];
    for (size_t i = 0; i < WIRE_BATCH; i++)
        keys[i] =
            (jay_bytes){wire.keys[(at + i) % WIRE_KEYS], wire.key_sizes[(at + i) % WIRE_KEYS]};
    if (jay_get_many(wire.cache, keys, WIRE_BATCH, values, NULL, NULL) != JAY_OK)
        wire_stop("a batch failed");
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        if (values[i].size != size) wire_stop("a key of a batch is not found");
    }
    jay_values_release(values, WIRE_BATCH);
    return WIRE_BATCH;
}

static uint64_t our_set_many(size_t size, uint64_t at) {
    jay_pair pairs[WIRE_BATCH];
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        pairs[i] =
            (jay_pair){{wire.keys[(at + i) % WIRE_KEYS], wire.key_sizes[(at + i) % WIRE_KEYS]},
                       {wire.value, size},
                       0};
    }
    if (jay_set_many(wire.cache, pairs, WIRE_BATCH, NULL, NULL) != JAY_OK)
        wire_stop("a batch failed");
    return WIRE_BATCH;
}

/* ---- eight threads ---- */

static jay_cache *team_cache;
static uint64_t team_done[THREADS][16];

static void team_gets(void *arg, unsigned member) {
    int64_t until = *(const int64_t *)arg;
    char *value = malloc(65536);
    uint64_t done = 0;
    if (value == NULL) wire_stop("there is no memory");
    for (; bench_now_ns() < until; done++) {
        size_t key = (done * 7 + member * 131) % WIRE_KEYS, size = 0;
        if (jay_get_into(team_cache, wire.keys[key], wire.key_sizes[key], value, 65536, &size,
                         NULL) != JAY_OK)
            wire_stop("a thread does not find a key");
    }
    team_done[member][0] = done;
    free(value);
}

static double run_team(jay_cache *cache) {
    int64_t start = bench_now_ns(), until = start + 4 * wire.slot_ns;
    team_cache = cache;
    bench_team_run(wire.team, THREADS, team_gets, &until);
    uint64_t done = 0;
    for (size_t i = 0; i < THREADS; i++) done += team_done[i][0];
    return (double)done / ((double)(bench_now_ns() - start) / 1e9);
}

double wire_run_slot(wire_fn *fn, size_t size) {
    uint64_t done = 0;
    int64_t start = bench_now_ns(), now;
    while ((now = bench_now_ns()) - start < wire.slot_ns) done += fn(size, done);
    return (double)done / ((double)(now - start) / 1e9);
}

static void fill(size_t size) {
    for (uint64_t at = 0; at < WIRE_KEYS; at += WIRE_BATCH) our_set_many(size, at);
}

/* ---- cells ---- */

static void name_figure(char to[96], const char *cell, const char *what) {
    snprintf(to, 96, "%s.%s.%s", wire.plan->name, cell, what);
}

static void run_cell(bench_report *report, const wire_cell *which, size_t rounds) {
    double ours[WIRE_ROUNDS_MAX], raw[WIRE_ROUNDS_MAX], peer[WIRE_ROUNDS_MAX];
    char figure[96], against[48];
    wire_fn *const fns[] = {our_get, our_set, our_get_many, our_set_many};
    fill(which->size);
    for (size_t i = 0; i < rounds; i++) {
        raw[i] = wire_run_slot(which->raw, which->size);
        ours[i] = wire_run_slot(fns[which->call], which->size);
        if (which->peer != NULL) peer[i] = wire_run_slot(which->peer, which->size);
    }
    name_figure(figure, which->label, "unix.keys_s");
    bench_report_add(report, figure, "keys/s", ours, rounds, NULL);
    name_figure(figure, which->label, "unix.raw.keys_s");
    bench_report_add(report, figure, "keys/s", raw, rounds, NULL);
    name_figure(figure, which->label, "unix.vs_raw");
    bench_report_add_ratio(report, figure, ours, raw, rounds, NULL);
    snprintf(against, sizeof against, "unix.vs_%s", wire.plan->peer);
    name_figure(figure, which->label, against);
    if (which->peer != NULL) bench_report_add_ratio(report, figure, ours, peer, rounds, NULL);
}

static void run_threads(bench_report *report, size_t rounds) {
    double four[WIRE_ROUNDS_MAX], eight[WIRE_ROUNDS_MAX];
    char figure[96];
    fill(1024);
    for (size_t i = 0; i < rounds; i++) {
        eight[i] = run_team(wire.eight);
        four[i] = run_team(wire.four);
    }
    name_figure(figure, "get.1KiB.8threads.4connections", "keys_s");
    bench_report_add(report, figure, "keys/s", four, rounds, NULL);
    name_figure(figure, "get.1KiB.8threads.4connections", "vs_connection_each");
    bench_report_add_ratio(report, figure, four, eight, rounds, NULL);
}

/* ---- instructions ---- */

/* What runs under valgrind: gets, counted inside of jay_get_into alone. */
static int run_gets(const char *url) {
    char value[2048];
    size_t size = 0;
    if (jay_open(url, NULL, &wire.cache, NULL) != JAY_OK) return 1;
    for (int i = 0; i < VALGRIND_GETS; i++) {
        if (jay_get_into(wire.cache, "key-0000000000000001", 20, value, sizeof value, &size,
                         NULL) != JAY_OK)
            return 1;
    }
    return jay_close(wire.cache) != JAY_OK;
}

static void count_instructions(bench_report *report, const char *program) {
    char command[640], line[256];
    double count = 0;
    char figure[96];
    snprintf(command, sizeof command,
             "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
             "--toggle-collect=jay_get_into '%s' --gets '%s' 2>&1",
             program, wire.url);
    name_figure(figure, "get", "client_instructions");
    fill(1024);
    FILE *output = popen(command, "r");
    if (output == NULL) return;
    while (fgets(line, sizeof line, output) != NULL) {
        const char *place = strstr(line, "Collected : ");
        if (place != NULL) count = strtod(place + 12, NULL) / VALGRIND_GETS;
    }
    if (pclose(output) == 0 && count > 0)
        bench_report_add(report, figure, "instructions", &count, 1,
                         "by callgrind, with the core, without the kernel");
}

/* ---- all of it ---- */

static jay_cache *open_cache(const char *options) {
    char url[256];
    jay_cache *cache;
    jay_error error;
    snprintf(url, sizeof url, "%s%s", wire.url, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) wire_stop(error.message);
    return cache;
}

bool wire_is_wanted(const char *name) {
    return wire.only == NULL || strstr(name, wire.only) != NULL;
}

static void set_up(void) {
    start_server();
    wire.cache = open_cache("");
    wire.four = open_cache("?connections=4");
    wire.eight = open_cache("?connections=8");
    wire.team = bench_team_create(THREADS);
    wire.value = malloc(65536);
    wire.buffer = malloc(WIRE_BUFFER_BYTES);
    wire.request = malloc(WIRE_BUFFER_BYTES);
    if (wire.value == NULL || wire.buffer == NULL || wire.request == NULL)
        wire_stop("there is no memory");
    memset(wire.value, 'v', 65536);
    for (size_t i = 0; i < WIRE_KEYS; i++)
        wire.key_sizes[i] =
            (size_t)snprintf(wire.keys[i], sizeof wire.keys[i], "key-%016u", (unsigned)i);
    if (wire.plan->set_up_peer != NULL) wire.plan->set_up_peer(wire.socket_path);
}

static long parse_number(const char *text, long most) {
    char *end = NULL;
    long number = text != NULL ? strtol(text, &end, 10) : 0;
    if (number < 1 || number > most || *end != '\0') {
        fprintf(stderr,
                "Usage: bench_%s [--json] [--rounds 1..50] [--slot-ms 1..10000] [--only TEXT]\n",
                wire.plan->name);
        exit(2);
    }
    return number;
}

int wire_main(const wire_plan *plan, int argc, char **argv) {
    bool is_json = false;
    long rounds = 5, slot_ms = 200;
    wire.plan = plan;
    if (argc == 3 && strcmp(argv[1], "--gets") == 0) return run_gets(argv[2]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            is_json = true;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = parse_number(argv[++i], WIRE_ROUNDS_MAX);
        } else if (strcmp(argv[i], "--slot-ms") == 0) {
            slot_ms = parse_number(argv[++i], 10000);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            wire.only = argv[++i];
        } else {
            parse_number(NULL, 0);
        }
    }
    wire.slot_ns = (int64_t)slot_ms * 1000000;
    set_up();
    bench_report *report = bench_report_create(stdout, is_json, plan->goals);
    for (size_t i = 0; i < plan->cell_count; i++) {
        if (wire_is_wanted(plan->cells[i].label)) run_cell(report, &plan->cells[i], (size_t)rounds);
    }
    if (wire_is_wanted("get.1KiB.8threads.4connections")) run_threads(report, (size_t)rounds);
    if (wire_is_wanted("get.client_instructions")) count_instructions(report, argv[0]);
    if (wire_is_wanted("faults.late_ms.max")) wire_faults_run(report, (size_t)rounds);
    if (plan->run_more != NULL) plan->run_more(report, (size_t)rounds);
    bench_report_finish(report);
    return 0;
}
