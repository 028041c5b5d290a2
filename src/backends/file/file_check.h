/*
 * file_check.h - looking through a whole directory for what is not as it should be.
 */
#ifndef JAYI_FILE_CHECK_H
#define JAYI_FILE_CHECK_H

#include <stdbool.h>

#include <jaycache/backend.h>

/* As jay_file_check, for an open backend. */
int jayi_file_check(jay_backend *backend, bool repairs, jay_file_report *ret_report,
                    jay_error *error);

#endif
