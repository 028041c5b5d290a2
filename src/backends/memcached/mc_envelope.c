/*
 * mc_envelope.c - writing and checking envelopes.
 */
#include "backends/memcached/mc_envelope.h"

#include <string.h>

static void put(unsigned char *to, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) to[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t take(const unsigned char *from, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) number |= (uint64_t)from[i] << (8 * i);
    return number;
}

size_t jayi_mc_envelope_write(const mc_envelope *envelope, unsigned char out[MC_ENVELOPE_MAX]) {
    memcpy(out, envelope->version != 0 ? "JAY2" : "JAY1", 4);
    put(out + 4, envelope->key_size, 4);
    put(out + 8, (uint64_t)envelope->deadline_ms, 8);
    put(out + 16, envelope->value_size, 4);
    put(out + 20, envelope->flags, 4);
    put(out + 24, envelope->stamp, 8);
    if (envelope->version == 0) return MC_ENVELOPE_BYTES;
    put(out + MC_ENVELOPE_BYTES, envelope->version, 8);
    return MC_ENVELOPE_MAX;
}

bool jayi_mc_envelope_read(const void *bytes, size_t size, mc_envelope *ret_envelope) {
    const unsigned char *at = bytes;
    if (size < MC_ENVELOPE_BYTES || memcmp(at, "JAY", 3) != 0) return false;
    size_t head = at[3] == '2' ? MC_ENVELOPE_MAX : MC_ENVELOPE_BYTES;
    if ((at[3] != '1' && at[3] != '2') || size < head) return false;
    mc_envelope found = {.key_size = (size_t)take(at + 4, 4),
                         .deadline_ms = (int64_t)take(at + 8, 8),
                         .value_size = (uint32_t)take(at + 16, 4),
                         .flags = (uint32_t)take(at + 20, 4),
                         .stamp = take(at + 24, 8)};
    size_t rest = size - head;
    if (head == MC_ENVELOPE_MAX) found.version = take(at + MC_ENVELOPE_BYTES, 8);
    if (found.deadline_ms < 0 || found.key_size > rest) return false;
    if (found.key_size > 0) found.key = at + head;
    found.value_offset = head + found.key_size;
    uint64_t here = found.stamp == 0 ? found.value_size : 0;
    if (here != rest - found.key_size) return false;
    *ret_envelope = found;
    return true;
}
