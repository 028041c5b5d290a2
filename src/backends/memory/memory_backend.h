/*
 * memory_backend.h - memory: and simple:, a cache in the memory of one process.
 */
#ifndef JAYI_MEMORY_BACKEND_H
#define JAYI_MEMORY_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_memory_backend;
extern const jay_backend_ops jayi_simple_backend;

#endif
