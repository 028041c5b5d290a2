/*
 * text.c - bytes as text and back.
 */
#include "text.h"

#include <inttypes.h>
#include <string.h>

#include <jaycache/jaycache.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool hex_pair(const char *text, size_t size, char *ret_byte) {
    if (size < 2) return false;
    int high = hex_digit(text[0]);
    int low = hex_digit(text[1]);
    if (high < 0 || low < 0) return false;
    *ret_byte = (char)(high * 16 + low);
    return true;
}

bool cli_unescape(char *text, size_t *size) {
    static const char letters[] = "\\\"'nrt0e";
    static const char meanings[] = "\\\"'\n\r\t\0\033";
    size_t to = 0;
    for (size_t from = 0; from < *size; from++) {
        if (text[from] != '\\') {
            text[to++] = text[from];
            continue;
        }
        if (++from == *size || text[from] == '\0') return false;
        const char *letter = strchr(letters, text[from]);
        if (letter != NULL) {
            text[to++] = meanings[letter - letters];
        } else if (text[from] == 'x' && hex_pair(text + from + 1, *size - from - 1, &text[to])) {
            to++;
            from += 2;
        } else {
            return false;
        }
    }
    if (to < *size) text[to] = '\0';
    *size = to;
    return true;
}

bool cli_unhex(char *text, size_t *size) {
    if (*size % 2 != 0) return false;
    for (size_t i = 0; i < *size; i += 2) {
        if (!hex_pair(text + i, 2, &text[i / 2])) return false;
    }
    *size /= 2;
    return true;
}

/*
 * Decodes one UTF-8 sequence by the table of the Unicode standard: no overlong forms, no
 * surrogates, nothing above U+10FFFF. Returns its length, or 0.
 */
static size_t utf8_decode(const unsigned char *s, size_t size, uint32_t *ret_code) {
    if (s[0] < 0x80) {
        *ret_code = s[0];
        return 1;
    }
    size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || length > size) return 0;
    uint32_t code = s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (s[i] & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    *ret_code = code;
    return length;
}

/* Code points that would move the cursor, hide themselves or turn the direction of the line. */
static bool is_printable(uint32_t code) {
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
    if (code == 0xAD || code == 0xFEFF) return false;
    return !((code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
             (code >= 0x2060 && code <= 0x206F));
}

void cli_write_escaped(FILE *out, const void *data, size_t size) {
    const unsigned char *s = data;
    size_t at = 0;
    while (at < size) {
        uint32_t code = 0;
        size_t length = utf8_decode(s + at, size - at, &code);
        if (length == 0 || !is_printable(code)) {
            if (s[at] == '\n' || s[at] == '\t' || s[at] == '\r') {
                fprintf(out, "\\%c", s[at] == '\n' ? 'n' : s[at] == '\t' ? 't' : 'r');
                at++;
                continue;
            }
            if (length == 0) length = 1;
            for (size_t i = 0; i < length; i++) fprintf(out, "\\x%02x", s[at + i]);
        } else if (code == '\\') {
            fputs("\\\\", out);
        } else {
            fwrite(s + at, 1, length, out);
        }
        at += length;
    }
}

bool cli_is_utf8(const void *data, size_t size) {
    const unsigned char *s = data;
    uint32_t code;
    for (size_t at = 0; at < size;) {
        size_t length = utf8_decode(s + at, size - at, &code);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

void cli_write_base64(FILE *out, const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = data;
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at;
        uint32_t group = (uint32_t)s[at] << 16;
        if (left > 1) group |= (uint32_t)s[at + 1] << 8;
        if (left > 2) group |= s[at + 2];
        putc(digits[group >> 18], out);
        putc(digits[group >> 12 & 63], out);
        putc(left > 1 ? digits[group >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[group & 63] : '=', out);
    }
}

void cli_format_ttl(int64_t ttl_ms, char *text, size_t capacity) {
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    if (ttl_ms == JAY_TTL_FOREVER) {
        snprintf(text, capacity, "forever");
        return;
    }
    size_t u = 0;
    while (u < 4 && ttl_ms < units[u].factor) u++;
    int64_t second = 0;
    if (u < 3) second = ttl_ms % units[u].factor / units[u + 1].factor;
    if (second > 0) {
        snprintf(text, capacity, "%" PRId64 "%s%" PRId64 "%s", ttl_ms / units[u].factor,
                 units[u].name, second, units[u + 1].name);
    } else {
        snprintf(text, capacity, "%" PRId64 "%s", ttl_ms / units[u].factor, units[u].name);
    }
}

#define NEAR_MAX_LENGTH 32

static size_t least_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/*
 * How many letters have to be added, left out, changed or swapped with their neighbour to come from
 * `a` to `b`; rows of the usual table are kept for three letters of `a`, since a swap looks two
 * back.
 */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][NEAR_MAX_LENGTH + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least_of(row[j], least_of(above[j], row[j - 1]) + 1);
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap) row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *cli_nearer(const char *given, const char *best, const char *known) {
    size_t length = strlen(given);
    if (length == 0 || length > NEAR_MAX_LENGTH || strlen(known) > NEAR_MAX_LENGTH) return best;
    size_t distance = edit_distance(given, known);
    if (distance > (length > 4 ? 2 : 1)) return best;
    return best != NULL && edit_distance(given, best) <= distance ? best : known;
}
