/*
 * seg_read.c - get, get_into, has, ttl for layout=segments.
 *
 * The index says where the value is; it is read from there, and believed if the record at that
 * place says that it is there, has the key, and holds what its check says. Else the index is asked
 * again: the entry may have been moved or overwritten meanwhile. What leads to nothing three times
 * is damaged: it is removed, and is a miss.
 */
#include <string.h>
#include <time.h>

#include "backends/file/seg_ops.h"
#include "util/memory.h"

#define ATTEMPTS 3
#define LOOKS_MAX 100
#define RENEWALS 2000 /* of a millisecond each, when someone makes an index that takes its time */
#define STAGE_BYTES 4096 /* records up to this are read at once */

int jayi_seg_call(const jay_backend *backend, jayi_seg_fn *fn, void *arg, jay_error *error) {
    jayi_seg seg;
    int status = JAYI_RENEW;
    jayi_seg_enter(backend, &seg);
    jayi_segments_sweep(seg.store);
    for (int i = 0; i < RENEWALS; i++) {
        if (atomic_load_explicit(&seg.store->control->is_retired, memory_order_acquire) == 0)
            status = fn(&seg, arg, error);
        if (status != JAYI_RENEW) break;
        if (!jayi_seg_renew(&seg)) {
            struct timespec pause = {.tv_nsec = 1000000};
            nanosleep(&pause, NULL);
        }
    }
    jayi_seg_leave(&seg);
    if (status != JAYI_RENEW) return status;
    return jay_error_set(error, JAY_E_BUSY, 0, "the index of %s is being made anew",
                         backend->dir->path);
}

void jayi_seg_tend(const jay_backend *backend) {
    jayi_seg seg;
    jayi_seg_enter(backend, &seg);
    bool is_tight = atomic_load_explicit(&seg.store->control->is_tight, memory_order_relaxed) != 0;
    jayi_seg_leave(&seg);
    if (is_tight) jayi_dir_grow_index(backend->dir);
}

/* ---- one record ---- */

/* Whether a header is the one that a locator leads to. */
static bool is_it(const jayi_seg *seg, const jayi_record *record, const jayi_locator *locator) {
    return jayi_record_is_sound(record, locator->position, seg->store->seed) &&
           record->key_size == locator->key_size && record->value_size == locator->value_size;
}

static int verdict(const jayi_seg *seg, const jayi_record *record, const void *key,
                   const void *value) {
    uint32_t check =
        jayi_body_check(key, record->key_size, value, record->value_size, seg->store->seed);
    return check == record->body_check ? JAY_OK : JAYI_AGAIN;
}

/* From bytes that hold the whole record; the value is copied before it is checked, since they may
 * change. */
static int take(const jayi_seg *seg, const unsigned char *bytes, const jayi_locator *locator,
                const void *key, void *buffer) {
    jayi_record record;
    memcpy(&record, bytes, sizeof record);
    if (!is_it(seg, &record, locator)) return JAYI_AGAIN;
    bytes += sizeof record;
    if (memcmp(bytes, key, record.key_size) != 0) return JAYI_AGAIN;
    if (record.value_size > 0) memcpy(buffer, bytes + record.key_size, record.value_size);
    return verdict(seg, &record, key, buffer);
}

/* Reads the value straight to where it is wanted, with what is before it. */
static int fetch_large(const jayi_seg *seg, int fd, const jayi_locator *locator, const void *key,
                       void *buffer, jay_error *error) {
    unsigned char stage[STAGE_BYTES];
    const jayi_dir *dir = seg->store->dir;
    jayi_record record;
    size_t head_size = sizeof record + locator->key_size;
    unsigned char *head = stage;
    if (head_size > sizeof stage) {
        head = jayi_alloc(&dir->allocator, head_size);
        if (head == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a key");
    }
    const struct iovec parts[] = {{head, head_size}, {buffer, locator->value_size}};
    int status = jayi_segment_read_parts(dir, fd, parts, locator->value_size > 0 ? 2 : 1,
                                         jayi_position_offset(locator->position), error);
    if (status == JAY_MISS) status = JAYI_AGAIN;
    if (status == JAY_OK) {
        memcpy(&record, head, sizeof record);
        if (!is_it(seg, &record, locator) ||
            memcmp(head + sizeof record, key, locator->key_size) != 0)
            status = JAYI_AGAIN;
    }
    if (head != stage) jayi_free(&dir->allocator, head);
    return status == JAY_OK ? verdict(seg, &record, key, buffer) : status;
}

int jayi_seg_fetch(const jayi_seg *seg, const jayi_locator *locator, const void *key, void *buffer,
                   jay_error *error) {
    unsigned char stage[STAGE_BYTES];
    jayi_held held;
    uint64_t at = jayi_position_offset(locator->position);
    size_t size = sizeof(jayi_record) + (size_t)locator->key_size + locator->value_size;
    int status =
        jayi_segment_hold(seg->store, jayi_position_serial(locator->position), &held, error);
    if (status != JAY_OK) return status == JAY_MISS ? JAYI_AGAIN : status;
    if (held.map != NULL && seg->backend->uses_map && at + size <= held.map_bytes) {
        status = take(seg, held.map + at, locator, key, buffer);
    } else if (size <= sizeof stage) {
        status = jayi_segment_read(seg->store->dir, held.fd, stage, size, at, error);
        if (status == JAY_MISS) status = JAYI_AGAIN;
        if (status == JAY_OK) status = take(seg, stage, locator, key, buffer);
    } else {
        status = fetch_large(seg, held.fd, locator, key, buffer, error);
    }
    jayi_segment_drop(&held);
    return status;
}

/* ---- the index ---- */

int jayi_seg_is_same(void *arg, const jayi_engine_old *old) {
    const jayi_locator *seen = arg;
    bool is_same = old->value != NULL && old->size == sizeof *seen &&
                   memcmp(old->value, seen, sizeof *seen) == 0;
    return is_same ? JAY_OK : JAYI_AGAIN;
}

void jayi_seg_forget(const jayi_seg *seg, const jayi_key_hash *hash, jayi_locator *seen) {
    const jayi_exchange exchange = {
        .key = hash, .key_size = sizeof *hash, .judge = jayi_seg_is_same, .arg = seen};
    jayi_engine_exchange(&seg->store->region, &exchange, NULL);
}

int jayi_seg_look(const jayi_seg *seg, const jayi_key_hash *hash, jayi_locator *ret_locator,
                  uint64_t *ret_deadline_ms) {
    jayi_locator locator;
    jayi_engine_seen seen;
    if (jayi_engine_look(&seg->store->region, hash, sizeof *hash, &locator, sizeof locator,
                         &seen) != JAY_OK ||
        seen.size != sizeof locator)
        return JAY_MISS;
    *ret_locator = locator;
    *ret_deadline_ms = seen.deadline_ms;
    return JAY_OK;
}

/* ---- lookups ---- */

typedef struct wish {
    const void *key;
    size_t key_size;
    bool is_view; /* the buffer is to be allocated */
    void *buffer;
    size_t capacity;
    jayi_locator locator; /* of what was found */
} wish;

/* Reads what w->locator leads to. */
static int take_value(const jayi_seg *seg, wish *w, jay_error *error) {
    const jay_allocator *allocator = &seg->backend->allocator;
    size_t size = w->locator.value_size;
    if (size > JAYI_RECORD_VALUE_MAX) return JAYI_AGAIN; /* a damaged index */
    if (!w->is_view) {
        if (size > w->capacity) return JAY_BUFFER_TOO_SMALL;
        return jayi_seg_fetch(seg, &w->locator, w->key, w->buffer, error);
    }
    char *bytes = jayi_alloc(allocator, size + 1);
    if (bytes == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a value of %zu bytes", size);
    int status = jayi_seg_fetch(seg, &w->locator, w->key, bytes, error);
    if (status == JAY_OK) {
        bytes[size] = '\0';
        w->buffer = bytes;
    } else {
        jayi_free(allocator, bytes);
    }
    return status;
}

static int look_up(jayi_seg *seg, void *arg, jay_error *error) {
    wish *w = arg;
    jayi_locator before = {.position = 0};
    jayi_key_hash hash = jayi_key_hash_of(w->key, w->key_size, seg->store->seed);
    int same = 0;
    for (int i = 0; i < LOOKS_MAX && same < ATTEMPTS; i++) {
        size_t size = 0;
        int status = jayi_engine_get_into(&seg->store->region, &hash, sizeof hash, &w->locator,
                                          sizeof w->locator, &size, error);
        if (status != JAY_OK) return status;
        if (size != sizeof w->locator || w->locator.key_size != w->key_size) return JAY_MISS;
        status = take_value(seg, w, error);
        if (status != JAYI_AGAIN) return status;
        if (w->locator.position == before.position) same++;
        before = w->locator;
    }
    if (same == ATTEMPTS) jayi_seg_forget(seg, &hash, &w->locator);
    return JAY_MISS;
}

/* The same, where the directory may have been replaced: one that is new is looked into as well. */
static int look_up_anywhere(jay_backend *backend, wish *w, jay_error *error) {
    int status = jayi_seg_call(backend, look_up, w, error);
    if (status == JAY_MISS && jayi_dir_look(backend->dir, false))
        status = jayi_seg_call(backend, look_up, w, error);
    return status;
}

int jayi_seg_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                 jay_error *error) {
    wish w = {.key = key, .key_size = key_size, .is_view = true};
    int status = look_up_anywhere(backend, &w, error);
    if (status != JAY_OK) return status;
    ret_value->data = w.buffer;
    ret_value->pin = w.buffer;
    ret_value->size = w.locator.value_size;
    ret_value->version = w.locator.version;
    return JAY_OK;
}

void jayi_seg_release(jay_backend *backend, jay_value *value) {
    jayi_free(&backend->allocator, value->pin);
}

int jayi_seg_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                      size_t capacity, size_t *ret_size, jay_error *error) {
    wish w = {.key = key, .key_size = key_size, .buffer = buffer, .capacity = capacity};
    int status = look_up_anywhere(backend, &w, error);
    if (status == JAY_OK || status == JAY_BUFFER_TOO_SMALL) *ret_size = w.locator.value_size;
    return status;
}

/* ---- has, ttl ---- */

typedef struct question {
    const void *key;
    size_t key_size;
    int64_t *ret_ttl_ms; /* NULL: has */
} question;

static int answer(jayi_seg *seg, void *arg, jay_error *error) {
    const question *q = arg;
    jayi_region *region = &seg->store->region;
    jayi_key_hash hash = jayi_key_hash_of(q->key, q->key_size, seg->store->seed);
    if (q->ret_ttl_ms == NULL) return jayi_engine_has(region, &hash, sizeof hash, error);
    return jayi_engine_ttl(region, &hash, sizeof hash, q->ret_ttl_ms, error);
}

static int ask(jay_backend *backend, question *q, jay_error *error) {
    int status = jayi_seg_call(backend, answer, q, error);
    if (status == JAY_MISS && jayi_dir_look(backend->dir, false))
        status = jayi_seg_call(backend, answer, q, error);
    return status;
}

int jayi_seg_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    question q = {.key = key, .key_size = key_size};
    return ask(backend, &q, error);
}

int jayi_seg_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                 jay_error *error) {
    question q = {.key = key, .key_size = key_size, .ret_ttl_ms = ret_ttl_ms};
    return ask(backend, &q, error);
}
