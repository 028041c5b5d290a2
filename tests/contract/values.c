/*
 * values.c - keys and values of every kind: what is stored is found, byte for byte, and nothing
 * else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

#define MIB ((size_t)1 << 20)

static void store_bytes(contract *c, const void *key, size_t key_size, const void *value,
                        size_t size) {
    EXPECT(c, JAY_OK, jay_set(c->cache, key, key_size, value, size, JAY_TTL_DEFAULT, &c->error));
}

static void value_empty(contract *c) {
    store_bytes(c, KEY("k"), NULL, 0);
    contract_holds_bytes(c, KEY("k"), "", 0);
    store_bytes(c, KEY("k"), "x", 1);
    store_bytes(c, KEY("k"), "x", 0);
    contract_holds_bytes(c, KEY("k"), "", 0);
    size_t size = 1;
    EXPECT(c, JAY_OK, jay_get_into(c->cache, KEY("k"), NULL, 0, &size, &c->error));
    assert_int_equal(size, 0);
}

static void value_of_any_bytes(contract *c) {
    unsigned char *bytes = contract_bytes(1000, 1);
    store_bytes(c, KEY("all"), bytes, 1000);
    store_bytes(c, KEY("one"), "\0", 1);
    store_bytes(c, KEY("ends"), "a\0", 2);
    store_bytes(c, KEY("begins"), "\0a", 2);
    store_bytes(c, KEY("lines"), "END\r\n$-1\r\n\0!\xff", 13);
    contract_holds_bytes(c, KEY("all"), bytes, 1000);
    contract_holds_bytes(c, KEY("one"), "\0", 1);
    contract_holds_bytes(c, KEY("ends"), "a\0", 2);
    contract_holds_bytes(c, KEY("begins"), "\0a", 2);
    contract_holds_bytes(c, KEY("lines"), "END\r\n$-1\r\n\0!\xff", 13);
    free(bytes);
}

static void value_sizes(contract *c) {
    static const size_t sizes[] = {1,     2,     7,     8,      9,      63,      64,     65,
                                   255,   256,   257,   1023,   4095,   4096,    4097,   16384,
                                   65535, 65536, 65537, 100000, 262144, 1000000, 1048575};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > c->facts.value_max_bytes) continue;
        unsigned char *bytes = contract_bytes(sizes[i], (uint32_t)i);
        store_bytes(c, KEY("k"), bytes, sizes[i]);
        contract_holds_bytes(c, KEY("k"), bytes, sizes[i]);
        free(bytes);
    }
}

static void value_16_mib(contract *c) {
    size_t size = c->facts.value_max_bytes < 16 * MIB ? c->facts.value_max_bytes : 16 * MIB;
    unsigned char *bytes = contract_bytes(size, 7);
    store_bytes(c, KEY("big"), bytes, size);
    contract_holds_bytes(c, KEY("big"), bytes, size);
    free(bytes);
}

/* The status of a batch is that of the first key that failed, whoever refused it. */
static void value_too_big_in_batch(contract *c) {
    contract_reopen(c, c->facts.small_options);
    size_t size = c->facts.too_big_bytes;
    unsigned char *big = contract_bytes(size, 3);
    jay_pair pairs[] = {
        {{KEY("a")}, {KEY("1")}, 0}, {{KEY("b")}, {NULL, 0}, 0}, {{"", 0}, {KEY("3")}, 0}};
    pairs[1].value = (jay_bytes){big, size};
    int statuses[3];
    EXPECT(c, JAY_E_TOO_BIG, jay_set_many(c->cache, pairs, 3, statuses, &c->error));
    static const int wanted[] = {JAY_OK, JAY_E_TOO_BIG, JAY_E_KEY};
    assert_memory_equal(statuses, wanted, sizeof wanted);
    jay_pair first = pairs[0];
    pairs[0] = pairs[2];
    pairs[2] = first;
    EXPECT(c, JAY_E_KEY, jay_set_many(c->cache, pairs, 3, statuses, &c->error));
    static const int reversed[] = {JAY_E_KEY, JAY_E_TOO_BIG, JAY_OK};
    assert_memory_equal(statuses, reversed, sizeof reversed);
    contract_holds(c, "a", "1");
    free(big);
}

/* The entry of a key whose overwriting failed: as it was, or gone. */
static void check_whole(contract *c, const char *value) {
    char buffer[64];
    size_t size = 0;
    int status = jay_get_into(c->cache, KEY("k"), buffer, sizeof buffer, &size, NULL);
    if (status == JAY_MISS) return;
    EXPECT_PLAIN(JAY_OK, status);
    CHECK(size == strlen(value) && memcmp(buffer, value, size) == 0);
}

static void value_too_big(contract *c) {
    contract_reopen(c, c->facts.small_options);
    size_t size = c->facts.too_big_bytes;
    unsigned char *big = contract_bytes(size, 3);
    contract_put(c, "k", "before", 0);
    EXPECT(c, JAY_E_TOO_BIG, jay_set(c->cache, KEY("k"), big, size, 0, &c->error));
    check_whole(c, "before");
    EXPECT(c, JAY_E_TOO_BIG, jay_set(c->cache, KEY("new"), big, size, 0, &c->error));
    contract_gone(c, "new");
    jay_bytes value = {big, size};
    jay_pair pairs[] = {{{KEY("k")}, {KEY("after")}, 0}, {{KEY("new")}, {NULL, 0}, 0}};
    pairs[1].value = value;
    int statuses[2];
    EXPECT(c, JAY_E_TOO_BIG, jay_set_many(c->cache, pairs, 2, statuses, &c->error));
    assert_int_equal(statuses[0], JAY_OK);
    assert_int_equal(statuses[1], JAY_E_TOO_BIG);
    check_whole(c, "after");
    contract_gone(c, "new");
    contract_put(c, "k", "small again", 0);
    contract_holds(c, "k", "small again");
    free(big);
}

static void value_too_big_conditional(contract *c) {
    contract_reopen(c, c->facts.small_options);
    size_t size = c->facts.too_big_bytes;
    unsigned char *big = contract_bytes(size, 3);
    EXPECT(c, JAY_E_TOO_BIG, jay_add(c->cache, KEY("new"), big, size, 0, &c->error));
    contract_gone(c, "new");
    contract_put(c, "k", "before", 0);
    EXPECT(c, JAY_E_TOO_BIG, jay_replace(c->cache, KEY("k"), big, size, 0, &c->error));
    check_whole(c, "before");
    contract_put(c, "k", "before", 0);
    jay_value view = contract_view(c, "k");
    EXPECT(c, JAY_E_TOO_BIG, jay_cas(c->cache, KEY("k"), big, size, 0, view.version, &c->error));
    assert_memory_equal(view.data, "before", 7);
    jay_value_release(&view);
    check_whole(c, "before");
    free(big);
}

static void key_lengths(contract *c) {
    static const size_t sizes[] = {1,   2,   31,   32,   249,   250,   251,   255,   256,
                                   257, 511, 1024, 4096, 65279, 65280, 65534, 65535, 65536};
    unsigned char *key = contract_bytes(JAY_KEY_MAX_BYTES, 11);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        store_bytes(c, key, sizes[i], &sizes[i], sizeof sizes[i]);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        contract_holds_bytes(c, key, sizes[i], &sizes[i], sizeof sizes[i]);
    /* Keys that differ in their last byte only. */
    key[JAY_KEY_MAX_BYTES - 1] ^= 1;
    contract_gone_bytes(c, key, JAY_KEY_MAX_BYTES);
    EXPECT(c, JAY_MISS, jay_delete(c->cache, key, JAY_KEY_MAX_BYTES, &c->error));
    store_bytes(c, key, JAY_KEY_MAX_BYTES, "other", 5);
    contract_holds_bytes(c, key, JAY_KEY_MAX_BYTES, "other", 5);
    key[JAY_KEY_MAX_BYTES - 1] ^= 1;
    EXPECT(c, JAY_OK, jay_delete(c->cache, key, JAY_KEY_MAX_BYTES, &c->error));
    contract_gone_bytes(c, key, JAY_KEY_MAX_BYTES);
    free(key);
}

static void check_illegal_key(contract *c, const void *key, size_t key_size) {
    contract_gone_bytes(c, key, key_size);
    EXPECT(c, JAY_MISS, jay_delete(c->cache, key, key_size, &c->error));
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, key, key_size, KEY("v"), 0, &c->error));
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, key, key_size, KEY("v"), -1, &c->error));
    EXPECT(c, JAY_E_KEY, jay_set_int(c->cache, key, key_size, 1, 0, &c->error));
    EXPECT(c, JAY_E_KEY, jay_add(c->cache, key, key_size, KEY("v"), 0, &c->error));
    EXPECT(c, JAY_E_KEY, jay_replace(c->cache, key, key_size, KEY("v"), 0, &c->error));
    EXPECT(c, JAY_E_KEY, jay_cas(c->cache, key, key_size, KEY("v"), 0, 1, &c->error));
    int64_t number = 12345;
    EXPECT(c, JAY_E_KEY, jay_inc(c->cache, key, key_size, 1, 0, &number, &c->error));
    EXPECT(c, JAY_E_KEY, jay_dec(c->cache, key, key_size, 1, 0, &number, &c->error));
    assert_int_equal(number, 12345);
    /* touch has no JAY_E_KEY in its list: what cannot be there is a miss. */
    EXPECT(c, JAY_MISS, jay_touch(c->cache, key, key_size, 1000, &c->error));
    contract_gone_bytes(c, key, key_size);
}

static void key_illegal(contract *c) {
    unsigned char *key = contract_bytes(JAY_KEY_MAX_BYTES + 1, 11);
    check_illegal_key(c, key, 0);
    check_illegal_key(c, "", 0);
    check_illegal_key(c, key, JAY_KEY_MAX_BYTES + 1);
    check_illegal_key(c, key, SIZE_MAX);
    free(key);
}

static void key_of_any_bytes(contract *c) {
    static const jay_bytes keys[] = {
        {KEY("a")},     {KEY("A")},        {KEY("a\0")},     {KEY("a\0b")}, {KEY("a\0c")},
        {KEY("\0")},    {KEY("\0\0")},     {KEY("a b")},     {KEY("a\n")},  {KEY("a\r\nset x")},
        {KEY("\xff")},  {KEY("\xc3\xa9")}, {KEY("../../x")}, {KEY("a*")},   {KEY("a?")},
        {KEY("a[bc]")}, {KEY("a%00")},     {KEY("a!")},      {KEY("ab")},   {KEY("site:a")},
    };
    size_t count = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < count; i++) store_bytes(c, keys[i].data, keys[i].size, &i, sizeof i);
    for (size_t i = 0; i < count; i++)
        contract_holds_bytes(c, keys[i].data, keys[i].size, &i, sizeof i);
    for (size_t i = 0; i < count; i += 2)
        EXPECT(c, JAY_OK, jay_delete(c->cache, keys[i].data, keys[i].size, &c->error));
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 0) contract_gone_bytes(c, keys[i].data, keys[i].size);
        if (i % 2 == 1) contract_holds_bytes(c, keys[i].data, keys[i].size, &i, sizeof i);
    }
}

static void key_single_bytes(contract *c) {
    for (unsigned i = 0; i < 256; i++) {
        unsigned char key = (unsigned char)i;
        store_bytes(c, &key, 1, &i, sizeof i);
    }
    for (unsigned i = 0; i < 256; i++) {
        unsigned char key = (unsigned char)i;
        contract_holds_bytes(c, &key, 1, &i, sizeof i);
    }
}

static void key_many_alike(contract *c) {
    char key[32];
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "sidebar_for/user%d", i);
        contract_put(c, key, key, JAY_TTL_DEFAULT);
    }
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "sidebar_for/user%d", i);
        contract_holds(c, key, key);
    }
    contract_gone(c, "sidebar_for/user400");
}

static void input_is_copied(contract *c) {
    char key[] = "key", value[] = "value";
    store_bytes(c, key, 3, value, 5);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    contract_holds(c, "key", "value");
    contract_gone(c, "xxx");
}

static void overwrite(contract *c) {
    contract_put(c, "k", "first", 0);
    contract_put(c, "k", "a second that is longer", 0);
    contract_holds(c, "k", "a second that is longer");
    contract_put(c, "k", "3", 0);
    contract_holds(c, "k", "3");
}

static void delete_entry(contract *c) {
    EXPECT(c, JAY_MISS, jay_delete(c->cache, KEY("k"), &c->error));
    contract_put(c, "k", "v", 0);
    contract_put(c, "other", "o", 0);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    contract_gone(c, "k");
    EXPECT(c, JAY_MISS, jay_delete(c->cache, KEY("k"), &c->error));
    contract_holds(c, "other", "o");
    contract_put(c, "k", "again", 0);
    contract_holds(c, "k", "again");
}

static void get_into(contract *c) {
    contract_put(c, "k", "12345", 0);
    char buffer[8];
    memset(buffer, '#', sizeof buffer);
    size_t size = 0;
    EXPECT(c, JAY_BUFFER_TOO_SMALL, jay_get_into(c->cache, KEY("k"), buffer, 4, &size, &c->error));
    assert_int_equal(size, 5);
    assert_memory_equal(buffer, "########", 8);
    size = 0;
    EXPECT(c, JAY_BUFFER_TOO_SMALL, jay_get_into(c->cache, KEY("k"), NULL, 0, &size, &c->error));
    assert_int_equal(size, 5);
    size = 0;
    EXPECT(c, JAY_OK, jay_get_into(c->cache, KEY("k"), buffer, 5, &size, &c->error));
    assert_int_equal(size, 5);
    assert_memory_equal(buffer, "12345###", 8);
    EXPECT(c, JAY_OK, jay_get_into(c->cache, KEY("k"), buffer, 8, &size, &c->error));
    assert_int_equal(size, 5);
    assert_memory_equal(buffer, "12345###", 8);
    size = 99;
    EXPECT(c, JAY_MISS, jay_get_into(c->cache, KEY("none"), buffer, 8, &size, &c->error));
    assert_int_equal(size, 99);
}

static void clear(contract *c) {
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_put(c, key, "v", i % 2 == 0 ? 0 : 100000);
    }
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_gone(c, key);
    }
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    contract_put(c, "k1", "again", 0);
    contract_holds(c, "k1", "again");
}

static void string_forms(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    EXPECT_PLAIN(JAY_MISS, jay_get_str(c->cache, "k", &view));
    EXPECT_PLAIN(JAY_MISS, jay_has_str(c->cache, "k"));
    EXPECT_PLAIN(JAY_MISS, jay_delete_str(c->cache, "k"));
    EXPECT_PLAIN(JAY_OK, jay_set_str(c->cache, "k", "value", JAY_TTL_DEFAULT));
    EXPECT_PLAIN(JAY_OK, jay_get_str(c->cache, "k", &view));
    assert_int_equal(view.size, 5);
    assert_string_equal(view.data, "value");
    jay_value_release(&view);
    contract_holds(c, "k", "value");
    EXPECT_PLAIN(JAY_OK, jay_has_str(c->cache, "k"));
    EXPECT_PLAIN(JAY_OK, jay_set_str(c->cache, "k", "", 0));
    contract_holds(c, "k", "");
    EXPECT_PLAIN(JAY_OK, jay_delete_str(c->cache, "k"));
    EXPECT_PLAIN(JAY_MISS, jay_delete_str(c->cache, "k"));
    /* An empty key: a miss to read, refused to store. */
    EXPECT_PLAIN(JAY_MISS, jay_get_str(c->cache, "", &view));
    EXPECT_PLAIN(JAY_MISS, jay_delete_str(c->cache, ""));
    EXPECT_PLAIN(JAY_E_KEY, jay_set_str(c->cache, "", "v", 0));
}

static void string_forms_conditional(contract *c) {
    EXPECT_PLAIN(JAY_MISS, jay_replace_str(c->cache, "k", "v", 0));
    EXPECT_PLAIN(JAY_OK, jay_add_str(c->cache, "k", "added", 0));
    EXPECT_PLAIN(JAY_EXISTS, jay_add_str(c->cache, "k", "again", 0));
    contract_holds(c, "k", "added");
    EXPECT_PLAIN(JAY_OK, jay_replace_str(c->cache, "k", "replaced", 0));
    contract_holds(c, "k", "replaced");
    EXPECT_PLAIN(JAY_OK, jay_touch_str(c->cache, "k", 100000));
    EXPECT_PLAIN(JAY_MISS, jay_touch_str(c->cache, "none", 1000));
    EXPECT_PLAIN(JAY_OK, jay_touch_str(c->cache, "k", -1));
    contract_gone(c, "k");
}

static const contract_test tests[] = {
    {"value_empty", value_empty, NEED_STORE},
    {"value_of_any_bytes", value_of_any_bytes, NEED_STORE},
    {"value_sizes", value_sizes, NEED_STORE},
    {"value_16_mib", value_16_mib, NEED_STORE},
    {"value_too_big", value_too_big, NEED_STORE | NEED_TOO_BIG},
    {"value_too_big_in_batch", value_too_big_in_batch, NEED_STORE | NEED_TOO_BIG},
    {"value_too_big_conditional", value_too_big_conditional,
     NEED_STORE | NEED_TOO_BIG | NEED_ADD | NEED_REPLACE | NEED_CAS},
    {"key_lengths", key_lengths, NEED_STORE},
    {"key_illegal", key_illegal, 0},
    {"key_of_any_bytes", key_of_any_bytes, NEED_STORE},
    {"key_single_bytes", key_single_bytes, NEED_STORE},
    {"key_many_alike", key_many_alike, NEED_STORE},
    {"input_is_copied", input_is_copied, NEED_STORE},
    {"overwrite", overwrite, NEED_STORE},
    {"delete", delete_entry, NEED_STORE},
    {"get_into", get_into, NEED_STORE},
    {"clear", clear, NEED_STORE | NEED_CLEAR},
    {"string_forms", string_forms, NEED_STORE},
    {"string_forms_conditional", string_forms_conditional,
     NEED_STORE | NEED_ADD | NEED_REPLACE | NEED_TOUCH},
};
CONTRACT_THEME(values, tests);
