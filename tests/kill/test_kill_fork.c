/*
 * test_kill_fork.c - fork in the middle of everything.
 *
 * Threads use a memory: and a shm: cache without a pause, and hold views, while the main thread
 * forks again and again: at any moment some thread is inside the library, with a lock. Each child
 * uses both caches through the handles that came along, and releases views taken before the fork.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kill_support.h"

#define THREADS 4
#define KEYS 200
#define CHILD_ROUNDS 300
#define CHILD_SECONDS 30

typedef struct pair {
    jay_cache *caches[2]; /* memory: and shm: */
    _Atomic int is_over;
    _Atomic unsigned long calls;
} pair;

/* "key|number|key|number|..." so that every part says whose it is. */
static size_t make_text(char *text, size_t room, const char *key, unsigned number) {
    size_t used = 0, wanted = 20 + number % 700;
    while (used < wanted && used + 40 < room)
        used += (size_t)snprintf(text + used, room - used, "%s|%u|", key, number);
    return used;
}

static void check_text(const char *key, const char *text, size_t size) {
    char expected[1024];
    unsigned number = 0;
    size_t key_size = strlen(key);
    KILL_CHECK(size > key_size && memcmp(text, key, key_size) == 0 && text[key_size] == '|',
               "%s has another key's value", key);
    number = (unsigned)strtoul(text + key_size + 1, NULL, 10);
    KILL_CHECK(make_text(expected, sizeof expected, key, number) == size &&
                   memcmp(text, expected, size) == 0,
               "%s has a torn value", key);
}

static void check_status(int status, const char *what) {
    KILL_CHECK(status >= 0 || status == JAY_E_BUSY, "%s gives %s", what, jay_status_name(status));
}

/* One turn of everything in one cache. `state` is the thread's own random state. */
static void use_once(jay_cache *cache, uint64_t *state) {
    char key[24], text[1024];
    jay_value value;
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t choice = *state >> 33;
    snprintf(key, sizeof key, "key-%u", (unsigned)(choice % KEYS));
    switch (choice / KEYS % 8) {
    case 0:
    case 1:
    case 2: {
        size_t size = make_text(text, sizeof text, key, (unsigned)(choice % 100003));
        check_status(jay_set(cache, key, strlen(key), text, size, JAY_TTL_FOREVER, NULL), "set");
        break;
    }
    case 3:
        check_status(jay_delete_str(cache, key), "delete");
        break;
    case 4:
        check_status(jay_inc_str(cache, "counter", 1, NULL), "inc");
        break;
    default: {
        int status = jay_get_str(cache, key, &value);
        check_status(status, "get");
        if (status != JAY_OK) break;
        check_text(key, value.data, value.size);
        jay_value_release(&value);
        break;
    }
    }
}

static pair *shared_pair;

static void *run_thread(void *arg) {
    uint64_t state = (uint64_t)(uintptr_t)arg * 977;
    while (!atomic_load(&shared_pair->is_over)) {
        use_once(shared_pair->caches[0], &state);
        use_once(shared_pair->caches[1], &state);
        atomic_fetch_add_explicit(&shared_pair->calls, 2, memory_order_relaxed);
    }
    return NULL;
}

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(unsigned *)arg;
    return 0;
}

static void check_counts(jay_cache *cache, bool is_alone) {
    jay_stats stats;
    unsigned count = 0;
    KILL_CHECK(jay_iterate(cache, count_entry, &count, NULL) == JAY_OK, "iterate fails");
    KILL_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK, "no statistics");
    KILL_CHECK(stats.resets == 0, "%lld resets", (long long)stats.resets);
    KILL_CHECK(!is_alone || stats.items == count, "items is %lld, iterating shows %u",
               (long long)stats.items, count);
}

/* In the child: no other thread came along, so memory: is at rest but for what a thread had begun.
 */
static void run_child(pair *p, jay_value *views, uint64_t seed) {
    uint64_t state = seed;
    alarm(CHILD_SECONDS);
    for (int i = 0; i < 2; i++) check_text("held", views[i].data, views[i].size);
    for (int i = 0; i < CHILD_ROUNDS; i++) {
        use_once(p->caches[0], &state);
        use_once(p->caches[1], &state);
        if (i != CHILD_ROUNDS / 2) continue;
        for (int j = 0; j < 2; j++) {
            check_text("held", views[j].data, views[j].size);
            jay_value_release(&views[j]);
        }
    }
    check_counts(p->caches[0], true);
    check_counts(p->caches[1], false);
    _exit(0);
}

static void hold(pair *p, jay_value *views) {
    char text[1024];
    for (int i = 0; i < 2; i++) {
        int status = JAY_MISS;
        for (int tries = 0; tries < 100 && status != JAY_OK; tries++) {
            size_t size = make_text(text, sizeof text, "held", (unsigned)kill_below(9999));
            jay_set(p->caches[i], "held", 4, text, size, JAY_TTL_FOREVER, NULL);
            status = jay_get_str(p->caches[i], "held", &views[i]);
        }
        KILL_CHECK(status == JAY_OK, "no view to be had: %s", jay_status_name(status));
    }
}

/* Forks, with views held over it, and releases them in the parent, too. */
static void fork_some(pair *p, unsigned count) {
    pid_t pids[4];
    jay_value views[2];
    hold(p, views);
    for (unsigned i = 0; i < count; i++) {
        pids[i] = kill_fork();
        if (pids[i] == 0) run_child(p, views, kill_random());
    }
    for (unsigned i = 0; i < count; i++) {
        if (kill_below(4) == 0) {
            kill_end(pids[i]);
        } else {
            kill_join(pids[i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        check_text("held", views[i].data, views[i].size);
        jay_value_release(&views[i]);
    }
}

int main(void) {
    pair p = {.is_over = 0};
    pthread_t threads[THREADS];
    char url[128];
    kill_begin("kill_fork");
    snprintf(url, sizeof url, "shm:%s?max_bytes=256k&max_processes=32", kill_name());
    KILL_CHECK(jay_open("memory:?max_bytes=256k", NULL, &p.caches[0], NULL) == JAY_OK,
               "memory: cannot be opened");
    KILL_CHECK(jay_open(url, NULL, &p.caches[1], NULL) == JAY_OK, "shm: cannot be opened");
    shared_pair = &p;
    for (uintptr_t i = 0; i < THREADS; i++)
        KILL_CHECK(pthread_create(&threads[i], NULL, run_thread, (void *)(i + 1)) == 0,
                   "no thread");
    unsigned forks = 0;
    int64_t end_ns = kill_now_ns() + (kill_is_long() ? INT64_C(60) : INT64_C(5)) * 1000000000;
    while (kill_now_ns() < end_ns) {
        unsigned count = 1 + (unsigned)kill_below(3);
        kill_about(60, "fork %u", forks);
        fork_some(&p, count);
        forks += count;
    }
    atomic_store(&p.is_over, 1);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) check_counts(p.caches[i], true);
    for (int i = 0; i < 2; i++)
        KILL_CHECK(jay_close(p.caches[i]) == JAY_OK, "cache %d cannot be closed", i);
    printf("%u children forked beside %lu calls\n", forks, atomic_load(&p.calls));
    return 0;
}
