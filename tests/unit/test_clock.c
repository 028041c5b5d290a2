/*
 * test_clock.c - the clock: the kernel's monotonic one, in milliseconds.
 */
#include "unit.h"

#include <time.h>

#include "os/clock.h"

static int64_t kernel_ms(void) {
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void lies_between_two_readings_of_the_kernels(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t before = kernel_ms();
        int64_t now = jayi_clock_ms();
        int64_t after = kernel_ms();
        assert_true(before <= now && now <= after);
    }
}

/* How far behind it may be cannot be tested without trusting the machine to be prompt. */
static void the_coarse_one_is_never_ahead_and_never_goes_back(void **state) {
    (void)state;
    int64_t before = jayi_clock_coarse_ms();
    for (int i = 0; i < 10000; i++) {
        int64_t coarse = jayi_clock_coarse_ms();
        assert_true(coarse >= before && coarse <= jayi_clock_ms());
        before = coarse;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_between_two_readings_of_the_kernels),
        cmocka_unit_test(the_coarse_one_is_never_ahead_and_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
