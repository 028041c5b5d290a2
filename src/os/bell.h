/*
 * bell.h - sleeping until a word of memory changes, within a process (futex).
 */
#ifndef JAYI_BELL_H
#define JAYI_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleeps while the word is `value`, at most until `deadline_ms` (jayi_clock_ms). May return early:
 * look again. False: the deadline has passed. */
bool jayi_bell_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline_ms);

/* Wakes who sleeps on the word, which has been changed before. The word may be in use for something
 * else by then, but must still be memory. */
void jayi_bell_ring(_Atomic uint32_t *word);

#endif
