/*
 * json.c - writing JSON. One flag is enough for the commas: after a value or a closing bracket the
 * next value needs one, after an opening bracket it does not.
 */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

static void write_string(FILE *out, const char *text, size_t size) {
    putc('"', out);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            putc('\\', out);
            putc(c, out);
        } else if (c == '\n') {
            fputs("\\n", out);
        } else if (c == '\t') {
            fputs("\\t", out);
        } else if (c < 0x20 || c == 0x7F) {
            fprintf(out, "\\u%04x", c);
        } else {
            putc(c, out);
        }
    }
    putc('"', out);
}

/* What comes before every value: a comma if there is one before it, and the name. */
static void begin_value(cli_json *j, const char *name, const char *name_end) {
    if (j->needs_comma) fputs(", ", j->out);
    if (name != NULL) fprintf(j->out, "\"%s%s\": ", name, name_end);
    j->needs_comma = true;
}

void cli_json_begin(cli_json *j, const char *name, char bracket) {
    begin_value(j, name, "");
    putc(bracket, j->out);
    j->needs_comma = false;
}

void cli_json_end(cli_json *j, char bracket) {
    putc(bracket, j->out);
    j->needs_comma = true;
}

void cli_json_text(cli_json *j, const char *name, const char *text) {
    begin_value(j, name, "");
    write_string(j->out, text, strlen(text));
}

void cli_json_int(cli_json *j, const char *name, int64_t number) {
    begin_value(j, name, "");
    fprintf(j->out, "%" PRId64, number);
}

void cli_json_real(cli_json *j, const char *name, double number, int digits) {
    begin_value(j, name, "");
    fprintf(j->out, "%.*f", digits, number);
}

void cli_json_null(cli_json *j, const char *name) {
    begin_value(j, name, "");
    fputs("null", j->out);
}

void cli_json_bytes(cli_json *j, const char *name, const void *data, size_t size) {
    if (cli_is_utf8(data, size)) {
        begin_value(j, name, "");
        write_string(j->out, data, size);
        return;
    }
    begin_value(j, name, "_base64");
    putc('"', j->out);
    cli_write_base64(j->out, data, size);
    putc('"', j->out);
}
