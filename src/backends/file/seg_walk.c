/*
 * seg_walk.c - iterate, clear, stats for layout=segments.
 */
#include <string.h>

#include "backends/file/seg_log.h"
#include "backends/file/seg_ops.h"
#include "util/memory.h"

/* ---- iterate ---- */

typedef struct walk {
    jay_backend *backend;
    const jayi_seg *seg;
    const void *prefix;
    size_t prefix_size;
    unsigned char *key; /* room for the longest */
    jay_iterate_fn *fn;
    void *arg;
    int status; /* a failure, or JAY_STOPPED */
    jay_error *error;
} walk;

/* Reads the key that a locator leads to. JAY_OK; JAYI_AGAIN: it is not there; or a failure. */
static int read_key(walk *w, const jayi_key_hash *hash, const jayi_locator *locator) {
    const jayi_seg *seg = w->seg;
    jayi_held held;
    jayi_record record;
    if (locator->key_size > JAYI_RECORD_KEY_MAX) return JAYI_AGAIN;
    int status =
        jayi_segment_hold(seg->store, jayi_position_serial(locator->position), &held, w->error);
    if (status != JAY_OK) return status == JAY_MISS ? JAYI_AGAIN : status;
    uint64_t at = jayi_position_offset(locator->position);
    status = jayi_segment_read(seg->store->dir, held.fd, &record, sizeof record, at, w->error);
    if (status == JAY_OK)
        status = jayi_segment_read(seg->store->dir, held.fd, w->key, locator->key_size,
                                   at + sizeof record, w->error);
    jayi_segment_drop(&held);
    if (status == JAY_MISS) return JAYI_AGAIN;
    if (status != JAY_OK) return status;
    jayi_key_hash found = jayi_key_hash_of(w->key, locator->key_size, seg->store->seed);
    bool is_right = jayi_record_is_sound(&record, locator->position, seg->store->seed) &&
                    memcmp(&found, hash, sizeof found) == 0;
    return is_right ? JAY_OK : JAYI_AGAIN;
}

static int show(void *arg, const jay_entry_info *info) {
    walk *w = arg;
    jayi_key_hash hash;
    jayi_locator locator;
    uint64_t deadline_ms;
    if (info->key_size != sizeof hash) return 0;
    memcpy(&hash, info->key, sizeof hash);
    /* What has been moved meanwhile is looked up again. */
    int status = JAYI_AGAIN;
    for (int i = 0; i < 3 && status == JAYI_AGAIN; i++) {
        if (jayi_seg_look(w->seg, &hash, &locator, &deadline_ms) != JAY_OK) return 0;
        status = read_key(w, &hash, &locator);
    }
    if (status < 0) {
        w->status = status;
        return 1;
    }
    if (status != JAY_OK || locator.key_size < w->prefix_size ||
        (w->prefix_size > 0 && memcmp(w->key, w->prefix, w->prefix_size) != 0))
        return 0;
    jay_entry_info shown = *info;
    shown.key = w->key;
    shown.key_size = locator.key_size;
    shown.value_size = locator.value_size;
    shown.size_bytes = info->size_bytes + jayi_record_bytes(locator.key_size, locator.value_size);
    if (w->fn(w->arg, &shown) == 0) return 0;
    w->status = JAY_STOPPED;
    return 1;
}

static int walk_index(walk *w) {
    const jay_allocator *allocator = &w->backend->allocator;
    w->key = jayi_alloc(allocator, JAYI_RECORD_KEY_MAX);
    if (w->key == NULL)
        return jay_error_set(w->error, JAY_E_NO_MEMORY, 0, "no memory for a key while iterating");
    int status = jayi_engine_iterate(&w->seg->store->region, allocator, "", 0, show, w, w->error);
    jayi_free(allocator, w->key);
    return w->status != JAY_OK ? w->status : status;
}

int jayi_seg_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                     jay_iterate_fn *fn, void *arg, jay_error *error) {
    jayi_seg seg;
    jayi_dir_look(backend->dir, false);
    jayi_seg_enter(backend, &seg);
    walk w = {.backend = backend,
              .seg = &seg,
              .prefix = prefix,
              .prefix_size = prefix_size,
              .fn = fn,
              .arg = arg,
              .error = error};
    int status = walk_index(&w);
    jayi_seg_leave(&seg);
    return status;
}

/* ---- clear ---- */

typedef struct clearing {
    jay_backend *backend;
    const void *prefix;
    size_t prefix_size;
} clearing;

/* Writes that nothing from before is valid, whose key begins with the prefix. */
static int note_clearing(const jayi_seg *seg, const clearing *c, jay_error *error) {
    jayi_record record = {.kind = JAYI_RECORD_CLEARED, .key_size = (uint32_t)c->prefix_size};
    return jayi_log_add(seg, &record, c->prefix, NULL, error);
}

static int erase_shown(void *arg, const jay_entry_info *info) {
    walk *w = arg;
    int status = jayi_seg_erase(w->backend, info->key, info->key_size, w->error);
    if (status < 0) w->status = status;
    return status < 0;
}

/* With a prefix: key by key; then what the index had to give up of it, by a record. */
static int clear_some(jayi_seg *seg, const clearing *c, jay_error *error) {
    walk w = {.backend = c->backend,
              .seg = seg,
              .prefix = c->prefix,
              .prefix_size = c->prefix_size,
              .fn = erase_shown,
              .error = error};
    w.arg = &w;
    int status = JAY_OK;
    bool has_evicted = jayi_engine_evictions(&seg->store->region) > 0;
    if (has_evicted) status = note_clearing(seg, c, error);
    if (status == JAY_OK) status = walk_index(&w);
    return status;
}

/* Before and after: whatever is cleared is older than the second record, and if we die between, the
 * first one holds. What others set meanwhile may be lost with the next index. */
static int clear_step(jayi_seg *seg, void *arg, jay_error *error) {
    const clearing *c = arg;
    if (c->prefix_size > 0) return clear_some(seg, c, error);
    int status = note_clearing(seg, c, error);
    if (status != JAY_OK) return status;
    status = jayi_engine_clear(&seg->store->region, "", 0, error);
    if (status == JAY_OK) status = note_clearing(seg, c, error);
    if (status == JAY_OK) jayi_log_drop_dead(seg);
    return status;
}

int jayi_seg_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error) {
    clearing c = {backend, prefix, prefix_size};
    jayi_dir_look(backend->dir, false);
    return jayi_seg_call(backend, clear_step, &c, error);
}

/* ---- stats, limits ---- */

static int stats_step(jayi_seg *seg, void *arg, jay_error *error) {
    jay_stats *stats = arg;
    const jayi_control *control = seg->store->control;
    jay_stats index = {.items = 0};
    int status = jayi_engine_stats(&seg->store->region, &index, error);
    if (status != JAY_OK) return status;
    stats->items = index.items;
    stats->bytes = (int64_t)jayi_log_on_disk(seg->store);
    stats->evictions = index.evictions + (int64_t)atomic_load(&control->evictions);
    stats->expiries = index.expiries;
    stats->resets = index.resets;
    stats->max_items = index.max_items;
    stats->max_bytes = (int64_t)atomic_load(&control->max_bytes);
    return JAY_OK;
}

int jayi_seg_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    jayi_dir_look(backend->dir, false);
    return jayi_seg_call(backend, stats_step, stats, error);
}

void jayi_seg_trim(const jay_backend *backend) {
    jayi_seg seg;
    jayi_seg_enter(backend, &seg);
    if (jayi_dir_lock(backend->dir, JAYI_LOCK_LOG, NULL) == JAY_OK) {
        if (!atomic_load(&seg.store->control->is_retired)) {
            jayi_log_make_room(&seg, UINT64_C(2) * seg.store->segment_bytes, true);
            jayi_log_make_room(&seg, 0, false); /* whatever it takes */
        }
        jayi_dir_unlock(backend->dir, JAYI_LOCK_LOG);
    }
    jayi_seg_leave(&seg);
}

const jay_backend_ops jayi_seg_functions = {
    .get = jayi_seg_get,
    .release = jayi_seg_release,
    .write = jayi_seg_write,
    .erase = jayi_seg_erase,
    .get_into = jayi_seg_get_into,
    .has = jayi_seg_has,
    .ttl = jayi_seg_ttl,
    .touch = jayi_seg_touch,
    .inc = jayi_seg_inc,
    .set_many = jayi_seg_set_many,
    .clear = jayi_seg_clear,
    .iterate = jayi_seg_iterate,
    .stats = jayi_seg_stats,
};
