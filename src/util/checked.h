/*
 * checked.h - size arithmetic that says when it does not fit.
 */
#ifndef JAYI_CHECKED_H
#define JAYI_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns false, with *ret_result unspecified, when the exact result does not fit. */
static inline bool jayi_add_size(size_t a, size_t b, size_t *ret_result) {
    return !__builtin_add_overflow(a, b, ret_result);
}

static inline bool jayi_mul_size(size_t a, size_t b, size_t *ret_result) {
    return !__builtin_mul_overflow(a, b, ret_result);
}

static inline bool jayi_add_i64(int64_t a, int64_t b, int64_t *ret_result) {
    return !__builtin_add_overflow(a, b, ret_result);
}

static inline bool jayi_mul_i64(int64_t a, int64_t b, int64_t *ret_result) {
    return !__builtin_mul_overflow(a, b, ret_result);
}

#endif
