/*
 * file_check.c - reads every entry, leaf by leaf, each under its lock.
 */
#include "backends/file/file_check.h"

#include <errno.h>
#include <string.h>

#include "backends/file/file_read.h"
#include "backends/file/file_room.h"
#include "backends/file/seg_ops.h"
#include "os/file_ops.h"
#include "util/memory.h"

typedef struct checking {
    jay_backend *backend;
    bool repairs;
    int leaf_fd;
    uint64_t items; /* of this leaf */
    uint64_t bytes;
    unsigned char key[JAYI_ENTRY_KEY_MAX];
    jay_file_report report;
    jay_error *error;
    int status;
} checking;

/* Whether the value is what its check says; reads it into memory of its own. */
static int check_value(const checking *c, jayi_reading *reading) {
    void *bytes = jayi_alloc(&c->backend->allocator, (size_t)reading->entry.value_size);
    if (bytes == NULL)
        return jay_error_set(c->error, JAY_E_NO_MEMORY, 0, "no memory for an entry's value");
    int status = jayi_reading_value(c->backend, reading, bytes, c->error);
    jayi_free(&c->backend->allocator, bytes);
    return status;
}

/* JAY_OK, JAYI_TORN: it is damaged, JAY_MISS: it is no file of ours; or a failure. */
static int check_entry(checking *c, const char *file, bool *ret_is_over) {
    jayi_reading reading;
    int status =
        jayi_reading_open(c->backend, c->leaf_fd, file, JAYI_READ_QUIETLY, &reading, c->error);
    if (status != JAY_OK) return status;
    uint32_t key_size = reading.entry.key_size;
    *ret_is_over = jayi_entry_is_over(&reading.entry, jayi_file_now_ms());
    status = jayi_reading_copy(c->backend, &reading, JAYI_ENTRY_HEADER, c->key, key_size, c->error);
    if (status == JAY_OK) {
        jayi_name name;
        jayi_name_of(c->key, key_size, atomic_load(&c->backend->dir->seed), &name);
        if (strcmp(jayi_name_file(&name), file) != 0) status = JAYI_TORN;
    }
    if (status == JAY_OK) status = check_value(c, &reading);
    jayi_reading_close(&reading);
    return status;
}

static bool check_file(void *arg, const char *file) {
    checking *c = arg;
    struct stat st;
    bool is_over = false;
    bool is_spare = strcmp(file, JAYI_SPARE) == 0;
    if (jayi_files.stat_at(c->leaf_fd, file, &st) != 0) {
        if (errno == ENOENT) return true;
        c->status = jayi_file_failed("look at an entry of", c->backend->dir->path, c->error);
        return false;
    }
    if ((!is_spare && !jayi_name_is_entry(file)) || !jayi_file_is_ours(c->backend, &st)) {
        c->report.foreign++;
        return true;
    }
    int status = is_spare ? JAY_OK : check_entry(c, file, &is_over);
    if (status < 0) {
        c->status = status;
        return false;
    }
    if (status == JAYI_TORN) {
        c->report.damaged++;
        if (c->repairs && jayi_files.unlink(c->leaf_fd, file) == 0) return true;
    }
    c->report.entries += !is_spare && status == JAY_OK;
    c->report.expired += is_over;
    c->items += !is_spare;
    c->bytes += jayi_file_charge((uint64_t)st.st_size);
    return true;
}

/* Compares what there is with the record, and puts that right. */
static int check_record(checking *c, uint32_t leaf, uint64_t damaged_before) {
    jayi_leaf_record record;
    int status = jayi_table_read(c->backend->dir, leaf, &record, c->error);
    if (status != JAY_OK) return status;
    bool has_removed = c->repairs && (uint64_t)c->report.damaged > damaged_before;
    bool is_right =
        record.state == JAYI_LEAF_CLEAN && record.items == c->items && record.bytes == c->bytes;
    c->report.miscounted += !is_right && !has_removed;
    c->report.bytes += (int64_t)c->bytes;
    if (is_right || !c->repairs) return JAY_OK;
    record.state = JAYI_LEAF_CLEAN;
    record.items = c->items;
    record.bytes = c->bytes;
    return jayi_table_write(c->backend->dir, leaf, &record, c->error);
}

/* With the lock. */
static int check_leaf(checking *c, uint32_t leaf) {
    uint64_t damaged_before = (uint64_t)c->report.damaged;
    c->items = c->bytes = 0;
    int status = jayi_leaf_open(c->backend, leaf, false, &c->leaf_fd, c->error);
    if (status < 0) return status;
    if (status == JAY_OK) {
        status = jayi_leaf_list(c->leaf_fd, check_file, c, c->error);
        jayi_files.close(c->leaf_fd);
        if (status == JAY_OK) status = c->status;
        if (status != JAY_OK) return status;
    }
    return check_record(c, leaf, damaged_before);
}

int jayi_file_check(jay_backend *backend, bool repairs, jay_file_report *ret_report,
                    jay_error *error) {
    if (backend->dir->layout == JAYI_LAYOUT_SEGMENTS)
        return jayi_seg_check(backend, repairs, ret_report, error);
    checking *c = jayi_calloc(&backend->allocator, 1, sizeof *c);
    if (c == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a check");
    c->backend = backend;
    c->repairs = repairs;
    c->error = error;
    int status = JAY_OK;
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES && status == JAY_OK; leaf++) {
        status = jayi_dir_lock(backend->dir, leaf, error);
        if (status != JAY_OK) break;
        status = check_leaf(c, leaf);
        jayi_dir_unlock(backend->dir, leaf);
    }
    if (status == JAY_OK) *ret_report = c->report;
    jayi_free(&backend->allocator, c);
    return status;
}
