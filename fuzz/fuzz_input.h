/*
 * fuzz_input.h - the bytes of an input, taken from the front one decision at a time. Past the end
 * every byte is 0, and fuzz_is_over says so.
 */
#ifndef JAY_FUZZ_INPUT_H
#define JAY_FUZZ_INPUT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_target.h"

typedef struct fuzz_input {
    const uint8_t *data;
    size_t size;
} fuzz_input;

static inline bool fuzz_is_over(const fuzz_input *in) {
    return in->size == 0;
}

static inline uint8_t fuzz_u8(fuzz_input *in) {
    if (in->size == 0) return 0;
    in->size--;
    return *in->data++;
}

static inline uint16_t fuzz_u16(fuzz_input *in) {
    uint16_t low = fuzz_u8(in);
    return (uint16_t)(low | fuzz_u8(in) << 8);
}

static inline uint32_t fuzz_u32(fuzz_input *in) {
    uint32_t low = fuzz_u16(in);
    return low | (uint32_t)fuzz_u16(in) << 16;
}

/* What must hold whatever the input is. */
#define fuzz_require(holds) ((holds) ? (void)0 : fuzz_fail(#holds, __FILE__, __LINE__))

static inline void fuzz_fail(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

#endif
