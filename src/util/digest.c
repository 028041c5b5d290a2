/*
 * digest.c - MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4) of bytes in memory.
 *
 * All cut the data into blocks of 64 bytes; the last one or two hold the rest, a bit, and the
 * length in bits, which MD5 writes with its lowest byte first and the others with their highest.
 */
#include "util/digest.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 64

typedef void block_fn(uint32_t *state, const unsigned char *block);

static uint32_t rotate_left(uint32_t value, unsigned bits) {
    return value << bits | value >> (32 - bits);
}

static uint32_t rotate_right(uint32_t value, unsigned bits) {
    return value >> bits | value << (32 - bits);
}

/* Runs `fn` over the data and over what completes it. */
static void digest(block_fn *fn, uint32_t *state, const unsigned char *data, size_t size,
                   int is_high_first) {
    unsigned char tail[2 * BLOCK] = {0};
    size_t whole = size / BLOCK * BLOCK, rest = size - whole;
    for (size_t at = 0; at < whole; at += BLOCK) fn(state, data + at);
    if (rest > 0) memcpy(tail, data + whole, rest);
    tail[rest] = 0x80;
    size_t tail_size = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    uint64_t bits = (uint64_t)size * 8;
    for (size_t i = 0; i < 8; i++) {
        size_t place = is_high_first ? tail_size - 1 - i : tail_size - 8 + i;
        tail[place] = (unsigned char)(bits >> (8 * i));
    }
    for (size_t at = 0; at < tail_size; at += BLOCK) fn(state, tail + at);
}

/* ---- MD5 ---- */

/* The whole part of 2^32 |sin(i + 1)|. */
static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static const unsigned char md5_turns[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/* What step i mixes in, and which word of the block it takes. */
static uint32_t md5_mix(unsigned i, uint32_t b, uint32_t c, uint32_t d, unsigned *ret_word) {
    switch (i / 16) {
    case 0:
        *ret_word = i;
        return (b & c) | (~b & d);
    case 1:
        *ret_word = (5 * i + 1) % 16;
        return (d & b) | (~d & c);
    case 2:
        *ret_word = (3 * i + 5) % 16;
        return b ^ c ^ d;
    default:
        *ret_word = 7 * i % 16;
        return c ^ (b | ~d);
    }
}

static void md5_block(uint32_t *state, const unsigned char *block) {
    uint32_t words[16];
    for (size_t i = 0; i < 16; i++) {
        const unsigned char *at = block + 4 * i;
        words[i] = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        unsigned word;
        uint32_t sum = a + md5_mix(i, b, c, d, &word) + md5_sines[i] + words[word];
        a = d;
        d = c;
        c = b;
        b += rotate_left(sum, md5_turns[i / 16][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void jayi_md5(const void *data, size_t size, unsigned char ret_digest[JAYI_MD5_BYTES]) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    digest(md5_block, state, data, size, 0);
    for (size_t i = 0; i < JAYI_MD5_BYTES; i++)
        ret_digest[i] = (unsigned char)(state[i / 4] >> (8 * (i % 4)));
}

/* The sixteen words of a block. */
static void load_high_first(uint32_t *words, const unsigned char *block) {
    for (size_t i = 0; i < 16; i++) {
        const unsigned char *at = block + 4 * i;
        words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
}

/* ---- SHA-1 ---- */

static uint32_t sha1_mix(unsigned i, uint32_t b, uint32_t c, uint32_t d) {
    switch (i / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    default:
        return (b ^ c ^ d) + 0xca62c1d6;
    }
}

static void sha1_block(uint32_t *state, const unsigned char *block) {
    uint32_t words[80];
    load_high_first(words, block);
    for (size_t i = 16; i < 80; i++)
        words[i] = rotate_left(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t sum = rotate_left(a, 5) + sha1_mix(i, b, c, d) + e + words[i];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = sum;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void jayi_sha1(const void *data, size_t size, unsigned char ret_digest[JAYI_SHA1_BYTES]) {
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    digest(sha1_block, state, data, size, 1);
    for (size_t i = 0; i < JAYI_SHA1_BYTES; i++)
        ret_digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- SHA-256 ---- */

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_roots[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_words(uint32_t *words, const unsigned char *block) {
    load_high_first(words, block);
    for (size_t i = 16; i < 64; i++) {
        uint32_t near = words[i - 2], far = words[i - 15];
        uint32_t s0 = rotate_right(far, 7) ^ rotate_right(far, 18) ^ far >> 3;
        uint32_t s1 = rotate_right(near, 17) ^ rotate_right(near, 19) ^ near >> 10;
        words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
}

static void sha256_block(uint32_t *state, const unsigned char *block) {
    uint32_t words[64], v[8];
    sha256_words(words, block);
    memcpy(v, state, sizeof v);
    for (size_t i = 0; i < 64; i++) {
        uint32_t s1 = rotate_right(v[4], 6) ^ rotate_right(v[4], 11) ^ rotate_right(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t first = v[7] + s1 + choice + sha256_roots[i] + words[i];
        uint32_t s0 = rotate_right(v[0], 2) ^ rotate_right(v[0], 13) ^ rotate_right(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += first;
        v[0] = first + s0 + majority;
    }
    for (size_t i = 0; i < 8; i++) state[i] += v[i];
}

void jayi_sha256(const void *data, size_t size, unsigned char ret_digest[JAYI_SHA256_BYTES]) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    digest(sha256_block, state, data, size, 1);
    for (size_t i = 0; i < JAYI_SHA256_BYTES; i++)
        ret_digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void jayi_digest_text(const unsigned char *digest, size_t size, char *ret_digits) {
    for (size_t i = 0; i < size; i++) {
        ret_digits[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        ret_digits[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
}
