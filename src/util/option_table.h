/*
 * option_table.h - for the tables of options of backends: a row, and options that are words.
 */
#ifndef JAYI_OPTION_TABLE_H
#define JAYI_OPTION_TABLE_H

#include <jaycache/backend.h>

/* One row: name, type, default, bounds, names elsewhere, help. */
#define JAYI_OPTION_ROW(option_name, option_type, default_value, low, high, others, text) \
    {                                                                                     \
        .name = (option_name), .type = (option_type), .default_text = (default_value),    \
        .min = (low), .max = (high), .also = (others), .help = (text)                     \
    }

/*
 * Which of `words` ("error miss", a space between two) the value of an option is: *ret_index counts
 * from 0. JAY_OK, or JAY_E_OPTION_VALUE with a message that names them all.
 */
int jayi_option_word(const jay_option_info *option, const jay_option_value *value,
                     const char *words, int *ret_index, jay_error *error);

#endif
