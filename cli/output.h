/*
 * output.h - results on standard output, messages on standard error.
 *
 * A result has three forms: plain (the value's bytes, or a number, or nothing), the line of a batch
 * ("ok VALUE", "miss", "error JAY_E_..."), and JSON.
 */
#ifndef JAYCACHE_CLI_OUTPUT_H
#define JAYCACHE_CLI_OUTPUT_H

#include "cli.h"
#include "json.h"

enum cli_result_kind { CLI_RESULT_NONE, CLI_RESULT_VALUE, CLI_RESULT_NUMBER, CLI_RESULT_TTL };

/* What one call of the library came to. Begin with zeros. */
typedef struct cli_result {
    int status;
    jay_error error;           /* when status is negative */
    jay_bytes key;             /* data NULL: none */
    enum cli_result_kind kind; /* counts only when status is JAY_OK */
    jay_bytes value;
    uint64_t version;
    int64_t number;          /* of NUMBER, and the milliseconds of TTL */
    const char *number_name; /* NULL: "number" */
} cli_result;

/* Shows a result, with its message if it failed. Returns the exit status that it means. */
int cli_report(cli *c, const cli_result *result);

/* The exit status that a status of the library means. */
int cli_exit_status(int status);

/* The short name of a status: "ok", "miss", "exists", "changed" or "error". */
const char *cli_status_word(int status);

/* Writes a message to standard error, after the names of program, line and command. */
void cli_message(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports that the command was called wrongly; the message says the fix. Returns CLI_USAGE. */
int cli_usage(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports a failure that did not arise in the library (a file, memory). Returns CLI_FAILED. */
int cli_fail(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The members that a result has in JSON, for results inside of others. */
void cli_json_result(cli_json *j, const cli_result *result);

/* Begins the object of the command's result: {"command": NAME, "status": WORD. */
void cli_json_begin_result(cli_json *j, const cli *c, int status);

/* Whether writing has failed, so that going on is of no use. */
bool cli_output_failed(void);

/*
 * Flushes standard output. Returns `exit_status`, or CLI_FAILED, reported, when writing failed;
 * that the reader has gone away (a closed pipe) is no failure.
 */
int cli_finish_output(const cli *c, int exit_status);

#endif
