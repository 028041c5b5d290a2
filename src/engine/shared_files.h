/*
 * shared_files.h - the files of shared regions, and the lock over their making.
 */
#ifndef JAYI_SHARED_FILES_H
#define JAYI_SHARED_FILES_H

#include <sys/types.h>

#include "engine/shared.h"

#define JAYI_SHARED_NAME_MAX 100
#define JAYI_SHARED_DIRECTORY "/dev/shm"
#define JAYI_SHARED_PREFIX "jaycache."

/* Which file it is, whatever its name. */
typedef struct jayi_file_id {
    dev_t device;
    ino_t inode;
} jayi_file_id;

/* JAY_OK, or JAY_E_URL: letters, digits, '-', '_' and '.', not at the beginning. */
int jayi_shared_check_name(const char *name, jay_error *error);

/* Opens the lock file, made if need be. */
int jayi_shared_open_lock(const jayi_shared_plan *plan, int *ret_fd, jayi_file_id *ret_id,
                          jay_error *error);

/* Whether the lock file of a name is (still) the one that was opened. */
bool jayi_shared_lock_is_current(const char *name, const jayi_file_id *id);

/* Takes and releases byte 0. JAY_OK, or JAY_E_BUSY after some seconds. */
int jayi_shared_lock(int lock_fd, const char *name, jay_error *error);
void jayi_shared_unlock(int lock_fd);

/* Opens an existing region: JAY_OK, JAY_MISS, or a failure. */
int jayi_shared_open_file(const jayi_shared_plan *plan, int *ret_fd, uint64_t *ret_bytes,
                          jay_error *error);

/* Opens the lock file of a name, if there is one that can be opened. */
bool jayi_shared_find_lock(const char *name, int *ret_fd, jayi_file_id *ret_id);

/*
 * Removes the files of a region; byte 0 is held, if there is a lock file. Who has it open goes on
 * with what it has; who opens it from now on makes a new one of each. JAY_OK, JAY_MISS, or a
 * failure.
 */
int jayi_shared_unlink(const char *name, jay_error *error);

/* Makes a region, formatted, all of its memory allocated, in the place of any other. */
int jayi_shared_create(const jayi_shared_plan *plan, int *ret_fd, jay_error *error);

#endif
