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
 */
#ifndef JAYI_MC_ENVELOPE_H
#define JAYI_MC_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MC_ENVELOPE UINT32_C(0x4a590001)
#define MC_ENVELOPE_BYTES 32

typedef struct mc_envelope {
    const void *key; /* NULL: none */
    size_t key_size;
    int64_t deadline_ms; /* 0: none */
    uint32_t value_size;
    uint32_t flags;      /* client flags */
    uint64_t stamp;      /* 0: not in parts */
    size_t value_offset; /* where the value begins; set by jayi_mc_envelope_read */
} mc_envelope;

/* Writes all but the key. */
void jayi_mc_envelope_write(const mc_envelope *envelope, unsigned char out[MC_ENVELOPE_BYTES]);

/* Reads and checks; whether the bytes are an envelope with its value. The key points into them. */
bool jayi_mc_envelope_read(const void *bytes, size_t size, mc_envelope *ret_envelope);

#endif
