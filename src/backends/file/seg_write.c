/*
 * seg_write.c - set, add, replace, cas, inc, touch, delete for layout=segments.
 *
 * First the record, then the index: under the lock of one of its shards a judge looks at what the
 * key has there, and lets the new locator in, or not. Positions of what the index names only ever
 * grow, key by key; a record that finds a later one there is written again. So the last record of a
 * key in the log is what the index has, and an older one is reclaimed before it.
 *
 * A set counts from when it is written. What may still be refused (add, replace, cas, inc) is
 * pending until the index has it.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/file/seg_log.h"
#include "backends/file/seg_ops.h"
#include "os/clock.h"
#include "os/real_clock.h"
#include "util/checked.h"
#include "util/decimal.h"

#define ATTEMPTS 1000

/* A change of one entry. */
typedef struct change {
    int mode; /* enum jay_write_mode */
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
    int64_t ttl_ms;
    uint64_t version; /* wanted by cas */
    int64_t delta;    /* of inc */
    int64_t number;   /* what it came to */
    jayi_key_hash hash;
} change;

/* ---- judges ---- */

typedef struct trial {
    int mode;
    jayi_position position; /* of the new record */
    uint64_t version;
    const jayi_locator *seen; /* what has to be there still; NULL: anything */
    bool wants_none;          /* nothing may be there */
} trial;

/* Reads the locator of an entry; one of another size is a damaged one. */
static bool read_old(const jayi_engine_old *old, jayi_locator *ret_locator) {
    if (old->value == NULL || old->size != sizeof *ret_locator) return false;
    memcpy(ret_locator, old->value, sizeof *ret_locator);
    return true;
}

static int judge(void *arg, const jayi_engine_old *old) {
    const trial *t = arg;
    jayi_locator locator;
    bool is_there = read_old(old, &locator);
    if (t->mode == JAY_WRITE_ADD && is_there) return JAY_EXISTS;
    if ((t->mode == JAY_WRITE_REPLACE || t->mode == JAY_WRITE_CAS) && !is_there) return JAY_MISS;
    if (t->mode == JAY_WRITE_CAS && locator.version != t->version) return JAY_CHANGED;
    if (t->wants_none && is_there) return JAYI_AGAIN;
    if (t->seen != NULL && (!is_there || memcmp(&locator, t->seen, sizeof locator) != 0))
        return JAYI_AGAIN;
    return is_there && locator.position > t->position ? JAYI_AGAIN : JAY_OK;
}

/* The same where the index may have been retired while we waited for its lock. */
typedef struct hearing {
    const jayi_seg *seg;
    const trial *trial;
} hearing;

static int hear(void *arg, const jayi_engine_old *old) {
    const hearing *h = arg;
    if (atomic_load(&h->seg->store->control->is_retired)) return JAYI_RENEW;
    return judge((void *)(uintptr_t)h->trial, old);
}

static int exchange(const jayi_seg *seg, const jayi_key_hash *hash, const jayi_locator *locator,
                    uint64_t deadline_ms, const trial *t, jay_error *error) {
    hearing h = {seg, t};
    const jayi_exchange e = {.key = hash,
                             .key_size = sizeof *hash,
                             .value = locator,
                             .value_size = locator != NULL ? sizeof *locator : 0,
                             .deadline_ms = deadline_ms,
                             .judge = hear,
                             .arg = &h};
    return jayi_engine_exchange(&seg->store->region, &e, error);
}

/* ---- sizes and times ---- */

int jayi_seg_check_size(const jayi_seg *seg, size_t key_size, size_t value_size, jay_error *error) {
    uint64_t max_bytes = atomic_load(&seg->store->control->max_bytes);
    uint64_t bytes = (uint64_t)JAYI_RECORD_HEADER + key_size + value_size;
    if (value_size <= JAYI_RECORD_VALUE_MAX && bytes <= max_bytes / 4) return JAY_OK;
    return jay_error_set(error, JAY_E_TOO_BIG, 0,
                         "an entry of %" PRIu64
                         " bytes is more than a quarter of max_bytes=%" PRIu64
                         ", or than 1 GiB; give a larger max_bytes",
                         bytes, max_bytes);
}

void jayi_seg_deadlines(int64_t ttl_ms, int64_t *ret_date_ms, uint64_t *ret_deadline_ms) {
    if (ttl_ms == JAY_TTL_FOREVER) {
        *ret_date_ms = 0;
        *ret_deadline_ms = JAYI_DEADLINE_NEVER;
    } else {
        *ret_date_ms = jayi_clock_real_ms() + ttl_ms;
        *ret_deadline_ms = (uint64_t)(jayi_clock_ms() + ttl_ms);
    }
}

/* The date of a deadline of the engine's. */
static int64_t date_of(uint64_t deadline_ms) {
    if (deadline_ms == JAYI_DEADLINE_NEVER) return 0;
    int64_t date_ms = jayi_clock_real_ms() + ((int64_t)deadline_ms - jayi_clock_ms());
    return date_ms > 0 ? date_ms : 1;
}

/* ---- storing ---- */

static jayi_locator locator_of(const jayi_record *record) {
    return (jayi_locator){.position = record->position,
                          .version = record->version,
                          .key_size = record->key_size,
                          .value_size = record->value_size};
}

int jayi_seg_publish(const jayi_seg *seg, const jayi_record *record, uint64_t deadline_ms,
                     jay_error *error) {
    const trial t = {.mode = JAY_WRITE_SET, .position = record->position};
    const jayi_locator locator = locator_of(record);
    return exchange(seg, &record->hash, &locator, deadline_ms, &t, error);
}

static jayi_record record_of(const change *c, uint32_t kind, int64_t date_ms) {
    return (jayi_record){.kind = kind,
                         .hash = c->hash,
                         .deadline_ms = date_ms,
                         .key_size = (uint32_t)c->key_size,
                         .value_size = (uint32_t)c->value_size};
}

/* Writes a record, and asks the index. JAYI_AGAIN, an outcome, or a failure. */
static int try_store(const jayi_seg *seg, const change *c, trial *t, int64_t date_ms,
                     uint64_t deadline_ms, jay_error *error) {
    bool is_sure = c->mode == JAY_WRITE_SET && t->seen == NULL && !t->wants_none;
    jayi_record record = record_of(c, is_sure ? JAYI_RECORD_VALUE : JAYI_RECORD_PENDING, date_ms);
    int status = jayi_log_add(seg, &record, c->key, c->value, error);
    if (status != JAY_OK) return status;
    t->position = record.position;
    const jayi_locator locator = locator_of(&record);
    status = exchange(seg, &c->hash, &locator, deadline_ms, t, error);
    if (is_sure && status >= 0) return status;
    uint32_t kind = status == JAY_OK ? JAYI_RECORD_VALUE : JAYI_RECORD_VOID;
    int kind_status = jayi_log_set_kind(seg, record.position, kind, NULL);
    /* It is there, but might not survive a power failure. */
    if (status == JAY_OK && kind_status != JAY_OK && seg->backend->is_synced)
        return jay_error_set(error, kind_status, 0, "the entry is stored, but may not survive");
    return status;
}

/* What can be said without writing anything. JAY_OK: go on. */
static int look_before(const jayi_seg *seg, const change *c) {
    jayi_locator locator;
    uint64_t deadline_ms;
    if (c->mode == JAY_WRITE_SET) return JAY_OK;
    bool is_there = jayi_seg_look(seg, &c->hash, &locator, &deadline_ms) == JAY_OK;
    if (c->mode == JAY_WRITE_ADD) return is_there ? JAY_EXISTS : JAY_OK;
    if (!is_there) return JAY_MISS;
    return c->mode == JAY_WRITE_CAS && locator.version != c->version ? JAY_CHANGED : JAY_OK;
}

static int too_busy(const jayi_seg *seg, jay_error *error) {
    return jay_error_set(error, JAY_E_BUSY, 0, "others change an entry in %s all the time",
                         seg->store->dir->path);
}

static int store(const jayi_seg *seg, change *c, jay_error *error) {
    int64_t date_ms;
    uint64_t deadline_ms;
    int status = jayi_seg_check_size(seg, c->key_size, c->value_size, error);
    if (status != JAY_OK) return status;
    for (int i = 0; i < ATTEMPTS; i++) {
        trial t = {.mode = c->mode, .version = c->version};
        status = look_before(seg, c);
        if (status != JAY_OK) return status;
        jayi_seg_deadlines(c->ttl_ms, &date_ms, &deadline_ms);
        status = try_store(seg, c, &t, date_ms, deadline_ms, error);
        if (status != JAYI_AGAIN) return status;
    }
    return too_busy(seg, error);
}

/* ---- removing ---- */

/*
 * Removes what is there. The record that says so comes first: an entry that it speaks of must not
 * come back with a new index. Where nothing is there, an older record may be in the log all the
 * same, if the index had to give entries up.
 */
static int erase(const jayi_seg *seg, const change *c, jay_error *error) {
    jayi_locator seen;
    uint64_t deadline_ms;
    for (int i = 0; i < ATTEMPTS; i++) {
        bool is_there = jayi_seg_look(seg, &c->hash, &seen, &deadline_ms) == JAY_OK;
        if (is_there && c->mode == JAY_WRITE_CAS && seen.version != c->version) return JAY_CHANGED;
        bool may_be = c->mode == JAY_WRITE_SET && jayi_engine_evictions(&seg->store->region) > 0;
        if (!is_there && !may_be) return JAY_MISS;
        jayi_record record = {.kind = JAYI_RECORD_ERASED, .hash = c->hash};
        int status = jayi_log_add(seg, &record, NULL, NULL, error);
        if (status == JAYI_RENEW) return status;
        const trial t = {.mode = c->mode,
                         .version = c->version,
                         .position = status == JAY_OK ? record.position : UINT64_MAX};
        int gone = exchange(seg, &c->hash, NULL, 0, &t, status == JAY_OK ? error : NULL);
        if (status != JAY_OK) return status; /* though it is gone until the next start */
        if (gone == JAY_OK) jayi_log_drop_dead(seg);
        if (gone != JAYI_AGAIN) return gone;
    }
    return too_busy(seg, error);
}

/* ---- touch ---- */

static int touch(const jayi_seg *seg, const change *c, jay_error *error) {
    jayi_locator seen;
    uint64_t deadline_ms;
    int64_t date_ms;
    for (int i = 0; i < ATTEMPTS; i++) {
        if (jayi_seg_look(seg, &c->hash, &seen, &deadline_ms) != JAY_OK) return JAY_MISS;
        jayi_seg_deadlines(c->ttl_ms, &date_ms, &deadline_ms);
        jayi_record record = {.kind = JAYI_RECORD_TOUCHED,
                              .hash = c->hash,
                              .version = seen.position,
                              .deadline_ms = date_ms};
        int status = jayi_log_add(seg, &record, NULL, NULL, error);
        if (status != JAY_OK) return status;
        jayi_locator locator = seen;
        locator.touched = record.position;
        const trial t = {.mode = JAY_WRITE_SET, .position = record.position, .seen = &seen};
        status = exchange(seg, &c->hash, &locator, deadline_ms, &t, error);
        if (status != JAYI_AGAIN) return status;
    }
    return too_busy(seg, error);
}

/* ---- inc ---- */

/* Reads the number that is there. JAY_OK, JAYI_AGAIN, or a failure. */
static int read_number(const jayi_seg *seg, const change *c, const jayi_locator *seen,
                       int64_t *ret_number, jay_error *error) {
    char text[JAYI_DECIMAL_MAX];
    int status = JAY_OK;
    bool fits = seen->value_size <= sizeof text && seen->key_size == c->key_size;
    if (fits) status = jayi_seg_fetch(seg, seen, c->key, text, error);
    if (status != JAY_OK) return status;
    if (fits && jayi_decimal_parse(text, seen->value_size, ret_number)) return JAY_OK;
    return jay_error_set(error, JAY_E_NOT_INTEGER, 0,
                         "the entry's value, %u bytes, is not a number", seen->value_size);
}

static int inc_once(const jayi_seg *seg, change *c, jay_error *error) {
    jayi_locator seen;
    uint64_t deadline_ms;
    int64_t number = 0, date_ms;
    char text[JAYI_DECIMAL_MAX];
    bool is_there = jayi_seg_look(seg, &c->hash, &seen, &deadline_ms) == JAY_OK;
    if (is_there) {
        int status = read_number(seg, c, &seen, &number, error);
        if (status != JAY_OK) return status;
    }
    if (!jayi_add_i64(number, c->delta, &c->number))
        return jay_error_set(error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    if (!is_there && c->ttl_ms == JAY_TTL_EXPIRED) return JAY_OK;
    if (is_there) {
        date_ms = date_of(deadline_ms);
    } else {
        jayi_seg_deadlines(c->ttl_ms, &date_ms, &deadline_ms);
    }
    c->value = text;
    c->value_size = jayi_decimal_format(c->number, text);
    trial t = {.mode = JAY_WRITE_SET, .seen = is_there ? &seen : NULL, .wants_none = !is_there};
    int status = try_store(seg, c, &t, date_ms, deadline_ms, error);
    c->value = NULL;
    return status;
}

static int inc(const jayi_seg *seg, change *c, jay_error *error) {
    jayi_locator before = {.position = 0}, seen;
    uint64_t deadline_ms;
    int same = 0;
    for (int i = 0; i < ATTEMPTS; i++) {
        int status = inc_once(seg, c, error);
        if (status != JAYI_AGAIN) return status;
        /* One that cannot be read, time and again, is damaged. */
        if (jayi_seg_look(seg, &c->hash, &seen, &deadline_ms) != JAY_OK) continue;
        same = seen.position == before.position ? same + 1 : 0;
        if (same == 3) jayi_seg_forget(seg, &c->hash, &seen);
        before = seen;
    }
    return too_busy(seg, error);
}

/* ---- the table's functions ---- */

enum { WRITE, ERASE, TOUCH, INC };

typedef struct task {
    int what;
    change change;
} task;

static int perform(jayi_seg *seg, void *arg, jay_error *error) {
    task *t = arg;
    change *c = &t->change;
    c->hash = jayi_key_hash_of(c->key, c->key_size, seg->store->seed);
    bool is_over = c->ttl_ms == JAY_TTL_EXPIRED && t->what != INC;
    if (t->what == ERASE || (is_over && (t->what == TOUCH || c->mode == JAY_WRITE_CAS)))
        return erase(seg, c, error);
    switch (t->what) {
    case TOUCH:
        return touch(seg, c, error);
    case INC:
        return inc(seg, c, error);
    default:
        return store(seg, c, error);
    }
}

static int run(jay_backend *backend, task *t, jay_error *error) {
    jayi_dir_look(backend->dir, false);
    int status = jayi_seg_call(backend, perform, t, error);
    jayi_seg_tend(backend);
    return status;
}

int jayi_seg_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    task t = {.what = WRITE,
              .change = {.mode = write->mode,
                         .key = write->key,
                         .key_size = write->key_size,
                         .value = write->value,
                         .value_size = write->value_size,
                         .ttl_ms = write->ttl_ms,
                         .version = write->version}};
    return run(backend, &t, error);
}

int jayi_seg_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    task t = {.what = ERASE, .change = {.key = key, .key_size = key_size}};
    return run(backend, &t, error);
}

int jayi_seg_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                   jay_error *error) {
    task t = {.what = TOUCH, .change = {.key = key, .key_size = key_size, .ttl_ms = ttl_ms}};
    return run(backend, &t, error);
}

int jayi_seg_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                 int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    task t = {.what = INC,
              .change = {.key = key, .key_size = key_size, .delta = delta, .ttl_ms = ttl_ms}};
    int status = run(backend, &t, error);
    if (status == JAY_OK) *ret_number = t.change.number;
    return status;
}
