/*
 * seg_log.h - adding records, and beginning, closing and reclaiming segments.
 */
#ifndef JAYI_SEG_LOG_H
#define JAYI_SEG_LOG_H

#include "backends/file/seg_store.h"

/* ---- adding: seg_log.c ---- */

/*
 * Adds a record: of *record, kind to value_size are filled in (a version 0 becomes the position).
 * Where there is no room, the oldest entries go. JAY_OK, *record as it was written; JAYI_RENEW; or
 * a failure.
 */
int jayi_log_add(const jayi_seg *seg, jayi_record *record, const void *key, const void *value,
                 jay_error *error);

/* Claims room for `bytes` that belong together, in one segment. Also JAYI_RENEW. */
int jayi_log_claim(const jayi_seg *seg, uint32_t bytes, jayi_position *ret_position,
                   jay_error *error);

/* The same where there is room at once. */
bool jayi_log_try_claim(const jayi_seg *seg, uint32_t bytes, jayi_position *ret_position);

/* Writes what belongs at a claimed position. JAY_OK; JAYI_AGAIN: the segment was closed meanwhile,
 * so it may not count; or a failure. Synced where the cache is. */
int jayi_log_write(const jayi_seg *seg, jayi_position position, const struct iovec *parts,
                   int count, jay_error *error);

/* Changes the kind of a record that is there. */
int jayi_log_set_kind(const jayi_seg *seg, jayi_position position, uint32_t kind, jay_error *error);

/* After JAY_E_FULL: drops the oldest segments, whatever is in them, until more than so many bytes
 * are free. False: there is none to drop. */
bool jayi_log_drop(const jayi_seg *seg, uint64_t bytes);

/* Where nothing is alive any more: removes all segments but the current one. */
void jayi_log_drop_dead(const jayi_seg *seg);

/* ---- segments as a whole: seg_roll.c; with JAYI_LOCK_LOG ---- */

/* Begins a new segment in which `bytes` have room, unless the current one has it; old ones are
 * reclaimed, and what was asked for in them is moved, if `moves`. */
int jayi_log_roll(const jayi_seg *seg, uint32_t bytes, bool moves, jay_error *error);

/* Closes a segment to writers and writes its footer, as far as that can be. */
void jayi_log_seal(jayi_store *store, uint32_t serial);

/* Adds up the charges. */
uint64_t jayi_log_used(const jayi_store *store);

/* The same, but of the current segment only what is written so far. */
uint64_t jayi_log_on_disk(const jayi_store *store);

/* Reclaims until so many more bytes have room. */
void jayi_log_make_room(const jayi_seg *seg, uint64_t bytes, bool moves);

/* ---- seg_reclaim.c ---- */

/*
 * Removes a segment older than the current one. Entries that were asked for since they were written
 * are moved to the current segment, as long as that has room and `budget` is left; others are
 * evicted. With `keeps_all` all are moved, and where there is no room for one the segment stays:
 * false.
 */
bool jayi_log_reclaim(const jayi_seg *seg, uint32_t serial, uint64_t *budget, bool keeps_all);

/* ---- going through a segment: seg_scan.c ---- */

/* Receives each record. Its body is whole, unless it is of kind PENDING where it may not be. */
typedef int jayi_scan_fn(void *arg, const jayi_footer_entry *entry);

typedef struct jayi_scan {
    const jayi_dir *dir;
    uint64_t seed;
    uint32_t serial;
    int fd;
    bool reads_records; /* even where there is a footer */
    jayi_scan_fn *fn;
    void *arg;
    /* what was found */
    jayi_segment_header header;
    bool has_footer;
    uint64_t count;
    uint64_t damaged; /* records with a header whose body is not what was written */
    uint64_t end;     /* of the last record */
} jayi_scan;

/* JAY_OK; JAY_MISS: it is no segment of this directory; what `fn` said if that was not JAY_OK; or a
 * failure. */
int jayi_segment_scan(jayi_scan *scan, jay_error *error);

#endif
