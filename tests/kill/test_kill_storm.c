/*
 * test_kill_storm.c - workers (storm.h), any of which is killed at any moment.
 *
 *     test_kill_storm OPTIONS    of the cache, as in a URL
 *
 * The parent sends SIGKILL to workers, and SIGSTOP and later SIGCONT to some, and starts new ones.
 * It watches that none is in a call for too long. In the end all are killed, and it looks at what
 * is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region_audit.h"
#include "storm.h"

#define CALL_LIMIT_NS (INT64_C(30) * 1000000000) /* a call of a worker that is not stopped */
#define SHORT_SECONDS 7
#define LONG_SECONDS 90
#define LATENCIES 65536

static storm_board *board;
static pid_t pids[STORM_WORKERS];
static unsigned long killed, stopped;

/* What a process that nobody disturbs has to wait for its calls. */
typedef struct calm_record {
    _Atomic uint32_t count;
    int64_t nanoseconds[LATENCIES];
} calm_record;

static calm_record *calm;

static void check_status(unsigned slot, int status) {
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
    kill_fail("worker %u ended with %s %d: %s", slot, WIFEXITED(status) ? "status" : "signal",
              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), board->slots[slot].fault);
}

static void start_worker(unsigned slot) {
    atomic_store(&board->slots[slot].since_ns, 0);
    pids[slot] = kill_fork();
    if (pids[slot] != 0) return;
    storm_work(board, slot);
    _exit(0);
}

static void kill_worker(unsigned slot) {
    int status;
    kill(pids[slot], SIGKILL);
    while (waitpid(pids[slot], &status, 0) < 0 && errno == EINTR) {}
    check_status(slot, status);
    killed++;
}

static void stop_worker_for_a_while(unsigned slot) {
    kill(pids[slot], SIGSTOP);
    kill_sleep_us(kill_below(4) == 0 ? kill_below(30000) : kill_below(3000));
    /* That it waited is not the library's fault. */
    if (atomic_load(&board->slots[slot].since_ns) != 0)
        atomic_store(&board->slots[slot].since_ns, kill_now_ns());
    kill(pids[slot], SIGCONT);
    stopped++;
}

static void watch_workers(void) {
    int64_t now_ns = kill_now_ns();
    for (unsigned slot = 0; slot < STORM_WORKERS; slot++) {
        int status;
        if (waitpid(pids[slot], &status, WNOHANG) == pids[slot]) {
            check_status(slot, status);
            kill_fail("worker %u was killed by someone else", slot);
        }
        int64_t since_ns = atomic_load(&board->slots[slot].since_ns);
        KILL_CHECK(since_ns == 0 || now_ns - since_ns < CALL_LIMIT_NS,
                   "worker %u has been in call %u for %lld s", slot,
                   atomic_load(&board->slots[slot].call),
                   (long long)((now_ns - since_ns) / 1000000000));
    }
}

/* The process that is never killed: a set and a get, over and over. */
static void run_calm(void) {
    jay_cache *cache;
    KILL_CHECK(jay_open(board->url, NULL, &cache, NULL) == JAY_OK, "the calm one cannot open");
    while (!atomic_load(&board->is_over)) {
        char key[32], text[32];
        size_t size;
        snprintf(key, sizeof key, "calm-%u", (unsigned)kill_below(64));
        int64_t start_ns = kill_now_ns();
        int status = jay_set_str(cache, key, key, JAY_TTL_FOREVER);
        int64_t taken_ns = kill_now_ns() - start_ns;
        KILL_CHECK(status == JAY_OK || status == JAY_E_BUSY || status == JAY_E_FULL, "set gives %s",
                   jay_status_name(status));
        uint32_t at = atomic_fetch_add(&calm->count, 1);
        calm->nanoseconds[at % LATENCIES] = taken_ns;
        if (jay_get_into(cache, key, strlen(key), text, sizeof text, &size, NULL) == JAY_OK)
            KILL_CHECK(size == strlen(key) && memcmp(text, key, size) == 0, "a wrong value");
        kill_sleep_us(200);
    }
    KILL_CHECK(jay_close(cache) == JAY_OK, "the calm one cannot close");
}

static int compare_times(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double at_rank(const calm_record *sorted, size_t rank) {
    return (double)sorted->nanoseconds[rank] / 1e6;
}

static void report(void) {
    uint64_t sums[STORM_COUNTS] = {0};
    for (unsigned slot = 0; slot < STORM_WORKERS; slot++) {
        for (int i = 0; i < STORM_COUNTS; i++)
            sums[i] += atomic_load(&board->slots[slot].counts[i]);
    }
    printf("%lu killed, %lu stopped for a while; %llu calls done, %llu writes; %llu misses and the "
           "like, %llu busy, %llu full\n",
           killed, stopped, (unsigned long long)sums[STORM_HITS],
           (unsigned long long)sums[STORM_WRITES], (unsigned long long)sums[STORM_MISSES],
           (unsigned long long)sums[STORM_BUSY], (unsigned long long)sums[STORM_FULL]);
    size_t count = atomic_load(&calm->count);
    if (count > LATENCIES) count = LATENCIES;
    if (count == 0) return;
    qsort(calm->nanoseconds, count, sizeof calm->nanoseconds[0], compare_times);
    printf("a set by a process left alone: median %.3f ms, 99%% %.3f ms, 99.9%% %.3f ms, most "
           "%.3f ms of %zu\n",
           at_rank(calm, count / 2), at_rank(calm, count * 99 / 100),
           at_rank(calm, count * 999 / 1000), at_rank(calm, count - 1), count);
}

/* ---- what is left ---- */

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(unsigned *)arg;
    return 0;
}

static void audit(const char *name) {
    char path[128];
    struct stat st;
    jayi_region region;
    snprintf(path, sizeof path, "/dev/shm/jaycache.%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    KILL_CHECK(fd >= 0 && fstat(fd, &st) == 0, "cannot open %s", path);
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    KILL_CHECK(base != MAP_FAILED, "cannot map %s", path);
    memset(&region, 0, sizeof region);
    KILL_CHECK(jayi_region_bind(&region, base, (uint64_t)st.st_size, NULL) == JAY_OK,
               "the header is damaged");
    const char *fault = region_audit(&region);
    KILL_CHECK(fault == NULL, "the region does not add up: %s", fault);
    munmap(base, (size_t)st.st_size);
}

/* The dead hold no memory: all of the cache can be used. */
static void refill(jay_cache *cache, const jay_stats *stats) {
    static unsigned char bytes[STORM_VALUE_MAX];
    char key[32];
    for (int64_t stored = 0; stored < 2 * stats->max_bytes; stored += STORM_VALUE_MAX) {
        size_t size = (size_t)snprintf(key, sizeof key, "refill-%lld", (long long)stored);
        jay_error error;
        KILL_CHECK(jay_set(cache, key, size, bytes, sizeof bytes, JAY_TTL_FOREVER, &error) ==
                       JAY_OK,
                   "afterwards: %s", error.message);
    }
}

static void check_remains(const char *name) {
    jay_cache *cache;
    jay_error error;
    jay_stats stats;
    unsigned count = 0;
    kill_about(60, "the remains");
    KILL_CHECK(jay_open(board->url, NULL, &cache, &error) == JAY_OK, "%s", error.message);
    unsigned found = storm_check_all(board, cache);
    KILL_CHECK(jay_iterate(cache, count_entry, &count, &error) == JAY_OK, "%s", error.message);
    KILL_CHECK(jay_get_stats(cache, &stats, sizeof stats, &error) == JAY_OK, "%s", error.message);
    KILL_CHECK(stats.resets == 0, "%lld resets", (long long)stats.resets);
    KILL_CHECK(stats.items >= count && count >= found,
               "items is %lld, iterating shows %u, reading finds %u", (long long)stats.items, count,
               found);
    audit(name);
    refill(cache, &stats);
    audit(name);
    KILL_CHECK(jay_clear(cache, &error) == JAY_OK, "%s", error.message);
    KILL_CHECK(jay_get_stats(cache, &stats, sizeof stats, &error) == JAY_OK, "%s", error.message);
    KILL_CHECK(stats.items == 0 && stats.resets == 0, "%lld items after clear",
               (long long)stats.items);
    KILL_CHECK(jay_close(cache) == JAY_OK, "it cannot be closed");
    printf("%u entries were left, all of them whole\n", found);
}

int main(int argc, char **argv) {
    kill_begin("kill_storm");
    board = kill_shared_memory(sizeof *board);
    calm = kill_shared_memory(sizeof *calm);
    const char *name = kill_name();
    snprintf(board->url, sizeof board->url, "shm:%s?%s", name,
             argc == 2 ? argv[1] : "max_bytes=2m&max_processes=12");
    unsigned seconds = kill_is_long() ? LONG_SECONDS : SHORT_SECONDS;
    kill_about(seconds + 60, "the storm over %s", board->url);
    pid_t calm_pid = kill_fork();
    if (calm_pid == 0) {
        run_calm();
        _exit(0);
    }
    for (unsigned slot = 0; slot < STORM_WORKERS; slot++) start_worker(slot);
    int64_t end_ns = kill_now_ns() + (int64_t)seconds * 1000000000;
    while (kill_now_ns() < end_ns) {
        unsigned slot = (unsigned)kill_below(STORM_WORKERS);
        kill_sleep_us(kill_below(8) == 0 ? kill_below(20000) : kill_below(1500));
        watch_workers();
        if (kill_below(5) == 0) {
            stop_worker_for_a_while(slot);
        } else {
            kill_worker(slot);
            start_worker(slot);
        }
    }
    for (unsigned slot = 0; slot < STORM_WORKERS; slot++) kill_worker(slot);
    atomic_store(&board->is_over, 1);
    kill_join(calm_pid);
    report();
    check_remains(name);
    return 0;
}
