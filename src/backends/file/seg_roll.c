/*
 * seg_roll.c - beginning and closing segments, and keeping to max_bytes.
 *
 * After a new segment was begun, old ones are reclaimed until two more would have room. So there
 * always is a segment to move entries to, and max_bytes is kept at every moment.
 *
 * A segment that is full is closed when the one after it is: by then its last writers have come to
 * an end. All steps are such that who dies after any of them leaves something that the next can go
 * on with.
 */
#include <errno.h>

#include "backends/file/seg_log.h"
#include "os/clock.h"
#include "os/file_ops.h"
#include "util/memory.h"

#define MAKE_ATTEMPTS 8
#define LARGE_RECORD 32768
#define FOOTER_LEAST 65536 /* smaller segments are read as fast without one */

uint64_t jayi_log_used(const jayi_store *store) {
    uint64_t used = 0;
    uint32_t current = jayi_position_serial(atomic_load(&store->control->head));
    uint32_t tail = atomic_load(&store->control->tail);
    for (uint32_t i = 0; i < store->ring_size && current - i >= tail && current - i > 0; i++) {
        const jayi_slot *slot = jayi_slot_of(store, current - i);
        if (atomic_load(&slot->serial) == current - i) used += atomic_load(&slot->charge);
    }
    atomic_store(&store->control->used, used);
    return used;
}

uint64_t jayi_log_on_disk(const jayi_store *store) {
    uint64_t head = atomic_load(&store->control->head);
    const jayi_slot *slot = jayi_slot_of(store, jayi_position_serial(head));
    uint64_t used = jayi_log_used(store);
    uint64_t charge = atomic_load(&slot->charge);
    used += atomic_load(&store->control->spare);
    return charge <= used ? used - charge + jayi_whole_blocks(jayi_position_offset(head)) : used;
}

/* ---- closing ---- */

/* The footer of a segment, as it is collected. */
typedef struct footer {
    const jay_allocator *allocator;
    jayi_footer_entry *entries;
    size_t count;
    size_t room;
} footer;

static int collect(void *arg, const jayi_footer_entry *entry) {
    footer *f = arg;
    if (f->count == f->room) {
        size_t room = f->room > 0 ? 2 * f->room : 1024;
        void *more = jayi_realloc(f->allocator, f->entries, room * sizeof *entry);
        if (more == NULL) return JAY_E_NO_MEMORY;
        f->entries = more;
        f->room = room;
    }
    f->entries[f->count++] = *entry;
    return JAY_OK;
}

/* Writes the footer behind the segment's capacity. False: there is none. */
static bool write_footer(const jayi_store *store, const jayi_scan *scan, const footer *f) {
    jayi_trailer trailer;
    uint64_t check = 0;
    const size_t part = 512; /* as it is read */
    for (size_t at = 0; at < f->count; at += part) {
        size_t count = f->count - at < part ? f->count - at : part;
        check = jayi_footer_check(check, f->entries + at, count, store->seed);
    }
    uint64_t at = scan->header.capacity;
    jayi_trailer_compose(scan->serial, at, f->count, scan->end, check, store->seed, &trailer);
    const struct iovec parts[] = {{f->entries, f->count * sizeof f->entries[0]},
                                  {&trailer, sizeof trailer}};
    bool is_worth_it = scan->header.capacity >= FOOTER_LEAST && f->count > 0;
    if (is_worth_it && jayi_segment_write(store->dir, scan->fd, parts, 2, at, NULL) == JAY_OK)
        return true;
    (void)jayi_files.truncate(scan->fd, at);
    return false;
}

static void seal_open(jayi_store *store, uint32_t serial, int fd, jayi_slot *slot) {
    footer f = {.allocator = &store->dir->allocator};
    jayi_scan scan = {.dir = store->dir,
                      .seed = store->seed,
                      .serial = serial,
                      .fd = fd,
                      .reads_records = true,
                      .fn = collect,
                      .arg = &f};
    if (jayi_segment_scan(&scan, NULL) == JAY_OK) {
        bool is_written = write_footer(store, &scan, &f);
        uint64_t footer_bytes = is_written ? f.count * sizeof f.entries[0] + JAYI_TRAILER : 0;
        atomic_store(&slot->records, (uint32_t)f.count);
        atomic_store(&slot->charge, jayi_whole_blocks(scan.end) + jayi_whole_blocks(footer_bytes));
    }
    jayi_free(f.allocator, f.entries);
}

void jayi_log_seal(jayi_store *store, uint32_t serial) {
    jayi_control *control = store->control;
    jayi_slot *slot = jayi_slot_of(store, serial);
    jayi_held held;
    if (atomic_load(&control->sealed_below) <= serial)
        atomic_store(&control->sealed_below, serial + 1);
    if (atomic_load(&slot->serial) != serial || atomic_load(&slot->flags) & JAYI_SLOT_SEALED)
        return;
    if (jayi_segment_hold(store, serial, &held, NULL) == JAY_OK) {
        seal_open(store, serial, held.fd, slot);
        jayi_segment_drop(&held);
    }
    atomic_fetch_or(&slot->flags, JAYI_SLOT_SEALED);
}

/* Closes those before a serial. */
static void seal_before(jayi_store *store, uint32_t serial) {
    uint32_t first = atomic_load(&store->control->tail);
    for (uint32_t s = serial; s-- > first;) {
        const jayi_slot *slot = jayi_slot_of(store, s);
        if (atomic_load(&slot->serial) != s) continue;
        if (atomic_load(&slot->flags) & JAYI_SLOT_SEALED) break;
        jayi_log_seal(store, s);
    }
}

/* ---- room ---- */

/* Whether what is alive would fill little enough of max_bytes that all of it can be kept. */
static bool can_keep_all(const jayi_store *store, uint64_t max_bytes) {
    uint64_t records = 0, bytes = 0;
    uint32_t current = jayi_position_serial(atomic_load(&store->control->head));
    for (uint32_t s = atomic_load(&store->control->tail); s < current; s++) {
        const jayi_slot *slot = jayi_slot_of(store, s);
        if (atomic_load(&slot->serial) != s) continue;
        records += atomic_load(&slot->records);
        bytes += atomic_load(&slot->charge);
    }
    if (records == 0) return false;
    double alive = (double)jayi_engine_items(&store->region) * ((double)bytes / (double)records);
    return alive < 0.6 * (double)max_bytes;
}

void jayi_log_make_room(const jayi_seg *seg, uint64_t bytes, bool moves) {
    jayi_store *store = seg->store;
    jayi_control *control = store->control;
    uint64_t head = atomic_load(&control->head);
    uint32_t current = jayi_position_serial(head);
    uint64_t capacity = atomic_load(&jayi_slot_of(store, current)->capacity);
    bool keeps_all = false, is_known = false;
    uint64_t budget = 0;
    for (uint32_t s = atomic_load(&control->tail); s < current; s++) {
        uint64_t max_bytes = atomic_load(&control->max_bytes);
        if (max_bytes > store->disk_bytes) max_bytes = store->disk_bytes;
        bool is_long = current - s + 4 > store->ring_size;
        if (!is_long && jayi_log_used(store) + bytes <= max_bytes) return;
        if (moves && !is_known) {
            keeps_all = can_keep_all(store, max_bytes);
            budget = keeps_all ? UINT64_MAX : capacity / 2;
            is_known = true;
        }
        if (atomic_load(&jayi_slot_of(store, s)->serial) == s &&
            !jayi_log_reclaim(seg, s, &budget, keeps_all))
            break; /* it goes on in the next segment */
    }
    jayi_log_used(store);
}

/* ---- beginning ---- */

/* Whether records of the next segment will be large, as those of the last that was closed; before
 * there is one, as the one that there is. */
static bool expects_large(const jayi_store *store, uint32_t serial, uint32_t bytes) {
    const jayi_slot *slot = jayi_slot_of(store, serial - 2);
    uint32_t records = atomic_load(&slot->records);
    if (serial < 3 || atomic_load(&slot->serial) != serial - 2 || records == 0)
        return bytes >= LARGE_RECORD;
    return atomic_load(&slot->charge) / records >= LARGE_RECORD;
}

/* Makes the file of the next segment, on a disk that may be full. */
static int make_segment(const jayi_seg *seg, uint32_t serial, uint32_t capacity, uint32_t bytes,
                        jay_error *error) {
    jayi_store *store = seg->store;
    uint32_t tail = atomic_load(&store->control->tail);
    uint64_t budget = 0;
    char name[JAYI_SEGMENT_NAME_BYTES + 1];
    int status = JAY_E_FULL;
    /* A spare has its pages already. */
    jayi_segment_plan plan = {.mode = seg->backend->mode, .serial = serial, .capacity = capacity};
    if (jayi_segment_reuse(store, &plan, NULL) == JAY_OK) return JAY_OK;
    plan.is_warmed = expects_large(store, serial, bytes);
    for (int i = 0; i < MAKE_ATTEMPTS && status == JAY_E_FULL; i++) {
        status = jayi_segment_make(store->dir, &plan, error);
        if (status == JAYI_RENEW && jayi_store_is_current(store)) {
            /* Left by someone who died here: nobody has written into it. */
            jayi_segment_name(serial, name);
            jayi_files.unlink(store->dir->root_fd, name);
            status = jayi_segment_make(store->dir, &plan, error);
        }
        if (status != JAY_E_FULL) break;
        while (tail < serial - 1 && atomic_load(&jayi_slot_of(store, tail)->serial) != tail) tail++;
        if (tail >= serial - 1) break;
        jayi_log_reclaim(seg, tail, &budget, false);
        jayi_segment_drop_spare(store);
    }
    return status;
}

int jayi_log_roll(const jayi_seg *seg, uint32_t bytes, bool moves, jay_error *error) {
    jayi_store *store = seg->store;
    jayi_control *control = store->control;
    if (atomic_load(&control->is_retired)) return JAYI_RENEW;
    uint64_t head = atomic_load(&control->head);
    uint32_t current = jayi_position_serial(head);
    jayi_slot *slot = jayi_slot_of(store, current);
    if ((uint64_t)jayi_position_offset(head) + bytes <= atomic_load(&slot->capacity))
        return JAY_OK; /* someone else has made room */
    uint64_t needed = jayi_whole_blocks(JAYI_SEGMENT_HEADER + (uint64_t)bytes);
    uint32_t capacity = needed > store->segment_bytes ? (uint32_t)needed : store->segment_bytes;
    jayi_log_make_room(seg, capacity, false); /* there is room, but for large ones */
    if (capacity != store->segment_bytes) jayi_segment_drop_spare(store); /* of no use for it */
    int status = make_segment(seg, current + 1, capacity, bytes, error);
    if (status != JAY_OK) return status;
    jayi_slot *next = jayi_slot_of(store, current + 1);
    atomic_store(&next->flags, 0);
    atomic_store(&next->capacity, capacity);
    atomic_store(&next->charge, capacity);
    atomic_store(&next->records, 0);
    atomic_store(&next->writers, 0);
    atomic_store(&next->serial, current + 1);
    head = atomic_exchange(&control->head, jayi_position_make(current + 1, JAYI_SEGMENT_HEADER));
    atomic_store(&slot->charge, jayi_whole_blocks(jayi_position_offset(head)));
    atomic_store(&control->begun_ms, jayi_clock_coarse_ms());
    seal_before(store, current);
    jayi_log_make_room(seg, UINT64_C(2) * store->segment_bytes, moves);
    return JAY_OK;
}
