/*
 * pins.c - the tables of pinned places.
 */
#include "engine/pins.h"

#include "util/stripe.h"

/* Threads begin their search this many entries apart, to stay on lines of their own. */
#define STRIDE (JAYI_LINE / sizeof(uint32_t))

static jayi_pin *pins_of(const jayi_region *region, const jayi_row *row) {
    return region->pins + (size_t)(row - region->rows) * region->pins_per_row;
}

static void raise_high(jayi_row *row, uint32_t entry) {
    uint32_t high = atomic_load(&row->pin_high);
    while (high <= entry && !atomic_compare_exchange_weak(&row->pin_high, &high, entry + 1)) {}
}

/* Claims a free entry for a place. */
static jayi_pin *claim_entry(jayi_region *region, jayi_row *row, jayi_place place) {
    jayi_pin *pins = pins_of(region, row);
    uint32_t start = (uint32_t)(jayi_stripe_index() * STRIDE) % region->pins_per_row;
    for (uint32_t i = 0; i < region->pins_per_row; i++) {
        uint32_t entry =
            start + i < region->pins_per_row ? start + i : start + i - region->pins_per_row;
        if (jayi_peek(&pins[entry]) != 0) continue;
        /* Raised before the entry is written: who does not see the entry within it comes later. */
        if (atomic_load(&row->pin_high) <= entry) raise_high(row, entry);
        uint32_t none = 0;
        if (atomic_compare_exchange_strong(&pins[entry], &none, place)) return &pins[entry];
    }
    return NULL;
}

jayi_pin *jayi_pin_take(jayi_region *region, uint32_t token, jayi_place place, uint64_t bytes) {
    jayi_row *row = jayi_own_row(region, token);
    int64_t limit = (int64_t)(region->region_bytes / JAYI_PINNED_SHARE);
    int64_t before = atomic_fetch_add(&row->pinned_bytes, (int64_t)bytes);
    atomic_fetch_add(&row->pins, 1);
    jayi_pin *pin = before <= limit ? claim_entry(region, row, place) : NULL;
    if (pin == NULL) {
        atomic_fetch_sub(&row->pins, 1);
        atomic_fetch_sub(&row->pinned_bytes, (int64_t)bytes);
        return NULL;
    }
    atomic_thread_fence(memory_order_seq_cst);
    return pin;
}

void jayi_pin_drop(jayi_region *region, uint32_t token, jayi_pin *pin, uint64_t bytes) {
    jayi_row *row = jayi_own_row(region, token);
    atomic_store_explicit(pin, 0, memory_order_release);
    atomic_fetch_sub_explicit(&row->pinned_bytes, (int64_t)bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&row->pins, 1, memory_order_release);
}

/* Calls fn for each used entry of a row until it returns true. */
static bool row_search(const jayi_region *region, const jayi_row *row,
                       bool (*fn)(void *arg, jayi_place place), void *arg) {
    uint32_t high = atomic_load(&row->pin_high);
    const jayi_pin *pins = pins_of(region, row);
    for (uint32_t i = 0; i < high && i < region->pins_per_row; i++) {
        jayi_place place = atomic_load_explicit(&pins[i], memory_order_acquire);
        if (place != 0 && fn(arg, place)) return true;
    }
    return false;
}

static bool is_wanted(void *arg, jayi_place place) {
    return place == *(const jayi_place *)arg;
}

bool jayi_is_pinned(const jayi_region *region, jayi_place place) {
    for (uint32_t i = 0; i < region->row_count; i++) {
        const jayi_row *row = &region->rows[i];
        if (atomic_load(&row->pins) > 0 && row_search(region, row, is_wanted, &place)) return true;
    }
    return false;
}

typedef struct each_state {
    void (*fn)(void *arg, jayi_place place);
    void *arg;
} each_state;

static bool call_each(void *arg, jayi_place place) {
    const each_state *state = arg;
    state->fn(state->arg, place);
    return false;
}

void jayi_pins_each(const jayi_region *region, void (*fn)(void *arg, jayi_place place), void *arg) {
    each_state state = {fn, arg};
    for (uint32_t i = 0; i < region->row_count; i++)
        row_search(region, &region->rows[i], call_each, &state);
}

void jayi_pins_clear(jayi_region *region, jayi_row *row) {
    jayi_pin *pins = pins_of(region, row);
    for (uint32_t i = 0; i < region->pins_per_row; i++) {
        if (jayi_peek(&pins[i]) != 0) atomic_store(&pins[i], 0);
    }
    atomic_store(&row->pin_high, 0);
    atomic_store(&row->pinned_bytes, 0);
    atomic_store(&row->pins, 0);
}
