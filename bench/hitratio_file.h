/*
 * hitratio_file.h - reads a file into memory, decompressed if it is an xz file.
 */
#ifndef HITRATIO_FILE_H
#define HITRATIO_FILE_H

#include "hitratio_trace.h"

/*
 * Returns the content, to be freed, and its size; or NULL, and what was wrong in `error`.
 */
char *hitratio_file_read(const char *path, size_t *ret_size, char error[HITRATIO_ERROR_SIZE]);

#endif
