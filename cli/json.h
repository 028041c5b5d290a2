/*
 * json.h - writing JSON, one value after the other; commas come by themselves.
 */
#ifndef JAYCACHE_CLI_JSON_H
#define JAYCACHE_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A document being written. Begin with {out, false}. */
typedef struct cli_json {
    FILE *out;
    bool needs_comma;
} cli_json;

/* `name` of all these: that of the member, or NULL in an array and at the top. */

/* Begins an object ('{') or an array ('['). */
void cli_json_begin(cli_json *j, const char *name, char bracket);

/* Ends it with the other bracket. */
void cli_json_end(cli_json *j, char bracket);

void cli_json_text(cli_json *j, const char *name, const char *text);
void cli_json_int(cli_json *j, const char *name, int64_t number);
void cli_json_real(cli_json *j, const char *name, double number, int digits);
void cli_json_null(cli_json *j, const char *name);

/* Bytes: "NAME": "text" when they are UTF-8, else "NAME_base64": "...". */
void cli_json_bytes(cli_json *j, const char *name, const void *data, size_t size);

#endif
