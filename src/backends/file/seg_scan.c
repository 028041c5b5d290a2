/*
 * seg_scan.c - what records a segment has: by its footer, or one after the other.
 *
 * Where a record should begin and none does, the writer died, or has not come to it yet: the next
 * one is looked for at every step. A header whose body is not what was written stands for a value
 * that is lost; it is shown as pending, so that nothing older of its key counts.
 */
#include <errno.h>
#include <string.h>

#include "backends/file/seg_log.h"
#include "os/file_ops.h"
#include "util/memory.h"

#define WINDOW_BYTES (1u << 18)
#define FOOTER_PART 512 /* entries read at once */

/* ---- by the footer ---- */

static int show_footer(jayi_scan *scan, const jayi_trailer *trailer, bool shows, jay_error *error) {
    jayi_footer_entry part[FOOTER_PART];
    uint64_t check = 0;
    for (uint64_t at = 0; at < trailer->count; at += FOOTER_PART) {
        uint64_t left = trailer->count - at;
        size_t count = left < FOOTER_PART ? (size_t)left : FOOTER_PART;
        int status = jayi_segment_read(scan->dir, scan->fd, part, count * sizeof part[0],
                                       trailer->footer_at + at * sizeof part[0], error);
        if (status != JAY_OK) return status;
        check = jayi_footer_check(check, part, count, scan->seed);
        for (size_t i = 0; shows && i < count; i++) {
            if (!jayi_footer_is_sound(&part[i], scan->header.capacity)) continue;
            status = scan->fn(scan->arg, &part[i]);
            if (status != JAY_OK) return status;
        }
    }
    return check == trailer->entries_check ? JAY_OK : JAY_MISS;
}

/* JAY_OK; JAY_MISS: there is no whole footer; or a failure. */
static int by_footer(jayi_scan *scan, jay_error *error) {
    struct stat st = {0};
    jayi_trailer trailer;
    if (jayi_files.stat(scan->fd, &st) != 0)
        return jayi_file_failed("look at a segment of", scan->dir->path, error);
    uint64_t size = (uint64_t)st.st_size;
    if (size < scan->header.capacity + JAYI_TRAILER) return JAY_MISS;
    int status = jayi_segment_read(scan->dir, scan->fd, &trailer, sizeof trailer,
                                   size - sizeof trailer, error);
    if (status != JAY_OK) return status;
    if (!jayi_trailer_is_sound(&trailer, scan->serial, size, scan->seed)) return JAY_MISS;
    status = show_footer(scan, &trailer, false, error); /* nothing is believed before all is */
    if (status == JAY_OK) status = show_footer(scan, &trailer, true, error);
    scan->has_footer = true;
    scan->count = trailer.count;
    scan->end = trailer.end;
    return status;
}

/* ---- by the records ---- */

/* A part of the file in memory. */
typedef struct window {
    const jay_allocator *allocator;
    unsigned char *bytes;
    size_t room;
    uint64_t at;
    size_t have;
} window;

/* Has `size` bytes at `at` in memory, as far as the file has them; NULL: it has not all. */
static const unsigned char *look_through(jayi_scan *scan, window *w, uint64_t at, size_t size,
                                         int *status, jay_error *error) {
    if (at >= w->at && at + size <= w->at + w->have) return w->bytes + (at - w->at);
    if (size > w->room) {
        unsigned char *more = jayi_realloc(w->allocator, w->bytes, size);
        if (more == NULL) {
            *status = jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to read a segment");
            return NULL;
        }
        w->bytes = more;
        w->room = size;
    }
    w->at = at;
    w->have = 0;
    while (w->have < w->room) {
        ssize_t got =
            jayi_files.read_at(scan->fd, w->bytes + w->have, w->room - w->have, at + w->have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            *status = jayi_file_failed("read a segment of", scan->dir->path, error);
            return NULL;
        }
        if (got == 0) break;
        w->have += (size_t)got;
    }
    return w->have >= size ? w->bytes : NULL;
}

/* Shows the record at an offset, if there is one. *ret_bytes: how far to go on. */
static int show_record(jayi_scan *scan, window *w, uint32_t offset, uint32_t *ret_bytes,
                       jay_error *error) {
    int status = JAY_OK;
    jayi_record record;
    *ret_bytes = JAYI_RECORD_STEP;
    const unsigned char *bytes = look_through(scan, w, offset, sizeof record, &status, error);
    if (bytes == NULL) return status;
    memcpy(&record, bytes, sizeof record);
    if (!jayi_record_is_sound(&record, jayi_position_make(scan->serial, offset), scan->seed))
        return JAY_OK;
    uint32_t size = jayi_record_bytes(record.key_size, record.value_size);
    size_t body = (size_t)record.key_size + record.value_size;
    if (offset + (uint64_t)sizeof record + body > scan->header.capacity) return JAY_OK;
    bytes = look_through(scan, w, offset, sizeof record + body, &status, error);
    if (status != JAY_OK) return status;
    bool is_whole = bytes != NULL;
    if (is_whole) {
        const unsigned char *key = bytes + sizeof record;
        is_whole = record.body_check == jayi_body_check(key, record.key_size, key + record.key_size,
                                                        record.value_size, scan->seed);
    }
    if (!is_whole) {
        scan->damaged += record.kind == JAYI_RECORD_VALUE;
        if (record.kind == JAYI_RECORD_VALUE) record.kind = JAYI_RECORD_PENDING;
        /* Something else may have come over it. */
        size = JAYI_RECORD_STEP;
    }
    jayi_footer_entry entry;
    jayi_footer_add(&record, &entry);
    *ret_bytes = size;
    scan->count++;
    scan->end = offset + (is_whole ? size : (uint32_t)sizeof record);
    return scan->fn(scan->arg, &entry);
}

static int by_records(jayi_scan *scan, jay_error *error) {
    window w = {.allocator = &scan->dir->allocator, .room = WINDOW_BYTES};
    w.bytes = jayi_alloc(w.allocator, w.room);
    if (w.bytes == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to read a segment");
    int status = JAY_OK;
    uint32_t capacity = (uint32_t)scan->header.capacity;
    for (uint32_t offset = JAYI_SEGMENT_HEADER;
         status == JAY_OK && offset + JAYI_RECORD_HEADER <= capacity;) {
        uint32_t bytes;
        status = show_record(scan, &w, offset, &bytes, error);
        offset += bytes;
    }
    jayi_free(w.allocator, w.bytes);
    return status;
}

int jayi_segment_scan(jayi_scan *scan, jay_error *error) {
    scan->has_footer = false;
    scan->count = scan->damaged = 0;
    scan->end = JAYI_SEGMENT_HEADER;
    int status =
        jayi_segment_read(scan->dir, scan->fd, &scan->header, sizeof scan->header, 0, error);
    if (status != JAY_OK) return status;
    if (!jayi_segment_is_sound(&scan->header, scan->serial, scan->seed)) return JAY_MISS;
    status = scan->reads_records ? JAY_MISS : by_footer(scan, error);
    if (status != JAY_MISS) return status;
    return by_records(scan, error);
}
