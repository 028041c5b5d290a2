/*
 * test_redis_faults.c - a server that dies, hangs, comes back, or answers nonsense: calls end,
 * failures are reported, no reply reaches the wrong caller, and all is well again afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "crowd.h"
#include "faulty_proxy.h"
#include "redis_server.h"

#define RECOVERY_ROUNDS 3000 /* of 10 ms */

static redis_server server;

static jay_cache *open_at(const char *address, const char *options) {
    char url[1200];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "%s?%s", address, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

static jay_cache *open_cache(const char *options) {
    char address[160];
    snprintf(address, sizeof address, "redis+unix://%s", server.socket);
    return open_at(address, options);
}

static int set_up(void **state) {
    (void)state;
    redis_server_init(&server);
    redis_server_start(&server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_deinit(&server);
    return 0;
}

/* The text under a key is the key itself, a hundred times: so a value says whose it is. */
static size_t value_of(const char *key, char *value) {
    size_t size = strlen(key);
    for (int i = 0; i < 100; i++) memcpy(value + (size_t)i * size, key, size);
    return size * 100;
}

static int put(jay_cache *cache, const char *key) {
    char value[4096];
    size_t size = value_of(key, value);
    return jay_set(cache, key, strlen(key), value, size, 0, NULL);
}

/* Looks a key up, by one of several ways. Ends the test when what is found is wrong. */
static int look_up(jay_cache *cache, const char *key, bool is_batch) {
    char wanted[4096];
    size_t size = value_of(key, wanted);
    jay_value view = JAY_VALUE_INIT;
    jay_bytes bytes = {key, strlen(key)};
    int status = JAY_OK;
    if (is_batch) {
        (void)jay_get_many(cache, &bytes, 1, &view, &status, NULL);
    } else {
        status = jay_get(cache, key, strlen(key), &view, NULL);
    }
    if (status == JAY_OK && (view.size != size || memcmp(view.data, wanted, size) != 0))
        fail_msg("'%s' is found with another value", key);
    jay_value_release(&view);
    return status;
}

static void pause_shortly(void) {
    const struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

static void await_recovery(jay_cache *cache, const char *key) {
    for (int i = 0; i < RECOVERY_ROUNDS; i++) {
        if (put(cache, key) == JAY_OK && look_up(cache, key, false) == JAY_OK) return;
        pause_shortly();
    }
    fail_msg("'%s' cannot be stored and found again", key);
}

/* ---- death and return ---- */

static void killed_and_restarted(void **state) {
    (void)state;
    jay_cache *strict = open_cache("retry=10ms");
    jay_cache *lenient = open_cache("retry=10ms&outage=miss");
    assert_int_equal(put(strict, "a"), JAY_OK);
    assert_int_equal(look_up(lenient, "a", false), JAY_OK);
    redis_server_kill(&server);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(look_up(strict, "a", i % 2 == 1), JAY_E_UNREACHABLE);
        assert_int_equal(look_up(lenient, "a", i % 2 == 1), JAY_MISS);
        /* What was not done is never said to be done. */
        assert_int_equal(jay_delete_str(lenient, "a"), JAY_E_UNREACHABLE);
        assert_int_equal(put(lenient, "a"), JAY_E_UNREACHABLE);
        assert_int_equal(jay_clear(lenient, NULL), JAY_E_UNREACHABLE);
        assert_int_equal(jay_inc_str(lenient, "n", 1, NULL), JAY_E_UNREACHABLE);
    }
    redis_server_start(&server);
    await_recovery(strict, "b");
    await_recovery(lenient, "c");
    assert_int_equal(look_up(strict, "a", false), JAY_MISS);
    jay_close(strict);
    jay_close(lenient);
}

/* A connection that has gone stale while nobody used it is no failure. */
static void restarted_unseen(void **state) {
    (void)state;
    jay_cache *cache = open_cache("");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(put(cache, "a"), JAY_OK);
        redis_server_kill(&server);
        redis_server_start(&server);
        assert_int_equal(look_up(cache, "a", i % 2 == 1), JAY_MISS);
    }
    jay_close(cache);
}

static void stopped_and_continued(void **state) {
    (void)state;
    jay_cache *cache = open_cache("deadline=100ms&retry=10ms");
    await_recovery(cache, "a");
    redis_server_stop(&server);
    int late = 0, out = 0;
    for (int i = 0; i < 10; i++) {
        int status = look_up(cache, "a", i % 2 == 1);
        late += status == JAY_E_TIMEOUT;
        out += status == JAY_E_UNREACHABLE;
    }
    assert_int_equal(late + out, 10);
    assert_true(late >= 2);
    redis_server_continue(&server);
    await_recovery(cache, "a");
    assert_int_equal(look_up(cache, "a", true), JAY_OK);
    jay_close(cache);
}

/* ---- nonsense ---- */

static void spoil(jay_cache *cache, faulty_proxy *proxy, enum proxy_fault fault, long position) {
    faulty_proxy_spoil(proxy, fault, position);
    for (int i = 0; i < 3; i++) {
        /* What is spoilt may be a value's own byte, which nobody can tell. */
        if (fault != PROXY_GARBLE) {
            (void)look_up(cache, i % 2 == 0 ? "alpha" : "beta", i == 1);
        } else {
            (void)jay_has_str(cache, "alpha");
        }
    }
    faulty_proxy_spoil(proxy, PROXY_NONE, 0);
}

static void spoilt_replies(void **state) {
    (void)state;
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server.port), 0);
    char address[64];
    snprintf(address, sizeof address, "redis://127.0.0.1:%d/", proxy.port);
    static const enum proxy_fault faults[] = {PROXY_CLOSE, PROXY_GARBLE, PROXY_REPEAT, PROXY_SPLIT,
                                              PROXY_HOLD};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        /* Every byte of the heads of replies, some of the values. What is held costs its deadline.
         */
        long step = faults[i] == PROXY_HOLD ? 5 : 1;
        for (long position = 0; position < 1100; position += position < 30 ? step : 97) {
            jay_cache *cache = open_at(address, "retry=1ms&deadline=150ms&connections=2");
            await_recovery(cache, "alpha");
            await_recovery(cache, "beta");
            spoil(cache, &proxy, faults[i], position);
            await_recovery(cache, "alpha");
            if (look_up(cache, "beta", true) < 0) await_recovery(cache, "beta");
            jay_close(cache);
        }
    }
    faulty_proxy_stop(&proxy);
}

/* ---- batches of large values, asked for in groups ---- */

#define MANY 24
#define MANY_BYTES 8192

static char many_names[MANY][4];

/* Every byte of a value is its item's letter, so a shift within it shows at its end only. */
static int look_up_many(jay_cache *cache) {
    jay_bytes keys[MANY];
    jay_value values[MANY];
    int statuses[MANY], found = 0;
    char wanted[MANY_BYTES];
    for (size_t i = 0; i < MANY; i++) keys[i] = (jay_bytes){many_names[i], strlen(many_names[i])};
    (void)jay_get_many(cache, keys, MANY, values, statuses, NULL);
    for (size_t i = 0; i < MANY; i++) {
        if (statuses[i] != JAY_OK) {
            assert_true(statuses[i] < 0);
            continue;
        }
        memset(wanted, (int)('A' + i), sizeof wanted);
        assert_int_equal(values[i].size, sizeof wanted);
        assert_memory_equal(values[i].data, wanted, sizeof wanted);
        found++;
    }
    jay_values_release(values, MANY);
    return found;
}

static void await_many(jay_cache *cache) {
    int round = 0;
    while (look_up_many(cache) < MANY) {
        assert_true(++round < RECOVERY_ROUNDS);
        pause_shortly();
    }
}

/* The heads of replies are spoilt where a batch, a value and a group begin: a value is right or
 * there is none. */
static void spoilt_batches(void **state) {
    (void)state;
    static const enum proxy_fault faults[] = {PROXY_CLOSE, PROXY_GARBLE, PROXY_DIGIT, PROXY_REPEAT};
    static const long places[] = {0, 4 + 7 + MANY_BYTES, 4 + 8 * (7 + MANY_BYTES + 2)};
    char value[MANY_BYTES], address[64];
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server.port), 0);
    snprintf(address, sizeof address, "redis://127.0.0.1:%d/", proxy.port);
    jay_cache *cache = open_at(address, "retry=1ms&deadline=2s");
    for (size_t i = 0; i < MANY; i++) {
        snprintf(many_names[i], sizeof many_names[i], "m%zu", i);
        memset(value, (int)('A' + i), sizeof value);
        assert_int_equal(
            jay_set(cache, many_names[i], strlen(many_names[i]), value, sizeof value, 0, NULL),
            JAY_OK);
    }
    for (int i = 0; i < 2; i++) await_many(cache);
    for (size_t i = 0; i < 3 * (sizeof faults / sizeof faults[0]); i++) {
        for (long at = 0; at < 9; at++) {
            faulty_proxy_spoil(&proxy, faults[i / 3], places[i % 3] + at);
            (void)look_up_many(cache);
            faulty_proxy_spoil(&proxy, PROXY_NONE, 0);
            await_many(cache);
        }
    }
    jay_close(cache);
    faulty_proxy_stop(&proxy);
}

/* Replies to requests that go together on one connection are spoilt, at every byte of a trip: each
 * caller has its own, whole, or none. */
static void spoilt_crowds(void **state) {
    (void)state;
    enum { FIRST = 150, LAST = 330 }; /* the threads have met by then */
    static const crowd_fault rows[] = {{PROXY_GARBLE, CROWD_BYTES, 1},
                                       {PROXY_DIGIT, CROWD_DIGITS, 1},
                                       {PROXY_REPEAT, CROWD_DIGITS, 3},
                                       {PROXY_CLOSE, CROWD_INTACT, 12},
                                       {PROXY_SPLIT, CROWD_INTACT, 60}};
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server.port), 0);
    char address[64];
    snprintf(address, sizeof address, "redis://127.0.0.1:%d/", proxy.port);
    jay_cache *cache = open_at(address, "retry=1ms&deadline=40ms&connections=1");
    crowd_result result =
        crowd_endure(cache, &proxy, rows, sizeof rows / sizeof rows[0], FIRST, LAST);
    assert_int_equal(result.wrong, 0);
    assert_true(result.found > 0);
    jay_close(cache);
    faulty_proxy_stop(&proxy);
}

/* ---- many threads while servers come and go ---- */

typedef struct storm {
    jay_cache *cache;
    _Atomic int is_over;
    _Atomic int wrong;
    _Atomic long done;
} storm;

static void *storm_thread(void *arg) {
    storm *s = arg;
    char key[24], wanted[4096];
    unsigned random = (unsigned)(uintptr_t)&key >> 4;
    while (!atomic_load(&s->is_over)) {
        random = random * 1664525u + 1013904223u;
        snprintf(key, sizeof key, "storm%u", (random >> 16) % 50);
        if (random >> 30 == 0) (void)put(s->cache, key);
        if (random >> 30 == 1) (void)jay_delete_str(s->cache, key);
        jay_value view = JAY_VALUE_INIT;
        size_t size = value_of(key, wanted);
        if (jay_get_str(s->cache, key, &view) == JAY_OK) {
            atomic_fetch_add(&s->done, 1);
            if (view.size != size || memcmp(view.data, wanted, size) != 0)
                atomic_fetch_add(&s->wrong, 1);
        }
        jay_value_release(&view);
    }
    return NULL;
}

static void storm_of_threads(void **state) {
    (void)state;
    pthread_t threads[16];
    storm s = {.cache = open_cache("retry=5ms&deadline=50ms&connections=4&prefix=s:")};
    for (int i = 0; i < 16; i++) {
        if (pthread_create(&threads[i], NULL, storm_thread, &s) != 0) fail_msg("no thread");
    }
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0) {
            redis_server_kill(&server);
            redis_server_start(&server);
        } else {
            redis_server_stop(&server);
            for (int j = 0; j < 8; j++) pause_shortly();
            redis_server_continue(&server);
        }
        /* The threads find something again before the next blow. */
        long done = atomic_load(&s.done);
        for (int j = 0; j < RECOVERY_ROUNDS && atomic_load(&s.done) < done + 100; j++)
            pause_shortly();
    }
    atomic_store(&s.is_over, 1);
    for (int i = 0; i < 16; i++) pthread_join(threads[i], NULL);
    assert_int_equal(s.wrong, 0);
    assert_true(s.done > 0);
    char key[24];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "storm%d", i);
        await_recovery(s.cache, key);
    }
    jay_close(s.cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_and_restarted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restarted_unseen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_and_continued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_crowds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(storm_of_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
