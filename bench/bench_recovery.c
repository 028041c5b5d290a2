/*
 * bench_recovery.c - how long others wait when a process is killed that was writing to a shared
 * memory cache.
 *
 *     bench_recovery [--json] [--kills N] [--rounds N]
 *
 * A worker process stores entries in a full cache without a pause and says, in memory apart, which
 * key it is at. This process sends it SIGKILL at a random moment and at once stores the same key,
 * which is in the same part of the cache, until that succeeds. The time from before the SIGKILL to
 * then is one value. Often the worker dies with the lock of that part: then this process has to
 * find out, to take the lock over and to rebuild the part. shm.recovery_ms.max is the worst value
 * of all sizes of cache and all rounds. While others use the machine it also tells of them.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "harness.h"

#define VALUE_BYTES 100
#define KILLS_MAX 100000
#define ROUNDS_MAX 100
#define HELD_MS 1.0 /* who waits longer has waited for a dead process */
#define GIVE_UP_NS (INT64_C(30) * 1000000000)

typedef struct bench_cache {
    const char *label;
    const char *options;
    uint64_t keys; /* more than fit */
} bench_cache;

static const bench_cache caches[] = {{"8MiB", "max_bytes=8m", 100000},
                                     {"64MiB", "max_bytes=64m", 700000},
                                     {"256MiB", "max_bytes=256m", 2800000},
                                     {"65536items", "max_bytes=64m&max_items=65536", 100000}};

#define CACHES (sizeof caches / sizeof caches[0])

/* What the worker shows. */
typedef struct bench_board {
    _Atomic uint64_t key;
    _Atomic uint64_t stores;
} bench_board;

typedef struct bench_options {
    bool is_json;
    uint64_t kills; /* in a round, for each cache */
    uint64_t rounds;
} bench_options;

static const bench_goal goals[] = {{"shm.recovery_ms.max", true, 20}, {NULL, false, 0}};
static bench_board *board;
static char name[64];

static void remove_cache(void) {
    jay_shm_remove(name, NULL);
}

_Noreturn static void stop(const char *what, const char *why) {
    fprintf(stderr, "bench_recovery: %s: %s\n", what, why);
    exit(1);
}

static int store(jay_cache *cache, uint64_t number, jay_error *error) {
    static const char value[VALUE_BYTES] = "value";
    char key[32];
    int size = snprintf(key, sizeof key, "sidebar_for/user%010llu", (unsigned long long)number);
    return jay_set(cache, key, (size_t)size, value, sizeof value, JAY_TTL_FOREVER, error);
}

static jay_cache *open_cache(const bench_cache *which) {
    char url[160];
    jay_cache *cache;
    jay_error error;
    snprintf(url, sizeof url, "shm:%s?%s", name, which->options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) stop(url, error.message);
    return cache;
}

_Noreturn static void work(const bench_cache *which, uint64_t seed) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    jay_cache *cache = open_cache(which);
    for (;;) {
        uint64_t number = bench_mix(seed++) % which->keys;
        atomic_store(&board->key, number);
        store(cache, number, NULL);
        atomic_fetch_add(&board->stores, 1);
    }
}

static void sleep_us(uint64_t microseconds) {
    struct timespec wanted = {.tv_nsec = (int32_t)(microseconds * 1000)};
    nanosleep(&wanted, NULL);
}

/* Starts a worker and lets it work for a moment. */
static pid_t start_worker(const bench_cache *which, uint64_t seed) {
    atomic_store(&board->stores, 0);
    pid_t pid = fork();
    if (pid < 0) stop("fork", strerror(errno));
    if (pid == 0) work(which, seed);
    int64_t give_up_ns = bench_now_ns() + GIVE_UP_NS;
    while (atomic_load(&board->stores) < 100) {
        if (waitpid(pid, NULL, WNOHANG) != 0) stop("the worker", "it ended by itself");
        if (bench_now_ns() > give_up_ns) stop("the worker", "it does not get on");
        sleep_us(100);
    }
    sleep_us(bench_mix(seed) % 3000);
    return pid;
}

/* Milliseconds from the death of a worker to the next success. */
static double measure(const bench_cache *which, jay_cache *cache, uint64_t seed) {
    jay_error error;
    pid_t pid = start_worker(which, seed);
    int64_t start_ns = bench_now_ns();
    kill(pid, SIGKILL);
    uint64_t number = atomic_load(&board->key);
    int status;
    while ((status = store(cache, number, &error)) != JAY_OK) {
        if (status != JAY_E_BUSY || bench_now_ns() - start_ns > GIVE_UP_NS)
            stop("storing after the worker died", error.message);
    }
    double taken_ms = (double)(bench_now_ns() - start_ns) / 1e6;
    waitpid(pid, NULL, 0);
    return taken_ms;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Measures one size of cache; the worst value. */
static double run_cache(bench_report *report, const bench_options *options,
                        const bench_cache *which, double *values) {
    double *worst = calloc(options->rounds, sizeof *worst);
    double *middle = calloc(options->rounds, sizeof *middle);
    if (worst == NULL || middle == NULL) stop("memory", "there is none");
    char figure[80], remark[96];
    unsigned long held = 0;
    jay_cache *cache = open_cache(which);
    for (uint64_t i = 0; i < which->keys; i++) store(cache, i, NULL);
    for (uint64_t round = 0; round < options->rounds; round++) {
        for (uint64_t i = 0; i < options->kills; i++) {
            values[i] = measure(which, cache, round * 1000003 + i * 17 + 1);
            held += values[i] > HELD_MS;
        }
        qsort(values, options->kills, sizeof *values, compare_doubles);
        worst[round] = values[options->kills - 1];
        middle[round] = values[options->kills / 2];
    }
    snprintf(remark, sizeof remark, "%lu of %lu kills left a lock", held,
             (unsigned long)(options->rounds * options->kills));
    snprintf(figure, sizeof figure, "shm.recovery_ms.%s.worst", which->label);
    bench_report_add(report, figure, "ms", worst, options->rounds, remark);
    snprintf(figure, sizeof figure, "shm.recovery_ms.%s.median", which->label);
    bench_report_add(report, figure, "ms", middle, options->rounds, NULL);
    double all = bench_summarize(worst, options->rounds).max;
    free(worst);
    free(middle);
    jay_close(cache);
    remove_cache();
    return all;
}

static uint64_t parse_number(const char *text, uint64_t max) {
    char *end;
    errno = 0;
    unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (number == 0 || number > max || errno != 0 || *end != '\0') {
        fputs("Usage: bench_recovery [--json] [--kills 1..100000] [--rounds 1..100]\n", stderr);
        exit(2);
    }
    return number;
}

static bench_options parse_options(int argc, char **argv) {
    bench_options options = {.kills = 40, .rounds = 5};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.is_json = true;
        } else if (strcmp(argv[i], "--kills") == 0) {
            options.kills = parse_number(argv[++i], KILLS_MAX);
        } else if (strcmp(argv[i], "--rounds") == 0) {
            options.rounds = parse_number(argv[++i], ROUNDS_MAX);
        } else {
            parse_number(NULL, 0);
        }
    }
    return options;
}

int main(int argc, char **argv) {
    bench_options options = parse_options(argc, argv);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double *values = calloc(options.kills, sizeof *values);
    if (board == MAP_FAILED || values == NULL) stop("memory", "there is none");
    snprintf(name, sizeof name, "bench-recovery-%d", (int)getpid());
    atexit(remove_cache);
    bench_report *report = bench_report_create(stdout, options.is_json, goals);
    double worst = 0;
    for (size_t i = 0; i < CACHES; i++) {
        double value = run_cache(report, &options, &caches[i], values);
        if (value > worst) worst = value;
    }
    bench_report_add(report, "shm.recovery_ms.max", "ms", &worst, 1, "the worst of all");
    bench_report_finish(report);
    free(values);
    return 0;
}
