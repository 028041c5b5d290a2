/*
 * test_registry.c - the built-in backends and every option of theirs: complete and consistent.
 */
#include "unit.h"

#include <stdio.h>

#include "core/options.h"
#include "core/registry.h"
#include "core/url.h"
#include "util/units.h"

/* The known built-in schemes must be there; others may follow. */
static void the_documented_schemes_are_there(void **state) {
    (void)state;
    static const char *const schemes[] = {"null", "memory", "simple"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        const jay_backend_ops *ops = jayi_builtin_backend(schemes[i]);
        assert_non_null(ops);
        assert_string_equal(ops->scheme, schemes[i]);
    }
    assert_null(jayi_builtin_backend(""));
    assert_null(jayi_builtin_backend("Null"));
    assert_null(jayi_builtin_backend("nul"));
    assert_null(jayi_builtin_backend("null:"));
}

static void every_scheme_is_valid_unique_and_explained(void **state) {
    (void)state;
    size_t count = 0;
    for (; jay_scheme_at(count) != NULL; count++) {
        const char *scheme = jay_scheme_at(count);
        const char *help = jay_scheme_help(scheme);
        assert_true(jayi_scheme_is_valid(scheme));
        assert_string_equal(scheme, jayi_builtin_backend_at(count)->scheme);
        assert_non_null(help);
        assert_true(strlen(help) > 0 && help[strlen(help) - 1] != '.');
        for (size_t i = 0; i < count; i++) assert_string_not_equal(scheme, jay_scheme_at(i));
    }
    assert_true(count >= 3);
    assert_null(jay_scheme_at(count + 1));
    assert_null(jay_scheme_at(SIZE_MAX));
    assert_null(jay_scheme_help(NULL));
    assert_null(jay_scheme_help("nothing"));
}

/* Built-in tables must pass what a program's own have to. */
static void every_table_would_be_taken_from_a_program(void **state) {
    (void)state;
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    for (size_t i = 0; jayi_builtin_backend_at(i) != NULL; i++) {
        jay_error error;
        if (jay_options_add_backend(options, jayi_builtin_backend_at(i), &error) != JAY_OK)
            fail_msg("%s", error.message);
    }
    jay_options_destroy(options);
}

static void check_name(const char *name, size_t size) {
    assert_true(size > 0 && size < 64);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        assert_true((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
}

static void check_default(const jay_option_info *info) {
    assert_non_null(info->default_text);
    assert_true(info->min <= info->max);
    int64_t number = (int64_t)strlen(info->default_text);
    if (info->type != JAY_OPTION_TEXT) {
        assert_true(jayi_parse_number(info->type, info->default_text, &number));
        char text[32];
        jayi_format_number(info->type, info->min, text, sizeof text);
        assert_true(jayi_parse_number(info->type, text, &number));
        assert_true(number == info->min);
        jayi_format_number(info->type, info->max, text, sizeof text);
        assert_true(jayi_parse_number(info->type, text, &number));
        assert_true(number == info->max);
        assert_true(jayi_parse_number(info->type, info->default_text, &number));
    }
    assert_true(number >= info->min && number <= info->max);
}

static void check_also(const jay_option_info *info) {
    if (info->also == NULL || info->also[0] == '\0') return;
    const char *word = info->also;
    while (*word != '\0') {
        size_t size = strcspn(word, " ");
        check_name(word, size);
        assert_false(strlen(info->name) == size && memcmp(word, info->name, size) == 0);
        word += size + (word[size] == ' ' && word[size + 1] != '\0');
        assert_int_not_equal(*word, ' ');
    }
}

static void check_option(const jay_option_info *info) {
    check_name(info->name, strlen(info->name));
    assert_true(info->type >= JAY_OPTION_INT && info->type <= JAY_OPTION_TEXT);
    assert_non_null(info->help);
    assert_true(strlen(info->help) > 0 && info->help[strlen(info->help) - 1] != '.');
    check_default(info);
    check_also(info);
}

/* Among the core's and those before it in its own table. */
static void check_unique(const char *scheme, size_t index) {
    const char *name = jay_option_at(scheme, index)->name;
    for (size_t i = 0; i < index; i++)
        assert_string_not_equal(name, jay_option_at(scheme, i)->name);
    for (size_t i = 0; scheme != NULL && jay_option_at(NULL, i) != NULL; i++)
        assert_string_not_equal(name, jay_option_at(NULL, i)->name);
}

static void every_option_is_complete_and_unique(void **state) {
    (void)state;
    size_t count = 0;
    for (; jay_option_at(NULL, count) != NULL; count++) {
        check_option(jay_option_at(NULL, count));
        check_unique(NULL, count);
    }
    assert_int_equal(count, JAYI_CORE_OPTION_COUNT);
    for (size_t s = 0; jay_scheme_at(s) != NULL; s++) {
        const char *scheme = jay_scheme_at(s);
        for (count = 0; jay_option_at(scheme, count) != NULL; count++) {
            check_option(jay_option_at(scheme, count));
            check_unique(scheme, count);
        }
        assert_int_equal(count, jayi_builtin_backend(scheme)->option_count);
        assert_null(jay_option_at(scheme, SIZE_MAX));
    }
    assert_null(jay_option_at("nothing", 0));
}

/* What each option is said to take, it takes: its default, written out, opens the backend. */
static void every_default_resolves(void **state) {
    (void)state;
    for (size_t s = 0; jay_scheme_at(s) != NULL; s++) {
        const jay_backend_ops *ops = jayi_builtin_backend_at(s);
        jay_options *options = NULL;
        assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
        for (size_t i = 0; i < ops->option_count; i++) {
            assert_int_equal(
                jay_options_set_text(options, ops->options[i].name, ops->options[i].default_text),
                JAY_OK);
        }
        jay_option_value values[64];
        assert_true(JAYI_CORE_OPTION_COUNT + ops->option_count <= COUNT_OF(values));
        static const jayi_url no_url = {.option_count = 0};
        jay_error error;
        if (jayi_resolve_options(ops, options, &no_url, values, &error) != JAY_OK)
            fail_msg("%s", error.message);
        jay_options_destroy(options);
    }
}

static const jay_option_info *find_option(const char *scheme, const char *name) {
    for (size_t i = 0; jay_option_at(scheme, i) != NULL; i++) {
        if (strcmp(jay_option_at(scheme, i)->name, name) == 0) return jay_option_at(scheme, i);
    }
    fail_msg("%s: has no option %s", scheme, name);
    return NULL;
}

static void documented_defaults_hold(void **state) {
    (void)state;
    assert_string_equal(find_option(NULL, "default_ttl")->default_text, "300s");
    assert_string_equal(find_option(NULL, "prefix")->default_text, "");
    assert_int_equal(find_option(NULL, "prefix")->max, JAY_PREFIX_MAX_BYTES);
    assert_string_equal(find_option("memory", "max_bytes")->default_text, "64m");
    assert_string_equal(find_option("simple", "max_items")->default_text, "500");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_schemes_are_there),
        cmocka_unit_test(every_scheme_is_valid_unique_and_explained),
        cmocka_unit_test(every_table_would_be_taken_from_a_program),
        cmocka_unit_test(every_option_is_complete_and_unique),
        cmocka_unit_test(every_default_resolves),
        cmocka_unit_test(documented_defaults_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
