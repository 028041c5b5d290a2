/*
 * file_dir.h - a cache's directory, as one process has it open.
 *
 *     jaycache.dir     says whose directory this is, its format, and the seed of the names
 *     jaycache.lock    never holds anything; locks on its bytes say who is at work on what
 *     jaycache.table   what each leaf holds (file_table.h)
 *     jaycache.new     one of these on its way to its place
 *
 * and for layout=segments what seg_store.h tells; else
 *
 *     0/0 ... f/f      the leaves: entries by their names (file_entry.h), and in each at most one
 *                      file "spare", which the next entry is written into
 *
 * All other files are foreign: they are never opened, counted or removed.
 *
 * fcntl locks belong to a process, and closing any descriptor of a file drops all of them. So a
 * process opens a directory once, and all its handles share that: a list in file_dir.c, guarded by
 * a mutex that fork waits for. Threads are parted by mutexes, on pages that fork empties in
 * the child, where nobody holds them any more.
 *
 * When the directory is removed or replaced under us, it is joined anew (jayi_dir_look): the
 * descriptors keep their numbers and lead to the new one from then on.
 */
#ifndef JAYI_FILE_DIR_H
#define JAYI_FILE_DIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <jaycache/backend.h>

#include "backends/file/file_entry.h"

#define JAYI_MARKER "jaycache.dir"
#define JAYI_LOCK_FILE "jaycache.lock"
#define JAYI_TABLE_FILE "jaycache.table"
#define JAYI_NEW_FILE "jaycache.new"
#define JAYI_SPARE "spare"
#define JAYI_SPARE_MAX 65536 /* bytes of a file that is kept for the next entry */
#define JAYI_DIR_FORMAT 1u

/* ---- locks: of each leaf, and then of the totals; never two leaves at once ---- */

enum { JAYI_LOCK_TOTALS = JAYI_LEAVES, JAYI_LOCKS };

/* An entry that may be evicted: what was seen of it. */
typedef struct jayi_candidate {
    int64_t written_ns;
    uint32_t leaf;
    char file[JAYI_FILE_NAME_BYTES + 1];
    bool had_chance; /* it was asked for, and spared, already */
} jayi_candidate;

#define JAYI_POOL 64

/* What belongs to this process alone. Lies on pages that fork empties; all zero is its beginning.
 */
typedef struct jayi_dir_local {
    pthread_mutex_t locks[JAYI_LOCKS];
    pthread_mutex_t pool_lock;
    uint32_t pool_count;
    jayi_candidate pool[JAYI_POOL]; /* the best to evict last */
    uint64_t random;
} jayi_dir_local;

/* ---- the directory ---- */

enum jayi_layout { JAYI_LAYOUT_AUTO, JAYI_LAYOUT_FILES, JAYI_LAYOUT_SEGMENTS };

typedef struct jayi_dir_plan {
    const char *path;
    enum jayi_layout layout;
    uint32_t mode; /* of files */
    uint64_t max_items;
    uint64_t max_bytes;
    bool is_mode_given; /* else that of the marker counts */
    bool is_items_given;
    bool is_bytes_given;
    bool may_rebuild;
    bool uses_map;
    bool is_return; /* it was ours a moment ago: what looks like ours in it is */
    uint64_t seed;  /* for a new one */
} jayi_dir_plan;

typedef struct jayi_file_id {
    dev_t device;
    ino_t inode;
} jayi_file_id;

struct jayi_store;

/* How many calls of some threads are at work. */
typedef struct jayi_visits {
    _Atomic uint32_t count;
    unsigned char padding[124]; /* a line of its own, and no neighbour's */
} jayi_visits;

typedef struct jayi_dir {
    struct jayi_dir *next; /* this, and the next four: behind the mutex of the list */
    jay_allocator allocator;
    uint32_t handles;
    jayi_file_id root_id;
    jayi_file_id marker_id;
    char *path; /* absolute */
    uint32_t mode;
    _Atomic bool is_closed; /* no other user may write in it */
    int root_fd;
    int lock_fd;
    int table_fd;
    _Atomic uint64_t seed;
    _Atomic int64_t looked_ms;
    jayi_dir_local *local;
    /* Leaves whose names are known to be on the disk, a bit each: of sync=data. */
    _Atomic uint64_t named_leaves[JAYI_LEAVES / 64];
    enum jayi_layout layout;
    /* Of layout=segments: */
    struct jayi_store *_Atomic store; /* seg_store.h */
    jayi_visits *visits;              /* JAYI_STRIPES of them */
    _Atomic bool wants_maps;          /* some handle has mmap=1 */
} jayi_dir;

struct jay_backend {
    jay_allocator allocator;
    jayi_dir *dir;
    uint32_t mode;
    uid_t user; /* who opened it: asking the kernel again takes a call */
    bool is_synced;
    bool uses_map;
    const jay_backend_ops *ops; /* those of the layout */
};

/* Joins a directory, made and claimed if need be. On JAY_OK *ret_dir is to be left by
 * jayi_dir_close. */
int jayi_dir_open(const jayi_dir_plan *plan, const jay_allocator *allocator, jayi_dir **ret_dir,
                  jay_error *error);
void jayi_dir_close(jayi_dir *dir);

/*
 * Looks, at most once a second unless `is_urgent`, whether the path still leads to this directory,
 * and joins what it leads to now. Returns whether that has changed anything.
 */
bool jayi_dir_look(jayi_dir *dir, bool is_urgent);

/* Makes the index of layout=segments larger, if it is too tight. */
void jayi_dir_grow_index(jayi_dir *dir);

/* ---- claiming: file_claim.c ---- */

typedef struct jayi_claim {
    int lock_fd;
    int table_fd;
    uint64_t seed;
    uint32_t mode; /* of the marker */
    enum jayi_layout layout;
    jayi_file_id marker_id;
} jayi_claim;

/* Makes the directory of root_fd a cache's, or finds that it is one. */
int jayi_dir_claim(int root_fd, const jayi_dir_plan *plan, jayi_claim *ret_claim, jay_error *error);

/* Gives a table the limits that are asked for, if any are. */
int jayi_dir_set_limits(int table_fd, const jayi_dir_plan *plan, jay_error *error);

/* Refuses a directory that is laid out in another way than asked for. */
int jayi_layout_check(const jayi_dir_plan *plan, enum jayi_layout layout, jay_error *error);

/* Refuses a directory or a file that another user could change under us. */
int jayi_owner_check(uid_t owner, const jayi_dir_plan *plan, jay_error *error);

/* ---- locks: file_lock.c ---- */

/* Takes a lock: JAY_OK, or JAY_E_BUSY after some seconds, or JAY_E_IO. */
int jayi_dir_lock(jayi_dir *dir, uint32_t number, jay_error *error);
bool jayi_dir_try_lock(jayi_dir *dir, uint32_t number);
void jayi_dir_unlock(jayi_dir *dir, uint32_t number);

/* Takes byte 0 of a lock file, over the making of a directory; only in the list's mutex. */
int jayi_claim_lock(int lock_fd, const char *path, jay_error *error);
void jayi_claim_unlock(int lock_fd);

/* ---- leaves: file_leaf.c ---- */

/* Opens a leaf for reading; with `may_make` it is made if need be. JAY_OK; JAY_MISS: it is not
 * there, or could not be made because the directory is gone; or a failure. What stands in its place
 * and is no folder of ours is a failure only to who would make it. */
int jayi_leaf_open(const jay_backend *backend, uint32_t leaf, bool may_make, int *ret_fd,
                   jay_error *error);

/* Receives the name of a file in a leaf. Returns whether to go on. */
typedef bool jayi_leaf_fn(void *arg, const char *file);

/* Shows every name in an open folder but "." and ".."; each descriptor once. JAY_OK or a failure.
 */
int jayi_leaf_list(int folder_fd, jayi_leaf_fn *fn, void *arg, jay_error *error);

/* Folders can be searched by those who may read the files. */
static inline uint32_t jayi_folder_mode(uint32_t file_mode) {
    return file_mode | (file_mode & 0444) >> 2;
}

/* What a file of that size takes on the disk, in whole blocks. */
static inline uint64_t jayi_file_charge(uint64_t size) {
    return (size + 4095) / 4096 * 4096;
}

/* A file that was given out by its descriptor: it is never written again (file_place.c). The bit
 * means nothing on files. */
#define JAYI_HELD_BIT ((uint32_t)S_ISVTX)

static inline bool jayi_file_is_held(const struct stat *st) {
    return (st->st_mode & JAYI_HELD_BIT) != 0;
}

/* Writes everything, wherever the kernel stops in between. 0, or -1 and errno. */
int jayi_write_all(int fd, const void *const parts[], const size_t sizes[], int count);

/* A failure of a system call, by errno: what was to be done to which file of the directory. */
int jayi_file_failed(const char *what, const char *path, jay_error *error);

/* Whether a directory lies on a file system where other machines may change files, or memory mapped
 * by two processes may differ: file_network.c. */
bool jayi_file_is_network(int dir_fd);

#endif
