/*
 * file_walk.c - iterate, clear, stats.
 *
 * The names in a leaf are collected before anything is done with them: the caller's function may
 * change the folder, and a folder that changes while it is listed may show a name twice.
 */
#include "backends/file/file_walk.h"

#include <errno.h>
#include <string.h>

#include "backends/file/file_read.h"
#include "backends/file/file_room.h"
#include "os/file_ops.h"
#include "util/memory.h"

#define LEAF_MAX 10000000 /* names in a leaf: more than any disk is good for */

/* Names of a leaf's entries, without a NUL. */
typedef struct names {
    const jay_allocator *allocator;
    char (*list)[JAYI_FILE_NAME_BYTES];
    size_t count;
    size_t capacity;
    bool is_out_of_memory;
} names;

static bool add_name(void *arg, const char *file) {
    names *n = arg;
    if (!jayi_name_is_entry(file)) return true;
    if (n->count == n->capacity) {
        size_t capacity = n->capacity > 0 ? 2 * n->capacity : 64;
        void *more = capacity <= LEAF_MAX
                         ? jayi_realloc(n->allocator, n->list, capacity * sizeof *n->list)
                         : NULL;
        if (more == NULL) {
            n->is_out_of_memory = true;
            return false;
        }
        n->list = more;
        n->capacity = capacity;
    }
    memcpy(n->list[n->count++], file, JAYI_FILE_NAME_BYTES);
    return true;
}

static int collect(int leaf_fd, names *n, jay_error *error) {
    n->count = 0;
    int status = jayi_leaf_list(leaf_fd, add_name, n, error);
    if (!n->is_out_of_memory) return status;
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the names of the entries");
}

/* ---- one entry ---- */

/* What a walk through the directory needs. */
typedef struct walk {
    jay_backend *backend;
    const void *prefix;
    size_t prefix_size;
    unsigned char *key; /* room for the longest */
    jay_iterate_fn *fn;
    void *arg;
    names names;
    char file[JAYI_FILE_NAME_BYTES + 1];
    jay_entry_info info; /* of the file, if it has the prefix */
    bool is_over;
} walk;

/* Reads the header and key of w->file. JAY_OK: into w->info; JAY_MISS: not ours, or without the
 * prefix; JAYI_TORN; or a failure. */
static int describe(walk *w, int leaf_fd, jay_error *error) {
    jayi_reading reading;
    int status =
        jayi_reading_open(w->backend, leaf_fd, w->file, JAYI_READ_QUIETLY, &reading, error);
    if (status != JAY_OK) return status;
    const jayi_entry *entry = &reading.entry;
    status =
        jayi_reading_copy(w->backend, &reading, JAYI_ENTRY_HEADER, w->key, entry->key_size, error);
    jayi_reading_close(&reading);
    if (status != JAY_OK) return status;
    jayi_name name;
    jayi_name_of(w->key, entry->key_size, atomic_load(&w->backend->dir->seed), &name);
    if (strcmp(jayi_name_file(&name), w->file) != 0) return JAYI_TORN;
    if (entry->key_size < w->prefix_size || memcmp(w->key, w->prefix, w->prefix_size) != 0)
        return JAY_MISS;
    int64_t now_ms = jayi_file_now_ms();
    w->is_over = jayi_entry_is_over(entry, now_ms);
    w->info = (jay_entry_info){.key = w->key,
                               .key_size = entry->key_size,
                               .value_size = (size_t)entry->value_size,
                               .ttl_ms = JAY_TTL_FOREVER,
                               .heat = -1,
                               .size_bytes = (int64_t)jayi_file_charge(reading.file_size)};
    if (entry->deadline_ms != 0) {
        int64_t left_ms = entry->deadline_ms - now_ms;
        w->info.ttl_ms = left_ms > 0 ? left_ms : 1;
    }
    return JAY_OK;
}

/* The same, where it may be replaced just now. */
static int describe_steadily(walk *w, int leaf_fd, jay_error *error) {
    int status = JAYI_TORN;
    for (int i = 0; i < 8 && status == JAYI_TORN; i++) status = describe(w, leaf_fd, error);
    return status;
}

static void take_file(walk *w, size_t index) {
    memcpy(w->file, w->names.list[index], JAYI_FILE_NAME_BYTES);
    w->file[JAYI_FILE_NAME_BYTES] = '\0';
}

static int begin_walk(walk *w, jay_error *error) {
    w->names.allocator = &w->backend->allocator;
    w->key = jayi_alloc(&w->backend->allocator, JAYI_ENTRY_KEY_MAX);
    if (w->key != NULL) return JAY_OK;
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a key");
}

static void end_walk(walk *w) {
    jayi_free(&w->backend->allocator, w->key);
    jayi_free(&w->backend->allocator, w->names.list);
}

/* ---- iterate ---- */

static int show_leaf(walk *w, uint32_t leaf, jay_error *error) {
    int leaf_fd;
    int status = jayi_leaf_open(w->backend, leaf, false, &leaf_fd, error);
    if (status != JAY_OK) return status == JAY_MISS ? JAY_OK : status;
    status = collect(leaf_fd, &w->names, error);
    for (size_t i = 0; i < w->names.count && status == JAY_OK; i++) {
        take_file(w, i);
        int found = describe_steadily(w, leaf_fd, error);
        if (found < 0) status = found;
        if (found == JAY_OK && !w->is_over && w->fn(w->arg, &w->info) != 0) status = JAY_STOPPED;
    }
    jayi_files.close(leaf_fd);
    return status;
}

int jayi_file_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_iterate_fn *fn, void *arg, jay_error *error) {
    walk w = {
        .backend = backend, .prefix = prefix, .prefix_size = prefix_size, .fn = fn, .arg = arg};
    int status = begin_walk(&w, error);
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES && status == JAY_OK; leaf++)
        status = show_leaf(&w, leaf, error);
    end_walk(&w);
    return status;
}

/* ---- clear ---- */

/* Whether w->file is to go: with its prefix, or damaged, where it could have had it. */
static int is_cleared(walk *w, int leaf_fd, bool *ret_is_cleared, jay_error *error) {
    *ret_is_cleared = true;
    if (w->prefix_size == 0) return JAY_OK;
    int status = describe(w, leaf_fd, error);
    *ret_is_cleared = status == JAY_OK || status == JAYI_TORN;
    return status < 0 ? status : JAY_OK;
}

static int clear_files(walk *w, int leaf_fd, jay_error *error) {
    int status = collect(leaf_fd, &w->names, error);
    for (size_t i = 0; i < w->names.count && status == JAY_OK; i++) {
        bool goes;
        struct stat st;
        take_file(w, i);
        status = is_cleared(w, leaf_fd, &goes, error);
        if (status != JAY_OK || !goes) continue;
        if (jayi_files.stat_at(leaf_fd, w->file, &st) != 0 || !jayi_file_is_ours(w->backend, &st))
            continue;
        if (jayi_files.unlink(leaf_fd, w->file) != 0 && errno != ENOENT)
            status = jayi_file_failed("remove an entry of", w->backend->dir->path, error);
    }
    if (status == JAY_OK && w->prefix_size == 0) jayi_files.unlink(leaf_fd, JAYI_SPARE);
    if (status == JAY_OK && w->backend->is_synced)
        status = jayi_room_sync(w->backend, leaf_fd, error);
    return status;
}

/* With the lock: the record is unknown meanwhile, and counted afterwards. */
static int clear_leaf(walk *w, uint32_t leaf, jay_error *error) {
    int leaf_fd;
    jayi_leaf_record record;
    int status = jayi_leaf_open(w->backend, leaf, false, &leaf_fd, error);
    if (status < 0) return status;
    bool is_there = status == JAY_OK;
    status = jayi_table_read(w->backend->dir, leaf, &record, error);
    if (status == JAY_OK && (is_there || record.items > 0 || record.bytes > 0)) {
        record.state = JAYI_LEAF_DIRTY;
        status = jayi_table_write(w->backend->dir, leaf, &record, error);
        if (status == JAY_OK && is_there) status = clear_files(w, leaf_fd, error);
        int counted = jayi_room_record(w->backend, leaf, &record, status == JAY_OK ? error : NULL);
        if (status == JAY_OK) status = counted;
    }
    if (is_there) jayi_files.close(leaf_fd);
    return status;
}

int jayi_file_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                    jay_error *error) {
    walk w = {.backend = backend, .prefix = prefix, .prefix_size = prefix_size};
    jayi_dir_look(backend->dir, false);
    int status = begin_walk(&w, error);
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES && status == JAY_OK; leaf++) {
        status = jayi_dir_lock(backend->dir, leaf, error);
        if (status != JAY_OK) break;
        status = clear_leaf(&w, leaf, error);
        jayi_dir_unlock(backend->dir, leaf);
    }
    end_walk(&w);
    return status;
}

/* ---- statistics ---- */

int jayi_file_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    jayi_table table;
    int status = jayi_room_totals(backend, &table, error);
    if (status != JAY_OK) return status;
    stats->items = (int64_t)table.items;
    stats->bytes = (int64_t)table.bytes;
    stats->evictions = (int64_t)table.evictions;
    stats->expiries = (int64_t)table.expiries;
    stats->max_items = (int64_t)table.max_items;
    stats->max_bytes = (int64_t)table.max_bytes;
    return JAY_OK;
}
