/*
 * layout.h - what lies where in a region.
 *
 * A region is one range of memory, private to a process (memory:) or shared by many (shm:), mapped
 * anywhere: it holds offsets, never addresses. Places are counted in units of 8 bytes from its
 * start; place 0 is the header, and so means "none".
 *
 *     header | rows, one a process | pins of each row | sampling | shards | index directories |
 *     chunk table | chunks ...
 *
 * A chunk is the unit in which memory changes hands. Its entry in the chunk table says what it is
 * used for and by whom:
 *
 *     index chunk   buckets of 64 bytes: a version and 7 slots. A slot is one word: a piece of the
 *                   hash, a capped count of hits, and the place of an item. 0: empty.
 *     heap chunk    blocks without gaps, each an item or free; they go on into the next chunk
 *                   if that belongs to the same heap
 *     run           several chunks in a row that hold one item too big for a chunk
 *     ghost chunk   pieces of hashes of entries lately evicted
 *
 * The index is the truth. Everything else that a shard has (queues, free lists, counts) can be
 * rebuilt from it, and is, after a process died while it held the shard's lock (recover.h).
 *
 * Words that another process may read or write at the same time are _Atomic. Everything read from a
 * region is checked before it is used as a place or a size: any process attached may have been
 * killed at any instruction, and a shared region may be damaged.
 */
#ifndef JAYI_LAYOUT_H
#define JAYI_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_LINE 64
#define JAYI_UNIT 8 /* bytes of one step of a place */

typedef uint32_t jayi_place; /* so a region has at most 32 GiB */

#define JAYI_REGION_MAX (UINT64_C(1) << 35)
#define JAYI_REGION_MIN 65536

/* ---- header ---- */

#define JAYI_MAGIC UINT64_C(0x6568636163796a0a) /* "\njycache" with the a lost on purpose */
#define JAYI_FORMAT 4u

typedef struct jayi_header {
    uint64_t magic;
    uint32_t format;
    uint32_t row_count;
    uint64_t region_bytes;
    uint64_t seed;        /* of the hash */
    uint32_t chunk_shift; /* a chunk has 1 << chunk_shift bytes */
    uint32_t chunk_count;
    uint32_t shard_count;    /* a power of two */
    uint32_t directory_size; /* index chunks that a shard can have */
    uint64_t max_items;      /* 0: no limit */
    uint64_t rows_at;        /* bytes from the start, as are the next five */
    uint64_t pins_at;
    uint64_t sampling_at; /* 0: the region is too small for one */
    uint64_t shards_at;
    uint64_t directories_at;
    uint64_t chunk_table_at;
    uint64_t chunks_at;
    uint64_t created_ms; /* real time, for people */
    uint32_t pins_per_row;
    uint32_t size_bias; /* 0 to 100: how much small entries are preferred */
    uint32_t check;     /* of all fields above: a header that was written whole */
    _Alignas(JAYI_LINE) _Atomic uint32_t freed_epoch; /* counts chunks given back */
    _Atomic uint32_t chunk_hint;                      /* where to look for a free one */
    _Atomic uint32_t rows_high;                       /* rows from here on were never used */
    _Atomic uint64_t resets;                          /* shards emptied because damaged */
    _Atomic uint64_t recoveries;
} jayi_header;

/* ---- rows ---- */

#define JAYI_ROW_STRIPES 16

enum jayi_row_counter {
    JAYI_ROW_HITS,
    JAYI_ROW_MISSES,
    JAYI_ROW_SETS,
    JAYI_ROW_DELETES,
    JAYI_ROW_PINNED_BYTES, /* of views held; of one stripe it may be negative */
    JAYI_ROW_COUNTERS
};

typedef struct jayi_row_stripe {
    _Alignas(JAYI_LINE) _Atomic int64_t counts[JAYI_ROW_COUNTERS];
} jayi_row_stripe;

/* What one process does in the region. Its counts outlive it, but for the pinned bytes. */
typedef struct jayi_row {
    _Alignas(JAYI_LINE) _Atomic uint32_t token; /* 0: free. Else row number and a serial */
    _Atomic uint32_t pid;
    _Atomic uint32_t last_token; /* of the one before, so that no two have the same */
    _Atomic uint32_t pin_high;   /* pin entries from here on have never been used */
    jayi_row_stripe stripes[JAYI_ROW_STRIPES];
} jayi_row;

/* ---- shards ---- */

#define JAYI_SMALL_BINS 64 /* bin n < 64: free blocks of exactly n units */
#define JAYI_BIN_STEPS 16  /* above: 16 bins from each power of two to the next */
#define JAYI_BINS (JAYI_SMALL_BINS + 27 * JAYI_BIN_STEPS) /* up to 2 to the power of 36 */
#define JAYI_QUICK_MAX 32 /* freed blocks kept as they are, for the next of their size */

enum { JAYI_PROBATION, JAYI_MAIN, JAYI_QUEUES }; /* policy.h */
#define JAYI_CLASSES 64 /* of weights, each 1 / sqrt(2) of the one before */
#define JAYI_GHOST_CHUNKS 32

/* One list of entries, oldest to newest. */
typedef struct jayi_list {
    jayi_place oldest;
    jayi_place newest;
} jayi_list;

/* A queue: a list for each class of weights, and what they hold together. */
typedef struct jayi_queue {
    jayi_list classes[JAYI_CLASSES];
    uint64_t occupied; /* a bit for each list that is not empty */
    uint64_t items;
    uint64_t bytes;
    uint64_t clock; /* stamp of the last entry that left at its old end */
} jayi_queue;

typedef struct jayi_shard {
    /* Read by everyone. */
    _Alignas(JAYI_LINE) _Atomic uint32_t bucket_count;
    _Atomic uint32_t bucket_mask; /* hints for hit.h: all bits of a bucket's number, */
    _Atomic uint32_t bucket_half; /* and the second highest of them */
    _Atomic uint32_t moves;       /* entries moved from a bucket to another, for jay_iterate */

    /* The lock: 0, or the token of the process that has it, and JAYI_LOCK_WAITERS. */
    _Alignas(JAYI_LINE) _Atomic uint32_t lock;

    /* Behind the lock; some are read without it, for statistics. */
    _Alignas(JAYI_LINE) _Atomic uint64_t item_count;
    _Atomic uint64_t block_bytes; /* of items, linked or in limbo */
    _Atomic uint64_t run_bytes;   /* of those, in runs */
    _Atomic uint64_t chunk_bytes; /* of index and ghosts */
    _Atomic uint64_t evictions;
    _Atomic uint64_t expiries;
    _Atomic uint64_t pin_refusals;
    uint64_t last_version;
    uint64_t unlinks; /* counts entries unlinked: "has anything gone since?" */
    uint64_t max_items;
    jayi_queue queues[JAYI_QUEUES];
    _Atomic uint32_t is_damaged; /* something did not add up: rebuild before the lock goes */
    jayi_place limbo;            /* unlinked, but pinned; linked by `newer` */
    uint32_t crawl_bucket;
    uint32_t seen_freed_epoch; /* when the chunk table was last found without a free one */
    uint32_t heap_chunks;
    uint32_t keeps_chunks; /* not 0: chunks that become free are not given back now */
    uint32_t quick_count;
    uint32_t ghost_places;                    /* a power of two; 0: no ghosts yet */
    uint32_t ghost_unit;                      /* evictions in a tick of their clock */
    uint32_t ghost_cursor;                    /* where old ones are looked for next */
    uint64_t ghost_clock;                     /* counts evictions */
    uint32_t ghost_chunks[JAYI_GHOST_CHUNKS]; /* chunk number + 1; 0: none */
    uint64_t bin_map[(JAYI_BINS + 63) / 64];
    jayi_place bins[JAYI_BINS];
    jayi_place quick[JAYI_SMALL_BINS];
} jayi_shard;

/* ---- index ---- */

#define JAYI_BUCKET_SLOTS 7

typedef struct jayi_bucket {
    _Alignas(JAYI_LINE) _Atomic uint64_t version; /* counts changes of the slots */
    _Atomic uint64_t slots[JAYI_BUCKET_SLOTS];
} jayi_bucket;

_Static_assert(sizeof(jayi_bucket) == JAYI_LINE, "a bucket is a line");

/* slot: tag 24 | frequency 3 | guest 1 | unused 4 | place 32 */
#define JAYI_FREQUENCY_SHIFT 37
#define JAYI_FREQUENCY_ONE (UINT64_C(1) << JAYI_FREQUENCY_SHIFT)
#define JAYI_FREQUENCY_MASK (UINT64_C(7) << JAYI_FREQUENCY_SHIFT)
/* The entry is in the second of its buckets. A hint: it may be set, or not, by mistake. */
#define JAYI_SLOT_GUEST (UINT64_C(1) << 36)
#define JAYI_FREQUENCY_BYTE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 4 : 3) /* bits 32 to 39 */
#define JAYI_TAG_SHIFT 40

static inline jayi_place jayi_slot_place(uint64_t slot) {
    return (jayi_place)slot;
}

/* An empty slot may have a frequency: a hit was noted when the entry had just gone. */
static inline bool jayi_slot_is_empty(uint64_t slot) {
    return jayi_slot_place(slot) == 0;
}

static inline uint32_t jayi_slot_frequency(uint64_t slot) {
    return (uint32_t)((slot & JAYI_FREQUENCY_MASK) >> JAYI_FREQUENCY_SHIFT);
}

/*
 * Changes the frequency in a slot that held `word`, and nothing else, however the slot changes at
 * the same time: the frequency has a byte of its own. So this takes no lock and no locked
 * instruction; if the slot has got another entry meanwhile, that one has a wrong frequency and
 * hint, which do no harm.
 */
static inline void jayi_slot_set_frequency(_Atomic uint64_t *slot, uint64_t word,
                                           uint32_t frequency) {
    _Atomic uint8_t *bytes = (_Atomic uint8_t *)(uintptr_t)slot;
    word = (word & JAYI_SLOT_GUEST) | (uint64_t)frequency << JAYI_FREQUENCY_SHIFT;
    atomic_store_explicit(&bytes[JAYI_FREQUENCY_BYTE], (uint8_t)(word >> 32), memory_order_relaxed);
}

static inline uint64_t jayi_slot_make(uint64_t hash, jayi_place place, uint32_t frequency) {
    return hash >> JAYI_TAG_SHIFT << JAYI_TAG_SHIFT | (uint64_t)frequency << JAYI_FREQUENCY_SHIFT |
           place;
}

/* ---- items and free blocks ---- */

/* state: deadline 45 | version 10, its high bits | level 3 | queue 1 | flags 5. 45 bits of
 * milliseconds are 1,100 years, and no entry is to live longer than 1,000. */
#define JAYI_DEADLINE_SHIFT 19
#define JAYI_DEADLINE_NEVER (UINT64_MAX >> JAYI_DEADLINE_SHIFT)
#define JAYI_FLAG_FREE UINT64_C(1)          /* a free block, in a bin */
#define JAYI_FLAG_PREVIOUS_FREE UINT64_C(2) /* so is the one before, whose last word is its size */
#define JAYI_FLAG_QUICK UINT64_C(4)         /* freed, but not merged: in a quick list */
#define JAYI_FLAG_LIMBO UINT64_C(8)         /* unlinked, but pinned */
#define JAYI_FLAG_RUN UINT64_C(16)          /* the item fills chunks of its own */
#define JAYI_QUEUE_SHIFT 5
#define JAYI_QUEUE_MASK (UINT64_C(1) << JAYI_QUEUE_SHIFT)
#define JAYI_LEVEL_SHIFT 6 /* hits of turns that are over */
#define JAYI_LEVEL_MAX 7u
#define JAYI_LEVEL_MASK ((uint64_t)JAYI_LEVEL_MAX << JAYI_LEVEL_SHIFT)
#define JAYI_STANDING_MASK (JAYI_QUEUE_MASK | JAYI_LEVEL_MASK) /* what the policy knows */
#define JAYI_EPOCH_SHIFT 9                                     /* of the version's high bits */
#define JAYI_EPOCH_BITS 10
#define JAYI_EPOCH_MASK (((UINT64_C(1) << JAYI_EPOCH_BITS) - 1) << JAYI_EPOCH_SHIFT)

/* identity: version 24, its low bits | stamp 16 | value size 16 | key size 8. A key size of 0: the
 * sizes are in a word behind the header, key size 17 | unused 15 | value size 32. */
#define JAYI_KEY_SIZE_MASK UINT64_C(0xff)
#define JAYI_VALUE_SIZE_SHIFT 8
#define JAYI_VALUE_SIZE_MASK UINT64_C(0xffff)
#define JAYI_STAMP_SHIFT 24
#define JAYI_STAMP_MASK (UINT64_C(0xffff) << JAYI_STAMP_SHIFT)
#define JAYI_VERSION_SHIFT 40
#define JAYI_VERSION_BITS 24
#define JAYI_LONG_KEY_MASK ((UINT64_C(1) << 17) - 1)
#define JAYI_LONG_VALUE_SHIFT 32

/*
 * An item: this, the word with its sizes where they are large, its key, its value, a NUL. Of a free
 * block `identity` is its size in bytes, `older` and `newer` link its bin, and its last 4 bytes are
 * its size in units.
 */
typedef struct jayi_item {
    _Atomic uint64_t state;
    _Atomic uint64_t identity;
    _Atomic jayi_place older;
    _Atomic jayi_place newer;
    _Atomic uint64_t more[]; /* the sizes, or already the key */
} jayi_item;

#define JAYI_ITEM_HEADER 24
#define JAYI_LONG_HEADER 32
#define JAYI_BLOCK_MIN 32

_Static_assert(sizeof(jayi_item) == JAYI_ITEM_HEADER, "no padding before the key");
_Static_assert(JAYI_LONG_HEADER <= JAYI_BLOCK_MIN, "what is a block holds every header");

/* Whether the sizes need a word of their own. */
static inline bool jayi_sizes_are_long(uint64_t key_size, uint64_t value_size) {
    return key_size > JAYI_KEY_SIZE_MASK || value_size > JAYI_VALUE_SIZE_MASK;
}

/* The bytes of an item whose key lies this far from its start. */
static inline uint64_t jayi_padded_bytes(uint64_t header, uint64_t key_size, uint64_t value_size) {
    uint64_t size = (header + key_size + value_size + 1 + JAYI_UNIT - 1) / JAYI_UNIT * JAYI_UNIT;
    return size < JAYI_BLOCK_MIN ? JAYI_BLOCK_MIN : size;
}

static inline uint64_t jayi_block_bytes(uint64_t key_size, uint64_t value_size) {
    bool is_long = jayi_sizes_are_long(key_size, value_size);
    return jayi_padded_bytes(is_long ? JAYI_LONG_HEADER : JAYI_ITEM_HEADER, key_size, value_size);
}

/* ---- chunk table ---- */

enum jayi_chunk_kind {
    JAYI_CHUNK_FREE,
    JAYI_CHUNK_INDEX,
    JAYI_CHUNK_HEAP,
    JAYI_CHUNK_RUN,      /* the first of a run */
    JAYI_CHUNK_RUN_MORE, /* a further one */
    JAYI_CHUNK_GHOSTS,
    JAYI_CHUNK_KINDS
};

/* An entry of the table: kind 8 | owner 24. A free one is 0. */
static inline uint32_t jayi_chunk_entry(enum jayi_chunk_kind kind, uint32_t owner) {
    return kind == JAYI_CHUNK_FREE ? 0 : (uint32_t)kind << 24 | owner;
}

static inline enum jayi_chunk_kind jayi_chunk_kind(uint32_t entry) {
    return (enum jayi_chunk_kind)(entry >> 24);
}

static inline uint32_t jayi_chunk_owner(uint32_t entry) {
    return entry & 0xffffffu;
}

#endif
