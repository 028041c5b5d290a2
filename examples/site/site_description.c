/*
 * site_description.c - long descriptions as paragraphs, lists and preformatted blocks.
 *
 * Every line begins with a space. " ." alone is an empty line; lines with more spaces are to be
 * shown as they are, but are items of a list where they begin with '*', '-' or '+'.
 */
#include <string.h>

#include "site_package.h"

enum block_kind { NO_BLOCK, PARAGRAPH, VERBATIM, LIST_ITEM };

typedef struct writer {
    site_model *model;
    site_model *list; /* the list that further items belong to, or NULL */
    int kind;         /* enum block_kind, of the text at hand */
    site_buf text;
} writer;

/* Puts the text at hand into the model. */
static void flush(writer *to) {
    if (to->kind == LIST_ITEM) {
        if (!to->list) to->list = site_put_row(to->model, "blocks");
        site_put(site_put_row(to->list, "items"), "item", to->text.data);
    } else if (to->kind != NO_BLOCK) {
        to->list = NULL;
        site_put(site_put_row(to->model, "blocks"), to->kind == PARAGRAPH ? "para" : "pre",
                 to->text.data);
    }
    to->kind = NO_BLOCK;
    site_buf_free(&to->text);
}

static int begins_item(const char *text) {
    return (*text == '*' || *text == '-' || *text == '+') && text[1] == ' ';
}

/* Goes on with the text at hand, or begins a new one of another kind. */
static void append(writer *to, int kind, const char *text, size_t size) {
    if (to->kind != kind) flush(to);
    if (to->kind != NO_BLOCK) site_buf_text(&to->text, kind == VERBATIM ? "\n" : " ");
    to->kind = kind;
    site_buf_bytes(&to->text, text, size);
}

static void add_line(writer *to, const char *line, size_t size) {
    size_t spaces = strspn(line, " \t");
    if (spaces > size) spaces = size;
    const char *text = line + spaces;
    if (spaces == size || (size - spaces == 1 && *text == '.')) {
        flush(to);
        to->list = NULL;
    } else if (begins_item(text) && size - spaces > 2) {
        flush(to);
        append(to, LIST_ITEM, text + 2, size - spaces - 2);
    } else if (spaces <= 1) {
        append(to, PARAGRAPH, text, size - spaces);
    } else if (to->kind == LIST_ITEM) {
        append(to, LIST_ITEM, text, size - spaces);
    } else {
        append(to, VERBATIM, line + 1, size - 1);
    }
}

void site_put_description(site_model *model, const char *description) {
    writer to = {.model = model};
    while (description && *description) {
        size_t size = strcspn(description, "\n");
        add_line(&to, description, size);
        description += size;
        if (*description) description++;
    }
    flush(&to);
}
