/*
 * test_memcached_handin.c - caches from clients of libmemcached: each finds what the other stores,
 * and what only the client can do is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/libmemcached.h>

#include "memcached_fleet.h"

#define SERVERS 3
#define KEYS 100

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

static memcached_st *new_client(const uint32_t *weights, int count) {
    memcached_st *client = memcached_create(NULL);
    assert_non_null(client);
    if (weights != NULL) memcached_behavior_set(client, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    for (int i = 0; i < count; i++) {
        memcached_server_add_with_weight(client, "127.0.0.1", (in_port_t)servers.servers[i].port,
                                         weights != NULL ? weights[i] : 1);
    }
    return client;
}

/* Opens a cache from a client, whose end the cache survives unless `client` is still wanted. */
static jay_cache *hand_in(memcached_st *client, const uint32_t *weights) {
    jay_cache *cache = NULL;
    jay_error error;
    if (jay_memcached_from_libmemcached(client, weights, NULL, &cache, &error) != JAY_OK)
        fail_msg("%s", error.message);
    return cache;
}

static void check_both_ways(memcached_st *client, const uint32_t *weights) {
    jay_cache *cache = hand_in(client, weights);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        size_t size = (size_t)snprintf(key, sizeof key, "theirs-%d", i), found = 0;
        uint32_t flags = 0;
        memcached_return_t status;
        assert_int_equal(memcached_set(client, key, size, key, size, 0, 16), MEMCACHED_SUCCESS);
        jay_value view;
        assert_int_equal(jay_get(cache, key, size, &view, NULL), JAY_OK);
        assert_string_equal(view.data, key);
        assert_int_equal(jay_value_flags(&view), 16);
        jay_value_release(&view);
        size = (size_t)snprintf(key, sizeof key, "ours-%d", i);
        assert_int_equal(jay_set(cache, key, size, key, size, 0, NULL), JAY_OK);
        char *value = memcached_get(client, key, size, &found, &flags, &status);
        assert_int_equal(status, MEMCACHED_SUCCESS);
        assert_int_equal(found, size);
        free(value);
    }
    memcached_free(client);
    assert_int_equal(jay_has_str(cache, "theirs-0"), JAY_OK);
    jay_close(cache);
}

static void ketama_with_weights(void **state) {
    (void)state;
    static const uint32_t weights[SERVERS] = {1, 3, 2};
    check_both_ways(new_client(weights, SERVERS), weights);
}

static void modula(void **state) {
    (void)state;
    check_both_ways(new_client(NULL, SERVERS), NULL);
}

static void prefix(void **state) {
    (void)state;
    memcached_st *client = new_client(NULL, SERVERS);
    memcached_callback_set(client, MEMCACHED_CALLBACK_PREFIX_KEY, "site%&:");
    jay_cache *cache = NULL;
    jay_error error;
    assert_int_equal(jay_memcached_from_libmemcached(client, NULL, NULL, &cache, &error),
                     JAY_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY"));
    memcached_behavior_set(client, MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY, 1);
    check_both_ways(client, NULL);
    client = new_client(NULL, 1);
    memcached_callback_set(client, MEMCACHED_CALLBACK_PREFIX_KEY, "one:");
    check_both_ways(client, NULL);
}

static void refusals(void **state) {
    (void)state;
    jay_cache *cache = NULL;
    jay_error error;
    memcached_st *client = new_client(NULL, 0);
    assert_int_equal(jay_memcached_from_libmemcached(NULL, NULL, NULL, &cache, &error),
                     JAY_E_ARGUMENT);
    assert_int_equal(jay_memcached_from_libmemcached(client, NULL, NULL, NULL, &error),
                     JAY_E_ARGUMENT);
    assert_int_equal(jay_memcached_from_libmemcached(client, NULL, NULL, &cache, &error),
                     JAY_E_ARGUMENT);
    assert_non_null(strstr(error.message, "no servers"));
    memcached_free(client);
    client = new_client(NULL, SERVERS);
    memcached_behavior_set(client, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_CRC);
    assert_int_equal(jay_memcached_from_libmemcached(client, NULL, NULL, &cache, &error),
                     JAY_E_UNSUPPORTED);
    memcached_behavior_set(client, MEMCACHED_BEHAVIOR_DISTRIBUTION,
                           MEMCACHED_DISTRIBUTION_CONSISTENT);
    assert_int_equal(jay_memcached_from_libmemcached(client, NULL, NULL, &cache, &error),
                     JAY_E_UNSUPPORTED);
    assert_null(cache);
    memcached_free(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ketama_with_weights),
        cmocka_unit_test(modula),
        cmocka_unit_test(prefix),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
