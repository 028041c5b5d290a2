/*
 * sampling.h - how the duel of presets (duel.h) learns what is asked for.
 *
 * A hit of a sampled key leaves its fingerprint in a ring, with plain stores that may overwrite
 * each other: a sample lost does no harm. The next insertion of a new key feeds what is in the
 * ring, and itself, to the duel. Regions too small to spare the memory have no duel, and preset 0
 * for good.
 */
#ifndef JAYI_SAMPLING_H
#define JAYI_SAMPLING_H

#include "engine/duel.h"
#include "engine/identity.h"

#define JAYI_RING 64

typedef struct jayi_sampling {
    _Alignas(JAYI_LINE) _Atomic uint32_t lock; /* token of who feeds; only ever tried */
    _Atomic uint32_t refusals;
    _Alignas(JAYI_LINE) _Atomic uint32_t position;
    _Atomic uint64_t ring[JAYI_RING]; /* fingerprint 32 | charge / 8 */
    jayi_duel duel;
} jayi_sampling;

/*
 * Notes a hit of a hash below region->sample_below, which is the duel's own bound as this process
 * last knew it. That changes seldom, is looked at here and at insertions, and what is lost
 * meanwhile are samples.
 */
void jayi_sampling_hit(jayi_region *region, uint64_t hash, uint64_t bytes);

/* Feeds the duel at the insertion of a new key. */
void jayi_sampling_insert(jayi_region *region, uint32_t token, uint64_t hash, uint64_t bytes);

/* The preset in force. */
const jayi_preset *jayi_sampling_preset(const jayi_region *region);

#endif
