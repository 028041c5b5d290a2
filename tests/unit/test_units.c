/*
 * test_units.c - option values as texts: every form of every type, and what is refused.
 */
#include "unit.h"

#include <inttypes.h>

#include "util/units.h"

typedef struct form {
    int type;
    const char *text;
    int64_t number;
} form;

static void good_texts_are_read(void **state) {
    (void)state;
    static const form forms[] = {
        {JAY_OPTION_INT, "0", 0},
        {JAY_OPTION_INT, "500", 500},
        {JAY_OPTION_INT, "-5", -5},
        {JAY_OPTION_INT, "007", 7},
        {JAY_OPTION_INT, "9223372036854775807", INT64_MAX},
        {JAY_OPTION_INT, "-9223372036854775808", INT64_MIN},
        {JAY_OPTION_SIZE, "0", 0},
        {JAY_OPTION_SIZE, "65536", 65536},
        {JAY_OPTION_SIZE, "1k", 1024},
        {JAY_OPTION_SIZE, "64m", INT64_C(64) << 20},
        {JAY_OPTION_SIZE, "3g", INT64_C(3) << 30},
        {JAY_OPTION_SIZE, "2t", INT64_C(2) << 40},
        {JAY_OPTION_SIZE, "8388607t", INT64_C(8388607) << 40},
        {JAY_OPTION_SIZE, "-1k", -1024},
        {JAY_OPTION_DURATION, "0", 0},
        {JAY_OPTION_DURATION, "500ms", 500},
        {JAY_OPTION_DURATION, "300s", 300000},
        {JAY_OPTION_DURATION, "5m", 300000},
        {JAY_OPTION_DURATION, "2h", 7200000},
        {JAY_OPTION_DURATION, "365d", INT64_C(31536000000)},
        {JAY_OPTION_DURATION, "0s", 0},
        {JAY_OPTION_DURATION, "-1s", -1000},
        {JAY_OPTION_BOOL, "0", 0},
        {JAY_OPTION_BOOL, "no", 0},
        {JAY_OPTION_BOOL, "off", 0},
        {JAY_OPTION_BOOL, "false", 0},
        {JAY_OPTION_BOOL, "1", 1},
        {JAY_OPTION_BOOL, "yes", 1},
        {JAY_OPTION_BOOL, "on", 1},
        {JAY_OPTION_BOOL, "true", 1},
        {JAY_OPTION_MODE, "0600", 0600},
        {JAY_OPTION_MODE, "644", 0644},
        {JAY_OPTION_MODE, "0", 0},
        {JAY_OPTION_MODE, "07777", 07777},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        int64_t number = ~forms[i].number;
        if (!jayi_parse_number(forms[i].type, forms[i].text, &number))
            fail_msg("type %d: '%s' was refused", forms[i].type, forms[i].text);
        if (number != forms[i].number)
            fail_msg("type %d: '%s' came to %" PRId64, forms[i].type, forms[i].text, number);
    }
}

static void bad_texts_are_refused(void **state) {
    (void)state;
    static const form forms[] = {
        {JAY_OPTION_INT, "", 0},
        {JAY_OPTION_INT, "-", 0},
        {JAY_OPTION_INT, "+5", 0},
        {JAY_OPTION_INT, "--5", 0},
        {JAY_OPTION_INT, " 5", 0},
        {JAY_OPTION_INT, "- 5", 0},
        {JAY_OPTION_INT, "5 ", 0},
        {JAY_OPTION_INT, "5k", 0},
        {JAY_OPTION_INT, "5s", 0},
        {JAY_OPTION_INT, "0x10", 0},
        {JAY_OPTION_INT, "1.5", 0},
        {JAY_OPTION_INT, "many", 0},
        {JAY_OPTION_INT, "9223372036854775808", 0},
        {JAY_OPTION_INT, "-9223372036854775809", 0},
        {JAY_OPTION_SIZE, "", 0},
        {JAY_OPTION_SIZE, "m", 0},
        {JAY_OPTION_SIZE, "64mb", 0},
        {JAY_OPTION_SIZE, "64 m", 0},
        {JAY_OPTION_SIZE, "1.5g", 0},
        {JAY_OPTION_SIZE, "64ms", 0},
        {JAY_OPTION_SIZE, "64s", 0},
        {JAY_OPTION_DURATION, "", 0},
        {JAY_OPTION_DURATION, "300", 0},
        {JAY_OPTION_DURATION, "-300", 0},
        {JAY_OPTION_DURATION, "s", 0},
        {JAY_OPTION_DURATION, "5 s", 0},
        {JAY_OPTION_DURATION, "5min", 0},
        {JAY_OPTION_DURATION, "5k", 0},
        {JAY_OPTION_DURATION, "1h30m", 0},
        {JAY_OPTION_BOOL, "", 0},
        {JAY_OPTION_BOOL, "2", 0},
        {JAY_OPTION_BOOL, "y", 0},
        {JAY_OPTION_BOOL, "yess", 0},
        {JAY_OPTION_BOOL, " yes", 0},
        {JAY_OPTION_MODE, "", 0},
        {JAY_OPTION_MODE, "0800", 0},
        {JAY_OPTION_MODE, "9", 0},
        {JAY_OPTION_MODE, "0600k", 0},
        {JAY_OPTION_MODE, "0o600", 0},
        {JAY_OPTION_MODE, "rw-------", 0},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        int64_t number = 4711;
        if (jayi_parse_number(forms[i].type, forms[i].text, &number))
            fail_msg("type %d: '%s' was taken", forms[i].type, forms[i].text);
        assert_true(number == 4711);
    }
}

/* Here digits are in range, and what they come to with their unit is not. */
static void too_many_units_are_refused_and_leave_the_number_alone(void **state) {
    (void)state;
    static const form forms[] = {
        {JAY_OPTION_SIZE, "8388608t", 0},
        {JAY_OPTION_SIZE, "-8388609t", 0},
        {JAY_OPTION_SIZE, "9223372036854775807k", 0},
        {JAY_OPTION_DURATION, "9223372036854775807s", 0},
        {JAY_OPTION_DURATION, "106751991168d", 0},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        int64_t number = 4711;
        assert_false(jayi_parse_number(forms[i].type, forms[i].text, &number));
        if (number != 4711) {
            fail_msg("'%s' was refused but left %" PRId64 " in *ret_number", forms[i].text, number);
        }
    }
}

static void numbers_are_written_in_their_shortest_form(void **state) {
    (void)state;
    static const form forms[] = {
        {JAY_OPTION_INT, "500", 500},
        {JAY_OPTION_INT, "-500", -500},
        {JAY_OPTION_INT, "1048576", 1048576},
        {JAY_OPTION_SIZE, "0", 0},
        {JAY_OPTION_SIZE, "1000", 1000},
        {JAY_OPTION_SIZE, "64k", 65536},
        {JAY_OPTION_SIZE, "64m", INT64_C(64) << 20},
        {JAY_OPTION_SIZE, "16t", INT64_C(1) << 44},
        {JAY_OPTION_SIZE, "65537", 65537},
        {JAY_OPTION_DURATION, "0", 0},
        {JAY_OPTION_DURATION, "1ms", 1},
        {JAY_OPTION_DURATION, "1500ms", 1500},
        {JAY_OPTION_DURATION, "90s", 90000},
        {JAY_OPTION_DURATION, "5m", 300000},
        {JAY_OPTION_DURATION, "1d", 86400000},
        {JAY_OPTION_BOOL, "0", 0},
        {JAY_OPTION_BOOL, "1", 1},
        {JAY_OPTION_MODE, "0600", 0600},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        char text[32];
        jayi_format_number(forms[i].type, forms[i].number, text, sizeof text);
        assert_string_equal(text, forms[i].text);
    }
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    static const int types[] = {JAY_OPTION_INT, JAY_OPTION_SIZE, JAY_OPTION_DURATION};
    uint64_t random = 2;
    for (size_t i = 0; i < 6000; i++) {
        int64_t number = (int64_t)unit_next(&random);
        /* Round numbers, so that units are used, and all magnitudes. */
        if (i % 3 == 1) number = number / 86400000 * 1000;
        if (i % 3 == 2) number = number / 1024 / ((int64_t)1 << i % 40) * 1024;
        if (i == 0) number = INT64_MIN;
        if (i == 3) number = INT64_MAX;
        for (size_t t = 0; t < COUNT_OF(types); t++) {
            char text[32];
            int64_t back = ~number;
            jayi_format_number(types[t], number, text, sizeof text);
            assert_true(jayi_parse_number(types[t], text, &back));
            assert_true(back == number);
        }
    }
}

static void a_small_buffer_is_respected(void **state) {
    (void)state;
    char text[8];
    memset(text, '#', sizeof text);
    jayi_format_number(JAY_OPTION_INT, 123456789, text, 4);
    assert_string_equal(text, "123");
    assert_int_equal(text[4], '#');
}

static void every_type_says_its_form(void **state) {
    (void)state;
    for (int type = JAY_OPTION_INT; type <= JAY_OPTION_TEXT; type++) {
        assert_true(strlen(jayi_type_form(type)) > 0);
        for (int other = JAY_OPTION_INT; other < type; other++)
            assert_string_not_equal(jayi_type_form(type), jayi_type_form(other));
    }
    assert_holds(jayi_type_form(JAY_OPTION_SIZE), "64m");
    assert_holds(jayi_type_form(JAY_OPTION_DURATION), "300s");
    assert_holds(jayi_type_form(JAY_OPTION_MODE), "0600");
    assert_holds(jayi_type_form(JAY_OPTION_BOOL), "yes or no");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(too_many_units_are_refused_and_leave_the_number_alone),
        cmocka_unit_test(numbers_are_written_in_their_shortest_form),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_small_buffer_is_respected),
        cmocka_unit_test(every_type_says_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
