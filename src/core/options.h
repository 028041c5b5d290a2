/*
 * options.h - the options a program sets, and what they come to with the URL's and the defaults.
 */
#ifndef JAYI_OPTIONS_H
#define JAYI_OPTIONS_H

#include <jaycache/backend.h>

#include "core/url.h"

typedef struct jayi_option {
    char *name;
    char *text; /* NULL: `number` counts */
    int64_t number;
} jayi_option;

struct jay_options {
    jay_allocator allocator;
    jay_log_fn *log;
    void *log_arg;
    int log_level;
    jay_dial_fn *dial;
    void *dial_arg;
    jay_login_fn *login;
    void *login_arg;
    jayi_option *list;
    size_t count;
    const jay_backend_ops **backends;
    size_t backend_count;
};

/* The backend of a scheme: the program's own first, then the built-in ones. NULL: none. */
const jay_backend_ops *jayi_find_backend(const jay_options *options, const char *scheme);

/* The scheme that `scheme` may have been meant to be, for a message. NULL: none is like it. */
const char *jayi_nearest_scheme(const jay_options *options, const char *scheme);

/*
 * Resolves every option of the core and of `ops`: ret_values holds the core's
 * (JAYI_CORE_OPTION_COUNT) and then the backend's (ops->option_count). Texts point into `options`,
 * `url` or the tables. Returns JAY_OK, JAY_E_OPTION or JAY_E_OPTION_VALUE.
 */
int jayi_resolve_options(const jay_backend_ops *ops, const jay_options *options,
                         const jayi_url *url, jay_option_value *ret_values, jay_error *error);

#endif
