/*
 * file_backend.h - file:/DIRECTORY, a cache in files, shared by all processes that may open them.
 */
#ifndef JAYI_FILE_BACKEND_H
#define JAYI_FILE_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_file_backend;

#endif
