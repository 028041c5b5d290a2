/*
 * seg_store.h - a directory of layout=segments, as one process has it open.
 *
 *     jaycache.index      control (below), ring of segments, and a region of the engine, mapped by
 *                         every process: from the hash of a key to a locator
 *     jaycache.sNNNNNNNN  the segments: seg_record.h
 *     jaycache.spare      one that was removed, and will be the next
 *
 * All segments are one log. A record's position says where it is and when it came; the last record
 * of a key counts. Space is claimed by one compare-and-swap of `head`; a new segment is begun, old
 * ones are closed and reclaimed, the oldest first, under the directory's lock JAYI_LOCK_LOG.
 *
 * The index is believed only during the boot in which it was made, and only in the file that it was
 * made in. Otherwise it is made anew from the segments (seg_replay.h). An index that is replaced
 * while others use it is retired first, under all its locks: who comes to change something there
 * finds that and joins the new one.
 */
#ifndef JAYI_SEG_STORE_H
#define JAYI_SEG_STORE_H

#include <sys/uio.h>

#include "backends/file/file_dir.h"
#include "backends/file/seg_record.h"
#include "engine/engine.h"
#include "util/stripe.h"

#define JAYI_INDEX_FILE "jaycache.index"
#define JAYI_SPARE_SEGMENT "jaycache.spare"
#define JAYI_LOCK_LOG JAYI_LOCK_TOTALS

/* Statuses of this folder's own functions. */
#define JAYI_RENEW 110 /* the index has been replaced: join the new one and try again */
#define JAYI_AGAIN 111 /* someone else was faster: try again */

/* What the index holds for a key. */
typedef struct jayi_locator {
    jayi_position position; /* of the record */
    uint64_t version;       /* the position at which the value first was */
    jayi_position touched;  /* of the record that changed the deadline since; 0: none */
    uint32_t key_size;
    uint32_t value_size;
} jayi_locator;

/* ---- what processes share ---- */

enum {
    JAYI_SLOT_SEALED = 1,
    JAYI_SLOT_NAME_SYNCED = 2,
    JAYI_SLOT_CLOSED = 4 /* being removed: nobody may write to it any more */
};

typedef struct jayi_slot {
    _Atomic uint32_t serial; /* 0: free */
    _Atomic uint32_t flags;
    _Atomic uint32_t capacity;
    _Atomic uint32_t records; /* when sealed */
    _Atomic uint32_t writers; /* just at work; too many where one was killed */
    _Atomic uint64_t charge;  /* against max_bytes */
} jayi_slot;

#define JAYI_BOOT_ID_BYTES 40

typedef struct jayi_control {
    uint64_t magic;
    uint32_t format;
    uint32_t ring_size;
    uint64_t region_at;
    uint64_t region_bytes;
    uint64_t seed; /* of the directory */
    uint64_t device;
    uint64_t inode;
    uint64_t max_items;
    uint32_t segment_bytes;
    uint32_t reserved;
    char boot_id[JAYI_BOOT_ID_BYTES];
    uint64_t check; /* of all before */
    _Alignas(JAYI_LINE) _Atomic uint32_t is_retired;
    _Atomic uint32_t has_maps;     /* some process has mapped segments, or had */
    _Atomic uint32_t is_tight;     /* the index should be larger */
    _Atomic uint32_t sealed_below; /* nobody may add to segments below this */
    _Atomic uint64_t max_bytes;
    _Atomic uint64_t evictions; /* by reclaiming */
    _Atomic uint64_t used;      /* the sum of all charges, as last added up */
    _Atomic uint64_t spare;     /* bytes of a segment that is kept for the next one */
    _Atomic int64_t begun_ms;   /* when the current segment was begun, by jayi_clock_coarse_ms */
    _Atomic uint32_t tail;      /* no segment is older */
    _Alignas(JAYI_LINE) _Atomic uint64_t head; /* the position of the next record */
    _Alignas(JAYI_LINE) jayi_slot ring[];
} jayi_control;

/* ---- what belongs to this process ---- */

#define JAYI_FDS 128

/* An open segment: used by so many threads, or, when negative, just being exchanged. */
typedef struct jayi_fd_slot {
    _Alignas(JAYI_LINE) _Atomic int32_t users;
    _Atomic uint32_t serial; /* 0: none */
    int fd;
    const unsigned char *map; /* NULL: not mapped */
    size_t map_bytes;
} jayi_fd_slot;

typedef struct jayi_store {
    struct jayi_store *next; /* one that was replaced, and may still be in use */
    jayi_region region;
    jayi_control *control;
    jayi_dir *dir;
    jayi_file_id index_id;
    uint64_t mapped_bytes;
    uint64_t seed;
    uint32_t ring_size;
    uint32_t segment_bytes;
    uint64_t disk_bytes; /* what the file system has in all, beside the index */
    uint64_t index_most; /* bytes that the region may have */
    int index_fd;
    void *fds_allocated;
    jayi_fd_slot *fds; /* JAYI_FDS of them */
    _Atomic uint32_t swept_tail;
} jayi_store;

/* A call at work on a store. */
typedef struct jayi_seg {
    const jay_backend *backend;
    jayi_store *store;
    _Atomic uint32_t *visits;
} jayi_seg;

static inline jayi_control *jayi_control_of(const jayi_seg *seg) {
    return seg->store->control;
}

static inline jayi_slot *jayi_slot_of(const jayi_store *store, uint32_t serial) {
    return &store->control->ring[serial % store->ring_size];
}

/* ---- joining: seg_index.c ---- */

/*
 * Joins the index of a directory whose files are open, made if need be; in the mutex of the list.
 * JAY_OK, or a failure. jayi_store_renew does so where the store is not the current one any more;
 * it returns whether that has changed anything.
 */
int jayi_store_join(jayi_dir *dir, jay_error *error);
bool jayi_store_renew(jayi_dir *dir);
void jayi_store_leave(jayi_dir *dir);

/* Whether the directory still has this index, and no process has retired it. */
bool jayi_store_is_current(const jayi_store *store);

/* Makes the index anew from the segments, larger if that was asked for. */
bool jayi_store_grow(jayi_dir *dir); /* if it is too tight */
int jayi_store_remake(jayi_dir *dir, jay_error *error);

/* Begins and ends a call. */
void jayi_seg_enter(const jay_backend *backend, jayi_seg *ret_seg);
void jayi_seg_leave(jayi_seg *seg);

/* After JAYI_RENEW: joins what there is now. False: nothing has changed. */
bool jayi_seg_renew(jayi_seg *seg);

/* ---- segments' files: seg_files.c ---- */

typedef struct jayi_held {
    jayi_fd_slot *slot; /* NULL: opened for this once */
    int fd;
    const unsigned char *map;
    size_t map_bytes;
} jayi_held;

/* Opens a segment. JAY_OK, to be ended with jayi_segment_drop; JAY_MISS: there is none, or none of
 * ours; or a failure. */
int jayi_segment_hold(jayi_store *store, uint32_t serial, jayi_held *ret_held, jay_error *error);
void jayi_segment_drop(jayi_held *held);

/* The file that a segment is to have. */
typedef struct jayi_segment_plan {
    uint32_t mode;
    uint32_t serial;
    uint32_t capacity;
    bool is_warmed; /* jayi_segment_warm */
} jayi_segment_plan;

/* Makes the file of a segment, with its header. JAY_OK; JAYI_RENEW: its name is taken by another
 * index, or the directory is gone; or a failure. */
int jayi_segment_make(const jayi_dir *dir, const jayi_segment_plan *plan, jay_error *error);

/* Removes it, and frees its blocks for those who have it open. */
void jayi_segment_unlink(jayi_store *store, uint32_t serial);

/* The same, but keeps the file for the next segment, if all of it is in memory. Nobody may be
 * writing to it. */
void jayi_segment_spare(jayi_store *store, uint32_t serial);

/* Makes the next segment from the one that was kept. As jayi_segment_make; JAY_MISS: there is none
 * that can be used. */
int jayi_segment_reuse(jayi_store *store, const jayi_segment_plan *plan, jay_error *error);

/* Removes the one that was kept. */
void jayi_segment_drop_spare(jayi_store *store);

/* Closes what this process has open of segments that are gone. */
void jayi_segments_sweep(jayi_store *store);

/* Reads fully: JAY_OK, JAY_MISS when the file ends before, or a failure. */
int jayi_segment_read(const jayi_dir *dir, int fd, void *buffer, size_t size, uint64_t at,
                      jay_error *error);

/* The same into at most three parts. */
int jayi_segment_read_parts(const jayi_dir *dir, int fd, const struct iovec *parts, int count,
                            uint64_t at, jay_error *error);

/* Writes fully, at most four parts: JAY_OK or a failure. */
int jayi_segment_write(const jayi_dir *dir, int fd, const struct iovec *parts, int count,
                       uint64_t at, jay_error *error);

/* ---- their pages in memory: seg_pages.c ---- */

/*
 * Has the kernel hold a file that was just made in its largest pages, where that takes no room on
 * the disk. Nothing may have been written to it yet. Values of many pages are read from those a
 * third faster; but records shorter than a page are written to them at a third of the speed, so
 * this is not for small ones.
 */
void jayi_segment_warm(const jayi_dir *dir, int fd, size_t size);

/* Whether all of a file is in memory: then writing to it is faster than to a new one, and else
 * slower, since each page that is written in part would have to be read before. */
bool jayi_segment_is_resident(int fd, size_t size);

static inline uint64_t jayi_whole_blocks(uint64_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

#endif
