/*
 * decimal.h - the canonical decimal form of signed 64-bit integers, which counters are kept in.
 */
#ifndef JAYI_DECIMAL_H
#define JAYI_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for every number: "-9223372036854775808" is the longest. No NUL is written. */
#define JAYI_DECIMAL_MAX 20

/* Writes `number` into `text` (JAYI_DECIMAL_MAX bytes) and returns its length. */
size_t jayi_decimal_format(int64_t number, char *text);

/*
 * Reads a canonical number: optional '-', digits, no leading zero, nothing else. Returns false
 * for anything else (also "-0", "+1", "" and what does not fit).
 */
bool jayi_decimal_parse(const void *text, size_t size, int64_t *ret_number);

#endif
