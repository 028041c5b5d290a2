/*
 * site_template.c - compiles templates to lists of steps, and runs these. See site_template.h.
 *
 * A template becomes an array of steps. {{#a}} and {{^a}} know the step of their {{/a}}, so that
 * running needs no parsing. The compiled templates are written once, before threads start, then
 * only read.
 */
#include "site_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site_assets.h"

enum { NAME_BYTES = 40, MAX_DEPTH = 16, MAX_TEMPLATES = 64 };

enum step_kind { STEP_TEXT, STEP_ESCAPED, STEP_HTML, STEP_IF, STEP_UNLESS, STEP_END, STEP_INCLUDE };

typedef struct step {
    int kind; /* enum step_kind */
    const char *text;
    size_t size;
    char name[NAME_BYTES];
    size_t end; /* of STEP_IF and STEP_UNLESS: their STEP_END */
} step;

typedef struct template {
    const site_asset *asset;
    step *steps;
    size_t count;
    size_t capacity;
}
template;

static template templates[MAX_TEMPLATES];
static size_t template_count;

static const template *find_template(const char *name) {
    for (size_t i = 0; i < template_count; i++)
        if (strcmp(templates[i].asset->name, name) == 0) return &templates[i];
    return NULL;
}

/* ---- compiling ------------------------------------------------------------------------------ */

static step *add_step(template *into, int kind) {
    if (into->count == into->capacity) {
        size_t capacity = into->capacity ? into->capacity * 2 : 32;
        step *steps = realloc(into->steps, capacity * sizeof(*steps));
        if (!steps) return NULL;
        into->steps = steps;
        into->capacity = capacity;
    }
    step *fresh = &into->steps[into->count++];
    memset(fresh, 0, sizeof(*fresh));
    fresh->kind = kind;
    return fresh;
}

static int complain(const template *in, const char *at, const char *what) {
    int line = 1;
    for (const char *p = in->asset->data; p < at; p++) line += *p == '\n';
    fprintf(stderr, "templates/%s:%d: %s\n", in->asset->name, line, what);
    return -1;
}

typedef struct tag {
    const char *begin; /* at "{{" */
    const char *end;   /* behind "}}" */
    int kind;          /* enum step_kind, or -1 for a remark */
    char name[NAME_BYTES];
} tag;

/* Reads the tag at `begin`. Returns 0, or -1 after a complaint. */
static int read_tag(const template *in, const char *begin, tag *ret_tag) {
    int is_html = strncmp(begin, "{{{", 3) == 0;
    const char *inner = begin + (is_html ? 3 : 2);
    const char *close = strstr(inner, is_html ? "}}}" : "}}");
    if (!close) return complain(in, begin, "this tag has no end");
    *ret_tag = (tag){begin, close + (is_html ? 3 : 2), STEP_ESCAPED, ""};
    switch (*inner) {
    case '#':
        ret_tag->kind = STEP_IF;
        break;
    case '^':
        ret_tag->kind = STEP_UNLESS;
        break;
    case '/':
        ret_tag->kind = STEP_END;
        break;
    case '>':
        ret_tag->kind = STEP_INCLUDE;
        break;
    case '!':
        ret_tag->kind = -1;
        break;
    default:
        ret_tag->kind = is_html ? STEP_HTML : STEP_ESCAPED;
        break;
    }
    if (ret_tag->kind == -1) return 0;
    if (ret_tag->kind != STEP_ESCAPED && ret_tag->kind != STEP_HTML) inner++;
    size_t size = (size_t)(close - inner);
    if (size == 0 || size >= NAME_BYTES || strcspn(inner, "{} \n\t<>") < size)
        return complain(in, begin, "this is no name");
    memcpy(ret_tag->name, inner, size);
    return 0;
}

/* Where the text before a tag ends: without the spaces before it, if the tag has its line alone. */
static const char *trim_line(const template *in, const char *text, tag *at) {
    if (at->kind == STEP_ESCAPED || at->kind == STEP_HTML) return at->begin;
    const char *left = at->begin;
    while (left > text && (left[-1] == ' ' || left[-1] == '\t')) left--;
    const char *right = at->end + strspn(at->end, " \t");
    int is_alone = (left == in->asset->data || left[-1] == '\n') && *right == '\n';
    if (!is_alone) return at->begin;
    at->end = right + 1;
    return left;
}

/* Opens or closes a section: keeps the stack of those open. */
static int nest(template *in, const tag *at, size_t *open, size_t *depth) {
    if (at->kind == STEP_IF || at->kind == STEP_UNLESS) {
        if (*depth == MAX_DEPTH) return complain(in, at->begin, "sections are nested too deep");
        open[(*depth)++] = in->count - 1;
    } else if (at->kind == STEP_END) {
        if (*depth == 0 || strcmp(in->steps[open[*depth - 1]].name, at->name) != 0)
            return complain(in, at->begin, "this end has no beginning");
        in->steps[open[--*depth]].end = in->count - 1;
    }
    return 0;
}

static int add_text(template *in, const char *text, const char *end) {
    if (end == text) return 0;
    step *fresh = add_step(in, STEP_TEXT);
    if (!fresh) return complain(in, text, "out of memory");
    fresh->text = text;
    fresh->size = (size_t)(end - text);
    return 0;
}

static int compile(template *in) {
    size_t open[MAX_DEPTH], depth = 0;
    const char *text = in->asset->data;
    const char *begin;
    while ((begin = strstr(text, "{{")) != NULL) {
        tag at;
        if (read_tag(in, begin, &at) < 0) return -1;
        if (add_text(in, text, trim_line(in, text, &at)) < 0) return -1;
        text = at.end;
        if (at.kind == -1) continue;
        step *fresh = add_step(in, at.kind);
        if (!fresh) return complain(in, begin, "out of memory");
        memcpy(fresh->name, at.name, NAME_BYTES);
        if (nest(in, &at, open, &depth) < 0) return -1;
    }
    if (depth) return complain(in, text, "a section has no end");
    return add_text(in, text, in->asset->data + in->asset->size);
}

/* Every {{>name}} must be there, and none may include itself, however indirectly. */
static int check_includes(const template *in, int depth) {
    if (depth > MAX_DEPTH) return complain(in, in->asset->data, "includes itself");
    for (size_t i = 0; i < in->count; i++) {
        if (in->steps[i].kind != STEP_INCLUDE) continue;
        char file[NAME_BYTES + 8];
        snprintf(file, sizeof(file), "%s.html", in->steps[i].name);
        const template *target = find_template(file);
        if (!target) return complain(in, in->asset->data, "includes a template that is not there");
        if (check_includes(target, depth + 1) < 0) return -1;
    }
    return 0;
}

int site_templates_load(void) {
    for (size_t i = 0; i < site_asset_count; i++) {
        const char *dot = strrchr(site_assets[i].name, '.');
        if (!dot || strcmp(dot, ".html") != 0) continue;
        if (template_count == MAX_TEMPLATES) {
            fprintf(stderr, "there are more than %d templates\n", MAX_TEMPLATES);
            return -1;
        }
        template *fresh = &templates[template_count++];
        *fresh = (template){.asset = &site_assets[i]};
        if (compile(fresh) < 0) return -1;
    }
    for (size_t i = 0; i < template_count; i++)
        if (check_includes(&templates[i], 0) < 0) return -1;
    return 0;
}

void site_templates_free(void) {
    while (template_count) free(templates[--template_count].steps);
}

/* ---- rendering ------------------------------------------------------------------------------ */

static int is_true(const site_value *value) {
    if (!value) return 0;
    return value->kind == SITE_VALUE_ROWS ? value->rows != NULL : value->size > 0;
}

static void run(const template *in, size_t from, size_t to, const site_model *model, site_buf *out);

static void run_section(const template *in, size_t at, const site_model *model, site_buf *out) {
    const step *section = &in->steps[at];
    const site_value *value = site_model_find(model, section->name);
    if (section->kind == STEP_UNLESS) {
        if (!is_true(value)) run(in, at + 1, section->end, model, out);
    } else if (value && value->kind == SITE_VALUE_ROWS) {
        for (const site_model *row = value->rows; row; row = site_model_next(row))
            run(in, at + 1, section->end, row, out);
    } else if (is_true(value)) {
        run(in, at + 1, section->end, model, out);
    }
}

static void run_value(const step *at, const site_model *model, site_buf *out) {
    const site_value *value = site_model_find(model, at->name);
    if (!value || value->kind == SITE_VALUE_ROWS || !value->data) return;
    if (value->kind == SITE_VALUE_HTML && at->kind == STEP_HTML)
        site_buf_bytes(out, value->data, value->size);
    else
        site_buf_escaped(out, value->data, value->size);
}

static void run(const template *in, size_t from, size_t to, const site_model *model,
                site_buf *out) {
    for (size_t i = from; i < to; i++) {
        const step *at = &in->steps[i];
        char file[NAME_BYTES + 8];
        switch (at->kind) {
        case STEP_TEXT:
            site_buf_bytes(out, at->text, at->size);
            break;
        case STEP_IF:
        case STEP_UNLESS:
            run_section(in, i, model, out);
            i = at->end;
            break;
        case STEP_INCLUDE:
            snprintf(file, sizeof(file), "%s.html", at->name);
            site_render(file, model, out);
            break;
        case STEP_END:
            break;
        default:
            run_value(at, model, out);
            break;
        }
    }
}

void site_render(const char *name, const site_model *model, site_buf *out) {
    const template *in = find_template(name);
    if (!in || site_model_failed(model)) {
        out->failed = 1;
        return;
    }
    run(in, 0, in->count, model, out);
}
