/*
 * mini_backend.h - the smallest backend that backend.h allows: the required functions, no more.
 */
#ifndef MINI_BACKEND_H
#define MINI_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops mini_backend;

#endif
