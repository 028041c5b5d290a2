/*
 * expiry.c - times to live. Nothing here asserts that anything was fast: lower bounds of a
 * remaining time are taken from the time that has really passed.
 */
#include "contract.h"

#define SECOND INT64_C(1000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)

static int64_t left_of(contract *c, const char *key) {
    int64_t left = -12345;
    EXPECT(c, JAY_OK, jay_ttl(c->cache, key, strlen(key), &left, &c->error));
    return left;
}

/* Checks what is left of a TTL that was given at or after `since_ms`. The coarse clock of a server
 * on a busy machine may be late; then it is asked again, for what is left by then. */
static void check_left(contract *c, const char *key, int64_t ttl_ms, int64_t since_ms) {
    int64_t begin_ms = contract_now_ms(), most = ttl_ms + c->facts.ttl_step_ms;
    int64_t left = left_of(c, key);
    for (int i = 0; i < 100 && left > most && c->facts.ttl_step_ms >= 1000; i++) {
        contract_sleep_ms(100);
        most = ttl_ms + c->facts.ttl_step_ms - (contract_now_ms() - begin_ms);
        left = left_of(c, key);
    }
    if (ttl_ms == JAY_TTL_FOREVER) {
        assert_int_equal(left, JAY_TTL_FOREVER);
        return;
    }
    int64_t passed = contract_now_ms() - since_ms + 1;
    CHECK(left >= 1);
    CHECK(left >= ttl_ms - passed - c->facts.ttl_step_ms);
    CHECK(left <= most);
}

static void set_and_check(contract *c, int64_t given_ms, int64_t meant_ms) {
    int64_t since_ms = contract_now_ms();
    contract_put(c, "k", "v", given_ms);
    check_left(c, "k", meant_ms, since_ms);
    contract_holds(c, "k", "v");
}

static void ttl_default(contract *c) {
    contract_reopen(c, "default_ttl=300s");
    set_and_check(c, JAY_TTL_DEFAULT, 300 * SECOND);
    set_and_check(c, INT64_MIN, 300 * SECOND);
    contract_reopen(c, "default_ttl=90m");
    set_and_check(c, JAY_TTL_DEFAULT, 5400 * SECOND);
    set_and_check(c, 1000 * SECOND, 1000 * SECOND);
    contract_reopen(c, "default_ttl=0");
    set_and_check(c, JAY_TTL_DEFAULT, JAY_TTL_FOREVER);
}

static void ttl_default_of_each(contract *c) {
    contract_reopen(c, "default_ttl=77s");
    int64_t since_ms = contract_now_ms();
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("a"), KEY("v"), JAY_TTL_DEFAULT, &c->error));
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("a"), KEY("w"), JAY_TTL_DEFAULT, &c->error));
    check_left(c, "a", 77 * SECOND, since_ms);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("a"), 0, &c->error));
    check_left(c, "a", JAY_TTL_FOREVER, since_ms);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("a"), JAY_TTL_DEFAULT, &c->error));
    check_left(c, "a", 77 * SECOND, since_ms);
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("n"), 1, JAY_TTL_DEFAULT, &c->error));
    check_left(c, "n", 77 * SECOND, since_ms);
    jay_pair pair = {{KEY("m")}, {KEY("v")}, JAY_TTL_DEFAULT};
    EXPECT(c, JAY_OK, jay_set_many(c->cache, &pair, 1, NULL, &c->error));
    check_left(c, "m", 77 * SECOND, since_ms);
}

static void ttl_forever(contract *c) {
    set_and_check(c, 0, JAY_TTL_FOREVER);
    set_and_check(c, JAY_TTL_FOREVER, JAY_TTL_FOREVER);
}

static void ttl_short(contract *c) {
    contract_put(c, "short", "v", 30);
    contract_put(c, "shorter", "v", 1);
    contract_put(c, "long", "v", 60 * SECOND);
    contract_put(c, "for ever", "v", 0);
    contract_outlive(c, 30);
    contract_gone(c, "short");
    contract_gone(c, "shorter");
    contract_holds(c, "long", "v");
    contract_holds(c, "for ever", "v");
}

static void ttl_1_ms(contract *c) {
    for (int i = 0; i < 5; i++) {
        contract_put(c, "k", "v", 1);
        contract_outlive(c, 1);
        contract_gone(c, "k");
    }
}

static void ttl_long(contract *c) {
    set_and_check(c, 29 * DAY, 29 * DAY);
    set_and_check(c, 31 * DAY, 31 * DAY);
    set_and_check(c, (INT64_C(1) << 31) - 1, (INT64_C(1) << 31) - 1);
    set_and_check(c, (INT64_C(1) << 32) + 5000, (INT64_C(1) << 32) + 5000);
    set_and_check(c, 50 * YEAR, 50 * YEAR);
    set_and_check(c, 900 * YEAR, 900 * YEAR);
}

static void ttl_greatest(contract *c) {
    set_and_check(c, JAY_TTL_MAX_MS, JAY_TTL_MAX_MS);
    set_and_check(c, JAY_TTL_MAX_MS + 1, JAY_TTL_FOREVER);
    set_and_check(c, INT64_MAX, JAY_TTL_FOREVER);
    set_and_check(c, INT64_MAX - 1, JAY_TTL_FOREVER);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), 1000 * SECOND, &c->error));
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), INT64_MAX, &c->error));
    check_left(c, "k", JAY_TTL_FOREVER, contract_now_ms());
}

/* A negative time: the call succeeds, and the key is gone after it. */
static void ttl_negative(contract *c) {
    static const int64_t negative[] = {-1, -5, -300 * SECOND, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof negative / sizeof negative[0]; i++) {
        contract_put(c, "k", "v", negative[i]);
        contract_gone(c, "k");
        contract_put(c, "k", "v", 0);
        contract_put(c, "k", "w", negative[i]);
        contract_gone(c, "k");
        EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), 1, negative[i], &c->error));
        contract_gone(c, "k");
        contract_put(c, "k", "v", 0);
        EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), negative[i], &c->error));
        contract_gone(c, "k");
        EXPECT(c, JAY_MISS, jay_touch(c->cache, KEY("k"), negative[i], &c->error));
        contract_put(c, "k", "v", 0);
        jay_value view = contract_view(c, "k");
        EXPECT(c, JAY_CHANGED,
               jay_cas(c->cache, KEY("k"), KEY("w"), negative[i], view.version + 1000, &c->error));
        contract_holds(c, "k", "v");
        EXPECT(c, JAY_OK,
               jay_cas(c->cache, KEY("k"), KEY("w"), negative[i], view.version, &c->error));
        contract_gone(c, "k");
        EXPECT(c, JAY_MISS,
               jay_cas(c->cache, KEY("k"), KEY("w"), negative[i], view.version, &c->error));
        jay_value_release(&view);
    }
}

static void ttl_negative_conditional(contract *c) {
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("v"), -1, &c->error));
    contract_gone(c, "k");
    EXPECT(c, JAY_MISS, jay_replace(c->cache, KEY("k"), KEY("v"), -1, &c->error));
    contract_gone(c, "k");
    contract_put(c, "k", "v", 0);
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("k"), KEY("w"), -1, &c->error));
    contract_gone(c, "k");
    /* add stores only if the key is not there; here it is, so nothing is done to it. */
    contract_put(c, "k", "v", 0);
    EXPECT(c, JAY_EXISTS, jay_add(c->cache, KEY("k"), KEY("w"), -1, &c->error));
    contract_holds(c, "k", "v");
}

static void ttl_negative_without_touch(contract *c) {
    contract_put(c, "k", "v", -1);
    contract_gone(c, "k");
    contract_put(c, "k", "v", 0);
    contract_put(c, "k", "v", -1);
    contract_gone(c, "k");
    /* Removing by touch needs no backend that can touch. */
    contract_put(c, "k", "v", 0);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), -1, &c->error));
    contract_gone(c, "k");
    EXPECT(c, JAY_MISS, jay_touch(c->cache, KEY("k"), -1, &c->error));
}

static void ttl_of_overwrite(contract *c) {
    contract_put(c, "kept", "v", 30);
    contract_put(c, "kept", "w", 60 * SECOND);
    contract_put(c, "ever", "v", 30);
    contract_put(c, "ever", "w", 0);
    contract_put(c, "lost", "v", 0);
    contract_put(c, "lost", "w", 30);
    contract_outlive(c, 30);
    contract_holds(c, "kept", "w");
    contract_holds(c, "ever", "w");
    contract_gone(c, "lost");
}

static void touch(contract *c) {
    EXPECT(c, JAY_MISS, jay_touch(c->cache, KEY("k"), 1000, &c->error));
    contract_gone(c, "k");
    contract_put(c, "k", "v", 0);
    jay_value before = contract_view(c, "k");
    int64_t since_ms = contract_now_ms();
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), 60 * SECOND, &c->error));
    check_left(c, "k", 60 * SECOND, since_ms);
    jay_value after = contract_view(c, "k");
    CHECK(before.version == after.version);
    CHECK(after.size == 1 && *(const char *)after.data == 'v');
    jay_value_release(&before);
    jay_value_release(&after);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), 0, &c->error));
    check_left(c, "k", JAY_TTL_FOREVER, since_ms);
    contract_holds(c, "k", "v");
}

/* A touch counts from now, not from when the entry was stored. */
static void touch_expiry(contract *c) {
    contract_put(c, "saved", "v", 40);
    int saved = jay_touch(c->cache, KEY("saved"), 60 * SECOND, NULL);
    contract_put(c, "lost", "v", 60 * SECOND);
    EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("lost"), 30, &c->error));
    contract_put(c, "late", "v", 10);
    contract_outlive(c, 40);
    /* On a slow machine the entry may have been gone before it was touched. */
    if (saved == JAY_OK) contract_holds(c, "saved", "v");
    if (saved != JAY_OK) assert_int_equal(saved, JAY_MISS);
    contract_gone(c, "lost");
    EXPECT(c, JAY_MISS, jay_touch(c->cache, KEY("late"), 60 * SECOND, &c->error));
    contract_gone(c, "late");
}

static void put_expired(contract *c, const char *key) {
    contract_put(c, key, "12", 5);
    contract_outlive(c, 5);
}

static void add_on_expired(contract *c) {
    put_expired(c, "k");
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("new"), 0, &c->error));
    contract_holds(c, "k", "new");
}

static void delete_of_expired(contract *c) {
    put_expired(c, "k");
    EXPECT(c, JAY_MISS, jay_delete(c->cache, KEY("k"), &c->error));
    put_expired(c, "m");
    jay_bytes keys[] = {{KEY("m")}};
    int status = -1;
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 1, &status, &c->error));
    assert_int_equal(status, JAY_MISS);
}

static void replace_of_expired(contract *c) {
    put_expired(c, "k");
    EXPECT(c, JAY_MISS, jay_replace(c->cache, KEY("k"), KEY("new"), 0, &c->error));
    contract_gone(c, "k");
}

static void cas_of_expired(contract *c) {
    contract_put(c, "k", "v", 40);
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get(c->cache, KEY("k"), &view, NULL);
    contract_outlive(c, 40);
    EXPECT(
        c, JAY_MISS,
        jay_cas(c->cache, KEY("k"), KEY("w"), 0, status == JAY_OK ? view.version : 1, &c->error));
    contract_gone(c, "k");
    jay_value_release(&view);
}

static void inc_of_expired(contract *c) {
    put_expired(c, "k");
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 5, 0, &number, &c->error));
    assert_int_equal(number, 5);
    contract_holds(c, "k", "5");
}

static const contract_test tests[] = {
    {"ttl_default", ttl_default, NEED_STORE | NEED_TTL},
    {"ttl_default_of_each", ttl_default_of_each,
     NEED_STORE | NEED_TTL | NEED_ADD | NEED_REPLACE | NEED_TOUCH},
    {"ttl_forever", ttl_forever, NEED_STORE | NEED_TTL},
    {"ttl_short", ttl_short, NEED_STORE},
    {"ttl_1_ms", ttl_1_ms, NEED_STORE},
    {"ttl_long", ttl_long, NEED_STORE | NEED_TTL},
    {"ttl_greatest", ttl_greatest, NEED_STORE | NEED_TTL | NEED_TOUCH},
    {"ttl_negative", ttl_negative, NEED_STORE | NEED_TOUCH | NEED_CAS},
    {"ttl_negative_conditional", ttl_negative_conditional, NEED_STORE | NEED_ADD | NEED_REPLACE},
    {"ttl_negative_without_touch", ttl_negative_without_touch, NEED_STORE},
    {"ttl_of_overwrite", ttl_of_overwrite, NEED_STORE},
    {"touch", touch, NEED_STORE | NEED_TTL | NEED_TOUCH},
    {"touch_expiry", touch_expiry, NEED_STORE | NEED_TOUCH},
    {"add_on_expired", add_on_expired, NEED_STORE | NEED_ADD},
    {"delete_of_expired", delete_of_expired, NEED_STORE},
    {"replace_of_expired", replace_of_expired, NEED_STORE | NEED_REPLACE},
    {"cas_of_expired", cas_of_expired, NEED_STORE | NEED_CAS},
    {"inc_of_expired", inc_of_expired, NEED_STORE | NEED_INC},
};
CONTRACT_THEME(expiry, tests);
