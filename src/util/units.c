/*
 * units.c - reading and writing option values.
 *
 * A duration needs its unit: a bare "300" is seconds to those who come from Werkzeug and
 * milliseconds to those who read our header, so it is refused rather than guessed.
 */
#include "util/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jaycache/jaycache.h>

#include "util/checked.h"

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

/* Largest first: jayi_format_number takes the first that divides. */
static const unit size_units[] = {{"t", INT64_C(1) << 40},
                                  {"g", INT64_C(1) << 30},
                                  {"m", INT64_C(1) << 20},
                                  {"k", INT64_C(1) << 10},
                                  {"", 1},
                                  {NULL, 0}};
static const unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                      {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const unit plain_units[] = {{"", 1}, {NULL, 0}};

static const unit *units_of(int type) {
    if (type == JAY_OPTION_SIZE) return size_units;
    if (type == JAY_OPTION_DURATION) return duration_units;
    return plain_units;
}

/* Digits with an optional '-', in `base`; *ret_rest is what follows. */
static bool parse_digits(const char *text, int base, int64_t *ret_number, const char **ret_rest) {
    const char *first = text[0] == '-' ? text + 1 : text;
    if (first[0] < '0' || first[0] > '9') return false;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, base);
    if (errno != 0) return false;
    *ret_number = number;
    *ret_rest = end;
    return true;
}

static bool parse_bool(const char *text, int64_t *ret_number) {
    static const char *const words[] = {"0", "1", "no", "yes", "off", "on", "false", "true"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_number = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

bool jayi_parse_number(int type, const char *text, int64_t *ret_number) {
    if (type == JAY_OPTION_BOOL) return parse_bool(text, ret_number);
    int64_t number;
    const char *rest;
    if (!parse_digits(text, type == JAY_OPTION_MODE ? 8 : 10, &number, &rest)) return false;
    for (const unit *u = units_of(type); u->name != NULL; u++) {
        if (strcmp(rest, u->name) != 0) continue;
        if (!jayi_mul_i64(number, u->factor, &number)) return false;
        *ret_number = number;
        return true;
    }
    if (type == JAY_OPTION_DURATION && number == 0 && rest[0] == '\0') {
        *ret_number = 0;
        return true;
    }
    return false;
}

const char *jayi_type_form(int type) {
    switch (type) {
    case JAY_OPTION_SIZE:
        return "a size like 65536 or 64m";
    case JAY_OPTION_DURATION:
        return "a duration with its unit, like 500ms, 300s, 5m or 0";
    case JAY_OPTION_BOOL:
        return "yes or no";
    case JAY_OPTION_MODE:
        return "octal permissions like 0600";
    case JAY_OPTION_TEXT:
        return "a text";
    default:
        return "a whole number";
    }
}

void jayi_format_number(int type, int64_t number, char *text, size_t capacity) {
    if (type == JAY_OPTION_MODE) {
        snprintf(text, capacity, "0%" PRIo64, (uint64_t)number);
        return;
    }
    const unit *u = units_of(type);
    if (number == 0) u = plain_units;
    while (u->factor > 1 && number % u->factor != 0) u++;
    snprintf(text, capacity, "%" PRId64 "%s", number / u->factor, u->name);
}
