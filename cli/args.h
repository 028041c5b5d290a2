/*
 * args.h - options and operands: one table of options serves parsing, help and messages.
 */
#ifndef JAYCACHE_CLI_ARGS_H
#define JAYCACHE_CLI_ARGS_H

#include <stdio.h>

#include "cli.h"

enum cli_option_id {
    CLI_ID_URL,
    CLI_ID_JSON,
    CLI_ID_VERBOSE,
    CLI_ID_HELP,
    CLI_ID_VERSION,
    CLI_ID_TTL,
    CLI_ID_FILE,
    CLI_ID_ESCAPES,
    CLI_ID_HEX,
    CLI_ID_CAS,
    CLI_ID_LIMIT,
    CLI_ID_SORT,
    CLI_ID_REVERSE,
    CLI_ID_REPAIR,
    CLI_ID_DRY_RUN,
    CLI_ID_SECONDS,
    CLI_ID_THREADS,
    CLI_ID_SIZE,
    CLI_ID_KEYS,
    CLI_ID_GET_RATIO,
    CLI_ID_COUNT
};

#define CLI_OPT(id) (UINT32_C(1) << CLI_ID_##id)

/* What every command takes, and what may stand before a command. */
#define CLI_OPT_COMMON (CLI_OPT(URL) | CLI_OPT(JSON) | CLI_OPT(VERBOSE) | CLI_OPT(HELP))
#define CLI_OPT_GLOBAL (CLI_OPT_COMMON | CLI_OPT(VERSION))

enum cli_sort { CLI_SORT_NONE, CLI_SORT_SIZE, CLI_SORT_TTL, CLI_SORT_HEAT, CLI_SORT_KEY };

/* Options as given, or their defaults; the operands are words of the command line, in order. */
typedef struct cli_args {
    const char *url;
    const char *file; /* NULL: not given */
    int64_t is_json;
    int64_t is_verbose;
    int64_t is_help;
    int64_t is_version;
    int64_t is_escapes;
    int64_t is_hex;
    int64_t is_reverse;
    int64_t is_repair;
    int64_t is_dry_run;
    int64_t ttl_ms;
    uint64_t cas_version; /* 0: not given */
    int64_t limit;        /* 0: none */
    int64_t sort;         /* enum cli_sort */
    int64_t seconds;
    int64_t threads;
    int64_t size_bytes;
    int64_t keys;
    double get_ratio;
    char **operands;
    size_t operand_count;
} cli_args;

/*
 * Parses words[1] and after by the options in `mask`. With `is_global`, stops at the first operand:
 * the command's name; else options and operands may be mixed, "--" ends the options, and a word
 * like -5 is an operand. *ret_args is always to be ended with cli_args_deinit.
 * Returns CLI_DONE, or CLI_USAGE, which it has reported.
 */
int cli_args_init(cli *c, cli_args *ret_args, int word_count, char **words, uint32_t mask,
                  bool is_global);

void cli_args_deinit(cli_args *args);

/* Writes the options in `mask`, two lines or one each, for a help text. */
void cli_write_options(FILE *out, uint32_t mask);

/* Reads a duration as --ttl takes it; false when it is malformed. */
bool cli_parse_ttl(const char *text, int64_t *ret_ttl_ms);

/*
 * Operand `index` as a key, decoded in place as --hex and --escapes ask.
 * Returns false when that fails, which it has reported.
 */
bool cli_key(cli *c, cli_args *args, size_t index, jay_bytes *ret_key);

/* As cli_key, of any bytes that are to be keys (a line of a file); *size is adjusted. */
bool cli_decode_key(cli *c, const cli_args *args, char *text, size_t *size);

/* As cli_decode_key for a value: --escapes alone counts. */
bool cli_decode_value(cli *c, const cli_args *args, char *text, size_t *size);

#endif
