/*
 * test_checked.c - size arithmetic at its limits.
 */
#include "unit.h"

#include "util/checked.h"

static void sizes_are_added(void **state) {
    (void)state;
    size_t result = 0;
    assert_true(jayi_add_size(2, 3, &result));
    assert_int_equal(result, 5);
    assert_true(jayi_add_size(SIZE_MAX, 0, &result));
    assert_true(result == SIZE_MAX);
    assert_true(jayi_add_size(SIZE_MAX - 1, 1, &result));
    assert_false(jayi_add_size(SIZE_MAX, 1, &result));
    assert_false(jayi_add_size(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &result));
}

static void sizes_are_multiplied(void **state) {
    (void)state;
    size_t result = 0;
    size_t half = (size_t)1 << (sizeof(size_t) * 4);
    assert_true(jayi_mul_size(6, 7, &result));
    assert_int_equal(result, 42);
    assert_true(jayi_mul_size(SIZE_MAX, 0, &result));
    assert_int_equal(result, 0);
    assert_true(jayi_mul_size(SIZE_MAX, 1, &result));
    assert_true(jayi_mul_size(half, half - 1, &result));
    assert_false(jayi_mul_size(half, half, &result));
    assert_false(jayi_mul_size(SIZE_MAX, 2, &result));
}

static void numbers_are_added(void **state) {
    (void)state;
    int64_t result = 0;
    assert_true(jayi_add_i64(-2, 3, &result));
    assert_int_equal(result, 1);
    assert_true(jayi_add_i64(INT64_MAX, INT64_MIN, &result));
    assert_true(result == -1);
    assert_true(jayi_add_i64(INT64_MAX - 1, 1, &result));
    assert_true(result == INT64_MAX);
    assert_false(jayi_add_i64(INT64_MAX, 1, &result));
    assert_false(jayi_add_i64(INT64_MIN, -1, &result));
}

static void numbers_are_multiplied(void **state) {
    (void)state;
    int64_t result = 0;
    assert_true(jayi_mul_i64(-6, 7, &result));
    assert_true(result == -42);
    assert_true(jayi_mul_i64(INT64_MIN, 1, &result));
    assert_true(result == INT64_MIN);
    assert_false(jayi_mul_i64(INT64_MIN, -1, &result));
    assert_false(jayi_mul_i64(INT64_C(1) << 32, INT64_C(1) << 31, &result));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_added),
        cmocka_unit_test(sizes_are_multiplied),
        cmocka_unit_test(numbers_are_added),
        cmocka_unit_test(numbers_are_multiplied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
