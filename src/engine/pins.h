/*
 * pins.h - views that hold items in place.
 *
 * A view is an entry in the row of its process: the place of the item. To take one, a reader writes
 * the entry and then makes sure that the item is still linked; to reuse an item's memory, a
 * writer unlinks it and then makes sure that no entry names it (Michael: "Hazard pointers", IEEE
 * TPDS 15(6), 2004). The steps are sequentially consistent, or have a full fence between them, so
 * at least one of the two sees the other. Since a row belongs to one process, what a dead process
 * held is known and is dropped.
 */
#ifndef JAYI_PINS_H
#define JAYI_PINS_H

#include "engine/identity.h"

/* The most entries a process can have pinned at a time, in bytes: half the region. */
#define JAYI_PINNED_SHARE 2

/* Views being taken, one or several in a row. */
typedef struct jayi_pinning {
    jayi_row *row;
    jayi_pin *pins; /* of the row */
    uint32_t start; /* the entry where this thread begins to look for a free one */
    uint32_t next;  /* how many from there on have been looked at */
    int64_t bytes;  /* pinned since the beginning, and not counted yet */
    int64_t counted;
} jayi_pinning;

/* Begins to take views; jayi_pinning_end counts what they hold. */
void jayi_pinning_begin(jayi_region *region, uint32_t token, jayi_pinning *ret_pinning);

static inline void jayi_pinning_end(const jayi_pinning *p) {
    if (p->bytes != 0) jayi_row_add(p->row, JAYI_ROW_PINNED_BYTES, p->bytes);
}

/* jayi_pin_take where the next entry is not free, or never was used, or much is pinned. */
jayi_pin *jayi_pin_take_slowly(jayi_region *region, jayi_pinning *p, jayi_place place,
                               uint64_t bytes);

/*
 * Claims an entry for a place. The caller then checks that the item is still linked, by a
 * sequentially consistent load of its bucket's version, and if it is not, calls
 * jayi_pin_take_back. NULL when no more views can be held.
 */
static inline jayi_pin *jayi_pin_take(jayi_region *region, jayi_pinning *p, jayi_place place,
                                      uint64_t bytes) {
    uint32_t entry = p->start + p->next, none = 0;
    int64_t share = (int64_t)(region->region_bytes / JAYI_PINNED_SHARE / JAYI_ROW_STRIPES);
    /* Within those that were used before, which whoever reclaims memory looks through. The claim is
     * sequentially consistent, as is the look at the version that follows. */
    if (entry < region->pins_per_row && entry < atomic_load(&p->row->pin_high) &&
        p->counted + p->bytes <= share && jayi_peek(&p->pins[entry]) == 0 &&
        atomic_compare_exchange_strong(&p->pins[entry], &none, place)) {
        p->next++;
        p->bytes += (int64_t)bytes;
        return &p->pins[entry];
    }
    return jayi_pin_take_slowly(region, p, place, bytes);
}

static inline void jayi_pin_take_back(jayi_pinning *p, jayi_pin *pin, uint64_t bytes) {
    p->bytes -= (int64_t)bytes;
    atomic_store_explicit(pin, 0, memory_order_release);
}

/* Ends a view. */
void jayi_pin_drop(jayi_region *region, uint32_t token, jayi_pin *pin, uint64_t bytes);

/* The bytes of the entries that a row has pinned, about: others may be changing it. */
int64_t jayi_pinned_bytes(const jayi_row *row);

/* Whether a row holds anything. */
bool jayi_row_has_pins(const jayi_region *region, const jayi_row *row);

/* Whether any process holds a place. The caller has unlinked it, with a full fence behind. */
bool jayi_is_pinned(const jayi_region *region, jayi_place place);

/* Calls `fn` for each place that is pinned anywhere. */
void jayi_pins_each(const jayi_region *region, void (*fn)(void *arg, jayi_place place), void *arg);

/* Drops all that a row holds. Its process has ended. */
void jayi_pins_clear(jayi_region *region, jayi_row *row);

#endif
