/*
 * index.c - finding, linking and moving entries, under the shard's lock.
 */
#include "engine/index.h"

#include <string.h>

#include "engine/chunks.h"
#include "engine/heap.h"
#include "util/hash.h"

/* Entries for each 16 slots at which another bucket is added. More saves memory; fewer keeps
 * entries in the first of their buckets. */
#define LOAD_OF_16 11
#define FIRST_BUCKETS 4

uint64_t jayi_item_hash(const jayi_region *region, const jayi_item *item) {
    jayi_sizes sizes = jayi_item_sizes(item);
    return jayi_hash((const unsigned char *)item + sizes.header, sizes.key_size, region->seed);
}

bool jayi_item_is_sound(const jayi_region *region, const jayi_shard *shard, jayi_place place) {
    if (!jayi_place_is_sane(region, place)) return false;
    const jayi_item *item = jayi_item_at(region, place);
    uint64_t state = jayi_peek(&item->state);
    uint32_t key_size = jayi_item_key_size(item);
    if (key_size == 0 || key_size > JAY_KEY_MAX_BYTES + JAY_PREFIX_MAX_BYTES) return false;
    if ((state & (JAYI_FLAG_FREE | JAYI_FLAG_QUICK)) != 0) return false;
    uint32_t chunk = jayi_chunk_of(region, place);
    uint32_t owner = jayi_shard_number(region, shard);
    uint64_t bytes = jayi_item_bytes(item);
    uint64_t at = (uint64_t)place * JAYI_UNIT;
    if (at + bytes > region->region_bytes) return false;
    uint32_t last = jayi_chunk_of(region, (jayi_place)((at + bytes - 1) / JAYI_UNIT));
    if ((state & JAYI_FLAG_RUN) == 0) {
        return jayi_chunk_is_of(region, chunk, JAYI_CHUNK_HEAP, owner) &&
               (last == chunk || jayi_chunk_is_of(region, last, JAYI_CHUNK_HEAP, owner));
    }
    return at == region->chunks_at + ((uint64_t)chunk << region->chunk_shift) &&
           jayi_chunk_is_of(region, chunk, JAYI_CHUNK_RUN, owner) &&
           (last == chunk || jayi_chunk_is_of(region, last, JAYI_CHUNK_RUN_MORE, owner));
}

/* One of the two buckets of a hash; NULL when the index is empty or damaged. */
static jayi_bucket *bucket_of(const jayi_region *region, jayi_shard *shard, uint64_t hash,
                              bool is_second) {
    uint32_t count = jayi_peek(&shard->bucket_count);
    if (count == 0) return NULL;
    uint32_t bits = is_second ? jayi_second_bits(hash) : jayi_first_bits(hash);
    jayi_bucket *bucket =
        jayi_bucket_at(region, jayi_shard_number(region, shard), jayi_bucket_number(bits, count));
    if (bucket == NULL) jayi_damage(shard);
    return bucket;
}

/* Both; false when the index is empty or damaged. They may be the same. */
static bool buckets_of(const jayi_region *region, jayi_shard *shard, uint64_t hash,
                       jayi_bucket *ret_buckets[2]) {
    ret_buckets[0] = bucket_of(region, shard, hash, false);
    ret_buckets[1] = bucket_of(region, shard, hash, true);
    return ret_buckets[0] != NULL && ret_buckets[1] != NULL;
}

/* Whether a slot whose tag matches is the one looked for: that of `place`, or (0) that of a key. */
static bool is_wanted(jayi_region *region, jayi_shard *shard, uint64_t word, const void *key,
                      size_t key_size, jayi_place wanted) {
    jayi_place place = jayi_slot_place(word);
    if (wanted != 0 && place != wanted) return false;
    if (!jayi_item_is_sound(region, shard, place)) {
        jayi_damage(shard);
        return false;
    }
    const jayi_item *item = jayi_item_at(region, place);
    return wanted != 0 || (jayi_item_key_size(item) == key_size &&
                           jayi_racy_equal(jayi_item_key(item), key, key_size));
}

/* Finds a slot by tag and `place` (0: any, then by key). */
static bool search(jayi_region *region, jayi_shard *shard, uint64_t hash, const void *key,
                   size_t key_size, jayi_place place, jayi_ref *ret_ref) {
    for (int b = 0; b < 2; b++) {
        jayi_bucket *bucket = bucket_of(region, shard, hash, b == 1);
        if (bucket == NULL) return false;
        uint32_t matches = jayi_bucket_matches(bucket, hash);
        for (; matches != 0; matches &= matches - 1) {
            uint32_t slot = jayi_match_slot(matches);
            uint64_t word = jayi_peek(&bucket->slots[slot]);
            if (jayi_slot_is_empty(word) || !is_wanted(region, shard, word, key, key_size, place))
                continue;
            jayi_item *item = jayi_item_at(region, jayi_slot_place(word));
            *ret_ref = (jayi_ref){bucket, slot, word, hash, item};
            return true;
        }
    }
    return false;
}

bool jayi_index_find(jayi_region *region, jayi_shard *shard, uint64_t hash, const void *key,
                     size_t key_size, jayi_ref *ret_ref) {
    return search(region, shard, hash, key, key_size, 0, ret_ref);
}

bool jayi_index_find_item(jayi_region *region, jayi_shard *shard, jayi_place place,
                          jayi_ref *ret_ref) {
    uint64_t hash = jayi_item_hash(region, jayi_item_at(region, place));
    return search(region, shard, hash, NULL, 0, place, ret_ref);
}

/* Raises a version after a change of slots. Readers that saw bytes written behind it see it, too.
 */
static void raise_version(jayi_bucket *bucket) {
    atomic_store_explicit(&bucket->version, jayi_peek(&bucket->version) + 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

void jayi_index_store(jayi_ref *ref, uint64_t word) {
    atomic_store_explicit(&ref->bucket->slots[ref->slot], word, memory_order_release);
    raise_version(ref->bucket);
}

static bool put(jayi_bucket *bucket, uint64_t word) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        if (!jayi_slot_is_empty(jayi_peek(&bucket->slots[i]))) continue;
        atomic_store_explicit(&bucket->slots[i], word, memory_order_release);
        return true;
    }
    return false;
}

/* The hash of a slot's entry; false for an empty or damaged one. */
static bool hash_of_slot(const jayi_region *region, const jayi_shard *shard, uint64_t word,
                         uint64_t *ret_hash) {
    if (jayi_slot_is_empty(word) || !jayi_item_is_sound(region, shard, jayi_slot_place(word)))
        return false;
    *ret_hash = jayi_item_hash(region, jayi_item_at(region, jayi_slot_place(word)));
    return true;
}

/* Moves an entry, whose slot is to hold `word`, from one of its buckets to the other, if that has
 * room. */
static bool move(jayi_shard *shard, jayi_bucket *from, uint32_t slot, uint64_t word,
                 jayi_bucket *to) {
    if (to == from || !put(to, word)) return false;
    /* A reader that has looked there already and comes here too late must look again. */
    raise_version(to);
    atomic_store_explicit(&from->slots[slot], 0, memory_order_release);
    raise_version(from);
    jayi_bump(&shard->moves, 1);
    return true;
}

/* Moves one entry of a bucket to its other bucket: `only_home`, one of those that are guests.
 * `steps`: how many entries move in a row; of more than one, the other bucket is full, and one of
 * its own moves on before. */
static bool displace(jayi_region *region, jayi_shard *shard, jayi_bucket *bucket, bool only_home,
                     int steps) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&bucket->slots[i]), hash;
        if (only_home && (word & JAYI_SLOT_GUEST) == 0) continue;
        jayi_bucket *buckets[2];
        if (!hash_of_slot(region, shard, word, &hash)) continue;
        if (!buckets_of(region, shard, hash, buckets)) return false;
        bool is_home = buckets[0] == bucket;
        if (only_home && is_home) continue;
        jayi_bucket *other = is_home ? buckets[1] : buckets[0];
        if (steps > 1 && (other == bucket || !displace(region, shard, other, false, steps - 1)))
            continue;
        uint64_t moved = is_home ? word | JAYI_SLOT_GUEST : word & ~JAYI_SLOT_GUEST;
        if (move(shard, bucket, i, moved, other)) return true;
    }
    return false;
}

void jayi_index_tidy(jayi_region *region, jayi_shard *shard, jayi_bucket *bucket) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        if (!displace(region, shard, bucket, true, 1)) return;
    }
}

bool jayi_index_insert(jayi_region *region, jayi_shard *shard, uint64_t hash, jayi_place place,
                       uint32_t frequency) {
    jayi_bucket *buckets[2];
    if (!buckets_of(region, shard, hash, buckets)) return false;
    uint64_t word = jayi_slot_make(hash, place, frequency);
    if (put(buckets[0], word)) return true;
    if (displace(region, shard, buckets[0], true, 1) && put(buckets[0], word)) return true;
    if (put(buckets[1], word | JAYI_SLOT_GUEST)) return true;
    for (int i = 0; i < 4; i++) {
        jayi_bucket *bucket = buckets[i % 2];
        uint64_t hint = i % 2 == 0 ? 0 : JAYI_SLOT_GUEST;
        if (displace(region, shard, bucket, false, 1 + i / 2) && put(bucket, word | hint))
            return true;
    }
    return false;
}

bool jayi_index_coldest(jayi_region *region, jayi_shard *shard, uint64_t hash, jayi_ref *ret_ref) {
    jayi_bucket *buckets[2];
    uint32_t least = UINT32_MAX;
    if (!buckets_of(region, shard, hash, buckets)) return false;
    for (uint32_t i = 0; i < 2 * JAYI_BUCKET_SLOTS; i++) {
        jayi_bucket *bucket = buckets[i / JAYI_BUCKET_SLOTS];
        uint64_t word = jayi_peek(&bucket->slots[i % JAYI_BUCKET_SLOTS]);
        jayi_place place = jayi_slot_place(word);
        if (jayi_slot_is_empty(word) || jayi_slot_frequency(word) >= least) continue;
        if (!jayi_item_is_sound(region, shard, place)) {
            jayi_damage(shard);
            continue;
        }
        least = jayi_slot_frequency(word);
        jayi_item *item = jayi_item_at(region, place);
        *ret_ref =
            (jayi_ref){bucket, i % JAYI_BUCKET_SLOTS, word, jayi_item_hash(region, item), item};
    }
    return least != UINT32_MAX;
}

/* ---- growth ---- */

static _Atomic uint32_t *directory_entry(const jayi_region *region, const jayi_shard *shard,
                                         uint32_t bucket) {
    uint32_t at = bucket >> (region->chunk_shift - 6);
    if (at >= region->directory_size) return NULL;
    return &region->directories[(size_t)jayi_shard_number(region, shard) * region->directory_size +
                                at];
}

bool jayi_index_wants_chunk(const jayi_region *region, const jayi_shard *shard) {
    const _Atomic uint32_t *entry = directory_entry(region, shard, jayi_peek(&shard->bucket_count));
    return entry != NULL && jayi_peek(entry) == 0;
}

bool jayi_index_is_short(const jayi_shard *shard) {
    uint64_t slots = (uint64_t)jayi_peek(&shard->bucket_count) * JAYI_BUCKET_SLOTS;
    uint64_t items = jayi_peek(&shard->item_count) + 1;
    return items * 16 > slots * LOAD_OF_16;
}

void jayi_index_set_count(jayi_shard *shard, uint32_t count) {
    uint32_t mask = count == 0 ? 0 : UINT32_MAX >> __builtin_clz(count);
    jayi_poke(&shard->bucket_mask, mask);
    jayi_poke(&shard->bucket_half, (mask >> 2) + 1);
    atomic_store_explicit(&shard->bucket_count, count, memory_order_release);
}

void jayi_index_add_chunk(jayi_region *region, jayi_shard *shard, uint32_t chunk) {
    jayi_racy_zero(jayi_chunk_at(region, chunk), jayi_chunk_bytes(region));
    atomic_store_explicit(directory_entry(region, shard, jayi_peek(&shard->bucket_count)),
                          chunk + 1, memory_order_release);
    jayi_bump(&shard->chunk_bytes, jayi_chunk_bytes(region));
}

/* False; and it is damage when the directory names something that is no chunk. */
static bool has_no_bucket(const jayi_region *region, jayi_shard *shard, uint32_t bucket) {
    const _Atomic uint32_t *entry = directory_entry(region, shard, bucket);
    if (entry != NULL && jayi_peek(entry) != 0) jayi_damage(shard);
    return false;
}

/* An entry of a bucket that gives some to the added one. */
typedef struct giving {
    uint64_t word;  /* 0: none, or one that is not concerned */
    uint32_t other; /* where it can be but for the added bucket */
    bool is_guest;  /* the added bucket is the second of its two */
    bool is_moved;
} giving;

typedef struct split_source {
    jayi_bucket *bucket;
    uint32_t number;
    giving slots[JAYI_BUCKET_SLOTS];
} split_source;

typedef struct split_work {
    uint32_t count; /* of buckets, with the added one */
    jayi_bucket *added;
    uint32_t source_count;
    split_source sources[2];
} split_work;

/* Whether an entry has to leave its bucket: it could not be found there any more. */
static bool has_to_go(const split_source *source, const giving *g) {
    return g->word != 0 && g->other != source->number;
}

/* Finds what of a bucket belongs into the added one. */
static void find_giving(const jayi_region *region, jayi_shard *shard, const split_work *work,
                        split_source *source) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        jayi_place place = jayi_slot_place(jayi_peek(&source->bucket->slots[i]));
        if (jayi_place_is_sane(region, place)) __builtin_prefetch(jayi_item_at(region, place));
    }
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&source->bucket->slots[i]), hash;
        if (jayi_slot_is_empty(word)) continue;
        if (!hash_of_slot(region, shard, word, &hash)) {
            jayi_damage(shard);
            continue;
        }
        uint32_t first = jayi_bucket_number(jayi_first_bits(hash), work->count);
        uint32_t second = jayi_bucket_number(jayi_second_bits(hash), work->count);
        bool is_guest = first != work->count - 1;
        if (is_guest && (second != work->count - 1 || first == source->number)) continue;
        source->slots[i] =
            (giving){.word = word, .other = is_guest ? first : second, .is_guest = is_guest};
    }
}

/* The buckets that the added one takes entries from: see jayi_bucket_number. */
static bool find_sources(const jayi_region *region, jayi_shard *shard, split_work *work) {
    uint32_t added = work->count - 1, low = 1u << (31 - __builtin_clz(added));
    uint32_t number = jayi_shard_number(region, shard);
    work->source_count = low > 1 ? 2 : 1;
    for (uint32_t s = 0; s < work->source_count; s++) {
        split_source *source = &work->sources[s];
        *source = (split_source){.number = s == 0 ? added - low : added - low / 2};
        source->bucket = jayi_bucket_at(region, number, source->number);
        if (source->bucket == NULL) return has_no_bucket(region, shard, source->number);
        find_giving(region, shard, work, source);
    }
    return true;
}

/* Moves one entry that has to go to its other bucket instead of the added one. `by_force`: also
 * where that has to be made room first. */
static bool send_elsewhere(jayi_region *region, jayi_shard *shard, const split_work *work,
                           bool by_force) {
    uint32_t number = jayi_shard_number(region, shard);
    for (uint32_t i = 0; i < 2 * JAYI_BUCKET_SLOTS; i++) {
        const split_source *source = &work->sources[i / JAYI_BUCKET_SLOTS];
        const giving *g = &source->slots[i % JAYI_BUCKET_SLOTS];
        if (!has_to_go(source, g) || g->other == work->count - 1) continue;
        jayi_bucket *other = jayi_bucket_at(region, number, g->other);
        uint64_t word = g->is_guest ? g->word & ~JAYI_SLOT_GUEST : g->word | JAYI_SLOT_GUEST;
        if (other == NULL || (by_force && !displace(region, shard, other, false, 1))) continue;
        if (move(shard, source->bucket, i % JAYI_BUCKET_SLOTS, word, other)) return true;
    }
    return false;
}

/* Finds what the added bucket is to take, and sees to it that it has room for that. False: it would
 * not; the index stays as it is. */
static bool prepare_split(jayi_region *region, jayi_shard *shard, split_work *work) {
    for (uint32_t turn = 0; turn <= 2 * JAYI_BUCKET_SLOTS; turn++) {
        uint32_t leaving = 0;
        if (!find_sources(region, shard, work)) return false;
        for (uint32_t i = 0; i < work->source_count * JAYI_BUCKET_SLOTS; i++) {
            const split_source *source = &work->sources[i / JAYI_BUCKET_SLOTS];
            leaving += has_to_go(source, &source->slots[i % JAYI_BUCKET_SLOTS]);
        }
        if (leaving <= JAYI_BUCKET_SLOTS) return true;
        if (!send_elsewhere(region, shard, work, false) &&
            !send_elsewhere(region, shard, work, true))
            return false;
    }
    return false;
}

/* Copies entries into the added bucket: first those that have to go. */
static void copy_entries(split_work *work) {
    for (uint32_t i = 0; i < 4 * JAYI_BUCKET_SLOTS; i++) {
        bool is_first_turn = i < 2 * JAYI_BUCKET_SLOTS;
        split_source *source = &work->sources[i / JAYI_BUCKET_SLOTS % 2];
        giving *g = &source->slots[i % JAYI_BUCKET_SLOTS];
        if (g->word == 0 || has_to_go(source, g) != is_first_turn) continue;
        uint64_t word = g->is_guest ? g->word | JAYI_SLOT_GUEST : g->word & ~JAYI_SLOT_GUEST;
        g->is_moved = put(work->added, word);
    }
}

static void forget_entries(split_source *source) {
    bool has_moved = false;
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        if (!source->slots[i].is_moved) continue;
        atomic_store_explicit(&source->bucket->slots[i], 0, memory_order_release);
        has_moved = true;
    }
    if (has_moved) raise_version(source->bucket);
}

bool jayi_index_grow(jayi_region *region, jayi_shard *shard) {
    uint32_t count = jayi_peek(&shard->bucket_count);
    uint32_t number = jayi_shard_number(region, shard);
    if (count == 0) {
        if (jayi_bucket_at(region, number, 0) == NULL) return has_no_bucket(region, shard, 0);
        jayi_index_set_count(shard, FIRST_BUCKETS);
        return true;
    }
    split_work work = {.count = count + 1, .added = jayi_bucket_at(region, number, count)};
    if (work.added == NULL) return has_no_bucket(region, shard, count);
    if (!prepare_split(region, shard, &work)) return false;
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) jayi_poke(&work.added->slots[i], 0);
    copy_entries(&work);
    /* From here on both say the same; then the old buckets forget. */
    jayi_index_set_count(shard, count + 1);
    for (uint32_t s = 0; s < work.source_count; s++) forget_entries(&work.sources[s]);
    for (uint32_t s = 0; s < work.source_count; s++)
        jayi_index_tidy(region, shard, work.sources[s].bucket);
    jayi_index_tidy(region, shard, work.added);
    return true;
}
