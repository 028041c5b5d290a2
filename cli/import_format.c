/*
 * import_format.c - the files of FileSystemCache.
 */
#include "import_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jaycache/jaycache.h>

#define NUMBER_TEXT_MAX 64 /* characters of a number that is pickled as text */
#define PROTOCOL_MIN 2     /* of values: the highest that Python 2 has */
#define PROTOCOL_MAX 5

/* ---- names ---- */

bool cli_import_is_entry_name(const char *name) {
    size_t size = strspn(name, "0123456789abcdef");
    if (name[size] != '\0') return false;
    return size == 32 || size == 40 || size == 56 || size == 64 || size == 96 || size == 128;
}

bool cli_import_is_own_name(const char *name) {
    static const char suffix[] = ".__wz_cache";
    static const char count[] = "2029240f6d1128be89ddc32729463129"; /* MD5 of __wz_cache_count */
    size_t size = strlen(name);
    if (strcmp(name, count) == 0) return true;
    return size >= sizeof suffix && strcmp(name + size - (sizeof suffix - 1), suffix) == 0;
}

/* ---- a pickled number ---- */

typedef struct reader {
    const unsigned char *bytes;
    size_t size;
    size_t at;
} reader;

/* The next `count` bytes, or NULL where there are fewer. */
static const unsigned char *take(reader *r, size_t count) {
    if (r->size - r->at < count) return NULL;
    const unsigned char *taken = r->bytes + r->at;
    r->at += count;
    return taken;
}

/* A signed or unsigned number of up to 8 bytes, the lowest first. */
static bool take_little(reader *r, size_t count, bool is_signed, double *ret_number) {
    const unsigned char *bytes = take(r, count);
    if (bytes == NULL || count == 0 || count > 8) return false;
    bool is_negative = is_signed && bytes[count - 1] >= 0x80;
    uint64_t number = is_negative ? UINT64_MAX : 0;
    for (size_t i = count; i-- > 0;) number = number << 8 | bytes[i];
    *ret_number = is_negative ? -(double)(0 - number) : (double)number;
    return true;
}

static bool take_double(reader *r, double *ret_number) {
    const unsigned char *bytes = take(r, 8);
    if (bytes == NULL) return false;
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
    memcpy(ret_number, &bits, sizeof bits);
    return !isnan(*ret_number);
}

/* Decimal digits up to a newline; with an L before it, as Python 2 wrote its long integers. */
static bool take_text(reader *r, double *ret_number) {
    char text[NUMBER_TEXT_MAX + 1];
    size_t size = 0;
    for (;;) {
        const unsigned char *byte = take(r, 1);
        if (byte == NULL || size == NUMBER_TEXT_MAX) return false;
        if (*byte == '\n') break;
        text[size++] = (char)*byte;
    }
    if (size > 0 && text[size - 1] == 'L') size--;
    text[size] = '\0';
    if (size == 0 || strspn(text, "0123456789+-.e") != size) return false;
    char *end;
    *ret_number = strtod(text, &end);
    return *end == '\0' && !isnan(*ret_number);
}

/* The operations of a pickle that can make a number; None is 0: it never expires. */
static bool take_operation(reader *r, double *ret_number) {
    const unsigned char *operation = take(r, 1);
    const unsigned char *count;
    if (operation == NULL) return false;
    switch (*operation) {
    case 'N':
        *ret_number = 0;
        return true;
    case 'K':
        return take_little(r, 1, false, ret_number);
    case 'M':
        return take_little(r, 2, false, ret_number);
    case 'J':
        return take_little(r, 4, true, ret_number);
    case 0x8a:
        count = take(r, 1);
        return count != NULL && take_little(r, *count, true, ret_number);
    case 'G':
        return take_double(r, ret_number);
    case 'I':
    case 'L':
    case 'F':
        return take_text(r, ret_number);
    default:
        return false;
    }
}

static bool is_protocol(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x80 && bytes[1] >= PROTOCOL_MIN && bytes[1] <= PROTOCOL_MAX;
}

static bool take_pickled_number(reader *r, double *ret_number) {
    if (is_protocol(r->bytes, r->size)) r->at += 2;
    bool has_frame = r->at < r->size && r->bytes[r->at] == 0x95;
    if (has_frame && take(r, 9) == NULL) return false; /* its length is of no interest */
    if (!take_operation(r, ret_number)) return false;
    const unsigned char *stop = take(r, 1);
    return stop != NULL && *stop == '.';
}

/* ---- files ---- */

/* What a file is if the value begins at `at`. */
static enum cli_import_kind check_value(const unsigned char *bytes, size_t size, size_t at) {
    if (!is_protocol(bytes + at, size - at)) return CLI_IMPORT_FOREIGN;
    /* Every pickle ends with a full stop. */
    return size - at > 2 && bytes[size - 1] == '.' ? CLI_IMPORT_ENTRY : CLI_IMPORT_DAMAGED;
}

enum cli_import_kind cli_import_parse(const unsigned char *bytes, size_t size,
                                      cli_import_entry *ret_entry) {
    reader r = {bytes, size, 0};
    cli_import_entry entry = {0, 0};
    if (size == 0) return CLI_IMPORT_DAMAGED;
    enum cli_import_kind kind = CLI_IMPORT_FOREIGN;
    if (take_pickled_number(&r, &entry.expiry_s)) {
        entry.value_at = r.at;
        kind = check_value(bytes, size, r.at);
    }
    if (kind == CLI_IMPORT_FOREIGN && size >= sizeof(uint32_t)) {
        uint32_t expiry_s;
        memcpy(&expiry_s, bytes, sizeof expiry_s);
        entry = (cli_import_entry){expiry_s, sizeof expiry_s};
        kind = check_value(bytes, size, sizeof expiry_s);
    }
    if (kind == CLI_IMPORT_ENTRY) *ret_entry = entry;
    return kind;
}

int64_t cli_import_ttl_ms(const cli_import_entry *entry, int64_t now_ms) {
    if (entry->expiry_s == 0) return JAY_TTL_FOREVER;
    double left_ms = entry->expiry_s * 1000 - (double)now_ms;
    if (left_ms < 1) return -1;
    return left_ms >= (double)JAY_TTL_MAX_MS ? JAY_TTL_FOREVER : (int64_t)left_ms;
}
