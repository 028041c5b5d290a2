/*
 * power_log.h - what a disk may hold after the power fails: records what a program does to files,
 * through the table of os/file_ops.h, and makes directories out of what may be left of it.
 *
 * What a disk guarantees here: what was written into a file before it was synced is there. Of what
 * was written since, each sector of 512 bytes is as it was after any of those writes, or before
 * all of them; so is the file's length. Which names a directory has is what it was when the
 * directory was synced, or after any number of the changes that were made since, in their order.
 * Directories may fall behind each other, or, as file systems with a journal do it, all changes of
 * names come in the order in which they were made. Syncing a file says nothing about its name.
 *
 * One thread only. Nothing but what goes through the table is seen: what is written through a
 * mapping, or beside the table, is lost by each power failure.
 */
#ifndef POWER_LOG_H
#define POWER_LOG_H

#include <stddef.h>
#include <stdint.h>

/* Begins to record all that happens in a directory, which must be empty, and below it. */
void power_record(const char *root);

/* Ends it. The record stays until the next one, or power_forget. */
void power_end(void);
void power_forget(void);

/* How many changes have been recorded. */
size_t power_count(void);

/*
 * Makes the directory `path`, which must not be there, as it may be when the power failed after the
 * first `count` changes. `seed` decides what is left of them: 0, everything; 1, only what was
 * synced; any other, something in between.
 */
void power_replay(size_t count, uint64_t seed, const char *path);

#endif
