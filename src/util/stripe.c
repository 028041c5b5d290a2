/*
 * stripe.c - who has which number.
 *
 * A number goes back when its thread ends (a destructor of thread-specific data). Its next owner
 * takes it with acquire what the last gave back with release, so their additions to a line follow
 * one another.
 */
#include "util/stripe.h"

#include <pthread.h>
#include <stdbool.h>

#define OWN_STRIPES (JAYI_STRIPES - 1)

_Thread_local uint32_t jayi_stripe_of_thread;

static _Atomic uint32_t claimed; /* a bit a number */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void give_back(void *arg) {
    uint32_t number = (uint32_t)(uintptr_t)arg - 1;
    jayi_stripe_of_thread = 0;
    atomic_fetch_and_explicit(&claimed, ~(UINT32_C(1) << number), memory_order_release);
}

/* The other threads are not there any more. */
static void after_fork(void) {
    uint32_t number = jayi_stripe_of_thread;
    atomic_store(&claimed, number == 0 || number > OWN_STRIPES ? 0 : UINT32_C(1) << (number - 1));
}

static void set_up(void) {
    has_key = pthread_key_create(&key, give_back) == 0;
    /* Without it numbers of the parent's threads stay taken: slower, but right. */
    (void)pthread_atfork(NULL, NULL, after_fork);
}

/* Threads that end after the library was unloaded must not come here any more. */
__attribute__((destructor)) static void tear_down(void) {
    if (has_key) pthread_key_delete(key);
}

/* A number that nobody has; OWN_STRIPES: there is none. */
static uint32_t find_free(void) {
    uint32_t seen = atomic_load_explicit(&claimed, memory_order_relaxed);
    for (;;) {
        uint32_t is_free = ~seen & ((UINT32_C(1) << OWN_STRIPES) - 1);
        if (is_free == 0) return OWN_STRIPES;
        uint32_t number = (uint32_t)__builtin_ctz(is_free);
        if (atomic_compare_exchange_weak_explicit(&claimed, &seen, seen | UINT32_C(1) << number,
                                                  memory_order_acquire, memory_order_relaxed))
            return number;
    }
}

size_t jayi_stripe_claim(void) {
    (void)pthread_once(&once, set_up);
    uint32_t number = has_key ? find_free() : OWN_STRIPES;
    if (number < OWN_STRIPES && pthread_setspecific(key, (void *)(uintptr_t)(number + 1)) != 0) {
        atomic_fetch_and_explicit(&claimed, ~(UINT32_C(1) << number), memory_order_release);
        number = OWN_STRIPES;
    }
    jayi_stripe_of_thread = number + 1;
    return number;
}
