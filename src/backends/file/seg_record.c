/*
 * seg_record.c - composing and checking what is in a segment's file.
 */
#include "backends/file/seg_record.h"

#include <stdio.h>
#include <string.h>

#include "util/wide_hash.h"

#define RECORD_MAGIC 0x0a63726au                   /* "jrc\n" */
#define SEGMENT_MAGIC UINT64_C(0x746d67657379616a) /* "jaysegmt" */
#define TRAILER_MAGIC UINT64_C(0x646e65677379616a) /* "jaysgend" */

#define CHECKED_AT offsetof(jayi_record, position)
#define CHECKED_END offsetof(jayi_record, check)

jayi_key_hash jayi_key_hash_of(const void *key, size_t key_size, uint64_t seed) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(key, key_size, seed);
    return (jayi_key_hash){hash.high64, hash.low64};
}

uint32_t jayi_body_check(const void *key, size_t key_size, const void *value, size_t value_size,
                         uint64_t seed) {
    uint64_t check = jayi_hash(key, key_size, seed);
    if (value_size > 0) check = jayi_wide_hash(value, value_size, check);
    return (uint32_t)(check ^ check >> 32);
}

static uint32_t header_check(const jayi_record *record, uint64_t seed) {
    const unsigned char *bytes = (const unsigned char *)record;
    return (uint32_t)jayi_hash(bytes + CHECKED_AT, CHECKED_END - CHECKED_AT, ~seed);
}

void jayi_record_seal(jayi_record *record, uint64_t seed) {
    record->magic = RECORD_MAGIC;
    record->check = header_check(record, seed);
}

static bool is_kind(uint32_t kind) {
    switch (kind) {
    case JAYI_RECORD_VALUE:
    case JAYI_RECORD_PENDING:
    case JAYI_RECORD_VOID:
    case JAYI_RECORD_ERASED:
    case JAYI_RECORD_TOUCHED:
    case JAYI_RECORD_CLEARED:
        return true;
    default:
        return false;
    }
}

static bool sizes_are_sound(uint32_t kind, uint32_t key_size, uint32_t value_size) {
    if (key_size > JAYI_RECORD_KEY_MAX || value_size > JAYI_RECORD_VALUE_MAX) return false;
    bool has_value =
        kind == JAYI_RECORD_VALUE || kind == JAYI_RECORD_PENDING || kind == JAYI_RECORD_VOID;
    return has_value ? key_size > 0 : value_size == 0;
}

bool jayi_record_is_sound(const jayi_record *record, jayi_position position, uint64_t seed) {
    return record->magic == RECORD_MAGIC && record->position == position && is_kind(record->kind) &&
           record->check == header_check(record, seed) &&
           sizes_are_sound(record->kind, record->key_size, record->value_size) &&
           record->deadline_ms >= 0;
}

/* ---- segments ---- */

static uint64_t segment_check(const jayi_segment_header *header, uint64_t seed) {
    return jayi_hash(header, offsetof(jayi_segment_header, check), seed);
}

void jayi_segment_compose(uint32_t serial, uint32_t capacity, int64_t created_ms, uint64_t seed,
                          jayi_segment_header *ret_header) {
    *ret_header = (jayi_segment_header){.magic = SEGMENT_MAGIC,
                                        .format = JAYI_SEGMENT_FORMAT,
                                        .serial = serial,
                                        .capacity = capacity,
                                        .created_ms = created_ms};
    ret_header->check = segment_check(ret_header, seed);
}

bool jayi_segment_is_sound(const jayi_segment_header *header, uint32_t serial, uint64_t seed) {
    return header->magic == SEGMENT_MAGIC && header->format == JAYI_SEGMENT_FORMAT &&
           header->serial == serial && header->check == segment_check(header, seed) &&
           header->capacity >= JAYI_SEGMENT_HEADER && header->capacity <= JAYI_SEGMENT_BYTES_MAX;
}

void jayi_footer_add(const jayi_record *record, jayi_footer_entry *ret_entry) {
    *ret_entry = (jayi_footer_entry){.hash = record->hash,
                                     .offset = jayi_position_offset(record->position),
                                     .kind = record->kind,
                                     .version = record->version,
                                     .deadline_ms = record->deadline_ms,
                                     .key_size = record->key_size,
                                     .value_size = record->value_size};
}

bool jayi_footer_is_sound(const jayi_footer_entry *entry, uint64_t capacity) {
    return is_kind(entry->kind) &&
           sizes_are_sound(entry->kind, entry->key_size, entry->value_size) &&
           entry->offset >= JAYI_SEGMENT_HEADER && entry->offset % JAYI_RECORD_STEP == 0 &&
           (uint64_t)entry->offset + JAYI_RECORD_HEADER + entry->key_size + entry->value_size <=
               capacity &&
           entry->deadline_ms >= 0;
}

uint64_t jayi_footer_check(uint64_t before, const jayi_footer_entry *entries, size_t count,
                           uint64_t seed) {
    return count == 0 ? before : jayi_hash(entries, count * sizeof *entries, seed ^ before);
}

static uint64_t trailer_check(const jayi_trailer *trailer, uint64_t seed) {
    return jayi_hash(trailer, offsetof(jayi_trailer, check), seed);
}

void jayi_trailer_compose(uint32_t serial, uint64_t footer_at, uint64_t count, uint64_t end,
                          uint64_t entries_check, uint64_t seed, jayi_trailer *ret_trailer) {
    *ret_trailer = (jayi_trailer){.magic = TRAILER_MAGIC,
                                  .format = JAYI_SEGMENT_FORMAT,
                                  .serial = serial,
                                  .footer_at = footer_at,
                                  .count = count,
                                  .end = end,
                                  .entries_check = entries_check};
    ret_trailer->check = trailer_check(ret_trailer, seed);
}

bool jayi_trailer_is_sound(const jayi_trailer *trailer, uint32_t serial, uint64_t file_size,
                           uint64_t seed) {
    if (trailer->magic != TRAILER_MAGIC || trailer->format != JAYI_SEGMENT_FORMAT ||
        trailer->serial != serial || trailer->check != trailer_check(trailer, seed))
        return false;
    if (file_size < JAYI_TRAILER || trailer->footer_at > file_size - JAYI_TRAILER) return false;
    uint64_t room = file_size - JAYI_TRAILER - trailer->footer_at;
    return room % sizeof(jayi_footer_entry) == 0 &&
           trailer->count == room / sizeof(jayi_footer_entry) && trailer->end <= trailer->footer_at;
}

/* ---- names ---- */

static const char name_start[] = "jaycache.s";

void jayi_segment_name(uint32_t serial, char ret_name[JAYI_SEGMENT_NAME_BYTES + 1]) {
    snprintf(ret_name, JAYI_SEGMENT_NAME_BYTES + 1, "%s%08x", name_start, (unsigned)serial);
}

uint32_t jayi_segment_serial(const char *name) {
    uint32_t serial = 0;
    size_t start = sizeof name_start - 1;
    if (strlen(name) != JAYI_SEGMENT_NAME_BYTES || strncmp(name, name_start, start) != 0) return 0;
    for (const char *at = name + start; *at != '\0'; at++) {
        uint32_t digit = *at >= '0' && *at <= '9'   ? (uint32_t)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (uint32_t)(*at - 'a') + 10
                                                    : 16;
        if (digit == 16) return 0;
        serial = serial << 4 | digit;
    }
    return serial;
}
