/*
 * option_table.c - options that are words.
 */
#include "util/option_table.h"

#include <stdio.h>
#include <string.h>

/* "a, b or c" */
static void list_words(const char *words, char *to, size_t capacity) {
    size_t used = 0;
    to[0] = '\0';
    while (*words != '\0' && used < capacity) {
        size_t size = strcspn(words, " ");
        const char *next = words + size + (words[size] == ' ');
        const char *between = *next == '\0' ? "" : strchr(next, ' ') == NULL ? " or " : ", ";
        used += (size_t)snprintf(to + used, capacity - used, "%.*s%s", (int)size, words, between);
        words = next;
    }
}

int jayi_option_word(const jay_option_info *option, const jay_option_value *value,
                     const char *words, int *ret_index, jay_error *error) {
    const char *at = words;
    size_t value_size = strlen(value->text);
    for (int i = 0; *at != '\0'; i++) {
        size_t size = strcspn(at, " ");
        if (size == value_size && memcmp(at, value->text, size) == 0) {
            *ret_index = i;
            return JAY_OK;
        }
        at += size + (at[size] == ' ');
    }
    char list[128];
    list_words(words, list, sizeof list);
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0, "option '%s' is '%.40s'; it must be %s",
                         option->name, value->text, list);
}
