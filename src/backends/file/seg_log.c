/*
 * seg_log.c - adding records to the log.
 */
#include "backends/file/seg_log.h"

#include <string.h>

#include "os/file_ops.h"

#define ATTEMPTS 1000
#define MOVING_ATTEMPTS 100 /* then entries go, although there seemed to be room for all */
#define STAGE_BYTES 4096
#define LOOK_EVERY_BYTES 65536
#define DISK_ATTEMPTS 8 /* at a full disk, each of which drops a segment */

/* ---- room ---- */

/* Notes whether the index is nearly full. */
static void watch_index(jayi_store *store) {
    if (store->region.region_bytes < store->index_most && jayi_engine_is_tight(&store->region))
        atomic_store(&store->control->is_tight, 1);
}

/* Claims room in the current segment. False: it has not that much. */
static bool claim(jayi_store *store, uint32_t bytes, jayi_position *ret_position) {
    jayi_control *control = store->control;
    uint64_t head = atomic_load(&control->head);
    for (;;) {
        const jayi_slot *slot = jayi_slot_of(store, jayi_position_serial(head));
        uint64_t capacity = atomic_load(&slot->capacity);
        if (atomic_load(&slot->serial) != jayi_position_serial(head)) return false;
        if ((uint64_t)jayi_position_offset(head) + bytes > capacity) return false;
        if (atomic_compare_exchange_weak(&control->head, &head, head + bytes)) break;
    }
    *ret_position = head;
    if (head / LOOK_EVERY_BYTES != (head + bytes) / LOOK_EVERY_BYTES) watch_index(store);
    return true;
}

bool jayi_log_try_claim(const jayi_seg *seg, uint32_t bytes, jayi_position *ret_position) {
    return claim(seg->store, bytes, ret_position);
}

int jayi_log_claim(const jayi_seg *seg, uint32_t bytes, jayi_position *ret_position,
                   jay_error *error) {
    for (int i = 0; i < ATTEMPTS; i++) {
        if (atomic_load(&jayi_control_of(seg)->is_retired)) return JAYI_RENEW;
        if (claim(seg->store, bytes, ret_position)) return JAY_OK;
        int status = jayi_dir_lock(seg->store->dir, JAYI_LOCK_LOG, error);
        if (status != JAY_OK) return status;
        status = jayi_log_roll(seg, bytes, i < MOVING_ATTEMPTS, error);
        jayi_dir_unlock(seg->store->dir, JAYI_LOCK_LOG);
        if (status != JAY_OK) return status;
    }
    return jay_error_set(error, JAY_E_BUSY, 0, "others fill all room in %s as it is made",
                         seg->store->dir->path);
}

/* With the lock. The bytes that were freed; 0: there is only the current segment. */
static uint64_t drop_one(const jayi_seg *seg) {
    jayi_store *store = seg->store;
    jayi_control *control = store->control;
    uint64_t budget = 0;
    uint32_t current = jayi_position_serial(atomic_load(&control->head));
    uint32_t serial = atomic_load(&control->tail);
    while (serial < current && atomic_load(&jayi_slot_of(store, serial)->serial) != serial)
        atomic_store(&control->tail, ++serial);
    if (serial >= current || atomic_load(&control->is_retired)) return 0;
    uint64_t charge = atomic_load(&jayi_slot_of(store, serial)->charge);
    jayi_log_reclaim(seg, serial, &budget, false);
    return charge + 1;
}

bool jayi_log_drop(const jayi_seg *seg, uint64_t bytes) {
    uint64_t dropped = 0, more = 1;
    if (jayi_dir_lock(seg->store->dir, JAYI_LOCK_LOG, NULL) != JAY_OK) return false;
    for (; more > 0 && dropped <= bytes; dropped += more) more = drop_one(seg);
    jayi_segment_drop_spare(seg->store);
    jayi_dir_unlock(seg->store->dir, JAYI_LOCK_LOG);
    return dropped > 0;
}

void jayi_log_drop_dead(const jayi_seg *seg) {
    jayi_store *store = seg->store;
    const jayi_control *control = store->control;
    if (jayi_engine_items(&store->region) > 0 ||
        atomic_load(&control->tail) == jayi_position_serial(atomic_load(&control->head)))
        return;
    while (jayi_engine_items(&store->region) == 0 && jayi_log_drop(seg, 0)) {}
}

/* ---- writing ---- */

/* Brings a segment's data to the disk, and once its name. */
static int sync_segment(const jayi_seg *seg, uint32_t serial, int fd, jay_error *error) {
    jayi_slot *slot = jayi_slot_of(seg->store, serial);
    if (jayi_files.sync(fd) != 0)
        return jayi_file_failed("sync a segment of", seg->store->dir->path, error);
    if (atomic_load(&slot->flags) & JAYI_SLOT_NAME_SYNCED) return JAY_OK;
    if (jayi_files.sync(seg->store->dir->root_fd) != 0)
        return jayi_file_failed("sync", seg->store->dir->path, error);
    atomic_fetch_or(&slot->flags, JAYI_SLOT_NAME_SYNCED);
    return JAY_OK;
}

/* The segment's file has been removed under us: goes on in another one. */
static int lose_segment(const jayi_seg *seg, uint32_t serial) {
    jayi_control *control = jayi_control_of(seg);
    uint64_t head = atomic_load(&control->head);
    uint64_t full =
        jayi_position_make(serial, atomic_load(&jayi_slot_of(seg->store, serial)->capacity));
    while (jayi_position_serial(head) == serial && head < full &&
           !atomic_compare_exchange_weak(&control->head, &head, full)) {}
    return JAYI_AGAIN;
}

/* Notes that someone writes to a segment, so that its file is not used again meanwhile. False: it
 * is being removed. */
static bool begin_writing(jayi_slot *slot, uint32_t serial) {
    atomic_fetch_add(&slot->writers, 1);
    if (atomic_load(&slot->serial) == serial && (atomic_load(&slot->flags) & JAYI_SLOT_CLOSED) == 0)
        return true;
    atomic_fetch_sub(&slot->writers, 1);
    return false;
}

static int write_to(const jayi_seg *seg, jayi_position position, const struct iovec *parts,
                    int count, jay_error *error) {
    jayi_held held;
    uint32_t serial = jayi_position_serial(position);
    int status = jayi_segment_hold(seg->store, serial, &held, error);
    if (status == JAY_MISS) return lose_segment(seg, serial);
    if (status != JAY_OK) return status;
    status = jayi_segment_write(seg->store->dir, held.fd, parts, count,
                                jayi_position_offset(position), error);
    if (status == JAY_OK && seg->backend->is_synced)
        status = sync_segment(seg, serial, held.fd, error);
    jayi_segment_drop(&held);
    return status;
}

int jayi_log_write(const jayi_seg *seg, jayi_position position, const struct iovec *parts,
                   int count, jay_error *error) {
    uint32_t serial = jayi_position_serial(position);
    jayi_slot *slot = jayi_slot_of(seg->store, serial);
    if (!begin_writing(slot, serial)) return JAYI_AGAIN;
    int status = write_to(seg, position, parts, count, error);
    atomic_fetch_sub(&slot->writers, 1);
    /* Who closes a segment raises this before he looks what is in it. */
    if (status == JAY_OK && serial < atomic_load(&jayi_control_of(seg)->sealed_below))
        status = JAYI_AGAIN;
    return status;
}

int jayi_log_set_kind(const jayi_seg *seg, jayi_position position, uint32_t kind,
                      jay_error *error) {
    struct iovec part = {&kind, sizeof kind};
    int status = jayi_log_write(seg, position + JAYI_RECORD_KIND_AT, &part, 1, error);
    /* In a segment that is closed a pending record stays one: the entry does not outlive the index,
     * which a cache may always say of an entry. */
    return status == JAYI_AGAIN ? JAY_OK : status;
}

/* ---- adding ---- */

/* Writes a record: small ones from one piece, which costs the kernel less. */
static int write_record(const jayi_seg *seg, const jayi_record *record, const void *key,
                        const void *value, jay_error *error) {
    unsigned char stage[STAGE_BYTES];
    size_t size = sizeof *record + (size_t)record->key_size + record->value_size;
    if (size <= sizeof stage) {
        struct iovec part = {stage, size};
        memcpy(stage, record, sizeof *record);
        if (record->key_size > 0) memcpy(stage + sizeof *record, key, record->key_size);
        if (record->value_size > 0)
            memcpy(stage + sizeof *record + record->key_size, value, record->value_size);
        return jayi_log_write(seg, record->position, &part, 1, error);
    }
    /* The kernel only reads them. */
    const struct iovec parts[] = {{(void *)(uintptr_t)record, sizeof *record},
                                  {(void *)(uintptr_t)key, record->key_size},
                                  {(void *)(uintptr_t)value, record->value_size}};
    int count = record->value_size > 0 ? 3 : 2;
    return jayi_log_write(seg, record->position, parts, count, error);
}

static int add_once(const jayi_seg *seg, jayi_record *record, bool has_version, const void *key,
                    const void *value, jay_error *error) {
    uint32_t bytes = jayi_record_bytes(record->key_size, record->value_size);
    int status = jayi_log_claim(seg, bytes, &record->position, error);
    if (status != JAY_OK) return status;
    if (!has_version) record->version = record->position;
    jayi_record_seal(record, seg->store->seed);
    return write_record(seg, record, key, value, error);
}

int jayi_log_add(const jayi_seg *seg, jayi_record *record, const void *key, const void *value,
                 jay_error *error) {
    jay_error why = {.code = JAY_OK};
    bool has_version = record->version != 0;
    int status = JAYI_AGAIN, disk_attempts = 0;
    record->body_check =
        jayi_body_check(key, record->key_size, value, record->value_size, seg->store->seed);
    /* What was written in vain takes room as well. */
    uint64_t wanted = 2 * (jayi_record_bytes(record->key_size, record->value_size) +
                           (uint64_t)seg->store->segment_bytes);
    for (int i = 0; i < ATTEMPTS; i++) {
        status = add_once(seg, record, has_version, key, value, &why);
        if (status == JAY_E_FULL && disk_attempts++ < DISK_ATTEMPTS && jayi_log_drop(seg, wanted))
            continue;
        if (status != JAYI_AGAIN) break;
    }
    if (status == JAYI_AGAIN)
        status = jay_error_set(&why, JAY_E_BUSY, 0, "segments of %s vanish as they are made",
                               seg->store->dir->path);
    if (status < 0 && error != NULL) *error = why;
    return status;
}
