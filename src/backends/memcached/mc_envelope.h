/*
 * mc_envelope.h - what is stored with a value that memcached cannot hold as it is.
 *
 * Most values lie on the server bare, with the client flags of whoever stored them. Those that need
 * more have MC_ENVELOPE in their flags, and before the value:
 *
 *     bytes 0..3    "JAY1"
 *     bytes 4..7    the size of the key, or 0
 *     bytes 8..15   when it expires, in milliseconds since 1970, or 0
 *     bytes 16..19  the size of the value
 *     bytes 20..23  the client flags that belong to it
 *     bytes 24..31  the stamp of its parts, or 0: the value follows here
 *     the key
 *
 * numbers with their lowest byte first. The key is there when it is only hashed on the wire, the
 * time when it is beyond what the server can tell, and the stamp when the value is in parts, each
 * under a key made of this one's and the stamp.
 *
 * Servers before 1.6.10 never tell a time, so there each value with one has an envelope that does.
 * They cannot be told to change it without a new cas either: an entry that has been touched has
 * "JAY2" and, before the key,
 *
 *     bytes 32..39  its version, which readers are to see instead of the cas
 */
#ifndef JAYI_MC_ENVELOPE_H
#define JAYI_MC_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MC_ENVELOPE UINT32_C(0x4a590001)
#define MC_ENVELOPE_BYTES 32 /* without a version */
#define MC_ENVELOPE_MAX 40

typedef struct mc_envelope {
    const void *key; /* NULL: none */
    size_t key_size;
    int64_t deadline_ms; /* 0: none */
    uint32_t value_size;
    uint32_t flags;      /* client flags */
    uint64_t stamp;      /* 0: not in parts */
    uint64_t version;    /* 0: the server's cas */
    size_t value_offset; /* where the value begins; set by jayi_mc_envelope_read */
} mc_envelope;

/* Writes all but the key, and returns the size of that. */
size_t jayi_mc_envelope_write(const mc_envelope *envelope, unsigned char out[MC_ENVELOPE_MAX]);

/* Reads and checks; whether the bytes are an envelope with its value. The key points into them. */
bool jayi_mc_envelope_read(const void *bytes, size_t size, mc_envelope *ret_envelope);

#endif
