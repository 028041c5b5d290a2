/*
 * file_walk.h - what goes through the whole directory: iterate, clear; and statistics.
 */
#ifndef JAYI_FILE_WALK_H
#define JAYI_FILE_WALK_H

#include "backends/file/file_dir.h"

int jayi_file_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_iterate_fn *fn, void *arg, jay_error *error);
int jayi_file_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error);
int jayi_file_stats(jay_backend *backend, jay_stats *stats, jay_error *error);

#endif
