/*
 * options.c - the public jay_options, and the program's own backends.
 */
#include "core/options.h"

#include <stdbool.h>
#include <string.h>

#include "core/registry.h"
#include "util/memory.h"
#include "util/nearest.h"

int jay_options_create(const jay_allocator *allocator, jay_options **ret_options) {
    if (ret_options == NULL) return JAY_E_ARGUMENT;
    if (allocator == NULL) allocator = &jayi_default_allocator;
    if (allocator->alloc == NULL || allocator->realloc == NULL || allocator->free == NULL)
        return JAY_E_ARGUMENT;
    jay_options *options = jayi_calloc(allocator, 1, sizeof *options);
    if (options == NULL) return JAY_E_NO_MEMORY;
    options->allocator = *allocator;
    *ret_options = options;
    return JAY_OK;
}

void jay_options_destroy(jay_options *options) {
    if (options == NULL) return;
    jay_allocator allocator = options->allocator;
    for (size_t i = 0; i < options->count; i++) {
        jayi_free(&allocator, options->list[i].name);
        jayi_free(&allocator, options->list[i].text);
    }
    jayi_free(&allocator, options->list);
    jayi_free(&allocator, (void *)options->backends);
    jayi_free(&allocator, options);
}

/* The option of that name, made if need be, or NULL without memory. */
static jayi_option *find_or_add(jay_options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->list[i].name, name) == 0) return &options->list[i];
    }
    jayi_option *list =
        jayi_realloc(&options->allocator, options->list, (options->count + 1) * sizeof *list);
    if (list == NULL) return NULL;
    options->list = list;
    char *copy = jayi_copy_text(&options->allocator, name, strlen(name));
    if (copy == NULL) return NULL;
    jayi_option *option = &list[options->count++];
    *option = (jayi_option){.name = copy};
    return option;
}

int jay_options_set_int(jay_options *options, const char *name, int64_t value) {
    if (options == NULL || name == NULL || name[0] == '\0') return JAY_E_ARGUMENT;
    jayi_option *option = find_or_add(options, name);
    if (option == NULL) return JAY_E_NO_MEMORY;
    jayi_free(&options->allocator, option->text);
    option->text = NULL;
    option->number = value;
    return JAY_OK;
}

int jay_options_set_text(jay_options *options, const char *name, const char *value) {
    if (options == NULL || name == NULL || name[0] == '\0' || value == NULL) return JAY_E_ARGUMENT;
    char *copy = jayi_copy_text(&options->allocator, value, strlen(value));
    if (copy == NULL) return JAY_E_NO_MEMORY;
    jayi_option *option = find_or_add(options, name);
    if (option == NULL) {
        jayi_free(&options->allocator, copy);
        return JAY_E_NO_MEMORY;
    }
    jayi_free(&options->allocator, option->text);
    option->text = copy;
    return JAY_OK;
}

int jay_options_set_log(jay_options *options, jay_log_fn *log, void *arg, int level) {
    if (options == NULL || level < JAY_LOG_ERROR || level > JAY_LOG_DEBUG) return JAY_E_ARGUMENT;
    options->log = log;
    options->log_arg = arg;
    options->log_level = level;
    return JAY_OK;
}

int jay_options_set_dialler(jay_options *options, jay_dial_fn *dial, void *arg) {
    if (options == NULL) return JAY_E_ARGUMENT;
    options->dial = dial;
    options->dial_arg = arg;
    return JAY_OK;
}

int jay_options_set_login(jay_options *options, jay_login_fn *login, void *arg) {
    if (options == NULL) return JAY_E_ARGUMENT;
    options->login = login;
    options->login_arg = arg;
    return JAY_OK;
}

/* Whether the options of a table have what they need, and names of their own. */
static int check_backend_options(const jay_backend_ops *ops, jay_error *error) {
    for (size_t i = 0; i < ops->option_count; i++) {
        const jay_option_info *info = &ops->options[i];
        bool is_good = info->name != NULL && info->name[0] != '\0' && info->default_text != NULL;
        for (size_t j = 0; is_good && j < JAYI_CORE_OPTION_COUNT; j++)
            is_good = strcmp(info->name, jayi_core_options[j].name) != 0;
        for (size_t j = 0; is_good && j < i; j++)
            is_good = strcmp(info->name, ops->options[j].name) != 0;
        if (!is_good) {
            return jay_error_set(error, JAY_E_ARGUMENT, 0,
                                 "option %zu of backend '%s' lacks a name or a default, or its "
                                 "name is taken",
                                 i + 1, ops->scheme);
        }
    }
    return JAY_OK;
}

static int check_backend(const jay_backend_ops *ops, jay_error *error) {
    if (ops->abi != JAY_BACKEND_ABI || ops->struct_size < sizeof *ops) {
        return jay_error_set(error, JAY_E_VERSION, 0,
                             "the backend table has ABI %u and %zu bytes, this library wants ABI "
                             "%u and at least %zu; compile the backend with this version's header",
                             ops->abi, ops->struct_size, JAY_BACKEND_ABI, sizeof *ops);
    }
    if (ops->scheme == NULL || !jayi_scheme_is_valid(ops->scheme)) {
        return jay_error_set(error, JAY_E_ARGUMENT, 0,
                             "the backend's scheme must be a lower-case letter and then at most %d "
                             "lower-case letters, digits, '+', '-' or '.'",
                             JAYI_SCHEME_MAX - 1);
    }
    if (ops->open == NULL || ops->close == NULL || ops->get == NULL || ops->release == NULL ||
        ops->write == NULL || ops->erase == NULL ||
        (ops->option_count > 0 && ops->options == NULL)) {
        return jay_error_set(error, JAY_E_ARGUMENT, 0,
                             "the table of backend '%s' lacks one of open, close, get, release, "
                             "write, erase, or its options",
                             ops->scheme);
    }
    return check_backend_options(ops, error);
}

int jay_options_add_backend(jay_options *options, const jay_backend_ops *backend,
                            jay_error *error) {
    if (options == NULL || backend == NULL) {
        return jay_error_set(error, JAY_E_ARGUMENT, 0, "options and backend must not be NULL");
    }
    int status = check_backend(backend, error);
    if (status != JAY_OK) return status;
    size_t size = (options->backend_count + 1) * sizeof *options->backends;
    const jay_backend_ops **list =
        jayi_realloc(&options->allocator, (void *)options->backends, size);
    if (list == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to add backend '%s'",
                             backend->scheme);
    }
    options->backends = list;
    list[options->backend_count++] = backend;
    return JAY_OK;
}

const jay_backend_ops *jayi_find_backend(const jay_options *options, const char *scheme) {
    /* The last one added goes first, so that a program can put one before another. */
    for (size_t i = options != NULL ? options->backend_count : 0; i > 0; i--) {
        if (strcmp(options->backends[i - 1]->scheme, scheme) == 0) return options->backends[i - 1];
    }
    return jayi_builtin_backend(scheme);
}

const char *jayi_nearest_scheme(const jay_options *options, const char *scheme) {
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0;; i++) {
        size_t own = options != NULL ? options->backend_count : 0;
        const jay_backend_ops *ops =
            i < own ? options->backends[i] : jayi_builtin_backend_at(i - own);
        if (ops == NULL) return nearest;
        size_t distance = jayi_name_distance(scheme, ops->scheme);
        if (distance < least && jayi_name_is_like(scheme, ops->scheme)) {
            least = distance;
            nearest = ops->scheme;
        }
    }
}
