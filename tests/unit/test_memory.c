/*
 * test_memory.c - allocation through hooks: what is asked of them, and what their refusal comes to.
 */
#include "unit.h"

#include "counting_memory.h"
#include "util/memory.h"

static void calloc_gives_zeros(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    unsigned char *bytes = jayi_calloc(&allocator, 100, 7);
    assert_non_null(bytes);
    for (size_t i = 0; i < 700; i++) assert_int_equal(bytes[i], 0);
    jayi_free(&allocator, bytes);
    assert_int_equal(memory.live_blocks, 0);
}

static void calloc_of_too_much_asks_for_nothing(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    assert_null(jayi_calloc(&allocator, SIZE_MAX, 2));
    assert_null(jayi_calloc(&allocator, SIZE_MAX / 8 + 1, 16));
    assert_int_equal(memory.calls, 0);
}

static void texts_are_copied(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    char *copy = jayi_copy_text(&allocator, "prefix:rest", 7);
    assert_string_equal(copy, "prefix:");
    jayi_free(&allocator, copy);
    copy = jayi_copy_text(&allocator, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    jayi_free(&allocator, copy);
    copy = jayi_copy_text(&allocator, NULL, 0);
    assert_string_equal(copy, "");
    jayi_free(&allocator, copy);
    assert_null(jayi_copy_text(&allocator, "x", SIZE_MAX));
    assert_int_equal(memory.live_blocks, 0);
}

/* The hooks are promised a size above 0. */
static void hooks_are_never_asked_for_nothing(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    void *a = jayi_alloc(&allocator, 0);
    void *b = jayi_calloc(&allocator, 0, 10);
    void *c = jayi_realloc(&allocator, NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    jayi_free(&allocator, a);
    jayi_free(&allocator, b);
    jayi_free(&allocator, c);
    jayi_free(&allocator, NULL);
    assert_int_equal(memory.misuses, 0);
    assert_int_equal(memory.live_blocks, 0);
}

static void refusals_are_passed_on(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    counting_memory_fail(&memory, 1);
    assert_null(jayi_calloc(&allocator, 1, 1));
    counting_memory_fail(&memory, 1);
    assert_null(jayi_copy_text(&allocator, "text", 4));
    void *block = jayi_alloc(&allocator, 10);
    counting_memory_fail(&memory, 1);
    assert_null(jayi_realloc(&allocator, block, 20));
    jayi_free(&allocator, block);
    assert_int_equal(memory.live_blocks, 0);
}

static void the_default_is_the_heap(void **state) {
    (void)state;
    char *text = jayi_copy_text(&jayi_default_allocator, "heap", 4);
    assert_non_null(text);
    char *longer = jayi_realloc(&jayi_default_allocator, text, 1000);
    assert_non_null(longer);
    assert_string_equal(longer, "heap");
    jayi_free(&jayi_default_allocator, longer);
    jayi_free(&jayi_default_allocator, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_gives_zeros),
        cmocka_unit_test(calloc_of_too_much_asks_for_nothing),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(hooks_are_never_asked_for_nothing),
        cmocka_unit_test(refusals_are_passed_on),
        cmocka_unit_test(the_default_is_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
