/*
 * racy.h - reading and writing bytes that another thread may be writing or reading.
 *
 * Readers copy first and find out afterwards, by a version, whether what they copied was whole
 * (a sequence lock). C11 allows that only with atomic accesses; compilers at hand make of memcpy
 * and memcmp the same loads, only faster. So under ThreadSanitizer, which would rightly complain,
 * bytes move as relaxed atomics, and elsewhere by memcpy, between compiler fences.
 */
#ifndef JAYI_RACY_H
#define JAYI_RACY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define JAYI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JAYI_TSAN 1
#endif
#endif

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(JAYI_TSAN)
#define JAYI_RACY_AVX 1
#define JAYI_RACY_HANDY_MAX 4096
#else
#define JAYI_RACY_HANDY_MAX 128
#endif

/* Whether a value is of a size for which a copy needs no call. */
static inline bool jayi_racy_is_handy(size_t size) {
    return size - 64 <= JAYI_RACY_HANDY_MAX - 64;
}

#ifdef JAYI_TSAN

static inline void jayi_racy_read(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)to)[i] =
            __atomic_load_n((const unsigned char *)from + i, __ATOMIC_RELAXED);
}

static inline void jayi_racy_write(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++)
        __atomic_store_n((unsigned char *)to + i, ((const unsigned char *)from)[i],
                         __ATOMIC_RELAXED);
}

static inline void jayi_racy_zero(void *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        __atomic_store_n((unsigned char *)to + i, (unsigned char)0, __ATOMIC_RELAXED);
}

static inline bool jayi_racy_equal(const void *shared, const void *own, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (__atomic_load_n((const unsigned char *)shared + i, __ATOMIC_RELAXED) !=
            ((const unsigned char *)own)[i])
            return false;
    }
    return true;
}

#else

#ifdef JAYI_RACY_AVX
/*
 * Copies 64 bytes or more. A store waits in the processor until all before it is done, and there is
 * room for some 60 of them. So the widest are used that most processors have, without compiling
 * everything for them.
 */
static inline void jayi_racy_read_avx(unsigned char *to, const unsigned char *from, size_t size) {
    if (size > 128) {
        const unsigned char *last = from + size - 128;
        uintptr_t distance = (uintptr_t)to - (uintptr_t)from;
        to += size - 128;
        __asm__ volatile("1:\n\t"
                         "vmovdqu (%0), %%ymm0\n\t"
                         "vmovdqu 32(%0), %%ymm1\n\t"
                         "vmovdqu 64(%0), %%ymm2\n\t"
                         "vmovdqu 96(%0), %%ymm3\n\t"
                         "vmovdqu %%ymm0, (%0, %1)\n\t"
                         "vmovdqu %%ymm1, 32(%0, %1)\n\t"
                         "vmovdqu %%ymm2, 64(%0, %1)\n\t"
                         "vmovdqu %%ymm3, 96(%0, %1)\n\t"
                         "sub $-128, %0\n\t"
                         "cmp %2, %0\n\t"
                         "jb 1b"
                         : "+r"(from)
                         : "r"(distance), "r"(last)
                         : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3");
        from = last;
        size = 128;
    }
    /* Two halves, which overlap. */
    __asm__ volatile("vmovdqu (%0), %%ymm0\n\t"
                     "vmovdqu 32(%0), %%ymm1\n\t"
                     "vmovdqu -64(%0, %2), %%ymm2\n\t"
                     "vmovdqu -32(%0, %2), %%ymm3\n\t"
                     "vmovdqu %%ymm0, (%1)\n\t"
                     "vmovdqu %%ymm1, 32(%1)\n\t"
                     "vmovdqu %%ymm2, -64(%1, %2)\n\t"
                     "vmovdqu %%ymm3, -32(%1, %2)\n\t"
                     "vzeroupper"
                     :
                     : "r"(from), "r"(to), "r"(size)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3");
}
#endif

static inline void jayi_racy_read_handy(unsigned char *to, const unsigned char *from, size_t size) {
#ifdef JAYI_RACY_AVX
    if (__builtin_expect(__builtin_cpu_supports("avx") != 0, 1)) {
        jayi_racy_read_avx(to, from, size);
        return;
    }
    if (size > 128) {
        memcpy(to, from, size);
        return;
    }
#endif
    memcpy(to, from, 64);
    memcpy(to + size - 64, from + size - 64, 64);
}

static inline void jayi_racy_read(void *to, const void *from, size_t size) {
    atomic_signal_fence(memory_order_seq_cst);
    if (jayi_racy_is_handy(size)) {
        jayi_racy_read_handy(to, from, size);
    } else {
        memcpy(to, from, size);
    }
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void jayi_racy_write(void *to, const void *from, size_t size) {
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(to, from, size);
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void jayi_racy_zero(void *to, size_t size) {
    atomic_signal_fence(memory_order_seq_cst);
    memset(to, 0, size);
    atomic_signal_fence(memory_order_seq_cst);
}

/* Whether two times 8 bytes are the same. */
static inline uint64_t jayi_racy_differ(const unsigned char *a, const unsigned char *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

#ifdef __SSE2__
/* Which of 16 bytes are the same. */
static inline __m128i jayi_racy_same(const unsigned char *a, const unsigned char *b) {
    return _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)a),
                          _mm_loadu_si128((const __m128i *)(const void *)b));
}
#endif

/* Keys are short: most need no call. */
static inline bool jayi_racy_equal(const void *shared, const void *own, size_t size) {
    atomic_signal_fence(memory_order_seq_cst);
    if (size < 8 || size > 32) return memcmp(shared, own, size) == 0;
    const unsigned char *a = shared, *b = own;
#ifdef __SSE2__
    if (size > 16) {
        __m128i is_same =
            _mm_and_si128(jayi_racy_same(a, b), jayi_racy_same(a + size - 16, b + size - 16));
        return _mm_movemask_epi8(is_same) == 0xffff;
    }
#endif
    /* Two or four words, which overlap. */
    uint64_t differ = jayi_racy_differ(a, b) | jayi_racy_differ(a + size - 8, b + size - 8);
    if (size > 16)
        differ |= jayi_racy_differ(a + 8, b + 8) | jayi_racy_differ(a + size - 16, b + size - 16);
    return differ == 0;
}

#endif

/* Relaxed loads and stores, for words behind a lock that others may look at. */
#define jayi_peek(word) atomic_load_explicit((word), memory_order_relaxed)
#define jayi_poke(word, value) atomic_store_explicit((word), (value), memory_order_relaxed)

/* For counts that only the holder of a lock changes. */
#define jayi_bump(word, amount) jayi_poke((word), jayi_peek(word) + (amount))

#endif
