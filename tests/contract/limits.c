/*
 * limits.c - max_items and max_bytes hold whenever a call has returned.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

static void check_items(contract *c, int64_t max_items) {
    jay_stats stats = contract_stats(c, c->cache);
    assert_int_equal(stats.max_items, max_items);
    if (stats.items < 0 || stats.items > max_items) {
        fail_msg("there are %lld items, the limit is %lld", (long long)stats.items,
                 (long long)max_items);
    }
}

/* Every way to store, with new keys, until the limit has been met many times over. */
static void fill(contract *c, int64_t max_items) {
    char key[32];
    for (int i = 0; i < 2 * max_items + 60; i++) {
        snprintf(key, sizeof key, "set%d", i);
        contract_put(c, key, key, i % 3 == 0 ? 0 : 100000);
        check_items(c, max_items);
        snprintf(key, sizeof key, "add%d", i);
        EXPECT(c, JAY_OK, jay_add(c->cache, key, strlen(key), KEY("v"), 0, &c->error));
        check_items(c, max_items);
        snprintf(key, sizeof key, "inc%d", i);
        EXPECT(c, JAY_OK, jay_inc(c->cache, key, strlen(key), 1, 0, NULL, &c->error));
        check_items(c, max_items);
        jay_pair pairs[3] = {
            {{"a", 1}, {"1", 1}, 0}, {{key, 5}, {"2", 1}, 0}, {{key, 6}, {"3", 1}, 0}};
        EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 3, NULL, &c->error));
        check_items(c, max_items);
    }
}

static void max_items(contract *c) {
    static const int64_t limits[] = {1, 2, 500};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char option[32];
        snprintf(option, sizeof option, "max_items=%lld", (long long)limits[i]);
        contract_reopen(c, option);
        fill(c, limits[i]);
        size_t count = contract_count(c, c->cache);
        CHECK(count >= 1 && (int64_t)count <= limits[i]);
        jay_stats stats = contract_stats(c, c->cache);
        assert_int_equal(stats.items, count);
        CHECK(stats.evictions > 0);
    }
}

/* Up to the limit nothing has to go, so everything that is asked for again and again stays. */
static void max_items_reached(contract *c) {
    contract_reopen(c, "max_items=500");
    char key[32];
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_put(c, key, key, 0);
    }
    check_items(c, 500);
    jay_stats stats = contract_stats(c, c->cache);
    assert_int_equal(stats.items, 500);
    assert_int_equal(stats.evictions, 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_holds(c, key, key);
    }
    /* Overwriting needs no room. */
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_put(c, key, "overwritten", 0);
    }
    stats = contract_stats(c, c->cache);
    assert_int_equal(stats.items, 500);
    assert_int_equal(stats.evictions, 0);
}

static void max_items_none(contract *c) {
    contract_reopen(c, "max_items=0");
    char key[32];
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_put(c, key, key, 0);
    }
    jay_stats stats = contract_stats(c, c->cache);
    assert_int_equal(stats.max_items, 0);
    assert_int_equal(stats.items, 1500);
    assert_int_equal(contract_count(c, c->cache), 1500);
}

static void max_items_by_default(contract *c) {
    if (strstr(c->url, "max_items=") != NULL) return;
    assert_int_equal(contract_stats(c, c->cache).max_items, c->facts.default_max_items);
}

static const char *store_many(void *arg, int number) {
    contract *c = arg;
    char key[32];
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "%d-%d", number, i);
        int status = jay_set_str(c->cache, key, key, i % 2 == 0 ? 0 : 3);
        if (status != JAY_OK) return jay_status_text(status);
        status = jay_inc_str(c->cache, i % 3 == 0 ? "common" : key, 1, NULL);
        if (status < 0 && status != JAY_E_NOT_INTEGER) return jay_status_text(status);
    }
    return NULL;
}

static void max_items_by_threads(contract *c) {
    contract_reopen(c, "max_items=20");
    contract_run_threads(store_many, c, CONTRACT_THREADS);
    check_items(c, 20);
    CHECK(contract_count(c, c->cache) <= 20);
}

static int64_t check_bytes(contract *c) {
    jay_stats stats = contract_stats(c, c->cache);
    if (stats.bytes < 0 || stats.bytes > stats.max_bytes) {
        fail_msg("there are %lld bytes, the limit is %lld", (long long)stats.bytes,
                 (long long)stats.max_bytes);
    }
    return stats.bytes;
}

static void max_bytes(contract *c) {
    contract_reopen(c, c->facts.tight_options);
    int64_t limit = contract_stats(c, c->cache).max_bytes;
    CHECK(limit > 0);
    size_t most = (size_t)limit / 20;
    unsigned char *bytes = contract_bytes(most, 5);
    int64_t stored = 0;
    char key[32];
    uint32_t random = 1;
    for (int i = 0; i < 600; i++) {
        random = random * 1664525u + 1013904223u;
        size_t size = (random >> 8) % most;
        snprintf(key, sizeof key, "k%u", (random >> 4) % 200);
        EXPECT(c, JAY_OK,
               jay_set(c->cache, key, strlen(key), bytes, size, i % 5 == 0 ? 1 : 0, &c->error));
        stored += (int64_t)size;
        check_bytes(c);
    }
    CHECK(stored > 2 * limit);
    CHECK(contract_stats(c, c->cache).evictions > 0);
    free(bytes);
}

/* Of many small entries most is overhead, which counts as well. */
static void max_bytes_of_small(contract *c) {
    contract_reopen(c, c->facts.tight_options);
    int64_t limit = contract_stats(c, c->cache).max_bytes;
    static const char value[40] = "";
    for (int64_t i = 0; i < limit / 40; i++) {
        char key[24];
        snprintf(key, sizeof key, "%lld", (long long)i);
        EXPECT(c, JAY_OK, jay_set(c->cache, key, strlen(key), value, sizeof value, 0, &c->error));
        if (i % 8 == 0) check_bytes(c);
    }
    jay_stats stats = contract_stats(c, c->cache);
    CHECK(stats.evictions > 0 && stats.items > 0);
    check_bytes(c);
}

/* Long keys take room, too. */
static void max_bytes_of_keys(contract *c) {
    contract_reopen(c, c->facts.tight_options);
    unsigned char *key = contract_bytes(JAY_KEY_MAX_BYTES, 6);
    for (unsigned i = 0; i < 64; i++) {
        memcpy(key, &i, sizeof i);
        EXPECT(c, JAY_OK, jay_set(c->cache, key, JAY_KEY_MAX_BYTES, "", 0, 0, &c->error));
        check_bytes(c);
    }
    free(key);
}

/*
 * Views pin memory: when all of it is pinned, a new value is refused or finds room, but the
 * limit holds and the views stay good.
 */
static void max_bytes_pinned(contract *c) {
    contract_reopen(c, c->facts.tight_options);
    enum { COUNT = 40 };
    size_t size = (size_t)contract_stats(c, c->cache).max_bytes / (COUNT / 2);
    unsigned char *bytes = contract_bytes(size, 9);
    jay_value views[COUNT];
    int held = 0, refused = 0;
    for (int i = 0; i < COUNT; i++) {
        bytes[0] = (unsigned char)i;
        char key[32];
        snprintf(key, sizeof key, "k%d", i);
        int status = jay_set(c->cache, key, strlen(key), bytes, size, 0, NULL);
        CHECK(status == JAY_OK || status == JAY_E_FULL);
        refused += status == JAY_E_FULL;
        check_bytes(c);
        if (jay_get_str(c->cache, key, &views[held]) == JAY_OK) held++;
    }
    CHECK(held > 0);
    CHECK(refused > 0 || held == COUNT || contract_stats(c, c->cache).evictions > 0);
    for (int i = 0; i < held; i++) {
        bytes[0] = *(const unsigned char *)views[i].data;
        CHECK(views[i].size == size && memcmp(views[i].data, bytes, size) == 0);
    }
    jay_values_release(views, (size_t)held);
    EXPECT(c, JAY_OK, jay_set(c->cache, KEY("new"), bytes, size, 0, &c->error));
    contract_holds_bytes(c, KEY("new"), bytes, size);
    check_bytes(c);
    free(bytes);
}

/* Emptying gives the memory back: it can be filled again as before. */
static void max_bytes_given_back(contract *c) {
    contract_reopen(c, c->facts.tight_options);
    int64_t empty = check_bytes(c);
    char value[1000] = "";
    for (int round = 0; round < 20; round++) {
        char key[32];
        for (int i = 0; i < 50; i++) {
            snprintf(key, sizeof key, "k%d", i);
            EXPECT(c, JAY_OK,
                   jay_set(c->cache, key, strlen(key), value, sizeof value, 0, &c->error));
        }
        CHECK(check_bytes(c) > empty);
        if (round % 2 == 0) EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
        for (int i = 0; round % 2 == 1 && i < 50; i++) {
            snprintf(key, sizeof key, "k%d", i);
            EXPECT(c, JAY_OK, jay_delete(c->cache, key, strlen(key), &c->error));
        }
        assert_int_equal(contract_stats(c, c->cache).items, 0);
        CHECK(check_bytes(c) < empty + 50 * 1000);
    }
}

#define NEED_ITEM_LIMIT (NEED_STORE | NEED_ITEMS | NEED_MAX_ITEMS | NEED_ITERATE)
#define NEED_BYTE_LIMIT (NEED_STORE | NEED_ITEMS | NEED_MAX_BYTES)

static const contract_test tests[] = {
    {"max_items", max_items, NEED_ITEM_LIMIT | NEED_ADD | NEED_INC},
    {"max_items_reached", max_items_reached, NEED_ITEM_LIMIT},
    {"max_items_none", max_items_none, NEED_ITEM_LIMIT},
    {"max_items_by_default", max_items_by_default, NEED_ITEM_LIMIT},
    {"max_items_by_threads", max_items_by_threads, NEED_ITEM_LIMIT | NEED_INC},
    {"max_bytes", max_bytes, NEED_BYTE_LIMIT},
    {"max_bytes_of_small", max_bytes_of_small, NEED_BYTE_LIMIT},
    {"max_bytes_of_keys", max_bytes_of_keys, NEED_BYTE_LIMIT},
    {"max_bytes_pinned", max_bytes_pinned, NEED_BYTE_LIMIT},
    {"max_bytes_given_back", max_bytes_given_back, NEED_BYTE_LIMIT | NEED_CLEAR},
};
CONTRACT_THEME(limits, tests);
