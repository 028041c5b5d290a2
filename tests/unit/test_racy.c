/*
 * test_racy.c - copies out of memory that others may be writing: every size and alignment gives
 * the bytes that were there, and writes none beyond them.
 */
#include "unit.h"

#include "engine/racy.h"

#define SIZE_MAX_TESTED 4400u /* past the last size that is copied in place */
#define MARGIN 160u

/* Different at each place, and never GUARD. */
static unsigned char byte_at(size_t offset) {
    return (unsigned char)(1 + (offset * 131 + (offset >> 8) * 7) % 250);
}

#define GUARD 0xff

static void check_copy(unsigned char *to, const unsigned char *from, size_t from_offset,
                       size_t size) {
    memset(to, GUARD, size + 2 * MARGIN);
    jayi_racy_read(to + MARGIN, from + from_offset, size);
    for (size_t i = 0; i < MARGIN; i++) {
        assert_int_equal(to[i], GUARD);
        assert_int_equal(to[MARGIN + size + i], GUARD);
    }
    assert_memory_equal(to + MARGIN, from + from_offset, size);
}

static void copies_are_exact(void **state) {
    (void)state;
    static unsigned char from[SIZE_MAX_TESTED + 64], to[SIZE_MAX_TESTED + 2 * MARGIN + 64];
    for (size_t i = 0; i < sizeof from; i++) from[i] = byte_at(i);
    /* All small sizes at all alignments by eight; larger ones one after the other. */
    for (size_t size = 0; size <= 300; size++) {
        for (size_t shift = 0; shift < 64; shift += 8)
            check_copy(to + shift % 32, from, shift, size);
    }
    for (size_t size = 301; size <= SIZE_MAX_TESTED; size++)
        check_copy(to + size % 7, from, size % 61, size);
}

static void keys_are_compared_to_the_last_byte(void **state) {
    (void)state;
    unsigned char one[80], other[80];
    for (size_t size = 1; size <= 64; size++) {
        for (size_t i = 0; i < sizeof one; i++) one[i] = other[i] = byte_at(i);
        other[size] ^= 1; /* just behind */
        assert_true(jayi_racy_equal(one, other, size));
        for (size_t i = 0; i < size; i++) {
            other[i] ^= 1;
            assert_false(jayi_racy_equal(one, other, size));
            other[i] ^= 1;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_exact),
        cmocka_unit_test(keys_are_compared_to_the_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
