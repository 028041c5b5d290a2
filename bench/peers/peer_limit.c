/*
 * peer_limit.c - the limit: what a lookup costs when nothing but the lookup is done.
 *
 * One hash of the key (the same, seeded), one bucket line, one dependent item line, one key
 * compare, one copy. No locks, no eviction, no expiry, no statistics, huge pages; sets overwrite in
 * place. With two threads that write, a reader may see bytes of two writes: nothing here may be
 * taken for a cache.
 *
 *     bucket, one cache line: | tags 8 x 2 | places 8 x 4 | count 1 | unused |
 *     item, from a cache line on: | key size 4 | value size 4 | key ... | value ... |
 *
 * A place counts cache lines from the start of the arena. A bucket is about half full; one that is
 * full goes on in the next.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../harness.h"
#include "peer.h"

__extension__ typedef unsigned __int128 wide;

#define LINE_BYTES ((size_t)64)
#define BUCKET_SLOTS 8u

typedef struct limit_bucket {
    uint16_t tags[BUCKET_SLOTS];
    uint32_t places[BUCKET_SLOTS];
    uint8_t count;
    uint8_t unused[15];
} limit_bucket;

typedef struct limit_item {
    uint32_t key_size;
    uint32_t value_size;
    char bytes[];
} limit_item;

typedef struct limit {
    limit_bucket *buckets;
    uint64_t bucket_count;
    char *arena;
    size_t arena_bytes;
    size_t arena_used;
    uint64_t seed;
    atomic_flag is_inserting; /* new keys come only while filling, which may use several threads */
} limit;

static void *limit_open(const peer_config *config, peer_error *error) {
    limit *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    const size_t item_bytes =
        (sizeof(limit_item) + 32 + config->value_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    self->bucket_count = config->item_count / (BUCKET_SLOTS / 2) + 1;
    self->buckets = bench_pages_alloc(self->bucket_count * sizeof(limit_bucket));
    self->arena_bytes = item_bytes * config->item_count;
    self->arena = bench_pages_alloc(self->arena_bytes);
    self->seed = bench_mix((uint64_t)bench_now_ns());
    atomic_flag_clear(&self->is_inserting);
    return self;
}

static void limit_close(void *state) {
    limit *self = state;
    bench_pages_free(self->buckets, self->bucket_count * sizeof(limit_bucket));
    bench_pages_free(self->arena, self->arena_bytes);
    free(self);
}

static void *limit_attach(void *state, peer_error *error) {
    (void)error;
    return state;
}

static void limit_detach(void *state, void *handle) {
    (void)state;
    (void)handle;
}

/* The same as Jaycache's: with a seed that nobody outside knows. */
static inline uint64_t hash_of(const limit *self, const void *key, size_t key_size) {
    return XXH3_64bits_withSeed(key, key_size, self->seed);
}

/* The high half of the product of the hash and the number of buckets: every bucket alike, no
 * division. */
static inline uint64_t home_of(const limit *self, uint64_t hash) {
    return (uint64_t)(((wide)hash * self->bucket_count) >> 64);
}

/* One bit, the highest of 16, for each of four tags that may equal `tag`; a false one is sorted out
 * by the compare of the key. */
static inline uint64_t match_four(const uint16_t *tags, uint16_t tag) {
    const uint64_t ones = 0x0001000100010001u;
    uint64_t four;
    memcpy(&four, tags, sizeof four);
    four ^= ones * tag;
    return (four - ones) & ~four & (ones << 15);
}

static inline limit_item *match_in(const limit *self, const limit_bucket *bucket, unsigned first,
                                   uint64_t matches, const void *key, size_t key_size) {
    for (; matches != 0; matches &= matches - 1) {
        const unsigned slot = first + ((unsigned)__builtin_ctzll(matches) >> 4);
        limit_item *found = (limit_item *)(self->arena + bucket->places[slot] * LINE_BYTES);
        if (slot < bucket->count && found->key_size == key_size &&
            memcmp(found->bytes, key, key_size) == 0) {
            return found;
        }
    }
    return NULL;
}

static inline limit_item *find(const limit *self, uint64_t hash, const void *key, size_t key_size) {
    uint64_t home = home_of(self, hash);
    for (;;) {
        const limit_bucket *bucket = &self->buckets[home];
        const uint16_t tag = (uint16_t)hash;
        limit_item *found = match_in(self, bucket, 0, match_four(bucket->tags, tag), key, key_size);
        if (found != NULL) return found;
        found = match_in(self, bucket, 4, match_four(bucket->tags + 4, tag), key, key_size);
        if (found != NULL) return found;
        if (bucket->count < BUCKET_SLOTS) return NULL;
        home = home + 1 == self->bucket_count ? 0 : home + 1;
    }
}

static int limit_get_into(void *handle, const void *key, size_t key_size, void *buffer,
                          size_t capacity, size_t *ret_size) {
    const limit *self = handle;
    const limit_item *found = find(self, hash_of(self, key, key_size), key, key_size);
    if (found == NULL || found->value_size > capacity) return PEER_MISS;
    memcpy(buffer, found->bytes + key_size, found->value_size);
    *ret_size = found->value_size;
    return PEER_HIT;
}

static int limit_view(void *handle, const void *key, size_t key_size, peer_view *ret_view) {
    const limit *self = handle;
    const limit_item *found = find(self, hash_of(self, key, key_size), key, key_size);
    if (found == NULL) return PEER_MISS;
    ret_view->data = found->bytes + key_size;
    ret_view->size = found->value_size;
    return PEER_HIT;
}

static void limit_release(void *handle, peer_view *view) {
    (void)handle;
    (void)view;
}

/* Brings in the lines of the first item whose tag fits. */
static inline void prefetch_item(const limit *self, uint64_t hash) {
    const limit_bucket *bucket = &self->buckets[home_of(self, hash)];
    uint64_t matches = match_four(bucket->tags, (uint16_t)hash);
    unsigned first = 0;
    if (matches == 0) {
        matches = match_four(bucket->tags + 4, (uint16_t)hash);
        first = 4;
    }
    if (matches == 0) return;
    const unsigned slot = first + ((unsigned)__builtin_ctzll(matches) >> 4);
    const char *found = self->arena + bucket->places[slot] * LINE_BYTES;
    __builtin_prefetch(found);
    __builtin_prefetch(found + LINE_BYTES);
    __builtin_prefetch(found + 2 * LINE_BYTES);
}

static int limit_view_many(void *handle, const peer_key *keys, size_t count, peer_view *ret_views) {
    const limit *self = handle;
    uint64_t hashes[PEER_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(self, keys[i].data, keys[i].size);
        __builtin_prefetch(&self->buckets[home_of(self, hashes[i])]);
    }
    for (size_t i = 0; i < count; i++) prefetch_item(self, hashes[i]);
    for (size_t i = 0; i < count; i++) {
        const limit_item *found = find(self, hashes[i], keys[i].data, keys[i].size);
        ret_views[i].data = found == NULL ? NULL : found->bytes + keys[i].size;
        ret_views[i].size = found == NULL ? 0 : found->value_size;
    }
    return PEER_HIT;
}

static void limit_release_many(void *handle, size_t count) {
    (void)handle;
    (void)count;
}

static limit_item *insert(limit *self, uint64_t hash, const void *key, size_t key_size,
                          size_t value_size) {
    const size_t bytes =
        (sizeof(limit_item) + key_size + value_size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    if (self->arena_used + bytes > self->arena_bytes) return NULL;
    uint64_t home = home_of(self, hash);
    while (self->buckets[home].count == BUCKET_SLOTS) {
        home = home + 1 == self->bucket_count ? 0 : home + 1;
    }
    limit_bucket *bucket = &self->buckets[home];
    limit_item *added = (limit_item *)(self->arena + self->arena_used);
    added->key_size = (uint32_t)key_size;
    added->value_size = (uint32_t)value_size;
    memcpy(added->bytes, key, key_size);
    bucket->tags[bucket->count] = (uint16_t)hash;
    bucket->places[bucket->count] = (uint32_t)(self->arena_used / LINE_BYTES);
    bucket->count++;
    self->arena_used += bytes;
    return added;
}

static int limit_set(void *handle, const void *key, size_t key_size, const void *value,
                     size_t value_size) {
    limit *self = handle;
    const uint64_t hash = hash_of(self, key, key_size);
    limit_item *found = find(self, hash, key, key_size);
    if (found == NULL) {
        while (atomic_flag_test_and_set(&self->is_inserting)) continue;
        found = insert(self, hash, key, key_size, value_size);
        atomic_flag_clear(&self->is_inserting);
    }
    if (found == NULL || found->value_size != value_size) return PEER_FAILED;
    memcpy(found->bytes + key_size, value, value_size);
    return PEER_HIT;
}

static int64_t limit_bytes(void *handle) {
    const limit *self = handle;
    return (int64_t)(self->arena_used + self->bucket_count * sizeof(limit_bucket));
}

const peer_ops peer_limit = {
    .name = "limit",
    .title = "the limit: one bucket line, one item line, nothing else",
    .open = limit_open,
    .close = limit_close,
    .attach = limit_attach,
    .detach = limit_detach,
    .get_into = limit_get_into,
    .set = limit_set,
    .view = limit_view,
    .release = limit_release,
    .view_many = limit_view_many,
    .release_many = limit_release_many,
    .bytes = limit_bytes,
};
