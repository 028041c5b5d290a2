/*
 * file_entry.h - what is in the file of an entry, and what the file is called. No I/O.
 *
 *     magic 8 | format 4 | key size 4 | value size 8 | stored 8 | deadline 8 | version 8 |
 *     check of the value 8 | check of all before 8 | key | value | whatever
 *
 * Numbers are little-endian; times are milliseconds since 1970; deadline 0 is for ever. A file may
 * be longer than its entry, because files are used again.
 *
 * The name is a keyed hash of 128 bits of the key, in hexadecimal digits: the first two are
 * folders.
 */
#ifndef JAYI_FILE_ENTRY_H
#define JAYI_FILE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_ENTRY_HEADER 64
#define JAYI_ENTRY_FORMAT 1u
#define JAYI_ENTRY_KEY_MAX (65536u + 1024u)
/* An entry with a time to live that was stored so far in the future belongs to another clock. */
#define JAYI_ENTRY_CLOCK_SLACK_MS 60000

typedef struct jayi_entry {
    uint32_t key_size;
    uint64_t value_size;
    int64_t stored_ms;
    int64_t deadline_ms; /* 0: never */
    uint64_t version;
    uint64_t value_check;
} jayi_entry;

void jayi_entry_compose(const jayi_entry *entry, unsigned char ret_header[JAYI_ENTRY_HEADER]);

/* Reads the header of a file of `file_size` bytes. False: it is none, or the file is too short. */
bool jayi_entry_parse(const unsigned char header[JAYI_ENTRY_HEADER], uint64_t file_size,
                      jayi_entry *ret_entry);

/* The check of a value. */
uint64_t jayi_entry_check(const void *value, size_t size);

/* The same of a value that comes in parts. */
typedef struct jayi_entry_check_state {
    _Alignas(64) unsigned char bytes[576]; /* of the hash: file_entry.c looks that they suffice */
} jayi_entry_check_state;

void jayi_entry_check_begin(jayi_entry_check_state *ret_state, uint64_t size);
void jayi_entry_check_add(jayi_entry_check_state *state, const void *part, size_t size);
uint64_t jayi_entry_check_end(const jayi_entry_check_state *state);

/* Whether an entry's time is over; also when the clock has been set back so far that nobody can
 * tell how old it is. */
bool jayi_entry_is_over(const jayi_entry *entry, int64_t now_ms);

/* ---- names ---- */

#define JAYI_LEAVES 256u /* folders that hold entries: "0/0" to "f/f" */
#define JAYI_FILE_NAME_BYTES 30

typedef struct jayi_name {
    uint32_t leaf;
    char path[4 + JAYI_FILE_NAME_BYTES + 1]; /* "a/b/" and the file's own name */
} jayi_name;

void jayi_name_of(const void *key, size_t key_size, uint64_t seed, jayi_name *ret_name);

static inline const char *jayi_name_file(const jayi_name *name) {
    return name->path + 4;
}

/* "a/b" of a leaf. */
void jayi_leaf_path(uint32_t leaf, char ret_path[4]);

/* Whether a file in a leaf is called as entries are. */
bool jayi_name_is_entry(const char *file);

#endif
