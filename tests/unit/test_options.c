/*
 * test_options.c - sets of options: what they take, what they refuse, and the program's own
 * backends.
 */
#include "unit.h"

#include "core/options.h"
#include "core/registry.h"
#include "counting_memory.h"
#include "probe_backend.h"

static int set_up(void **state) {
    (void)state;
    probe_reset();
    return 0;
}

static jay_options *new_options(void) {
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    return options;
}

static void create_wants_whole_allocators(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator whole = counting_allocator(&memory);
    jay_options *const untouched = (jay_options *)&memory;
    jay_options *options = untouched;
    jay_allocator lacking = whole;
    lacking.alloc = NULL;
    assert_int_equal(jay_options_create(&lacking, &options), JAY_E_ARGUMENT);
    lacking = whole;
    lacking.realloc = NULL;
    assert_int_equal(jay_options_create(&lacking, &options), JAY_E_ARGUMENT);
    lacking = whole;
    lacking.free = NULL;
    assert_int_equal(jay_options_create(&lacking, &options), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_create(&whole, NULL), JAY_E_ARGUMENT);
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_options_create(&whole, &options), JAY_E_NO_MEMORY);
    assert_ptr_equal(options, untouched);
    jay_options_destroy(NULL);
    assert_int_equal(memory.live_blocks, 0);
}

/* The allocator is copied: the caller's may go. */
static void the_allocator_is_copied(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(&allocator, &options), JAY_OK);
    memset(&allocator, 0, sizeof allocator);
    assert_int_equal(jay_options_set_text(options, "prefix", "p"), JAY_OK);
    jay_options_destroy(options);
    assert_true(memory.calls > 1);
    assert_int_equal(memory.live_blocks, 0);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    jay_options *options = new_options();
    assert_int_equal(jay_options_set_int(NULL, "a", 1), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_int(options, NULL, 1), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_int(options, "", 1), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_text(NULL, "a", "1"), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_text(options, NULL, "1"), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_text(options, "", "1"), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_text(options, "a", NULL), JAY_E_ARGUMENT);
    assert_int_equal(options->count, 0);
    jay_options_destroy(options);
}

static void setting_again_replaces(void **state) {
    (void)state;
    char name[] = "count", text[] = "8";
    jay_options *options = new_options();
    assert_int_equal(jay_options_set_text(options, name, text), JAY_OK);
    name[0] = text[0] = '#'; /* both are copied */
    assert_int_equal(options->count, 1);
    assert_string_equal(options->list[0].name, "count");
    assert_string_equal(options->list[0].text, "8");
    assert_int_equal(jay_options_set_text(options, "count", "9"), JAY_OK);
    assert_string_equal(options->list[0].text, "9");
    assert_int_equal(jay_options_set_int(options, "count", 10), JAY_OK);
    assert_null(options->list[0].text);
    assert_int_equal(options->list[0].number, 10);
    assert_int_equal(jay_options_set_text(options, "count", options->list[0].name), JAY_OK);
    assert_string_equal(options->list[0].text, "count");
    assert_int_equal(options->count, 1);
    assert_int_equal(jay_options_set_int(options, "Count", 10), JAY_OK);
    assert_int_equal(options->count, 2);
    jay_options_destroy(options);
}

static void keep_line(void *arg, int level, const char *message) {
    (void)arg, (void)level, (void)message;
}

static void log_levels_are_checked(void **state) {
    (void)state;
    jay_options *options = new_options();
    assert_int_equal(jay_options_set_dialler(NULL, NULL, NULL), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_login(NULL, NULL, NULL), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_log(NULL, keep_line, NULL, JAY_LOG_ERROR), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_log(options, keep_line, NULL, -1), JAY_E_ARGUMENT);
    assert_int_equal(jay_options_set_log(options, keep_line, NULL, JAY_LOG_DEBUG + 1),
                     JAY_E_ARGUMENT);
    assert_null(options->log);
    for (int level = JAY_LOG_ERROR; level <= JAY_LOG_DEBUG; level++) {
        assert_int_equal(jay_options_set_log(options, keep_line, options, level), JAY_OK);
        assert_true(options->log == keep_line && options->log_arg == options);
        assert_int_equal(options->log_level, level);
    }
    assert_int_equal(jay_options_set_log(options, NULL, NULL, JAY_LOG_ERROR), JAY_OK);
    assert_null(options->log);
    jay_options_destroy(options);
}

/* ---- backends of the program's own ---- */

/* Wants the probe's table, as it is now, refused with `status` and a message that holds `piece`. */
static void check_refused(int status, const char *piece) {
    jay_options *options = new_options();
    jay_error error;
    unit_unset(&error);
    assert_int_equal(jay_options_add_backend(options, &probe.ops, &error), status);
    assert_int_equal(error.code, status);
    assert_holds(error.message, piece);
    assert_int_equal(jay_options_add_backend(options, &probe.ops, NULL), status);
    assert_int_equal(options->backend_count, 0);
    jay_options_destroy(options);
    probe_reset();
}

static void tables_for_another_header_are_refused(void **state) {
    (void)state;
    probe.ops.abi = JAY_BACKEND_ABI + 1;
    check_refused(JAY_E_VERSION, "compile the backend with this version's header");
    probe.ops.abi = 0;
    check_refused(JAY_E_VERSION, "ABI 0");
    probe.ops.struct_size = sizeof(jay_backend_ops) - 1;
    check_refused(JAY_E_VERSION, "compile the backend with this version's header");
    probe.ops.struct_size = 0;
    check_refused(JAY_E_VERSION, "0 bytes");
}

/* A table made for a later header of the same ABI is longer, and good. */
static void longer_tables_are_taken(void **state) {
    (void)state;
    jay_options *options = new_options();
    jay_error error;
    unit_unset(&error);
    probe.ops.struct_size = sizeof(jay_backend_ops) + 64;
    assert_int_equal(jay_options_add_backend(options, &probe.ops, &error), JAY_OK);
    assert_true(unit_is_unset(&error));
    jay_options_destroy(options);
}

static void malformed_schemes_are_refused(void **state) {
    (void)state;
    static const char *const schemes[] = {NULL,     "",       "Probe",  "9probe",
                                          "pro be", "probe:", "pro_be", "abcdefghijklmnopqrstuvwx"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        probe.ops.scheme = schemes[i];
        check_refused(JAY_E_ARGUMENT, "must be a lower-case letter and then at most 22");
    }
}

static void incomplete_tables_are_refused(void **state) {
    (void)state;
    probe.ops.open = NULL;
    check_refused(JAY_E_ARGUMENT, "open");
    probe.ops.close = NULL;
    check_refused(JAY_E_ARGUMENT, "close");
    probe.ops.get = NULL;
    check_refused(JAY_E_ARGUMENT, "get");
    probe.ops.release = NULL;
    check_refused(JAY_E_ARGUMENT, "release");
    probe.ops.write = NULL;
    check_refused(JAY_E_ARGUMENT, "write");
    probe.ops.erase = NULL;
    check_refused(JAY_E_ARGUMENT, "erase");
    probe.ops.options = NULL;
    check_refused(JAY_E_ARGUMENT, "options");
    jay_options *options = new_options();
    jay_error error;
    assert_int_equal(jay_options_add_backend(NULL, &probe.ops, &error), JAY_E_ARGUMENT);
    assert_int_equal(error.code, JAY_E_ARGUMENT);
    assert_int_equal(jay_options_add_backend(options, NULL, &error), JAY_E_ARGUMENT);
    jay_options_destroy(options);
}

static void own_backends_go_first_and_the_last_of_them(void **state) {
    (void)state;
    jay_backend_ops first = probe.ops, second = probe.ops, memory = probe.ops;
    memory.scheme = "memory";
    jay_options *options = new_options();
    assert_null(jayi_find_backend(options, "probe"));
    assert_null(jayi_find_backend(NULL, "probe"));
    assert_ptr_equal(jayi_find_backend(options, "memory"), jayi_builtin_backend("memory"));
    assert_int_equal(jay_options_add_backend(options, &first, NULL), JAY_OK);
    assert_ptr_equal(jayi_find_backend(options, "probe"), &first);
    assert_int_equal(jay_options_add_backend(options, &second, NULL), JAY_OK);
    assert_int_equal(jay_options_add_backend(options, &memory, NULL), JAY_OK);
    assert_ptr_equal(jayi_find_backend(options, "probe"), &second);
    assert_ptr_equal(jayi_find_backend(options, "memory"), &memory);
    assert_ptr_equal(jayi_find_backend(options, "null"), jayi_builtin_backend("null"));
    assert_ptr_equal(jayi_find_backend(NULL, "memory"), jayi_builtin_backend("memory"));
    jay_options_destroy(options);
}

static void the_nearest_scheme_may_be_an_own_one(void **state) {
    (void)state;
    jay_options *options = new_options();
    assert_string_equal(jayi_nearest_scheme(NULL, "memroy"), "memory");
    assert_string_equal(jayi_nearest_scheme(options, "nul"), "null");
    assert_string_equal(jayi_nearest_scheme(options, "sample"), "simple");
    assert_null(jayi_nearest_scheme(NULL, "xxxxxxxxxxxxxxxxxxxxx"));
    assert_int_equal(jay_options_add_backend(options, &probe.ops, NULL), JAY_OK);
    assert_string_equal(jayi_nearest_scheme(options, "porbe"), "probe");
    jay_options_destroy(options);
}

/* ---- without memory ---- */

/* Makes and fills options; returns the status of what failed, and checks that the rest still works.
 */
static int fill(const jay_allocator *allocator) {
    jay_options *options = NULL;
    int status = jay_options_create(allocator, &options);
    if (status == JAY_OK) status = jay_options_set_int(options, "count", 1);
    if (status == JAY_OK) status = jay_options_set_text(options, "label", "first");
    if (status == JAY_OK) status = jay_options_set_text(options, "label", "second");
    if (status == JAY_OK) status = jay_options_set_text(options, "count", "2");
    if (status == JAY_OK) status = jay_options_set_int(options, "count", 3);
    if (status == JAY_OK) status = jay_options_add_backend(options, &probe.ops, NULL);
    if (status == JAY_OK) status = jay_options_add_backend(options, &probe.ops, NULL);
    if (status != JAY_OK && options != NULL) {
        /* What failed left nothing half-made: each name once, each with a value. */
        for (size_t i = 0; i < options->count; i++) assert_non_null(options->list[i].name);
        assert_int_equal(jay_options_set_int(options, "room", 4), JAY_OK);
        assert_int_equal(jay_options_set_text(options, "label", "third"), JAY_OK);
        assert_int_equal(jay_options_add_backend(options, &probe.ops, NULL), JAY_OK);
    }
    jay_options_destroy(options);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    assert_int_equal(fill(&allocator), JAY_OK);
    int64_t calls = memory.calls;
    assert_true(calls >= 8);
    for (int64_t n = 1; n <= calls; n++) {
        counting_memory_fail(&memory, n);
        assert_int_equal(fill(&allocator), JAY_E_NO_MEMORY);
        assert_int_equal(memory.live_blocks, 0);
        assert_int_equal(memory.misuses, 0);
    }
}

/* A value that cannot be kept leaves the one before in force. */
static void failing_to_replace_keeps_the_old_value(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(&allocator, &options), JAY_OK);
    assert_int_equal(jay_options_set_text(options, "label", "old"), JAY_OK);
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_options_set_text(options, "label", "new"), JAY_E_NO_MEMORY);
    assert_string_equal(options->list[0].text, "old");
    jay_options_destroy(options);
    assert_int_equal(memory.live_blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(create_wants_whole_allocators, set_up),
        cmocka_unit_test_setup(the_allocator_is_copied, set_up),
        cmocka_unit_test_setup(bad_arguments_are_refused, set_up),
        cmocka_unit_test_setup(setting_again_replaces, set_up),
        cmocka_unit_test_setup(log_levels_are_checked, set_up),
        cmocka_unit_test_setup(tables_for_another_header_are_refused, set_up),
        cmocka_unit_test_setup(longer_tables_are_taken, set_up),
        cmocka_unit_test_setup(malformed_schemes_are_refused, set_up),
        cmocka_unit_test_setup(incomplete_tables_are_refused, set_up),
        cmocka_unit_test_setup(own_backends_go_first_and_the_last_of_them, set_up),
        cmocka_unit_test_setup(the_nearest_scheme_may_be_an_own_one, set_up),
        cmocka_unit_test_setup(every_allocation_may_fail, set_up),
        cmocka_unit_test_setup(failing_to_replace_keeps_the_old_value, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
