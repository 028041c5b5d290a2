/*
 * index.h - from a key to its item.
 *
 * A shard's index is a row of buckets that grows by one bucket at a time (linear hashing: Litwin,
 * VLDB 1980, and see jayi_bucket_number), spread over chunks that a directory names. An entry is in
 * the first of two buckets that its hash names, or in the second where the first was full.
 *
 * Readers take no lock: they note the bucket's version, look, and afterwards make sure that the
 * version is the same. Whoever changes a slot so that an entry could be missed or its memory reused
 * raises the version after the change and before the memory is touched.
 */
#ifndef JAYI_INDEX_H
#define JAYI_INDEX_H

#include "engine/region.h"

#if defined(__SSE2__) && !defined(JAYI_TSAN)
#include <emmintrin.h>
#endif

/* Where an entry was found. */
typedef struct jayi_ref {
    jayi_bucket *bucket;
    uint32_t slot;
    uint64_t word; /* of the slot */
    uint64_t hash;
    jayi_item *item;
} jayi_ref;

/* The bucket of a number, or NULL when the directory makes no sense. */
static inline jayi_bucket *jayi_bucket_at(const jayi_region *region, uint32_t shard,
                                          uint32_t bucket) {
    uint32_t at = bucket >> region->bucket_shift;
    if (at >= region->directory_size) return NULL;
    uint32_t chunk =
        atomic_load_explicit(&region->directories[(size_t)shard * region->directory_size + at],
                             memory_order_acquire) -
        1;
    if (chunk >= region->chunk_count) return NULL;
    unsigned char *address = jayi_chunk_at(region, chunk);
    if (address == NULL) __builtin_unreachable(); /* spares callers that inline this a check */
    return (jayi_bucket *)(void *)address + (bucket & region->bucket_mask);
}

/*
 * The bucket number of 32 bits of hash among `count` (1 or more).
 *
 * Between two powers of two, low and 2 low, an entry is in the bucket that 2 low buckets would give
 * it or, as long as that one is not there, in one that lies `low` or half of that below. So growth
 * goes by halves of `low`, in which two buckets share with a third, then three with a fourth:
 * "partial expansions" (Larson: "Linear hashing with partial expansions", VLDB 1980), here so that
 * an entry moves into the added bucket or not at all. Plain linear hashing fills buckets
 * twice as much before as after their turn, and so has many more entries in their second bucket.
 */
static inline uint32_t jayi_bucket_number(uint32_t bits, uint32_t count) {
    uint32_t low = 1u << (31 - __builtin_clz(count));
    uint32_t number = bits & (low + low - 1);
    uint32_t below = number & (low - 1);
    uint32_t between = low + (number & (low / 2 - 1) & (low - 1));
    bool is_between = (number & (low / 2)) != 0 && bits >> 31 != 0 && between < count;
    return number < count ? number : is_between ? between : below;
}

static inline uint32_t jayi_first_bits(uint64_t hash) {
    return (uint32_t)hash;
}

static inline uint32_t jayi_second_bits(uint64_t hash) {
    return (uint32_t)((hash * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

/* Whether a slot may be that of a hash: occupied, with the same tag. */
static inline bool jayi_tag_matches(uint64_t slot, uint64_t hash) {
    return (slot ^ hash) >> JAYI_TAG_SHIFT == 0 && !jayi_slot_is_empty(slot);
}

/*
 * The slots of a bucket whose tags match, a bit each; an empty one may be among them. Others may
 * change the bucket meanwhile: whoever reads without the lock loads the slot again and looks at the
 * version in the end, as always.
 *
 * All slots are looked at without a branch. Which of them matches nobody can predict, and as long
 * as the processor guesses wrong, it cannot begin the next lookup while this one waits for memory.
 */
static inline uint32_t jayi_bucket_matches(const jayi_bucket *bucket, uint64_t hash) {
#if defined(__SSE2__) && !defined(JAYI_TSAN)
    /* The upper halves of the eight words, the version's first. */
    const __m128i *words = (const __m128i *)(const void *)bucket;
    __m128i low = _mm_castps_si128(
        _mm_shuffle_ps(_mm_castsi128_ps(words[0]), _mm_castsi128_ps(words[1]), 0xdd));
    __m128i high = _mm_castps_si128(
        _mm_shuffle_ps(_mm_castsi128_ps(words[2]), _mm_castsi128_ps(words[3]), 0xdd));
    const __m128i tag = _mm_set1_epi32((int)(uint32_t)(hash >> JAYI_TAG_SHIFT));
    const int shift = JAYI_TAG_SHIFT - 32;
    low = _mm_cmpeq_epi32(_mm_srli_epi32(low, shift), tag);
    high = _mm_cmpeq_epi32(_mm_srli_epi32(high, shift), tag);
    uint32_t matches = (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) |
                       (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
    return matches & 0xfe;
#else
    uint32_t matches = 0;
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&bucket->slots[i]);
        matches |= (uint32_t)((word ^ hash) >> JAYI_TAG_SHIFT == 0) << (i + 1);
    }
    return matches;
#endif
}

/* The first slot of those that match. */
static inline uint32_t jayi_match_slot(uint32_t matches) {
    return (uint32_t)__builtin_ctz(matches) - 1;
}

/* Whether an item at a sane place, of these sizes, ends within the region. */
static inline bool jayi_sizes_are_sane(const jayi_region *region, jayi_place place,
                                       jayi_sizes sizes) {
    return (uint64_t)place * JAYI_UNIT + sizes.header + sizes.key_size + sizes.value_size + 1 <=
           region->region_bytes;
}

/* Has the first bucket of a hash brought in; NULL: there is none. */
static inline jayi_bucket *jayi_index_prefetch(const jayi_region *region, uint64_t hash) {
    uint32_t number = jayi_shard_of(region, hash);
    uint32_t count =
        atomic_load_explicit(&region->shards[number].bucket_count, memory_order_acquire);
    if (count == 0) return NULL;
    uint32_t at = jayi_bucket_number(jayi_first_bits(hash), count);
    jayi_bucket *bucket = jayi_bucket_at(region, number, at);
    if (bucket != NULL) __builtin_prefetch(bucket);
    return bucket;
}

/* Has the item of a slot that matches brought in, which waits for the bucket. */
static inline void jayi_index_prefetch_item(const jayi_region *region, const jayi_bucket *bucket,
                                            uint64_t hash) {
    uint32_t matches = bucket != NULL ? jayi_bucket_matches(bucket, hash) : 0;
    if (matches == 0) return;
    jayi_place place = jayi_slot_place(jayi_peek(&bucket->slots[jayi_match_slot(matches)]));
    if (!jayi_place_is_sane(region, place)) return;
    const unsigned char *item = (const unsigned char *)jayi_item_at(region, place);
    __builtin_prefetch(item);
    __builtin_prefetch(item + JAYI_LINE);
    __builtin_prefetch(item + 2 * JAYI_LINE);
}

/* ---- with the shard's lock ---- */

/* Finds a key's entry, expired or not. False: there is none. */
bool jayi_index_find(jayi_region *region, jayi_shard *shard, uint64_t hash, const void *key,
                     size_t key_size, jayi_ref *ret_ref);

/* Finds the entry of an item that is linked. */
bool jayi_index_find_item(jayi_region *region, jayi_shard *shard, jayi_place place,
                          jayi_ref *ret_ref);

/* Links an item whose key is not there. False: both buckets are full, and stay so. */
bool jayi_index_insert(jayi_region *region, jayi_shard *shard, uint64_t hash, jayi_place place,
                       uint32_t frequency);

/* Puts another item in an entry's place, or none (word 0). With a full fence behind. */
void jayi_index_store(jayi_ref *ref, uint64_t word);

/* Sends the entries of a bucket for which it is the second one home to their first, where there is
 * room now. */
void jayi_index_tidy(jayi_region *region, jayi_shard *shard, jayi_bucket *bucket);

/* Whether the index should have one more bucket before another entry comes. */
bool jayi_index_is_short(const jayi_shard *shard);

/* Adds a bucket; false when that needs a chunk and `chunk` is JAYI_NO_CHUNK, or none can be added.
 * A chunk that is not JAYI_NO_CHUNK has been claimed for it, and is used only if one is needed. */
bool jayi_index_grow(jayi_region *region, jayi_shard *shard);

/* Whether the next bucket begins a new chunk, and the directory has room for it. */
bool jayi_index_wants_chunk(const jayi_region *region, const jayi_shard *shard);

/* Says how many buckets there are, which readers then look at. */
void jayi_index_set_count(jayi_shard *shard, uint32_t count);

/* Hands it a claimed chunk. */
void jayi_index_add_chunk(jayi_region *region, jayi_shard *shard, uint32_t chunk);

/* The hash of an item's key; only for items checked to be sane. */
uint64_t jayi_item_hash(const jayi_region *region, const jayi_item *item);

/* Whether a linked item of this shard can be at a place, with sizes that fit there. */
bool jayi_item_is_sound(const jayi_region *region, const jayi_shard *shard, jayi_place place);

/* The slot of an entry with the fewest hits among the two buckets of a hash. */
bool jayi_index_coldest(jayi_region *region, jayi_shard *shard, uint64_t hash, jayi_ref *ret_ref);

#endif
