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
 * `is_any_size`: also one whose sizes are in a word of their own. `has_ticks`: the ticks have been
 * taken. The processor's counter takes long to read, and holds up what comes after it; least while
 * nothing is waited for, between the request for the item and its first use. An entry that was not
 * over then, and is still there in the end, was there and not over at some moment of the call.
 */
JAYI_ALWAYS_INLINE bool jayi_hit_examine(const jayi_region *region, uint64_t word, const void *key,
                                         size_t key_size, bool has_ticks, bool is_any_size,
                                         jayi_hit *ret_hit) {
    jayi_place place = jayi_slot_place(word);
    if (JAYI_UNLIKELY(!jayi_place_is_sane(region, place))) return false;
    jayi_item *item = jayi_item_at(region, place);
    /* The value lies behind the key: have it on its way before the key is compared. */
    __builtin_prefetch((const unsigned char *)item + JAYI_LINE);
    __builtin_prefetch((const unsigned char *)item + 2 * JAYI_LINE);
    if (!has_ticks) ret_hit->ticks = jayi_deadline_ticks();
    jayi_sizes sizes = is_any_size ? jayi_item_sizes(item) : jayi_item_short_sizes(item);
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

/* Counts a hit. False: this process has no row yet, or the thread no number. */
JAYI_ALWAYS_INLINE bool jayi_hit_count(const jayi_region *region) {
    jayi_row_stripe *stripes =
        atomic_load_explicit(&region->identity->stripes, memory_order_acquire);
    uint32_t stripe = jayi_stripe_of_thread - 1;
    if (JAYI_UNLIKELY(stripes == NULL)) return false;
    if (JAYI_LIKELY(stripe < JAYI_ROW_STRIPES - 1)) {
        jayi_bump(&stripes[stripe].counts[JAYI_ROW_HITS], 1);
        return true;
    }
    if (stripe == UINT32_MAX) return false;
    atomic_fetch_add_explicit(&stripes[JAYI_ROW_STRIPES - 1].counts[JAYI_ROW_HITS], 1,
                              memory_order_relaxed);
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
    uint32_t number = bits & mask, below = number & mask >> 1;
    uint32_t between = number - (number & half & (uint32_t)((int32_t)bits >> 31));
    between = below + ((between - below) & -(uint32_t)(between < count));
    number = between + ((number - between) & -(uint32_t)(number < count));
    if (JAYI_UNLIKELY(number >= count)) return NULL;
    return jayi_bucket_at(region, shard, number);
}

/* What a look into a bucket came to. JAYI_HIT_ABSENT: no tag matches. JAYI_HIT_UNCLEAR: it takes
 * another look, by engine_read.c. */
enum jayi_hit_outcome { JAYI_HIT_FOUND, JAYI_HIT_ABSENT, JAYI_HIT_UNCLEAR };

/* Looks for a key in the bucket of 32 bits of its hash. */
JAYI_ALWAYS_INLINE enum jayi_hit_outcome jayi_hit_find(const jayi_region *region, uint64_t hash,
                                                       uint32_t bits, const void *key,
                                                       size_t key_size, jayi_hit *ret_hit) {
    jayi_bucket *bucket = jayi_hit_bucket(region, jayi_shard_of(region, hash), bits);
    if (JAYI_UNLIKELY(bucket == NULL)) return JAYI_HIT_UNCLEAR;
    ret_hit->bucket = bucket;
    ret_hit->version = atomic_load_explicit(&bucket->version, memory_order_acquire);
    uint32_t matches = jayi_bucket_matches(bucket, hash);
    if (JAYI_UNLIKELY(matches == 0)) return JAYI_HIT_ABSENT;
    ret_hit->slot = &bucket->slots[jayi_match_slot(matches)];
    uint64_t word = atomic_load_explicit(ret_hit->slot, memory_order_acquire);
    if (JAYI_UNLIKELY(!jayi_hit_examine(region, word, key, key_size, false, false, ret_hit)) ||
        JAYI_UNLIKELY(!jayi_deadline_was_far(ret_hit->ticks, jayi_item_deadline(ret_hit->item))))
        return JAYI_HIT_UNCLEAR;
    return JAYI_HIT_FOUND;
}

/* Ends a hit whose value has been copied. False: what was copied does not count, and nothing has
 * been done. */
JAYI_ALWAYS_INLINE bool jayi_hit_end(jayi_region *region, uint64_t hash, size_t key_size,
                                     const jayi_hit *hit) {
    if (JAYI_UNLIKELY(!jayi_is_unchanged(hit->bucket, hit->version)) ||
        JAYI_UNLIKELY(!jayi_hit_count(region)))
        return false;
    jayi_hit_note(region, hash, key_size, hit);
    return true;
}

#endif
