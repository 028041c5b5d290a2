/*
 * input.c - values and lines from arguments, files and standard input.
 */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* Makes room for `size` bytes and a NUL. */
static bool buffer_reserve(cli_buffer *buffer, size_t size) {
    if (size < buffer->capacity) return true;
    if (size > CLI_INPUT_MAX_BYTES) return false;
    size_t capacity = buffer->capacity < 128 ? 256 : buffer->capacity * 2;
    while (capacity <= size) capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool cli_buffer_add(cli_buffer *buffer, char byte) {
    if (!buffer_reserve(buffer, buffer->size + 1)) return false;
    buffer->data[buffer->size++] = byte;
    return true;
}

void cli_buffer_deinit(cli_buffer *buffer) {
    free(buffer->data);
    *buffer = (cli_buffer){NULL, 0, 0};
}

static int fail_too_much(cli *c) {
    return cli_fail(c, "no memory for the input, or it is longer than %zu MiB",
                    CLI_INPUT_MAX_BYTES >> 20);
}

int cli_open_input(cli *c, const cli_args *args, const char *what, FILE **ret_in) {
    if (args->file != NULL) {
        FILE *in = fopen(args->file, "rb");
        if (in == NULL) return cli_fail(c, "cannot open %s: %s", args->file, strerror(errno));
        *ret_in = in;
        return CLI_DONE;
    }
    bool takes_it = c->command->operand_max != 0;
    if (c->batch_line > 0) {
        return cli_usage(c, "standard input is the batch; give the %s %swith --file FILE", what,
                         takes_it ? "in the command or " : "");
    }
    if (isatty(STDIN_FILENO)) {
        return cli_usage(c, "no %s: give the %s %son standard input or with --file FILE", what,
                         what, takes_it ? "in the command, " : "");
    }
    *ret_in = stdin;
    return CLI_DONE;
}

void cli_close_input(FILE *in) {
    if (in != NULL && in != stdin) fclose(in);
}

static int read_all(cli *c, FILE *in, cli_buffer *buffer) {
    for (;;) {
        if (!buffer_reserve(buffer, buffer->size + 4096)) return fail_too_much(c);
        size_t room = buffer->capacity - buffer->size - 1;
        size_t count = fread(buffer->data + buffer->size, 1, room, in);
        buffer->size += count;
        if (count == room) continue;
        if (ferror(in)) return cli_fail(c, "reading the value failed: %s", strerror(errno));
        buffer->data[buffer->size] = '\0';
        return CLI_DONE;
    }
}

int cli_read_value(cli *c, cli_args *args, size_t index, cli_buffer *buffer, jay_bytes *ret_value) {
    bool is_given = index < args->operand_count;
    if (is_given && args->file != NULL) {
        return cli_usage(c, "a value and --file exclude each other; leave one out");
    }
    if (is_given && strcmp(args->operands[index], "-") != 0) {
        char *text = args->operands[index];
        size_t size = strlen(text);
        if (!cli_decode_value(c, args, text, &size)) return CLI_USAGE;
        *ret_value = (jay_bytes){text, size};
        return CLI_DONE;
    }
    FILE *in = NULL;
    int exit_status = cli_open_input(c, args, "value", &in);
    if (exit_status != CLI_DONE) return exit_status;
    exit_status = read_all(c, in, buffer);
    cli_close_input(in);
    *ret_value = (jay_bytes){buffer->data, buffer->size};
    return exit_status;
}

enum cli_line cli_read_line(cli *c, FILE *in, cli_buffer *buffer) {
    buffer->size = 0;
    int byte;
    while ((byte = getc(in)) != EOF && byte != '\n') {
        if (!cli_buffer_add(buffer, (char)byte)) {
            fail_too_much(c);
            return CLI_LINE_FAILED;
        }
    }
    if (ferror(in)) {
        cli_fail(c, "reading a line failed: %s", strerror(errno));
        return CLI_LINE_FAILED;
    }
    if (byte == EOF && buffer->size == 0) return CLI_LINE_END;
    if (!cli_buffer_add(buffer, '\0')) {
        fail_too_much(c);
        return CLI_LINE_FAILED;
    }
    buffer->size--;
    return CLI_LINE_READ;
}
