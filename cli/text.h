/*
 * text.h - bytes as text and back: escapes, hexadecimal, UTF-8, base64, durations, near names.
 */
#ifndef JAYCACHE_CLI_TEXT_H
#define JAYCACHE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Replaces \\ \" \' \n \r \t \0 \e and \xHH by the bytes they stand for, in place; a NUL is put
 * after. Returns false at any other backslash; the text is then spoilt.
 */
bool cli_unescape(char *text, size_t *size);

/* Replaces pairs of hexadecimal digits by the bytes they stand for, in place; false when malformed.
 */
bool cli_unhex(char *text, size_t *size);

/* Writes bytes so that a terminal shows them on one line and cli_unescape gives them back. */
void cli_write_escaped(FILE *out, const void *data, size_t size);

bool cli_is_utf8(const void *data, size_t size);

void cli_write_base64(FILE *out, const void *data, size_t size);

/* A remaining time for people, its two largest units: "4m59s"; "forever". */
void cli_format_ttl(int64_t ttl_ms, char *text, size_t capacity);

/*
 * Of two known names, the one that `given` is more probably a slip for: `known` if it is near
 * enough and nearer than `best`, which may be NULL; else `best`. Called for one known name after
 * the other.
 */
const char *cli_nearer(const char *given, const char *best, const char *known);

#endif
