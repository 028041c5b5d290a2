/*
 * test_status.c - texts and names of statuses, and the filling in of errors.
 */
#include "unit.h"

#include <errno.h>

#include <jaycache/backend.h>

typedef struct row {
    const char *name;
    int number;
    const char *text;
} row;

static const row rows[] = {
#define ROW(name, number, text) {"JAY_" #name, number, text},
    JAY_STATUS_MAP(ROW)
#undef ROW
};

static void every_status_has_its_name_and_text(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(jay_status_name(rows[i].number), rows[i].name);
        assert_string_equal(jay_status_text(rows[i].number), rows[i].text);
        assert_true(strlen(rows[i].text) > 0);
    }
}

static void failures_are_negative_and_nothing_comes_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int is_failure = strncmp(rows[i].name, "JAY_E_", 6) == 0;
        assert_int_equal(is_failure, rows[i].number < 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
            assert_string_not_equal(rows[i].text, rows[j].text);
        }
    }
}

static void unknown_numbers_are_said_to_be_unknown(void **state) {
    (void)state;
    static const int numbers[] = {6, 64, -25, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_string_equal(jay_status_text(numbers[i]), "unknown status");
        assert_string_equal(jay_status_name(numbers[i]), "JAY_E_UNKNOWN");
    }
}

static void an_error_is_filled_in_whole(void **state) {
    (void)state;
    jay_error error;
    unit_unset(&error);
    int status =
        jay_error_set(&error, JAY_E_IO, ENOSPC, "writing %s failed after %d bytes", "/a/file", 42);
    assert_int_equal(status, JAY_E_IO);
    assert_int_equal(error.code, JAY_E_IO);
    assert_int_equal(error.sys_errno, ENOSPC);
    assert_string_equal(error.backend, "");
    assert_string_equal(error.message, "writing /a/file failed after 42 bytes");
}

static void no_error_is_allowed(void **state) {
    (void)state;
    assert_int_equal(jay_error_set(NULL, JAY_E_AUTH, 0, "%s", "refused"), JAY_E_AUTH);
}

static void a_long_message_is_cut_short(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct {
        jay_error error;
        char behind[8];
    } room;
    memset(&room, '#', sizeof room);
    jay_error_set(&room.error, JAY_E_IO, 0, "%s", text);
    assert_int_equal(strlen(room.error.message), sizeof room.error.message - 1);
    assert_memory_equal(room.behind, "########", 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_name_and_text),
        cmocka_unit_test(failures_are_negative_and_nothing_comes_twice),
        cmocka_unit_test(unknown_numbers_are_said_to_be_unknown),
        cmocka_unit_test(an_error_is_filled_in_whole),
        cmocka_unit_test(no_error_is_allowed),
        cmocka_unit_test(a_long_message_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
