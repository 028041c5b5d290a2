/*
 * counters.c - inc, dec, and values that are numbers.
 */
#include <stdio.h>

#include "contract.h"

static int inc(contract *c, int64_t delta, int64_t *ret_number) {
    return jay_inc(c->cache, KEY("k"), delta, 0, ret_number, &c->error);
}

static int dec(contract *c, int64_t delta, int64_t *ret_number) {
    return jay_dec(c->cache, KEY("k"), delta, 0, ret_number, &c->error);
}

static void put_number(contract *c, int64_t number) {
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), number, 0, &c->error));
}

static void check_number(contract *c, int64_t number) {
    int64_t found = ~number;
    EXPECT(c, JAY_OK, jay_get_int(c->cache, KEY("k"), &found, &c->error));
    assert_int_equal(found, number);
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    contract_holds(c, "k", text);
}

static void numbers(contract *c) {
    static const int64_t some[] = {
        0,   1,         -1,        9,         10,        -10,           99,
        100, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        put_number(c, some[i]);
        check_number(c, some[i]);
    }
}

static void inc_missing(contract *c) {
    int64_t number = 0;
    EXPECT(c, JAY_OK, inc(c, 5, &number));
    assert_int_equal(number, 5);
    check_number(c, 5);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_OK, dec(c, 5, &number));
    assert_int_equal(number, -5);
    check_number(c, -5);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_OK, inc(c, 0, &number));
    assert_int_equal(number, 0);
    check_number(c, 0);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_OK, inc(c, INT64_MIN, &number));
    CHECK(number == INT64_MIN);
    check_number(c, INT64_MIN);
}

static void inc_existing(contract *c) {
    int64_t number = 0;
    put_number(c, 10);
    EXPECT(c, JAY_OK, inc(c, 7, &number));
    assert_int_equal(number, 17);
    EXPECT(c, JAY_OK, dec(c, 18, &number));
    assert_int_equal(number, -1);
    EXPECT(c, JAY_OK, inc(c, 1, &number));
    assert_int_equal(number, 0);
    EXPECT(c, JAY_OK, inc(c, -100, &number));
    assert_int_equal(number, -100);
    EXPECT(c, JAY_OK, dec(c, -200, &number));
    assert_int_equal(number, 100);
    EXPECT(c, JAY_OK, inc(c, 0, &number));
    assert_int_equal(number, 100);
    EXPECT(c, JAY_OK, inc(c, 1, NULL));
    EXPECT(c, JAY_OK, dec(c, 2, NULL));
    check_number(c, 99);
    /* A text that is a canonical number is a counter, however it came to be. */
    contract_put(c, "k", "-17", 0);
    EXPECT(c, JAY_OK, inc(c, 20, &number));
    assert_int_equal(number, 3);
    contract_holds(c, "k", "3");
}

static void inc_overflow(contract *c) {
    int64_t number = 12345;
    put_number(c, INT64_MAX);
    EXPECT(c, JAY_E_OVERFLOW, inc(c, 1, &number));
    EXPECT(c, JAY_E_OVERFLOW, inc(c, INT64_MAX, &number));
    EXPECT(c, JAY_E_OVERFLOW, dec(c, -1, &number));
    check_number(c, INT64_MAX);
    put_number(c, INT64_MIN);
    EXPECT(c, JAY_E_OVERFLOW, dec(c, 1, &number));
    EXPECT(c, JAY_E_OVERFLOW, inc(c, -1, &number));
    EXPECT(c, JAY_E_OVERFLOW, inc(c, INT64_MIN, &number));
    EXPECT(c, JAY_E_OVERFLOW, dec(c, INT64_MAX, &number));
    check_number(c, INT64_MIN);
    put_number(c, 1);
    EXPECT(c, JAY_E_OVERFLOW, inc(c, INT64_MAX, &number));
    check_number(c, 1);
    put_number(c, -1);
    EXPECT(c, JAY_E_OVERFLOW, inc(c, INT64_MIN, &number));
    assert_int_equal(number, 12345);
    check_number(c, -1);
}

static void inc_up_to_the_ends(contract *c) {
    int64_t number = 0;
    put_number(c, INT64_MAX - 1);
    EXPECT(c, JAY_OK, inc(c, 1, &number));
    CHECK(number == INT64_MAX);
    EXPECT(c, JAY_OK, inc(c, INT64_MIN, &number));
    assert_int_equal(number, -1);
    put_number(c, INT64_MIN + 1);
    EXPECT(c, JAY_OK, dec(c, 1, &number));
    CHECK(number == INT64_MIN);
    EXPECT(c, JAY_OK, inc(c, INT64_MAX, &number));
    assert_int_equal(number, -1);
    EXPECT(c, JAY_OK, dec(c, -INT64_MAX, &number));
    CHECK(number == INT64_MAX - 1);
}

/* INT64_MIN has no negative, whatever the counter is. */
static void dec_of_least(contract *c) {
    int64_t number = 12345;
    EXPECT(c, JAY_E_ARGUMENT, dec(c, INT64_MIN, &number));
    contract_gone(c, "k");
    put_number(c, -5);
    EXPECT(c, JAY_E_ARGUMENT, dec(c, INT64_MIN, &number));
    assert_int_equal(number, 12345);
    check_number(c, -5);
}

static void inc_not_canonical(contract *c) {
    static const jay_bytes not_numbers[] = {
        {KEY("")},
        {KEY("+1")},
        {KEY(" 1")},
        {KEY("1 ")},
        {KEY("01")},
        {KEY("007")},
        {KEY("-0")},
        {KEY("-")},
        {KEY("+")},
        {KEY("--1")},
        {KEY("-01")},
        {KEY("00")},
        {KEY("1a")},
        {KEY("a")},
        {KEY("0x1")},
        {KEY("1.0")},
        {KEY("1e3")},
        {KEY("1\n")},
        {KEY("\t1")},
        {KEY("1\0")},
        {KEY("\0001")},
        {KEY("1,000")},
        {KEY("- 1")},
        {KEY("1-")},
        {KEY("9223372036854775808")},
        {KEY("-9223372036854775809")},
        {KEY("18446744073709551616")},
        {KEY("99999999999999999999")},
        {KEY("-99999999999999999999")},
        {KEY("00000000000000000001")},
        {KEY("100000000000000000000000000000000000000000000000000")},
        {KEY("a longer text, which is surely not a number at all")},
    };
    for (size_t i = 0; i < sizeof not_numbers / sizeof not_numbers[0]; i++) {
        const jay_bytes *text = &not_numbers[i];
        EXPECT(c, JAY_OK, jay_set(c->cache, KEY("k"), text->data, text->size, 0, &c->error));
        int64_t number = 12345;
        EXPECT(c, JAY_E_NOT_INTEGER, jay_get_int(c->cache, KEY("k"), &number, &c->error));
        EXPECT(c, JAY_E_NOT_INTEGER, inc(c, 1, &number));
        EXPECT(c, JAY_E_NOT_INTEGER, dec(c, 1, &number));
        EXPECT(c, JAY_E_NOT_INTEGER, inc(c, 0, &number));
        assert_int_equal(number, 12345);
        contract_holds_bytes(c, KEY("k"), text->data, text->size);
    }
}

/* Reading numbers needs no backend that can count. */
static void get_int(contract *c) {
    int64_t number = 12345;
    EXPECT(c, JAY_MISS, jay_get_int(c->cache, KEY("k"), &number, &c->error));
    contract_put(c, "k", "12x", 0);
    EXPECT(c, JAY_E_NOT_INTEGER, jay_get_int(c->cache, KEY("k"), &number, &c->error));
    contract_put(c, "k", "123456789012345678901234567890", 0);
    EXPECT(c, JAY_E_NOT_INTEGER, jay_get_int(c->cache, KEY("k"), &number, &c->error));
    assert_int_equal(number, 12345);
    contract_put(c, "k", "-12", 0);
    EXPECT(c, JAY_OK, jay_get_int(c->cache, KEY("k"), &number, &c->error));
    assert_int_equal(number, -12);
}

static int64_t left_of(contract *c, const char *key) {
    int64_t left = -12345;
    EXPECT(c, JAY_OK, jay_ttl(c->cache, key, strlen(key), &left, &c->error));
    return left;
}

static void inc_keeps_expiry(contract *c) {
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), 1, 0, &c->error));
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 1, 1000, NULL, &c->error));
    assert_int_equal(left_of(c, "k"), JAY_TTL_FOREVER);
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("m"), 1, 1000000, &c->error));
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("m"), 1, 0, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_dec(c->cache, KEY("m"), 1, 9000000, NULL, &c->error));
    int64_t left = left_of(c, "m");
    CHECK(left >= 1 && left <= 1000000 + c->facts.ttl_step_ms);
    /* A negative time is not for a counter that is there already. */
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 5, -1, &number, &c->error));
    assert_int_equal(number, 7);
    assert_int_equal(left_of(c, "k"), JAY_TTL_FOREVER);
}

static void inc_of_short_lived(contract *c) {
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), 1, 40, &c->error));
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 1, 40, &number, &c->error));
    CHECK(number == 2 || number == 1); /* 1: it had expired already on a slow machine */
    contract_outlive(c, 40);
    contract_gone(c, "k");
}

static void inc_new_expiry(contract *c) {
    contract_reopen(c, "default_ttl=500s");
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("a"), 1, JAY_TTL_DEFAULT, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_dec(c->cache, KEY("b"), 1, 2000000, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("c"), 1, JAY_TTL_FOREVER, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("d"), 1, 20, NULL, &c->error));
    int64_t step_ms = c->facts.ttl_step_ms;
    CHECK(left_of(c, "a") >= 1 && left_of(c, "a") <= 500000 + step_ms);
    CHECK(left_of(c, "b") > 500000 + step_ms && left_of(c, "b") <= 2000000 + step_ms);
    assert_int_equal(left_of(c, "c"), JAY_TTL_FOREVER);
    contract_outlive(c, 20);
    contract_gone(c, "d");
    int64_t number = 0;
    EXPECT_PLAIN(JAY_OK, jay_inc_str(c->cache, "e", 3, &number));
    assert_int_equal(number, 3);
    CHECK(left_of(c, "e") >= 1 && left_of(c, "e") <= 500000 + step_ms);
    EXPECT_PLAIN(JAY_OK, jay_dec_str(c->cache, "f", 3, &number));
    assert_int_equal(number, -3);
    CHECK(left_of(c, "f") >= 1 && left_of(c, "f") <= 500000 + step_ms);
    EXPECT_PLAIN(JAY_OK, jay_dec_str(c->cache, "f", 3, NULL));
    contract_holds(c, "f", "-6");
}

static void inc_negative_ttl(contract *c) {
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 4, -1, &number, &c->error));
    assert_int_equal(number, 4);
    contract_gone(c, "k");
    EXPECT(c, JAY_OK, jay_dec(c->cache, KEY("k"), 4, INT64_MIN + 1, &number, &c->error));
    assert_int_equal(number, -4);
    contract_gone(c, "k");
}

static const contract_test tests[] = {
    {"numbers", numbers, NEED_STORE},
    {"get_int", get_int, NEED_STORE},
    {"inc_missing", inc_missing, NEED_STORE | NEED_INC},
    {"inc_existing", inc_existing, NEED_STORE | NEED_INC},
    {"inc_overflow", inc_overflow, NEED_STORE | NEED_INC},
    {"inc_up_to_the_ends", inc_up_to_the_ends, NEED_STORE | NEED_INC},
    {"dec_of_least", dec_of_least, NEED_STORE | NEED_INC},
    {"inc_not_canonical", inc_not_canonical, NEED_STORE | NEED_INC},
    {"inc_keeps_expiry", inc_keeps_expiry, NEED_STORE | NEED_INC | NEED_TTL},
    {"inc_of_short_lived", inc_of_short_lived, NEED_STORE | NEED_INC},
    {"inc_new_expiry", inc_new_expiry, NEED_STORE | NEED_INC | NEED_TTL},
    {"inc_negative_ttl", inc_negative_ttl, NEED_STORE | NEED_INC},
};
CONTRACT_THEME(counters, tests);
