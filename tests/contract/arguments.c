/*
 * arguments.c - arguments that are not valid are refused, by a status and not by a crash.
 */
#include "contract.h"

static int ignore(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

static void null_cache(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    size_t size = 0;
    int64_t number = 0;
    char buffer[8];
    jay_error *e = &c->error;
    EXPECT(c, JAY_E_ARGUMENT, jay_get(NULL, KEY("k"), &view, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_into(NULL, KEY("k"), buffer, 8, &size, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_int(NULL, KEY("k"), &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_has(NULL, KEY("k"), e));
    EXPECT(c, JAY_E_ARGUMENT, jay_ttl(NULL, KEY("k"), &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set(NULL, KEY("k"), KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set_int(NULL, KEY("k"), 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_add(NULL, KEY("k"), KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_replace(NULL, KEY("k"), KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_cas(NULL, KEY("k"), KEY("v"), 0, 1, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete(NULL, KEY("k"), e));
    EXPECT(c, JAY_E_ARGUMENT, jay_touch(NULL, KEY("k"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_inc(NULL, KEY("k"), 1, 0, &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_dec(NULL, KEY("k"), 1, 0, &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_clear(NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_iterate(NULL, ignore, NULL, e));
    jay_stats stats;
    EXPECT(c, JAY_E_ARGUMENT, jay_get_stats(NULL, &stats, sizeof stats, e));
    jay_bytes key = {KEY("k")};
    jay_pair pair = {{KEY("k")}, {KEY("v")}, 0};
    EXPECT(c, JAY_E_ARGUMENT, jay_get_many(NULL, &key, 1, &view, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set_many(NULL, &pair, 1, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete_many(NULL, &key, 1, NULL, e));
    EXPECT_PLAIN(JAY_OK, jay_close(NULL));
}

static void null_key(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    size_t size = 0;
    int64_t number = 0;
    char buffer[8];
    jay_error *e = &c->error;
    EXPECT(c, JAY_E_ARGUMENT, jay_get(c->cache, NULL, 1, &view, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_into(c->cache, NULL, 1, buffer, 8, &size, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_int(c->cache, NULL, 1, &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_has(c->cache, NULL, 1, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_ttl(c->cache, NULL, 1, &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set(c->cache, NULL, 1, KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set_int(c->cache, NULL, 1, 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_add(c->cache, NULL, 1, KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_replace(c->cache, NULL, 1, KEY("v"), 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_cas(c->cache, NULL, 1, KEY("v"), 0, 1, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete(c->cache, NULL, 1, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_touch(c->cache, NULL, 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_inc(c->cache, NULL, 1, 1, 0, &number, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_dec(c->cache, NULL, 1, 1, 0, &number, e));
}

/* A key of no bytes may have no address, and of one that is too long not a byte is read. */
static void refused_keys(contract *c) {
    jay_value views[3];
    int statuses[3];
    jay_error *e = &c->error;
    EXPECT(c, JAY_MISS, jay_get(c->cache, NULL, 0, &views[0], e));
    EXPECT(c, JAY_MISS, jay_get(c->cache, "k", SIZE_MAX, &views[0], e));
    EXPECT(c, JAY_MISS, jay_delete(c->cache, NULL, 0, e));
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, NULL, 0, KEY("v"), 0, e));
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, "k", SIZE_MAX, KEY("v"), 0, e));
    const jay_bytes keys[] = {{NULL, 0}, {"k", SIZE_MAX}, {"k", (size_t)1 << 40}};
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 3, views, statuses, e));
    for (int i = 0; i < 3; i++) assert_int_equal(statuses[i], JAY_MISS);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 3, statuses, e));
    for (int i = 0; i < 3; i++) assert_int_equal(statuses[i], JAY_MISS);
    const jay_pair pairs[] = {
        {{NULL, 0}, {NULL, 0}, 0}, {{"k", SIZE_MAX}, {KEY("v")}, 0}, {{"k", 65537}, {NULL, 0}, 0}};
    EXPECT(c, JAY_E_KEY, jay_set_many(c->cache, pairs, 3, statuses, e));
    for (int i = 0; i < 3; i++) assert_int_equal(statuses[i], JAY_E_KEY);
}

static void null_out(contract *c) {
    jay_error *e = &c->error;
    jay_value view = JAY_VALUE_INIT;
    size_t size = 12345;
    (void)jay_set_str(c->cache, "k", "1", 0);
    EXPECT(c, JAY_E_ARGUMENT, jay_get(c->cache, KEY("k"), NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_into(c->cache, KEY("k"), NULL, 5, &size, e));
    assert_int_equal(size, 12345);
    EXPECT(c, JAY_E_ARGUMENT, jay_get_into(c->cache, KEY("k"), NULL, 0, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_int(c->cache, KEY("k"), NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_ttl(c->cache, KEY("k"), NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_iterate(c->cache, NULL, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_stats(c->cache, NULL, sizeof(jay_stats), e));
    jay_bytes key = {KEY("k")};
    EXPECT(c, JAY_E_ARGUMENT, jay_get_many(c->cache, &key, 1, NULL, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_get_many(c->cache, NULL, 1, &view, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set_many(c->cache, NULL, 1, NULL, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete_many(c->cache, NULL, 1, NULL, e));
    /* Nothing is left pinned by calls that were refused. */
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

static void null_value(contract *c) {
    jay_error *e = &c->error;
    EXPECT(c, JAY_E_ARGUMENT, jay_set(c->cache, KEY("k"), NULL, 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set(c->cache, KEY("k"), NULL, SIZE_MAX, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_add(c->cache, KEY("k"), NULL, 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_replace(c->cache, KEY("k"), NULL, 1, 0, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_cas(c->cache, KEY("k"), NULL, 1, 0, 1, e));
    contract_gone(c, "k");
}

static void null_within_batch(contract *c) {
    jay_error *e = &c->error;
    jay_bytes keys[] = {{KEY("a")}, {NULL, 1}};
    jay_pair pairs[] = {{{KEY("a")}, {KEY("v")}, 0}, {{KEY("b")}, {NULL, 1}, 0}};
    jay_value views[2] = {JAY_VALUE_INIT, JAY_VALUE_INIT};
    int statuses[2] = {12345, 12345};
    EXPECT(c, JAY_E_ARGUMENT, jay_get_many(c->cache, keys, 2, views, statuses, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete_many(c->cache, keys, 2, statuses, e));
    EXPECT(c, JAY_E_ARGUMENT, jay_set_many(c->cache, pairs, 2, statuses, e));
    pairs[1].value.size = 0;
    pairs[1].key.data = NULL;
    EXPECT(c, JAY_E_ARGUMENT, jay_set_many(c->cache, pairs, 2, statuses, e));
    CHECK(statuses[0] == 12345 && statuses[1] == 12345);
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

static void null_error(contract *c) {
    jay_cache *cache = NULL;
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_get(NULL, KEY("k"), NULL, NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_set(c->cache, NULL, 1, KEY("v"), 0, NULL));
    EXPECT_PLAIN(JAY_E_KEY, jay_set(c->cache, "", 0, KEY("v"), 0, NULL));
    EXPECT_PLAIN(JAY_E_URL, jay_open("", NULL, &cache, NULL));
    EXPECT_PLAIN(JAY_E_SCHEME, jay_open("nosuch:", NULL, &cache, NULL));
    CHECK(cache == NULL);
    assert_int_equal(jay_error_set(NULL, JAY_E_IO, 5, "nobody reads %s", "this"), JAY_E_IO);
}

static void null_string(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_get_str(c->cache, NULL, &view));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_get_str(c->cache, "k", NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_get_str(NULL, "k", &view));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_set_str(c->cache, NULL, "v", 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_set_str(c->cache, "k", NULL, 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_set_str(NULL, "k", "v", 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_add_str(c->cache, NULL, "v", 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_add_str(c->cache, "k", NULL, 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_replace_str(c->cache, NULL, "v", 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_replace_str(c->cache, "k", NULL, 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_delete_str(c->cache, NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_has_str(c->cache, NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_touch_str(c->cache, NULL, 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_inc_str(c->cache, NULL, 1, NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_dec_str(c->cache, NULL, 1, NULL));
}

static void null_at_open(contract *c) {
    jay_cache *cache = NULL;
    EXPECT(c, JAY_E_ARGUMENT, jay_open(NULL, c->options, &cache, &c->error));
    EXPECT(c, JAY_E_ARGUMENT, jay_open(c->url, c->options, NULL, &c->error));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_open(NULL, NULL, NULL, NULL));
    CHECK(cache == NULL);
    EXPECT(c, JAY_E_ARGUMENT, jay_options_add_backend(NULL, NULL, &c->error));
    EXPECT(c, JAY_E_ARGUMENT, jay_options_add_backend(c->options, NULL, &c->error));
}

static const contract_test tests[] = {
    {"null_cache", null_cache, 0},     {"null_key", null_key, 0},
    {"refused_keys", refused_keys, 0}, {"null_out", null_out, 0},
    {"null_value", null_value, 0},     {"null_within_batch", null_within_batch, 0},
    {"null_error", null_error, 0},     {"null_string", null_string, 0},
    {"null_at_open", null_at_open, 0},
};
CONTRACT_THEME(arguments, tests);
