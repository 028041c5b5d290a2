/*
 * resolve.c - from defaults, a program's options and the URL's to one value for each option.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "core/registry.h"
#include "util/nearest.h"
#include "util/units.h"

/* One table out of two: the core's options, then the backend's. */
static const jay_option_info *info_at(const jay_backend_ops *ops, size_t index) {
    if (index < JAYI_CORE_OPTION_COUNT) return &jayi_core_options[index];
    index -= JAYI_CORE_OPTION_COUNT;
    return index < ops->option_count ? &ops->options[index] : NULL;
}

/* How far `name` is from an option, by its own name or one that it goes by elsewhere. SIZE_MAX:
 * like none of them. */
static size_t distance_to(const jay_option_info *info, const char *name) {
    size_t least = SIZE_MAX;
    if (jayi_name_is_like(name, info->name)) least = jayi_name_distance(name, info->name);
    const char *also = info->also != NULL ? info->also : "";
    while (*also != '\0') {
        char word[64];
        size_t size = strcspn(also, " ");
        snprintf(word, sizeof word, "%.*s", (int)(size < 63 ? size : 63), also);
        size_t distance = jayi_name_distance(name, word);
        if (distance < least && jayi_name_is_like(name, word)) least = distance;
        also += size + (also[size] == ' ');
    }
    return least;
}

/* "a, b and c" of all options, as far as there is room. */
static void list_options(const jay_backend_ops *ops, char *text, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; info_at(ops, i) != NULL && used < capacity; i++) {
        const char *between = i == 0 ? "" : info_at(ops, i + 1) == NULL ? " and " : ", ";
        used +=
            (size_t)snprintf(text + used, capacity - used, "%s%s", between, info_at(ops, i)->name);
    }
}

static int unknown_option(const jay_backend_ops *ops, const char *name, jay_error *error) {
    const jay_option_info *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; info_at(ops, i) != NULL; i++) {
        size_t distance = distance_to(info_at(ops, i), name);
        if (distance >= least) continue;
        least = distance;
        nearest = info_at(ops, i);
    }
    if (nearest == NULL) {
        char list[sizeof error->message];
        list_options(ops, list, sizeof list);
        return jay_error_set(error, JAY_E_OPTION, 0, "%s: has no option '%.64s'; it has %s",
                             ops->scheme, name, list);
    }
    return jay_error_set(error, JAY_E_OPTION, 0,
                         "%s: has no option '%.64s'; did you mean '%s' (%s)?", ops->scheme, name,
                         nearest->name, nearest->help != NULL ? nearest->help : "");
}

static int out_of_bounds(const jay_option_info *info, int64_t number, jay_error *error) {
    char given[32], low[32], high[32];
    jayi_format_number(info->type, number, given, sizeof given);
    jayi_format_number(info->type, info->min, low, sizeof low);
    jayi_format_number(info->type, info->max, high, sizeof high);
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0, "option '%s' is %s; it must be %s to %s",
                         info->name, given, low, high);
}

/* The bounds are said as well: the text may be a number, but one that no 64 bits hold. */
static int not_a_number(const jay_option_info *info, const char *text, jay_error *error) {
    char bounds[80] = "", low[32], high[32];
    if (info->type != JAY_OPTION_BOOL) {
        jayi_format_number(info->type, info->min, low, sizeof low);
        jayi_format_number(info->type, info->max, high, sizeof high);
        snprintf(bounds, sizeof bounds, ", from %s to %s", low, high);
    }
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0, "option '%s' is '%.40s'; it must be %s%s",
                         info->name, text, jayi_type_form(info->type), bounds);
}

static int resolve_text(const jay_option_info *info, const char *text, jay_option_value *ret_value,
                        jay_error *error) {
    if (info->type == JAY_OPTION_TEXT) {
        size_t size = strlen(text);
        if ((int64_t)size < info->min || (int64_t)size > info->max) {
            return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                                 "option '%s' has %zu bytes; it must have %" PRId64 " to %" PRId64,
                                 info->name, size, info->min, info->max);
        }
        ret_value->text = text;
        return JAY_OK;
    }
    int64_t number;
    if (!jayi_parse_number(info->type, text, &number)) return not_a_number(info, text, error);
    if (number < info->min || number > info->max) return out_of_bounds(info, number, error);
    ret_value->number = number;
    return JAY_OK;
}

static int resolve_number(const jay_option_info *info, int64_t number, jay_option_value *ret_value,
                          jay_error *error) {
    if (info->type == JAY_OPTION_TEXT) {
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "option '%s' is a text; set it with jay_options_set_text", info->name);
    }
    if (number < info->min || number > info->max) return out_of_bounds(info, number, error);
    ret_value->number = number;
    return JAY_OK;
}

/* Sets the option `name` from a text, or from a number when text is NULL. */
static int resolve_one(const jay_backend_ops *ops, const char *name, const char *text,
                       int64_t number, jay_option_value *values, jay_error *error) {
    for (size_t i = 0; info_at(ops, i) != NULL; i++) {
        const jay_option_info *info = info_at(ops, i);
        if (strcmp(info->name, name) != 0) continue;
        values[i].is_given = 1;
        return text != NULL ? resolve_text(info, text, &values[i], error)
                            : resolve_number(info, number, &values[i], error);
    }
    return unknown_option(ops, name, error);
}

int jayi_resolve_options(const jay_backend_ops *ops, const jay_options *options,
                         const jayi_url *url, jay_option_value *ret_values, jay_error *error) {
    for (size_t i = 0; info_at(ops, i) != NULL; i++) {
        ret_values[i] = (jay_option_value){.text = ""};
        int status =
            resolve_text(info_at(ops, i), info_at(ops, i)->default_text, &ret_values[i], error);
        if (status != JAY_OK) return status;
    }
    for (size_t i = 0; options != NULL && i < options->count; i++) {
        const jayi_option *option = &options->list[i];
        int status =
            resolve_one(ops, option->name, option->text, option->number, ret_values, error);
        if (status != JAY_OK) return status;
    }
    for (size_t i = 0; i < url->option_count; i++) {
        int status =
            resolve_one(ops, url->options[i].name, url->options[i].value, 0, ret_values, error);
        if (status != JAY_OK) return status;
    }
    return JAY_OK;
}
