/*
 * file_read.c - get, get_into, has, ttl.
 */
#include "backends/file/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/file/file_room.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/memory.h"

#define ATTEMPTS 8 /* without the lock, at an entry that is just being replaced */

int64_t jayi_file_now_ms(void) {
    return jayi_clock_real_ms();
}

bool jayi_file_is_ours(const jay_backend *backend, const struct stat *st) {
    if (!S_ISREG(st->st_mode)) return false;
    return st->st_uid == backend->user || st->st_uid == 0 || (backend->mode & 066) != 0 ||
           st->st_uid == geteuid();
}

/* ---- one file ---- */

/* Reads until `size` bytes are there or the file ends. */
static ssize_t read_fully(int fd, void *buffer, size_t size, uint64_t at) {
    size_t have = 0;
    while (have < size) {
        ssize_t got = jayi_files.read_at(fd, (char *)buffer + have, size - have, at + have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int read_failed(const jay_backend *backend, jay_error *error) {
    if (errno == ESTALE) return JAYI_TORN; /* of a network: the file has been replaced */
    if (errno == EISDIR || errno == ESPIPE) return JAY_MISS; /* a folder or a FIFO: not ours */
    return jayi_file_failed("read an entry of", backend->dir->path, error);
}

static int open_file(const jay_backend *backend, int folder_fd, const char *path, int how,
                     int *ret_fd, jay_error *error) {
    int fd = -1;
    if (how == JAYI_READ_QUIETLY) {
        fd = jayi_files.open(folder_fd, path, O_RDONLY | O_NOATIME, 0);
        if (fd < 0 && errno == EPERM) how = JAYI_READ_PLAIN; /* it belongs to another user */
    }
    if (how == JAYI_READ_PLAIN) fd = jayi_files.open(folder_fd, path, O_RDONLY, 0);
    if (fd >= 0) {
        *ret_fd = fd;
        return JAY_OK;
    }
    /* Links, sockets, files in place of folders: not ours. */
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO) return JAY_MISS;
    return read_failed(backend, error);
}

/* Whether only we and root can have put anything into the folders. Then a read needs not ask for
 * the kind and owner of a file, which would be one call in four. */
static bool is_closed(const jay_backend *backend) {
    return backend->dir->is_closed && (backend->mode & 022) == 0;
}

/* Reads the beginning of a file, and finds out how long it is. */
static int read_head(const jay_backend *backend, jayi_reading *reading, bool is_trusted,
                     jay_error *error) {
    struct stat st;
    ssize_t got = 0;
    if (is_trusted) {
        got = jayi_files.read_at(reading->fd, reading->head, sizeof reading->head, 0);
        if (got < 0) return read_failed(backend, error);
        reading->have = reading->file_size = (size_t)got;
        if (reading->have < sizeof reading->head) return JAY_OK; /* that was all */
    }
    if (jayi_files.stat(reading->fd, &st) != 0) return read_failed(backend, error);
    if (!jayi_file_is_ours(backend, &st)) return JAY_MISS;
    reading->file_size = (uint64_t)st.st_size;
    if (is_trusted) return JAY_OK;
    got = jayi_files.read_at(reading->fd, reading->head, sizeof reading->head, 0);
    if (got < 0) return read_failed(backend, error);
    reading->have = (size_t)got;
    return JAY_OK;
}

int jayi_reading_begin(const jay_backend *backend, int folder_fd, const char *path, int how,
                       jayi_reading *ret_reading, jay_error *error) {
    ret_reading->fd = -1;
    ret_reading->have = 0;
    ret_reading->file_size = 0;
    return open_file(backend, folder_fd, path, how, &ret_reading->fd, error);
}

int jayi_reading_head(const jay_backend *backend, jayi_reading *reading, bool is_trusted,
                      jay_error *error) {
    int status = read_head(backend, reading, is_trusted, error);
    if (status != JAY_OK) return status;
    bool is_sound = reading->have >= JAYI_ENTRY_HEADER &&
                    jayi_entry_parse(reading->head, reading->file_size, &reading->entry);
    return is_sound ? JAY_OK : JAYI_TORN;
}

int jayi_reading_open(const jay_backend *backend, int folder_fd, const char *path, int how,
                      jayi_reading *ret_reading, jay_error *error) {
    int status = jayi_reading_begin(backend, folder_fd, path, how, ret_reading, error);
    if (status != JAY_OK) return status;
    bool is_trusted = how == JAYI_READ_PLAIN && is_closed(backend);
    status = jayi_reading_head(backend, ret_reading, is_trusted, error);
    if (status != JAY_OK) jayi_files.close(ret_reading->fd);
    return status;
}

void jayi_reading_close(jayi_reading *reading) {
    jayi_files.close(reading->fd);
}

int jayi_reading_copy(const jay_backend *backend, jayi_reading *reading, uint64_t at, void *target,
                      size_t size, jay_error *error) {
    size_t first = 0;
    if (size == 0) return JAY_OK;
    if (at < reading->have) {
        first = reading->have - (size_t)at < size ? reading->have - (size_t)at : size;
        memcpy(target, reading->head + at, first);
    }
    if (first == size) return JAY_OK;
    ssize_t got = read_fully(reading->fd, (char *)target + first, size - first, at + first);
    if (got < 0) return read_failed(backend, error);
    return (size_t)got == size - first ? JAY_OK : JAYI_TORN;
}

int jayi_reading_match(const jay_backend *backend, jayi_reading *reading, const void *key,
                       size_t key_size, jay_error *error) {
    unsigned char part[4096];
    if (reading->entry.key_size != key_size) return JAYI_TORN;
    if (JAYI_ENTRY_HEADER + key_size <= reading->have) {
        bool is_same = memcmp(reading->head + JAYI_ENTRY_HEADER, key, key_size) == 0;
        return is_same ? JAY_OK : JAYI_TORN;
    }
    for (size_t at = 0; at < key_size; at += sizeof part) {
        size_t size = key_size - at < sizeof part ? key_size - at : sizeof part;
        int status = jayi_reading_copy(backend, reading, JAYI_ENTRY_HEADER + at, part, size, error);
        if (status != JAY_OK) return status;
        if (memcmp(part, (const char *)key + at, size) != 0) return JAYI_TORN;
    }
    return JAY_OK;
}

int jayi_reading_value(const jay_backend *backend, jayi_reading *reading, void *target,
                       jay_error *error) {
    const jayi_entry *entry = &reading->entry;
    int status = jayi_reading_copy(backend, reading, JAYI_ENTRY_HEADER + entry->key_size, target,
                                   (size_t)entry->value_size, error);
    if (status != JAY_OK) return status;
    uint64_t check = jayi_entry_check(target, (size_t)entry->value_size);
    return check == entry->value_check ? JAY_OK : JAYI_TORN;
}

int jayi_reading_check(const jay_backend *backend, jayi_reading *reading, jay_error *error) {
    unsigned char part[16384];
    const jayi_entry *entry = &reading->entry;
    uint64_t begin = JAYI_ENTRY_HEADER + (uint64_t)entry->key_size;
    jayi_entry_check_state state;
    jayi_entry_check_begin(&state, entry->value_size);
    for (uint64_t at = 0; at < entry->value_size; at += sizeof part) {
        uint64_t left = entry->value_size - at;
        size_t size = left < sizeof part ? (size_t)left : sizeof part;
        int status = jayi_reading_copy(backend, reading, begin + at, part, size, error);
        if (status != JAY_OK) return status;
        jayi_entry_check_add(&state, part, size);
    }
    return jayi_entry_check_end(&state) == entry->value_check ? JAY_OK : JAYI_TORN;
}

int64_t jayi_reading_ttl_ms(const jayi_entry *entry) {
    if (entry->deadline_ms == 0) return JAY_TTL_FOREVER;
    int64_t left_ms = entry->deadline_ms - jayi_file_now_ms();
    int64_t given_ms = entry->deadline_ms - entry->stored_ms;
    if (left_ms > given_ms) left_ms = given_ms; /* the clock was set back a little */
    return left_ms > 0 ? left_ms : 1;
}

/* ---- lookups ---- */

/* What a lookup is to bring. */
typedef struct wish {
    const jay_allocator *allocator; /* for a view; NULL: into the buffer */
    void *buffer;                   /* of a view: what was allocated */
    size_t capacity;
    bool wants_value;
    jayi_entry entry; /* what was found */
} wish;

/* Takes the value of a file that is open. JAY_OK, JAY_BUFFER_TOO_SMALL, JAYI_TORN, or a failure. */
static int take_value(const jay_backend *backend, jayi_reading *reading, wish *w,
                      jay_error *error) {
    size_t size = (size_t)reading->entry.value_size;
    if (w->allocator == NULL) {
        if (size > w->capacity) return JAY_BUFFER_TOO_SMALL;
        return jayi_reading_value(backend, reading, w->buffer, error);
    }
    char *bytes = jayi_alloc(w->allocator, size + 1);
    if (bytes == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a value of %zu bytes", size);
    }
    int status = jayi_reading_value(backend, reading, bytes, error);
    if (status == JAY_OK) {
        bytes[size] = '\0';
        w->buffer = bytes;
    } else {
        jayi_free(w->allocator, bytes);
    }
    return status;
}

/* One look. Also JAYI_TORN. `ret_is_over`: there is an entry, and its time is over. */
static int look_once(const jay_backend *backend, const jayi_name *name, int how, const void *key,
                     size_t key_size, wish *w, bool *ret_is_over, jay_error *error) {
    jayi_reading reading;
    *ret_is_over = false;
    int status =
        jayi_reading_open(backend, backend->dir->root_fd, name->path, how, &reading, error);
    if (status != JAY_OK) return status;
    status = jayi_reading_match(backend, &reading, key, key_size, error);
    if (status == JAY_OK) {
        w->entry = reading.entry;
        *ret_is_over = jayi_entry_is_over(&reading.entry, jayi_file_now_ms());
        if (*ret_is_over) status = JAY_MISS;
    }
    if (status == JAY_OK && w->wants_value) status = take_value(backend, &reading, w, error);
    jayi_reading_close(&reading);
    return status;
}

/* The last look, under the lock: what does not hold together now never will, and goes. */
static int look_locked(jay_backend *backend, const jayi_name *name, const void *key,
                       size_t key_size, wish *w, jay_error *error) {
    bool is_over;
    int status = jayi_dir_lock(backend->dir, name->leaf, error);
    if (status != JAY_OK) return status;
    status = look_once(backend, name, JAYI_READ_QUIETLY, key, key_size, w, &is_over, error);
    if (status == JAYI_TORN) {
        jayi_room_drop(backend, name, JAYI_DROP_DAMAGED);
        status = JAY_MISS;
    }
    jayi_dir_unlock(backend->dir, name->leaf);
    return status;
}

static int look(jay_backend *backend, const void *key, size_t key_size, wish *w, jay_error *error) {
    jayi_name name;
    bool is_over = false;
    int status = JAYI_TORN;
    jayi_name_of(key, key_size, atomic_load(&backend->dir->seed), &name);
    for (int i = 0; i < ATTEMPTS && status == JAYI_TORN; i++)
        status = look_once(backend, &name, JAYI_READ_PLAIN, key, key_size, w, &is_over, error);
    if (status == JAYI_TORN) status = look_locked(backend, &name, key, key_size, w, error);
    if (is_over) jayi_room_expire(backend, &name);
    return status;
}

/* The same, where the directory may have been replaced: one that is new is looked into as well. */
static int look_up(jay_backend *backend, const void *key, size_t key_size, wish *w,
                   jay_error *error) {
    int status = look(backend, key, key_size, w, error);
    if (status == JAY_MISS && jayi_dir_look(backend->dir, false))
        status = look(backend, key, key_size, w, error);
    return status;
}

int jayi_file_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                  jay_error *error) {
    wish w = {.allocator = &backend->allocator, .wants_value = true};
    int status = look_up(backend, key, key_size, &w, error);
    if (status != JAY_OK) return status;
    ret_value->data = w.buffer;
    ret_value->pin = w.buffer;
    ret_value->size = (size_t)w.entry.value_size;
    ret_value->version = w.entry.version;
    return JAY_OK;
}

void jayi_file_release(jay_backend *backend, jay_value *value) {
    jayi_free(&backend->allocator, value->pin);
}

int jayi_file_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                       size_t capacity, size_t *ret_size, jay_error *error) {
    wish w = {.buffer = buffer, .capacity = capacity, .wants_value = true};
    int status = look_up(backend, key, key_size, &w, error);
    if (status == JAY_OK || status == JAY_BUFFER_TOO_SMALL) *ret_size = (size_t)w.entry.value_size;
    return status;
}

int jayi_file_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    wish w = {.wants_value = false};
    return look_up(backend, key, key_size, &w, error);
}

int jayi_file_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                  jay_error *error) {
    wish w = {.wants_value = false};
    int status = look_up(backend, key, key_size, &w, error);
    if (status != JAY_OK) return status;
    *ret_ttl_ms = jayi_reading_ttl_ms(&w.entry);
    return JAY_OK;
}
