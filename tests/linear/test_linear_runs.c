/*
 * test_linear_runs.c - records what several callers see of the same keys, and checks each key's
 * history.
 *
 *     test_linear_runs URL PROCESSES THREADS
 *
 * With more than one process the URL is that of a store that they share; NAME in it becomes a name
 * of its own. Each round has a store of its own. A round in which nothing was evicted is checked
 * strictly; else a key may have been lost at any moment.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linear_worker.h"

#define NAME "NAME"
#define ROUNDS_MAX 100000
#define SHOWN 24 /* calls before one that cannot be explained */

typedef struct plan {
    const char *url;
    uint32_t processes;
    uint32_t threads;
    char store[48]; /* the name for NAME, or empty */
} plan;

typedef struct thread_start {
    linear_round *round;
    uint32_t worker;
    jay_cache *cache;
} thread_start;

static uint64_t strict_rounds, loose_rounds, checked_events;

static bool open_store(const plan *p, jay_cache **ret_cache) {
    char url[256];
    jay_error error;
    const char *name = strstr(p->url, NAME);
    if (name == NULL) {
        snprintf(url, sizeof url, "%s", p->url);
    } else {
        snprintf(url, sizeof url, "%.*s%s%s", (int)(name - p->url), p->url, p->store,
                 name + sizeof NAME - 1);
    }
    if (jay_open(url, NULL, ret_cache, &error) == JAY_OK) return true;
    fprintf(stderr, "cannot open %s: %s\n", url, error.message);
    return false;
}

static void remove_store(const plan *p) {
    if (strstr(p->url, NAME) != NULL) jay_shm_remove(p->store, NULL);
}

/* ---- workers ---- */

static void *thread_main(void *arg) {
    const thread_start *start = arg;
    linear_work(start->round, start->worker, start->cache);
    return NULL;
}

/* Runs the threads of one process. */
static bool run_threads(linear_round *round, uint32_t first, uint32_t count, jay_cache *cache) {
    pthread_t threads[LINEAR_WORKERS_MAX];
    thread_start starts[LINEAR_WORKERS_MAX];
    uint32_t started = 0;
    while (started < count) {
        starts[started] = (thread_start){round, first + started, cache};
        if (pthread_create(&threads[started], NULL, thread_main, &starts[started]) != 0) break;
        started++;
    }
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    return started == count;
}

static int process_main(const plan *p, linear_round *round, uint32_t process) {
    jay_cache *cache;
    if (!open_store(p, &cache)) return 1;
    bool is_good = run_threads(round, process * p->threads, p->threads, cache);
    return jay_close(cache) == JAY_OK && is_good ? 0 : 1;
}

static bool run_processes(const plan *p, linear_round *round) {
    pid_t pids[LINEAR_WORKERS_MAX];
    bool is_good = true;
    uint32_t started = 0;
    for (; started < p->processes; started++) {
        pids[started] = fork();
        if (pids[started] == 0) _exit(process_main(p, round, started));
        if (pids[started] < 0) {
            perror("fork");
            is_good = false;
            break;
        }
    }
    for (uint32_t i = 0; i < started; i++) {
        int status = 0;
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {}
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "a worker process ended with status %d\n", status);
            is_good = false;
        }
    }
    return is_good;
}

/* ---- checking ---- */

static void show(const linear_event *events, size_t bad) {
    int64_t zero_ns = events[bad > SHOWN ? bad - SHOWN : 0].begin_ns;
    for (size_t i = bad > SHOWN ? bad - SHOWN : 0; i <= bad; i++) {
        const linear_event *e = &events[i];
        fprintf(stderr,
                "%s %9lld..%9lld ns worker %u %-7s status %2d argument %llx expected %llx result "
                "%llx version %llu\n",
                i == bad ? "->" : "  ", (long long)(e->begin_ns - zero_ns),
                (long long)(e->end_ns - zero_ns), e->worker, linear_op_name(e->op), e->status,
                (unsigned long long)e->argument, (unsigned long long)e->expected,
                (unsigned long long)e->result, (unsigned long long)e->version);
    }
}

/* Brings together what all workers noted of one key. */
static size_t gather(const linear_round *round, uint32_t key, linear_event *events) {
    size_t count = 0;
    for (uint32_t worker = 0; worker < round->worker_count; worker++) {
        const linear_log *log = &round->logs[worker];
        for (size_t i = 0; i < log->count; i++) {
            if (log->events[i].key == key) events[count++] = log->events[i];
        }
    }
    return count;
}

static bool check_key(const linear_round *round, uint32_t key, bool may_evict,
                      linear_event *events) {
    static const char *const texts[] = {"good", "not linearizable", "undecided"};
    size_t count = gather(round, key, events), bad = 0;
    linear_result result = linear_check(events, count, may_evict, &bad);
    if (result == LINEAR_GOOD) {
        result = linear_check_versions(events, count, &bad);
        if (result == LINEAR_GOOD) {
            checked_events += count;
            return true;
        }
        fprintf(stderr, "versions and values do not go together\n");
    }
    fprintf(stderr, "key %u, seed %llu, %s: %s\n", key, (unsigned long long)round->seed,
            may_evict ? "with eviction" : "without eviction", texts[result]);
    if (result == LINEAR_BAD) show(events, bad);
    return false;
}

static bool check_log(const linear_log *log, uint32_t worker) {
    if (log->bad_statuses > 0)
        fprintf(stderr, "worker %u: %llu calls failed that should not; the last with %s\n", worker,
                (unsigned long long)log->bad_statuses, jay_status_text(log->last_bad_status));
    if (log->changed_views > 0)
        fprintf(stderr, "worker %u: %llu views changed while they were held\n", worker,
                (unsigned long long)log->changed_views);
    if (log->zero_versions > 0)
        fprintf(stderr, "worker %u: %llu views had no version\n", worker,
                (unsigned long long)log->zero_versions);
    if (log->has_overflowed) fprintf(stderr, "worker %u: too much to note\n", worker);
    return log->bad_statuses + log->changed_views + log->zero_versions == 0 && !log->has_overflowed;
}

static bool check_logs(const linear_round *round) {
    bool is_good = true;
    for (uint32_t i = 0; i < round->worker_count; i++)
        is_good = check_log(&round->logs[i], i) && is_good;
    return is_good;
}

/* One round: a fresh store, the calls, and the check. */
static bool run_round(const plan *p, linear_round *round, linear_event *events) {
    jay_cache *cache;
    jay_stats stats;
    bool is_good = false;
    remove_store(p);
    if (!open_store(p, &cache)) return false;
    if (p->processes > 1 ? run_processes(p, round) : run_threads(round, 0, p->threads, cache)) {
        jay_get_stats(cache, &stats, sizeof stats, NULL);
        bool may_evict = stats.evictions + stats.resets > 0;
        may_evict ? loose_rounds++ : strict_rounds++;
        is_good = check_logs(round);
        for (uint32_t key = 0; key < LINEAR_KEYS; key++)
            is_good = check_key(round, key, may_evict, events) && is_good;
    }
    if (jay_close(cache) != JAY_OK) is_good = false;
    remove_store(p);
    return is_good;
}

static void *map_shared(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void empty(linear_log *log) {
    log->count = 0;
    log->has_overflowed = false;
    log->bad_statuses = log->changed_views = log->zero_versions = 0;
}

static bool run_all(const plan *p, uint64_t first_seed, time_t seconds) {
    linear_round *round = map_shared(sizeof *round);
    linear_event *events = calloc((size_t)LINEAR_WORKERS_MAX * LINEAR_EVENTS, sizeof *events);
    bool is_good = round != NULL && events != NULL;
    time_t end = time(NULL) + seconds;
    for (int i = 0; is_good && i < ROUNDS_MAX && (i < 2 || time(NULL) < end); i++) {
        round->seed = first_seed + (uint64_t)i;
        round->worker_count = p->processes * p->threads;
        /* Sometimes an index that does not grow, mostly one that does all the while. */
        round->noise = i % 4 == 0 ? 20 : 5000;
        atomic_store(&round->ready, 0);
        for (uint32_t worker = 0; worker < round->worker_count; worker++)
            empty(&round->logs[worker]);
        is_good = run_round(p, round, events);
    }
    free(events);
    if (round != NULL) munmap(round, sizeof *round);
    return is_good;
}

static bool read_count(const char *text, uint32_t *ret_count) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != 0 || number < 1 || number > LINEAR_WORKERS_MAX) return false;
    *ret_count = (uint32_t)number;
    return true;
}

int main(int argc, char **argv) {
    plan p = {.url = argc > 1 ? argv[1] : ""};
    if (argc != 4 || !read_count(argv[2], &p.processes) || !read_count(argv[3], &p.threads) ||
        p.processes * p.threads > LINEAR_WORKERS_MAX) {
        fprintf(stderr, "usage: test_linear_runs URL PROCESSES THREADS, %d workers at most\n",
                LINEAR_WORKERS_MAX);
        return 2;
    }
    snprintf(p.store, sizeof p.store, "linear-%ld", (long)getpid());
    const char *is_long = getenv("JAY_TEST_LONG"), *seed = getenv("JAY_TEST_SEED");
    time_t seconds = is_long != NULL && *is_long != 0 && strcmp(is_long, "0") != 0 ? 120 : 3;
    uint64_t first_seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    bool is_good = run_all(&p, first_seed, seconds);
    printf(
        "%s: %llu rounds checked strictly, %llu with eviction, %llu calls; first seed %llu: %s\n",
        p.url, (unsigned long long)strict_rounds, (unsigned long long)loose_rounds,
        (unsigned long long)checked_events, (unsigned long long)first_seed,
        is_good ? "all linearizable" : "NOT LINEARIZABLE");
    return is_good ? 0 : 1;
}
