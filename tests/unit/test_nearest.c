/*
 * test_nearest.c - the distance of names, against known cases and against its plain definition.
 */
#include "unit.h"

#include "util/nearest.h"

static void known_distances(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"prefix", "prefix", 0},
        {"prefix", "prefx", 1},   /* inserted */
        {"prefix", "preffix", 1}, /* removed */
        {"prefix", "prefux", 1},  /* replaced */
        {"prefix", "perfix", 1},  /* swapped */
        {"prefix", "rpefxi", 2},  /* swapped twice */
        {"max_items", "MAX-ITEMS", 0},
        {"Max_Items", "max-itmes", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, /* a swapped pair is not changed again: the restricted distance */
        {"abc", "xyz", 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(jayi_name_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(jayi_name_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void like_is_half_of_the_longer_name(void **state) {
    (void)state;
    assert_true(jayi_name_is_like("memroy", "memory"));
    assert_true(jayi_name_is_like("mem", "memory"));
    assert_true(jayi_name_is_like("MEMORY", "memory"));
    assert_false(jayi_name_is_like("http", "null"));
    assert_false(jayi_name_is_like("max_items", "default_ttl"));
    assert_false(jayi_name_is_like("", "null"));
}

static void long_names_are_compared_by_their_beginning(void **state) {
    (void)state;
    char a[101], b[101], c[101];
    memset(a, 'a', 100);
    memset(b, 'a', 100);
    memset(c, 'c', 100);
    a[100] = b[100] = c[100] = '\0';
    b[63] = 'b';
    assert_int_equal(jayi_name_distance(a, b), 0);
    b[62] = 'b';
    assert_int_equal(jayi_name_distance(a, b), 1);
    assert_int_equal(jayi_name_distance(a, c), 63);
    assert_int_equal(jayi_name_distance(a, ""), 63);
    assert_int_equal(jayi_name_distance("", a), 63);
}

/* The definition, word for word: slow, and right for whoever can read it. */
static size_t by_definition(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size == 0) return b_size;
    if (b_size == 0) return a_size;
    size_t least = by_definition(a, a_size - 1, b, b_size) + 1;
    size_t other = by_definition(a, a_size, b, b_size - 1) + 1;
    if (other < least) least = other;
    other = by_definition(a, a_size - 1, b, b_size - 1) + (a[a_size - 1] != b[b_size - 1]);
    if (other < least) least = other;
    if (a_size > 1 && b_size > 1 && a[a_size - 1] == b[b_size - 2] &&
        a[a_size - 2] == b[b_size - 1]) {
        other = by_definition(a, a_size - 2, b, b_size - 2) + 1;
        if (other < least) least = other;
    }
    return least;
}

static void random_name(uint64_t *random, char *name) {
    size_t size = unit_next(random) % 7;
    for (size_t i = 0; i < size; i++) name[i] = (char)('a' + unit_next(random) % 3);
    name[size] = '\0';
}

static void agrees_with_the_definition(void **state) {
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 2000; i++) {
        char a[8], b[8];
        random_name(&random, a);
        random_name(&random, b);
        size_t wanted = by_definition(a, strlen(a), b, strlen(b));
        if (jayi_name_distance(a, b) != wanted)
            fail_msg("'%s' and '%s' are %zu apart", a, b, wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_distances),
        cmocka_unit_test(like_is_half_of_the_longer_name),
        cmocka_unit_test(long_names_are_compared_by_their_beginning),
        cmocka_unit_test(agrees_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
