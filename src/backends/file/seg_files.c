/*
 * seg_files.c - the files of segments, and the descriptors that a process keeps of them.
 *
 * A thread that uses a descriptor counts as its user; it is exchanged for that of another segment
 * only by who finds no user and bars the slot meanwhile. Who comes just then, or finds another
 * segment in use there, opens the file for this once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/file/seg_store.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/memory.h"

#define BARRED (-(1 << 30))

static jayi_fd_slot *fd_slot_of(const jayi_store *store, uint32_t serial) {
    return &store->fds[serial % JAYI_FDS];
}

/* Whether a file is one that we could have made, and nobody else knows by another name. */
static bool is_ours(const jayi_dir *dir, const struct stat *st) {
    if (!S_ISREG(st->st_mode) || st->st_nlink > 1) return false;
    return st->st_uid == geteuid() || st->st_uid == 0 || (dir->mode & 066) != 0;
}

/* ---- opening ---- */

static int open_segment(const jayi_store *store, uint32_t serial, jayi_held *held,
                        jay_error *error) {
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    struct stat st = {0};
    jayi_segment_name(serial, name);
    int fd = jayi_files.open(store->dir->root_fd, name, O_RDWR, 0);
    if (fd < 0) {
        if (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR) return JAY_MISS;
        return jayi_file_failed("open a segment of", store->dir->path, error);
    }
    int status = JAY_OK;
    if (jayi_files.stat(fd, &st) != 0) {
        status = jayi_file_failed("look at a segment of", store->dir->path, error);
    } else if (!is_ours(store->dir, &st)) {
        status = JAY_MISS;
    }
    if (status != JAY_OK) {
        jayi_files.close(fd);
        return status;
    }
    *held = (jayi_held){.fd = fd};
    if (atomic_load(&store->dir->wants_maps) && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            held->map = map;
            held->map_bytes = (size_t)st.st_size;
        }
    }
    return JAY_OK;
}

static void close_segment(int fd, const unsigned char *map, size_t map_bytes) {
    if (map != NULL) munmap((void *)(uintptr_t)map, map_bytes);
    jayi_files.close(fd);
}

/* Closes what a barred slot has. */
static void empty(jayi_fd_slot *slot) {
    if (atomic_load(&slot->serial) != 0) close_segment(slot->fd, slot->map, slot->map_bytes);
    atomic_store(&slot->serial, 0);
    slot->map = NULL;
}

static bool bar(jayi_fd_slot *slot) {
    int32_t none = 0;
    return atomic_compare_exchange_strong(&slot->users, &none, BARRED);
}

static int hold_slowly(jayi_store *store, uint32_t serial, jayi_held *ret_held, jay_error *error) {
    jayi_fd_slot *slot = fd_slot_of(store, serial);
    int status = open_segment(store, serial, ret_held, error);
    if (status != JAY_OK || !bar(slot)) return status;
    empty(slot);
    slot->fd = ret_held->fd;
    slot->map = ret_held->map;
    slot->map_bytes = ret_held->map_bytes;
    ret_held->slot = slot;
    atomic_store(&slot->serial, serial);
    atomic_fetch_add(&slot->users, 1 - BARRED);
    return JAY_OK;
}

int jayi_segment_hold(jayi_store *store, uint32_t serial, jayi_held *ret_held, jay_error *error) {
    jayi_fd_slot *slot = fd_slot_of(store, serial);
    int32_t users = atomic_fetch_add(&slot->users, 1);
    if (users >= 0 && atomic_load_explicit(&slot->serial, memory_order_acquire) == serial) {
        *ret_held = (jayi_held){slot, slot->fd, slot->map, slot->map_bytes};
        return JAY_OK;
    }
    atomic_fetch_sub(&slot->users, 1);
    return hold_slowly(store, serial, ret_held, error);
}

void jayi_segment_drop(jayi_held *held) {
    if (held->slot != NULL) {
        atomic_fetch_sub(&held->slot->users, 1);
    } else {
        close_segment(held->fd, held->map, held->map_bytes);
    }
}

static void forget(jayi_fd_slot *slot) {
    if (!bar(slot)) return;
    empty(slot);
    atomic_fetch_sub(&slot->users, BARRED);
}

void jayi_segments_sweep(jayi_store *store) {
    uint32_t tail = atomic_load(&store->control->tail);
    if (atomic_exchange(&store->swept_tail, tail) == tail) return;
    for (uint32_t i = 0; i < JAYI_FDS; i++) {
        uint32_t serial = atomic_load(&store->fds[i].serial);
        if (serial != 0 && serial < tail) forget(&store->fds[i]);
    }
}

/* ---- making and removing ---- */

/* Gives a file that is open the mode, size and header of a segment. */
static int set_up(const jayi_dir *dir, int fd, const jayi_segment_plan *plan, jay_error *error) {
    struct stat st = {0};
    jayi_segment_header header;
    jayi_segment_compose(plan->serial, plan->capacity, jayi_clock_real_ms(),
                         atomic_load(&dir->seed), &header);
    struct iovec part = {&header, sizeof header};
    if (jayi_files.stat(fd, &st) != 0 ||
        ((st.st_mode & 07777) != plan->mode && jayi_files.set_mode(fd, plan->mode) != 0))
        return jayi_file_failed("set the permissions of a segment in", dir->path, error);
    if (st.st_size != plan->capacity && jayi_files.truncate(fd, plan->capacity) != 0)
        return jayi_file_failed("size a segment in", dir->path, error);
    if (plan->is_warmed) jayi_segment_warm(dir, fd, plan->capacity);
    return jayi_segment_write(dir, fd, &part, 1, 0, error);
}

int jayi_segment_make(const jayi_dir *dir, const jayi_segment_plan *plan, jay_error *error) {
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    jayi_segment_name(plan->serial, name);
    int fd = jayi_files.open(dir->root_fd, name, O_RDWR | O_CREAT | O_EXCL, plan->mode);
    if (fd < 0 && (errno == EEXIST || errno == ENOENT)) return JAYI_RENEW;
    if (fd < 0) return jayi_file_failed("create a segment in", dir->path, error);
    int status = set_up(dir, fd, plan, error);
    jayi_files.close(fd);
    if (status != JAY_OK) jayi_files.unlink(dir->root_fd, name);
    return status;
}

/* ---- the spare ---- */

void jayi_segment_spare(jayi_store *store, uint32_t serial) {
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    jayi_held held = {0};
    jayi_segment_name(serial, name);
    bool is_kept = false;
    if (jayi_segment_hold(store, serial, &held, NULL) == JAY_OK) {
        is_kept = jayi_segment_is_resident(held.fd, store->segment_bytes) &&
                  jayi_files.rename(store->dir->root_fd, name, JAYI_SPARE_SEGMENT) == 0;
        jayi_segment_drop(&held);
        forget(fd_slot_of(store, serial));
    }
    if (is_kept) {
        atomic_store(&store->control->spare, store->segment_bytes);
    } else {
        jayi_segment_unlink(store, serial);
    }
}

int jayi_segment_reuse(jayi_store *store, const jayi_segment_plan *plan, jay_error *error) {
    const jayi_dir *dir = store->dir;
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    struct stat st = {0};
    if (atomic_load(&store->control->spare) == 0 || plan->capacity != store->segment_bytes)
        return JAY_MISS;
    atomic_store(&store->control->spare, 0);
    jayi_segment_name(plan->serial, name);
    if (jayi_files.move(dir->root_fd, JAYI_SPARE_SEGMENT, dir->root_fd, name) != 0) return JAY_MISS;
    int fd = jayi_files.open(dir->root_fd, name, O_RDWR, 0);
    int status = JAY_MISS;
    if (fd >= 0 && jayi_files.stat(fd, &st) == 0 && is_ours(dir, &st))
        status = set_up(dir, fd, plan, error);
    if (fd >= 0) jayi_files.close(fd);
    if (status != JAY_OK) jayi_files.unlink(dir->root_fd, name);
    return status;
}

void jayi_segment_drop_spare(jayi_store *store) {
    if (atomic_exchange(&store->control->spare, 0) > 0)
        jayi_files.unlink(store->dir->root_fd, JAYI_SPARE_SEGMENT);
}

void jayi_segment_unlink(jayi_store *store, uint32_t serial) {
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    jayi_held held = {0};
    jayi_segment_name(serial, name);
    if (jayi_segment_hold(store, serial, &held, NULL) == JAY_OK) {
        /* Others may have it open for long, and its blocks with it. They then find nothing, and
         * look again. Where it may be mapped, that would be a SIGBUS. */
        if (!atomic_load(&store->control->has_maps)) (void)jayi_files.truncate(held.fd, 0);
        jayi_segment_drop(&held);
        forget(fd_slot_of(store, serial));
    }
    jayi_files.unlink(store->dir->root_fd, name);
}

/* ---- reading and writing ---- */

int jayi_segment_read(const jayi_dir *dir, int fd, void *buffer, size_t size, uint64_t at,
                      jay_error *error) {
    size_t have = 0;
    while (have < size) {
        ssize_t got = jayi_files.read_at(fd, (char *)buffer + have, size - have, at + have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return jayi_file_failed("read a segment of", dir->path, error);
        if (got == 0) return JAY_MISS;
        have += (size_t)got;
    }
    return JAY_OK;
}

/* The parts of a call that are not done yet. */
typedef struct parts_left {
    struct iovec parts[4];
    int first;
    int count;
    uint64_t at;
} parts_left;

static parts_left all_of(const struct iovec *parts, int count, uint64_t at) {
    parts_left left = {.count = count, .at = at};
    for (int i = 0; i < count; i++) left.parts[i] = parts[i];
    return left;
}

static void advance(parts_left *left, size_t done) {
    left->at += done;
    while (left->first < left->count && done >= left->parts[left->first].iov_len)
        done -= left->parts[left->first++].iov_len;
    if (left->first == left->count) return;
    struct iovec *part = &left->parts[left->first];
    part->iov_base = (char *)part->iov_base + done;
    part->iov_len -= done;
}

int jayi_segment_read_parts(const jayi_dir *dir, int fd, const struct iovec *parts, int count,
                            uint64_t at, jay_error *error) {
    parts_left left = all_of(parts, count, at);
    while (left.first < left.count) {
        ssize_t got =
            jayi_files.read_parts(fd, left.parts + left.first, left.count - left.first, left.at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return jayi_file_failed("read a segment of", dir->path, error);
        if (got == 0) return JAY_MISS;
        advance(&left, (size_t)got);
    }
    return JAY_OK;
}

int jayi_segment_write(const jayi_dir *dir, int fd, const struct iovec *parts, int count,
                       uint64_t at, jay_error *error) {
    parts_left left = all_of(parts, count, at);
    while (left.first < left.count) {
        ssize_t written =
            jayi_files.write_at(fd, left.parts + left.first, left.count - left.first, left.at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = ENOSPC;
            return jayi_file_failed("write a segment of", dir->path, error);
        }
        advance(&left, (size_t)written);
    }
    return JAY_OK;
}
