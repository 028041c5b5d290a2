/*
 * seg_index.c - joining, making and replacing the index of a directory.
 *
 * Everything here happens in the mutex of the list of directories, and under byte 0 of the lock
 * file, so that a process joins an index once, and only one makes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/file/file_table.h"
#include "backends/file/seg_log.h"
#include "backends/file/seg_replay.h"
#include "engine/lock.h"
#include "engine/recover.h"
#include "os/file_ops.h"
#include "os/pages.h"
#include "os/random.h"
#include "util/hash.h"
#include "util/memory.h"

#define INDEX_MAGIC UINT64_C(0x78646e697379616a) /* "jaysindx" */
#define INDEX_FORMAT 1u
#define SEGMENTS_WANTED 64
#define SEGMENTS_LEAST 16
#define SEGMENT_BYTES_LEAST 4096u
#define SEGMENT_BYTES_MOST (UINT32_C(64) << 20)
#define RING_LEAST 512
#define INDEX_SHARE 8        /* the part of max_bytes that the index may have as well */
#define INDEX_ITEM_BYTES 128 /* that it wants for an entry, so as not to become too full */
#define INDEX_BEGINNING (UINT64_C(2) << 20)
#define INDEX_GROWTH 4
#define SMALL_DISK (UINT64_C(4) << 20)
#define SMALL_CACHE (UINT64_C(16) << 20)
#define DISK_SPARED 65536 /* for the marker, folders, and what else there is */
#define ROW_BYTES 2304    /* of the region's tables, for each process */

/* ---- geometry ---- */

typedef struct geometry {
    uint64_t max_items;
    uint64_t max_bytes;
    uint64_t index_most;  /* of the region */
    uint64_t index_bytes; /* what it begins with */
    uint32_t rows;
    uint32_t segment_bytes;
    uint32_t ring_size;
} geometry;

static uint32_t segment_bytes_for(uint64_t bytes) {
    uint64_t wanted = bytes / SEGMENTS_WANTED / 4096 * 4096;
    if (wanted < SEGMENT_BYTES_LEAST) return SEGMENT_BYTES_LEAST;
    return wanted > SEGMENT_BYTES_MOST ? SEGMENT_BYTES_MOST : (uint32_t)wanted;
}

/* What the file system has in all, and so a cache at most. */
static uint64_t disk_bytes(int root_fd) {
    struct statvfs vfs;
    if (fstatvfs(root_fd, &vfs) != 0 || vfs.f_blocks == 0) return UINT64_MAX;
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)vfs.f_blocks, (uint64_t)vfs.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* The region with so many bytes for entries. */
static uint64_t index_with(const geometry *g, uint64_t bytes) {
    if (bytes > JAYI_REGION_MAX) return JAYI_REGION_MAX;
    bytes = jayi_whole_blocks(bytes + JAYI_REGION_MIN + (uint64_t)g->rows * ROW_BYTES);
    return bytes > JAYI_REGION_MAX ? JAYI_REGION_MAX : bytes;
}

static geometry geometry_for(int root_fd, uint64_t max_items, uint64_t max_bytes) {
    uint64_t disk = disk_bytes(root_fd);
    uint64_t bytes = max_bytes < disk ? max_bytes : disk;
    geometry g = {.max_items = max_items, .max_bytes = max_bytes};
    g.segment_bytes = segment_bytes_for(bytes);
    uint64_t ring = bytes / g.segment_bytes * 8;
    g.ring_size = ring < RING_LEAST ? RING_LEAST : ring > 1u << 22 ? 1u << 22 : (uint32_t)ring;
    g.rows = disk < SMALL_DISK ? 16 : bytes < SMALL_CACHE ? 64 : 256;
    uint64_t index = bytes / INDEX_SHARE;
    if (max_items > 0 && max_items < index / INDEX_ITEM_BYTES)
        index = max_items * INDEX_ITEM_BYTES + JAYI_REGION_MIN;
    g.index_most = index_with(&g, index);
    g.index_bytes = index_with(&g, index < INDEX_BEGINNING ? index : INDEX_BEGINNING);
    return g;
}

/* Whether an index that was made for other limits still serves. */
static bool still_serves(const jayi_control *control, const geometry *g) {
    if (control->max_items != g->max_items) return false;
    return g->segment_bytes / 4 <= control->segment_bytes &&
           control->segment_bytes <= g->max_bytes / SEGMENTS_LEAST;
}

/* ---- a store in this process ---- */

static jayi_store *create(jayi_dir *dir) {
    jayi_store *store = jayi_calloc(&dir->allocator, 1, sizeof *store);
    if (store == NULL) return NULL;
    store->fds_allocated =
        jayi_calloc(&dir->allocator, 1, JAYI_FDS * sizeof(jayi_fd_slot) + JAYI_LINE);
    if (store->fds_allocated == NULL) {
        jayi_free(&dir->allocator, store);
        return NULL;
    }
    uintptr_t at = ((uintptr_t)store->fds_allocated + JAYI_LINE - 1) / JAYI_LINE * JAYI_LINE;
    store->fds = (jayi_fd_slot *)at;
    store->dir = dir;
    store->index_fd = -1;
    store->seed = atomic_load(&dir->seed);
    return store;
}

static void destroy(jayi_store *store) {
    const jay_allocator *allocator = &store->dir->allocator;
    for (uint32_t i = 0; i < JAYI_FDS; i++) {
        const jayi_fd_slot *slot = &store->fds[i];
        if (atomic_load(&slot->serial) == 0) continue;
        if (slot->map != NULL) munmap((void *)(uintptr_t)slot->map, slot->map_bytes);
        jayi_files.close(slot->fd);
    }
    if (store->region.identity != NULL) {
        jayi_identity_release(&store->region);
        jayi_identity_deinit(&store->region);
    }
    if (store->control != NULL) munmap(store->control, store->mapped_bytes);
    if (store->index_fd >= 0) jayi_files.close(store->index_fd);
    jayi_free(allocator, store->fds_allocated);
    jayi_free(allocator, store);
}

/* ---- the index's file ---- */

static void read_boot_id(char ret_id[JAYI_BOOT_ID_BYTES]) {
    memset(ret_id, 0, JAYI_BOOT_ID_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t size = read(fd, ret_id, JAYI_BOOT_ID_BYTES - 1);
    close(fd);
    if (size < 32) memset(ret_id, 0, JAYI_BOOT_ID_BYTES);
}

static uint64_t control_check(const jayi_control *control) {
    return jayi_hash(control, offsetof(jayi_control, check), control->seed);
}

static uint64_t region_at(uint32_t ring_size) {
    return jayi_whole_blocks(sizeof(jayi_control) + ring_size * sizeof(jayi_slot));
}

/* Whether a mapped index of `bytes` is one that we can use. */
static bool is_usable(const jayi_store *store, const jayi_control *control, uint64_t bytes) {
    char boot_id[JAYI_BOOT_ID_BYTES];
    read_boot_id(boot_id);
    return control->magic == INDEX_MAGIC && control->format == INDEX_FORMAT &&
           control->check == control_check(control) && control->seed == store->seed &&
           control->device == store->index_id.device && control->inode == store->index_id.inode &&
           boot_id[0] != '\0' && memcmp(control->boot_id, boot_id, sizeof boot_id) == 0 &&
           control->ring_size >= RING_LEAST && control->ring_size <= 1u << 22 &&
           control->segment_bytes >= SEGMENT_BYTES_LEAST &&
           control->segment_bytes <= SEGMENT_BYTES_MOST &&
           control->region_at == region_at(control->ring_size) &&
           control->region_bytes <= JAYI_REGION_MAX &&
           control->region_at + control->region_bytes == bytes &&
           atomic_load(&control->is_retired) == 0;
}

/* Maps the file of store->index_fd, of `bytes`. */
static int map_index(jayi_store *store, uint64_t bytes, jay_error *error) {
    void *base = jayi_pages_map(store->index_fd, bytes);
    if (base == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, errno,
                             "cannot map the index of %s; is there a limit (ulimit -v)?",
                             store->dir->path);
    }
    jayi_pages_prefer_huge(base, bytes);
    store->control = base;
    store->mapped_bytes = bytes;
    return JAY_OK;
}

/* Gets ready what is mapped. */
static int bind_index(jayi_store *store, jay_error *error) {
    jayi_control *control = store->control;
    unsigned char *base = (unsigned char *)control + control->region_at;
    store->ring_size = control->ring_size;
    store->segment_bytes = control->segment_bytes;
    int status = jayi_region_bind(&store->region, base, control->region_bytes, error);
    if (status != JAY_OK) return status;
    store->region.is_shared = true;
    store->region.lock_fd = store->index_fd;
    status = jayi_identity_init(&store->region, error);
    return status == JAY_OK ? jayi_identity_acquire(&store->region, error) : status;
}

/* Opens and maps the index that is there. JAY_OK; JAY_MISS: there is none that can be used; or a
 * failure. */
static int open_index(jayi_store *store, jay_error *error) {
    struct stat st = {0};
    jayi_dir *dir = store->dir;
    store->index_fd = jayi_files.open(dir->root_fd, JAYI_INDEX_FILE, O_RDWR, 0);
    if (store->index_fd < 0) {
        if (errno == ENOENT || errno == ELOOP || errno == ENXIO) return JAY_MISS;
        return jayi_file_failed("open the index of", dir->path, error);
    }
    if (jayi_files.stat(store->index_fd, &st) != 0)
        return jayi_file_failed("look at the index of", dir->path, error);
    /* One with holes would be a SIGBUS one day. */
    bool is_ours = S_ISREG(st.st_mode) && st.st_nlink == 1 &&
                   (st.st_uid == geteuid() || st.st_uid == 0 || (dir->mode & 066) != 0) &&
                   st.st_size >= JAYI_REGION_MIN && st.st_size % 4096 == 0 &&
                   (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size;
    if (!is_ours) return JAY_MISS;
    store->index_id = (jayi_file_id){st.st_dev, st.st_ino};
    int status = map_index(store, (uint64_t)st.st_size, error);
    if (status != JAY_OK) return status;
    if (!is_usable(store, store->control, store->mapped_bytes)) return JAY_MISS;
    status = bind_index(store, error);
    return status == JAY_E_CORRUPT || status == JAY_E_VERSION ? JAY_MISS : status;
}

/* ---- making ---- */

/* Gives the new file its blocks, so that no write to memory can find the disk full. */
static int allocate(const jayi_store *store, geometry *g, uint64_t *ret_bytes, jay_error *error) {
    uint64_t least = jayi_whole_blocks(2 * JAYI_REGION_MIN + (uint64_t)g->rows * ROW_BYTES);
    for (;;) {
        uint64_t bytes = region_at(g->ring_size) + g->index_bytes;
        int result = posix_fallocate(store->index_fd, 0, (off_t)bytes);
        if (result == 0) {
            *ret_bytes = bytes;
            return JAY_OK;
        }
        if (result == EINTR) continue;
        errno = result;
        if (result != ENOSPC || g->index_bytes <= least)
            return jayi_file_failed("make the index of", store->dir->path, error);
        if (jayi_files.truncate(store->index_fd, 0) != 0)
            return jayi_file_failed("make the index of", store->dir->path, error);
        g->index_bytes = jayi_whole_blocks(g->index_bytes / 2);
        if (g->index_bytes < least) g->index_bytes = least;
    }
}

static int make_file(jayi_store *store, geometry *g, uint64_t *ret_bytes, jay_error *error) {
    jayi_dir *dir = store->dir;
    struct stat st = {0};
    jayi_files.unlink(dir->root_fd, JAYI_NEW_FILE); /* left by someone who died here */
    store->index_fd =
        jayi_files.open(dir->root_fd, JAYI_NEW_FILE, O_RDWR | O_CREAT | O_EXCL, dir->mode);
    if (store->index_fd < 0) return jayi_file_failed("create the index of", dir->path, error);
    if (jayi_files.stat(store->index_fd, &st) != 0 ||
        ((st.st_mode & 07777) != dir->mode && jayi_files.set_mode(store->index_fd, dir->mode) != 0))
        return jayi_file_failed("set the permissions of the index of", dir->path, error);
    store->index_id = (jayi_file_id){st.st_dev, st.st_ino};
    return allocate(store, g, ret_bytes, error);
}

static void format(const jayi_store *store, const geometry *g) {
    jayi_control *control = store->control;
    const jayi_region_plan plan = {.region_bytes = g->index_bytes,
                                   .max_items = g->max_items,
                                   .row_count = g->rows,
                                   .size_bias = 0,
                                   .seed = jayi_random_seed()};
    control->magic = INDEX_MAGIC;
    control->format = INDEX_FORMAT;
    control->ring_size = g->ring_size;
    control->region_at = region_at(g->ring_size);
    control->region_bytes = g->index_bytes;
    control->seed = store->seed;
    control->device = store->index_id.device;
    control->inode = store->index_id.inode;
    control->max_items = g->max_items;
    control->segment_bytes = g->segment_bytes;
    read_boot_id(control->boot_id);
    control->check = control_check(control);
    atomic_store(&control->max_bytes, g->max_bytes);
    jayi_region_format((unsigned char *)control + control->region_at, &plan);
}

/* Lets the name lead to the new index. Whoever is about to change something in the one before finds
 * it retired, and waits for this to be over. */
static int put_in_place(const jayi_store *store, const jayi_store *old, jay_error *error) {
    jayi_dir *dir = store->dir;
    if (old != NULL) atomic_store(&old->control->is_retired, 1);
    if (jayi_files.rename(dir->root_fd, JAYI_NEW_FILE, JAYI_INDEX_FILE) == 0) return JAY_OK;
    if (old != NULL) atomic_store(&old->control->is_retired, 0);
    return jayi_file_failed("rename the index of", dir->path, error);
}

/* Makes an index from the segments, in the place of any other. */
static int make_index(jayi_store *store, const jayi_store *old, geometry g, jay_error *error) {
    uint64_t bytes = 0;
    int status = make_file(store, &g, &bytes, error);
    if (status == JAY_OK) status = map_index(store, bytes, error);
    if (status == JAY_OK) {
        format(store, &g);
        status = bind_index(store, error);
    }
    if (status == JAY_OK) status = jayi_store_replay(store, error);
    bool is_short = g.max_items == 0 && g.index_bytes < g.index_most;
    if (status == JAY_OK && is_short && jayi_engine_evictions(&store->region) > 0)
        status = JAYI_AGAIN; /* not all of it found room */
    if (status == JAY_OK) status = put_in_place(store, old, error);
    if (status != JAY_OK && store->index_fd >= 0)
        jayi_files.unlink(store->dir->root_fd, JAYI_NEW_FILE);
    return status;
}

/* ---- replacing ---- */

/* Locks all that an index has, so that nothing changes in it any more. */
static int freeze(jayi_store *store, jay_error *error) {
    uint32_t token = jayi_token(&store->region);
    if (token == 0) return jayi_no_token(error);
    int status = jayi_dir_lock(store->dir, JAYI_LOCK_LOG, error);
    if (status != JAY_OK) return status;
    uint32_t i = 0;
    for (; i < store->region.shard_count && status == JAY_OK; i++)
        status = jayi_lock(&store->region, &store->region.shards[i], token, error);
    if (status == JAY_OK) return JAY_OK;
    for (uint32_t j = 0; j + 1 < i; j++)
        jayi_unlock_checked(&store->region, &store->region.shards[j]);
    jayi_dir_unlock(store->dir, JAYI_LOCK_LOG);
    return status;
}

static void thaw(jayi_store *store) {
    for (uint32_t i = 0; i < store->region.shard_count; i++)
        jayi_unlock_checked(&store->region, &store->region.shards[i]);
    jayi_dir_unlock(store->dir, JAYI_LOCK_LOG);
}

/* Makes a new index while `old`, which others use, is frozen. */
static int replace(jayi_store *old, jayi_store *store, geometry g, jay_error *error) {
    int status = freeze(old, error);
    if (status != JAY_OK) return status;
    status = make_index(store, old, g, error);
    thaw(old);
    return status;
}

/* ---- joining ---- */

/* The index that is there now: the one that we have joined, which must not be opened again since
 * closing it would drop our locks, or another. JAY_OK, JAY_MISS, or a failure. */
static int find_index(jayi_dir *dir, jayi_store **ret_store, jay_error *error) {
    jayi_store *store = atomic_load(&dir->store);
    if (store != NULL && jayi_store_is_current(store)) {
        *ret_store = store;
        return JAY_OK;
    }
    store = create(dir);
    if (store == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    int status = open_index(store, error);
    if (status == JAY_OK) {
        *ret_store = store;
    } else {
        destroy(store);
    }
    return status;
}

/* Makes a new index; `old` is the one that is there, or NULL. `wanted` bytes of entries, or 0 for a
 * guess. JAY_OK, JAYI_AGAIN: *ret_bytes were too few; or a failure. */
static int make_sized(jayi_dir *dir, jayi_store *old, const geometry *g, uint64_t wanted,
                      uint64_t *ret_bytes, jayi_store **ret_store, jay_error *error) {
    jayi_store *store = create(dir);
    if (store == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    geometry sized = *g;
    if (wanted == 0) wanted = jayi_store_estimate(store) * INDEX_ITEM_BYTES;
    if (old != NULL && atomic_load(&old->control->is_tight) &&
        wanted < INDEX_GROWTH * old->control->region_bytes)
        wanted = INDEX_GROWTH * old->control->region_bytes;
    wanted = index_with(g, wanted);
    if (sized.index_bytes < wanted)
        sized.index_bytes = wanted < g->index_most ? wanted : g->index_most;
    *ret_bytes = sized.index_bytes;
    int status =
        old != NULL ? replace(old, store, sized, error) : make_index(store, NULL, sized, error);
    if (status == JAY_OK) {
        *ret_store = store;
    } else {
        destroy(store);
    }
    return status;
}

static int make_anew(jayi_dir *dir, jayi_store *old, const geometry *g, jayi_store **ret_store,
                     jay_error *error) {
    uint64_t wanted = 0, bytes = 0;
    int status = JAYI_AGAIN;
    /* Ends, since the size that may be had is limited. */
    while (status == JAYI_AGAIN) {
        status = make_sized(dir, old, g, wanted, &bytes, ret_store, error);
        wanted = INDEX_GROWTH * bytes;
    }
    return status;
}

/* With the claim's lock. */
static int join_locked(jayi_dir *dir, bool remakes, jayi_store **ret_store, uint64_t *ret_most,
                       jay_error *error) {
    uint64_t max_items = 0, max_bytes = 0;
    jayi_store *there = NULL;
    if (!jayi_table_limits(dir->table_fd, &max_items, &max_bytes))
        return jayi_file_failed("read the table of", dir->path, error);
    geometry g = geometry_for(dir->root_fd, max_items, max_bytes);
    *ret_most = g.index_most;
    int status = find_index(dir, &there, error);
    if (status != JAY_OK && status != JAY_MISS) return status;
    if (status == JAY_OK && !remakes && still_serves(there->control, &g)) {
        atomic_store(&there->control->max_bytes, max_bytes);
        *ret_store = there;
        return JAY_OK;
    }
    status = make_anew(dir, there, &g, ret_store, error);
    if (there != NULL && there != atomic_load(&dir->store)) destroy(there);
    return status;
}

/* Puts a store in the place of the one that the directory has. */
static int join(jayi_dir *dir, bool remakes, jay_error *error) {
    jayi_store *store = NULL;
    uint64_t most = 0;
    int status = jayi_claim_lock(dir->lock_fd, dir->path, error);
    if (status != JAY_OK) return status;
    status = join_locked(dir, remakes, &store, &most, error);
    jayi_claim_unlock(dir->lock_fd);
    if (status != JAY_OK || store == NULL) return status;
    store->index_most = most;
    uint64_t disk = disk_bytes(dir->root_fd), taken = store->mapped_bytes + DISK_SPARED;
    store->disk_bytes = disk > taken ? disk - taken : 0;
    if (atomic_load(&dir->wants_maps)) atomic_store(&store->control->has_maps, 1);
    jayi_store *before = atomic_load(&dir->store);
    if (before == store) return JAY_OK;
    store->next = before;
    atomic_store(&dir->store, store);
    return JAY_OK;
}

bool jayi_store_is_current(const jayi_store *store) {
    struct stat st = {0};
    if (atomic_load(&store->control->is_retired)) return false;
    if (jayi_files.stat_at(store->dir->root_fd, JAYI_INDEX_FILE, &st) != 0)
        return errno != ENOENT; /* when in doubt: yes */
    return st.st_dev == store->index_id.device && st.st_ino == store->index_id.inode;
}

/* Whether no thread can be at work on a store that has been replaced. */
static bool is_quiet(const jayi_dir *dir) {
    for (size_t i = 0; i < JAYI_STRIPES; i++) {
        if (atomic_load(&dir->visits[i].count) != 0) return false;
    }
    return true;
}

static void destroy_all(jayi_store *store) {
    while (store != NULL) {
        jayi_store *next = store->next;
        destroy(store);
        store = next;
    }
}

static void drop_replaced(jayi_dir *dir) {
    jayi_store *store = atomic_load(&dir->store);
    if (store == NULL || store->next == NULL || !is_quiet(dir)) return;
    destroy_all(store->next);
    store->next = NULL;
}

int jayi_store_join(jayi_dir *dir, jay_error *error) {
    if (dir->visits == NULL) {
        dir->visits = jayi_calloc(&dir->allocator, JAYI_STRIPES, sizeof dir->visits[0]);
        if (dir->visits == NULL)
            return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    }
    return join(dir, false, error);
}

bool jayi_store_renew(jayi_dir *dir) {
    jayi_store *store = atomic_load(&dir->store);
    bool is_changed = false;
    if (!jayi_store_is_current(store)) is_changed = join(dir, false, NULL) == JAY_OK;
    drop_replaced(dir);
    return is_changed;
}

int jayi_store_remake(jayi_dir *dir, jay_error *error) {
    return join(dir, true, error);
}

bool jayi_store_grow(jayi_dir *dir) {
    jayi_store *store = atomic_load(&dir->store);
    if (!atomic_load(&store->control->is_tight)) return false; /* someone else has done it */
    bool is_changed = join(dir, true, NULL) == JAY_OK;
    /* If it cannot be, entries will be evicted. It is tried again after some more. */
    if (!is_changed) atomic_store(&store->control->is_tight, 0);
    return is_changed;
}

void jayi_store_leave(jayi_dir *dir) {
    destroy_all(atomic_load(&dir->store));
    atomic_store(&dir->store, NULL);
    jayi_free(&dir->allocator, dir->visits);
    dir->visits = NULL;
}

/* ---- calls ---- */

void jayi_seg_enter(const jay_backend *backend, jayi_seg *ret_seg) {
    jayi_dir *dir = backend->dir;
    ret_seg->backend = backend;
    ret_seg->visits = &dir->visits[jayi_stripe_index()].count;
    atomic_fetch_add(ret_seg->visits, 1);
    ret_seg->store = atomic_load(&dir->store);
}

void jayi_seg_leave(jayi_seg *seg) {
    atomic_fetch_sub(seg->visits, 1);
}

bool jayi_seg_renew(jayi_seg *seg) {
    const jay_backend *backend = seg->backend;
    const jayi_store *before = seg->store;
    jayi_seg_leave(seg);
    jayi_dir_look(backend->dir, true);
    jayi_seg_enter(backend, seg);
    return seg->store != before;
}
