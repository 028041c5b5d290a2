/*
 * workload.h - keys, values and sequences of lookups, the same in every run and for every store.
 *
 * Keys look like "sidebar_for/user20481234": 24 to 32 bytes, the number of digits differing. Values
 * carry the item they belong to in their first and last eight bytes, so that a wrong one is
 * noticed:
 *
 *     | stamp (8) | fixed pattern ... | stamp (8) |
 *
 * Sequences are drawn and written out before anything is timed: each step holds the whole key, so
 * that the loop reads memory in order and the cost of finding the key is not in the figures.
 */
#ifndef JAYCACHE_BENCH_WORKLOAD_H
#define JAYCACHE_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_KEY_MAX_BYTES 32
#define BENCH_VALUE_MIN_BYTES 16
#define BENCH_ITEMS_MAX 100000000u

/* One lookup to come. */
typedef struct bench_step {
    char key[BENCH_KEY_MAX_BYTES];
    uint32_t item;
    uint8_t key_size;
    uint8_t dice; /* 0 to 99, for mixes of reads and writes */
    uint16_t unused;
} bench_step;

enum bench_distribution { BENCH_UNIFORM = 0, BENCH_ZIPF = 1 /* exponent .99 */ };

typedef struct bench_sequence {
    bench_step *steps;
    size_t count;
} bench_sequence;

/* Writes the key of an item, 0 to BENCH_ITEMS_MAX - 1. Returns its size. */
size_t bench_key_write(uint32_t item, char key[BENCH_KEY_MAX_BYTES]);

/* The mean size of the keys of items 0 to item_count - 1, in bytes. */
double bench_key_mean_bytes(uint32_t item_count);

/* Draws `step_count` lookups among `item_count` items. Sequences of different `seed` are different
 * but agree on which items are the popular ones. */
bench_sequence bench_sequence_create(enum bench_distribution distribution, uint32_t item_count,
                                     size_t step_count, uint64_t seed);
void bench_sequence_destroy(bench_sequence *sequence);

/* What the value of an item begins and ends with. `salt` tells an overwritten value from the first.
 */
static inline uint64_t bench_stamp(uint32_t item, uint64_t salt) {
    return ((uint64_t)item + 1) * 0x9e3779b97f4a7c15u + salt;
}

/* Fills a buffer with the pattern; do it once, then stamp it for each item. */
void bench_value_prepare(void *value, size_t size_bytes);

static inline void bench_value_stamp(void *value, size_t size_bytes, uint32_t item, uint64_t salt) {
    const uint64_t stamp = bench_stamp(item, salt);
    memcpy(value, &stamp, sizeof stamp);
    memcpy((char *)value + size_bytes - sizeof stamp, &stamp, sizeof stamp);
}

/* The quick check, cheap enough for the timed loop: both ends of the value. */
static inline bool bench_value_ends_match(const void *value, size_t size_bytes, uint32_t item,
                                          uint64_t salt) {
    const uint64_t stamp = bench_stamp(item, salt);
    uint64_t first, last;
    memcpy(&first, value, sizeof first);
    memcpy(&last, (const char *)value + size_bytes - sizeof last, sizeof last);
    return first == stamp && last == stamp;
}

/* The whole check, byte by byte. */
bool bench_value_matches(const void *value, size_t size_bytes, uint32_t item, uint64_t salt);

#ifdef __cplusplus
}
#endif

#endif
