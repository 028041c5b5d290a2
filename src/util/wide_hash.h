/*
 * wide_hash.h - the hash of hash.h for values: the same result, with the widest instructions that
 * the processor has. Those of every x86-64 make it three times slower.
 */
#ifndef JAYI_WIDE_HASH_H
#define JAYI_WIDE_HASH_H

#include "util/hash.h"

#if defined(__x86_64__)
/* Only where the processor has AVX2. */
uint64_t jayi_hash_avx2(const void *data, size_t size, uint64_t seed);
#endif

#define JAYI_WIDE_HASH_LEAST 512 /* bytes: for less there is nothing to gain */

static inline uint64_t jayi_wide_hash(const void *data, size_t size, uint64_t seed) {
#if defined(__x86_64__)
    if (size >= JAYI_WIDE_HASH_LEAST && __builtin_cpu_supports("avx2"))
        return jayi_hash_avx2(data, size, seed);
#endif
    return jayi_hash(data, size, seed);
}

#endif
