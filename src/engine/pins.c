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

/* Claims a free entry for a place, from where the search ended last. */
static jayi_pin *claim_entry(const jayi_region *region, jayi_pinning *p, jayi_place place) {
    while (p->next < region->pins_per_row) {
        uint32_t entry = p->start + p->next++;
        if (entry >= region->pins_per_row) entry -= region->pins_per_row;
        if (jayi_peek(&p->pins[entry]) != 0) continue;
        /* Raised before the entry is written: who does not see the entry within it comes later. */
        if (atomic_load(&p->row->pin_high) <= entry) raise_high(p->row, entry);
        uint32_t none = 0;
        /* Sequentially consistent, as is the look at the version that follows. */
        if (atomic_compare_exchange_strong(&p->pins[entry], &none, place)) return &p->pins[entry];
    }
    return NULL;
}

int64_t jayi_pinned_bytes(const jayi_row *row) {
    uint64_t total = 0; /* which may wrap: a damaged count is any number */
    for (uint32_t i = 0; i < JAYI_ROW_STRIPES; i++)
        total += (uint64_t)jayi_peek(&row->stripes[i].counts[JAYI_ROW_PINNED_BYTES]);
    return (int64_t)total;
}

/* Whether so much is pinned that there is no more. */
static bool is_over_limit(const jayi_region *region, const jayi_pinning *p) {
    int64_t limit = (int64_t)(region->region_bytes / JAYI_PINNED_SHARE);
    /* If none of the stripes has more than its part, their sum is below the limit. */
    return p->counted + p->bytes > limit / JAYI_ROW_STRIPES &&
           (int64_t)((uint64_t)jayi_pinned_bytes(p->row) + (uint64_t)p->bytes) > limit;
}

void jayi_pinning_begin(jayi_region *region, uint32_t token, jayi_pinning *ret_pinning) {
    jayi_row *row = jayi_own_row(region, token);
    uint32_t start = (uint32_t)(jayi_stripe_index() * STRIDE);
    if (start >= region->pins_per_row) start %= region->pins_per_row;
    size_t stripe = jayi_row_stripe_index();
    *ret_pinning =
        (jayi_pinning){.row = row,
                       .pins = pins_of(region, row),
                       .start = start,
                       .counted = jayi_peek(&row->stripes[stripe].counts[JAYI_ROW_PINNED_BYTES])};
}

jayi_pin *jayi_pin_take_slowly(jayi_region *region, jayi_pinning *p, jayi_place place,
                               uint64_t bytes) {
    if (is_over_limit(region, p)) return NULL;
    bool is_first_turn = p->next == 0;
    jayi_pin *pin = claim_entry(region, p, place);
    if (pin == NULL && !is_first_turn) {
        p->next = 0;
        pin = claim_entry(region, p, place);
    }
    if (pin != NULL) p->bytes += (int64_t)bytes;
    return pin;
}

void jayi_pin_drop(jayi_region *region, uint32_t token, jayi_pin *pin, uint64_t bytes) {
    jayi_row_add(jayi_own_row(region, token), JAYI_ROW_PINNED_BYTES, -(int64_t)bytes);
    atomic_store_explicit(pin, 0, memory_order_release);
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

static bool is_any(void *arg, jayi_place place) {
    (void)arg, (void)place;
    return true;
}

bool jayi_row_has_pins(const jayi_region *region, const jayi_row *row) {
    return row_search(region, row, is_any, NULL);
}

/* How many rows there are to look through. */
static uint32_t rows_used(const jayi_region *region) {
    uint32_t high = atomic_load(&region->header->rows_high);
    return high < region->row_count ? high : region->row_count;
}

/* Whether any of the first `count` entries names a place. */
static bool row_has(const jayi_pin *pins, uint32_t count, jayi_place place) {
#if defined(__SSE2__) && !defined(JAYI_TSAN)
    /* Four at a time, as the slots of a bucket (index.h). A row is whole lines. */
    const __m128i wanted = _mm_set1_epi32((int)place);
    const __m128i *four = (const __m128i *)(uintptr_t)pins;
    for (uint32_t i = 0; i < count; i += 4, four++) {
        if (_mm_movemask_epi8(_mm_cmpeq_epi32(_mm_load_si128(four), wanted)) != 0) return true;
    }
    atomic_signal_fence(memory_order_seq_cst);
#else
    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load_explicit(&pins[i], memory_order_acquire) == place) return true;
    }
#endif
    return false;
}

bool jayi_is_pinned(const jayi_region *region, jayi_place place) {
    uint32_t rows = rows_used(region);
    for (uint32_t i = 0; i < rows; i++) {
        /* Most processes have never held a view. */
        uint32_t high = atomic_load(&region->rows[i].pin_high);
        const jayi_pin *pins = region->pins + (size_t)i * region->pins_per_row;
        if (high > region->pins_per_row) high = region->pins_per_row;
        if (row_has(pins, high, place)) return true;
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
    uint32_t rows = rows_used(region);
    for (uint32_t i = 0; i < rows; i++) row_search(region, &region->rows[i], call_each, &state);
}

void jayi_pins_clear(jayi_region *region, jayi_row *row) {
    jayi_pin *pins = pins_of(region, row);
    for (uint32_t i = 0; i < region->pins_per_row; i++) {
        if (jayi_peek(&pins[i]) != 0) atomic_store(&pins[i], 0);
    }
    atomic_store(&row->pin_high, 0);
    for (uint32_t i = 0; i < JAYI_ROW_STRIPES; i++)
        jayi_poke(&row->stripes[i].counts[JAYI_ROW_PINNED_BYTES], 0);
}
