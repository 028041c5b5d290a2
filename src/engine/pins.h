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

/*
 * Claims an entry for a place. The caller then checks that the item is still linked, by a
 * sequentially consistent load of its bucket's version, and if it is not, calls jayi_pin_drop. NULL
 * when no more views can be held. *skip is 0 at first, and for the next of a batch as it was left:
 * the search goes on where it ended.
 */
jayi_pin *jayi_pin_take(jayi_region *region, uint32_t token, jayi_place place, uint64_t bytes,
                        uint32_t *skip);

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
