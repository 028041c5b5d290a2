/*
 * file_entry.c - composing and parsing the files of entries.
 */
#include "backends/file/file_entry.h"

#include <endian.h>
#include <string.h>

#include "util/wide_hash.h"

#define CHECKED_BYTES (JAYI_ENTRY_HEADER - sizeof(uint64_t))

static const char magic[8] = {'j', 'a', 'y', 'e', 'n', 't', 'r', 'y'};
static const char digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

static void put32(unsigned char *at, uint32_t number) {
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static void put64(unsigned char *at, uint64_t number) {
    number = htole64(number);
    memcpy(at, &number, sizeof number);
}

static uint32_t get32(const unsigned char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static uint64_t get64(const unsigned char *at) {
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return le64toh(number);
}

void jayi_entry_compose(const jayi_entry *entry, unsigned char ret_header[JAYI_ENTRY_HEADER]) {
    memcpy(ret_header, magic, sizeof magic);
    put32(ret_header + 8, JAYI_ENTRY_FORMAT);
    put32(ret_header + 12, entry->key_size);
    put64(ret_header + 16, entry->value_size);
    put64(ret_header + 24, (uint64_t)entry->stored_ms);
    put64(ret_header + 32, (uint64_t)entry->deadline_ms);
    put64(ret_header + 40, entry->version);
    put64(ret_header + 48, entry->value_check);
    put64(ret_header + 56, jayi_hash(ret_header, CHECKED_BYTES, 0));
}

bool jayi_entry_parse(const unsigned char header[JAYI_ENTRY_HEADER], uint64_t file_size,
                      jayi_entry *ret_entry) {
    if (file_size < JAYI_ENTRY_HEADER || memcmp(header, magic, sizeof magic) != 0) return false;
    if (get32(header + 8) != JAYI_ENTRY_FORMAT) return false;
    if (get64(header + 56) != jayi_hash(header, CHECKED_BYTES, 0)) return false;
    jayi_entry entry = {.key_size = get32(header + 12),
                        .value_size = get64(header + 16),
                        .stored_ms = (int64_t)get64(header + 24),
                        .deadline_ms = (int64_t)get64(header + 32),
                        .version = get64(header + 40),
                        .value_check = get64(header + 48)};
    uint64_t room = file_size - JAYI_ENTRY_HEADER;
    if (entry.key_size == 0 || entry.key_size > JAYI_ENTRY_KEY_MAX || entry.key_size > room)
        return false;
    if (entry.value_size > room - entry.key_size || entry.version == 0) return false;
    if (entry.deadline_ms < 0 || entry.stored_ms < 0) return false;
    *ret_entry = entry;
    return true;
}

uint64_t jayi_entry_check(const void *value, size_t size) {
    return jayi_wide_hash(value, size, size);
}

_Static_assert(sizeof(jayi_entry_check_state) >= sizeof(XXH3_state_t), "the state of a hash");

void jayi_entry_check_begin(jayi_entry_check_state *ret_state, uint64_t size) {
    XXH3_state_t *state = (XXH3_state_t *)(void *)ret_state;
    XXH3_INITSTATE(state);
    XXH3_64bits_reset_withSeed(state, size);
}

void jayi_entry_check_add(jayi_entry_check_state *state, const void *part, size_t size) {
    XXH3_64bits_update((XXH3_state_t *)(void *)state, part, size);
}

uint64_t jayi_entry_check_end(const jayi_entry_check_state *state) {
    return XXH3_64bits_digest((const XXH3_state_t *)(const void *)state);
}

bool jayi_entry_is_over(const jayi_entry *entry, int64_t now_ms) {
    if (entry->deadline_ms == 0) return false;
    return now_ms >= entry->deadline_ms || now_ms < entry->stored_ms - JAYI_ENTRY_CLOCK_SLACK_MS;
}

/* ---- names ---- */

static void put_digits(uint64_t number, char ret_text[16]) {
    for (int i = 15; i >= 0; i--, number >>= 4) ret_text[i] = digits[number & 15];
}

void jayi_name_of(const void *key, size_t key_size, uint64_t seed, jayi_name *ret_name) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(key, key_size, seed);
    char text[32];
    put_digits(hash.high64, text);
    put_digits(hash.low64, text + 16);
    ret_name->leaf = (uint32_t)(hash.high64 >> 56);
    ret_name->path[0] = text[0];
    ret_name->path[1] = '/';
    ret_name->path[2] = text[1];
    ret_name->path[3] = '/';
    memcpy(ret_name->path + 4, text + 2, JAYI_FILE_NAME_BYTES);
    ret_name->path[4 + JAYI_FILE_NAME_BYTES] = '\0';
}

void jayi_leaf_path(uint32_t leaf, char ret_path[4]) {
    ret_path[0] = digits[leaf >> 4 & 15];
    ret_path[1] = '/';
    ret_path[2] = digits[leaf & 15];
    ret_path[3] = '\0';
}

bool jayi_name_is_entry(const char *file) {
    size_t size = 0;
    for (; file[size] != '\0'; size++) {
        bool is_digit =
            (file[size] >= '0' && file[size] <= '9') || (file[size] >= 'a' && file[size] <= 'f');
        if (!is_digit || size == JAYI_FILE_NAME_BYTES) return false;
    }
    return size == JAYI_FILE_NAME_BYTES;
}
