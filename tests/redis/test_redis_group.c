/*
 * test_redis_group.c - clusters and masters behind sentinels under load: slots that move, and
 * masters that are killed, while sixteen threads check every value.
 *
 * Each thread has keys of its own and stores ever higher numbers under them. While all servers are
 * well, what it finds is what it stored last. A failover may lose what the old master had not
 * passed on (replication does not wait), so then it may find a lower number, or nothing, but never
 * what it did not store there.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "redis_group.h"

#define THREADS 16
#define KEYS 24
#define ROUNDS 6000 /* of 10 ms */

static redis_group group;

static int tear_down(void **state) {
    (void)state;
    redis_group_end(&group);
    return 0;
}

static void pause_shortly(void) {
    const struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

/* `name`: of the master behind sentinels, with a slash before it. */
static jay_cache *open_cache(const char *scheme, const char *name, const char *options) {
    char url[512];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "%s://%s%s?%s", scheme, group.nodes, name, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s: %s", url, error.message);
    return cache;
}

/* ---- a load ---- */

typedef struct load {
    jay_cache *cache;
    _Atomic bool is_over;
    _Atomic bool is_lossy; /* a failover may happen, or has */
    _Atomic long rounds;   /* in which all went well */
    _Atomic long failures;
    _Atomic int faults; /* what must never be */
    char message[256];  /* of the first fault or failure */
} load;

typedef struct worker {
    load *load;
    int number;
    char keys[KEYS][40];
    long stored[KEYS];    /* the last number known to be stored; 0: perhaps none */
    long attempted[KEYS]; /* the highest that may be */
    int64_t counted;      /* what the counter must be at least */
} worker;

static void note(load *l, bool is_fault, const char *what, const char *key, int status) {
    if (is_fault ? atomic_fetch_add(&l->faults, 1) == 0
                 : atomic_fetch_add(&l->failures, 1) == 0 && l->faults == 0)
        snprintf(l->message, sizeof l->message, "%s of %s: %s", what, key, jay_status_name(status));
}

/* A value says whose it is: key and number, again and again. */
static size_t compose(const char *key, long number, char *value) {
    int size = snprintf(value, 128, "%s=%ld;", key, number);
    size_t whole = (size_t)size;
    for (int i = 1; i < 1 + (int)(number % 7); i++) {
        memcpy(value + whole, value, (size_t)size);
        whole += (size_t)size;
    }
    return whole;
}

static void check(worker *w, int key, const jay_value *view) {
    char wanted[1024];
    const char *text = view->data, *equals = memchr(text, '=', view->size);
    long number = equals != NULL ? strtol(equals + 1, NULL, 10) : -1;
    size_t size = number > 0 ? compose(w->keys[key], number, wanted) : 0;
    bool is_own = size > 0 && size == view->size && memcmp(wanted, text, size) == 0;
    bool is_old = number < w->stored[key] && !atomic_load(&w->load->is_lossy);
    if (!is_own || is_old || number > w->attempted[key])
        note(w->load, true, is_own ? "an old value" : "a wrong value", w->keys[key], JAY_OK);
    w->stored[key] = number;
}

static void take(worker *w, int key, int status, jay_value *view) {
    if (status == JAY_OK) check(w, key, view);
    if (status == JAY_MISS && w->stored[key] > 0 && !atomic_load(&w->load->is_lossy))
        note(w->load, true, "a lost value", w->keys[key], status);
    if (status < 0) note(w->load, false, "get", w->keys[key], status);
    jay_value_release(view);
}

static void store_all(worker *w, long number, bool *ret_is_well) {
    char values[KEYS][1024];
    jay_pair pairs[KEYS];
    int statuses[KEYS];
    for (int i = 0; i < KEYS; i++) {
        size_t size = compose(w->keys[i], number, values[i]);
        pairs[i] = (jay_pair){{w->keys[i], strlen(w->keys[i])}, {values[i], size}, 0};
        w->attempted[i] = number;
    }
    (void)jay_set_many(w->load->cache, pairs, KEYS, statuses, NULL);
    for (int i = 0; i < KEYS; i++) {
        if (statuses[i] == JAY_OK) w->stored[i] = number;
        if (statuses[i] < 0) note(w->load, false, "set_many", w->keys[i], statuses[i]);
        *ret_is_well &= statuses[i] == JAY_OK;
    }
}

static void look_at_all(worker *w) {
    jay_bytes keys[KEYS];
    jay_value views[KEYS];
    int statuses[KEYS];
    for (int i = 0; i < KEYS; i++) {
        keys[i] = (jay_bytes){w->keys[i], strlen(w->keys[i])};
        views[i] = (jay_value)JAY_VALUE_INIT;
    }
    (void)jay_get_many(w->load->cache, keys, KEYS, views, statuses, NULL);
    for (int i = 0; i < KEYS; i++) take(w, i, statuses[i], &views[i]);
}

/* One by one: set, get, and cas against the version that get gave. */
static void use_one(worker *w, int key, long number, bool *ret_is_well) {
    char value[1024];
    size_t key_size = strlen(w->keys[key]), size = compose(w->keys[key], number, value);
    jay_value view = JAY_VALUE_INIT;
    w->attempted[key] = number;
    int status = jay_set(w->load->cache, w->keys[key], key_size, value, size, 0, NULL);
    if (status == JAY_OK) w->stored[key] = number;
    if (status < 0) note(w->load, false, "set", w->keys[key], status);
    *ret_is_well &= status == JAY_OK;
    status = jay_get(w->load->cache, w->keys[key], key_size, &view, NULL);
    uint64_t version = status == JAY_OK ? view.version : 0;
    take(w, key, status, &view);
    if (version == 0) return;
    size = compose(w->keys[key], number + 1, value);
    w->attempted[key] = number + 1;
    status = jay_cas(w->load->cache, w->keys[key], key_size, value, size, 0, version, NULL);
    if (status == JAY_OK) w->stored[key] = number + 1;
    if (status != JAY_OK && !atomic_load(&w->load->is_lossy))
        note(w->load, status > 0, "cas", w->keys[key], status);
}

static void count(worker *w, bool *ret_is_well) {
    char key[40];
    int64_t number = 0;
    int size = snprintf(key, sizeof key, "{t%d}counter", w->number);
    int status = jay_inc(w->load->cache, key, (size_t)size, 1, 0, &number, NULL);
    *ret_is_well &= status == JAY_OK;
    if (status < 0) note(w->load, false, "inc", key, status);
    if (status != JAY_OK) return;
    if (number != w->counted + 1 && !atomic_load(&w->load->is_lossy))
        note(w->load, true, "a wrong count", key, status);
    w->counted = number;
}

static void *work(void *arg) {
    worker *w = arg;
    for (long number = 1; !atomic_load(&w->load->is_over); number += 4) {
        bool is_well = true;
        store_all(w, number, &is_well);
        look_at_all(w);
        use_one(w, (int)(number / 4 % KEYS), number + 1, &is_well);
        count(w, &is_well);
        if (is_well) atomic_fetch_add(&w->load->rounds, 1);
    }
    return NULL;
}

static void start_load(load *l, worker *workers, pthread_t *threads) {
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.load = l, .number = i};
        /* Half of the keys in one slot a thread, the others all over. */
        for (int k = 0; k < KEYS; k++)
            snprintf(workers[i].keys[k], sizeof workers[i].keys[k],
                     k % 2 == 0 ? "{t%d}%d" : "t%d.%d", i, k);
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) fail_msg("no thread");
    }
}

/* Waits until every thread could have gone well round several times. */
static void await_rounds(load *l, long more) {
    long wanted = atomic_load(&l->rounds) + more;
    for (int i = 0; i < ROUNDS; i++) {
        if (atomic_load(&l->rounds) >= wanted) return;
        pause_shortly();
    }
    fail_msg("the threads do not get on: %s", l->message);
}

static void end_load(load *l, pthread_t *threads) {
    atomic_store(&l->is_over, true);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    if (l->faults > 0) fail_msg("%d faults, the first: %s", l->faults, l->message);
}

/* ---- slots that move ---- */

static int slot_of(const char *key) {
    char line[80], reply[64];
    snprintf(line, sizeof line, "CLUSTER KEYSLOT %s", key);
    if (!redis_server_say(&group.servers[0], line, reply, sizeof reply)) fail_msg("no slot");
    return atoi(reply + 1);
}

/* Nothing fails and nothing is lost, for no server does. */
static void reshard_under_load(void **state) {
    (void)state;
    redis_group_start_cluster(&group, "60000");
    load l = {.cache = open_cache("redis+cluster", "", "deadline=60s&connect_deadline=30s")};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    start_load(&l, workers, threads);
    await_rounds(&l, THREADS);
    for (int i = 0; i < THREADS; i++) {
        char key[16];
        snprintf(key, sizeof key, "{t%d}", i);
        int slot = slot_of(key), home = slot * 3 / 16384;
        redis_group_move_slot(&group, slot, (size_t)home, (size_t)((home + 1) % 3));
        if (i % 2 == 0) await_rounds(&l, 4);
        /* And a third one learns of it late. */
        redis_group_move_slot(&group, slot, (size_t)((home + 1) % 3), (size_t)((home + 2) % 3));
    }
    await_rounds(&l, THREADS);
    end_load(&l, threads);
    if (l.failures > 0) fail_msg("%ld failures, the first: %s", l.failures, l.message);
    jay_stats stats;
    assert_int_equal(jay_get_stats(l.cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.items, THREADS * (KEYS + 1));
    assert_int_equal(jay_clear(l.cache, NULL), JAY_OK);
    assert_int_equal(jay_get_stats(l.cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.items, 0);
    jay_close(l.cache);
}

/* ---- masters that are killed ---- */

static void kill_cluster_master(void **state) {
    (void)state;
    redis_group_start_cluster(&group, "1500");
    load l = {.cache = open_cache("redis+cluster", "", "deadline=3s&retry=20ms"), .is_lossy = true};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    start_load(&l, workers, threads);
    await_rounds(&l, THREADS);
    redis_server_kill(&group.servers[1]);
    redis_group_await(&group, 4, "ROLE", "master");
    redis_group_await(&group, 0, "CLUSTER INFO", "cluster_state:ok");
    await_rounds(&l, 4 * THREADS);
    /* It comes back as a replica, and nobody goes to it again. */
    redis_server_start(&group.servers[1]);
    redis_group_await(&group, 1, "ROLE", "slave");
    await_rounds(&l, THREADS);
    end_load(&l, threads);
    jay_close(l.cache);
}

static void kill_watched_master(void **state) {
    (void)state;
    redis_group_start_sentinels(&group, "1000");
    load l = {.cache = open_cache("redis+sentinel", "/mymaster", "deadline=3s&retry=20ms"),
              .is_lossy = true};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    char before[64], after[64];
    start_load(&l, workers, threads);
    await_rounds(&l, THREADS);
    const char *ask = "SENTINEL GET-MASTER-ADDR-BY-NAME " REDIS_GROUP_NAME;
    assert_true(redis_server_say(&group.servers[3], ask, before, sizeof before));
    redis_server_kill(&group.servers[0]);
    /* One sentinel after the other goes, too, when they have agreed on another master. */
    for (size_t i = 3; i < 6; i++) {
        bool is_other = false;
        for (int j = 0; j < ROUNDS && !is_other; j++) {
            is_other = redis_server_say(&group.servers[i], ask, after, sizeof after) &&
                       strcmp(before, after) != 0;
            if (!is_other) pause_shortly();
        }
        assert_true(is_other);
    }
    redis_server_kill(&group.servers[3]);
    await_rounds(&l, 4 * THREADS);
    redis_server_start(&group.servers[0]);
    redis_group_await(&group, 0, "ROLE", "slave");
    await_rounds(&l, THREADS);
    end_load(&l, threads);
    jay_close(l.cache);
}

/* ---- replicas ---- */

/* The node that is asked for the map, the first one, names replicas only when it has heard how far
 * they have got, which they tell twice in the time after which a node counts as down. */
static void start_cluster_with_replicas(void) {
    char port[16];
    redis_group_start_cluster(&group, "8000");
    for (size_t i = 3; i < 6; i++) {
        snprintf(port, sizeof port, ":%d", group.servers[i].port);
        redis_group_await(&group, 0, "CLUSTER SLOTS", port);
    }
}

static void reads_from_replicas(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        if (i == 0) start_cluster_with_replicas();
        if (i == 1) redis_group_start_sentinels(&group, "60000");
        jay_cache *cache = open_cache(i == 0 ? "redis+cluster" : "redis+sentinel",
                                      i == 0 ? "" : "/mymaster", "read_from=replica&deadline=30s");
        assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
        /* What was stored gets there by and by. */
        for (int j = 0; j < ROUNDS && jay_has_str(cache, "k") == JAY_MISS; j++) pause_shortly();
        jay_value view = JAY_VALUE_INIT;
        assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
        assert_string_equal(view.data, "v");
        jay_value_release(&view);
        long seen = 0;
        for (size_t s = 1; s < (i == 0 ? 6u : 3u); s++) {
            char reply[4096] = "";
            if (i == 0 && s < 3) continue;
            assert_true(
                redis_server_say(&group.servers[s], "INFO commandstats", reply, sizeof reply));
            seen += strstr(reply, "cmdstat_get:") != NULL;
        }
        assert_int_equal(seen, 1);
        jay_close(cache);
        redis_group_end(&group);
    }
}

static void urls(void **state) {
    (void)state;
    static const char *const refused[] = {"redis+cluster://h/3",    "redis+cluster:///run/x.sock",
                                          "redis+sentinel://h",     "redis+sentinel://h/",
                                          "redis+sentinel://h/m/x", "redis+cluster://h:0"};
    jay_cache *cache;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int status = jay_open(refused[i], NULL, &cache, NULL);
        if (status != JAY_E_URL) fail_msg("%s: %s", refused[i], jay_status_name(status));
    }
    assert_int_equal(jay_open("redis+cluster://h?read_from=x", NULL, &cache, NULL),
                     JAY_E_OPTION_VALUE);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test_teardown(reads_from_replicas, tear_down),
        cmocka_unit_test_teardown(reshard_under_load, tear_down),
        cmocka_unit_test_teardown(kill_cluster_master, tear_down),
        cmocka_unit_test_teardown(kill_watched_master, tear_down),
    };
    /* One by its name, else the one that needs no servers. */
    cmocka_set_test_filter(argc > 1 ? argv[1] : "urls");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
