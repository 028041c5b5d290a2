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
#include "engine/hit.h"
#include "engine/lock.h"
#include "engine/pins.h"
#include "engine/recover.h"

#define OPTIMISTIC_TRIES 16
#define GROUP 16 /* keys of a batch that are on their way at once */

/* What is on the way of every hit is kept short and in one piece: the fewer instructions from one
 * lookup to the next, the sooner the processor begins the next while this one waits for memory. */
#define ON_EVERY_HIT JAYI_ALWAYS_INLINE
#define SELDOM static __attribute__((noinline, cold))
#define likely(condition) JAYI_LIKELY(condition)
#define unlikely(condition) JAYI_UNLIKELY(condition)

/* What an attempt to find a key came to. */
enum outcome { FOUND, ABSENT, CHANGED };

typedef jayi_hit found;

int jayi_no_token(jay_error *error) {
    return jay_error_set(error, JAY_E_FULL, 0,
                         "this process cannot join the cache: too many processes use it; open it "
                         "with a larger max_processes");
}

ON_EVERY_HIT void count_lookup(jayi_region *region, uint32_t token, int status) {
    jayi_row_add(jayi_own_row(region, token), status == JAY_MISS ? JAYI_ROW_MISSES : JAYI_ROW_HITS,
                 1);
}

/* Looks through one bucket. */
ON_EVERY_HIT bool look(const jayi_region *region, jayi_bucket *bucket, uint64_t hash,
                       const void *key, size_t key_size, found *ret_found) {
    uint32_t matches = jayi_bucket_matches(bucket, hash);
    for (; matches != 0; matches &= matches - 1) {
        _Atomic uint64_t *slot = &bucket->slots[jayi_match_slot(matches)];
        uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
        if (unlikely(!jayi_tag_matches(word, hash))) continue;
        if (unlikely(!jayi_hit_examine(region, word, key, key_size, false, true, ret_found)))
            continue;
        ret_found->bucket = bucket;
        ret_found->slot = slot;
        return true;
    }
    return false;
}

/* Looks on where the first bucket, unchanged since `first_version`, does not have the key. */
static __attribute__((noinline)) enum outcome
find_in_second(const jayi_region *region, uint64_t hash, const void *key, size_t key_size,
               uint32_t count, const jayi_bucket *first, found *ret_found) {
    uint32_t number = jayi_shard_of(region, hash);
    uint64_t first_version = ret_found->version;
    uint32_t at = jayi_bucket_number(jayi_second_bits(hash), count);
    jayi_bucket *second = jayi_bucket_at(region, number, at);
    if (second == NULL) return CHANGED;
    uint64_t second_version = atomic_load_explicit(&second->version, memory_order_acquire);
    ret_found->version = second_version;
    if (look(region, second, hash, key, key_size, ret_found)) return FOUND;
    return jayi_is_unchanged(first, first_version) && jayi_is_unchanged(second, second_version) &&
                   jayi_peek(&region->shards[number].bucket_count) == count
               ? ABSENT
               : CHANGED;
}

/* One attempt. FOUND still has to be validated by is_unchanged after use; ABSENT has been. */
ON_EVERY_HIT enum outcome find(const jayi_region *region, uint64_t hash, const void *key,
                               size_t key_size, found *ret_found) {
    uint32_t number = jayi_shard_of(region, hash);
    uint32_t count =
        atomic_load_explicit(&region->shards[number].bucket_count, memory_order_acquire);
    if (unlikely(count == 0)) return ABSENT;
    uint32_t at = jayi_bucket_number(jayi_first_bits(hash), count);
    jayi_bucket *first = jayi_bucket_at(region, number, at);
    if (unlikely(first == NULL)) return CHANGED;
    ret_found->version = atomic_load_explicit(&first->version, memory_order_acquire);
    if (likely(look(region, first, hash, key, key_size, ret_found))) return FOUND;
    return find_in_second(region, hash, key, key_size, count, first, ret_found);
}

/* ---- get_into ---- */

/* What a reader wants to do with an item. It may be torn: the result counts only if it was not. */
typedef int use_fn(const jayi_region *region, size_t key_size, const found *f, void *arg);

typedef struct copy_out {
    void *buffer;
    size_t capacity;
    size_t size;
} copy_out;

static int use_copy(const jayi_region *region, size_t key_size, const found *f, void *arg) {
    (void)region, (void)key_size;
    copy_out *copy = arg;
    copy->size = f->value_size;
    if (f->value_size > copy->capacity) return JAY_BUFFER_TOO_SMALL;
    if (f->value_size > 0) jayi_racy_read(copy->buffer, f->value, f->value_size);
    return JAY_OK;
}

static int use_nothing(const jayi_region *region, size_t key_size, const found *f, void *arg) {
    (void)region, (void)key_size, (void)f, (void)arg;
    return JAY_OK;
}

static int use_deadline(const jayi_region *region, size_t key_size, const found *f, void *arg) {
    (void)region, (void)key_size;
    *(uint64_t *)arg = jayi_item_deadline(f->item);
    return JAY_OK;
}

/* The locked way. A shard that cannot be locked gives a miss, which a cache always may. */
SELDOM int read_locked(jayi_region *region, uint64_t hash, const void *key, size_t key_size,
                       use_fn *use, void *arg) {
    uint32_t token = jayi_token(region);
    jayi_shard *shard = &region->shards[jayi_shard_of(region, hash)];
    if (token == 0 || jayi_lock(region, shard, token, NULL) != JAY_OK) return JAY_MISS;
    jayi_ref ref;
    int status = JAY_MISS;
    if (jayi_index_find(region, shard, hash, key, key_size, &ref) &&
        !jayi_deadline_is_over(jayi_item_deadline(ref.item))) {
        jayi_sizes sizes = jayi_item_sizes(ref.item);
        found f = {.bucket = ref.bucket,
                   .slot = &ref.bucket->slots[ref.slot],
                   .word = ref.word,
                   .item = ref.item,
                   .value = jayi_item_key(ref.item) + sizes.key_size,
                   .value_size = sizes.value_size};
        status = use(region, key_size, &f, arg);
    }
    jayi_unlock_checked(region, shard);
    return status;
}

static int read_entry(jayi_region *region, uint64_t hash, const void *key, size_t key_size,
                      use_fn *use, void *arg) {
    for (int i = 0; i < OPTIMISTIC_TRIES; i++) {
        found f;
        enum outcome outcome = find(region, hash, key, key_size, &f);
        if (outcome == ABSENT) return JAY_MISS;
        if (outcome == CHANGED) continue;
        bool is_over = jayi_hit_is_over(&f);
        int status = is_over ? JAY_MISS : use(region, key_size, &f, arg);
        if (jayi_is_unchanged(f.bucket, f.version)) return status;
    }
    return read_locked(region, hash, key, key_size, use, arg);
}

/* The rest of a get_into that has not come to an end: the entry is over, or too large, or the
 * bucket is just being changed. */
static __attribute__((noinline)) int get_into_again(jayi_region *region, uint64_t hash,
                                                    const void *key, size_t key_size, void *buffer,
                                                    size_t capacity, size_t *ret_size) {
    copy_out copy = {buffer, capacity, 0};
    int status = read_entry(region, hash, key, key_size, use_copy, &copy);
    if (status != JAY_MISS) *ret_size = copy.size;
    return status;
}

int jayi_engine_get_into(jayi_region *region, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error) {
    uint32_t token = jayi_token(region);
    if (unlikely(token == 0)) return jayi_no_token(error);
    uint64_t hash = jayi_hit_hash(region, key, key_size);
    found f;
    /* What nearly always happens, in as few steps as can be. */
    enum outcome outcome = find(region, hash, key, key_size, &f);
    if (outcome == ABSENT) {
        count_lookup(region, token, JAY_MISS);
        return JAY_MISS;
    }
    if (likely(outcome == FOUND) && likely(f.value_size <= capacity) &&
        likely(!jayi_hit_is_over(&f))) {
        if (f.value_size > 0) jayi_racy_read(buffer, f.value, f.value_size);
        if (likely(jayi_is_unchanged(f.bucket, f.version))) {
            jayi_hit_note(region, hash, key_size, &f);
            jayi_row_add(jayi_own_row(region, token), JAYI_ROW_HITS, 1);
            *ret_size = f.value_size;
            return JAY_OK;
        }
    }
    int status = get_into_again(region, hash, key, key_size, buffer, capacity, ret_size);
    count_lookup(region, token, status);
    return status;
}

int jayi_engine_has(jayi_region *region, const void *key, size_t key_size, jay_error *error) {
    (void)error;
    uint64_t hash = jayi_hit_hash(region, key, key_size);
    return read_entry(region, hash, key, key_size, use_nothing, NULL);
}

int jayi_engine_ttl(jayi_region *region, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error) {
    (void)error;
    uint64_t deadline_ms = 0;
    uint64_t hash = jayi_hit_hash(region, key, key_size);
    int status = read_entry(region, hash, key, key_size, use_deadline, &deadline_ms);
    if (status != JAY_OK) return status;
    int64_t left_ms = JAY_TTL_FOREVER;
    if (deadline_ms != JAYI_DEADLINE_NEVER) {
        left_ms = (int64_t)deadline_ms - jayi_clock_ms();
        if (left_ms <= 0) return JAY_MISS;
    }
    *ret_ttl_ms = left_ms;
    return JAY_OK;
}

/* ---- looks that leave no trace ---- */

typedef struct look_out {
    copy_out copy;
    jayi_engine_seen seen;
} look_out;

static int use_look(const jayi_region *region, size_t key_size, const found *f, void *arg) {
    look_out *out = arg;
    out->seen.deadline_ms = jayi_item_deadline(f->item);
    out->seen.frequency = jayi_slot_frequency(f->word);
    return use_copy(region, key_size, f, &out->copy);
}

int jayi_engine_look(jayi_region *region, const void *key, size_t key_size, void *buffer,
                     size_t capacity, jayi_engine_seen *ret_seen) {
    look_out out = {.copy = {buffer, capacity, 0}};
    uint64_t hash = jayi_hash(key, key_size, region->seed);
    int status = read_entry(region, hash, key, key_size, use_look, &out);
    if (status != JAY_OK) return JAY_MISS;
    out.seen.size = out.copy.size;
    *ret_seen = out.seen;
    return JAY_OK;
}

/* ---- views ---- */

/* A view's words of its own: the token under which it was taken, and its bytes. */
enum { VIEW_TOKEN, VIEW_BYTES };

/* Pins what was found. JAY_OK and *ret_value; JAY_STOPPED: not linked any more; JAY_E_FULL. */
ON_EVERY_HIT int pin_found(jayi_region *region, uint32_t token, size_t key_size, const found *f,
                           bool is_locked, jayi_pinning *pinning, jay_value *ret_value) {
    uint64_t bytes = jayi_block_bytes(key_size, f->value_size);
    jayi_pin *pin = jayi_pin_take(region, pinning, jayi_slot_place(f->word), bytes);
    if (unlikely(pin == NULL)) return JAY_E_FULL;
    /* Sequentially consistent, as is the claim of the pin: pins.h. */
    if (!is_locked && unlikely(atomic_load(&f->bucket->version) != f->version)) {
        jayi_pin_take_back(pinning, pin, bytes);
        return JAY_STOPPED;
    }
    ret_value->data = f->value;
    ret_value->size = f->value_size;
    ret_value->version = jayi_item_version(f->item);
    ret_value->pin = (void *)(uintptr_t)pin;
    ret_value->reserved[VIEW_TOKEN] = token;
    ret_value->reserved[VIEW_BYTES] = bytes;
    return JAY_OK;
}

typedef struct pin_out {
    uint32_t token;
    jayi_pinning *pinning;
    jay_value *ret_value;
} pin_out;

static int use_pin_locked(const jayi_region *region, size_t key_size, const found *f, void *arg) {
    pin_out *out = arg;
    /* The region is not const: it came in as the caller's own. */
    return pin_found((jayi_region *)(uintptr_t)region, out->token, key_size, f, true, out->pinning,
                     out->ret_value);
}

static int get_view(jayi_region *region, uint32_t token, jayi_pinning *pinning, uint64_t hash,
                    const void *key, size_t key_size, jay_value *ret_value) {
    for (int i = 0; likely(i < OPTIMISTIC_TRIES); i++) {
        found f;
        enum outcome outcome = find(region, hash, key, key_size, &f);
        if (outcome == ABSENT) return JAY_MISS;
        if (unlikely(outcome == CHANGED)) continue;
        if (unlikely(jayi_hit_is_over(&f))) {
            if (jayi_is_unchanged(f.bucket, f.version)) return JAY_MISS;
            continue;
        }
        int status = pin_found(region, token, key_size, &f, false, pinning, ret_value);
        if (unlikely(status == JAY_STOPPED)) continue;
        if (likely(status == JAY_OK)) jayi_hit_note(region, hash, key_size, &f);
        return status;
    }
    pin_out out = {token, pinning, ret_value};
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
    if (unlikely(token == 0)) return jayi_no_token(error);
    uint64_t hash = jayi_hit_hash(region, key, key_size);
    jayi_pinning pinning;
    jayi_pinning_begin(region, token, &pinning);
    int status = get_view(region, token, &pinning, hash, key, key_size, ret_value);
    jayi_pinning_end(&pinning);
    count_lookup(region, token, status);
    return status == JAY_E_FULL ? pins_refused(region, error) : status;
}

void jayi_engine_release(jayi_region *region, jay_value *value) {
    uint32_t token = (uint32_t)value->reserved[VIEW_TOKEN];
    /* In a shared region a view from before a fork is the parent's, and so is its entry. */
    if (region->is_shared && token != atomic_load(&region->identity->token)) return;
    jayi_pin_drop(region, token, value->pin, value->reserved[VIEW_BYTES]);
}

/* ---- batches: three passes over a group, so that cache misses overlap ---- */

/* A key on its way. */
typedef struct wanted {
    uint64_t hash;
    uint64_t version;    /* of its first bucket */
    jayi_bucket *bucket; /* NULL: to be looked up anew */
    _Atomic uint64_t *slot;
    uint64_t word; /* of the slot; 0: none matches */
} wanted;

/* A key that the core has refused is not read: its size may be anything. */
ON_EVERY_HIT void want(const jayi_region *region, const jay_bytes *key, int status, wanted *w) {
    w->hash = jayi_hit_hash(region, key->data, likely(status == JAY_OK) ? key->size : 0);
    w->bucket = jayi_hit_bucket(region, jayi_shard_of(region, w->hash), jayi_first_bits(w->hash));
    if (likely(w->bucket != NULL)) __builtin_prefetch(w->bucket);
}

/* Looks for the slot, and has the item brought in. */
ON_EVERY_HIT void approach(const jayi_region *region, wanted *w) {
    w->word = 0;
    if (unlikely(w->bucket == NULL)) return;
    w->version = atomic_load_explicit(&w->bucket->version, memory_order_acquire);
    uint32_t matches = jayi_bucket_matches(w->bucket, w->hash);
    if (unlikely(matches == 0)) return;
    w->slot = &w->bucket->slots[jayi_match_slot(matches)];
    uint64_t word = atomic_load_explicit(w->slot, memory_order_acquire);
    if (unlikely(!jayi_tag_matches(word, w->hash)) ||
        unlikely(!jayi_place_is_sane(region, jayi_slot_place(word))))
        return;
    w->word = word;
    const unsigned char *item = (const unsigned char *)jayi_item_at(region, jayi_slot_place(word));
    __builtin_prefetch(item);
    __builtin_prefetch(item + JAYI_LINE);
    __builtin_prefetch(item + 2 * JAYI_LINE);
}

/* Takes what `approach` has found; whatever is not as it should be is looked up anew. `ticks`: of
 * the whole batch. */
ON_EVERY_HIT int arrive(jayi_region *region, uint32_t token, uint64_t ticks, const wanted *w,
                        const jay_bytes *key, jayi_pinning *pinning, jay_value *ret_value) {
    found f = {.bucket = w->bucket, .slot = w->slot, .version = w->version, .ticks = ticks};
    if (likely(w->word != 0) &&
        likely(jayi_hit_examine(region, w->word, key->data, key->size, true, false, &f)) &&
        likely(!jayi_hit_is_over(&f))) {
        int status = pin_found(region, token, key->size, &f, false, pinning, ret_value);
        if (likely(status == JAY_OK)) jayi_hit_note(region, w->hash, key->size, &f);
        if (likely(status != JAY_STOPPED)) return status;
    }
    return get_view(region, token, pinning, w->hash, key->data, key->size, ret_value);
}

static void get_group(jayi_region *region, uint32_t token, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error) {
    wanted group[GROUP];
    int64_t hits = 0, misses = 0;
    jayi_pinning pinning;
    jayi_pinning_begin(region, token, &pinning);
    for (size_t i = 0; i < count; i++) want(region, &keys[i], statuses[i], &group[i]);
    for (size_t i = 0; i < count; i++) approach(region, &group[i]);
    uint64_t ticks = jayi_deadline_ticks();
    for (size_t i = 0; i < count; i++) {
        if (unlikely(statuses[i] != JAY_OK)) continue;
        statuses[i] = arrive(region, token, ticks, &group[i], &keys[i], &pinning, &ret_values[i]);
        if (unlikely(statuses[i] == JAY_E_FULL)) pins_refused(region, error);
        misses += statuses[i] == JAY_MISS;
        hits += statuses[i] != JAY_MISS;
    }
    jayi_pinning_end(&pinning);
    jayi_row *row = jayi_own_row(region, token);
    if (hits > 0) jayi_row_add(row, JAYI_ROW_HITS, hits);
    if (misses > 0) jayi_row_add(row, JAYI_ROW_MISSES, misses);
}

void jayi_engine_get_many(jayi_region *region, const jay_bytes *keys, size_t count,
                          jay_value *ret_values, int *statuses, jay_error *error) {
    uint32_t token = jayi_token(region);
    for (size_t i = 0; token == 0 && i < count; i++) {
        if (statuses[i] == JAY_OK) statuses[i] = jayi_no_token(error);
    }
    for (size_t start = 0; token != 0 && start < count; start += GROUP) {
        size_t size = count - start < GROUP ? count - start : GROUP;
        get_group(region, token, keys + start, size, ret_values + start, statuses + start, error);
    }
}
