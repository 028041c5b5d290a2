/*
 * test_deadline.c - whether a moment is over: to the millisecond, with the processor's counter and
 * without.
 */
#include "unit.h"

#include "os/deadline.h"

#define LOOKS_MAX 100000000u /* some seconds: far more than are needed */

static uint64_t now_ms(void) {
    return (uint64_t)jayi_clock_ms();
}

/* Looks until a moment is over, and checks each answer against the clock before and after. */
static void watch(uint64_t moment_ms) {
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        uint64_t before_ms = now_ms();
        bool is_over = jayi_deadline_is_over(moment_ms);
        uint64_t after_ms = now_ms();
        if (is_over) {
            assert_true(moment_ms <= after_ms);
            return;
        }
        assert_true(before_ms < moment_ms);
    }
    fail_msg("the clock stands still");
}

static void moments_are_over_when_the_clock_says_so(void **state) {
    (void)state;
    for (uint64_t ahead_ms = 0; ahead_ms <= 64; ahead_ms += 1 + ahead_ms / 4)
        watch(now_ms() + ahead_ms);
    assert_true(jayi_deadline_is_over(0));
    assert_true(jayi_deadline_is_over(now_ms()));
    assert_false(jayi_deadline_is_over(now_ms() + 100000));
    assert_false(jayi_deadline_is_over(UINT64_MAX));
}

static void it_is_the_same_without_a_counter(void **state) {
    uint64_t window = jayi_deadline_window;
    jayi_deadline_window = 0;
    moments_are_over_when_the_clock_says_so(state);
    jayi_deadline_window = window;
}

/* What was noted long ago is not relied on: as if the thread had slept since. */
static void an_old_note_is_not_believed(void **state) {
    (void)state;
    uint64_t moment_ms = now_ms();
    jayi_deadline_noted =
        (jayi_deadline_note){.ticks = jayi_deadline_ticks() - jayi_deadline_window - 1, .ms = 0};
    assert_true(jayi_deadline_is_over(moment_ms));
    /* Nor one from the future: the counter was set back. */
    jayi_deadline_noted =
        (jayi_deadline_note){.ticks = jayi_deadline_ticks() + (UINT64_C(1) << 60), .ms = 0};
    assert_true(jayi_deadline_is_over(moment_ms));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_over_when_the_clock_says_so),
        cmocka_unit_test(it_is_the_same_without_a_counter),
        cmocka_unit_test(an_old_note_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
