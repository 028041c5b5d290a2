/*
 * nothing.c - a backend that stores nothing: everything succeeds, and nothing is found.
 */
#include "contract.h"

static void nothing_is_found(contract *c) {
    contract_put(c, "k", "v", 0);
    contract_gone(c, "k");
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), 5, 0, &c->error));
    contract_gone(c, "k");
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("v"), 0, &c->error));
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("v"), 0, &c->error));
    contract_gone(c, "k");
    EXPECT(c, JAY_MISS, jay_replace(c->cache, KEY("k"), KEY("v"), 0, &c->error));
    EXPECT(c, JAY_MISS, jay_cas(c->cache, KEY("k"), KEY("v"), 0, 1, &c->error));
    EXPECT(c, JAY_MISS, jay_touch(c->cache, KEY("k"), 1000, &c->error));
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    contract_put(c, "k", "v", -1);
    contract_gone(c, "k");
}

static void nothing_is_counted(contract *c) {
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("n"), 5, 0, &number, &c->error));
    assert_int_equal(number, 5);
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("n"), 5, 0, &number, &c->error));
    assert_int_equal(number, 5);
    EXPECT(c, JAY_OK, jay_dec(c->cache, KEY("n"), 5, 0, &number, &c->error));
    assert_int_equal(number, -5);
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("n"), INT64_MAX, 0, NULL, &c->error));
    EXPECT(c, JAY_E_ARGUMENT, jay_dec(c->cache, KEY("n"), INT64_MIN, 0, NULL, &c->error));
}

static void nothing_in_batches(contract *c) {
    jay_pair pairs[] = {{{KEY("a")}, {KEY("1")}, 0}, {{"", 0}, {KEY("2")}, 0}};
    jay_bytes keys[] = {{KEY("a")}, {KEY("a")}, {"", 0}};
    jay_value views[3];
    int statuses[3];
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 1, statuses, &c->error));
    EXPECT(c, JAY_E_KEY, jay_set_many(c->cache, pairs, 2, statuses, &c->error));
    CHECK(statuses[0] == JAY_OK && statuses[1] == JAY_E_KEY);
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 3, views, statuses, &c->error));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(statuses[i], JAY_MISS);
        CHECK(views[i].data == NULL && views[i].cache == NULL);
    }
    jay_values_release(views, 3);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 3, statuses, &c->error));
    assert_int_equal(statuses[2], JAY_MISS);
}

static void nothing_inside(contract *c) {
    contract_put(c, "k", "v", 0);
    assert_int_equal(contract_count(c, c->cache), 0);
    jay_stats before = contract_stats(c, c->cache);
    CHECK(before.items <= 0 && before.pinned == 0);
    contract_put(c, "k", "v", 0);
    jay_value view = JAY_VALUE_INIT;
    EXPECT_PLAIN(JAY_MISS, jay_get_str(c->cache, "k", &view));
    jay_stats after = contract_stats(c, c->cache);
    assert_int_equal(after.sets - before.sets, 1);
    assert_int_equal(after.misses - before.misses, 1);
    assert_int_equal(after.hits, 0);
}

static const contract_test tests[] = {
    {"nothing_is_found", nothing_is_found, NEED_NOTHING},
    {"nothing_is_counted", nothing_is_counted, NEED_NOTHING},
    {"nothing_in_batches", nothing_in_batches, NEED_NOTHING},
    {"nothing_inside", nothing_inside, NEED_NOTHING},
};
CONTRACT_THEME(nothing, tests);
