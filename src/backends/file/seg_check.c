/*
 * seg_check.c - reads every entry that the index has, and compares the segments' files with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/file/seg_log.h"
#include "backends/file/seg_ops.h"
#include "os/file_ops.h"
#include "util/memory.h"

typedef struct checking {
    jayi_seg *seg;
    bool repairs;
    void *value;
    size_t value_room;
    jay_file_report report;
    int status;
    jay_error *error;
} checking;

static int no_memory(const checking *c) {
    return jay_error_set(c->error, JAY_E_NO_MEMORY, 0, "no memory for an entry's value");
}

/* Reads the whole record. JAY_OK, JAYI_AGAIN: it is damaged or gone; or a failure. */
static int check_record(checking *c, const jayi_key_hash *hash, const jayi_locator *locator) {
    const jayi_seg *seg = c->seg;
    const jay_allocator *allocator = &seg->backend->allocator;
    jayi_held held;
    jayi_record record;
    size_t size = sizeof record + (size_t)locator->key_size + locator->value_size;
    if (locator->key_size > JAYI_RECORD_KEY_MAX || locator->value_size > JAYI_RECORD_VALUE_MAX)
        return JAYI_AGAIN;
    if (size > c->value_room) {
        void *more = jayi_realloc(allocator, c->value, size);
        if (more == NULL) return no_memory(c);
        c->value = more;
        c->value_room = size;
    }
    int status =
        jayi_segment_hold(seg->store, jayi_position_serial(locator->position), &held, c->error);
    if (status == JAY_OK) {
        status = jayi_segment_read(seg->store->dir, held.fd, c->value, size,
                                   jayi_position_offset(locator->position), c->error);
        jayi_segment_drop(&held);
    }
    if (status != JAY_OK) return status == JAY_MISS ? JAYI_AGAIN : status;
    memcpy(&record, c->value, sizeof record);
    const unsigned char *key = (const unsigned char *)c->value + sizeof record;
    jayi_key_hash found = jayi_key_hash_of(key, locator->key_size, seg->store->seed);
    bool is_right =
        jayi_record_is_sound(&record, locator->position, seg->store->seed) &&
        memcmp(&found, hash, sizeof found) == 0 && record.key_size == locator->key_size &&
        record.value_size == locator->value_size &&
        record.body_check == jayi_body_check(key, record.key_size, key + record.key_size,
                                             record.value_size, seg->store->seed);
    return is_right ? JAY_OK : JAYI_AGAIN;
}

static int check_entry(void *arg, const jay_entry_info *info) {
    checking *c = arg;
    jayi_key_hash hash;
    jayi_locator locator = {.position = 0}, before;
    uint64_t deadline_ms;
    int status = JAYI_AGAIN;
    if (info->key_size != sizeof hash) return 0;
    memcpy(&hash, info->key, sizeof hash);
    do { /* one that has been moved or overwritten meanwhile is looked at again */
        before = locator;
        if (jayi_seg_look(c->seg, &hash, &locator, &deadline_ms) != JAY_OK) return 0;
        status = check_record(c, &hash, &locator);
    } while (status == JAYI_AGAIN && locator.position != before.position);
    if (status < 0) {
        c->status = status;
        return 1;
    }
    if (status == JAY_OK) {
        c->report.entries++;
    } else {
        c->report.damaged++;
        if (c->repairs) jayi_seg_forget(c->seg, &hash, &locator);
    }
    return 0;
}

/* ---- files ---- */

static bool check_name(void *arg, const char *file) {
    checking *c = arg;
    static const char *const own[] = {JAYI_MARKER, JAYI_LOCK_FILE, JAYI_TABLE_FILE, JAYI_INDEX_FILE,
                                      JAYI_SPARE_SEGMENT};
    uint32_t serial = jayi_segment_serial(file);
    const jayi_slot *slot = jayi_slot_of(c->seg->store, serial);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(file, own[i]) == 0) return true;
    }
    if (serial == 0) {
        c->report.foreign++;
    } else if (atomic_load(&slot->serial) != serial) {
        c->report.miscounted++; /* of no index: left by someone who died */
        if (c->repairs) jayi_segment_unlink(c->seg->store, serial);
    }
    return true;
}

/* With the lock of the log, so that no segment comes or goes. */
static int check_files(checking *c) {
    jayi_dir *dir = c->seg->store->dir;
    int fd = jayi_files.open(dir->root_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return jayi_file_failed("open", dir->path, c->error);
    int status = jayi_leaf_list(fd, check_name, c, c->error);
    jayi_files.close(fd);
    c->report.bytes = (int64_t)jayi_log_on_disk(c->seg->store);
    return status;
}

static int check_step(jayi_seg *seg, void *arg, jay_error *error) {
    checking *c = arg;
    const jay_allocator *allocator = &seg->backend->allocator;
    memset(&c->report, 0, sizeof c->report);
    c->seg = seg;
    c->error = error;
    c->status = JAY_OK;
    int status = jayi_engine_iterate(&seg->store->region, allocator, "", 0, check_entry, c, error);
    jayi_free(allocator, c->value);
    c->value = NULL;
    c->value_room = 0;
    if (c->status != JAY_OK) status = c->status;
    if (status < 0) return status;
    status = jayi_dir_lock(seg->store->dir, JAYI_LOCK_LOG, error);
    if (status != JAY_OK) return status;
    status = check_files(c);
    jayi_dir_unlock(seg->store->dir, JAYI_LOCK_LOG);
    return status;
}

int jayi_seg_check(jay_backend *backend, bool repairs, jay_file_report *ret_report,
                   jay_error *error) {
    checking c = {.repairs = repairs};
    int status = jayi_seg_call(backend, check_step, &c, error);
    if (status == JAY_OK) *ret_report = c.report;
    return status;
}
