/*
 * test_memcached_faults.c - servers that die, hang, come back, or answer nonsense: calls end,
 * failures are reported, no reply reaches the wrong caller, and all is well again afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "crowd.h"
#include "faulty_proxy.h"
#include "memcached_fleet.h"

#define RECOVERY_ROUNDS 3000 /* of 10 ms */

static fleet servers;

static jay_cache *open_cache(const char *addresses, const char *options) {
    char url[1200];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "memcached://%s?%s", addresses, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

static int set_up(void **state) {
    (void)state;
    fleet_init(&servers);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fleet_deinit(&servers);
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

static void await_recovery(jay_cache *cache, const char *key) {
    for (int i = 0; i < RECOVERY_ROUNDS; i++) {
        if (put(cache, key) == JAY_OK && look_up(cache, key, false) == JAY_OK) return;
        fleet_pause();
    }
    fail_msg("'%s' cannot be stored and found again", key);
}

/* ---- death and return ---- */

static void killed_and_restarted(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, false);
    jay_cache *strict = open_cache(server->address, "retry=10ms");
    jay_cache *lenient = open_cache(server->address, "retry=10ms&outage=miss");
    assert_int_equal(put(strict, "a"), JAY_OK);
    assert_int_equal(look_up(lenient, "a", false), JAY_OK);
    fleet_kill(server);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(look_up(strict, "a", i % 2 == 1), JAY_E_UNREACHABLE);
        assert_int_equal(look_up(lenient, "a", i % 2 == 1), JAY_MISS);
        /* What was not done is never said to be done. */
        assert_int_equal(jay_delete_str(lenient, "a"), JAY_E_UNREACHABLE);
        assert_int_equal(put(lenient, "a"), JAY_E_UNREACHABLE);
        assert_int_equal(jay_clear(lenient, NULL), JAY_E_UNREACHABLE);
        assert_int_equal(jay_inc_str(lenient, "n", 1, NULL), JAY_E_UNREACHABLE);
    }
    fleet_restart(&servers, server);
    await_recovery(strict, "b");
    await_recovery(lenient, "c");
    assert_int_equal(look_up(strict, "a", false), JAY_MISS);
    jay_close(strict);
    jay_close(lenient);
}

/* A connection that has gone stale while nobody used it is no failure. */
static void restarted_unseen(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, true);
    jay_cache *cache = open_cache(server->address, "");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(put(cache, "a"), JAY_OK);
        fleet_kill(server);
        fleet_restart(&servers, server);
        assert_int_equal(look_up(cache, "a", i % 2 == 1), JAY_MISS);
    }
    jay_close(cache);
}

static void stopped_and_continued(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, false);
    jay_cache *cache = open_cache(server->address, "deadline=100ms&retry=10ms");
    await_recovery(cache, "a");
    fleet_stop(server);
    int late = 0, out = 0;
    for (int i = 0; i < 10; i++) {
        int status = look_up(cache, "a", i % 2 == 1);
        late += status == JAY_E_TIMEOUT;
        out += status == JAY_E_UNREACHABLE;
    }
    assert_int_equal(late + out, 10);
    assert_true(late >= 2);
    fleet_continue(server);
    await_recovery(cache, "a");
    assert_int_equal(look_up(cache, "a", true), JAY_OK);
    jay_close(cache);
}

/* Keys of other servers are as they were; with failover the dead one's go there, too. */
static void one_of_three_dies(void **state) {
    (void)state;
    char addresses[600] = "", key[24];
    fleet_server *three[3];
    for (int i = 0; i < 3; i++) {
        three[i] = fleet_start(&servers, i == 1);
        snprintf(addresses + strlen(addresses), sizeof addresses - strlen(addresses), "%s%s",
                 i > 0 ? "," : "", three[i]->address);
    }
    jay_cache *strict = open_cache(addresses, "");
    jay_cache *failing_over = open_cache(addresses, "failover=yes");
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(put(strict, key), JAY_OK);
    }
    fleet_kill(three[0]);
    int found = 0, failed = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key%d", i);
        int status = look_up(strict, key, i % 2 == 0);
        found += status == JAY_OK;
        failed += status == JAY_E_UNREACHABLE;
    }
    assert_int_equal(found + failed, 200);
    assert_true(found >= 60 && failed >= 20);
    jay_bytes keys[2] = {{"x", 1}, {"y", 1}};
    (void)jay_delete_many(failing_over, keys, 2, NULL, NULL);
    for (int round = 0; round < 2; round++) {
        found = 0;
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "key%d", i);
            found +=
                put(failing_over, key) == JAY_OK && look_up(failing_over, key, false) == JAY_OK;
        }
    }
    assert_true(found >= 190);
    jay_close(strict);
    jay_close(failing_over);
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
    fleet_server *server = fleet_start(&servers, false);
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server->port), 0);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", proxy.port);
    static const enum proxy_fault faults[] = {PROXY_CLOSE, PROXY_GARBLE, PROXY_REPEAT, PROXY_SPLIT,
                                              PROXY_HOLD};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        /* Every byte of the heads of replies, some of the values. What is held costs its deadline.
         */
        long step = faults[i] == PROXY_HOLD ? 5 : 1;
        for (long position = 0; position < 1100; position += position < 30 ? step : 97) {
            jay_cache *cache = open_cache(address, "retry=1ms&deadline=150ms&connections=2");
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

/* Replies that several threads' requests share a connection for are spoilt: none finds
 * another's. */
static void spoilt_crowds(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, false);
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server->port), 0);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", proxy.port);
    enum { FIRST = 150, LAST = 240 }; /* the threads have met by then; a trip of all is no longer */
    static const crowd_fault rows[] = {{PROXY_GARBLE, CROWD_BYTES, 1},
                                       {PROXY_DIGIT, CROWD_DIGITS, 2},
                                       {PROXY_REPEAT, CROWD_DIGITS, 6},
                                       {PROXY_CLOSE, CROWD_INTACT, 12},
                                       {PROXY_SPLIT, CROWD_INTACT, 30}};
    jay_cache *cache = open_cache(address, "retry=1ms&deadline=40ms&connections=1");
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
    char addresses[600] = "";
    fleet_server *three[3];
    pthread_t threads[16];
    for (int i = 0; i < 3; i++) {
        three[i] = fleet_start(&servers, true);
        snprintf(addresses + strlen(addresses), sizeof addresses - strlen(addresses), "%s%s",
                 i > 0 ? "," : "", three[i]->address);
    }
    storm s = {.cache = open_cache(addresses, "retry=5ms&deadline=50ms&connections=4&prefix=s:")};
    for (int i = 0; i < 16; i++) {
        if (pthread_create(&threads[i], NULL, storm_thread, &s) != 0) fail_msg("no thread");
    }
    for (int i = 0; i < 40; i++) {
        fleet_server *server = three[i % 3];
        if (i % 2 == 0) {
            fleet_kill(server);
            fleet_restart(&servers, server);
        } else {
            fleet_stop(server);
            for (int j = 0; j < 8; j++) fleet_pause();
            fleet_continue(server);
        }
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
        cmocka_unit_test_setup_teardown(one_of_three_dies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_crowds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(storm_of_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
