/*
 * test_counters.c - counters that many threads add to: no addition is lost.
 */
#include "unit.h"

#include <pthread.h>

#include "core/counters.h"

/* More threads than stripes, so that some share one and are in each other's way. */
#define THREADS (JAYI_STRIPES + 8)
#define ROUNDS 200000

static void a_total_is_the_sum_of_its_additions(void **state) {
    (void)state;
    jayi_counters counters = {0};
    for (int c = 0; c < JAYI_COUNTER_COUNT; c++)
        assert_int_equal(jayi_total(&counters, (enum jayi_counter)c), 0);
    jayi_count(&counters, JAYI_HITS, 3);
    jayi_count(&counters, JAYI_PINNED, 2);
    jayi_count(&counters, JAYI_PINNED, -1);
    jayi_count(&counters, JAYI_SETS, INT64_C(1) << 40);
    assert_int_equal(jayi_total(&counters, JAYI_HITS), 3);
    assert_int_equal(jayi_total(&counters, JAYI_PINNED), 1);
    assert_true(jayi_total(&counters, JAYI_SETS) == INT64_C(1) << 40);
    assert_int_equal(jayi_total(&counters, JAYI_MISSES), 0);
}

static void stripes_share_no_line(void **state) {
    (void)state;
    assert_int_equal(sizeof(jayi_stripe) % JAYI_LINE_BYTES, 0);
    assert_int_equal(sizeof(jayi_counters), JAYI_STRIPES * sizeof(jayi_stripe));
    assert_int_equal(_Alignof(jayi_counters) % JAYI_LINE_BYTES, 0);
}

typedef struct work {
    jayi_counters *counters;
    pthread_barrier_t *start;
    size_t stripe; /* which one this thread was given */
    int has_stayed;
} work;

/* Half of the threads take back what the others add, as a view released elsewhere does. */
static void *count_much(void *arg) {
    work *mine = arg;
    mine->stripe = jayi_stripe_index();
    mine->has_stayed = 1;
    pthread_barrier_wait(mine->start);
    for (int i = 0; i < ROUNDS; i++) {
        jayi_count(mine->counters, JAYI_HITS, 1);
        jayi_count(mine->counters, JAYI_MISSES, i % 7);
        jayi_count(mine->counters, JAYI_PINNED, mine->stripe % 2 == 0 ? 1 : -1);
        mine->has_stayed &= jayi_stripe_index() == mine->stripe;
    }
    return NULL;
}

static void threads_lose_nothing(void **state) {
    (void)state;
    jayi_counters counters = {0};
    pthread_t threads[THREADS];
    work works[THREADS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int t = 0; t < THREADS; t++) {
        works[t] = (work){.counters = &counters, .start = &start};
        assert_int_equal(pthread_create(&threads[t], NULL, count_much, &works[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) assert_int_equal(pthread_join(threads[t], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
    int64_t sevenths = 0, pinned = 0;
    for (int i = 0; i < ROUNDS; i++) sevenths += i % 7;
    for (int t = 0; t < THREADS; t++) {
        assert_true(works[t].stripe < JAYI_STRIPES);
        assert_true(works[t].has_stayed);
        pinned += works[t].stripe % 2 == 0 ? ROUNDS : -ROUNDS;
    }
    assert_true(jayi_total(&counters, JAYI_HITS) == (int64_t)THREADS * ROUNDS);
    assert_true(jayi_total(&counters, JAYI_MISSES) == THREADS * sevenths);
    assert_true(jayi_total(&counters, JAYI_PINNED) == pinned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_total_is_the_sum_of_its_additions),
        cmocka_unit_test(stripes_share_no_line),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
