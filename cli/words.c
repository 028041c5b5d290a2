/*
 * words.c - a line taken apart into words. A word never grows by losing its quotes, so it is
 * written over itself.
 */
#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool add_word(cli_words *words, char *word) {
    if (words->count + 1 >= words->capacity) {
        size_t capacity = words->capacity == 0 ? 16 : words->capacity * 2;
        char **list = realloc(words->list, capacity * sizeof *list);
        if (list == NULL) return false;
        words->list = list;
        words->capacity = capacity;
    }
    words->list[words->count++] = word;
    words->list[words->count] = NULL;
    return true;
}

/* Copies what is between quotes from *from to *to; both move on. False: the quote is not closed. */
static bool take_quoted(char **from, char **to) {
    char quote = *(*from)++;
    while (**from != quote) {
        if (**from == '\0') return false;
        bool is_escape =
            quote == '"' && **from == '\\' && ((*from)[1] == '"' || (*from)[1] == '\\');
        if (is_escape) (*from)++;
        *(*to)++ = *(*from)++;
    }
    (*from)++;
    return true;
}

/* Takes the word at *from, which is moved past it. Returns NULL, or what is wrong. */
static const char *take_word(char **from) {
    char *to = *from;
    while (**from != '\0' && !is_blank(**from)) {
        if (**from == '\'' || **from == '"') {
            if (!take_quoted(from, &to)) return "a quote is not closed";
        } else if (**from == '\\') {
            (*from)++;
            if (**from == '\0') return "a backslash ends the line; put the word into '...'";
            *to++ = *(*from)++;
        } else {
            *to++ = *(*from)++;
        }
    }
    /* The end of the word may be where the blank is, or the NUL of the line. */
    bool is_last = **from == '\0';
    *to = '\0';
    if (!is_last) (*from)++;
    return NULL;
}

const char *cli_split_words(char *line, cli_words *words) {
    words->count = 0;
    for (;;) {
        while (is_blank(*line)) line++;
        if (*line == '\0' || *line == '#') return NULL;
        char *word = line;
        const char *fault = take_word(&line);
        if (fault != NULL) return fault;
        if (!add_word(words, word)) return "out of memory";
    }
}

void cli_words_deinit(cli_words *words) {
    free(words->list);
    *words = (cli_words){NULL, 0, 0};
}
