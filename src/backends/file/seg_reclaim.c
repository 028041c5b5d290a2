/*
 * seg_reclaim.c - removing the oldest segment.
 *
 * Entries that have been asked for since they were written get another round: they are written anew
 * at the head of the log, as reinsertion does in a FIFO queue, and half of their hits are
 * forgotten. The copies are pending until the index names them, so that one which comes too late,
 * since the entry has got another value or none meanwhile, never counts.
 */
#include <string.h>

#include "backends/file/seg_log.h"
#include "os/clock.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/memory.h"

#define BATCH_BYTES (1u << 18)
#define BATCH_RECORDS 512
#define FAST_MS 30000

/* An entry on its way. */
typedef struct mover {
    jayi_key_hash hash;
    jayi_locator old;
    uint64_t deadline_ms; /* of the engine */
    uint32_t at;          /* in the batch */
} mover;

typedef struct reclaiming {
    const jayi_seg *seg;
    int fd;
    uint32_t serial;
    bool keeps_all;
    bool is_stopped; /* there is no room for what is to be kept */
    uint64_t *budget;
    unsigned char *batch; /* records, one after the other; NULL: nothing is moved */
    uint32_t batch_room;
    uint32_t batch_bytes;
    uint32_t count;
    mover movers[BATCH_RECORDS];
} reclaiming;

/* Whether the entry is still the one that was seen. */
static int is_the_same(void *arg, const jayi_engine_old *old) {
    const jayi_locator *seen = arg;
    bool is_same = old->value != NULL && old->size == sizeof *seen &&
                   memcmp(old->value, seen, sizeof *seen) == 0;
    return is_same ? JAY_OK : JAYI_AGAIN;
}

static void evict(const reclaiming *r, const jayi_key_hash *hash, jayi_locator *seen) {
    jayi_store *store = r->seg->store;
    const jayi_exchange exchange = {
        .key = hash, .key_size = sizeof *hash, .judge = is_the_same, .arg = seen};
    if (jayi_engine_exchange(&store->region, &exchange, NULL) == JAY_OK)
        atomic_fetch_add(&store->control->evictions, 1);
}

/* ---- moving ---- */

/* Lets the index name the copy of an entry, which is at `position` now. */
static bool publish(const reclaiming *r, mover *m, jayi_position position) {
    jayi_locator moved = m->old;
    moved.position = position;
    const jayi_exchange exchange = {.key = &m->hash,
                                    .key_size = sizeof m->hash,
                                    .value = &moved,
                                    .value_size = sizeof moved,
                                    .keeps_deadline = true,
                                    .cools = true,
                                    .judge = is_the_same,
                                    .arg = &m->old};
    return jayi_engine_exchange(&r->seg->store->region, &exchange, NULL) == JAY_OK;
}

static int write_batch(const reclaiming *r, jayi_position position) {
    struct iovec part = {r->batch, r->batch_bytes};
    return jayi_log_write(r->seg, position, &part, 1, NULL);
}

/* The date of a deadline of the engine's. */
static int64_t date_of(uint64_t deadline_ms) {
    if (deadline_ms == JAYI_DEADLINE_NEVER) return 0;
    int64_t date = jayi_clock_real_ms() + ((int64_t)deadline_ms - jayi_clock_ms());
    return date > 0 ? date : 1;
}

static void put_in_place(reclaiming *r, jayi_position position) {
    for (uint32_t i = 0; i < r->count; i++) {
        jayi_record record;
        memcpy(&record, r->batch + r->movers[i].at, sizeof record);
        record.position = position + r->movers[i].at;
        record.kind = JAYI_RECORD_PENDING;
        record.deadline_ms = date_of(r->movers[i].deadline_ms);
        jayi_record_seal(&record, r->seg->store->seed);
        memcpy(r->batch + r->movers[i].at, &record, sizeof record);
    }
}

/* Moves the entries of the batch, or evicts them where that cannot be. */
static void flush(reclaiming *r) {
    jayi_position position;
    bool is_written = r->count > 0 && jayi_log_try_claim(r->seg, r->batch_bytes, &position);
    if (is_written) {
        put_in_place(r, position);
        is_written = write_batch(r, position) == JAY_OK;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        mover *m = &r->movers[i];
        uint32_t kind = JAYI_RECORD_VALUE;
        if (!is_written) {
            r->is_stopped = r->keeps_all;
            if (!r->keeps_all) evict(r, &m->hash, &m->old);
        } else if (!publish(r, m, position + m->at)) {
            kind = JAYI_RECORD_VOID;
        }
        memcpy(r->batch + m->at + JAYI_RECORD_KIND_AT, &kind, sizeof kind);
    }
    if (is_written) (void)write_batch(r, position);
    r->count = 0;
    r->batch_bytes = 0;
}

/* Makes the batch large enough for a record that is larger than usual. */
static bool make_batch_room(reclaiming *r, uint32_t bytes) {
    if (bytes <= r->batch_room) return true;
    const jay_allocator *allocator = &r->seg->store->dir->allocator;
    unsigned char *more = jayi_realloc(allocator, r->batch, bytes);
    if (more == NULL) return false;
    r->batch = more;
    r->batch_room = bytes;
    return true;
}

/* Takes the record of an entry into the batch. False: it cannot be moved. */
static bool take(reclaiming *r, const jayi_footer_entry *entry, const jayi_locator *old,
                 uint64_t deadline_ms) {
    jayi_store *store = r->seg->store;
    uint32_t bytes = jayi_record_bytes(entry->key_size, entry->value_size);
    size_t size = sizeof(jayi_record) + (size_t)entry->key_size + entry->value_size;
    jayi_record record;
    if (r->batch == NULL || *r->budget < bytes) return false;
    if (r->count == BATCH_RECORDS || r->batch_bytes + bytes > r->batch_room) flush(r);
    if (!make_batch_room(r, bytes)) return false;
    unsigned char *at = r->batch + r->batch_bytes;
    if (jayi_segment_read(store->dir, r->fd, at, size, entry->offset, NULL) != JAY_OK) return false;
    memcpy(&record, at, sizeof record);
    const unsigned char *key = at + sizeof record;
    if (!jayi_record_is_sound(&record, old->position, store->seed) ||
        record.key_size != entry->key_size || record.value_size != entry->value_size ||
        record.body_check != jayi_body_check(key, record.key_size, key + record.key_size,
                                             record.value_size, store->seed))
        return false;
    memset(at + size, 0, bytes - size);
    *r->budget -= bytes;
    r->movers[r->count++] = (mover){entry->hash, *old, deadline_ms, r->batch_bytes};
    r->batch_bytes += bytes;
    return true;
}

/* ---- one record ---- */

static int reclaim_record(void *arg, const jayi_footer_entry *entry) {
    reclaiming *r = arg;
    jayi_locator locator;
    jayi_engine_seen seen;
    if (entry->kind != JAYI_RECORD_VALUE && entry->kind != JAYI_RECORD_PENDING) return JAY_OK;
    if (jayi_engine_look(&r->seg->store->region, &entry->hash, sizeof entry->hash, &locator,
                         sizeof locator, &seen) != JAY_OK ||
        seen.size != sizeof locator ||
        locator.position != jayi_position_make(r->serial, entry->offset))
        return JAY_OK;
    bool is_wanted = r->keeps_all || seen.frequency > 0;
    if (!is_wanted || !take(r, entry, &locator, seen.deadline_ms)) evict(r, &entry->hash, &locator);
    return r->is_stopped ? JAY_STOPPED : JAY_OK;
}

static void reclaim_open(reclaiming *r) {
    const jay_allocator *allocator = &r->seg->store->dir->allocator;
    jayi_scan scan = {.dir = r->seg->store->dir,
                      .seed = r->seg->store->seed,
                      .serial = r->serial,
                      .fd = r->fd,
                      .fn = reclaim_record,
                      .arg = r};
    if (*r->budget > 0) {
        r->batch = jayi_alloc(allocator, BATCH_BYTES);
        r->batch_room = r->batch != NULL ? BATCH_BYTES : 0;
    }
    (void)jayi_segment_scan(&scan, NULL);
    flush(r);
    jayi_free(allocator, r->batch);
}

/* Whether the file of a segment that is closed should be that of the next one: if nobody is writing
 * to it, and segments are filled so fast that it will still be in memory. */
static bool keeps_file(const jayi_store *store, const jayi_slot *slot) {
    const jayi_control *control = store->control;
    int64_t age_ms = jayi_clock_coarse_ms() - atomic_load(&control->begun_ms);
    return atomic_load(&slot->writers) == 0 && atomic_load(&control->spare) == 0 &&
           atomic_load(&slot->capacity) == store->segment_bytes && age_ms < FAST_MS;
}

bool jayi_log_reclaim(const jayi_seg *seg, uint32_t serial, uint64_t *budget, bool keeps_all) {
    jayi_store *store = seg->store;
    const jay_allocator *allocator = &store->dir->allocator;
    jayi_slot *slot = jayi_slot_of(store, serial);
    jayi_held held;
    bool is_stopped = false;
    /* Nobody may add to it any more, and then not even write. */
    if (atomic_load(&store->control->sealed_below) <= serial)
        atomic_store(&store->control->sealed_below, serial + 1);
    reclaiming *r = jayi_calloc(allocator, 1, sizeof *r);
    if (r != NULL && jayi_segment_hold(store, serial, &held, NULL) == JAY_OK) {
        r->seg = seg;
        r->fd = held.fd;
        r->serial = serial;
        r->budget = budget;
        r->keeps_all = keeps_all;
        reclaim_open(r);
        is_stopped = r->is_stopped;
        jayi_segment_drop(&held);
    }
    jayi_free(allocator, r);
    if (is_stopped) return false;
    atomic_fetch_or(&slot->flags, JAYI_SLOT_CLOSED);
    if (keeps_file(store, slot)) {
        jayi_segment_spare(store, serial);
    } else {
        jayi_segment_unlink(store, serial);
    }
    atomic_store(&slot->charge, 0);
    atomic_store(&slot->serial, 0);
    atomic_store(&store->control->tail, serial + 1);
    return true;
}
