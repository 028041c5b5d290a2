/*
 * duel.c - the shadow caches of duel.h, and who wins.
 *
 * A shadow works as the real policy does: new entries wait on probation, those asked for again
 * there or known as ghosts go to main, and main gives hits away for second turns. By size there are
 * bands, four times as wide each, and the oldest entry goes of that band whose oldest has the
 * smallest stamp: the clock when it came plus a weight that falls with size. Clocks run round; all
 * stamps of a queue lie within the greatest weight of its clock, so a difference tells before from
 * after.
 *
 * Where something is found out of range, the shadow is marked unsound, work goes on with any entry
 * until the request ends (all loops are bounded), and then everything is wiped.
 */
#include "engine/duel.h"

#include <stddef.h>
#include <string.h>

/* By bytes the weights keep what is large from staying long, and probation needs less room. */
const jayi_preset jayi_presets[2][JAYI_PRESETS] = {
    {
        {.probation_permille = 200, .ghosts_percent = 100, .clears = false}, /* the web */
        {.probation_permille = 10, .ghosts_percent = 100, .clears = false},  /* loops, scans */
        {.probation_permille = 30, .ghosts_percent = 400, .clears = true},   /* shifting sets */
        {.probation_permille = 500, .ghosts_percent = 100, .clears = true},  /* asked for last */
    },
    {
        {.probation_permille = 100, .ghosts_percent = 150, .clears = false},
        {.probation_permille = 10, .ghosts_percent = 100, .clears = false},
        {.probation_permille = 30, .ghosts_percent = 400, .clears = true},
        {.probation_permille = 500, .ghosts_percent = 100, .clears = true},
    },
};

enum { PROBATION, MAIN };

#define FREQUENCY_MAX 7u
#define GHOSTS_MIN 128u
#define TURNS_MAX 64u /* second turns that one request waits for */
#define HORIZON_MIN 200u
#define HORIZON_ITEMS 10u
#define CHECK_SEED 0x6475656cu
#define MEAN_HORIZON 4096u
#define MEAN_FEW 512u
#define GAIN_MAX (65u * 256) /* of an entry of 64 times the mean */
#define ONE_SCORE (UINT64_C(1) << 16)
#define SCORE_MAX (UINT64_C(1) << 44) /* well above what the fastest growth comes to */

/* Where the parts of each shadow lie. Ghosts are what one needs more room for than another. */
static const struct {
    uint16_t first_entry, entries, first_head, heads;
} rooms[JAYI_PRESETS] = {
    {0, 608, 0, 512},
    {608, 608, 512, 512},
    {1216, 1472, 1024, 1024},
    {2688, 608, 2048, 512},
};

/* 2^30 / size^0.8 of bands four times as wide each: GreedyDual with a bias to small entries. */
static const uint32_t weights[JAYI_DUEL_BANDS] = {
    1073741824, 354202708, 116843319, 38543921, 12714752, 4194304, 1383604, 456419,
    150562,     49667,     16384,     5405,     1783,     588,     194,     64,
};

/* A shadow at work, and the request. */
typedef struct view {
    jayi_duel_shadow *shadow;
    jayi_duel_entry *entries;
    uint16_t *heads;
    const jayi_duel_scale *scale;
    const jayi_preset *preset;
    uint32_t entry_count;
    uint32_t head_mask;
    uint32_t fingerprint;
    uint32_t units;
    uint32_t band;
    bool is_sound;
} view;

/* ---- entries ---- */

static jayi_duel_entry *entry_at(view *v, uint32_t index) {
    if (index - 1 < v->entry_count) return &v->entries[index - 1];
    v->is_sound = false;
    return v->entries;
}

static uint16_t *head_of(view *v, uint32_t fingerprint) {
    return &v->heads[fingerprint & v->head_mask];
}

static uint16_t find(view *v) {
    uint16_t index = *head_of(v, v->fingerprint);
    for (uint32_t i = 0; index != 0 && i < v->entry_count; i++) {
        const jayi_duel_entry *entry = entry_at(v, index);
        if (entry->fingerprint == v->fingerprint) return index;
        index = entry->chain;
    }
    if (index != 0) v->is_sound = false;
    return 0;
}

/* An entry of no list, linked in its chain. */
static uint16_t acquire(view *v) {
    jayi_duel_shadow *shadow = v->shadow;
    uint16_t index = shadow->free;
    if (index != 0) {
        shadow->free = entry_at(v, index)->next;
    } else {
        index = ++shadow->fresh;
    }
    jayi_duel_entry *entry = entry_at(v, index);
    uint16_t *head = head_of(v, v->fingerprint);
    entry->fingerprint = v->fingerprint;
    entry->chain = *head;
    *head = index;
    return index;
}

static void release(view *v, uint16_t index) {
    jayi_duel_entry *entry = entry_at(v, index);
    uint16_t *link = head_of(v, entry->fingerprint);
    for (uint32_t i = 0; *link != index && i < v->entry_count; i++)
        link = &entry_at(v, *link)->chain;
    if (*link != index) v->is_sound = false;
    *link = entry->chain;
    entry->next = v->shadow->free;
    v->shadow->free = index;
}

/* ---- lists ---- */

static void append(view *v, uint16_t index, uint32_t list_number) {
    jayi_duel_list *list = &v->shadow->lists[list_number];
    jayi_duel_entry *entry = entry_at(v, index);
    entry->list = (uint8_t)list_number;
    entry->next = 0;
    if (list->newest != 0) {
        entry_at(v, list->newest)->next = index;
    } else {
        list->oldest = index;
    }
    list->newest = index;
}

static void push(view *v, uint16_t index, uint32_t queue, uint32_t band) {
    jayi_duel_shadow *shadow = v->shadow;
    jayi_duel_entry *entry = entry_at(v, index);
    append(v, index, queue * JAYI_DUEL_BANDS + band);
    entry->stamp = shadow->clocks[queue] + weights[band];
    shadow->occupied[queue] |= 1u << band;
    shadow->units[queue] += entry->units;
    shadow->residents[queue]++;
}

/* The band of the queue whose oldest entry has the smallest stamp. */
static uint32_t band_to_take(view *v, uint32_t queue) {
    jayi_duel_shadow *shadow = v->shadow;
    uint32_t left = shadow->occupied[queue] & ((1u << JAYI_DUEL_BANDS) - 1);
    uint32_t chosen = 0;
    int32_t smallest = INT32_MAX;
    for (; left != 0; left &= left - 1) {
        uint32_t band = (uint32_t)__builtin_ctz(left);
        uint16_t oldest = shadow->lists[queue * JAYI_DUEL_BANDS + band].oldest;
        int32_t ahead = (int32_t)(entry_at(v, oldest)->stamp - shadow->clocks[queue]);
        if (ahead >= smallest) continue;
        smallest = ahead;
        chosen = band;
    }
    return chosen;
}

/* Takes the entry whose turn it is out of its list and sets the clock to its stamp. */
static uint16_t pop(view *v, uint32_t queue, uint32_t *ret_band) {
    jayi_duel_shadow *shadow = v->shadow;
    uint32_t band = band_to_take(v, queue);
    uint32_t list_number = queue * JAYI_DUEL_BANDS + band;
    jayi_duel_list *list = &shadow->lists[list_number];
    uint16_t index = list->oldest;
    const jayi_duel_entry *entry = entry_at(v, index);
    if (entry->list != list_number) v->is_sound = false;
    list->oldest = entry->next;
    if (list->oldest == 0) {
        list->newest = 0;
        shadow->occupied[queue] &= ~(1u << band);
    }
    shadow->units[queue] -= entry->units;
    shadow->residents[queue]--;
    if ((int32_t)(entry->stamp - shadow->clocks[queue]) > 0) shadow->clocks[queue] = entry->stamp;
    *ret_band = band;
    return index;
}

/* ---- ghosts ---- */

static void forget(view *v, uint16_t index) {
    jayi_duel_list *ghosts = &v->shadow->lists[JAYI_DUEL_GHOSTS];
    const jayi_duel_entry *entry = entry_at(v, index);
    uint16_t older = (uint16_t)entry->stamp, newer = entry->next;
    if (entry->list != JAYI_DUEL_GHOSTS) v->is_sound = false;
    if (older != 0) {
        entry_at(v, older)->next = newer;
    } else {
        ghosts->oldest = newer;
    }
    if (newer != 0) {
        entry_at(v, newer)->stamp = older;
    } else {
        ghosts->newest = older;
    }
    v->shadow->ghosts--;
    release(v, index);
}

static void remember(view *v, uint16_t index) {
    jayi_duel_shadow *shadow = v->shadow;
    entry_at(v, index)->stamp = shadow->lists[JAYI_DUEL_GHOSTS].newest;
    append(v, index, JAYI_DUEL_GHOSTS);
    shadow->ghosts++;
}

/* Leaves as many ghosts as the preset wants, and an entry to spare. */
static void trim(view *v) {
    jayi_duel_shadow *shadow = v->shadow;
    uint32_t residents = shadow->residents[PROBATION] + shadow->residents[MAIN];
    uint32_t most = residents * v->preset->ghosts_percent / 100;
    uint32_t room = residents < v->entry_count ? v->entry_count - residents - 1 : 0;
    if (most < v->scale->ghosts_min) most = v->scale->ghosts_min;
    if (most > room) most = room;
    while (shadow->ghosts > most && v->is_sound) forget(v, shadow->lists[JAYI_DUEL_GHOSTS].oldest);
}

/* ---- a request ---- */

static bool has_room(const view *v) {
    const jayi_duel_shadow *shadow = v->shadow;
    return shadow->units[PROBATION] + shadow->units[MAIN] + v->units <= v->scale->units_max &&
           shadow->residents[PROBATION] + shadow->residents[MAIN] < JAYI_DUEL_RESIDENTS;
}

static void evict(view *v, uint32_t queue, bool may_stay) {
    uint32_t band;
    uint16_t index = pop(v, queue, &band);
    jayi_duel_entry *entry = entry_at(v, index);
    if (entry->frequency > 0 && may_stay) {
        bool keeps = queue == MAIN && !v->preset->clears;
        entry->frequency = keeps ? (uint8_t)(entry->frequency - 1) : 0;
        push(v, index, MAIN, band);
    } else if (queue == MAIN) {
        release(v, index);
    } else {
        remember(v, index);
    }
}

/* Counts that damage has changed would stay wrong for ever. */
static bool adds_up(const view *v) {
    const jayi_duel_shadow *shadow = v->shadow;
    for (uint32_t queue = PROBATION; queue <= MAIN; queue++) {
        uint32_t units = shadow->units[queue], residents = shadow->residents[queue];
        if (units > v->scale->units_max || residents > JAYI_DUEL_RESIDENTS || units < residents ||
            (residents == 0) != (units == 0))
            return false;
    }
    return true;
}

static void admit(view *v, bool is_known) {
    jayi_duel_shadow *shadow = v->shadow;
    uint32_t capacity = v->scale->units_max;
    uint32_t share = (uint32_t)((uint64_t)capacity * v->preset->probation_permille / 1000);
    if (share == 0) share = 1;
    for (uint32_t turn = 0; !has_room(v) && v->is_sound; turn++) {
        bool from_main =
            shadow->units[MAIN] > capacity - share || shadow->residents[PROBATION] == 0;
        if (turn > TURNS_MAX + JAYI_DUEL_RESIDENTS) v->is_sound = false;
        evict(v, from_main ? MAIN : PROBATION, turn < TURNS_MAX);
    }
    trim(v);
    /* While main is not full, it takes what probation has no room for: so a first loop stays. */
    bool is_filling =
        shadow->units[PROBATION] >= share && shadow->units[MAIN] + v->units <= capacity - share;
    uint16_t index = acquire(v);
    jayi_duel_entry *entry = entry_at(v, index);
    entry->units = (uint16_t)v->units;
    entry->frequency = 0;
    push(v, index, is_known || is_filling ? MAIN : PROBATION, v->band);
    if (!adds_up(v)) v->is_sound = false;
}

static bool request(view *v) {
    uint16_t index = find(v);
    bool is_known = false;
    if (index != 0) {
        jayi_duel_entry *entry = entry_at(v, index);
        is_known = entry->list == JAYI_DUEL_GHOSTS;
        if (!is_known) {
            if (entry->frequency < FREQUENCY_MAX) entry->frequency++;
            return true;
        }
        forget(v, index);
    }
    if (!v->scale->is_sized || v->units <= v->scale->units_max / 4) admit(v, is_known);
    return false;
}

/* ---- the duel ---- */

/*
 * In favour of the first where they are about equal: it does least harm where it is wrong. The last
 * does most, since it gives up what all the others keep over a loop or a scan: it is not held back
 * for good, but has to prove its lead four times as well.
 */
static uint64_t weighted(const jayi_duel *duel, uint32_t i) {
    uint32_t permille = i == 2 || (i == 1 && duel->scale.is_sized) ? 980 : 1000;
    return duel->shadows[i].score * permille;
}

/* Another preset takes over when it leads by more than chance explains. */
static void judge(jayi_duel *duel, uint32_t current) {
    uint32_t best = current;
    for (uint32_t i = 0; i < JAYI_PRESETS; i++) {
        if (weighted(duel, i) > weighted(duel, best)) best = i;
    }
    if (best == current) return;
    uint64_t lead = (weighted(duel, best) - weighted(duel, current)) / 1000 >> 8;
    if (best == JAYI_PRESETS - 1) lead /= 4;
    if (lead >> 31 != 0 || lead * lead > duel->shadows[best].differ + ONE_SCORE)
        atomic_store_explicit(&duel->preset, best, memory_order_relaxed);
}

/* The mean charge of requests that miss: hits would let a single hot key tell for all. */
static void learn_mean(jayi_duel *duel, uint32_t units) {
    if (duel->measured < MEAN_HORIZON) duel->measured++;
    duel->mean += ((uint64_t)units << 16) / duel->measured - duel->mean / duel->measured;
}

/* Counts who had a hit. Bytes count as entries do: a request for an average one counts twice. */
static bool score(jayi_duel *duel, uint32_t units, uint32_t current, const bool *hits) {
    uint64_t gain = 256, decay = duel->scale.decay;
    bool is_sound = duel->mean < ONE_SCORE << 16 && duel->measured <= MEAN_HORIZON;
    if (duel->scale.is_sized && is_sound && units <= duel->scale.units_max / 4) {
        if (!hits[current]) learn_mean(duel, units);
        gain += ((uint64_t)units << 24) / (duel->mean + 1);
        if (gain > GAIN_MAX) gain = GAIN_MAX;
    }
    for (uint32_t i = 0; i < JAYI_PRESETS; i++) {
        jayi_duel_shadow *shadow = &duel->shadows[i];
        uint64_t difference = hits[i] != hits[current] ? gain * gain : 0;
        shadow->score += (hits[i] ? gain << 8 : 0) - (shadow->score * decay >> 24);
        shadow->differ += difference - (shadow->differ * decay >> 24);
        if (shadow->score > SCORE_MAX || shadow->differ > SCORE_MAX) is_sound = false;
    }
    return is_sound;
}

static uint32_t scale_check(const jayi_duel_scale *scale) {
    const uint32_t words[] = {scale->shift,
                              (uint32_t)scale->capacity,
                              (uint32_t)(scale->capacity >> 32),
                              (uint32_t)scale->mean_charge,
                              (uint32_t)(scale->mean_charge >> 32),
                              scale->units_max,
                              scale->unit_shift,
                              scale->decay,
                              scale->ghosts_min,
                              scale->is_sized};
    uint32_t check = CHECK_SEED;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        check = (check ^ words[i]) * 0x9e3779b1u;
    return check;
}

static bool is_scaled(const jayi_duel *duel) {
    const jayi_duel_scale *scale = &duel->scale;
    return scale->check == scale_check(scale) && scale->shift == jayi_duel_shift(duel) &&
           scale->unit_shift < 64;
}

static void wipe(jayi_duel *duel) {
    duel->measured = 0;
    duel->mean = 0;
    memset(duel->shadows, 0, sizeof duel->shadows);
    memset(duel->heads, 0, sizeof duel->heads);
}

/* What another process finds after this one was killed between these two is wiped. */
static void begin(jayi_duel *duel) {
    duel->is_busy = 1;
    atomic_signal_fence(memory_order_seq_cst);
}

static void end(jayi_duel *duel) {
    atomic_signal_fence(memory_order_seq_cst);
    duel->is_busy = 0;
}

/* Sets the scale, so that a shadow has the entries it is meant to have. */
static void set_scale(jayi_duel_scale *scale, uint64_t capacity, bool is_sized,
                      uint64_t mean_charge) {
    uint64_t items_max = is_sized ? JAYI_DUEL_ITEMS_SIZED : JAYI_DUEL_ITEMS;
    if (capacity == 0) capacity = 1;
    if (mean_charge == 0) mean_charge = capacity / items_max + 1;
    if (!is_sized) mean_charge = 1;
    uint64_t items = capacity / mean_charge;
    uint32_t shift = 0;
    while (items >> shift > items_max && shift < JAYI_DUEL_SHIFT_MAX) shift++;
    uint64_t units = capacity >> shift;
    for (scale->unit_shift = 0; units > UINT16_MAX; units >>= 1) scale->unit_shift++;
    uint64_t horizon = HORIZON_ITEMS * (items >> shift);
    if (horizon < HORIZON_MIN) horizon = HORIZON_MIN;
    scale->shift = shift;
    scale->capacity = capacity;
    scale->mean_charge = mean_charge;
    scale->units_max = units == 0 ? 1 : (uint32_t)units;
    scale->decay = (uint32_t)((1u << 24) / horizon);
    scale->ghosts_min = GHOSTS_MIN >> shift;
    scale->is_sized = is_sized;
    scale->check = scale_check(scale);
}

void jayi_duel_init(jayi_duel *duel, uint64_t capacity, bool is_sized, uint64_t mean_charge,
                    uint32_t preset) {
    begin(duel);
    set_scale(&duel->scale, capacity, is_sized, mean_charge);
    wipe(duel);
    atomic_store_explicit(&duel->shift, duel->scale.shift, memory_order_relaxed);
    atomic_store_explicit(&duel->preset, preset < JAYI_PRESETS ? preset : 0, memory_order_relaxed);
    end(duel);
}

/* Starts again with another sample when entries are far from as large as expected. */
static void rescale(jayi_duel *duel) {
    const jayi_duel_scale *scale = &duel->scale;
    if (!scale->is_sized || duel->measured < MEAN_FEW) return;
    uint32_t to_bytes = scale->unit_shift;
    uint64_t mean = to_bytes < 16 ? duel->mean >> (16 - to_bytes) : duel->mean << (to_bytes - 16);
    if (mean / 2 > scale->mean_charge || mean < scale->mean_charge / 2)
        jayi_duel_init(duel, scale->capacity, true, mean, jayi_duel_preset(duel));
}

/* A charge in units, to the nearest. No more than what is refused. */
static uint32_t units_of(const jayi_duel_scale *scale, uint64_t charge) {
    if (!scale->is_sized) return 1;
    uint64_t units = charge >> scale->unit_shift;
    if (scale->unit_shift > 0) units += charge >> (scale->unit_shift - 1) & 1;
    uint64_t too_many = scale->units_max / 4 + 1;
    if (units > too_many) units = too_many;
    return units == 0 ? 1 : (uint32_t)units;
}

/* Where entries may be huge, the first band takes in more, so that the greatest fit in the last. */
static uint32_t band_of(const jayi_duel_scale *scale, uint64_t charge) {
    if (!scale->is_sized || charge == 0) return 0;
    uint32_t last = JAYI_DUEL_BANDS - 1, top = (scale->unit_shift + 14) / 2;
    uint32_t base = top > last ? top - last : 0;
    uint32_t band = (63u - (uint32_t)__builtin_clzll(charge)) / 2;
    band = band > base ? band - base : 0;
    return band < last ? band : last;
}

/* Has a request for the key at all shadows. False: something made no sense. */
static bool feed_shadows(jayi_duel *duel, uint32_t fingerprint, uint64_t charge, uint32_t units,
                         bool *ret_hits) {
    uint32_t band = band_of(&duel->scale, charge);
    bool is_sound = true;
    for (uint32_t i = 0; i < JAYI_PRESETS; i++) {
        view v = {.shadow = &duel->shadows[i],
                  .entries = duel->entries + rooms[i].first_entry,
                  .heads = duel->heads + rooms[i].first_head,
                  .scale = &duel->scale,
                  .preset = &jayi_presets[duel->scale.is_sized != 0][i],
                  .entry_count = rooms[i].entries,
                  .head_mask = rooms[i].heads - 1u,
                  .fingerprint = fingerprint,
                  .units = units,
                  .band = band,
                  .is_sound = true};
        ret_hits[i] = request(&v);
        is_sound = is_sound && v.is_sound;
    }
    return is_sound;
}

void jayi_duel_feed(jayi_duel *duel, uint32_t fingerprint, uint64_t charge) {
    if (!is_scaled(duel)) return;
    if (duel->is_busy != 0) wipe(duel);
    begin(duel);
    uint32_t current = jayi_duel_preset(duel), units = units_of(&duel->scale, charge);
    bool hits[JAYI_PRESETS];
    bool is_sound = feed_shadows(duel, fingerprint, charge, units, hits);
    if (is_sound && score(duel, units, current, hits)) {
        judge(duel, current);
        rescale(duel);
    } else {
        wipe(duel);
    }
    end(duel);
}

uint32_t jayi_duel_shift(const jayi_duel *duel) {
    uint32_t shift = atomic_load_explicit(&duel->shift, memory_order_relaxed);
    return shift < JAYI_DUEL_SHIFT_MAX ? shift : JAYI_DUEL_SHIFT_MAX;
}

uint32_t jayi_duel_preset(const jayi_duel *duel) {
    uint32_t preset = atomic_load_explicit(&duel->preset, memory_order_relaxed);
    return preset < JAYI_PRESETS ? preset : 0;
}

bool jayi_duel_is_stale(const jayi_duel *duel, uint64_t capacity) {
    if (!is_scaled(duel)) return true;
    uint64_t expected = duel->scale.capacity;
    return (capacity > expected ? capacity - expected : expected - capacity) > expected / 4;
}
