/*
 * output.c - results on standard output, messages on standard error.
 */
#include "output.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

int cli_exit_status(int status) {
    switch (status) {
    case JAY_OK:
        return CLI_DONE;
    case JAY_E_ARGUMENT:
    case JAY_E_URL:
    case JAY_E_SCHEME:
    case JAY_E_OPTION:
    case JAY_E_OPTION_VALUE:
    case JAY_E_KEY:
        return CLI_USAGE;
    default:
        return status > 0 ? CLI_MISS : CLI_FAILED;
    }
}

const char *cli_status_word(int status) {
    switch (status) {
    case JAY_OK:
        return "ok";
    case JAY_MISS:
        return "miss";
    case JAY_EXISTS:
        return "exists";
    case JAY_CHANGED:
        return "changed";
    default:
        return "error";
    }
}

__attribute__((format(printf, 2, 0))) static void write_message(const cli *c, const char *format,
                                                                va_list arguments) {
    fflush(stdout);
    fputs("jaycache: ", stderr);
    if (c->batch_line > 0) fprintf(stderr, "line %zu: ", c->batch_line);
    if (c->command != NULL) fprintf(stderr, "%s: ", c->command->name);
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
}

void cli_message(const cli *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_message(c, format, arguments);
    va_end(arguments);
}

void cli_json_begin_result(cli_json *j, const cli *c, int status) {
    cli_json_begin(j, NULL, '{');
    if (c->command != NULL) cli_json_text(j, "command", c->command->name);
    cli_json_text(j, "status", cli_status_word(status));
}

/* The result of a call that never reached the library. */
__attribute__((format(printf, 3, 0))) static void
report_own_error(const cli *c, const char *name, const char *format, va_list arguments) {
    if (c->has_begun) return;
    if (c->is_json) {
        char message[512];
        vsnprintf(message, sizeof message, format, arguments);
        cli_json j = {stdout, false};
        cli_json_begin(&j, NULL, '{');
        if (c->command != NULL) cli_json_text(&j, "command", c->command->name);
        cli_json_text(&j, "status", "error");
        cli_json_text(&j, "error", name);
        cli_json_bytes(&j, "message", message, strlen(message));
        cli_json_end(&j, '}');
        putc('\n', stdout);
    } else if (c->batch_line > 0) {
        printf("error %s\n", name);
    }
}

int cli_usage(const cli *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_message(c, format, arguments);
    va_end(arguments);
    if (c->batch_line == 0) {
        const char *name = c->command != NULL ? c->command->name : "";
        fprintf(stderr, "Try 'jaycache %s%s--help'.\n", name, name[0] != '\0' ? " " : "");
    }
    va_start(arguments, format);
    report_own_error(c, "usage", format, arguments);
    va_end(arguments);
    return CLI_USAGE;
}

int cli_fail(const cli *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_message(c, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    report_own_error(c, "failed", format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

void cli_json_result(cli_json *j, const cli_result *result) {
    if (result->key.data != NULL) {
        cli_json_bytes(j, "key", result->key.data, result->key.size);
    }
    if (result->status < 0) {
        cli_json_text(j, "error", jay_status_name(result->status));
        const char *message = result->error.message;
        cli_json_bytes(j, "message", message, strlen(message));
        return;
    }
    if (result->status != JAY_OK) return;
    if (result->kind == CLI_RESULT_VALUE) {
        cli_json_bytes(j, "value", result->value.data, result->value.size);
        cli_json_int(j, "size", (int64_t)result->value.size);
        char version[24];
        snprintf(version, sizeof version, "%" PRIu64, result->version);
        cli_json_text(j, "version", version);
    } else if (result->kind == CLI_RESULT_NUMBER) {
        cli_json_int(j, result->number_name != NULL ? result->number_name : "number",
                     result->number);
    } else if (result->kind == CLI_RESULT_TTL) {
        if (result->number == JAY_TTL_FOREVER)
            cli_json_null(j, "ttl_ms");
        else
            cli_json_int(j, "ttl_ms", result->number);
    }
}

static void report_json(const cli *c, const cli_result *result) {
    cli_json j = {stdout, false};
    cli_json_begin_result(&j, c, result->status);
    cli_json_result(&j, result);
    cli_json_end(&j, '}');
    putc('\n', stdout);
}

/* The number or time of a result, without a newline. */
static void write_number(const cli_result *result) {
    if (result->kind == CLI_RESULT_NUMBER)
        printf("%" PRId64, result->number);
    else if (result->number == JAY_TTL_FOREVER)
        fputs("forever", stdout);
    else
        printf("%" PRId64 "ms", result->number);
}

static void report_batch(const cli_result *result) {
    fputs(cli_status_word(result->status), stdout);
    if (result->status < 0) {
        printf(" %s", jay_status_name(result->status));
    } else if (result->status == JAY_OK && result->kind != CLI_RESULT_NONE) {
        putc(' ', stdout);
        if (result->kind == CLI_RESULT_VALUE) {
            cli_write_escaped(stdout, result->value.data, result->value.size);
        } else {
            write_number(result);
        }
    }
    putc('\n', stdout);
}

static void report_plain(const cli_result *result) {
    if (result->status != JAY_OK || result->kind == CLI_RESULT_NONE) return;
    if (result->kind == CLI_RESULT_VALUE) {
        fwrite(result->value.data, 1, result->value.size, stdout);
    } else {
        write_number(result);
        putc('\n', stdout);
    }
}

int cli_report(cli *c, const cli_result *result) {
    if (result->status < 0) {
        cli_message(c, "%s", result->error.message);
    } else if (result->status > 0 && c->batch_line == 0 && !c->is_json && isatty(STDERR_FILENO)) {
        /* A person would wonder at the silence; a script reads the exit status. */
        cli_message(c, "%s", jay_status_text(result->status));
    }
    if (c->is_json)
        report_json(c, result);
    else if (c->batch_line > 0)
        report_batch(result);
    else
        report_plain(result);
    return cli_exit_status(result->status);
}

bool cli_output_failed(void) {
    return ferror(stdout) != 0;
}

/* Asked of the descriptor, since by now errno of the first failed write may be lost. */
static bool reader_is_gone(void) {
    struct pollfd descriptor = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
    return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & (POLLERR | POLLHUP)) != 0;
}

int cli_finish_output(const cli *c, int exit_status) {
    bool failed = fflush(stdout) != 0;
    if (!failed && !cli_output_failed()) return exit_status;
    if (reader_is_gone()) return exit_status;
    cli_message(c, "standard output cannot be written to; is it closed, or the disk full?");
    return CLI_FAILED;
}
