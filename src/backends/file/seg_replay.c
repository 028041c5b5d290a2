/*
 * seg_replay.c - from the segments to the index.
 *
 * Records count in the order of their positions. A pending one stands for a change of which nobody
 * knows whether it came about: what the key had before may be wrong, so it has nothing. That loses
 * an entry at worst; it never brings back an old one.
 */
#include "backends/file/seg_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "backends/file/file_entry.h"
#include "backends/file/seg_log.h"
#include "os/clock.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/memory.h"

#define PREFIXES_MAX 100000
#define STRAYS_NEAR 16

/* A clearing by prefix: keys have to be read for it, so it is done at the end. */
typedef struct clearing {
    jayi_position position;
    char *prefix;
    uint32_t size;
} clearing;

typedef struct replay {
    jayi_store *store;
    uint32_t *serials;
    size_t serial_count;
    size_t serial_room;
    clearing *clearings;
    size_t clearing_count;
    int64_t now_ms;   /* the date */
    int64_t clock_ms; /* the same moment by the engine's clock */
    const jayi_scan *scan;
    bool is_out_of_memory;
    jay_error *error;
} replay;

static int no_memory(jay_error *error) {
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to read the segments");
}

/* ---- which segments there are ---- */

static bool note_serial(void *arg, const char *file) {
    replay *r = arg;
    uint32_t serial = jayi_segment_serial(file);
    if (serial == 0) return true;
    if (r->serial_count == r->serial_room) {
        size_t room = r->serial_room > 0 ? 2 * r->serial_room : 64;
        void *more = jayi_realloc(&r->store->dir->allocator, r->serials, room * sizeof serial);
        if (more == NULL) {
            r->is_out_of_memory = true;
            return false;
        }
        r->serials = more;
        r->serial_room = room;
    }
    r->serials[r->serial_count++] = serial;
    return true;
}

static int compare_serials(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int list_segments(replay *r) {
    const jayi_dir *dir = r->store->dir;
    int fd = jayi_files.open(dir->root_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return jayi_file_failed("open", dir->path, r->error);
    int status = jayi_leaf_list(fd, note_serial, r, r->error);
    jayi_files.close(fd);
    if (r->is_out_of_memory) return no_memory(r->error);
    if (status == JAY_OK && r->serial_count > 1)
        qsort(r->serials, r->serial_count, sizeof r->serials[0], compare_serials);
    return status;
}

/* ---- records ---- */

static int erase(const replay *r, const jayi_key_hash *hash) {
    const jayi_exchange exchange = {.key = hash, .key_size = sizeof *hash};
    int status = jayi_engine_exchange(&r->store->region, &exchange, r->error);
    return status == JAY_MISS ? JAY_OK : status;
}

/* A date as a deadline of the engine's. False: it is over, or the clock was set back so far that
 * nobody can tell. */
static bool deadline_of(const replay *r, int64_t date_ms, uint64_t *ret_deadline_ms) {
    *ret_deadline_ms = JAYI_DEADLINE_NEVER;
    if (date_ms == 0) return true;
    if (date_ms <= r->now_ms) return false;
    if (r->scan->header.created_ms - JAYI_ENTRY_CLOCK_SLACK_MS > r->now_ms) return false;
    *ret_deadline_ms = (uint64_t)(r->clock_ms + (date_ms - r->now_ms));
    return true;
}

static int put(const replay *r, const jayi_footer_entry *entry) {
    jayi_locator locator = {.position = jayi_position_make(r->scan->serial, entry->offset),
                            .version = entry->version,
                            .key_size = entry->key_size,
                            .value_size = entry->value_size};
    jayi_exchange exchange = {.key = &entry->hash,
                              .key_size = sizeof entry->hash,
                              .value = &locator,
                              .value_size = sizeof locator};
    if (!deadline_of(r, entry->deadline_ms, &exchange.deadline_ms)) return erase(r, &entry->hash);
    return jayi_engine_exchange(&r->store->region, &exchange, r->error);
}

/* Gives the entry another deadline, if it is still the one that was touched. */
static int touch(const replay *r, const jayi_footer_entry *entry) {
    jayi_locator locator;
    jayi_engine_seen seen;
    jayi_exchange exchange = {.key = &entry->hash,
                              .key_size = sizeof entry->hash,
                              .value = &locator,
                              .value_size = sizeof locator};
    if (jayi_engine_look(&r->store->region, &entry->hash, sizeof entry->hash, &locator,
                         sizeof locator, &seen) != JAY_OK ||
        seen.size != sizeof locator || locator.position != entry->version)
        return JAY_OK;
    locator.touched = jayi_position_make(r->scan->serial, entry->offset);
    if (!deadline_of(r, entry->deadline_ms, &exchange.deadline_ms)) return erase(r, &entry->hash);
    return jayi_engine_exchange(&r->store->region, &exchange, r->error);
}

static int clear(replay *r, const jayi_footer_entry *entry) {
    const jay_allocator *allocator = &r->store->dir->allocator;
    if (entry->key_size == 0) return jayi_engine_clear(&r->store->region, "", 0, r->error);
    if (r->clearing_count == PREFIXES_MAX)
        return jayi_engine_clear(&r->store->region, "", 0, r->error);
    void *more =
        jayi_realloc(allocator, r->clearings, (r->clearing_count + 1) * sizeof r->clearings[0]);
    if (more == NULL) return no_memory(r->error);
    r->clearings = more;
    clearing *c = &r->clearings[r->clearing_count];
    c->position = jayi_position_make(r->scan->serial, entry->offset);
    c->size = entry->key_size;
    c->prefix = jayi_alloc(allocator, entry->key_size);
    if (c->prefix == NULL) return no_memory(r->error);
    r->clearing_count++;
    return jayi_segment_read(r->store->dir, r->scan->fd, c->prefix, c->size,
                             entry->offset + sizeof(jayi_record), r->error);
}

static int replay_record(void *arg, const jayi_footer_entry *entry) {
    replay *r = arg;
    switch (entry->kind) {
    case JAYI_RECORD_VALUE:
        return put(r, entry);
    case JAYI_RECORD_PENDING:
    case JAYI_RECORD_ERASED:
        return erase(r, &entry->hash);
    case JAYI_RECORD_TOUCHED:
        return touch(r, entry);
    case JAYI_RECORD_CLEARED:
        return clear(r, entry);
    default:
        return JAY_OK;
    }
}

/* ---- clearings by prefix ---- */

typedef struct sweep {
    replay *r;
    unsigned char *key;
} sweep;

static bool is_cleared(const replay *r, const jayi_locator *locator, const unsigned char *key) {
    for (size_t i = 0; i < r->clearing_count; i++) {
        const clearing *c = &r->clearings[i];
        if (c->position > locator->position && c->size <= locator->key_size &&
            memcmp(c->prefix, key, c->size) == 0)
            return true;
    }
    return false;
}

static int sweep_entry(void *arg, const jay_entry_info *info) {
    const sweep *s = arg;
    jayi_store *store = s->r->store;
    jayi_locator locator;
    jayi_engine_seen seen;
    jayi_held held;
    if (jayi_engine_look(&store->region, info->key, info->key_size, &locator, sizeof locator,
                         &seen) != JAY_OK ||
        locator.key_size > JAYI_RECORD_KEY_MAX)
        return 0;
    bool is_bad =
        jayi_segment_hold(store, jayi_position_serial(locator.position), &held, NULL) != JAY_OK;
    if (!is_bad) {
        uint64_t at = jayi_position_offset(locator.position) + sizeof(jayi_record);
        is_bad =
            jayi_segment_read(store->dir, held.fd, s->key, locator.key_size, at, NULL) != JAY_OK;
        jayi_segment_drop(&held);
    }
    jayi_key_hash hash;
    memcpy(&hash, info->key, sizeof hash);
    if (is_bad || is_cleared(s->r, &locator, s->key)) (void)erase(s->r, &hash);
    return 0;
}

static int sweep_cleared(replay *r) {
    const jay_allocator *allocator = &r->store->dir->allocator;
    if (r->clearing_count == 0) return JAY_OK;
    sweep s = {r, jayi_alloc(allocator, JAYI_RECORD_KEY_MAX)};
    if (s.key == NULL) return no_memory(r->error);
    int status =
        jayi_engine_iterate(&r->store->region, allocator, "", 0, sweep_entry, &s, r->error);
    jayi_free(allocator, s.key);
    return status;
}

/* ---- segments ---- */

static void admit(jayi_store *store, const jayi_scan *scan) {
    jayi_slot *slot = jayi_slot_of(store, scan->serial);
    uint64_t footer = scan->has_footer ? scan->count * sizeof(jayi_footer_entry) + JAYI_TRAILER : 0;
    atomic_store(&slot->serial, scan->serial);
    atomic_store(&slot->capacity, (uint32_t)scan->header.capacity);
    atomic_store(&slot->records, (uint32_t)scan->count);
    atomic_store(&slot->charge, jayi_whole_blocks(scan->end) + jayi_whole_blocks(footer));
    atomic_store(&slot->flags, scan->has_footer ? JAYI_SLOT_SEALED : 0);
}

static int replay_segment(replay *r, uint32_t serial) {
    jayi_store *store = r->store;
    jayi_held held;
    jayi_scan scan = {
        .dir = store->dir, .seed = store->seed, .serial = serial, .fn = replay_record, .arg = r};
    int status = jayi_segment_hold(store, serial, &held, r->error);
    if (status == JAY_MISS) return JAY_OK; /* not ours */
    if (status != JAY_OK) return status;
    scan.fd = held.fd;
    r->scan = &scan;
    status = jayi_segment_scan(&scan, r->error);
    jayi_segment_drop(&held);
    if (status == JAY_MISS || (status == JAY_OK && scan.count == 0)) {
        jayi_segment_unlink(store, serial);
        return JAY_OK;
    }
    if (status != JAY_OK) return status;
    admit(store, &scan);
    if (!scan.has_footer) jayi_log_seal(store, serial);
    return JAY_OK;
}

/* Begins the segment that comes next. Older processes may still be about one of that number. */
static int begin_next(replay *r, uint32_t serial) {
    jayi_store *store = r->store;
    jayi_segment_plan plan = {.mode = store->dir->mode, .capacity = store->segment_bytes};
    int status = JAYI_RENEW;
    for (int i = 0; i < 100 && status == JAYI_RENEW; i++, serial++) {
        plan.serial = serial + 1;
        status = jayi_segment_make(store->dir, &plan, r->error);
    }
    if (status == JAYI_RENEW)
        return jay_error_set(r->error, JAY_E_BUSY, 0, "others make segments in %s all the time",
                             store->dir->path);
    if (status != JAY_OK) return status;
    jayi_slot *slot = jayi_slot_of(store, serial);
    atomic_store(&slot->capacity, store->segment_bytes);
    atomic_store(&slot->charge, store->segment_bytes);
    atomic_store(&slot->flags, 0);
    atomic_store(&slot->serial, serial);
    atomic_store(&store->control->head, jayi_position_make(serial, JAYI_SEGMENT_HEADER));
    return JAY_OK;
}

/* Whether a file that is called like a segment is none: it has not its header. */
static bool is_stray(jayi_store *store, uint32_t serial) {
    jayi_held held;
    jayi_segment_header header;
    int status = jayi_segment_hold(store, serial, &held, NULL);
    if (status != JAY_OK) return status == JAY_MISS;
    status = jayi_segment_read(store->dir, held.fd, &header, sizeof header, 0, NULL);
    jayi_segment_drop(&held);
    return status == JAY_MISS ||
           (status == JAY_OK && !jayi_segment_is_sound(&header, serial, store->seed));
}

/* The last number that is taken. A file with a number far ahead must not make all others look old,
 * unless it is a segment; what is just ahead was left by someone who died when he made it. */
static uint32_t last_serial(const replay *r) {
    size_t sound = r->serial_count;
    while (sound > 0 && is_stray(r->store, r->serials[sound - 1])) sound--;
    uint32_t newest = sound > 0 ? r->serials[sound - 1] : 0, last = newest;
    for (size_t i = sound; i < r->serial_count && r->serials[i] - newest <= STRAYS_NEAR; i++)
        last = r->serials[i];
    return last;
}

static int replay_all(replay *r) {
    jayi_store *store = r->store;
    size_t count = r->serial_count;
    uint32_t last = last_serial(r);
    if (last > UINT32_MAX - 100000)
        return jay_error_set(r->error, JAY_E_CORRUPT, 0,
                             "%s has used up the numbers of its segments; remove the directory",
                             store->dir->path);
    uint32_t first = count > 0 && r->serials[0] <= last ? r->serials[0] : last + 1;
    if (last >= store->ring_size / 2 && first < last - store->ring_size / 2)
        first = last - store->ring_size / 2;
    atomic_store(&store->control->tail, first);
    atomic_store(&store->control->sealed_below, last + 1);
    int status = JAY_OK;
    for (size_t i = 0; i < count && status == JAY_OK; i++) {
        if (r->serials[i] < first) {
            jayi_segment_unlink(store, r->serials[i]); /* far apart from all others */
        } else {
            status = replay_segment(r, r->serials[i]);
        }
    }
    if (status == JAY_OK) status = sweep_cleared(r);
    return status == JAY_OK ? begin_next(r, last) : status;
}

/* ---- how much there is ---- */

#define RECORD_BYTES_GUESSED 128 /* where nobody has counted */

static uint64_t estimate_segment(jayi_store *store, uint32_t serial) {
    jayi_held held;
    jayi_trailer trailer;
    struct stat st = {0};
    uint64_t count = 0;
    if (jayi_segment_hold(store, serial, &held, NULL) != JAY_OK) return 0;
    if (jayi_files.stat(held.fd, &st) == 0 && st.st_size > (off_t)sizeof trailer) {
        uint64_t size = (uint64_t)st.st_size;
        bool is_counted = jayi_segment_read(store->dir, held.fd, &trailer, sizeof trailer,
                                            size - sizeof trailer, NULL) == JAY_OK &&
                          jayi_trailer_is_sound(&trailer, serial, size, store->seed);
        count = is_counted ? trailer.count : (uint64_t)st.st_blocks * 512 / RECORD_BYTES_GUESSED;
    }
    jayi_segment_drop(&held);
    return count;
}

uint64_t jayi_store_estimate(jayi_store *store) {
    replay r = {.store = store};
    uint64_t count = 0;
    if (list_segments(&r) == JAY_OK) {
        for (size_t i = 0; i < r.serial_count; i++) count += estimate_segment(store, r.serials[i]);
    }
    jayi_free(&store->dir->allocator, r.serials);
    return count;
}

int jayi_store_replay(jayi_store *store, jay_error *error) {
    const jay_allocator *allocator = &store->dir->allocator;
    replay r = {.store = store,
                .now_ms = jayi_clock_real_ms(),
                .clock_ms = jayi_clock_ms(),
                .error = error};
    jayi_files.unlink(store->dir->root_fd, JAYI_SPARE_SEGMENT);
    int status = list_segments(&r);
    if (status == JAY_OK) status = replay_all(&r);
    for (size_t i = 0; i < r.clearing_count; i++) jayi_free(allocator, r.clearings[i].prefix);
    jayi_free(allocator, r.clearings);
    jayi_free(allocator, r.serials);
    return status;
}
