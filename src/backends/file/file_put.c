/*
 * file_put.c - the spare file, and the exchange.
 *
 * Whoever is killed on the way leaves a spare that is written again, or a record that is dirty.
 */
#include "backends/file/file_put.h"

#include <errno.h>
#include <fcntl.h>

#include "backends/file/file_read.h"
#include "os/file_ops.h"

typedef struct spare {
    int fd;
    uint64_t bytes; /* as it was found */
    bool is_in_way; /* it is there, and must not be written into: another takes its place */
} spare;

uint64_t jayi_put_charge(uint64_t key_size, uint64_t value_size) {
    return jayi_file_charge(JAYI_ENTRY_HEADER + key_size + value_size);
}

static int put_failed(const jayi_put *put, jay_error *error) {
    return jayi_file_failed("write an entry in", put->backend->dir->path, error);
}

/* ---- the spare ---- */

/* Whether a file may be written into: nobody else can have it under another name, and it was not
 * given out by its descriptor. Fills in *ret_bytes with what it is counted for. */
static bool is_usable(const jay_backend *backend, int fd, uint64_t *ret_bytes) {
    struct stat st;
    *ret_bytes = 0;
    if (jayi_files.stat(fd, &st) != 0 || !jayi_file_is_ours(backend, &st)) return false;
    *ret_bytes = (uint64_t)st.st_size;
    if (st.st_nlink != 1 || jayi_file_is_held(&st)) return false;
    return (st.st_mode & 07777) == backend->mode || jayi_files.set_mode(fd, backend->mode) == 0;
}

/* Opens the spare, if there is one that can be used; else ret_spare->fd is -1. */
static int find_spare(const jayi_put *put, spare *ret_spare, jay_error *error) {
    struct stat st;
    *ret_spare = (spare){.fd = -1};
    int fd = jayi_files.open(put->leaf_fd, JAYI_SPARE, O_WRONLY, 0);
    if (fd >= 0 && is_usable(put->backend, fd, &ret_spare->bytes)) {
        ret_spare->fd = fd;
        return JAY_OK;
    }
    if (fd >= 0) jayi_files.close(fd);
    if (fd < 0 && errno == ENOENT) return JAY_OK;
    if (fd < 0 && errno != ELOOP && errno != ENXIO && errno != EACCES && errno != EPERM)
        return put_failed(put, error);
    /* It may be counted: what we may not open, as well. */
    if (fd < 0 && jayi_files.stat_at(put->leaf_fd, JAYI_SPARE, &st) == 0 &&
        jayi_file_is_ours(put->backend, &st))
        ret_spare->bytes = (uint64_t)st.st_size;
    ret_spare->is_in_way = true;
    return JAY_OK;
}

/* The name is ours; what has it, and cannot be used, goes. A folder cannot. */
static int make_spare(const jayi_put *put, spare *s, jay_error *error) {
    uint64_t bytes;
    if (s->is_in_way && jayi_files.unlink(put->leaf_fd, JAYI_SPARE) != 0 && errno != ENOENT)
        return put_failed(put, error);
    s->is_in_way = false;
    int fd =
        jayi_files.open(put->leaf_fd, JAYI_SPARE, O_WRONLY | O_CREAT | O_EXCL, put->backend->mode);
    if (fd < 0) return put_failed(put, error);
    if (!is_usable(put->backend, fd, &bytes)) {
        int status = put_failed(put, error);
        jayi_files.close(fd);
        return status;
    }
    s->fd = fd;
    return JAY_OK;
}

/* ---- writing and placing ---- */

static int fill(const jayi_put *put, const spare *s, jay_error *error) {
    unsigned char header[JAYI_ENTRY_HEADER];
    const void *const parts[] = {header, put->key, put->value};
    const size_t sizes[] = {sizeof header, put->entry.key_size, (size_t)put->entry.value_size};
    uint64_t needed = sizeof header + put->entry.key_size + put->entry.value_size;
    jayi_entry_compose(&put->entry, header);
    bool is_too_long = jayi_file_charge(s->bytes) > jayi_file_charge(needed);
    if (is_too_long && jayi_files.truncate(s->fd, needed) != 0) return put_failed(put, error);
    if (jayi_write_all(s->fd, parts, sizes, sizes[2] > 0 ? 3 : 2) != 0)
        return put_failed(put, error);
    if (put->backend->is_synced && jayi_files.sync(s->fd) != 0) return put_failed(put, error);
    return JAY_OK;
}

/* Gives the spare the entry's name. *ret_is_kept: the old file is the spare now. */
static int place(const jayi_put *put, bool *ret_is_kept, jay_error *error) {
    const char *file = jayi_name_file(put->name);
    *ret_is_kept = put->is_there && jayi_files.exchange(put->leaf_fd, JAYI_SPARE, file) == 0;
    /* Network file systems cannot exchange, and the old file may have been removed by hand. */
    if (!*ret_is_kept && jayi_files.rename(put->leaf_fd, JAYI_SPARE, file) != 0)
        return put_failed(put, error);
    return JAY_OK;
}

/* The change in bytes of the leaf's files by this entry; what is freed is counted afterwards. */
static uint64_t growth(const jayi_put *put, const spare *s) {
    uint64_t needed = jayi_put_charge(put->entry.key_size, put->entry.value_size);
    uint64_t had = jayi_file_charge(s->bytes);
    return needed > had ? needed - had : 0;
}

/* Whether the record will differ afterwards. */
static bool changes_record(const jayi_put *put, const spare *s) {
    uint64_t needed = jayi_put_charge(put->entry.key_size, put->entry.value_size);
    return !put->is_there || s->is_in_way || needed != jayi_file_charge(s->bytes) ||
           put->old_bytes > JAYI_SPARE_MAX;
}

/* Writes what the leaf holds now. */
static int settle(const jayi_put *put, jayi_leaf_record *record, uint64_t freed, jay_error *error) {
    record->state = JAYI_LEAF_CLEAN;
    record->bytes -= freed < record->bytes ? freed : record->bytes;
    return jayi_table_write(put->backend->dir, put->name->leaf, record, error);
}

/* Takes the room, or says in the record that it is about to change. */
static int reserve(const jayi_put *put, const spare *s, jayi_leaf_record *record,
                   jay_error *error) {
    const jay_backend *backend = put->backend;
    int status = jayi_room_record(backend, put->name->leaf, record, error);
    if (status != JAY_OK) return status;
    uint64_t more = growth(put, s);
    if (more > 0 || !put->is_there)
        return jayi_room_reserve(backend, put->name->leaf, record, !put->is_there, more, error);
    record->state = JAYI_LEAF_DIRTY;
    return jayi_table_write(backend->dir, put->name->leaf, record, error);
}

/* What went wrong is undone: the spare goes, and the record says so. */
static void undo(const jayi_put *put, const spare *s, jayi_leaf_record *record, bool is_recorded) {
    int saved = errno;
    bool is_gone = jayi_files.unlink(put->leaf_fd, JAYI_SPARE) == 0 || errno == ENOENT;
    if (!is_recorded && is_gone && s->bytes > 0) {
        if (jayi_room_record(put->backend, put->name->leaf, record, NULL) != JAY_OK) return;
        settle(put, record, jayi_file_charge(s->bytes), NULL);
    } else if (is_recorded && is_gone) {
        record->items -= !put->is_there;
        settle(put, record, growth(put, s) + jayi_file_charge(s->bytes), NULL);
    } /* else it stays dirty, and is counted by the next who comes */
    errno = saved;
}

/* After the exchange: the old file is kept for the next entry, unless it is large. */
static int finish(const jayi_put *put, const spare *s, jayi_leaf_record *record, bool is_kept,
                  bool is_recorded, jay_error *error) {
    uint64_t needed = jayi_put_charge(put->entry.key_size, put->entry.value_size);
    uint64_t had = jayi_file_charge(s->bytes);
    uint64_t freed = had > needed ? had - needed : 0;
    bool is_removed = is_kept && put->old_bytes > JAYI_SPARE_MAX &&
                      jayi_files.unlink(put->leaf_fd, JAYI_SPARE) == 0;
    if (is_removed || (put->is_there && !is_kept)) freed += jayi_file_charge(put->old_bytes);
    /* The entry is stored now: a failure to count it is no failure of the call. The record stays
     * dirty, and the leaf is counted anew. */
    if (!is_recorded && freed > 0) /* a file system that cannot exchange */
        is_recorded = jayi_room_record(put->backend, put->name->leaf, record, NULL) == JAY_OK;
    if (is_recorded) settle(put, record, freed, NULL);
    return put->backend->is_synced ? jayi_room_sync(put->backend, put->leaf_fd, error) : JAY_OK;
}

int jayi_put_entry(const jayi_put *put, jay_error *error) {
    spare s;
    bool is_kept = false;
    jayi_leaf_record record;
    int status = find_spare(put, &s, error);
    if (status != JAY_OK) return status;
    bool is_recorded = changes_record(put, &s);
    if (is_recorded) {
        status = reserve(put, &s, &record, error);
        if (status != JAY_OK) {
            if (s.fd >= 0) jayi_files.close(s.fd);
            return status;
        }
    }
    if (s.fd < 0) status = make_spare(put, &s, error);
    if (status == JAY_OK) status = fill(put, &s, error);
    if (s.fd >= 0) jayi_files.close(s.fd);
    if (status == JAY_OK) status = place(put, &is_kept, error);
    if (status != JAY_OK) {
        undo(put, &s, &record, is_recorded);
        return status;
    }
    return finish(put, &s, &record, is_kept, is_recorded, error);
}
