/*
 * file_write.c - set, add, replace, cas, inc, touch, delete: what is there is looked at, and then
 * replaced or removed, all under the lock of its leaf.
 */
#include "backends/file/file_write.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backends/file/file_put.h"
#include "backends/file/file_read.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/checked.h"
#include "util/decimal.h"
#include "util/memory.h"

#define ATTEMPTS 1000   /* others may take the room that was made */
#define DISK_ATTEMPTS 8 /* at a full disk, each of which evicts some entries */

enum kind { SET, ADD, REPLACE, CAS, INC, TOUCH, ERASE };

/* Of the modes of jay_write. */
static const enum kind kinds[] = {[JAY_WRITE_SET] = SET,
                                  [JAY_WRITE_ADD] = ADD,
                                  [JAY_WRITE_REPLACE] = REPLACE,
                                  [JAY_WRITE_CAS] = CAS};

/* A change of one entry. */
typedef struct change {
    jay_backend *backend;
    enum kind kind;
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
    int64_t ttl_ms;
    uint64_t version; /* wanted by CAS */
    int64_t delta;    /* of INC */
    jayi_name name;
    /* what is there */
    int leaf_fd;
    bool is_there; /* a file */
    bool is_live;  /* with a live entry of this key */
    uint64_t old_bytes;
    jayi_entry old;
    void *old_value; /* allocated, for TOUCH and INC */
    /* what comes of it */
    int64_t now_ms;
    int64_t number;
    char text[JAYI_DECIMAL_MAX];
} change;

/* What is to be done, as a status of this file's own. */
enum { DO_PUT = 200, DO_REMOVE };

/* ---- what is there ---- */

/* Reads the entry, and its value where that is needed. */
static int read_old(change *c, jay_error *error) {
    jayi_reading reading;
    int status = jayi_reading_open(c->backend, c->leaf_fd, jayi_name_file(&c->name),
                                   JAYI_READ_QUIETLY, &reading, error);
    if (status == JAY_MISS || status == JAYI_TORN) return JAY_OK;
    if (status != JAY_OK) return status;
    status = jayi_reading_match(c->backend, &reading, c->key, c->key_size, error);
    c->old = reading.entry;
    c->is_live = status == JAY_OK && !jayi_entry_is_over(&c->old, c->now_ms);
    if (c->is_live && (c->kind == TOUCH || c->kind == INC)) {
        c->old_value = jayi_alloc(&c->backend->allocator, (size_t)c->old.value_size);
        status = c->old_value != NULL
                     ? jayi_reading_value(c->backend, &reading, c->old_value, error)
                     : jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a value");
        if (status == JAYI_TORN) c->is_live = false; /* damaged, since we hold the lock */
    }
    jayi_reading_close(&reading);
    return status < 0 ? status : JAY_OK;
}

static int look_at_old(change *c, jay_error *error) {
    struct stat st;
    c->is_there = c->is_live = false;
    c->old_bytes = 0;
    if (jayi_files.stat_at(c->leaf_fd, jayi_name_file(&c->name), &st) != 0) {
        if (errno == ENOENT) return JAY_OK;
        return jayi_file_failed("look at an entry of", c->backend->dir->path, error);
    }
    if (!jayi_file_is_ours(c->backend, &st)) {
        return jay_error_set(error, JAY_E_PERMISSION, 0,
                             "%s/%s is no file that this cache has made; remove it",
                             c->backend->dir->path, c->name.path);
    }
    c->is_there = true;
    c->old_bytes = (uint64_t)st.st_size;
    return c->kind == SET ? JAY_OK : read_old(c, error);
}

/* ---- what is to be done ---- */

static int decide_inc(change *c, jay_error *error) {
    int64_t number = 0;
    if (c->is_live && !jayi_decimal_parse(c->old_value, (size_t)c->old.value_size, &number))
        return jay_error_set(error, JAY_E_NOT_INTEGER, 0, "the entry's value is not a number");
    if (!jayi_add_i64(number, c->delta, &c->number))
        return jay_error_set(error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    c->value = c->text;
    c->value_size = jayi_decimal_format(c->number, c->text);
    if (c->is_live || c->ttl_ms != JAY_TTL_EXPIRED) return DO_PUT;
    return c->is_there ? DO_REMOVE : JAY_OK;
}

/* A status that ends the call, or what is to be done. */
static int decide(change *c, jay_error *error) {
    bool is_over = c->ttl_ms == JAY_TTL_EXPIRED;
    switch (c->kind) {
    case ADD:
        if (c->is_live) return JAY_EXISTS;
        break;
    case REPLACE:
        if (!c->is_live) return JAY_MISS;
        break;
    case CAS:
        if (!c->is_live) return JAY_MISS;
        if (c->old.version != c->version) return JAY_CHANGED;
        break;
    case TOUCH:
        if (!c->is_live) return JAY_MISS;
        c->value = c->old_value;
        c->value_size = (size_t)c->old.value_size;
        break;
    case INC:
        return decide_inc(c, error);
    case ERASE:
        if (!c->is_there) return JAY_MISS;
        return DO_REMOVE;
    case SET:
    default:
        break;
    }
    if (!is_over) return DO_PUT;
    return c->is_there ? DO_REMOVE : JAY_OK;
}

/* ---- doing it ---- */

static int64_t deadline_of(const change *c) {
    if (c->kind == INC && c->is_live) return c->old.deadline_ms;
    return c->ttl_ms == JAY_TTL_FOREVER ? 0 : c->now_ms + c->ttl_ms;
}

static int put(change *c, int64_t now_ns, jay_error *error) {
    uint64_t version = (uint64_t)now_ns;
    if (c->is_live && version <= c->old.version) version = c->old.version + 1;
    if (c->kind == TOUCH) version = c->old.version;
    bool keeps_expiry = c->kind == INC && c->is_live;
    jayi_put put = {.backend = c->backend,
                    .name = &c->name,
                    .leaf_fd = c->leaf_fd,
                    .is_there = c->is_there,
                    .old_bytes = c->old_bytes,
                    .key = c->key,
                    .value = c->value,
                    .entry = {.key_size = (uint32_t)c->key_size,
                              .value_size = c->value_size,
                              .stored_ms = keeps_expiry ? c->old.stored_ms : c->now_ms,
                              .deadline_ms = deadline_of(c),
                              .version = version,
                              .value_check = jayi_entry_check(c->value, c->value_size)}};
    return jayi_put_entry(&put, error);
}

static int remove_old(const change *c, jay_error *error) {
    bool was_over = c->kind != SET && !c->is_live;
    int status = jayi_room_remove(c->backend, c->name.leaf, c->leaf_fd, jayi_name_file(&c->name),
                                  was_over ? JAYI_DROP_EXPIRED : JAYI_DROP_DELETED, error);
    if (status < 0) return status;
    /* Somebody's finger may have been faster than ours: it is gone all the same. */
    if (c->kind == ERASE) return c->is_live ? JAY_OK : JAY_MISS;
    return JAY_OK;
}

/* With the lock, and the leaf open. */
static int change_in_leaf(change *c, jay_error *error) {
    int64_t now_ns = jayi_clock_real_ns();
    c->now_ms = now_ns / 1000000;
    int status = look_at_old(c, error);
    if (status == JAY_OK) status = decide(c, error);
    if (status == DO_PUT) status = put(c, now_ns, error);
    if (status == DO_REMOVE) status = remove_old(c, error);
    jayi_free(&c->backend->allocator, c->old_value);
    c->old_value = NULL;
    return status;
}

/* Whether there is anything to be done where there is no folder yet. */
static bool makes_leaf(const change *c) {
    bool stores = c->kind == SET || c->kind == ADD || c->kind == INC;
    return stores && c->ttl_ms != JAY_TTL_EXPIRED;
}

static int attempt(change *c, jay_error *error) {
    int status = jayi_dir_lock(c->backend->dir, c->name.leaf, error);
    if (status != JAY_OK) return status;
    status = jayi_leaf_open(c->backend, c->name.leaf, makes_leaf(c), &c->leaf_fd, error);
    if (status == JAY_OK) {
        status = change_in_leaf(c, error);
        jayi_files.close(c->leaf_fd);
    } else if (status == JAY_MISS) {
        if (makes_leaf(c)) {
            status = JAYI_GONE;
        } else if (c->kind == SET || c->kind == ADD || c->kind == INC) {
            c->number = c->delta;
            status = JAY_OK;
        }
    }
    jayi_dir_unlock(c->backend->dir, c->name.leaf);
    return status;
}

/* ---- again, where there was no room ---- */

/* A limit that a single entry may not exceed: a quarter of all. */
static int check_size(const change *c, jay_error *error) {
    uint64_t max_items, max_bytes;
    uint64_t charge = jayi_put_charge(c->key_size, c->value_size);
    if (charge <= 16384) return JAY_OK; /* a quarter of the least max_bytes */
    if (!jayi_table_limits(c->backend->dir->table_fd, &max_items, &max_bytes)) return JAY_OK;
    if (charge <= max_bytes / 4) return JAY_OK;
    return jay_error_set(error, JAY_E_TOO_BIG, 0,
                         "an entry of %" PRIu64
                         " bytes is more than a quarter of max_bytes=%" PRIu64
                         "; give a larger max_bytes",
                         charge, max_bytes);
}

static int gone(const change *c, jay_error *error) {
    if (jayi_dir_look(c->backend->dir, true)) return JAY_OK;
    return jay_error_set(error, JAY_E_IO, ENOENT,
                         "the directory %s is gone, and could not be made again",
                         c->backend->dir->path);
}

/* Makes an attempt possible that has failed with `status`. JAY_OK: try again; or a failure. */
static int make_way(const change *c, int status, jay_error *error) {
    switch (status) {
    case JAYI_NO_ROOM:
        return jayi_room_make(c->backend, 1, 2 * jayi_put_charge(c->key_size, c->value_size),
                              &c->name, error);
    case JAYI_GONE:
        return gone(c, error);
    default:
        return status;
    }
}

static int run(change *c, jay_error *error) {
    jayi_dir *dir = c->backend->dir;
    jay_error why = {.code = JAY_OK};
    int status = JAYI_NO_ROOM;
    int disk_attempts = 0;
    jayi_dir_look(dir, false);
    for (int i = 0; i < ATTEMPTS; i++) {
        jayi_name_of(c->key, c->key_size, atomic_load(&dir->seed), &c->name);
        status = attempt(c, &why);
        if (status == JAY_E_FULL && c->kind != ERASE && disk_attempts++ < DISK_ATTEMPTS &&
            jayi_room_evict_some(c->backend, &c->name, NULL) == JAY_OK)
            continue;
        if (status != JAYI_NO_ROOM && status != JAYI_GONE) break;
        int way = make_way(c, status, &why);
        if (way != JAY_OK) {
            status = way;
            break;
        }
    }
    if (status == JAYI_NO_ROOM || status == JAYI_GONE)
        status = jay_error_set(&why, JAY_E_BUSY, 0, "others take all room in %s as it is made",
                               dir->path);
    if (status < 0 && error != NULL) *error = why;
    return status;
}

/* ---- the table's functions ---- */

int jayi_file_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    change c = {.backend = backend,
                .kind = kinds[write->mode & 3],
                .key = write->key,
                .key_size = write->key_size,
                .value = write->value,
                .value_size = write->value_size,
                .ttl_ms = write->ttl_ms,
                .version = write->version};
    int status = check_size(&c, error);
    return status == JAY_OK ? run(&c, error) : status;
}

int jayi_file_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    change c = {.backend = backend, .kind = ERASE, .key = key, .key_size = key_size};
    return run(&c, error);
}

int jayi_file_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                    jay_error *error) {
    change c = {
        .backend = backend, .kind = TOUCH, .key = key, .key_size = key_size, .ttl_ms = ttl_ms};
    return run(&c, error);
}

int jayi_file_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                  int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    change c = {.backend = backend,
                .kind = INC,
                .key = key,
                .key_size = key_size,
                .delta = delta,
                .ttl_ms = ttl_ms};
    int status = run(&c, error);
    if (status == JAY_OK) *ret_number = c.number;
    return status;
}
