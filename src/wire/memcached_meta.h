/*
 * memcached_meta.h - memcached's protocol as text: composes commands and reads the heads of
 * replies.
 *
 * Nothing here reads or writes a socket. A command is composed into a buffer of the caller's of at
 * least JAYI_MC_LINE_MAX bytes; the value of a store, and the "\r\n" behind it, follow it. A
 * reply's head is one line, read from the front of whatever bytes have arrived; the value, where it
 * has one, follows as value_size bytes and "\r\n".
 *
 * Keys. The protocol carries 1 to 250 bytes without spaces and control bytes. A key like that goes
 * as it is. Another goes in base64, which the server takes off again, if it has at most 186 bytes
 * and does not begin with a NUL byte. Any other is hashed: a NUL byte, a 'k' and its SHA-256, in
 * base64. So no two keys have the same form, short of a collision of SHA-256, and no key can end a
 * command or begin another.
 */
#ifndef JAYI_MEMCACHED_META_H
#define JAYI_MEMCACHED_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_MC_KEY_MAX 250
#define JAYI_MC_RAW_KEY_MAX 186 /* what fits 250 bytes of base64 */
#define JAYI_MC_LINE_MAX 512    /* no command that is composed here is longer */
#define JAYI_MC_REPLY_MAX 1024  /* a longer line is no reply */
#define JAYI_MC_EXPTIME_MAX INT32_MAX
#define JAYI_MC_RELATIVE_MAX 2592000 /* seconds; above, a time is a date */

typedef struct jayi_mc_key {
    const char *text; /* what goes on the wire: the caller's bytes, or `own` */
    size_t size;
    bool is_base64;
    bool is_hashed; /* the value must say which key it belongs to */
    char own[JAYI_MC_KEY_MAX + 2];
} jayi_mc_key;

/* Whether a key goes on the wire as it is. */
bool jayi_mc_key_is_plain(const void *key, size_t size);

/* Encodes a key of 1 or more bytes, which must stay where it is while *ret_key is used. */
void jayi_mc_key_encode(const void *raw, size_t raw_size, jayi_mc_key *ret_key);

/* A key for the library's own use, which no caller's key is encoded to; `kind` is a letter but 'k'.
 */
void jayi_mc_key_encode_own(char kind, const void *raw, size_t raw_size, jayi_mc_key *ret_key);

/* ---- commands; each returns the bytes composed ---- */

/* mg: `flags` is what to return and do, each with a space before: " v f c". */
size_t jayi_mc_compose_get(char *out, const jayi_mc_key *key, const char *flags);

/* mg with T: a new time, and the client flags asked for. */
size_t jayi_mc_compose_touch(char *out, const jayi_mc_key *key, int64_t exptime);

enum jayi_mc_mode {
    JAYI_MC_SET = 'S',
    JAYI_MC_ADD = 'E',
    JAYI_MC_REPLACE = 'R',
    JAYI_MC_CAS = 'C'
};

typedef struct jayi_mc_store {
    size_t value_size;
    int64_t exptime; /* 0: never; relative or a date in seconds */
    uint64_t cas;    /* for JAYI_MC_CAS */
    uint32_t flags;  /* client flags */
    char mode;       /* enum jayi_mc_mode */
} jayi_mc_store;

/* ms, up to the value. */
size_t jayi_mc_compose_store(char *out, const jayi_mc_key *key, const jayi_mc_store *store);

/* md; `cas` 0: whatever is there. */
size_t jayi_mc_compose_delete(char *out, const jayi_mc_key *key, uint64_t cas);

/* ma: adds, or subtracts where `delta` is negative, if the entry's cas is this one
 * (0: in any case). */
size_t jayi_mc_compose_add(char *out, const jayi_mc_key *key, int64_t delta, uint64_t cas);

/* ---- replies ---- */

#define JAYI_MC_CODE_MAP(X)         \
    X(HD, "HD")                     \
    X(VA, "VA")                     \
    X(EN, "EN")                     \
    X(NF, "NF")                     \
    X(NS, "NS")                     \
    X(EX, "EX")                     \
    X(MN, "MN")                     \
    X(OK, "OK")                     \
    X(END, "END")                   \
    X(VALUE, "VALUE")               \
    X(STAT, "STAT")                 \
    X(STORED, "STORED")             \
    X(NOT_STORED, "NOT_STORED")     \
    X(EXISTS, "EXISTS")             \
    X(NOT_FOUND, "NOT_FOUND")       \
    X(DELETED, "DELETED")           \
    X(TOUCHED, "TOUCHED")           \
    X(VERSION, "VERSION")           \
    X(ERROR, "ERROR")               \
    X(CLIENT_ERROR, "CLIENT_ERROR") \
    X(SERVER_ERROR, "SERVER_ERROR")

enum jayi_mc_code {
#define JAYI_MC_CODE_ENUM(name, text) JAYI_MC_##name,
    JAYI_MC_CODE_MAP(JAYI_MC_CODE_ENUM)
#undef JAYI_MC_CODE_ENUM
};

typedef struct jayi_mc_reply {
    enum jayi_mc_code code;
    bool has_value; /* value_size bytes and "\r\n" follow the line (VA, VALUE) */
    bool has_ttl;
    bool has_end;   /* a line END follows the value (memcached_text.h) */
    uint32_t flags; /* client flags, 0 where there were none */
    uint64_t value_size;
    uint64_t cas;     /* 0 where there was none */
    int64_t ttl_s;    /* -1: never */
    const char *text; /* what follows the code and a space: of VALUE the key, else the whole rest */
    size_t text_size;
} jayi_mc_reply;

/*
 * Reads the line at the front of `size` bytes. Returns its length with its end, 0 when it has not
 * arrived whole, or -1 when it is no reply.
 */
int jayi_mc_parse(const char *data, size_t size, jayi_mc_reply *ret_reply);

/* The same for the usual reply to `gets` only, the VALUE of this key; 0: it is another, or not
 * there whole. */
int jayi_mc_parse_found(const char *data, size_t size, const void *key, size_t key_size,
                        jayi_mc_reply *ret_reply);

/* The length of the whole reply at the front of some bytes, of which not all may have arrived; 0
 * when that is not known yet, -1 when it is no reply. */
int64_t jayi_mc_measure(const char *data, size_t size);

#endif
