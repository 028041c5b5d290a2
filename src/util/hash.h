/*
 * hash.h - the keyed hash of keys: XXH3 with a random seed, so that nobody outside can choose keys
 * that collide. Its header is compiled in (XXH_INLINE_ALL): short keys are worth it, and programs
 * need no further library to link.
 */
#ifndef JAYI_HASH_H
#define JAYI_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t jayi_hash(const void *key, size_t key_size, uint64_t seed) {
    return XXH3_64bits_withSeed(key, key_size, seed);
}

#endif
