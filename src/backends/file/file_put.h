/*
 * file_put.h - putting an entry's file into its place.
 *
 * The entry is written into the leaf's spare file, which then changes places with the entry's old
 * file, and that is the next spare. On ext4 this is much faster than a rename over the old file,
 * which waits until the new one is on the disk, and than making and removing files.
 */
#ifndef JAYI_FILE_PUT_H
#define JAYI_FILE_PUT_H

#include "backends/file/file_room.h"

typedef struct jayi_put {
    const jay_backend *backend;
    const jayi_name *name;
    int leaf_fd;
    bool is_there;      /* a file of that name is */
    uint64_t old_bytes; /* of that file */
    const void *key;
    const void *value;
    jayi_entry entry;
} jayi_put;

/* With the leaf's lock. JAY_OK, JAYI_NO_ROOM, or a failure, after which all is as it was. */
int jayi_put_entry(const jayi_put *put, jay_error *error);

/* What the files of such an entry take at most, for limits. */
uint64_t jayi_put_charge(uint64_t key_size, uint64_t value_size);

#endif
