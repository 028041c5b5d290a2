/*
 * deadline.h - whether a moment of the monotonic clock is over.
 *
 * Nearly always it is far ahead, and a look at the processor's own counter is enough to know that
 * still little time has passed since this thread last asked the kernel: fewer instructions than a
 * call of the kernel's clock, of which a lookup would have to wait for the end. That needs a
 * counter which runs at a constant rate, the same for all processors; where there is none, each
 * question goes to the kernel.
 */
#ifndef JAYI_DEADLINE_H
#define JAYI_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/clock.h"

typedef struct jayi_deadline_note {
    uint64_t ticks; /* of the counter, before the kernel was asked */
    uint64_t ms;    /* what it said, and JAYI_DEADLINE_NEAR_MS: later moments are not near */
} jayi_deadline_note;

extern _Thread_local jayi_deadline_note jayi_deadline_noted
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Ticks that surely take no more than a few milliseconds; 0: the counter is no good, or the clock
 * is not the kernel's. */
extern uint64_t jayi_deadline_window __attribute__((visibility("hidden")));

#define JAYI_DEADLINE_NEAR_MS (JAYI_CLOCK_COARSE_LAG_MS + 5)

/* Asks the kernel whether a moment is over, and notes the time. */
bool jayi_deadline_ask(uint64_t moment_ms);

static inline uint64_t jayi_deadline_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

/* Whether a moment was surely not over when the counter had `ticks`, without asking. */
static inline bool jayi_deadline_was_far(uint64_t ticks, uint64_t moment_ms) {
    const jayi_deadline_note *note = &jayi_deadline_noted;
    bool is_fresh = ticks - note->ticks < jayi_deadline_window;
    return is_fresh && moment_ms > note->ms;
}

/* Whether a moment, in terms of jayi_clock_ms, was over when the counter had `ticks`, which it had
 * within this operation. */
static inline bool jayi_deadline_was_over(uint64_t ticks, uint64_t moment_ms) {
    if (__builtin_expect(jayi_deadline_was_far(ticks, moment_ms), 1)) return false;
    return jayi_deadline_ask(moment_ms);
}

/* Whether it is over now. */
static inline bool jayi_deadline_is_over(uint64_t moment_ms) {
    return jayi_deadline_was_over(jayi_deadline_ticks(), moment_ms);
}

#endif
