/*
 * file_write.h - storing and removing entries.
 */
#ifndef JAYI_FILE_WRITE_H
#define JAYI_FILE_WRITE_H

#include "backends/file/file_dir.h"

int jayi_file_write(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_file_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_file_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                    jay_error *error);
int jayi_file_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                  int64_t ttl_ms, int64_t *ret_number, jay_error *error);

#endif
