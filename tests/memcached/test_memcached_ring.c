/*
 * test_memcached_ring.c - keys are on the servers where libmemcached looks for them, and the
 * reverse: five servers with weights by ketama, and without by modula.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmemcached/memcached.h>

#include <jaycache/jaycache.h>

#include "memcached_fleet.h"

#define SERVERS 5
#define KEYS 400

static fleet servers;

static int set_up(void **state) {
    (void)state;
    fleet_init(&servers);
    for (int i = 0; i < SERVERS; i++) (void)fleet_start(&servers, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fleet_deinit(&servers);
    return 0;
}

/* Each stores under keys of its own, and finds those of the other. */
static void check_both_ways(memcached_st *peer, const char *url) {
    jay_cache *cache;
    jay_error error;
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        size_t size = (size_t)snprintf(key, sizeof key, "peer-\xc3\xa9-%d", i);
        assert_int_equal(memcached_set(peer, key, size, key, size, 0, 7), MEMCACHED_SUCCESS);
        jay_value view;
        assert_int_equal(jay_get(cache, key, size, &view, NULL), JAY_OK);
        assert_string_equal(view.data, key);
        jay_value_release(&view);
        size = (size_t)snprintf(key, sizeof key, "ours-%d", i);
        assert_int_equal(jay_set(cache, key, size, key, size, 0, NULL), JAY_OK);
        size_t found = 0;
        uint32_t flags = 1;
        memcached_return_t status;
        char *value = memcached_get(peer, key, size, &found, &flags, &status);
        assert_int_equal(status, MEMCACHED_SUCCESS);
        assert_int_equal(found, size);
        assert_int_equal(flags, 0);
        free(value);
    }
    jay_close(cache);
}

static void ketama(void **state) {
    (void)state;
    static const uint32_t weights[2][SERVERS] = {{1, 1, 1, 1, 1}, {1, 2, 3, 5, 8}};
    for (int w = 0; w < 2; w++) {
        memcached_st *peer = memcached_create(NULL);
        memcached_behavior_set(peer, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
        char url[600] = "memcached://";
        for (int i = 0; i < SERVERS; i++) {
            int port = servers.servers[i].port;
            memcached_server_add_with_weight(peer, "127.0.0.1", (in_port_t)port, weights[w][i]);
            snprintf(url + strlen(url), sizeof url - strlen(url), "%s127.0.0.1:%d*%u",
                     i > 0 ? "," : "", port, (unsigned)weights[w][i]);
        }
        check_both_ways(peer, url);
        memcached_free(peer);
    }
}

static void modula(void **state) {
    (void)state;
    memcached_st *peer = memcached_create(NULL);
    char url[600] = "memcached://", addresses[400];
    for (int i = 0; i < SERVERS; i++)
        memcached_server_add(peer, "127.0.0.1", (in_port_t)servers.servers[i].port);
    fleet_addresses(&servers, addresses, sizeof addresses);
    snprintf(url, sizeof url, "memcached://%s/?hash=modula", addresses);
    check_both_ways(peer, url);
    memcached_free(peer);
}

/* A server more moves about its share of the keys. */
static void one_more_server(void **state) {
    (void)state;
    char url[600] = "memcached://", key[32];
    jay_cache *four, *five;
    for (int i = 0; i < 4; i++)
        snprintf(url + strlen(url), sizeof url - strlen(url), "%s%s", i > 0 ? "," : "",
                 servers.servers[i].address);
    assert_int_equal(jay_open(url, NULL, &four, NULL), JAY_OK);
    snprintf(url + strlen(url), sizeof url - strlen(url), ",%s", servers.servers[4].address);
    assert_int_equal(jay_open(url, NULL, &five, NULL), JAY_OK);
    int kept = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "moving-%d", i);
        assert_int_equal(jay_set_str(four, key, "v", 0), JAY_OK);
        kept += jay_has_str(five, key) == JAY_OK;
    }
    /* A fifth moves; the circle is uneven, so twice that is allowed. */
    assert_true(kept >= KEYS * 6 / 10 && kept < KEYS);
    jay_close(four);
    jay_close(five);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ketama),
        cmocka_unit_test(modula),
        cmocka_unit_test(one_more_server),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
