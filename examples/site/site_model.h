/*
 * site_model.h - what a template shows: names with texts, finished HTML, or rows of further names.
 *
 *     site_model *model = site_model_create();
 *     site_put(model, "title", title);
 *     site_model *row = site_put_row(model, "packages");
 *     site_put(row, "name", name);
 *
 * Texts are copied; names are string literals, and HTML must live until the model was rendered.
 * Everything is freed at once. When memory runs out, the model remembers it and takes no more.
 */
#ifndef SITE_MODEL_H
#define SITE_MODEL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "site_text.h"

typedef struct site_model site_model;

enum site_value_kind { SITE_VALUE_TEXT, SITE_VALUE_HTML, SITE_VALUE_ROWS };

typedef struct site_value {
    const char *name;
    int kind; /* enum site_value_kind */
    const char *data;
    size_t size;
    site_model *rows; /* a list by site_model_next */
    site_model *last_row;
    struct site_value *next;
} site_value;

/* NULL when memory runs out; all functions below take a NULL model and do nothing. */
site_model *site_model_create(void);
void site_model_destroy(site_model *model);
int site_model_failed(const site_model *model);

/* Texts are escaped wherever they are shown. NULL and "" are false in {{#name}}. */
void site_put(site_model *model, const char *name, const char *text);
void site_put_format(site_model *model, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void site_put_count(site_model *model, const char *name, int64_t number);
void site_put_bytes(site_model *model, const char *name, int64_t size_bytes);
void site_put_us(site_model *model, const char *name, int64_t time_us);

/* HTML that is finished and safe; shown as it is by {{{name}}}. */
void site_put_html(site_model *model, const char *name, const char *html, size_t size);

/* Adds a row to the list `name`, and returns it. */
site_model *site_put_row(site_model *model, const char *name);

/*
 * Puts the columns of a query's current row, each under its name. The end of a name says how it is
 * shown: _count and _bytes as numbers for people, _path encoded for a URL, _marked with its matches
 * highlighted (as HTML); anything else as it is.
 */
void site_put_columns(site_model *model, sqlite3_stmt *rows);

/* For templates: the value of a name here or in an enclosing model, or NULL. */
const site_value *site_model_find(const site_model *model, const char *name);
const site_model *site_model_next(const site_model *row);

#endif
