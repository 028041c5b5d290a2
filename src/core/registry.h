/*
 * registry.h - the built-in backends, and the options that every backend takes.
 */
#ifndef JAYI_REGISTRY_H
#define JAYI_REGISTRY_H

#include <jaycache/backend.h>

/* Options of the core itself, before those of the backend, in the order of jayi_core_options. */
enum jayi_core_option { JAYI_OPTION_PREFIX, JAYI_OPTION_DEFAULT_TTL, JAYI_CORE_OPTION_COUNT };

extern const jay_option_info jayi_core_options[JAYI_CORE_OPTION_COUNT];

/* A built-in backend by its scheme, or NULL. */
const jay_backend_ops *jayi_builtin_backend(const char *scheme);

/* The index-th built-in backend, or NULL past the last. */
const jay_backend_ops *jayi_builtin_backend_at(size_t index);

#endif
