/*
 * file_read.h - reading the file of an entry, with all its checks.
 *
 * A file is written again when its entry is gone, also while someone still reads it. So whoever
 * reads without the leaf's lock may find half of an entry, or another: he looks again, and in the
 * end takes the lock.
 */
#ifndef JAYI_FILE_READ_H
#define JAYI_FILE_READ_H

#include "backends/file/file_dir.h"

/* A status of this folder's own functions: what was read does not hold together. */
#define JAYI_TORN 100

typedef struct jayi_reading {
    int fd;
    uint64_t file_size;
    jayi_entry entry;
    size_t have; /* bytes of the file in `head` */
    unsigned char head[8192];
} jayi_reading;

/* How to read: as users do; or for our own ends, with a look at the file's kind and owner, and
 * without setting its access time, if that is allowed. */
enum { JAYI_READ_PLAIN = 0, JAYI_READ_QUIETLY = 1 };

/*
 * Opens an entry's file. JAY_OK, with its header checked: to be ended with jayi_reading_close;
 * JAY_MISS: there is no such file, or it is no file of ours; JAYI_TORN; or a failure.
 */
int jayi_reading_open(const jay_backend *backend, int folder_fd, const char *path, int how,
                      jayi_reading *ret_reading, jay_error *error);

/* The same in two steps: opening alone, which always comes to a reading that is to be closed; and
 * reading the header. `is_trusted`: the file's kind and owner need not be looked at. */
int jayi_reading_begin(const jay_backend *backend, int folder_fd, const char *path, int how,
                       jayi_reading *ret_reading, jay_error *error);
int jayi_reading_head(const jay_backend *backend, jayi_reading *reading, bool is_trusted,
                      jay_error *error);

/* Compares the key: JAY_OK, JAYI_TORN, or a failure. */
int jayi_reading_match(const jay_backend *backend, jayi_reading *reading, const void *key,
                       size_t key_size, jay_error *error);

/* Copies bytes of the file. JAY_OK, JAYI_TORN, or a failure. */
int jayi_reading_copy(const jay_backend *backend, jayi_reading *reading, uint64_t at, void *target,
                      size_t size, jay_error *error);

/* Copies the value, and checks it. JAY_OK, JAYI_TORN, or a failure. */
int jayi_reading_value(const jay_backend *backend, jayi_reading *reading, void *target,
                       jay_error *error);

/* Checks the value, and copies it nowhere. JAY_OK, JAYI_TORN, or a failure. */
int jayi_reading_check(const jay_backend *backend, jayi_reading *reading, jay_error *error);

/* How long an entry that is not over has left: JAY_TTL_FOREVER, or 1 or more milliseconds. */
int64_t jayi_reading_ttl_ms(const jayi_entry *entry);

void jayi_reading_close(jayi_reading *reading);

/* Real time in milliseconds, which deadlines are in. */
int64_t jayi_file_now_ms(void);

/* Whether a file may be ours, by its kind and owner. */
bool jayi_file_is_ours(const jay_backend *backend, const struct stat *st);

/* ---- the table's functions ---- */

int jayi_file_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                  jay_error *error);
void jayi_file_release(jay_backend *backend, jay_value *value);
int jayi_file_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                       size_t capacity, size_t *ret_size, jay_error *error);
int jayi_file_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_file_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                  jay_error *error);

#endif
