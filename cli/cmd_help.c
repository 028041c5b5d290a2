/*
 * cmd_help.c - help texts, made from the tables of commands, options and backends.
 */
#include <inttypes.h>
#include <string.h>

#include "args.h"
#include "help.h"
#include "output.h"

static const char *option_form(int type) {
    switch (type) {
    case JAY_OPTION_INT:
        return "N";
    case JAY_OPTION_SIZE:
        return "SIZE";
    case JAY_OPTION_DURATION:
        return "DURATION";
    case JAY_OPTION_BOOL:
        return "YES|NO";
    case JAY_OPTION_MODE:
        return "MODE";
    default:
        return "TEXT";
    }
}

static void write_url_options(const char *scheme) {
    const jay_option_info *option;
    for (size_t i = 0; (option = jay_option_at(scheme, i)) != NULL; i++) {
        char form[48];
        snprintf(form, sizeof form, "%s=%s", option->name, option_form(option->type));
        printf("    %-22s  %s", form, option->help);
        if (option->default_text[0] != '\0') printf(" (default %s)", option->default_text);
        putchar('\n');
    }
}

static void write_scheme(const char *scheme) {
    const char *help = jay_scheme_help(scheme);
    char name[32];
    snprintf(name, sizeof name, "%s:", scheme);
    printf("  %-24s  %s\n", name, help != NULL ? help : "");
    write_url_options(scheme);
}

/* Of one scheme, or with NULL of all. */
static void write_schemes(const char *only) {
    puts("URL schemes and their options (SCHEME:[//HOST][PATH][?OPTION=VALUE&...]):");
    const char *scheme;
    for (size_t i = 0; (scheme = jay_scheme_at(i)) != NULL; i++) {
        if (only == NULL || only == scheme) write_scheme(scheme);
    }
    puts("  every scheme");
    write_url_options(NULL);
}

/* The scheme that a word names, with its colon or without; or NULL. */
static const char *find_scheme(const char *word) {
    size_t size = strlen(word);
    if (size > 0 && word[size - 1] == ':') size--;
    const char *scheme;
    for (size_t i = 0; (scheme = jay_scheme_at(i)) != NULL; i++) {
        if (strlen(scheme) == size && memcmp(scheme, word, size) == 0) break;
    }
    return scheme;
}

void cli_write_program_help(void) {
    puts("Usage: jaycache [-u URL] [OPTION]... COMMAND [ARGUMENT]...\n"
         "\n"
         "Reads and changes a cache.\n"
         "\n"
         "Commands (jaycache COMMAND --help says more):");
    const cli_command *command;
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        printf("  %-12s %s\n", command->name, command->summary);
    }
    puts("\nOptions:");
    cli_write_options(stdout, CLI_OPT_GLOBAL);
    putchar('\n');
    write_schemes(NULL);
    puts("\n"
         "Exit status:\n"
         "  0  found, or done\n"
         "  1  a miss; add: the key is there already; set --cas: the entry was changed\n"
         "  2  the command, an option or the URL is wrong\n"
         "  3  the cache, a file or standard output failed\n"
         "\n"
         "A memory: cache lives in one process: every run finds it empty. Use batch to run\n"
         "several commands on one. See jaycache(1) for more.");
}

void cli_write_command_help(const cli_command *command) {
    printf("Usage: jaycache [-u URL] %s [OPTION]...%s%s\n\n%s.\n\n%s\nOptions:\n", command->name,
           command->operands[0] != '\0' ? " " : "", command->operands, command->summary,
           command->help);
    cli_write_options(stdout, command->options | CLI_OPT_COMMON);
}

void cli_write_version(void) {
    printf("jaycache %s (library %s)\n", JAY_VERSION_STRING, jay_version_string());
}

int cli_cmd_help(cli *c, cli_args *args) {
    if (args->operand_count == 0) {
        cli_write_program_help();
        return CLI_DONE;
    }
    const cli_command *command = cli_find_command(args->operands[0]);
    const char *scheme = find_scheme(args->operands[0]);
    if (command != NULL) {
        cli_write_command_help(command);
    } else if (scheme != NULL) {
        write_schemes(scheme);
    } else {
        return cli_usage_of_command(c, args->operands[0]);
    }
    return CLI_DONE;
}
