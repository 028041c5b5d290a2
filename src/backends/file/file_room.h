/*
 * file_room.h - what leaves hold and may hold: removing entries, counting, and making room.
 *
 * Which entries go: expired ones as they are met; then those that were written longest ago, of a
 * sample of leaves, but one that was read since goes round once more. Whether it was, the kernel
 * knows: a read sets the access time of a file, and with the usual mount option relatime it does
 * so once after each write. Where it does not (noatime, some network file systems), the order is
 * that of writing. So a hit costs nothing, and eviction reads no values.
 */
#ifndef JAYI_FILE_ROOM_H
#define JAYI_FILE_ROOM_H

#include "backends/file/file_table.h"

/* Further statuses of this folder's own functions. */
#define JAYI_NO_ROOM 101 /* the limits do not allow it: make room and try again */
#define JAYI_GONE 102    /* the directory has been removed: join it anew and try again */

enum jayi_drop { JAYI_DROP_DELETED, JAYI_DROP_EVICTED, JAYI_DROP_EXPIRED, JAYI_DROP_DAMAGED };

/* ---- with the leaf's lock ---- */

/* Reads a leaf's record; one that is not clean is made so by counting. */
int jayi_room_record(const jay_backend *backend, uint32_t leaf, jayi_leaf_record *ret_record,
                     jay_error *error);

/* Brings the names in a leaf to the disk. JAY_OK or JAY_E_IO: never JAY_E_FULL, which would have
 * what was done already be done again. */
int jayi_room_sync(const jay_backend *backend, int leaf_fd, jay_error *error);

/* Removes a file and counts it. JAY_OK, JAY_MISS, or a failure. */
int jayi_room_remove(const jay_backend *backend, uint32_t leaf, int leaf_fd, const char *file,
                     enum jayi_drop why, jay_error *error);

/* The same by name, where a failure means that it stays for the time being. */
void jayi_room_drop(const jay_backend *backend, const jayi_name *name, enum jayi_drop why);

/*
 * Makes the record dirty with so much more, if the limits allow it. JAY_OK, JAYI_NO_ROOM, or a
 * failure.
 */
int jayi_room_reserve(const jay_backend *backend, uint32_t leaf, jayi_leaf_record *record,
                      uint64_t more_items, uint64_t more_bytes, jay_error *error);

/* ---- without locks ---- */

/* Removes an entry that was seen to be over, if nobody else is at work on its leaf. */
void jayi_room_expire(const jay_backend *backend, const jayi_name *name);

/*
 * Evicts until so much more has room; `spared` stays, and may be NULL. JAY_OK; JAY_E_FULL: there
 * is nothing left to evict; or a failure.
 */
int jayi_room_make(const jay_backend *backend, uint64_t more_items, uint64_t more_bytes,
                   const jayi_name *spared, jay_error *error);

/* Evicts some, whatever the limits: the disk is full. JAY_OK, JAY_MISS, or a failure. */
int jayi_room_evict_some(const jay_backend *backend, const jayi_name *spared, jay_error *error);

/*
 * Reads the table so that the sums are no more than there ever was at one moment: nothing can be
 * reserved while it is read. Leaves that need it, and can be, are counted before.
 */
int jayi_room_totals(const jay_backend *backend, jayi_table *ret_table, jay_error *error);

#endif
