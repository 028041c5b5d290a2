/*
 * engine_read.c - reading without a lock.
 *
 * A reader notes the version of a bucket, finds the slot, reads the item, and looks whether the
 * version is still the same; if so, the item was linked all the while, and its memory not reused.
 * Sizes are read once, into locals, and checked against the region before anything is copied. After
 * OPTIMISTIC_TRIES it takes the lock, so that a bucket that others keep changing cannot hold it up.
 */
#include <string.h>

#include "engine/engine.h"
#include "engine/index.h"
#include "engine/lock.h"
#include "engine/pins.h"
#include "engine/recover.h"
#include "engine/sampling.h"
#include "os/clock.h"
#include "util/hash.h"
#include "util/stripe.h"

#define OPTIMISTIC_TRIES 16
#define FREQUENCY_CAP 7
#define GROUP 16 /* keys of a batch that are on their way at once */

/* What an attempt to find a key came to. */
enum outcome { FOUND, ABSENT, CHANGED };

typedef struct found {
    jayi_bucket *bucket;
    _Atomic uint64_t *slot;
    uint64_t word;
    uint64_t version; /* of the bucket */
    jayi_item *item;
    uint32_t key_size;
    uint64_t value_size;
} found;

void jayi_engine_count(jayi_region *region, uint32_t token, enum jayi_row_counter counter) {
    jayi_row *row = jayi_own_row(region, token);
    jayi_row_stripe *stripe = &row->stripes[jayi_stripe_index() % JAYI_ROW_STRIPES];
    atomic_fetch_add_explicit(&stripe->counts[counter], 1, memory_order_relaxed);
}

bool jayi_deadline_is_over(uint64_t deadline_ms) {
    if (deadline_ms == JAYI_DEADLINE_NEVER) return false;
    uint64_t now_ms = (uint64_t)jayi_clock_coarse_ms();
    if (deadline_ms > now_ms + JAYI_CLOCK_COARSE_LAG_MS) return false;
    return deadline_ms <= now_ms || deadline_ms <= (uint64_t)jayi_clock_ms();
}

int jayi_no_token(jay_error *error) {
    return jay_error_set(error, JAY_E_FULL, 0,
                         "this process cannot join the cache: too many processes use it; open it "
                         "with a larger max_processes");
}

/* Whether the slots that were looked at are still what they were. */
static inline bool is_unchanged(const jayi_bucket *bucket, uint64_t version) {
    atomic_thread_fence(memory_order_acquire);
    return jayi_peek(&bucket->version) == version;
}

/* Looks at one slot whose tag matches. */
static inline bool examine(const jayi_region *region, jayi_bucket *bucket, uint32_t slot,
                           uint64_t word, const void *key, size_t key_size, found *ret_found) {
    jayi_place place = jayi_slot_place(word);
    if (!jayi_place_is_sane(region, place)) return false;
    jayi_item *item = jayi_item_at(region, place);
    uint32_t item_key_size = jayi_item_key_size(item);
    uint64_t value_size = jayi_peek(&item->value_size);
    if (item_key_size != key_size || !jayi_sizes_are_sane(region, place, key_size, value_size))
        return false;
    if (!jayi_racy_equal(item->bytes, key, key_size)) return false;
    ret_found->bucket = bucket;
    ret_found->slot = &bucket->slots[slot];
    ret_found->word = word;
    ret_found->item = item;
    ret_found->key_size = item_key_size;
    ret_found->value_size = value_size;
    return true;
}

/* Looks through one bucket. */
static inline bool look(const jayi_region *region, jayi_bucket *bucket, uint64_t hash,
                        const void *key, size_t key_size, found *ret_found) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);
        if (jayi_tag_matches(word, hash) &&
            examine(region, bucket, i, word, key, key_size, ret_found))
            return true;
    }
    return false;
}

/* One attempt. FOUND still has to be validated by is_unchanged after use; ABSENT has been. */
static inline enum outcome find(const jayi_region *region, uint64_t hash, const void *key,
                                size_t key_size, found *ret_found) {
    uint32_t number = jayi_shard_of(region, hash);
    jayi_shard *shard = &region->shards[number];
    uint32_t count = atomic_load_explicit(&shard->bucket_count, memory_order_acquire);
    if (count == 0) return ABSENT;
    uint32_t at = jayi_bucket_number(jayi_first_bits(hash), count);
    jayi_bucket *first = jayi_bucket_at(region, number, at);
    if (first == NULL) return CHANGED;
    uint64_t first_version = atomic_load_explicit(&first->version, memory_order_acquire);
    ret_found->version = first_version;
    if (look(region, first, hash, key, key_size, ret_found)) return FOUND;
    at = jayi_bucket_number(jayi_second_bits(hash), count);
    jayi_bucket *second = jayi_bucket_at(region, number, at);
    if (second == NULL) return CHANGED;
    uint64_t second_version = atomic_load_explicit(&second->version, memory_order_acquire);
    ret_found->version = second_version;
    if (look(region, second, hash, key, key_size, ret_found)) return FOUND;
    return is_unchanged(first, first_version) && is_unchanged(second, second_version) &&
                   jayi_peek(&shard->bucket_count) == count
               ? ABSENT
               : CHANGED;
}

/* Raises the frequency, up to the cap, and now and then notes a sample: all that a hit may write to
 * what is shared. */
static inline void note_hit(const jayi_region *region, uint64_t hash, const found *f) {
    jayi_sampling_hit(region, hash, jayi_block_bytes(f->key_size, f->value_size));
    if (jayi_slot_frequency(f->word) >= FREQUENCY_CAP) return;
    uint64_t word = f->word;
    atomic_compare_exchange_strong_explicit(f->slot, &word, word + JAYI_FREQUENCY_ONE,
                                            memory_order_relaxed, memory_order_relaxed);
}

/* ---- get_into ---- */

/* What a reader wants to do with an item. It may be torn: the result counts only if it was not. */
typedef int use_fn(const jayi_region *region, const found *f, void *arg);

typedef struct copy_out {
    void *buffer;
    size_t capacity;
    size_t size;
} copy_out;

static inline int use_copy(const jayi_region *region, const found *f, void *arg) {
    (void)region;
    copy_out *copy = arg;
    copy->size = f->value_size;
    if (f->value_size > copy->capacity) return JAY_BUFFER_TOO_SMALL;
    if (f->value_size > 0)
        jayi_racy_read(copy->buffer, f->item->bytes + f->key_size, f->value_size);
    return JAY_OK;
}

static inline int use_nothing(const jayi_region *region, const found *f, void *arg) {
    (void)region, (void)f, (void)arg;
    return JAY_OK;
}

static inline int use_deadline(const jayi_region *region, const found *f, void *arg) {
    (void)region;
    *(uint64_t *)arg = jayi_item_deadline(f->item);
    return JAY_OK;
}

/* The locked way. A shard that cannot be locked gives a miss, which a cache always may. */
static int read_locked(jayi_region *region, uint64_t hash, const void *key, size_t key_size,
                       use_fn *use, void *arg) {
    uint32_t token = jayi_token(region);
    jayi_shard *shard = &region->shards[jayi_shard_of(region, hash)];
    if (token == 0 || jayi_lock(region, shard, token, NULL) != JAY_OK) return JAY_MISS;
    jayi_ref ref;
    int status = JAY_MISS;
    if (jayi_index_find(region, shard, hash, key, key_size, &ref) &&
        !jayi_deadline_is_over(jayi_item_deadline(ref.item))) {
        found f = {.bucket = ref.bucket,
                   .slot = &ref.bucket->slots[ref.slot],
                   .word = ref.word,
                   .item = ref.item,
                   .key_size = (uint32_t)key_size,
                   .value_size = jayi_peek(&ref.item->value_size)};
        status = use(region, &f, arg);
    }
    jayi_unlock_checked(region, shard);
    return status;
}

static inline int read_entry(jayi_region *region, uint64_t hash, const void *key, size_t key_size,
                             bool is_hit, use_fn *use, void *arg) {
    for (int i = 0; i < OPTIMISTIC_TRIES; i++) {
        found f;
        enum outcome outcome = find(region, hash, key, key_size, &f);
        if (outcome == ABSENT) return JAY_MISS;
        if (outcome == CHANGED) continue;
        bool is_over = jayi_deadline_is_over(jayi_item_deadline(f.item));
        int status = is_over ? JAY_MISS : use(region, &f, arg);
        if (!is_unchanged(f.bucket, f.version)) continue;
        if (is_hit && !is_over) note_hit(region, hash, &f);
        return status;
    }
    return read_locked(region, hash, key, key_size, use, arg);
}

int jayi_engine_get_into(jayi_region *region, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error) {
    uint32_t token = jayi_token(region);
    if (token == 0) return jayi_no_token(error);
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    copy_out copy = {buffer, capacity, 0};
    int status = read_entry(region, hash, key, key_size, true, use_copy, &copy);
    jayi_engine_count(region, token, status == JAY_MISS ? JAYI_ROW_MISSES : JAYI_ROW_HITS);
    if (status != JAY_MISS) *ret_size = copy.size;
    return status;
}

int jayi_engine_has(jayi_region *region, const void *key, size_t key_size, jay_error *error) {
    (void)error;
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    return read_entry(region, hash, key, key_size, false, use_nothing, NULL);
}

int jayi_engine_ttl(jayi_region *region, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error) {
    (void)error;
    uint64_t deadline_ms = 0;
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    int status = read_entry(region, hash, key, key_size, false, use_deadline, &deadline_ms);
    if (status != JAY_OK) return status;
    int64_t left_ms = JAY_TTL_FOREVER;
    if (deadline_ms != JAYI_DEADLINE_NEVER) {
        left_ms = (int64_t)deadline_ms - jayi_clock_ms();
        if (left_ms <= 0) return JAY_MISS;
    }
    *ret_ttl_ms = left_ms;
    return JAY_OK;
}

/* ---- views ---- */

/* A view's words of its own: the token under which it was taken, and its bytes. */
enum { VIEW_TOKEN, VIEW_BYTES };

/* Pins what was found. JAY_OK and *ret_value; JAY_STOPPED: not linked any more; JAY_E_FULL. */
static int pin_found(jayi_region *region, uint32_t token, const found *f, bool is_locked,
                     jay_value *ret_value) {
    uint64_t bytes = jayi_block_bytes(f->key_size, f->value_size);
    jayi_place place = jayi_slot_place(f->word);
    jayi_pin *pin = jayi_pin_take(region, token, place, bytes);
    if (pin == NULL) return JAY_E_FULL;
    if (!is_locked && !is_unchanged(f->bucket, f->version)) {
        jayi_pin_drop(region, token, pin, bytes);
        return JAY_STOPPED;
    }
    ret_value->data = f->item->bytes + f->key_size;
    ret_value->size = f->value_size;
    ret_value->version = jayi_item_version(f->item);
    ret_value->pin = (void *)(uintptr_t)pin;
    ret_value->reserved[VIEW_TOKEN] = token;
    ret_value->reserved[VIEW_BYTES] = bytes;
    return JAY_OK;
}

typedef struct pin_out {
    uint32_t token;
    jay_value *ret_value;
} pin_out;

static int use_pin_locked(const jayi_region *region, const found *f, void *arg) {
    pin_out *out = arg;
    /* The region is not const: it came in as the caller's own. */
    return pin_found((jayi_region *)(uintptr_t)region, out->token, f, true, out->ret_value);
}

static int get_view(jayi_region *region, uint32_t token, uint64_t hash, const void *key,
                    size_t key_size, jay_value *ret_value) {
    for (int i = 0; i < OPTIMISTIC_TRIES; i++) {
        found f;
        enum outcome outcome = find(region, hash, key, key_size, &f);
        if (outcome == ABSENT) return JAY_MISS;
        if (outcome == CHANGED) continue;
        if (jayi_deadline_is_over(jayi_item_deadline(f.item))) {
            if (is_unchanged(f.bucket, f.version)) return JAY_MISS;
            continue;
        }
        int status = pin_found(region, token, &f, false, ret_value);
        if (status == JAY_STOPPED) continue;
        if (status == JAY_OK) note_hit(region, hash, &f);
        return status;
    }
    pin_out out = {token, ret_value};
    return read_locked(region, hash, key, key_size, use_pin_locked, &out);
}

static int pins_refused(const jayi_region *region, jay_error *error) {
    return jay_error_set(error, JAY_E_FULL, 0,
                         "views of this process hold too many values already (at most %u, and half "
                         "of max_bytes=%llu); release some",
                         region->pins_per_row, (unsigned long long)region->region_bytes);
}

int jayi_engine_get(jayi_region *region, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error) {
    uint32_t token = jayi_token(region);
    if (token == 0) return jayi_no_token(error);
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    int status = get_view(region, token, hash, key, key_size, ret_value);
    jayi_engine_count(region, token, status == JAY_MISS ? JAYI_ROW_MISSES : JAYI_ROW_HITS);
    return status == JAY_E_FULL ? pins_refused(region, error) : status;
}

void jayi_engine_release(jayi_region *region, jay_value *value) {
    uint32_t token = (uint32_t)value->reserved[VIEW_TOKEN];
    /* In a shared region a view from before a fork is the parent's, and so is its entry. */
    if (region->is_shared && token != atomic_load(&region->identity->token)) return;
    jayi_pin_drop(region, token, value->pin, value->reserved[VIEW_BYTES]);
}

/* ---- batches: three passes over a group, so that cache misses overlap ---- */

static void prefetch_bucket(const jayi_region *region, uint64_t hash) {
    uint32_t number = jayi_shard_of(region, hash);
    uint32_t count =
        atomic_load_explicit(&region->shards[number].bucket_count, memory_order_acquire);
    if (count == 0) return;
    const jayi_bucket *bucket =
        jayi_bucket_at(region, number, jayi_bucket_number(jayi_first_bits(hash), count));
    if (bucket != NULL) __builtin_prefetch(bucket);
}

static void prefetch_item(const jayi_region *region, uint64_t hash) {
    uint32_t number = jayi_shard_of(region, hash);
    uint32_t count =
        atomic_load_explicit(&region->shards[number].bucket_count, memory_order_acquire);
    if (count == 0) return;
    jayi_bucket *bucket =
        jayi_bucket_at(region, number, jayi_bucket_number(jayi_first_bits(hash), count));
    for (uint32_t i = 0; bucket != NULL && i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&bucket->slots[i]);
        if (!jayi_tag_matches(word, hash) || !jayi_place_is_sane(region, jayi_slot_place(word)))
            continue;
        __builtin_prefetch(jayi_item_at(region, jayi_slot_place(word)));
        return;
    }
}

void jayi_engine_get_many(jayi_region *region, const jay_bytes *keys, size_t count,
                          jay_value *ret_values, int *statuses, jay_error *error) {
    uint32_t token = jayi_token(region);
    uint64_t hashes[GROUP];
    for (size_t start = 0; start < count; start += GROUP) {
        size_t end = count - start < GROUP ? count : start + GROUP;
        for (size_t i = start; i < end; i++) {
            hashes[i - start] = jayi_hash(keys[i].data, keys[i].size, region->seed);
            prefetch_bucket(region, hashes[i - start]);
        }
        for (size_t i = start; i < end; i++) prefetch_item(region, hashes[i - start]);
        for (size_t i = start; i < end; i++) {
            if (statuses[i] != JAY_OK) continue;
            statuses[i] = token == 0 ? jayi_no_token(error)
                                     : get_view(region, token, hashes[i - start], keys[i].data,
                                                keys[i].size, &ret_values[i]);
            if (statuses[i] == JAY_E_FULL && token != 0) pins_refused(region, error);
            if (token != 0)
                jayi_engine_count(region, token,
                                  statuses[i] == JAY_MISS ? JAYI_ROW_MISSES : JAYI_ROW_HITS);
        }
    }
}
