/*
 * null_backend.h - null: a cache that stores nothing, for switching caching off.
 */
#ifndef JAYI_NULL_BACKEND_H
#define JAYI_NULL_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_null_backend;

#endif
