/*
 * hit.h - the way of a hit, in one piece.
 *
 * A lookup waits for two lines of memory, one after the other. Meanwhile the processor can begin
 * the next lookups, as far ahead as it keeps instructions, some 300 to 500, and as far as it
 * guesses branches right. So what nearly always happens is done here without a call, a locked
 * instruction, or a branch that may go either way: a key in the first of its buckets, with no other
 * of the same tag before it, not expired, and nobody changing the bucket. Whatever is not so is
 * left to engine_read.c, which begins anew; nothing has been done by then. The protocol is the one
 * told there.
 *
 * All that is taken from the shard to find the bucket may be out of date, or of two moments: a key
 * found in any bucket whose version stays the same is linked there.
 */
#ifndef JAYI_HIT_H
#define JAYI_HIT_H

#include "engine/identity.h"
#include "engine/index.h"
#include "engine/sampling.h"
#include "os/deadline.h"

#define JAYI_ALWAYS_INLINE static inline __attribute__((always_inline))
#define JAYI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define JAYI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define JAYI_FREQUENCY_CAP 7

/* An entry that was found. It may be torn: what is made of it counts only if its bucket's version
 * is still the same in the end (jayi_hit_stands). */
typedef struct jayi_hit {
    jayi_bucket *bucket;
    _Atomic uint64_t *slot;
    uint64_t word;    /* of the slot */
    uint64_t version; /* of the bucket */
    jayi_item *item;
    const unsigned char *value;
    uint64_t value_size;
    uint64_t ticks; /* jayi_deadline_ticks of this lookup */
} jayi_hit;

/*
 * Looks at the item of a slot whose tag matches: whether it has this key, and sizes that fit.
 * `has_ticks`: they have been taken. The processor's counter takes long to read, and holds up what
 * comes after it; least while nothing is waited for, between the request for the item and its
 * first use. An entry that was not over then, and is still there in the end, was there and not over
 * at some moment of the call.
 */
JAYI_ALWAYS_INLINE bool jayi_hit_examine(const jayi_region *region, uint64_t word, const void *key,
                                         size_t key_size, bool has_ticks, jayi_hit *ret_hit) {
    jayi_place place = jayi_slot_place(word);
    if (JAYI_UNLIKELY(!jayi_place_is_sane(region, place))) return false;
    jayi_item *item = jayi_item_at(region, place);
    /* The value lies behind the key: have it on its way before the key is compared. */
    __builtin_prefetch((const unsigned char *)item + JAYI_LINE);
    __builtin_prefetch((const unsigned char *)item + 2 * JAYI_LINE);
    if (!has_ticks) ret_hit->ticks = jayi_deadline_ticks();
    jayi_sizes sizes = jayi_item_sizes(item);
    const unsigned char *item_key = (const unsigned char *)item + sizes.header;
    if (JAYI_UNLIKELY(sizes.key_size != key_size) ||
        JAYI_UNLIKELY(!jayi_sizes_are_sane(region, place, sizes)))
        return false;
    if (JAYI_UNLIKELY(!jayi_racy_equal(item_key, key, key_size))) return false;
    ret_hit->word = word;
    ret_hit->item = item;
    ret_hit->value = item_key + key_size;
    ret_hit->value_size = sizes.value_size;
    return true;
}

/* Whether the slots that were looked at are still what they were. */
JAYI_ALWAYS_INLINE bool jayi_is_unchanged(const jayi_bucket *bucket, uint64_t version) {
    atomic_thread_fence(memory_order_acquire);
    return jayi_peek(&bucket->version) == version;
}

JAYI_ALWAYS_INLINE bool jayi_hit_is_over(const jayi_hit *hit) {
    return jayi_deadline_was_over(hit->ticks, jayi_item_deadline(hit->item));
}

/* Raises the frequency, up to the cap, and now and then notes a sample: all that a hit may write to
 * what is shared. */
JAYI_ALWAYS_INLINE void jayi_hit_note(jayi_region *region, uint64_t hash, size_t key_size,
                                      const jayi_hit *hit) {
    if (JAYI_UNLIKELY(hash < jayi_peek(&region->sample_below)))
        jayi_sampling_hit(region, hash, jayi_block_bytes(key_size, hit->value_size));
    uint32_t frequency = jayi_slot_frequency(hit->word);
    if (JAYI_UNLIKELY(frequency < JAYI_FREQUENCY_CAP))
        jayi_slot_set_frequency(hit->slot, hit->word, frequency + 1);
}

/* Counts a hit. False: this process has no row yet. */
JAYI_ALWAYS_INLINE bool jayi_hit_count(const jayi_region *region) {
    jayi_row_stripe *stripes =
        atomic_load_explicit(&region->identity->stripes, memory_order_acquire);
    uint32_t stripe = jayi_stripe_of_thread - 1;
    if (JAYI_UNLIKELY(stripes == NULL)) return false;
    if (JAYI_LIKELY(stripe < JAYI_ROW_STRIPES - 1)) {
        jayi_bump(&stripes[stripe].counts[JAYI_ROW_HITS], 1);
    } else {
        jayi_stripes_add(stripes, JAYI_ROW_HITS, 1);
    }
    return true;
}

JAYI_ALWAYS_INLINE bool jayi_hit_is_short(size_t key_size) {
    return key_size - JAYI_HASH_SHORT_MIN <= JAYI_HASH_SHORT_MAX - JAYI_HASH_SHORT_MIN;
}

JAYI_ALWAYS_INLINE uint64_t jayi_hit_hash(const jayi_region *region, const void *key,
                                          size_t key_size) {
    return JAYI_LIKELY(jayi_hit_is_short(key_size))
               ? jayi_hash_short(&region->hash_keys, key, key_size)
               : jayi_hash(key, key_size, region->seed);
}

/* The bucket of 32 bits of hash in a shard, as jayi_bucket_number has it, without a branch; NULL:
 * none, or the shard is being changed. */
JAYI_ALWAYS_INLINE jayi_bucket *jayi_hit_bucket(const jayi_region *region, uint32_t shard,
                                                uint32_t bits) {
    const jayi_shard *s = &region->shards[shard];
    uint32_t count = atomic_load_explicit(&s->bucket_count, memory_order_acquire);
    uint32_t mask = jayi_peek(&s->bucket_mask), half = jayi_peek(&s->bucket_half);
    uint32_t number = bits & mask, between = number - half;
    uint32_t sign = (uint32_t)((int32_t)bits >> 31);
    between -= half & -(uint32_t)((sign & half & number) == 0);
    between -= half & -(uint32_t)(between >= count);
    number -= (number - between) & -(uint32_t)(number >= count);
    if (JAYI_UNLIKELY(number >= count)) return NULL;
    return jayi_bucket_at(region, shard, number);
}

/* Finds a key in the first of its buckets or, seldom, in the second. False: it may be there all the
 * same. */
JAYI_ALWAYS_INLINE bool jayi_hit_find(const jayi_region *region, uint64_t hash, const void *key,
                                      size_t key_size, jayi_hit *ret_hit) {
    uint32_t shard = jayi_shard_of(region, hash), bits = jayi_first_bits(hash);
    for (;;) {
        jayi_bucket *bucket = jayi_hit_bucket(region, shard, bits);
        if (JAYI_UNLIKELY(bucket == NULL)) return false;
        ret_hit->bucket = bucket;
        ret_hit->version = atomic_load_explicit(&bucket->version, memory_order_acquire);
        uint32_t matches = jayi_bucket_matches(bucket, hash);
        if (JAYI_LIKELY(matches != 0)) {
            ret_hit->slot = &bucket->slots[jayi_match_slot(matches)];
            uint64_t word = atomic_load_explicit(ret_hit->slot, memory_order_acquire);
            if (JAYI_LIKELY(jayi_hit_examine(region, word, key, key_size, false, ret_hit)))
                return true;
        }
        if (bits == jayi_second_bits(hash)) return false;
        bits = jayi_second_bits(hash);
    }
}

/* As below, for keys of 17 to 32 bytes or for others. */
JAYI_ALWAYS_INLINE bool jayi_hit_copy(jayi_region *region, uint64_t hash, const void *key,
                                      size_t key_size, void *buffer, size_t capacity,
                                      size_t *ret_size) {
    jayi_hit hit;
    if (JAYI_UNLIKELY(!jayi_hit_find(region, hash, key, key_size, &hit)) ||
        JAYI_UNLIKELY(hit.value_size > capacity) || JAYI_UNLIKELY(jayi_hit_is_over(&hit)))
        return false;
    jayi_racy_read(buffer, hit.value, hit.value_size);
    if (JAYI_UNLIKELY(!jayi_is_unchanged(hit.bucket, hit.version)) ||
        JAYI_UNLIKELY(!jayi_hit_count(region)))
        return false;
    jayi_hit_note(region, hash, key_size, &hit);
    *ret_size = hit.value_size;
    return true;
}

/* Copies a value out. False: nothing has been done, and jayi_engine_get_into has to be asked. */
JAYI_ALWAYS_INLINE bool jayi_hit_get_into(jayi_region *region, const void *key, size_t key_size,
                                          void *buffer, size_t capacity, size_t *ret_size) {
    if (JAYI_LIKELY(jayi_hit_is_short(key_size))) {
        uint64_t hash = jayi_hash_short(&region->hash_keys, key, key_size);
        return jayi_hit_copy(region, hash, key, key_size, buffer, capacity, ret_size);
    }
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    return jayi_hit_copy(region, hash, key, key_size, buffer, capacity, ret_size);
}

#endif
