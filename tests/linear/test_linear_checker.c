/*
 * test_linear_checker.c - the checker of histories, on histories made by hand: good ones pass, and
 * each kind of bad one is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "linear_checker.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define AT(begin, end) .begin_ns = (begin), .end_ns = (end)
#define SET(value) .op = LINEAR_SET, .argument = (value)
#define ADD(value, given) .op = LINEAR_ADD, .argument = (value), .status = (given)
#define REPLACE(value, given) .op = LINEAR_REPLACE, .argument = (value), .status = (given)
#define HIT(value) .op = LINEAR_GET, .result = (value)
#define MISS .op = LINEAR_GET, .status = JAY_MISS
#define HAS(given) .op = LINEAR_HAS, .status = (given)
#define DELETE(given) .op = LINEAR_DELETE, .status = (given)
#define INC(amount, sum) .op = LINEAR_INC, .argument = (amount), .result = (sum)
#define CAS(seen, value, given) \
    .op = LINEAR_CAS, .expected = (seen), .argument = (value), .status = (given)
#define FAILED .op = LINEAR_FAILED

/* Checks a history, with and without eviction; the call that cannot be explained begins at
 * `bad_ns`. */
static void expect(linear_event *events, size_t count, bool may_evict, int64_t bad_ns) {
    size_t at = SIZE_MAX;
    linear_result result = linear_check(events, count, may_evict, &at);
    if (bad_ns < 0) {
        assert_int_equal(result, LINEAR_GOOD);
        return;
    }
    assert_int_equal(result, LINEAR_BAD);
    assert_true(at < count);
    assert_int_equal(events[at].begin_ns, bad_ns);
}

#define GOOD (-1)
#define CHECK(strict, evicting, ...)                          \
    do {                                                      \
        linear_event history[] = {__VA_ARGS__};               \
        expect(history, COUNT_OF(history), false, (strict));  \
        expect(history, COUNT_OF(history), true, (evicting)); \
    } while (0)

static void one_after_the_other(void **state) {
    (void)state;
    CHECK(GOOD, GOOD, {AT(0, 1), MISS}, {AT(2, 3), SET(7)}, {AT(4, 5), HIT(7)},
          {AT(6, 7), HAS(JAY_OK)}, {AT(8, 9), ADD(8, JAY_EXISTS)}, {AT(10, 11), DELETE(JAY_OK)},
          {AT(12, 13), HAS(JAY_MISS)}, {AT(14, 15), DELETE(JAY_MISS)},
          {AT(16, 17), REPLACE(9, JAY_MISS)}, {AT(18, 19), ADD(10, JAY_OK)},
          {AT(20, 21), REPLACE(11, JAY_OK)}, {AT(22, 23), CAS(10, 12, JAY_CHANGED)},
          {AT(24, 25), CAS(11, 13, JAY_OK)}, {AT(26, 27), HIT(13)});
}

static void at_the_same_time_either_order_is_good(void **state) {
    (void)state;
    CHECK(GOOD, GOOD, {AT(0, 10), SET(1)}, {AT(1, 9), SET(2)}, {AT(11, 12), HIT(1)});
    CHECK(GOOD, GOOD, {AT(0, 10), SET(1)}, {AT(1, 9), SET(2)}, {AT(11, 12), HIT(2)});
    CHECK(GOOD, GOOD, {AT(0, 10), SET(1)}, {AT(1, 2), MISS}, {AT(3, 4), HIT(1)});
    CHECK(GOOD, GOOD, {AT(0, 10), INC(1, 3)}, {AT(1, 9), INC(2, 2)});
    /* Calls that only touch overlap, too. */
    CHECK(GOOD, GOOD, {AT(0, 5), SET(1)}, {AT(5, 6), MISS});
}

static void two_readers_must_agree_on_the_order(void **state) {
    (void)state;
    CHECK(13, 13, {AT(0, 20), SET(1)}, {AT(1, 20), SET(2)}, {AT(3, 4), HIT(1)}, {AT(5, 6), HIT(2)},
          {AT(13, 14), HIT(1)});
}

static void a_stale_read_after_a_delete_is_found(void **state) {
    (void)state;
    CHECK(4, 4, {AT(0, 1), SET(1)}, {AT(2, 3), DELETE(JAY_OK)}, {AT(4, 5), HIT(1)});
    CHECK(4, 4, {AT(0, 1), SET(1)}, {AT(2, 3), SET(2)}, {AT(4, 5), HIT(1)});
    CHECK(6, 6, {AT(0, 1), SET(1)}, {AT(2, 9), DELETE(JAY_OK)}, {AT(4, 5), MISS},
          {AT(6, 7), HIT(1)});
}

static void a_lost_update_is_found(void **state) {
    (void)state;
    /* The second set has vanished without a trace, and the first is back. */
    CHECK(6, 6, {AT(0, 1), SET(1)}, {AT(2, 3), SET(2)}, {AT(4, 5), HIT(2)}, {AT(6, 7), HIT(1)});
    CHECK(4, 4, {AT(0, 1), INC(1, 1)}, {AT(2, 3), INC(1, 2)}, {AT(4, 5), INC(1, 2)});
}

static void a_duplicated_inc_is_found(void **state) {
    (void)state;
    CHECK(2, 2, {AT(0, 1), INC(1, 1)}, {AT(2, 3), HIT(2)});
    CHECK(1, 1, {AT(0, 9), INC(1, 2)}, {AT(1, 8), INC(1, 2)});
}

static void a_torn_cas_is_found(void **state) {
    (void)state;
    /* Both saw 1, and both replaced it. */
    CHECK(5, 5, {AT(0, 1), SET(1)}, {AT(4, 8), CAS(1, 2, JAY_OK)}, {AT(5, 9), CAS(1, 3, JAY_OK)});
    /* It was said to have failed, and was stored. */
    CHECK(6, 6, {AT(0, 1), SET(1)}, {AT(2, 3), SET(2)}, {AT(4, 5), CAS(1, 3, JAY_CHANGED)},
          {AT(6, 7), HIT(3)});
    /* Refused though nothing had changed. */
    CHECK(2, GOOD, {AT(0, 1), SET(1)}, {AT(2, 3), CAS(1, 2, JAY_MISS)});
    CHECK(2, 2, {AT(0, 1), SET(1)}, {AT(2, 3), CAS(1, 2, JAY_CHANGED)});
}

static void a_value_of_another_key_is_found(void **state) {
    (void)state;
    CHECK(2, 2, {AT(0, 1), SET(1)}, {AT(2, 3), HIT(99)});
    CHECK(0, 0, {AT(0, 1), HIT(99)});
}

static void two_adds_cannot_both_succeed(void **state) {
    (void)state;
    CHECK(1, GOOD, {AT(0, 8), ADD(1, JAY_OK)}, {AT(1, 9), ADD(2, JAY_OK)});
    CHECK(0, 0, {AT(0, 1), ADD(1, JAY_EXISTS)});
}

static void a_miss_is_good_only_where_entries_may_be_evicted(void **state) {
    (void)state;
    CHECK(2, GOOD, {AT(0, 1), SET(1)}, {AT(2, 3), MISS});
    CHECK(2, GOOD, {AT(0, 1), SET(1)}, {AT(2, 3), DELETE(JAY_MISS)});
    CHECK(2, GOOD, {AT(0, 1), INC(5, 5)}, {AT(2, 3), INC(1, 1)});
    /* What has been lost does not come back. */
    CHECK(2, 4, {AT(0, 1), SET(1)}, {AT(2, 3), MISS}, {AT(4, 5), HIT(1)});
    CHECK(2, 4, {AT(0, 1), SET(1)}, {AT(2, 3), REPLACE(2, JAY_MISS)}, {AT(4, 5), HIT(2)});
}

static void a_write_that_failed_leaves_the_entry_or_nothing(void **state) {
    (void)state;
    CHECK(GOOD, GOOD, {AT(0, 1), SET(1)}, {AT(2, 3), FAILED}, {AT(4, 5), HIT(1)});
    CHECK(GOOD, GOOD, {AT(0, 1), SET(1)}, {AT(2, 3), FAILED}, {AT(4, 5), MISS});
    CHECK(6, 6, {AT(0, 1), SET(1)}, {AT(2, 3), FAILED}, {AT(4, 5), MISS}, {AT(6, 7), HIT(1)});
}

static void long_histories_are_decided(void **state) {
    (void)state;
    static linear_event history[4000];
    for (size_t i = 0; i < COUNT_OF(history); i++) {
        history[i] = (linear_event){AT((int64_t)i, (int64_t)i + 6), INC(1, i + 1)};
        history[i].worker = (uint32_t)i % 8;
    }
    expect(history, COUNT_OF(history), false, GOOD);
    expect(history, COUNT_OF(history), true, GOOD);
    history[3000].result--;
    size_t at;
    assert_int_equal(linear_check(history, COUNT_OF(history), false, &at), LINEAR_BAD);
}

static void too_many_calls_at_a_time_are_not_decided(void **state) {
    (void)state;
    linear_event history[LINEAR_OPEN_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(history); i++)
        history[i] = (linear_event){AT((int64_t)i, 1000), INC(1, i + 1)};
    size_t at;
    assert_int_equal(linear_check(history, COUNT_OF(history), false, &at), LINEAR_UNDECIDED);
}

static void versions_and_values_go_together(void **state) {
    (void)state;
    size_t at;
    linear_event good[] = {{HIT(1), .version = 5},
                           {HIT(2), .version = 6},
                           {HIT(1), .version = 5},
                           {HIT(3), .version = 0},
                           {MISS}};
    assert_int_equal(linear_check_versions(good, COUNT_OF(good), &at), LINEAR_GOOD);
    linear_event one_version[] = {{HIT(1), .version = 5}, {HIT(2), .version = 5}};
    assert_int_equal(linear_check_versions(one_version, 2, &at), LINEAR_BAD);
    linear_event one_value[] = {{HIT(1), .version = 5}, {HIT(1), .version = 6}};
    assert_int_equal(linear_check_versions(one_value, 2, &at), LINEAR_BAD);
}

static void operations_have_names(void **state) {
    (void)state;
    assert_string_equal(linear_op_name(LINEAR_CAS), "cas");
    assert_string_equal(linear_op_name((linear_op)99), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(at_the_same_time_either_order_is_good),
        cmocka_unit_test(two_readers_must_agree_on_the_order),
        cmocka_unit_test(a_stale_read_after_a_delete_is_found),
        cmocka_unit_test(a_lost_update_is_found),
        cmocka_unit_test(a_duplicated_inc_is_found),
        cmocka_unit_test(a_torn_cas_is_found),
        cmocka_unit_test(a_value_of_another_key_is_found),
        cmocka_unit_test(two_adds_cannot_both_succeed),
        cmocka_unit_test(a_miss_is_good_only_where_entries_may_be_evicted),
        cmocka_unit_test(a_write_that_failed_leaves_the_entry_or_nothing),
        cmocka_unit_test(long_histories_are_decided),
        cmocka_unit_test(too_many_calls_at_a_time_are_not_decided),
        cmocka_unit_test(versions_and_values_go_together),
        cmocka_unit_test(operations_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
