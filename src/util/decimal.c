/*
 * decimal.c - canonical decimal integers. Strict, so that a number has one form only and
 * Redis's INCRBY, which has the same rule, accepts every counter and no other text.
 */
#include "util/decimal.h"

#include <string.h>

size_t jayi_decimal_format(int64_t number, char *text) {
    char reversed[JAYI_DECIMAL_MAX];
    size_t digits = 0;
    /* Negate as unsigned: INT64_MIN has no positive counterpart. */
    uint64_t rest = number < 0 ? 0u - (uint64_t)number : (uint64_t)number;
    do {
        reversed[digits++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    size_t size = 0;
    if (number < 0) text[size++] = '-';
    while (digits > 0) text[size++] = reversed[--digits];
    return size;
}

bool jayi_decimal_parse(const void *text, size_t size, int64_t *ret_number) {
    const char *digits = text;
    if (size == 0 || size > JAYI_DECIMAL_MAX) return false;
    bool negative = digits[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == size) return false;
    if (digits[at] == '0' && (negative || size > 1)) return false;
    uint64_t number = 0;
    for (; at < size; at++) {
        if (digits[at] < '0' || digits[at] > '9') return false;
        if (__builtin_mul_overflow(number, 10u, &number)) return false;
        if (__builtin_add_overflow(number, (uint64_t)(digits[at] - '0'), &number)) return false;
    }
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *ret_number = negative ? (int64_t)(0u - number) : (int64_t)number;
    return true;
}
