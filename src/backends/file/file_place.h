/*
 * file_place.h - the file of an entry, opened for the caller.
 */
#ifndef JAYI_FILE_PLACE_H
#define JAYI_FILE_PLACE_H

#include <jaycache/backend.h>

/* As jay_file_path, for an open backend and a whole key. */
int jayi_file_place(jay_backend *backend, const void *key, size_t key_size,
                    jay_file_place *ret_place, jay_error *error);

#endif
