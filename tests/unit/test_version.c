/*
 * test_version.c - the version at run time is that of the headers it was built with.
 */
#include "unit.h"

#include <stdio.h>

static void number_and_text_say_the_same(void **state) {
    (void)state;
    char text[32];
    int version = jay_version();
    assert_int_equal(version, JAY_VERSION_NUMBER);
    snprintf(text, sizeof text, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    assert_string_equal(jay_version_string(), text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(number_and_text_say_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
