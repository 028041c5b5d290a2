/*
 * test_random.c - seeds are not all the same. That they are random cannot be tested.
 */
#include "unit.h"

#include "os/random.h"

static void seeds_differ(void **state) {
    (void)state;
    uint64_t set = 0, unset = 0, first = jayi_random_seed();
    int differ = 0;
    for (int i = 0; i < 64; i++) {
        uint64_t seed = jayi_random_seed();
        differ += seed != first;
        set |= seed;
        unset |= ~seed;
    }
    assert_true(differ > 0);
    /* Every bit was 1 once and 0 once; that chance fails this is less than once in 10^17. */
    assert_true(set == UINT64_MAX && unset == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
