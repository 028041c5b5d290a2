/*
 * test_option_table.c - options that are words.
 */
#include "unit.h"

#include "util/option_table.h"

static const jay_option_info option =
    JAYI_OPTION_ROW("fruit", JAY_OPTION_TEXT, "apple", 1, 20, "", "which one");

static int word(const char *text, const char *words, int *ret_index, jay_error *error) {
    jay_option_value value = {.text = text};
    *ret_index = -1;
    return jayi_option_word(&option, &value, words, ret_index, error);
}

static void finds_each(void **state) {
    (void)state;
    static const char *const fruit[] = {"apple", "pear", "fig"};
    jay_error error;
    int index;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(word(fruit[i], "apple pear fig", &index, &error), JAY_OK);
        assert_int_equal(index, i);
    }
}

static void refuses_others(void **state) {
    (void)state;
    static const char *const others[] = {"", "app", "apples", "apple pear", " ", "fig "};
    jay_error error;
    int index;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(word(others[i], "apple pear fig", &index, &error), JAY_E_OPTION_VALUE);
        assert_int_equal(index, -1);
        assert_non_null(strstr(error.message, "'fruit'"));
        assert_non_null(strstr(error.message, "apple, pear or fig"));
    }
    assert_int_equal(word("x", "apple", &index, &error), JAY_E_OPTION_VALUE);
    assert_non_null(strstr(error.message, "must be apple"));
    assert_int_equal(word("x", "apple fig", &index, &error), JAY_E_OPTION_VALUE);
    assert_non_null(strstr(error.message, "apple or fig"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_each),
                                       cmocka_unit_test(refuses_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
