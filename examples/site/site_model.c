/*
 * site_model.c - the data of a template, in one arena. See site_model.h.
 */
#include "site_model.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)8192)

typedef struct chunk {
    struct chunk *next;
    size_t used;
    size_t capacity;
    alignas(max_align_t) unsigned char memory[];
} chunk;

typedef struct arena {
    chunk *chunks;
    int failed;
} arena;

struct site_model {
    arena *arena;
    const site_model *parent;
    site_value *values;
    site_value *last_value;
    site_model *next;
};

static void *take(arena *from, size_t size) {
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!from->chunks || from->chunks->capacity - from->chunks->used < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk *fresh = malloc(sizeof(chunk) + capacity);
        if (!fresh) {
            from->failed = 1;
            return NULL;
        }
        *fresh = (chunk){.next = from->chunks, .used = 0, .capacity = capacity};
        from->chunks = fresh;
    }
    void *memory = from->chunks->memory + from->chunks->used;
    from->chunks->used += size;
    memset(memory, 0, size);
    return memory;
}

site_model *site_model_create(void) {
    arena *own = calloc(1, sizeof(*own));
    if (!own) return NULL;
    site_model *model = take(own, sizeof(*model));
    if (!model) {
        free(own);
        return NULL;
    }
    model->arena = own;
    return model;
}

void site_model_destroy(site_model *model) {
    if (!model) return;
    arena *own = model->arena;
    while (own->chunks) {
        chunk *next = own->chunks->next;
        free(own->chunks);
        own->chunks = next;
    }
    free(own);
}

int site_model_failed(const site_model *model) {
    return !model || model->arena->failed;
}

static site_value *add_value(site_model *model, const char *name, int kind) {
    site_value *value = model ? take(model->arena, sizeof(*value)) : NULL;
    if (!value) return NULL;
    value->name = name;
    value->kind = kind;
    if (model->last_value)
        model->last_value->next = value;
    else
        model->values = value;
    model->last_value = value;
    return value;
}

static void put_copy(site_model *model, const char *name, int kind, const char *data, size_t size) {
    site_value *value = add_value(model, name, kind);
    char *copy = value ? take(model->arena, size + 1) : NULL;
    if (!copy) return;
    memcpy(copy, data, size);
    value->data = copy;
    value->size = size;
}

void site_put(site_model *model, const char *name, const char *text) {
    if (text) put_copy(model, name, SITE_VALUE_TEXT, text, strlen(text));
}

void site_put_format(site_model *model, const char *name, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length >= 0) site_put(model, name, text);
}

void site_put_count(site_model *model, const char *name, int64_t number) {
    char text[32];
    site_format_count(text, number);
    site_put(model, name, text);
}

void site_put_bytes(site_model *model, const char *name, int64_t size_bytes) {
    char text[32];
    site_format_bytes(text, size_bytes);
    site_put(model, name, text);
}

void site_put_us(site_model *model, const char *name, int64_t time_us) {
    char text[32];
    site_format_us(text, time_us);
    site_put(model, name, text);
}

void site_put_html(site_model *model, const char *name, const char *html, size_t size) {
    site_value *value = add_value(model, name, SITE_VALUE_HTML);
    if (!value) return;
    value->data = html;
    value->size = size;
}

site_model *site_put_row(site_model *model, const char *name) {
    if (!model) return NULL;
    site_value *list = NULL;
    for (site_value *value = model->values; value; value = value->next)
        if (value->kind == SITE_VALUE_ROWS && strcmp(value->name, name) == 0) list = value;
    if (!list) list = add_value(model, name, SITE_VALUE_ROWS);
    site_model *row = list ? take(model->arena, sizeof(*row)) : NULL;
    if (!row) return NULL;
    row->arena = model->arena;
    row->parent = model;
    if (list->last_row)
        list->last_row->next = row;
    else
        list->rows = row;
    list->last_row = row;
    return row;
}

static int ends_with(const char *name, const char *end) {
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

void site_put_columns(site_model *model, sqlite3_stmt *rows) {
    for (int i = 0; i < sqlite3_data_count(rows); i++) {
        const char *name = sqlite3_column_name(rows, i);
        const char *text = (const char *)sqlite3_column_text(rows, i);
        site_buf buf = {NULL, 0, 0, 0};
        if (!name || !text) continue;
        if (ends_with(name, "_count")) {
            site_put_count(model, name, sqlite3_column_int64(rows, i));
        } else if (ends_with(name, "_bytes")) {
            site_put_bytes(model, name, sqlite3_column_int64(rows, i));
        } else if (ends_with(name, "_path")) {
            site_buf_path(&buf, text);
            site_put(model, name, buf.data);
        } else if (ends_with(name, "_marked")) {
            site_buf_marked(&buf, text);
            if (buf.data) put_copy(model, name, SITE_VALUE_HTML, buf.data, buf.size);
        } else {
            site_put(model, name, text);
        }
        site_buf_free(&buf);
    }
}

const site_value *site_model_find(const site_model *model, const char *name) {
    for (; model; model = model->parent)
        for (const site_value *value = model->values; value; value = value->next)
            if (strcmp(value->name, name) == 0) return value;
    return NULL;
}

const site_model *site_model_next(const site_model *row) {
    return row->next;
}
