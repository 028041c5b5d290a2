/*
 * test_stripe.c - the numbers of threads: own ones as long as there are any, and again when a
 * thread has ended or was left behind by fork.
 */
#include "unit.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/stripe.h"

#define SHARED (JAYI_STRIPES - 1)
#define THREADS (JAYI_STRIPES + 5)

typedef struct crowd {
    pthread_barrier_t all_have_one;
    pthread_barrier_t may_end;
    _Atomic size_t next;
    size_t numbers[THREADS];
    pthread_t threads[THREADS];
} crowd;

static void *take_part(void *arg) {
    crowd *c = arg;
    c->numbers[atomic_fetch_add(&c->next, 1)] = jayi_stripe_index();
    pthread_barrier_wait(&c->all_have_one);
    pthread_barrier_wait(&c->may_end);
    return NULL;
}

static void gather(crowd *c) {
    atomic_store(&c->next, 0);
    assert_int_equal(pthread_barrier_init(&c->all_have_one, NULL, THREADS + 1), 0);
    assert_int_equal(pthread_barrier_init(&c->may_end, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&c->threads[i], NULL, take_part, c), 0);
    pthread_barrier_wait(&c->all_have_one);
}

static void dismiss(crowd *c) {
    pthread_barrier_wait(&c->may_end);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(c->threads[i], NULL), 0);
    pthread_barrier_destroy(&c->all_have_one);
    pthread_barrier_destroy(&c->may_end);
}

/* Each number but the shared one is somebody's, and only his. */
static void check_numbers(const crowd *c) {
    unsigned owners[JAYI_STRIPES] = {0};
    owners[jayi_stripe_index()]++;
    for (int i = 0; i < THREADS; i++) {
        assert_in_range(c->numbers[i], 0, SHARED);
        owners[c->numbers[i]]++;
    }
    for (int i = 0; i < SHARED; i++) assert_int_equal(owners[i], 1);
    assert_int_equal(owners[SHARED], THREADS + 1 - SHARED);
}

static void numbers_are_own_and_come_back(void **state) {
    (void)state;
    static crowd c;
    size_t mine = jayi_stripe_index();
    for (int round = 0; round < 3; round++) {
        gather(&c);
        check_numbers(&c);
        assert_int_equal(jayi_stripe_index(), mine);
        dismiss(&c);
    }
}

/* How many own numbers there still are: claimed as new threads would, without starting any. */
static unsigned count_free(void) {
    unsigned own = 0;
    for (int i = 0; i < THREADS; i++) own += jayi_stripe_claim() < SHARED;
    return own;
}

/* In a child all numbers are free but that of its only thread. */
static void a_child_has_them_all(void **state) {
    (void)state;
    static crowd c;
    size_t mine = jayi_stripe_index();
    gather(&c);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(jayi_stripe_index() == mine && count_free() == SHARED - 1 ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    dismiss(&c);
}

static void additions_reach_the_count(void **state) {
    (void)state;
    _Atomic int64_t count = 0;
    jayi_stripe_add(&count, 0, JAYI_STRIPES, 5);
    jayi_stripe_add(&count, SHARED, JAYI_STRIPES, -7);
    assert_int_equal(atomic_load(&count), -2);
    jayi_stripe_add(&count, 3, 4, INT64_MIN);
    jayi_stripe_add(&count, 0, 4, -1);
    assert_true(atomic_load(&count) == INT64_MAX - 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_own_and_come_back),
        cmocka_unit_test(a_child_has_them_all),
        cmocka_unit_test(additions_reach_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
