/*
 * duel.h - which preset of the eviction policy suits the present traffic.
 *
 * Nobody knows beforehand whether traffic is more like the web's (much probation) or like loops
 * and scans (hardly any). So each preset is tried out on a shadow: a cache without values, as small
 * as some hundred entries, that is fed a sample of the keys, chosen by their hash, and is that much
 * smaller than the real cache, which follows the preset whose shadow has had most hits lately.
 *
 * A duel is plain data without addresses, so it may lie in memory that processes share. The shift
 * and the preset may be read at any time. For all else the caller keeps others out, by a lock that
 * it may merely try, since a sample lost does no harm. A process may be killed while it feeds, and
 * bytes may be damaged: what is read is checked before it is used, and what makes no sense is
 * wiped, after which the shadows start empty.
 *
 * Of a key's 64-bit hash the top bits say whether it is sampled, and the low 32 bits are its
 * fingerprint: bits 39 to 32, by which shards are told apart, are in neither (the shift is 24 at
 * most).
 */
#ifndef JAYI_DUEL_H
#define JAYI_DUEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { JAYI_PRESETS = 4 };

typedef struct jayi_preset {
    uint32_t probation_permille; /* of the capacity */
    uint32_t ghosts_percent;     /* of the entries resident */
    bool clears;                 /* a turn in main takes all hits of an entry, not just one */
} jayi_preset;

/* By what is scarce: entries, or (1) bytes. */
extern const jayi_preset jayi_presets[2][JAYI_PRESETS];

#define JAYI_DUEL_SHIFT_MAX 24u

/*
 * Entries that a shadow is meant to have at most, by items and by bytes, and those that it can
 * have: by bytes small ones are kept rather than large ones, so there are more than the mean tells.
 */
#define JAYI_DUEL_ITEMS 256u
#define JAYI_DUEL_ITEMS_SIZED 128u
#define JAYI_DUEL_RESIDENTS 448u
#define JAYI_DUEL_BANDS 16u
#define JAYI_DUEL_GHOSTS (2 * JAYI_DUEL_BANDS) /* the list of ghosts, after those of the bands */
#define JAYI_DUEL_LISTS (JAYI_DUEL_GHOSTS + 1)

/* Entries, ghosts included, and heads of chains, of all shadows together. */
#define JAYI_DUEL_ENTRIES 3296u
#define JAYI_DUEL_HEADS 2560u

/* Indices of entries count from 1 in each shadow; 0 means none. */
typedef struct jayi_duel_entry {
    uint32_t fingerprint;
    uint32_t stamp; /* of a ghost: the next older one */
    uint16_t next;  /* the next newer one in its list, or the next free one */
    uint16_t chain; /* the next one of the same head */
    uint16_t units; /* its charge */
    uint8_t list;   /* probation by band, main by band, ghosts */
    uint8_t frequency;
} jayi_duel_entry;

typedef struct jayi_duel_list {
    uint16_t oldest, newest;
} jayi_duel_list;

typedef struct jayi_duel_shadow {
    uint64_t score;  /* hits, by size and age, with 16 bits of fraction */
    uint64_t differ; /* requests, squared, where it was not like that of the preset in force */
    uint32_t clocks[2];
    uint32_t units[2];
    uint32_t residents[2]; /* of probation and main, as above */
    uint32_t occupied[2];  /* a bit a band */
    uint32_t ghosts;
    uint16_t free;  /* entries given back */
    uint16_t fresh; /* entries from here on have never been used */
    jayi_duel_list lists[JAYI_DUEL_LISTS];
} jayi_duel_shadow;

/* What jayi_duel_init found out. Nothing else changes it. */
typedef struct jayi_duel_scale {
    uint64_t capacity;    /* of the whole cache */
    uint64_t mean_charge; /* expected */
    uint32_t shift;
    uint32_t units_max;  /* capacity of a shadow */
    uint32_t unit_shift; /* a unit is 1 << unit_shift bytes, or one item */
    uint32_t decay;      /* part of the scores forgotten a request, with 24 bits of fraction */
    uint32_t ghosts_min;
    uint32_t is_sized;
    uint32_t check; /* of the above */
} jayi_duel_scale;

/* Some 58 KiB. Zeroed memory is a duel that is stale and does nothing until it is initialised. */
typedef struct jayi_duel {
    _Alignas(64) _Atomic uint32_t shift;
    _Atomic uint32_t preset;
    uint32_t is_busy;  /* a feed is going on, or was when its process died */
    uint32_t measured; /* requests that the mean is of */
    uint64_t mean;     /* units a request, with 16 bits of fraction */
    jayi_duel_scale scale;
    jayi_duel_shadow shadows[JAYI_PRESETS];
    uint16_t heads[JAYI_DUEL_HEADS];
    jayi_duel_entry entries[JAYI_DUEL_ENTRIES];
} jayi_duel;

_Static_assert(sizeof(jayi_duel) <= 60 * 1024, "a duel stays small");

/*
 * Starts with empty shadows. capacity: of the whole cache, in bytes (is_sized) or items.
 * mean_charge: bytes that an entry takes on average, 0 when not known (of no meaning unless
 * is_sized); a duel finds out and starts again by itself when it was far off. preset: the one in
 * force until the shadows tell: 0 at first, the present one later.
 */
void jayi_duel_init(jayi_duel *duel, uint64_t capacity, bool is_sized, uint64_t mean_charge,
                    uint32_t preset);

/* Keys whose hash has that many zero bits at the top are fed. It may change with a feed. */
uint32_t jayi_duel_shift(const jayi_duel *duel);

static inline bool jayi_duel_samples(uint32_t shift, uint64_t hash) {
    return hash >> 1 >> (63 - shift) == 0;
}

/* A request, hit or miss, for a key that is sampled. charge: bytes its entry takes. */
void jayi_duel_feed(jayi_duel *duel, uint32_t fingerprint, uint64_t charge);

/* The preset in force, an index of a row of jayi_presets. */
uint32_t jayi_duel_preset(const jayi_duel *duel);

/*
 * Whether jayi_duel_init is called for: the capacity has changed by more than a quarter, or the
 * duel is damaged or has never been initialised.
 */
bool jayi_duel_is_stale(const jayi_duel *duel, uint64_t capacity);

#endif
