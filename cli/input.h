/*
 * input.h - values and lines from arguments, files and standard input, bounded by
 * CLI_INPUT_MAX_BYTES.
 */
#ifndef JAYCACHE_CLI_INPUT_H
#define JAYCACHE_CLI_INPUT_H

#include <stdio.h>

#include "args.h"

/* Bytes that grow. Begin with zeros. */
typedef struct cli_buffer {
    char *data;
    size_t size;
    size_t capacity;
} cli_buffer;

/* Appends one byte; false when memory or CLI_INPUT_MAX_BYTES is at its end. */
bool cli_buffer_add(cli_buffer *buffer, char byte);

void cli_buffer_deinit(cli_buffer *buffer);

/*
 * Opens what lines or a value are to be read from: --file, or standard input unless it is a
 * terminal or already read by a batch. *ret_in is to be ended with cli_close_input. `what` is for
 * the message ("value", "keys").
 * Returns CLI_DONE, or CLI_USAGE or CLI_FAILED, which it has reported.
 */
int cli_open_input(cli *c, const cli_args *args, const char *what, FILE **ret_in);

void cli_close_input(FILE *in);

/*
 * The value of a command: operand `index`; or, when that is absent or "-", all of the input.
 * *buffer holds what was read and has to outlive the value.
 * Returns CLI_DONE, or CLI_USAGE or CLI_FAILED, which it has reported.
 */
int cli_read_value(cli *c, cli_args *args, size_t index, cli_buffer *buffer, jay_bytes *ret_value);

enum cli_line { CLI_LINE_END = 0, CLI_LINE_READ = 1, CLI_LINE_FAILED = -1 };

/*
 * Reads a line into *buffer, replacing what is there, without its newline and with a NUL after it.
 * Returns CLI_LINE_READ, CLI_LINE_END, or CLI_LINE_FAILED, which it has reported.
 */
enum cli_line cli_read_line(cli *c, FILE *in, cli_buffer *buffer);

#endif
