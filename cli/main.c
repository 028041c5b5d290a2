/*
 * main.c - the jaycache command: global options, dispatch, opening and closing the cache.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "help.h"
#include "output.h"

static void write_log(void *arg, int level, const char *message) {
    (void)arg;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    bool is_known = level >= JAY_LOG_ERROR && level <= JAY_LOG_DEBUG;
    fprintf(stderr, "jaycache: log %s: %s\n", is_known ? names[level] : "?", message);
}

static int open_cache(cli *c) {
    if (c->url == NULL) {
        return cli_usage(c, "no cache: give its URL with -u, or in JAYCACHE_URL (-u memory:)");
    }
    cli_result result = {.kind = CLI_RESULT_NONE};
    jay_options *options = NULL;
    result.status = jay_options_create(NULL, &options);
    if (result.status == JAY_OK && c->is_verbose) {
        result.status = jay_options_set_log(options, write_log, NULL, JAY_LOG_DEBUG);
    }
    if (result.status != JAY_OK) return cli_fail(c, "%s", jay_status_text(result.status));
    result.status = jay_open(c->url, options, &c->cache, &result.error);
    jay_options_destroy(options);
    return result.status == JAY_OK ? CLI_DONE : cli_report(c, &result);
}

static int close_cache(cli *c, int exit_status) {
    int status = jay_close(c->cache);
    c->cache = NULL;
    if (status == JAY_OK) return exit_status;
    cli_message(c, "closing the cache: %s", jay_status_text(status));
    return CLI_FAILED;
}

/* What a line of a batch may not do: it has its cache and its input already. */
static int check_in_batch(cli *c, const cli_args *args) {
    if (args->url != NULL) return cli_usage(c, "-u belongs before batch, not into it");
    if (c->command->run == cli_cmd_batch) return cli_usage(c, "a batch cannot hold a batch");
    return CLI_DONE;
}

static int check_operands(cli *c, const cli_args *args) {
    const cli_command *command = c->command;
    size_t count = args->operand_count;
    bool is_few = count < (size_t)command->operand_min;
    bool is_many = command->operand_max >= 0 && count > (size_t)command->operand_max;
    if (!is_few && !is_many) return CLI_DONE;
    const char *fault = is_few ? "too few arguments" : "too many arguments";
    if (command->operand_max == 0) return cli_usage(c, "%s: it takes none", fault);
    return cli_usage(c, "%s: write %s %s", fault, command->name, command->operands);
}

/* Runs c->command with its words parsed. */
static int run_parsed(cli *c, cli_args *args) {
    if (args->is_json) c->is_json = true;
    if (args->is_verbose) c->is_verbose = true;
    if (args->is_help) {
        cli_write_command_help(c->command);
        return CLI_DONE;
    }
    int exit_status = c->batch_line > 0 ? check_in_batch(c, args) : CLI_DONE;
    if (exit_status == CLI_DONE) exit_status = check_operands(c, args);
    if (exit_status != CLI_DONE) return exit_status;
    if (args->url != NULL) c->url = args->url;
    bool needs_cache = c->command->needs_cache && !args->is_dry_run;
    if (!needs_cache || c->cache != NULL) return c->command->run(c, args);
    exit_status = open_cache(c);
    if (exit_status != CLI_DONE) return exit_status;
    return close_cache(c, c->command->run(c, args));
}

int cli_run(cli *c, int word_count, char **words) {
    c->command = cli_find_command(words[0]);
    if (c->command == NULL) return cli_usage_of_command(c, words[0]);
    cli_args args;
    int exit_status =
        cli_args_init(c, &args, word_count, words, c->command->options | CLI_OPT_COMMON, false);
    if (exit_status == CLI_DONE) exit_status = run_parsed(c, &args);
    cli_args_deinit(&args);
    return exit_status;
}

static int run_program(cli *c, int argc, char **argv) {
    cli_args args;
    int exit_status = cli_args_init(c, &args, argc, argv, CLI_OPT_GLOBAL, true);
    if (exit_status != CLI_DONE) {
        cli_args_deinit(&args);
        return exit_status;
    }
    const char *from_environment = getenv("JAYCACHE_URL");
    c->url = args.url;
    if (c->url == NULL && from_environment != NULL && from_environment[0] != '\0') {
        c->url = from_environment;
    }
    c->is_json = args.is_json != 0;
    c->is_verbose = args.is_verbose != 0;
    if (args.is_help) {
        cli_write_program_help();
    } else if (args.is_version) {
        cli_write_version();
    } else if (args.operand_count == 0) {
        exit_status = cli_usage(c, "no command; write jaycache -u URL COMMAND, like get KEY");
    } else {
        exit_status = cli_run(c, (int)args.operand_count, args.operands);
    }
    cli_args_deinit(&args);
    return exit_status;
}

int main(int argc, char **argv) {
    /* A closed pipe then shows as a failed write, and the cache is closed in an orderly way. */
    signal(SIGPIPE, SIG_IGN);
    cli c = {.url = NULL};
    int exit_status = run_program(&c, argc, argv);
    return cli_finish_output(&c, exit_status);
}
