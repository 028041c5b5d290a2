/*
 * batches.c - get_many, set_many and delete_many: one status a key, in the order of the keys.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

#define BATCH 200

static void check_text(const jay_value *view, const char *text) {
    CHECK(view->data != NULL);
    assert_int_equal(view->size, strlen(text));
    assert_string_equal(view->data, text);
    CHECK(view->version != 0);
}

static void check_init(const jay_value *view) {
    const jay_value init = JAY_VALUE_INIT;
    CHECK(view->data == NULL && view->size == 0 && view->version == 0);
    CHECK(view->cache == NULL && view->pin == NULL);
    CHECK(memcmp(view->reserved, init.reserved, sizeof init.reserved) == 0);
}

static void get_many_order(contract *c) {
    contract_put(c, "a", "value a", 0);
    contract_put(c, "b", "", 0);
    contract_put(c, "c", "value c", 0);
    jay_bytes keys[] = {{KEY("c")}, {KEY("none")}, {KEY("a")}, {KEY("c")},
                        {KEY("b")}, {KEY("nor")},  {KEY("a")}};
    jay_value views[7];
    int statuses[7];
    memset(views, 0x5a, sizeof views);
    memset(statuses, 0x5a, sizeof statuses);
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 7, views, statuses, &c->error));
    static const int wanted[] = {JAY_OK, JAY_MISS, JAY_OK, JAY_OK, JAY_OK, JAY_MISS, JAY_OK};
    assert_memory_equal(statuses, wanted, sizeof wanted);
    check_text(&views[0], "value c");
    check_init(&views[1]);
    check_text(&views[2], "value a");
    check_text(&views[3], "value c");
    check_text(&views[4], "");
    check_init(&views[5]);
    check_text(&views[6], "value a");
    assert_int_equal(contract_stats(c, c->cache).pinned, 5);
    /* Duplicates are views of their own. */
    jay_value_release(&views[0]);
    contract_put(c, "c", "VALUE C", 0);
    check_text(&views[3], "value c");
    jay_values_release(views, 7);
    for (int i = 0; i < 7; i++) check_init(&views[i]);
}

static void get_many_without_statuses(contract *c) {
    contract_put(c, "a", "value a", 0);
    jay_bytes keys[] = {{KEY("none")}, {KEY("a")}};
    jay_value views[2];
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 2, views, NULL, &c->error));
    check_init(&views[0]);
    check_text(&views[1], "value a");
    jay_values_release(views, 2);
}

static void get_many_illegal(contract *c) {
    contract_put(c, "a", "value a", 0);
    char *long_key = calloc(1, JAY_KEY_MAX_BYTES + 1);
    if (long_key == NULL) fail_msg("out of memory");
    jay_bytes keys[] = {{"", 0}, {KEY("a")}, {NULL, JAY_KEY_MAX_BYTES + 1}, {KEY("a")}};
    keys[2].data = long_key;
    jay_value views[4];
    int statuses[4];
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 4, views, statuses, &c->error));
    static const int wanted[] = {JAY_MISS, JAY_OK, JAY_MISS, JAY_OK};
    assert_memory_equal(statuses, wanted, sizeof wanted);
    check_init(&views[0]);
    check_text(&views[1], "value a");
    check_init(&views[2]);
    check_text(&views[3], "value a");
    jay_values_release(views, 4);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 4, statuses, &c->error));
    static const int deleted[] = {JAY_MISS, JAY_OK, JAY_MISS, JAY_MISS};
    assert_memory_equal(statuses, deleted, sizeof deleted);
    free(long_key);
}

static void set_many(contract *c) {
    contract_put(c, "b", "before", 0);
    jay_pair pairs[] = {{{KEY("a")}, {KEY("1")}, 0},
                        {{KEY("b")}, {KEY("2")}, JAY_TTL_DEFAULT},
                        {{KEY("c")}, {NULL, 0}, 100000},
                        {{KEY("a")}, {KEY("4\0!")}, 0},
                        {{KEY("d")}, {KEY("5")}, 0}};
    int statuses[5];
    memset(statuses, 0x5a, sizeof statuses);
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 5, statuses, &c->error));
    for (int i = 0; i < 5; i++) assert_int_equal(statuses[i], JAY_OK);
    contract_holds_bytes(c, KEY("a"), KEY("4\0!"));
    contract_holds(c, "b", "2");
    contract_holds(c, "c", "");
    contract_holds(c, "d", "5");
    pairs[0].value = (jay_bytes){KEY("6")};
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 1, NULL, &c->error));
    contract_holds(c, "a", "6");
}

static void set_many_illegal(contract *c) {
    char *long_key = calloc(1, JAY_KEY_MAX_BYTES + 1);
    if (long_key == NULL) fail_msg("out of memory");
    jay_pair pairs[] = {{{KEY("a")}, {KEY("1")}, 0},
                        {{"", 0}, {KEY("2")}, 0},
                        {{KEY("c")}, {KEY("3")}, 0},
                        {{NULL, JAY_KEY_MAX_BYTES + 1}, {KEY("4")}, -1},
                        {{KEY("e")}, {KEY("5")}, 0}};
    pairs[3].key.data = long_key;
    int statuses[5];
    EXPECT(c, JAY_E_KEY, jay_set_many(c->cache, pairs, 5, statuses, &c->error));
    static const int wanted[] = {JAY_OK, JAY_E_KEY, JAY_OK, JAY_E_KEY, JAY_OK};
    assert_memory_equal(statuses, wanted, sizeof wanted);
    EXPECT(c, JAY_E_KEY, jay_set_many(c->cache, pairs, 5, NULL, &c->error));
    contract_holds(c, "a", "1");
    contract_holds(c, "c", "3");
    contract_holds(c, "e", "5");
    free(long_key);
}

static void set_many_expiry(contract *c) {
    contract_put(c, "b", "before", 0);
    jay_pair pairs[] = {{{KEY("a")}, {KEY("1")}, 20},        {{KEY("b")}, {KEY("2")}, -1},
                        {{KEY("c")}, {KEY("3")}, INT64_MAX}, {{KEY("d")}, {KEY("4")}, 0},
                        {{KEY("d")}, {KEY("5")}, -1},        {{KEY("e")}, {KEY("6")}, -1},
                        {{KEY("e")}, {KEY("7")}, 0}};
    int statuses[7];
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 7, statuses, &c->error));
    for (int i = 0; i < 7; i++) assert_int_equal(statuses[i], JAY_OK);
    contract_gone(c, "b");
    contract_holds(c, "c", "3");
    /* Of duplicate keys the last counts, also when it is gone at once. */
    contract_gone(c, "d");
    contract_holds(c, "e", "7");
    contract_outlive(c, 20);
    contract_gone(c, "a");
}

static void delete_many(contract *c) {
    contract_put(c, "a", "1", 0);
    contract_put(c, "b", "2", 0);
    contract_put(c, "c", "3", 0);
    jay_bytes keys[] = {{KEY("c")}, {KEY("none")}, {KEY("a")}, {KEY("c")}};
    int statuses[4];
    memset(statuses, 0x5a, sizeof statuses);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 4, statuses, &c->error));
    static const int wanted[] = {JAY_OK, JAY_MISS, JAY_OK, JAY_MISS};
    assert_memory_equal(statuses, wanted, sizeof wanted);
    contract_gone(c, "a");
    contract_holds(c, "b", "2");
    contract_gone(c, "c");
    keys[0] = (jay_bytes){KEY("b")};
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 4, NULL, &c->error));
    contract_gone(c, "b");
}

static void batch_of_none(contract *c) {
    contract_put(c, "a", "1", 0);
    jay_bytes key = {KEY("a")};
    jay_pair pair = {{KEY("a")}, {KEY("2")}, 0};
    jay_value view, untouched;
    memset(&view, 0x5a, sizeof view);
    memset(&untouched, 0x5a, sizeof untouched);
    int status = 12345;
    EXPECT(c, JAY_OK, jay_get_many(c->cache, &key, 0, &view, &status, &c->error));
    EXPECT(c, JAY_OK, jay_set_many(c->cache, &pair, 0, &status, &c->error));
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, &key, 0, &status, &c->error));
    assert_int_equal(status, 12345);
    CHECK(memcmp(&view, &untouched, sizeof view) == 0);
    contract_holds(c, "a", "1");
}

static void batch_large(contract *c) {
    static char keys[BATCH][16], numbers[BATCH][24];
    jay_pair pairs[BATCH];
    jay_bytes backwards[BATCH];
    jay_value views[BATCH];
    int statuses[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "key%d", i);
        snprintf(numbers[i], sizeof numbers[i], "value %d", i);
        pairs[i] = (jay_pair){{keys[i], strlen(keys[i])}, {numbers[i], strlen(numbers[i])}, 0};
        backwards[BATCH - 1 - i] = pairs[i].key;
    }
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, BATCH, statuses, &c->error));
    for (int i = 0; i < BATCH; i++) assert_int_equal(statuses[i], JAY_OK);
    EXPECT(c, JAY_OK, jay_get_many(c->cache, backwards, BATCH, views, statuses, &c->error));
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(statuses[i], JAY_OK);
        check_text(&views[i], numbers[BATCH - 1 - i]);
    }
    jay_values_release(views, BATCH);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, backwards, BATCH / 2, statuses, &c->error));
    for (int i = 0; i < BATCH / 2; i++) assert_int_equal(statuses[i], JAY_OK);
    EXPECT(c, JAY_OK, jay_get_many(c->cache, backwards, BATCH, views, statuses, &c->error));
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(statuses[i], i < BATCH / 2 ? JAY_MISS : JAY_OK);
    jay_values_release(views, BATCH);
}

static const contract_test tests[] = {
    {"get_many_order", get_many_order, NEED_STORE},
    {"get_many_without_statuses", get_many_without_statuses, NEED_STORE},
    {"get_many_illegal", get_many_illegal, NEED_STORE},
    {"set_many", set_many, NEED_STORE},
    {"set_many_illegal", set_many_illegal, NEED_STORE},
    {"set_many_expiry", set_many_expiry, NEED_STORE},
    {"delete_many", delete_many, NEED_STORE},
    {"batch_of_none", batch_of_none, NEED_STORE},
    {"batch_large", batch_large, NEED_STORE},
};
CONTRACT_THEME(batches, tests);
