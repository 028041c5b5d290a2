/*
 * cli.h - what the parts of the jaycache command share: the state of one run, the table of
 * commands, and the exit statuses.
 *
 * The command uses nothing but <jaycache/jaycache.h>. Functions that other files call begin with
 * cli_.
 */
#ifndef JAYCACHE_CLI_H
#define JAYCACHE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jaycache/jaycache.h>

/* Ordered from best to worst, so that the status of many results is their maximum. */
enum cli_exit { CLI_DONE = 0, CLI_MISS = 1, CLI_USAGE = 2, CLI_FAILED = 3 };

/* What one command may read at most as a value or a line: an endless input must end somewhere. */
#define CLI_INPUT_MAX_BYTES ((size_t)1 << 30)

struct cli_args;
struct cli_command;

typedef struct cli {
    const char *url;                   /* NULL: not given */
    jay_cache *cache;                  /* NULL: not open */
    const struct cli_command *command; /* the one that runs; NULL before it is known */
    size_t batch_line;                 /* the line of a batch that runs; 0: no batch */
    bool is_json;
    bool is_verbose;
    bool has_begun; /* the result is being written: an error must not add one of its own */
} cli;

/* Runs a command, whose options and number of operands are already checked; returns an exit status.
 */
typedef int cli_run_fn(cli *c, struct cli_args *args);

typedef struct cli_command {
    const char *name;
    const char *operands; /* as usage shows them: "KEY [VALUE]" */
    const char *summary;  /* one line, without a full stop */
    const char *help;     /* paragraphs */
    cli_run_fn *run;
    uint32_t options; /* CLI_OPT(...) or-ed; -h, -v, --json and -u come with every command */
    int operand_min;
    int operand_max; /* -1: any number */
    bool needs_cache;
} cli_command;

/* The commands in the order of the help, one by one; NULL past the last. */
const cli_command *cli_command_at(size_t index);

/* The command of a name, or NULL. */
const cli_command *cli_find_command(const char *name);

/* Reports that there is no command of this name, and which is near. Returns CLI_USAGE. */
int cli_usage_of_command(const cli *c, const char *name);

/*
 * Runs the command that words[0] names with the words after it as options and operands, opening the
 * cache first if it has to be. Returns an exit status.
 */
int cli_run(cli *c, int word_count, char **words);

cli_run_fn cli_cmd_get, cli_cmd_has, cli_cmd_ttl;
cli_run_fn cli_cmd_set, cli_cmd_add, cli_cmd_replace;
cli_run_fn cli_cmd_delete, cli_cmd_touch, cli_cmd_inc, cli_cmd_dec;
cli_run_fn cli_cmd_get_many, cli_cmd_set_many, cli_cmd_delete_many;
cli_run_fn cli_cmd_list, cli_cmd_stats, cli_cmd_clear, cli_cmd_bench, cli_cmd_fsck;
cli_run_fn cli_cmd_import;
cli_run_fn cli_cmd_batch, cli_cmd_help, cli_cmd_shm;

#endif
