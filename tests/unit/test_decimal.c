/*
 * test_decimal.c - the canonical decimal form: one text for each number, and no other text a
 * number.
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/decimal.h"

static void check_both_ways(int64_t number, const char *text) {
    char formed[JAYI_DECIMAL_MAX];
    size_t size = jayi_decimal_format(number, formed);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(formed, text, size);
    int64_t parsed = ~number;
    assert_true(jayi_decimal_parse(text, size, &parsed));
    assert_true(parsed == number);
}

static void numbers_have_one_form(void **state) {
    (void)state;
    check_both_ways(0, "0");
    check_both_ways(7, "7");
    check_both_ways(-7, "-7");
    check_both_ways(10, "10");
    check_both_ways(-100, "-100");
    check_both_ways(INT64_MAX, "9223372036854775807");
    check_both_ways(INT64_MAX - 1, "9223372036854775806");
    check_both_ways(INT64_MIN, "-9223372036854775808");
    check_both_ways(INT64_MIN + 1, "-9223372036854775807");
}

static void agrees_with_printf(void **state) {
    (void)state;
    char text[32];
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = unit_next(&random);
        int64_t number = (int64_t)(bits >> (i % 64));
        if (i % 2 == 1) number = -number;
        snprintf(text, sizeof text, "%" PRId64, number);
        check_both_ways(number, text);
    }
    int64_t power = 1;
    for (int digits = 1; digits < 19; digits++) {
        power *= 10;
        for (int64_t number = power - 1; number <= power + 1; number++) {
            snprintf(text, sizeof text, "%" PRId64, number);
            check_both_ways(number, text);
        }
    }
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "+1",
                                        "-0",
                                        "00",
                                        "01",
                                        "-01",
                                        "--1",
                                        " 1",
                                        "1 ",
                                        "1\n",
                                        "1.0",
                                        "1e3",
                                        "0x10",
                                        "a",
                                        "1a",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551615",
                                        "18446744073709551617",
                                        "99999999999999999999",
                                        "-9999999999999999999",
                                        "-99999999999999999999",
                                        "00000000000000000001",
                                        "100000000000000000000000000"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t number = 4711;
        if (jayi_decimal_parse(texts[i], strlen(texts[i]), &number))
            fail_msg("'%s' was taken as %" PRId64, texts[i], number);
        assert_true(number == 4711);
    }
}

static void bytes_outside_ascii_digits_are_refused(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[2] = {'1', (char)byte};
        int64_t number = 4711;
        assert_int_equal(jayi_decimal_parse(text, 2, &number), byte >= '0' && byte <= '9');
    }
}

static void only_size_bytes_are_read(void **state) {
    (void)state;
    int64_t number = 0;
    assert_true(jayi_decimal_parse("123", 2, &number));
    assert_int_equal(number, 12);
    assert_false(jayi_decimal_parse(NULL, 0, &number));
}

static void only_the_text_is_written(void **state) {
    (void)state;
    char text[JAYI_DECIMAL_MAX + 1];
    memset(text, '#', sizeof text);
    assert_int_equal(jayi_decimal_format(42, text), 2);
    assert_memory_equal(text, "42###", 5);
    assert_int_equal(jayi_decimal_format(INT64_MIN, text), JAYI_DECIMAL_MAX);
    assert_int_equal(text[JAYI_DECIMAL_MAX], '#');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(agrees_with_printf),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(bytes_outside_ascii_digits_are_refused),
        cmocka_unit_test(only_size_bytes_are_read),
        cmocka_unit_test(only_the_text_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
