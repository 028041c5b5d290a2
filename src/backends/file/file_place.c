/*
 * file_place.c - the file of an entry, opened for the caller, in which nothing changes any more.
 *
 * Files are written again when their entries are gone, which would change a page while it is being
 * sent. So a file that is given out is marked before, by a mode bit that means nothing on files
 * (S_ISVTX), and a marked file is never written: what would have made it the next spare removes it.
 * The mark is set under the leaf's lock, while the file still has the entry's name: so nobody is
 * writing into it. It needs no ending, and a holder that dies leaves nothing behind.
 *
 * Only its owner may mark a file, and some file systems keep no such bit. Then the caller gets a
 * copy in memory, which is as good for him, and slower.
 */
#include "backends/file/file_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/file/file_read.h"
#include "backends/file/file_room.h"
#include "os/file_ops.h"
#include "util/memory.h"

#define ATTEMPTS 8 /* at an entry that is just being replaced */

/* A status of this file's own: no mark can be set. */
enum { NO_MARK = 300 };

/* ---- the mark ---- */

/* Whether the file that is open has the entry's name. Under the leaf's lock. */
static bool has_name(const jay_backend *backend, const jayi_name *name, const struct stat *mine) {
    struct stat there;
    return jayi_files.stat_at(backend->dir->root_fd, name->path, &there) == 0 &&
           there.st_dev == mine->st_dev && there.st_ino == mine->st_ino;
}

/* JAY_OK; JAYI_TORN: it is another file now; NO_MARK; or a failure. */
static int mark(const jay_backend *backend, const jayi_name *name, int fd, bool is_locked,
                jay_error *error) {
    struct stat st;
    if (jayi_files.stat(fd, &st) != 0)
        return jayi_file_failed("look at an entry of", backend->dir->path, error);
    if (jayi_file_is_held(&st)) return JAY_OK;
    int status = is_locked ? JAY_OK : jayi_dir_lock(backend->dir, name->leaf, error);
    if (status != JAY_OK) return status;
    if (!has_name(backend, name, &st)) {
        status = JAYI_TORN;
    } else if (jayi_files.set_mode(fd, (st.st_mode & 07777) | JAYI_HELD_BIT) != 0 ||
               jayi_files.stat(fd, &st) != 0 || !jayi_file_is_held(&st)) {
        status = NO_MARK;
    }
    if (!is_locked) jayi_dir_unlock(backend->dir, name->leaf);
    return status;
}

/* ---- one look ---- */

static void describe(const jayi_reading *reading, jay_file_place *ret_place) {
    const jayi_entry *entry = &reading->entry;
    ret_place->fd = reading->fd;
    ret_place->offset = (int64_t)(JAYI_ENTRY_HEADER + entry->key_size);
    ret_place->size = (int64_t)entry->value_size;
    ret_place->version = entry->version;
    ret_place->ttl_ms = jayi_reading_ttl_ms(entry);
}

/* Puts the value into memory that has a descriptor. */
static int copy(const jay_backend *backend, jayi_reading *reading, jay_file_place *ret_place,
                jay_error *error) {
    size_t size = (size_t)reading->entry.value_size;
    void *bytes = jayi_alloc(&backend->allocator, size + 1);
    if (bytes == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a value");
    int status = jayi_reading_value(backend, reading, bytes, error);
    int fd = -1;
    if (status == JAY_OK) {
        const void *const parts[] = {bytes};
        fd = memfd_create("jaycache", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0 || jayi_write_all(fd, parts, &size, size > 0 ? 1 : 0) != 0)
            status = jayi_file_failed("copy into memory an entry of", backend->dir->path, error);
    }
    jayi_free(&backend->allocator, bytes);
    if (status == JAY_OK) {
        describe(reading, ret_place);
        ret_place->fd = fd;
        ret_place->offset = 0;
        ret_place->is_copy = 1;
    } else if (fd >= 0) {
        close(fd);
    }
    return status;
}

/* What a file holds that is open, and marked or not. The reading is closed unless it is given out.
 */
static int look_into(const jay_backend *backend, jayi_reading *reading, const void *key,
                     size_t key_size, bool is_marked, jay_file_place *ret_place, bool *ret_is_over,
                     jay_error *error) {
    int status = jayi_reading_match(backend, reading, key, key_size, error);
    *ret_is_over = status == JAY_OK && jayi_entry_is_over(&reading->entry, jayi_file_now_ms());
    if (*ret_is_over) status = JAY_MISS;
    if (status == JAY_OK && !is_marked) {
        status = copy(backend, reading, ret_place, error);
    } else if (status == JAY_OK) {
        status = jayi_reading_check(backend, reading, error);
        if (status == JAY_OK) {
            describe(reading, ret_place);
            return JAY_OK;
        }
    }
    jayi_reading_close(reading);
    return status;
}

/* JAY_OK, JAY_MISS, JAYI_TORN, or a failure. */
static int look_once(const jay_backend *backend, const jayi_name *name, bool is_locked,
                     const void *key, size_t key_size, jay_file_place *ret_place, bool *ret_is_over,
                     jay_error *error) {
    jayi_reading reading;
    *ret_is_over = false;
    int status = jayi_reading_begin(backend, backend->dir->root_fd, name->path, JAYI_READ_PLAIN,
                                    &reading, error);
    if (status != JAY_OK) return status;
    int marked = mark(backend, name, reading.fd, is_locked, error);
    status = marked == NO_MARK ? JAY_OK : marked;
    /* Read only now: before, it may have been the file of another entry. */
    if (status == JAY_OK) status = jayi_reading_head(backend, &reading, false, error);
    if (status == JAY_OK)
        return look_into(backend, &reading, key, key_size, marked == JAY_OK, ret_place, ret_is_over,
                         error);
    jayi_reading_close(&reading);
    return status;
}

/* The last look: what does not hold together now never will, and goes. */
static int look_locked(const jay_backend *backend, const jayi_name *name, const void *key,
                       size_t key_size, jay_file_place *ret_place, jay_error *error) {
    bool is_over;
    int status = jayi_dir_lock(backend->dir, name->leaf, error);
    if (status != JAY_OK) return status;
    status = look_once(backend, name, true, key, key_size, ret_place, &is_over, error);
    if (status == JAYI_TORN) {
        jayi_room_drop(backend, name, JAYI_DROP_DAMAGED);
        status = JAY_MISS;
    }
    jayi_dir_unlock(backend->dir, name->leaf);
    return status;
}

static int look(const jay_backend *backend, const void *key, size_t key_size,
                jay_file_place *ret_place, jay_error *error) {
    jayi_name name;
    bool is_over = false;
    int status = JAYI_TORN;
    jayi_name_of(key, key_size, atomic_load(&backend->dir->seed), &name);
    for (int i = 0; i < ATTEMPTS && status == JAYI_TORN; i++)
        status = look_once(backend, &name, false, key, key_size, ret_place, &is_over, error);
    if (status == JAYI_TORN) status = look_locked(backend, &name, key, key_size, ret_place, error);
    if (is_over) jayi_room_expire(backend, &name);
    if (status == JAY_OK && ret_place->is_copy == 0)
        snprintf(ret_place->file, sizeof ret_place->file, "%s", name.path);
    return status;
}

int jayi_file_place(jay_backend *backend, const void *key, size_t key_size,
                    jay_file_place *ret_place, jay_error *error) {
    if (backend->dir->layout == JAYI_LAYOUT_SEGMENTS)
        return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                             "%s keeps many entries in one file; make it anew with layout=files "
                             "for files to give out",
                             backend->dir->path);
    memset(ret_place, 0, sizeof *ret_place);
    int status = look(backend, key, key_size, ret_place, error);
    if (status == JAY_MISS && jayi_dir_look(backend->dir, false))
        status = look(backend, key, key_size, ret_place, error);
    return status;
}
