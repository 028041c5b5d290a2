/*
 * memcached_text.c - memcached's classic text commands.
 */
#include "wire/memcached_text.h"

#include <string.h>

#include "util/digest.h"
#include "wire/memcached_put.h"

#define MARK "JAY1"
#define MARK_BYTES 4

/* ---- keys ---- */

void jayi_mc_text_key_encode_own(char kind, const void *raw, size_t raw_size,
                                 jayi_mc_key *ret_key) {
    unsigned char digest[JAYI_SHA256_BYTES];
    jayi_sha256(raw, raw_size, digest);
    memcpy(ret_key->own, MARK, MARK_BYTES);
    ret_key->own[MARK_BYTES] = kind;
    jayi_digest_text(digest, sizeof digest, ret_key->own + MARK_BYTES + 1);
    ret_key->text = ret_key->own;
    ret_key->size = MARK_BYTES + 1 + 2 * sizeof digest;
    ret_key->is_base64 = false;
    ret_key->is_hashed = true;
}

void jayi_mc_text_key_encode(const void *raw, size_t raw_size, jayi_mc_key *ret_key) {
    bool is_marked = raw_size >= MARK_BYTES && memcmp(raw, MARK, MARK_BYTES) == 0;
    if (is_marked || !jayi_mc_key_is_plain(raw, raw_size)) {
        jayi_mc_text_key_encode_own('k', raw, raw_size, ret_key);
        return;
    }
    ret_key->text = raw;
    ret_key->size = raw_size;
    ret_key->is_base64 = false;
    ret_key->is_hashed = false;
}

/* ---- commands ---- */

static char *put_word(char *to, const jayi_mc_key *key) {
    memcpy(to, key->text, key->size);
    return to + key->size;
}

static char *put_number(char *to, uint64_t number) {
    *to++ = ' ';
    return mc_put_unsigned(to, number);
}

size_t jayi_mc_text_compose_get(char *out, const jayi_mc_key *key) {
    char *to = put_word(mc_put_text(out, "gets "), key);
    return (size_t)(mc_put_text(to, "\r\n") - out);
}

static const char *command_of(char mode) {
    switch (mode) {
    case JAYI_MC_ADD:
        return "add ";
    case JAYI_MC_REPLACE:
        return "replace ";
    case JAYI_MC_CAS:
        return "cas ";
    default:
        return "set ";
    }
}

size_t jayi_mc_text_compose_store(char *out, const jayi_mc_key *key, const jayi_mc_store *store) {
    char *to = put_word(mc_put_text(out, command_of(store->mode)), key);
    to = put_number(to, store->flags);
    to = put_number(to, (uint64_t)store->exptime);
    to = put_number(to, store->value_size);
    if (store->mode == JAYI_MC_CAS) to = put_number(to, store->cas);
    return (size_t)(mc_put_text(to, "\r\n") - out);
}

size_t jayi_mc_text_compose_delete(char *out, const jayi_mc_key *key, uint64_t cas) {
    char *to = put_word(mc_put_text(out, cas != 0 ? "cas " : "delete "), key);
    if (cas != 0) to = mc_put_text(put_number(mc_put_text(to, " 0 -1 0"), cas), "\r\n");
    return (size_t)(mc_put_text(to, "\r\n") - out);
}

size_t jayi_mc_text_compose_add(char *out, const jayi_mc_key *key, uint64_t delta) {
    char *to = put_number(put_word(mc_put_text(out, "incr "), key), delta);
    return (size_t)(mc_put_text(to, "\r\n") - out);
}

/* ---- replies ---- */

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* A line of digits, and the spaces that servers pad numbers with. As jayi_mc_parse. */
static int parse_number(const char *data, size_t size, jayi_mc_reply *ret_reply) {
    size_t digits = 0, at;
    while (digits < size && digits <= 20 && is_digit(data[digits])) digits++;
    if (digits > 20) return -1;
    for (at = digits; at < size && at <= 40 && data[at] == ' ';) at++;
    if (at > 40 || (at < size && data[at] != '\r')) return -1;
    if (at + 2 > size) return 0;
    if (data[at + 1] != '\n') return -1;
    *ret_reply =
        (jayi_mc_reply){.code = JAYI_MC_VA, .ttl_s = -1, .text = data, .text_size = digits};
    return (int)at + 2;
}

/* What replies to classic commands are in the terms of meta commands; there are no others. */
static const struct meaning {
    enum jayi_mc_code classic, meta;
} meanings[] = {{JAYI_MC_VALUE, JAYI_MC_VA},
                {JAYI_MC_END, JAYI_MC_EN},
                {JAYI_MC_STORED, JAYI_MC_HD},
                {JAYI_MC_NOT_STORED, JAYI_MC_NS},
                {JAYI_MC_EXISTS, JAYI_MC_EX},
                {JAYI_MC_NOT_FOUND, JAYI_MC_NF},
                {JAYI_MC_DELETED, JAYI_MC_HD},
                {JAYI_MC_ERROR, JAYI_MC_ERROR},
                {JAYI_MC_CLIENT_ERROR, JAYI_MC_CLIENT_ERROR},
                {JAYI_MC_SERVER_ERROR, JAYI_MC_SERVER_ERROR}};

/* False: it is no reply to a classic command. */
static bool translate(jayi_mc_reply *reply) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].classic != reply->code) continue;
        reply->code = meanings[i].meta;
        reply->has_end = reply->has_value;
        return true;
    }
    return false;
}

int jayi_mc_text_parse(const char *data, size_t size, const jayi_mc_key *key,
                       jayi_mc_reply *ret_reply) {
    if (size > 0 && is_digit(data[0])) return parse_number(data, size, ret_reply);
    jayi_mc_reply reply;
    int used = jayi_mc_parse(data, size, &reply);
    if (used <= 0) return used;
    if (!translate(&reply)) return -1;
    bool is_other = reply.has_value &&
                    (reply.text_size != key->size || memcmp(reply.text, key->text, key->size) != 0);
    if (is_other) return -1;
    *ret_reply = reply;
    return used;
}

/* ---- versions ---- */

bool jayi_mc_text_is_meta_version(const char *text, size_t size) {
    static const unsigned first[3] = {1, 6, 10};
    unsigned parts[3] = {0};
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t begin = at;
        for (; at < size && is_digit(text[at]) && at < begin + 4; at++)
            parts[i] = parts[i] * 10 + (unsigned)(text[at] - '0');
        if (at == begin || (i < 2 && (at == size || text[at] != '.'))) return true;
        at++;
    }
    for (size_t i = 0; i < 3; i++) {
        if (parts[i] != first[i]) return parts[i] > first[i];
    }
    return true;
}
