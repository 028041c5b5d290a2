/*
 * kill_support.h - what the tests that kill processes share: failing, random numbers, a watchdog,
 * and child processes that cannot outlive the test.
 *
 * A test is one program. It removes the shared memory that it named, however it ends.
 */
#ifndef KILL_SUPPORT_H
#define KILL_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jaycache/jaycache.h>

/* Prints the seed of the random numbers, which JAY_TEST_SEED sets, and starts the watchdog. */
void kill_begin(const char *test);

/* Whether the long form is wanted: JAY_TEST_LONG=1. */
bool kill_is_long(void);

/* Ends the test with a message: what it was about (kill_about), then this. */
_Noreturn void kill_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what the test is about to look at, for messages of failures and of the watchdog; and gives
 * the watchdog another `seconds`. */
void kill_about(unsigned seconds, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define KILL_CHECK(is_so, ...)                \
    do {                                      \
        if (!(is_so)) kill_fail(__VA_ARGS__); \
    } while (0)

/* ---- random numbers ---- */

uint64_t kill_random(void);
uint64_t kill_below(uint64_t bound);
void kill_reseed(uint64_t seed);

/* ---- tools ---- */

uint64_t kill_hash(const void *bytes, size_t size);
int64_t kill_now_ns(void);
void kill_sleep_us(uint64_t microseconds);

/* A new name for shm:, removed when the test ends. At most KILL_NAMES. */
#define KILL_NAMES 1024
const char *kill_name(void);

/* Zeroed memory that forked processes share. Never given back. */
void *kill_shared_memory(size_t size);

/* Forks; the child dies with its parent. */
pid_t kill_fork(void);

/* Kills a child with SIGKILL and waits for its end. */
void kill_end(pid_t pid);

/* Waits for a child that ends by itself, and fails unless it succeeds. */
void kill_join(pid_t pid);

#endif
