/*
 * wire_faults.c - how late calls come back when their server does not answer as it should.
 *
 * For each fault a cache with a short deadline works first, then the fault sets in while eight
 * threads on four connections go on calling: one key, batches and counters, so that calls wait for
 * replies, for connections, and for other threads' trips. What sets in is one of: the server is
 * stopped; a relay between passes a byte of the replies every two milliseconds, or some bytes and
 * then no more; a listener whose backlog is full, which has connects wait; one that accepts and
 * never answers; none at all.
 */
#include "wire_faults.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CALLERS 8
#define DEADLINE_MS 50
#define FAULT_MS 500
#define BATCH 20
#define OPTIONS "deadline=50ms&connect_deadline=50ms&connections=4&retry=1ms"

static void nap(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ---- the relay ---- */

#define PAIRS_MAX 64
#define DRIP_MS 2
#define HOLD_AFTER 100

enum relay_mode { RELAY_PASSES, RELAY_DRIPS, RELAY_HOLDS };

typedef struct relay_pair {
    int client, server;
    size_t let_through; /* bytes of replies, since the relay holds */
} relay_pair;

static struct {
    char path[96];
    int listener;
    pthread_t thread;
    _Atomic int mode; /* enum relay_mode */
    _Atomic bool is_over;
    relay_pair pairs[PAIRS_MAX];
    size_t count;
} relay;

static int listen_at(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0)
        wire_stop("there is no socket to listen at");
    return fd;
}

static void admit(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", wire.socket_path);
    int client = accept(relay.listener, NULL, NULL);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || server < 0 || relay.count == PAIRS_MAX ||
        connect(server, (const struct sockaddr *)&to, sizeof to) != 0) {
        if (client >= 0) close(client);
        if (server >= 0) close(server);
        return;
    }
    relay.pairs[relay.count++] = (relay_pair){client, server, 0};
}

/* Passes on up to `most` bytes. Whether both ends are still there. */
static bool pass(int from, int to, size_t most, size_t *ret_passed) {
    char bytes[65536];
    ssize_t got = recv(from, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    *ret_passed = got > 0 ? (size_t)got : 0;
    if (got < 0) return errno == EAGAIN;
    return got > 0 && send(to, bytes, (size_t)got, MSG_NOSIGNAL) == got;
}

/* Whether the pair goes on. */
static bool serve_pair(relay_pair *pair, enum relay_mode mode) {
    size_t passed, most = mode == RELAY_DRIPS ? 1 : SIZE_MAX;
    if (!pass(pair->client, pair->server, SIZE_MAX, &passed)) return false;
    if (mode == RELAY_HOLDS) most = HOLD_AFTER - pair->let_through;
    if (most == 0) return true;
    bool goes_on = pass(pair->server, pair->client, most, &passed);
    if (mode == RELAY_HOLDS) pair->let_through += passed;
    return goes_on;
}

static void *run_relay(void *arg) {
    (void)arg;
    while (!atomic_load(&relay.is_over)) {
        struct pollfd pollers[1 + 2 * PAIRS_MAX];
        enum relay_mode mode = (enum relay_mode)atomic_load(&relay.mode);
        nfds_t count = 0;
        pollers[count++] = (struct pollfd){.fd = relay.listener, .events = POLLIN};
        for (size_t i = 0; i < relay.count; i++) {
            pollers[count++] = (struct pollfd){.fd = relay.pairs[i].client, .events = POLLIN};
            if (mode != RELAY_PASSES) continue;
            pollers[count++] = (struct pollfd){.fd = relay.pairs[i].server, .events = POLLIN};
        }
        if (mode != RELAY_PASSES) nap(DRIP_MS);
        poll(pollers, count, DRIP_MS);
        if ((pollers[0].revents & POLLIN) != 0) admit();
        for (size_t i = 0; i < relay.count; i++) {
            if (serve_pair(&relay.pairs[i], mode)) continue;
            close(relay.pairs[i].client);
            close(relay.pairs[i].server);
            relay.pairs[i--] = relay.pairs[--relay.count];
        }
    }
    return NULL;
}

static void start_relay(void) {
    snprintf(relay.path, sizeof relay.path, "%s/relay", wire.dir);
    relay.listener = listen_at(relay.path);
    relay.count = 0;
    atomic_store(&relay.is_over, false);
    if (pthread_create(&relay.thread, NULL, run_relay, NULL) != 0)
        wire_stop("there is no thread for a relay");
}

static void stop_relay(void) {
    atomic_store(&relay.is_over, true);
    pthread_join(relay.thread, NULL);
    for (size_t i = 0; i < relay.count; i++) {
        close(relay.pairs[i].client);
        close(relay.pairs[i].server);
    }
    close(relay.listener);
    unlink(relay.path);
}

/* ---- calls ---- */

typedef struct fault_run {
    jay_cache *cache;
    int64_t until_ns;
    double late_ms[CALLERS];
    uint64_t calls[CALLERS], failed[CALLERS];
} fault_run;

/* One call of a kind; its status. */
static int call_once(jay_cache *cache, uint64_t kind, uint64_t at) {
    static char value[1024];
    const char *key = wire.keys[at % WIRE_KEYS];
    size_t key_size = wire.key_sizes[at % WIRE_KEYS], size;
    int64_t number;
    jay_bytes keys[BATCH];
    jay_pair pairs[BATCH];
    jay_value values[BATCH];
    char room[1024];
    int status;
    for (size_t i = 0; i < BATCH; i++) {
        keys[i] =
            (jay_bytes){wire.keys[(at + i) % WIRE_KEYS], wire.key_sizes[(at + i) % WIRE_KEYS]};
        pairs[i] = (jay_pair){keys[i], {value, sizeof value}, 0};
    }
    switch (kind % 8) {
    case 0:
        status = jay_get_many(cache, keys, BATCH, values, NULL, NULL);
        jay_values_release(values, BATCH);
        return status;
    case 1:
        return jay_set_many(cache, pairs, BATCH, NULL, NULL);
    case 2:
        return jay_inc(cache, "faults", 6, 1, 0, &number, NULL);
    case 3:
        return jay_set(cache, key, key_size, value, sizeof value, 0, NULL);
    case 4:
        return jay_delete(cache, "none", 4, NULL);
    default:
        return jay_get_into(cache, key, key_size, room, sizeof room, &size, NULL);
    }
}

static void call_on(void *arg, unsigned member) {
    fault_run *run = arg;
    for (uint64_t i = 0; bench_now_ns() < run->until_ns; i++) {
        int64_t start = bench_now_ns();
        int status = call_once(run->cache, i + member, i * 7 + member * 131);
        double late_ms = (double)(bench_now_ns() - start) / 1e6 - DEADLINE_MS;
        if (late_ms > run->late_ms[member]) run->late_ms[member] = late_ms;
        run->calls[member]++;
        if (status >= 0) continue;
        run->failed[member]++;
        nap(1); /* what fails at once must not take the processors from the others */
    }
}

/* ---- faults ---- */

typedef struct fault {
    const char *name;
    void (*begin)(void); /* sets in; NULL: the address is bad from the first */
    void (*end)(void);
    bool is_relayed;
} fault;

static void stop_server(void) {
    kill(wire.server, SIGSTOP);
}

static void continue_server(void) {
    kill(wire.server, SIGCONT);
}

static void drip(void) {
    atomic_store(&relay.mode, RELAY_DRIPS);
}

static void hold(void) {
    atomic_store(&relay.mode, RELAY_HOLDS);
}

static void pass_again(void) {
    atomic_store(&relay.mode, RELAY_PASSES);
}

static const fault faults[] = {
    {"stopped", stop_server, continue_server, false},
    {"drips", drip, pass_again, true},
    {"holds", hold, pass_again, true},
    {"unanswered", NULL, NULL, false},
    {"unaccepted", NULL, NULL, false},
    {"refused", NULL, NULL, false},
};
#define FAULTS (sizeof faults / sizeof faults[0])

/* A port that does not answer: with a listener that never accepts, whose backlog may be full, or
 * without one. `fds` are to be closed. */
static int bad_port(const char *name, int fds[8]) {
    bool is_full = strcmp(name, "unaccepted") == 0;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fds[0] < 0 || bind(fds[0], (const struct sockaddr *)&at, size) != 0 ||
        getsockname(fds[0], (struct sockaddr *)&at, &size) != 0)
        wire_stop("there is no port to listen at");
    if (strcmp(name, "refused") == 0) return ntohs(at.sin_port);
    if (listen(fds[0], is_full ? 0 : 256) != 0) wire_stop("a port cannot be listened at");
    for (size_t i = 1; i < 8 && is_full; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&at, size);
    }
    return ntohs(at.sin_port);
}

static jay_cache *open_one(const fault *which, int fds[8]) {
    char url[320];
    jay_cache *cache;
    jay_error error;
    if (which->begin == NULL) {
        snprintf(url, sizeof url, "%s://127.0.0.1:%d?" OPTIONS, wire.plan->name,
                 bad_port(which->name, fds));
    } else {
        snprintf(url, sizeof url, "%s%s?" OPTIONS, wire.plan->url_head,
                 which->is_relayed ? relay.path : wire.socket_path);
    }
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) wire_stop(error.message);
    return cache;
}

/* How late the latest call was, in milliseconds; below 0: none was late. */
static double run_fault(const fault *which, uint64_t *ret_calls) {
    fault_run run = {.cache = NULL};
    for (size_t i = 0; i < CALLERS; i++) run.late_ms[i] = -DEADLINE_MS;
    int fds[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    uint64_t failed = 0;
    double late_ms = -DEADLINE_MS;
    if (which->is_relayed) start_relay();
    run.cache = open_one(which, fds);
    if (which->begin != NULL) {
        for (uint64_t i = 0; i < 8; i++) (void)call_once(run.cache, i, i);
        which->begin();
    }
    run.until_ns = bench_now_ns() + (int64_t)FAULT_MS * 1000000;
    bench_team_run(wire.team, CALLERS, call_on, &run);
    if (which->end != NULL) which->end();
    for (size_t i = 0; i < CALLERS; i++) {
        if (run.late_ms[i] > late_ms) late_ms = run.late_ms[i];
        failed += run.failed[i];
        *ret_calls += run.calls[i];
    }
    jay_close(run.cache);
    if (which->is_relayed) stop_relay();
    for (size_t i = 0; i < 8; i++) {
        if (fds[i] >= 0) close(fds[i]);
    }
    if (failed == 0) wire_stop("no call has failed on a server that does not answer");
    return late_ms;
}

void wire_faults_run(bench_report *report, size_t rounds) {
    double most = -DEADLINE_MS;
    uint64_t calls = 0;
    char figure[96], remark[64];
    for (size_t f = 0; f < FAULTS; f++) {
        double late_ms[WIRE_ROUNDS_MAX];
        for (size_t i = 0; i < rounds; i++) {
            late_ms[i] = run_fault(&faults[f], &calls);
            if (late_ms[i] > most) most = late_ms[i];
        }
        snprintf(figure, sizeof figure, "%s.faults.%s.late_ms", wire.plan->name, faults[f].name);
        bench_report_add(report, figure, "ms", late_ms, rounds, "the latest call of each round");
    }
    snprintf(figure, sizeof figure, "%s.faults.late_ms.max", wire.plan->name);
    snprintf(remark, sizeof remark, "of %llu calls with a deadline of %d ms",
             (unsigned long long)calls, DEADLINE_MS);
    bench_report_add(report, figure, "ms", &most, 1, remark);
}
