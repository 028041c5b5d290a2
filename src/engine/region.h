/*
 * region.h - a region as one process sees it: where it is mapped, its geometry, and its parts.
 *
 * The geometry is copied out of the header once, checked, and never read from there again.
 */
#ifndef JAYI_REGION_H
#define JAYI_REGION_H

#include <jaycache/backend.h>

#include "engine/layout.h"
#include "engine/racy.h"
#include "util/hash.h"

/* An entry of a row's pins: the place that a view holds, or 0. */
typedef _Atomic uint32_t jayi_pin;

/* What a region is made from. */
typedef struct jayi_region_plan {
    uint64_t region_bytes; /* a multiple of 4096 */
    uint64_t max_items;
    uint32_t row_count;
    uint32_t size_bias;
    uint64_t seed;
} jayi_region_plan;

/* Who this process is in the region. On a page that fork empties in the child (MADV_WIPEONFORK), so
 * that the child knows that it has to introduce itself. */
typedef struct jayi_identity {
    _Atomic uint32_t token;             /* 0: none yet */
    _Atomic uint32_t busy;              /* a thread is getting one */
    _Atomic(jayi_row_stripe *) stripes; /* of its row; NULL: none yet */
} jayi_identity;

#define JAYI_OCTAVES 32 /* of sizes of entries, from 32 bytes on */

/* What each lookup reads comes first, in the order of its use (hit.h). */
typedef struct jayi_region {
    unsigned char *base;
    jayi_identity *identity;
    jayi_hash_keys hash_keys;
    jayi_shard *shards;
    _Atomic uint32_t *directories; /* chunk number + 1 */
    unsigned char *chunks;
    uint32_t shard_mask;
    uint32_t directory_size;
    uint32_t bucket_shift; /* a chunk has 1 << bucket_shift buckets */
    uint32_t bucket_mask;  /* one less than that */
    uint32_t chunk_shift;
    uint32_t chunk_count;
    jayi_place first_place; /* of an item */
    jayi_place place_range; /* how far behind it one can be */
    uint64_t region_bytes;
    _Atomic uint64_t sample_below; /* only hits of lower hashes may be samples: sampling.h */
    jayi_header *header;
    jayi_row *rows;
    jayi_pin *pins;
    struct jayi_sampling *sampling; /* NULL: none */
    _Atomic uint32_t *chunk_table;
    uint64_t chunks_at;
    uint64_t seed;
    uint64_t max_items;
    uint64_t largest_value;
    uint32_t row_count;
    uint32_t pins_per_row;
    uint32_t shard_count;
    uint32_t size_bias;
    bool is_sized;                      /* bytes are what is scarce, not entries */
    uint8_t size_classes[JAYI_OCTAVES]; /* classes of weight that a size costs */
    bool is_shared;
    int lock_fd;               /* of a shared region, else -1 */
    _Atomic int64_t reaped_ms; /* when this process last looked for rows of the dead */
} jayi_region;

/* The geometry that a plan leads to, checked against the least that can work. JAY_OK or
 * JAY_E_OPTION_VALUE. */
int jayi_region_check_plan(const jayi_region_plan *plan, jay_error *error);

/* Writes header and tables into zeroed memory of plan->region_bytes. */
void jayi_region_format(void *base, const jayi_region_plan *plan);

/*
 * Checks the header of a mapped region of `bytes` and fills in the parts of *region from it.
 * JAY_OK; JAY_E_VERSION for another format; JAY_E_CORRUPT.
 */
int jayi_region_bind(jayi_region *region, void *base, uint64_t bytes, jay_error *error);

/* ---- places ---- */

static inline jayi_item *jayi_item_at(const jayi_region *region, jayi_place place) {
    return (jayi_item *)(void *)(region->base + (uint64_t)place * JAYI_UNIT);
}

static inline jayi_place jayi_place_of(const jayi_region *region, const void *address) {
    return (jayi_place)((uint64_t)((const unsigned char *)address - region->base) / JAYI_UNIT);
}

/* Whether a place lies in the chunks, with at least the header of an item behind it. */
static inline bool jayi_place_is_sane(const jayi_region *region, jayi_place place) {
    return place - region->first_place <= region->place_range;
}

static inline uint64_t jayi_chunk_bytes(const jayi_region *region) {
    return UINT64_C(1) << region->chunk_shift;
}

static inline unsigned char *jayi_chunk_at(const jayi_region *region, uint32_t chunk) {
    return region->chunks + ((uint64_t)chunk << region->chunk_shift);
}

static inline uint32_t jayi_chunk_of(const jayi_region *region, jayi_place place) {
    return (uint32_t)(((uint64_t)place * JAYI_UNIT - region->chunks_at) >> region->chunk_shift);
}

/* ---- shards and hashes: the tag is the top 24 bits, the shard the next, the buckets the rest - */

static inline uint32_t jayi_shard_of(const jayi_region *region, uint64_t hash) {
    return (uint32_t)(hash >> 32) & region->shard_mask;
}

static inline uint32_t jayi_shard_number(const jayi_region *region, const jayi_shard *shard) {
    return (uint32_t)(shard - region->shards);
}

static inline bool jayi_chunk_is_of(const jayi_region *region, uint32_t chunk,
                                    enum jayi_chunk_kind kind, uint32_t owner) {
    return chunk < region->chunk_count &&
           jayi_peek(&region->chunk_table[chunk]) == jayi_chunk_entry(kind, owner);
}

/* ---- items ---- */

/* What an item says of its parts. */
typedef struct jayi_sizes {
    uint32_t header; /* the key begins this far from the item's start */
    uint32_t key_size;
    uint32_t value_size;
} jayi_sizes;

/* Of an item that has them in its identity; a key size of 0 says that it has not. */
static inline jayi_sizes jayi_item_short_sizes(const jayi_item *item) {
    uint64_t identity = jayi_peek(&item->identity);
    return (jayi_sizes){JAYI_ITEM_HEADER, (uint32_t)(identity & JAYI_KEY_SIZE_MASK),
                        (uint32_t)(identity >> JAYI_VALUE_SIZE_SHIFT & JAYI_VALUE_SIZE_MASK)};
}

static inline jayi_sizes jayi_item_sizes(const jayi_item *item) {
    jayi_sizes short_sizes = jayi_item_short_sizes(item);
    if (__builtin_expect(short_sizes.key_size != 0, 1)) return short_sizes;
    uint64_t sizes = jayi_peek(&item->more[0]);
    return (jayi_sizes){JAYI_LONG_HEADER, (uint32_t)(sizes & JAYI_LONG_KEY_MASK),
                        (uint32_t)(sizes >> JAYI_LONG_VALUE_SHIFT)};
}

static inline uint32_t jayi_item_key_size(const jayi_item *item) {
    return jayi_item_sizes(item).key_size;
}

static inline const unsigned char *jayi_item_key(const jayi_item *item) {
    return (const unsigned char *)item + jayi_item_sizes(item).header;
}

/* The version: of 34 bits, counted by the shard. An entry has one again that it had before only if
 * its shard was written to 17 thousand million times between, to the one: at a million writes a
 * second that is the write made 4.8 hours after, and no other. */
static inline uint64_t jayi_item_version(const jayi_item *item) {
    uint64_t epoch = (jayi_peek(&item->state) & JAYI_EPOCH_MASK) >> JAYI_EPOCH_SHIFT;
    return epoch << JAYI_VERSION_BITS | jayi_peek(&item->identity) >> JAYI_VERSION_SHIFT;
}

static inline uint64_t jayi_item_deadline(const jayi_item *item) {
    return jayi_peek(&item->state) >> JAYI_DEADLINE_SHIFT;
}

static inline uint64_t jayi_item_bytes(const jayi_item *item) {
    jayi_sizes sizes = jayi_item_sizes(item);
    return jayi_padded_bytes(sizes.header, sizes.key_size, sizes.value_size);
}

static inline int jayi_item_queue(const jayi_item *item) {
    return (int)((jayi_peek(&item->state) & JAYI_QUEUE_MASK) >> JAYI_QUEUE_SHIFT);
}

static inline uint32_t jayi_item_level(const jayi_item *item) {
    return (uint32_t)((jayi_peek(&item->state) & JAYI_LEVEL_MASK) >> JAYI_LEVEL_SHIFT);
}

static inline void jayi_item_set_standing(jayi_item *item, int queue, uint32_t level) {
    uint64_t rest = jayi_peek(&item->state) & ~JAYI_STANDING_MASK;
    jayi_poke(&item->state,
              rest | (uint64_t)queue << JAYI_QUEUE_SHIFT | (uint64_t)level << JAYI_LEVEL_SHIFT);
}

static inline uint16_t jayi_item_stamp(const jayi_item *item) {
    return (uint16_t)(jayi_peek(&item->identity) >> JAYI_STAMP_SHIFT);
}

/*
 * The class of an entry's weight, which grows with its level and falls with its size in octaves: 32
 * to 63 bytes, 64 to 127, ... All weigh the same where entries are what is scarce.
 */
static inline uint32_t jayi_class_of(const jayi_region *region, const jayi_item *item) {
    /* 1 + 3 * level, in steps of sqrt(2) */
    static const uint8_t gains[JAYI_LEVEL_MAX + 1] = {0, 4, 6, 7, 7, 8, 8, 9};
    if (!region->is_sized) return 0;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(jayi_item_bytes(item) | 32) - 5;
    if (octave >= JAYI_OCTAVES) octave = JAYI_OCTAVES - 1;
    uint32_t number = region->size_classes[octave] + gains[JAYI_LEVEL_MAX];
    number -= gains[jayi_item_level(item)];
    return number < JAYI_CLASSES ? number : JAYI_CLASSES - 1;
}

static inline bool jayi_is_expired(uint64_t deadline_ms, int64_t now_ms) {
    return (uint64_t)now_ms >= deadline_ms;
}

#endif
