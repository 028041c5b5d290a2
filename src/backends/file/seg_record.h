/*
 * seg_record.h - what is in a segment's file. No I/O.
 *
 *     segment header 64 | records, each at a multiple of 16 | (a hole) | footer | trailer 64
 *     record: header 64 | key | value
 *     footer: one of 48 for each record, in their order
 *
 * The trailer ends the file; a segment without one is still being written, or its writer died, and
 * is read record by record. Numbers are little-endian, as the machines are that this library is
 * for; on others the magic numbers do not match.
 *
 * A record carries its own position, and checks that are keyed by the directory's seed: no bytes
 * within a value, nor those of another segment or directory, can pass for a record.
 */
#ifndef JAYI_SEG_RECORD_H
#define JAYI_SEG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_SEGMENT_FORMAT 1u
#define JAYI_RECORD_HEADER 64u
#define JAYI_RECORD_STEP 16u
#define JAYI_RECORD_KEY_MAX (65536u + 1024u)
#define JAYI_RECORD_VALUE_MAX (UINT32_C(1) << 30)
#define JAYI_SEGMENT_BYTES_MAX ((UINT32_C(1) << 31) - 4096u)

/* Where a record is: the serial of its segment, and its offset there. Later ones are greater. */
typedef uint64_t jayi_position;

static inline jayi_position jayi_position_make(uint32_t serial, uint32_t offset) {
    return (uint64_t)serial << 32 | offset;
}

static inline uint32_t jayi_position_serial(jayi_position position) {
    return (uint32_t)(position >> 32);
}

static inline uint32_t jayi_position_offset(jayi_position position) {
    return (uint32_t)position;
}

/* The keyed hash that stands for a key in the index. */
typedef struct jayi_key_hash {
    uint64_t high;
    uint64_t low;
} jayi_key_hash;

jayi_key_hash jayi_key_hash_of(const void *key, size_t key_size, uint64_t seed);

/* Far from each other, since no check covers them: a kind changes after the record is written. */
enum jayi_record_kind {
    JAYI_RECORD_VALUE = 0x76616c75,   /* the key has this value */
    JAYI_RECORD_PENDING = 0x70656e64, /* it may have: what it had before is not valid any more */
    JAYI_RECORD_VOID = 0x766f6964,    /* nothing came of it */
    JAYI_RECORD_ERASED = 0x65726173,  /* the key has none */
    JAYI_RECORD_TOUCHED = 0x746f7563, /* the value at position `version` has another deadline */
    JAYI_RECORD_CLEARED = 0x636c6561  /* nothing from before is valid, whose key begins with this */
};

typedef struct jayi_record {
    uint32_t magic;
    uint32_t kind;
    jayi_position position;
    jayi_key_hash hash;
    uint64_t version;
    int64_t deadline_ms; /* real time; 0: never */
    uint32_t key_size;
    uint32_t value_size;
    uint32_t body_check; /* of key and value */
    uint32_t check;      /* of all before but magic and kind */
} jayi_record;

_Static_assert(sizeof(jayi_record) == JAYI_RECORD_HEADER, "a header has no padding");

#define JAYI_RECORD_KIND_AT 4u

/* The check of a record's key and value. */
uint32_t jayi_body_check(const void *key, size_t key_size, const void *value, size_t value_size,
                         uint64_t seed);

/* Completes a record of which position to value_size, and body_check, are filled in. */
void jayi_record_seal(jayi_record *record, uint64_t seed);

/* Whether this is the header of a record that was written at that position. Its sizes are then such
 * as we write; whether its body is whole, body_check tells. */
bool jayi_record_is_sound(const jayi_record *record, jayi_position position, uint64_t seed);

/* What a record takes in its segment, from sizes that are within the limits. */
static inline uint32_t jayi_record_bytes(uint64_t key_size, uint64_t value_size) {
    return (uint32_t)((JAYI_RECORD_HEADER + key_size + value_size + JAYI_RECORD_STEP - 1) /
                      JAYI_RECORD_STEP * JAYI_RECORD_STEP);
}

/* ---- segments ---- */

typedef struct jayi_segment_header {
    uint64_t magic;
    uint32_t format;
    uint32_t serial;
    uint64_t capacity; /* records end before this */
    int64_t created_ms;
    uint64_t zeros[3];
    uint64_t check;
} jayi_segment_header;

#define JAYI_SEGMENT_HEADER 64u
_Static_assert(sizeof(jayi_segment_header) == JAYI_SEGMENT_HEADER, "no padding");

void jayi_segment_compose(uint32_t serial, uint32_t capacity, int64_t created_ms, uint64_t seed,
                          jayi_segment_header *ret_header);
bool jayi_segment_is_sound(const jayi_segment_header *header, uint32_t serial, uint64_t seed);

typedef struct jayi_footer_entry {
    jayi_key_hash hash;
    uint32_t offset;
    uint32_t kind;
    uint64_t version;
    int64_t deadline_ms;
    uint32_t key_size;
    uint32_t value_size;
} jayi_footer_entry;

_Static_assert(sizeof(jayi_footer_entry) == 48, "no padding");

typedef struct jayi_trailer {
    uint64_t magic;
    uint32_t format;
    uint32_t serial;
    uint64_t footer_at;
    uint64_t count;
    uint64_t end; /* of the last record */
    uint64_t entries_check;
    uint64_t zero;
    uint64_t check;
} jayi_trailer;

#define JAYI_TRAILER 64u
_Static_assert(sizeof(jayi_trailer) == JAYI_TRAILER, "no padding");

void jayi_footer_add(const jayi_record *record, jayi_footer_entry *ret_entry);

/* Whether an entry's record can lie in a segment of that capacity. */
bool jayi_footer_is_sound(const jayi_footer_entry *entry, uint64_t capacity);

/* The check of entries, to be called for each part of them in turn, at first with 0. */
uint64_t jayi_footer_check(uint64_t before, const jayi_footer_entry *entries, size_t count,
                           uint64_t seed);

void jayi_trailer_compose(uint32_t serial, uint64_t footer_at, uint64_t count, uint64_t end,
                          uint64_t entries_check, uint64_t seed, jayi_trailer *ret_trailer);

/* Whether this trailer ends a file of `file_size` bytes of that segment. */
bool jayi_trailer_is_sound(const jayi_trailer *trailer, uint32_t serial, uint64_t file_size,
                           uint64_t seed);

/* ---- names ---- */

#define JAYI_SEGMENT_NAME_BYTES 18 /* "jaycache.s" and eight digits */

void jayi_segment_name(uint32_t serial, char ret_name[JAYI_SEGMENT_NAME_BYTES + 1]);

/* The serial that a name stands for; 0: it is none. */
uint32_t jayi_segment_serial(const char *name);

#endif
