/*
 * unit.h - what every unit test includes: cmocka with the headers it wants before it, and checks
 * that it lacks.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Fails unless `text` holds `piece`; NULL wants nothing. */
#define assert_holds(text, piece) unit_holds((text), (piece), __FILE__, __LINE__)

/* Fails if `text` holds `piece`. */
#define assert_lacks(text, piece) unit_lacks((text), (piece), __FILE__, __LINE__)

static inline void unit_holds(const char *text, const char *piece, const char *file, int line) {
    if (piece == NULL || strstr(text, piece) != NULL) return;
    print_error("'%s' does not hold '%s'\n", text, piece);
    _fail(file, line);
}

static inline void unit_lacks(const char *text, const char *piece, const char *file, int line) {
    if (strstr(text, piece) == NULL) return;
    print_error("'%s' holds '%s'\n", text, piece);
    _fail(file, line);
}

/* An error that nothing has written to yet; one that still is like that. */
static inline void unit_unset(jay_error *error) {
    memset(error, 0x5a, sizeof *error);
}

static inline int unit_is_unset(const jay_error *error) {
    const unsigned char *bytes = (const unsigned char *)error;
    for (size_t i = 0; i < sizeof *error; i++) {
        if (bytes[i] != 0x5a) return 0;
    }
    return 1;
}

/* A sequence of numbers that look random and are the same in every run. */
static inline uint64_t unit_next(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t mixed = *state ^ (*state >> 29);
    return mixed * UINT64_C(0x9E3779B97F4A7C15);
}

#endif
