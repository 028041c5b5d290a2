/*
 * file_table.c - reading and writing the table of leaves.
 */
#include "backends/file/file_table.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "os/file_ops.h"
#include "util/hash.h"

#define HEADER_BYTES 64
#define RECORD_BYTES 48
#define TABLE_BYTES (HEADER_BYTES + JAYI_LEAVES * RECORD_BYTES)
#define TABLE_FORMAT 1
#define ATTEMPTS 4                    /* at a record that is being written */
#define COUNT_MAX (UINT64_C(1) << 56) /* so that sums do not overflow */

static const char magic[8] = {'j', 'a', 'y', 't', 'a', 'b', 'l', 'e'};

static void put_words(unsigned char *at, const uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t word = htole64(words[i]);
        memcpy(at + i * sizeof word, &word, sizeof word);
    }
}

static uint64_t get_word(const unsigned char *at, size_t index) {
    uint64_t word;
    memcpy(&word, at + index * sizeof word, sizeof word);
    return le64toh(word);
}

static void put_check(unsigned char *at, size_t bytes) {
    uint64_t check = jayi_hash(at, bytes - sizeof check, bytes);
    put_words(at + bytes - sizeof check, &check, 1);
}

static bool is_checked(const unsigned char *at, size_t bytes) {
    uint64_t check = jayi_hash(at, bytes - sizeof check, bytes);
    return get_word(at + bytes - sizeof check, 0) == check;
}

static void compose_header(unsigned char *at, uint64_t max_items, uint64_t max_bytes) {
    const uint64_t words[] = {TABLE_FORMAT, max_items, max_bytes};
    memset(at, 0, HEADER_BYTES);
    memcpy(at, magic, sizeof magic);
    put_words(at + sizeof magic, words, 3);
    put_check(at, HEADER_BYTES);
}

static bool header_is_sound(const unsigned char *at) {
    return memcmp(at, magic, sizeof magic) == 0 && is_checked(at, HEADER_BYTES) &&
           get_word(at, 1) == TABLE_FORMAT;
}

static void compose_record(unsigned char *at, const jayi_leaf_record *record) {
    const uint64_t words[] = {(uint64_t)record->state, record->items, record->bytes,
                              record->evictions, record->expiries};
    put_words(at, words, 5);
    put_check(at, RECORD_BYTES);
}

static bool parse_record(const unsigned char *at, jayi_leaf_record *ret_record) {
    *ret_record = (jayi_leaf_record){.state = JAYI_LEAF_UNKNOWN};
    if (!is_checked(at, RECORD_BYTES)) return false;
    for (size_t i = 0; i < 5; i++) {
        if (get_word(at, i) > (i == 0 ? (uint64_t)JAYI_LEAF_UNKNOWN : COUNT_MAX)) return false;
    }
    *ret_record = (jayi_leaf_record){.state = (enum jayi_leaf_state)get_word(at, 0),
                                     .items = get_word(at, 1),
                                     .bytes = get_word(at, 2),
                                     .evictions = get_word(at, 3),
                                     .expiries = get_word(at, 4)};
    return true;
}

static uint64_t record_at(uint32_t leaf) {
    return HEADER_BYTES + (uint64_t)leaf * RECORD_BYTES;
}

/* ---- files ---- */

static int write_at(int fd, const void *bytes, size_t size, uint64_t at) {
    /* The kernel only reads it. */
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    ssize_t written = jayi_files.write_at(fd, &part, 1, at);
    while (written < 0 && errno == EINTR) written = jayi_files.write_at(fd, &part, 1, at);
    if (written == (ssize_t)size) return 0;
    if (written >= 0) errno = ENOSPC;
    return -1;
}

/* Reads exactly so much. */
static bool read_at(int fd, void *buffer, size_t size, uint64_t at) {
    ssize_t got = jayi_files.read_at(fd, buffer, size, at);
    while (got < 0 && errno == EINTR) got = jayi_files.read_at(fd, buffer, size, at);
    if (got >= 0 && got < (ssize_t)size) errno = EIO;
    return got == (ssize_t)size;
}

int jayi_table_format(int fd, uint64_t max_items, uint64_t max_bytes, enum jayi_leaf_state state) {
    unsigned char bytes[TABLE_BYTES];
    const jayi_leaf_record empty = {.state = state};
    compose_header(bytes, max_items, max_bytes);
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES; leaf++)
        compose_record(bytes + record_at(leaf), &empty);
    return write_at(fd, bytes, sizeof bytes, 0);
}

bool jayi_table_limits(int fd, uint64_t *ret_max_items, uint64_t *ret_max_bytes) {
    unsigned char header[HEADER_BYTES];
    struct stat st;
    if (jayi_files.stat(fd, &st) != 0 || st.st_size < (off_t)TABLE_BYTES) return false;
    if (!read_at(fd, header, sizeof header, 0) || !header_is_sound(header)) return false;
    *ret_max_items = get_word(header, 2);
    *ret_max_bytes = get_word(header, 3);
    return true;
}

int jayi_table_set_limits(int fd, uint64_t max_items, uint64_t max_bytes) {
    unsigned char header[HEADER_BYTES];
    compose_header(header, max_items, max_bytes);
    return write_at(fd, header, sizeof header, 0);
}

static int read_failed(const jayi_dir *dir, jay_error *error) {
    return jayi_file_failed("read the table of", dir->path, error);
}

static int damaged(const jayi_dir *dir, jay_error *error) {
    return jay_error_set(error, JAY_E_CORRUPT, 0,
                         "the table of %s is damaged; close the cache and open it again",
                         dir->path);
}

/* Reads a record until it passes its check; one that never does is unknown. */
static int read_record(const jayi_dir *dir, uint32_t leaf, jayi_leaf_record *ret_record,
                       jay_error *error) {
    for (int i = 0; i < ATTEMPTS; i++) {
        unsigned char bytes[RECORD_BYTES];
        if (!read_at(dir->table_fd, bytes, sizeof bytes, record_at(leaf)))
            return read_failed(dir, error);
        if (parse_record(bytes, ret_record)) return JAY_OK;
    }
    return JAY_OK;
}

int jayi_table_read(const jayi_dir *dir, uint32_t leaf, jayi_leaf_record *ret_record,
                    jay_error *error) {
    return read_record(dir, leaf, ret_record, error);
}

int jayi_table_write(const jayi_dir *dir, uint32_t leaf, const jayi_leaf_record *record,
                     jay_error *error) {
    unsigned char bytes[RECORD_BYTES];
    compose_record(bytes, record);
    if (write_at(dir->table_fd, bytes, sizeof bytes, record_at(leaf)) == 0) return JAY_OK;
    return jayi_file_failed("write the table of", dir->path, error);
}

static void add_up(jayi_table *table, const jayi_leaf_record *record) {
    table->items += record->items;
    table->bytes += record->bytes;
    table->evictions += record->evictions;
    table->expiries += record->expiries;
    table->dirty += record->state != JAYI_LEAF_CLEAN;
    table->unknown += record->state == JAYI_LEAF_UNKNOWN;
}

int jayi_table_load(const jayi_dir *dir, jayi_table *ret_table, jay_error *error) {
    unsigned char bytes[TABLE_BYTES];
    if (!read_at(dir->table_fd, bytes, sizeof bytes, 0)) return read_failed(dir, error);
    bool is_sound = header_is_sound(bytes);
    for (int i = 0; i < ATTEMPTS && !is_sound; i++) {
        if (!read_at(dir->table_fd, bytes, HEADER_BYTES, 0)) return read_failed(dir, error);
        is_sound = header_is_sound(bytes);
    }
    if (!is_sound) return damaged(dir, error);
    memset(ret_table, 0, offsetof(jayi_table, leaves));
    ret_table->max_items = get_word(bytes, 2);
    ret_table->max_bytes = get_word(bytes, 3);
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES; leaf++) {
        jayi_leaf_record *record = &ret_table->leaves[leaf];
        if (!parse_record(bytes + record_at(leaf), record)) {
            int status = read_record(dir, leaf, record, error);
            if (status != JAY_OK) return status;
        }
        add_up(ret_table, record);
    }
    return JAY_OK;
}
