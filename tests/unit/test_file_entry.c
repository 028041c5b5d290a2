/*
 * test_file_entry.c - files of entries: headers, names, and when an entry's time is over.
 */
#include "unit.h"

#include "backends/file/file_entry.h"

static const jayi_entry sample = {.key_size = 3,
                                  .value_size = 5,
                                  .stored_ms = 1700000000000,
                                  .deadline_ms = 1700000060000,
                                  .version = 7,
                                  .value_check = 0x1234567890abcdef};

static void a_header_comes_back(void **state) {
    (void)state;
    unsigned char header[JAYI_ENTRY_HEADER];
    jayi_entry parsed;
    jayi_entry_compose(&sample, header);
    assert_true(jayi_entry_parse(header, JAYI_ENTRY_HEADER + 8, &parsed));
    assert_int_equal(parsed.key_size, sample.key_size);
    assert_int_equal(parsed.value_size, sample.value_size);
    assert_int_equal(parsed.stored_ms, sample.stored_ms);
    assert_int_equal(parsed.deadline_ms, sample.deadline_ms);
    assert_int_equal(parsed.version, sample.version);
    assert_int_equal(parsed.value_check, sample.value_check);
    assert_true(jayi_entry_parse(header, JAYI_ENTRY_HEADER + 4096, &parsed)); /* a longer file */
    assert_false(jayi_entry_parse(header, JAYI_ENTRY_HEADER + 7, &parsed));   /* a shorter one */
}

static void every_bit_of_a_header_counts(void **state) {
    (void)state;
    unsigned char header[JAYI_ENTRY_HEADER];
    jayi_entry parsed;
    for (size_t bit = 0; bit < 8 * sizeof header; bit++) {
        jayi_entry_compose(&sample, header);
        header[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(jayi_entry_parse(header, 1 << 20, &parsed));
    }
}

/* With a check that is right, but fields that cannot be. */
static void impossible_fields_are_refused(void **state) {
    (void)state;
    unsigned char header[JAYI_ENTRY_HEADER];
    jayi_entry wrong[7], parsed;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) wrong[i] = sample;
    wrong[0].key_size = 0;
    wrong[1].key_size = JAYI_ENTRY_KEY_MAX + 1;
    wrong[2].value_size = UINT64_MAX;
    wrong[3].value_size = (1 << 20) - JAYI_ENTRY_HEADER - 2;
    wrong[4].version = 0;
    wrong[5].deadline_ms = -1;
    wrong[6].stored_ms = -1;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        jayi_entry_compose(&wrong[i], header);
        assert_false(jayi_entry_parse(header, 1 << 20, &parsed));
    }
}

static void time_is_over_at_the_deadline(void **state) {
    (void)state;
    assert_false(jayi_entry_is_over(&sample, sample.stored_ms));
    assert_false(jayi_entry_is_over(&sample, sample.deadline_ms - 1));
    assert_true(jayi_entry_is_over(&sample, sample.deadline_ms));
    jayi_entry for_ever = sample;
    for_ever.deadline_ms = 0;
    assert_false(jayi_entry_is_over(&for_ever, INT64_MAX));
    assert_false(jayi_entry_is_over(&for_ever, 0));
}

/* A clock that is a little behind is no matter; far behind, the entry's age is not known. */
static void a_clock_that_was_set_back(void **state) {
    (void)state;
    assert_false(jayi_entry_is_over(&sample, sample.stored_ms - JAYI_ENTRY_CLOCK_SLACK_MS));
    assert_true(jayi_entry_is_over(&sample, sample.stored_ms - JAYI_ENTRY_CLOCK_SLACK_MS - 1));
    assert_true(jayi_entry_is_over(&sample, 0));
}

static void names(void **state) {
    (void)state;
    jayi_name one, same, other;
    char leaf[4];
    jayi_name_of("key", 3, 1, &one);
    jayi_name_of("key", 3, 1, &same);
    jayi_name_of("key", 3, 2, &other);
    assert_string_equal(one.path, same.path);
    assert_string_not_equal(one.path, other.path);
    assert_int_equal(strlen(one.path), 4 + JAYI_FILE_NAME_BYTES);
    assert_true(one.leaf < JAYI_LEAVES);
    jayi_leaf_path(one.leaf, leaf);
    assert_memory_equal(leaf, one.path, 3);
    assert_true(jayi_name_is_entry(jayi_name_file(&one)));
    assert_false(jayi_name_is_entry(one.path));
    assert_false(jayi_name_is_entry(""));
    assert_false(jayi_name_is_entry("spare"));
    assert_false(jayi_name_is_entry("0123456789abcdef0123456789abcde"));
    assert_false(jayi_name_is_entry("0123456789abcdef0123456789abc"));
    assert_false(jayi_name_is_entry("0123456789ABCDEF0123456789abcd"));
    assert_true(jayi_name_is_entry("0123456789abcdef0123456789abcd"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back),
        cmocka_unit_test(every_bit_of_a_header_counts),
        cmocka_unit_test(impossible_fields_are_refused),
        cmocka_unit_test(time_is_over_at_the_deadline),
        cmocka_unit_test(a_clock_that_was_set_back),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
