/*
 * sampling.c - feeding the duel.
 */
#include "engine/sampling.h"

#define REFUSALS_ASKED 256 /* then whether the one who feeds is alive */

/* Takes the right to feed, also from one who died with it: the duel knows by itself to start anew.
 */
static bool try_lock(jayi_region *region, jayi_sampling *s, uint32_t token) {
    uint32_t holder = 0;
    if (atomic_compare_exchange_strong(&s->lock, &holder, token)) return true;
    if (atomic_fetch_add(&s->refusals, 1) % REFUSALS_ASKED != REFUSALS_ASKED - 1) return false;
    return jayi_token_is_dead(region, token, holder) &&
           atomic_compare_exchange_strong(&s->lock, &holder, token);
}

static uint64_t capacity_of(const jayi_region *region) {
    return region->is_sized ? (uint64_t)region->chunk_count << region->chunk_shift
                            : region->max_items;
}

/* Whether a hash is a sample. Notes the bound, for hits. */
static bool is_sampled(jayi_region *region, uint64_t hash) {
    uint32_t shift = jayi_peek(&region->sampling->duel.shift) & 63;
    uint64_t below = shift == 0 ? UINT64_MAX : UINT64_MAX >> shift;
    if (jayi_peek(&region->sample_below) != below) jayi_poke(&region->sample_below, below);
    return jayi_duel_samples(shift, hash);
}

void jayi_sampling_hit(jayi_region *region, uint64_t hash, uint64_t bytes) {
    jayi_sampling *s = region->sampling;
    if (s == NULL || !is_sampled(region, hash)) return;
    uint32_t position = jayi_peek(&s->position);
    jayi_poke(&s->position, position + 1);
    uint64_t charge = bytes / 8 < UINT32_MAX ? bytes / 8 : UINT32_MAX;
    jayi_poke(&s->ring[position % JAYI_RING], hash << 32 | charge);
}

void jayi_sampling_insert(jayi_region *region, uint32_t token, uint64_t hash, uint64_t bytes) {
    jayi_sampling *s = region->sampling;
    if (s == NULL) return;
    bool is_new_one = is_sampled(region, hash);
    if (!is_new_one && jayi_peek(&s->position) == 0) return;
    if (!try_lock(region, s, token)) return;
    if (jayi_duel_is_stale(&s->duel, capacity_of(region)))
        jayi_duel_init(&s->duel, capacity_of(region), region->is_sized, 0,
                       jayi_duel_preset(&s->duel));
    uint32_t count = jayi_peek(&s->position);
    for (uint32_t i = count > JAYI_RING ? count - JAYI_RING : 0; i < count; i++) {
        uint64_t entry = jayi_peek(&s->ring[i % JAYI_RING]);
        jayi_duel_feed(&s->duel, (uint32_t)(entry >> 32), (entry & UINT32_MAX) * 8);
    }
    jayi_poke(&s->position, 0);
    if (is_new_one) jayi_duel_feed(&s->duel, (uint32_t)hash, bytes);
    atomic_store_explicit(&s->lock, 0, memory_order_release);
}

const jayi_preset *jayi_sampling_preset(const jayi_region *region) {
    uint32_t preset = region->sampling != NULL ? jayi_duel_preset(&region->sampling->duel) : 0;
    return &jayi_presets[region->is_sized][preset];
}
