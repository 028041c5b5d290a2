/*
 * deadline.c - whether a moment is over, and whether the processor's counter helps to know it.
 */
#include "os/deadline.h"

#include "os/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

_Thread_local jayi_deadline_note jayi_deadline_noted;
uint64_t jayi_deadline_window;

/* About a millisecond of a counter that has this many ticks a second at least. */
#if defined(__x86_64__)
#define WINDOW (UINT64_C(1) << 20) /* time stamp counters run at 1 GHz or more */

/* Whether the counter runs at one rate, also in deep sleep ("invariant TSC", AMD's and Intel's
 * manuals, CPUID leaf 0x80000007). */
static bool counter_is_good(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx >> 8 & 1) != 0;
}
#elif defined(__aarch64__)
#define WINDOW (counter_rate() / 1000)

static uint64_t counter_rate(void) {
    uint64_t rate;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(rate));
    return rate;
}

/* The architecture has one counter for all processors. Some firmware does not say how fast. */
static bool counter_is_good(void) {
    return counter_rate() >= 1000000;
}
#else
#define WINDOW 0

static bool counter_is_good(void) {
    return false;
}
#endif

__attribute__((constructor)) static void look_at_counter(void) {
    if (counter_is_good()) jayi_deadline_window = WINDOW;
}

bool jayi_deadline_ask(uint64_t moment_ms) {
    /* The counter first: what it counts from here on includes the call. */
    uint64_t ticks = jayi_deadline_ticks();
    uint64_t now_ms = (uint64_t)jayi_clock_coarse_ms();
    jayi_deadline_noted = (jayi_deadline_note){ticks, now_ms + JAYI_DEADLINE_NEAR_MS};
    if (moment_ms > now_ms + JAYI_CLOCK_COARSE_LAG_MS) return false;
    return moment_ms <= now_ms || moment_ms <= (uint64_t)jayi_clock_ms();
}
