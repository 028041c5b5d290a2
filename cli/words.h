/*
 * words.h - a line taken apart into words, as a shell does.
 */
#ifndef JAYCACHE_CLI_WORDS_H
#define JAYCACHE_CLI_WORDS_H

#include <stddef.h>

/* Begin with zeros. Reused from line to line. */
typedef struct cli_words {
    char **list; /* NULL after the last */
    size_t count;
    size_t capacity;
} cli_words;

/*
 * Splits `line` into words, in place: blanks part them; '...' is taken as it is; in "..." a
 * backslash protects " and \; elsewhere it protects any character; # at the beginning of a word
 * begins a comment. The words point into `line`.
 * Returns NULL, or what is wrong.
 */
const char *cli_split_words(char *line, cli_words *words);

void cli_words_deinit(cli_words *words);

#endif
