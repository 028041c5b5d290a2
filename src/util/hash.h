/*
 * hash.h - the keyed hash of keys: XXH3 with a random seed, so that nobody outside can choose keys
 * that collide. Its header is compiled in (XXH_INLINE_ALL): short keys are worth it, and programs
 * need no further library to link.
 */
#ifndef JAYI_HASH_H
#define JAYI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t jayi_hash(const void *key, size_t key_size, uint64_t seed) {
    return XXH3_64bits_withSeed(key, key_size, seed);
}

/*
 * The same for keys of 17 to 32 bytes, which most are, with what depends on the seed alone worked
 * out before: less than half of the instructions, and no call. From the description of XXH3
 * (xxHash, doc/xxhash_spec.md): the key's first and last 16 bytes, each multiplied to 128 bits and
 * folded.
 */
#define JAYI_HASH_SHORT_MIN 17
#define JAYI_HASH_SHORT_MAX 32

typedef struct jayi_hash_keys {
    uint64_t words[4];
} jayi_hash_keys;

static inline jayi_hash_keys jayi_hash_keys_of(uint64_t seed) {
    /* The first 32 bytes of XXH3's default secret. */
    return (jayi_hash_keys){
        {UINT64_C(0xbe4ba423396cfeb8) + seed, UINT64_C(0x1cad21f72c81017c) - seed,
         UINT64_C(0xdb979083e96dd4de) + seed, UINT64_C(0x1f67b3b7a4a44072) - seed}};
}

static inline uint64_t jayi_hash_word(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t jayi_hash_fold(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t jayi_hash_short(const jayi_hash_keys *keys, const void *key,
                                       size_t key_size) {
    const unsigned char *head = key, *tail = head + key_size - 16;
    const uint64_t *words = keys->words;
    uint64_t hash = key_size * UINT64_C(0x9e3779b185ebca87);
    hash += jayi_hash_fold(jayi_hash_word(head) ^ words[0], jayi_hash_word(head + 8) ^ words[1]);
    hash += jayi_hash_fold(jayi_hash_word(tail) ^ words[2], jayi_hash_word(tail + 8) ^ words[3]);
    hash = (hash ^ hash >> 37) * UINT64_C(0x165667919e3779f9);
    return hash ^ hash >> 32;
}

#endif
