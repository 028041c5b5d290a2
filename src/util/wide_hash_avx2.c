/*
 * wide_hash_avx2.c - the hash, compiled for AVX2 (src/CMakeLists.txt). Nothing else may be in this
 * file: it would run on processors that have no AVX2.
 */
#include "util/wide_hash.h"

#if defined(__x86_64__)
uint64_t jayi_hash_avx2(const void *data, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(data, size, seed);
}
#endif
