/*
 * memcached_meta.c - memcached's protocol as text.
 */
#include "wire/memcached_meta.h"

#include <string.h>

#include "util/digest.h"
#include "wire/memcached_put.h"

/* ---- keys ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes `size` bytes as base64 and returns the length: four letters for three bytes begun. */
static size_t encode_base64(const unsigned char *from, size_t size, char *to) {
    char *begin = to;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)from[i] << 16;
        if (left > 1) bits |= (uint32_t)from[i + 1] << 8;
        if (left > 2) bits |= from[i + 2];
        *to++ = base64_digits[bits >> 18];
        *to++ = base64_digits[bits >> 12 & 63];
        *to++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_digits[bits & 63] : '=';
    }
    return (size_t)(to - begin);
}

/* Bits that are set where the protocol does not carry eight bytes as they are. */
static uint64_t find_others(const unsigned char *raw) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t bytes;
    memcpy(&bytes, raw, 8);
    /* The top bit of a byte is set where it is below '!', and where it is 0x7f. Both may find too
     * much, in a byte above one that is found rightly, but never too little. */
    uint64_t rubouts = bytes ^ (ones * 0x7f);
    uint64_t low = (bytes - ones * '!') & ~bytes, rubout = (rubouts - ones) & ~rubouts;
    return (low | rubout) & tops;
}

static inline bool is_plain(const unsigned char *raw, size_t size) {
    if (size > JAYI_MC_KEY_MAX) return false;
    if (size < 8) {
        for (size_t i = 0; i < size; i++) {
            if (raw[i] <= ' ' || raw[i] == 0x7f) return false;
        }
        return true;
    }
    uint64_t others = find_others(raw + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8) others |= find_others(raw + i);
    return others == 0;
}

bool jayi_mc_key_is_plain(const void *key, size_t size) {
    return is_plain(key, size);
}

void jayi_mc_key_encode_own(char kind, const void *raw, size_t raw_size, jayi_mc_key *ret_key) {
    unsigned char form[2 + JAYI_SHA256_BYTES];
    form[0] = '\0';
    form[1] = (unsigned char)kind;
    jayi_sha256(raw, raw_size, form + 2);
    ret_key->size = encode_base64(form, sizeof form, ret_key->own);
    ret_key->text = ret_key->own;
    ret_key->is_base64 = true;
    ret_key->is_hashed = true;
}

void jayi_mc_key_encode(const void *raw, size_t raw_size, jayi_mc_key *ret_key) {
    const unsigned char *bytes = raw;
    ret_key->is_hashed = false;
    if (is_plain(bytes, raw_size)) {
        ret_key->text = raw;
        ret_key->size = raw_size;
        ret_key->is_base64 = false;
    } else if (raw_size <= JAYI_MC_RAW_KEY_MAX && bytes[0] != '\0') {
        ret_key->size = encode_base64(bytes, raw_size, ret_key->own);
        ret_key->text = ret_key->own;
        ret_key->is_base64 = true;
    } else {
        jayi_mc_key_encode_own('k', raw, raw_size, ret_key);
    }
}

/* ---- commands ---- */

/* " X123" */
static char *put_flag(char *to, char flag, uint64_t number) {
    *to++ = ' ';
    *to++ = flag;
    return mc_put_unsigned(to, number);
}

static size_t put_end(char *to, const char *begin, const jayi_mc_key *key) {
    if (key->is_base64) {
        *to++ = ' ';
        *to++ = 'b';
    }
    *to++ = '\r';
    *to++ = '\n';
    return (size_t)(to - begin);
}

size_t jayi_mc_compose_get(char *out, const jayi_mc_key *key, const char *flags) {
    char *to = mc_put_key(out, "mg ", key);
    to = mc_put_text(to, flags);
    return put_end(to, out, key);
}

size_t jayi_mc_compose_touch(char *out, const jayi_mc_key *key, int64_t exptime) {
    char *to = mc_put_key(out, "mg ", key);
    to = put_flag(to, 'T', (uint64_t)exptime);
    to = mc_put_text(to, " f");
    return put_end(to, out, key);
}

size_t jayi_mc_compose_store(char *out, const jayi_mc_key *key, const jayi_mc_store *store) {
    char *to = mc_put_key(out, "ms ", key);
    *to++ = ' ';
    to = mc_put_unsigned(to, store->value_size);
    if (store->exptime != 0) to = put_flag(to, 'T', (uint64_t)store->exptime);
    if (store->flags != 0) to = put_flag(to, 'F', store->flags);
    if (store->mode == JAYI_MC_CAS) {
        to = put_flag(to, 'C', store->cas);
    } else if (store->mode != JAYI_MC_SET) {
        *to++ = ' ';
        *to++ = 'M';
        *to++ = store->mode;
    }
    return put_end(to, out, key);
}

size_t jayi_mc_compose_delete(char *out, const jayi_mc_key *key, uint64_t cas) {
    char *to = mc_put_key(out, "md ", key);
    if (cas != 0) to = put_flag(to, 'C', cas);
    return put_end(to, out, key);
}

size_t jayi_mc_compose_add(char *out, const jayi_mc_key *key, int64_t delta, uint64_t cas) {
    char *to = mc_put_key(out, "ma ", key);
    if (cas != 0) to = put_flag(to, 'C', cas);
    if (delta < 0) to = mc_put_text(to, " MD");
    to = put_flag(to, 'D', delta < 0 ? 0 - (uint64_t)delta : (uint64_t)delta);
    to = mc_put_text(to, " v");
    return put_end(to, out, key);
}

/* ---- replies ---- */

static const struct code_name {
    char text[13];
    unsigned char size;
} code_names[] = {
#define CODE_NAME(name, text) {text, sizeof(text) - 1},
    JAYI_MC_CODE_MAP(CODE_NAME)
#undef CODE_NAME
};

/* Reads digits up to a space or the end. The place behind them, or NULL. */
static const char *take_unsigned(const char *at, const char *end, uint64_t *ret_number) {
    const char *begin = at;
    uint64_t number = 0;
    for (; at < end && *at != ' '; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) return NULL;
        number = number * 10 + digit;
    }
    if (at == begin) return NULL;
    *ret_number = number;
    return at;
}

/* One flag of a meta reply, from its letter on. The place behind it, or NULL. */
static const char *take_flag(const char *at, const char *end, jayi_mc_reply *reply) {
    uint64_t number = 0;
    char letter = *at++;
    switch (letter) {
    case 'c':
        return take_unsigned(at, end, &reply->cas);
    case 'f':
        at = take_unsigned(at, end, &number);
        if (at == NULL || number > UINT32_MAX) return NULL;
        reply->flags = (uint32_t)number;
        return at;
    case 't':
        reply->has_ttl = true;
        reply->ttl_s = -1;
        if (end - at >= 2 && at[0] == '-' && at[1] == '1') return at + 2;
        at = take_unsigned(at, end, &number);
        if (at == NULL || number > INT32_MAX) return NULL;
        reply->ttl_s = (int64_t)number;
        return at;
    default:
        /* Flags that were not asked for say nothing here. */
        while (at < end && *at != ' ') at++;
        return at;
    }
}

static bool take_flags(const char *at, const char *end, jayi_mc_reply *reply) {
    while (at != NULL && at < end) {
        if (*at != ' ') return false;
        if (++at < end && *at != ' ') at = take_flag(at, end, reply);
    }
    return at != NULL;
}

/* VALUE key flags bytes [cas] */
static bool take_value_line(const char *at, const char *end, jayi_mc_reply *reply) {
    const char *space = memchr(at, ' ', (size_t)(end - at));
    uint64_t flags;
    if (space == NULL || space == at) return false;
    reply->text = at;
    reply->text_size = (size_t)(space - at);
    at = take_unsigned(space + 1, end, &flags);
    if (at == NULL || at == end || flags > UINT32_MAX) return false;
    reply->flags = (uint32_t)flags;
    at = take_unsigned(at + 1, end, &reply->value_size);
    if (at != NULL && at < end) at = take_unsigned(at + 1, end, &reply->cas);
    reply->has_value = true;
    return at == end;
}

static bool take_rest(const char *at, const char *end, jayi_mc_reply *reply) {
    switch (reply->code) {
    case JAYI_MC_VA:
        if (at == end) return false;
        reply->has_value = true;
        at = take_unsigned(at + 1, end, &reply->value_size);
        return at != NULL && take_flags(at, end, reply);
    case JAYI_MC_HD:
        return take_flags(at, end, reply);
    case JAYI_MC_VALUE:
        return at < end && take_value_line(at + 1, end, reply);
    default:
        reply->text = at < end ? at + 1 : at;
        reply->text_size = (size_t)(end - reply->text);
        return true;
    }
}

/* The code that a line begins with, and the place behind it, or NULL. */
static const char *take_code(const char *at, const char *end, enum jayi_mc_code *ret_code) {
    for (size_t i = 0; i < sizeof code_names / sizeof code_names[0]; i++) {
        size_t size = code_names[i].size;
        if ((size_t)(end - at) < size || memcmp(at, code_names[i].text, size) != 0) continue;
        if (at + size < end && at[size] != ' ') continue;
        *ret_code = (enum jayi_mc_code)i;
        return at + size;
    }
    return NULL;
}

/* The usual replies are told apart at once. */
static const char *take_usual_code(const char *at, const char *end, enum jayi_mc_code *ret_code) {
    if (end - at > 6 && memcmp(at, "VALUE ", 6) == 0) {
        *ret_code = JAYI_MC_VALUE;
        return at + 5;
    }
    if (end - at < 2 || (end - at > 2 && at[2] != ' ')) return NULL;
    if (at[0] == 'V' && at[1] == 'A') {
        *ret_code = JAYI_MC_VA;
    } else if (at[0] == 'H' && at[1] == 'D') {
        *ret_code = JAYI_MC_HD;
    } else {
        return NULL;
    }
    return at + 2;
}

/* "VA 1024 f0", the usual reply, in one pass: its length with its end, or 0 when it is another. */
static int parse_usual(const char *data, size_t size, jayi_mc_reply *ret_reply) {
    /* Room for a number of nine digits, which cannot overflow, and the rest. */
    if (size < 3 + 9 + 5 || memcmp(data, "VA ", 3) != 0) return 0;
    const char *at = data + 3;
    uint32_t number = 0, digit;
    while ((digit = (uint32_t)(unsigned char)*at - '0') <= 9 && at < data + 12) {
        number = number * 10 + digit;
        at++;
    }
    if (at == data + 3 || memcmp(at, " f0\r\n", 5) != 0) return 0;
    *ret_reply = (jayi_mc_reply){
        .code = JAYI_MC_VA, .has_value = true, .value_size = number, .ttl_s = -1, .text = at + 3};
    return (int)(at - data) + 5;
}

int jayi_mc_parse(const char *data, size_t size, jayi_mc_reply *ret_reply) {
    int usual = parse_usual(data, size, ret_reply);
    if (usual > 0) return usual;
    size_t most = size < JAYI_MC_REPLY_MAX ? size : JAYI_MC_REPLY_MAX;
    const char *newline = most > 0 ? memchr(data, '\n', most) : NULL;
    if (newline == NULL) return size < JAYI_MC_REPLY_MAX ? 0 : -1;
    if (newline == data || newline[-1] != '\r') return -1;
    const char *end = newline - 1;
    *ret_reply = (jayi_mc_reply){.ttl_s = -1, .text = end};
    const char *at = take_usual_code(data, end, &ret_reply->code);
    if (at == NULL) at = take_code(data, end, &ret_reply->code);
    if (at == NULL || !take_rest(at, end, ret_reply)) return -1;
    return (int)(newline + 1 - data);
}

/* Reads up to `most` digits, which cannot overflow, with what must follow. The place behind it. */
static const char *take_digits(const char *at, size_t most, char end, uint64_t *ret_number) {
    const char *last = at + most, *begin = at;
    uint64_t number = 0, digit;
    for (; (digit = (uint64_t)(unsigned char)*at - '0') <= 9 && at < last; at++)
        number = number * 10 + digit;
    *ret_number = number;
    return at > begin && *at == end ? at + 1 : NULL;
}

int jayi_mc_parse_found(const char *data, size_t size, const void *key, size_t key_size,
                        jayi_mc_reply *ret_reply) {
    enum { FLAGS = 9, BYTES = 9, CAS = 19, ENDS = 4 };
    size_t before = 6 + key_size + 1;
    if (size < before + FLAGS + BYTES + CAS + ENDS || memcmp(data, "VALUE ", 6) != 0 ||
        memcmp(data + 6, key, key_size) != 0 || data[before - 1] != ' ')
        return 0;
    uint64_t flags, bytes, cas;
    const char *at = take_digits(data + before, FLAGS, ' ', &flags);
    if (at != NULL) at = take_digits(at, BYTES, ' ', &bytes);
    if (at != NULL) at = take_digits(at, CAS, '\r', &cas);
    if (at == NULL || *at != '\n') return 0;
    *ret_reply = (jayi_mc_reply){.code = JAYI_MC_VALUE,
                                 .has_value = true,
                                 .value_size = bytes,
                                 .flags = (uint32_t)flags,
                                 .cas = cas,
                                 .ttl_s = -1,
                                 .text = data + 6,
                                 .text_size = key_size};
    return (int)(at + 1 - data);
}

int64_t jayi_mc_measure(const char *data, size_t size) {
    jayi_mc_reply reply;
    int used = jayi_mc_parse(data, size, &reply);
    if (used <= 0 || !reply.has_value) return used;
    /* Far beyond what any server holds: rather no reply than a number that runs over. */
    if (reply.value_size > INT32_MAX) return -1;
    size_t whole = (size_t)used + (size_t)reply.value_size + 2;
    if (size >= whole && memcmp(data + whole - 2, "\r\n", 2) != 0) return -1;
    return (int64_t)whole;
}
