/*
 * help.h - help texts, made from the tables of commands, options and backends.
 */
#ifndef JAYCACHE_CLI_HELP_H
#define JAYCACHE_CLI_HELP_H

#include "cli.h"

/* The help of the whole program: commands, options, URL schemes with theirs, exit statuses. */
void cli_write_program_help(void);

/* The help of one command. */
void cli_write_command_help(const cli_command *command);

/* "jaycache 0.1.0 (library 0.1.0)". */
void cli_write_version(void);

#endif
