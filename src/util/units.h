/*
 * units.h - texts of option values: numbers, sizes, durations, modes, yes and no.
 */
#ifndef JAYI_UNITS_H
#define JAYI_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a whole NUL-terminated text as a value of a type of enum jay_option_type (but TEXT).
 * Returns false when it is malformed or does not fit; *ret_number is then untouched.
 */
bool jayi_parse_number(int type, const char *text, int64_t *ret_number);

/* How a value of a type is written, for messages: "a size like 64m". */
const char *jayi_type_form(int type);

/* Writes a number of a type in its shortest exact form ("64m", "5m", "0600") into `text`. */
void jayi_format_number(int type, int64_t number, char *text, size_t capacity);

#endif
