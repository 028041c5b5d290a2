/*
 * workload.c - see workload.h.
 *
 * Zipf numbers are drawn with the closed form of Gray et al. ("Quickly generating billion-record
 * synthetic databases", 1994): one power a draw, after one sum over all ranks. Ranks are then
 * spread over the items, so that popular items do not lie side by side in stores that were filled
 * in order.
 */
#include "workload.h"

#include <math.h>

static const double zipf_exponent = 0.99;

/* A prime above BENCH_ITEMS_MAX: multiplying by it modulo the number of items loses no item. */
static const uint64_t spread = 2654435761u;

static uint8_t pattern_at(size_t offset) {
    return (uint8_t)(offset * 131 + (offset >> 8) * 7 + 1);
}

size_t bench_key_write(uint32_t item, char key[BENCH_KEY_MAX_BYTES]) {
    static const char head[] = "sidebar_for/user";
    const size_t head_size = sizeof head - 1;
    const uint64_t random = bench_mix(item);
    const size_t extra = random % 9;
    /* 8 digits, different for every item: the factor shares no divisor with 100,000,000. */
    uint64_t number = (uint64_t)item * 32416190061u % 100000000u;
    uint64_t more = random >> 8;
    memcpy(key, head, head_size);
    for (size_t i = 0; i < extra; i++, more /= 10) key[head_size + i] = (char)('0' + more % 10);
    for (size_t i = 8; i-- > 0; number /= 10) {
        key[head_size + extra + i] = (char)('0' + number % 10);
    }
    return head_size + extra + 8;
}

double bench_key_mean_bytes(uint32_t item_count) {
    char key[BENCH_KEY_MAX_BYTES];
    uint64_t total = 0;
    for (uint32_t i = 0; i < item_count; i++) total += bench_key_write(i, key);
    return (double)total / (double)item_count;
}

/* ---- sequences ------------------------------------------------------------------------------- */

typedef struct zipf {
    double items;
    double zeta;
    double alpha;
    double eta;
} zipf;

static zipf zipf_init(uint32_t item_count) {
    zipf z = {.items = item_count, .alpha = 1 / (1 - zipf_exponent)};
    for (uint32_t rank = 1; rank <= item_count; rank++) z.zeta += pow(rank, -zipf_exponent);
    const double zeta2 = 1 + pow(2, -zipf_exponent);
    z.eta = (1 - pow(2 / z.items, 1 - zipf_exponent)) / (1 - zeta2 / z.zeta);
    return z;
}

static uint32_t zipf_rank(const zipf *z, double uniform) {
    const double scaled = uniform * z->zeta;
    if (scaled < 1) return 0;
    if (scaled < 1 + pow(0.5, zipf_exponent)) return 1;
    const double rank = z->items * pow(z->eta * uniform - z->eta + 1, z->alpha);
    return rank >= z->items ? (uint32_t)z->items - 1 : (uint32_t)rank;
}

bench_sequence bench_sequence_create(enum bench_distribution distribution, uint32_t item_count,
                                     size_t step_count, uint64_t seed) {
    bench_sequence sequence = {
        .steps = bench_pages_alloc(step_count * sizeof(bench_step)),
        .count = step_count,
    };
    const zipf z = distribution == BENCH_ZIPF && item_count > 2 ? zipf_init(item_count) : (zipf){0};
    for (size_t i = 0; i < step_count; i++) {
        const uint64_t random = bench_mix(bench_mix(seed) + i);
        const double uniform = (double)(random >> 11) * 0x1p-53;
        const uint32_t rank =
            z.items > 0 ? zipf_rank(&z, uniform) : (uint32_t)(uniform * item_count);
        bench_step *step = &sequence.steps[i];
        step->item = (uint32_t)((rank + 1) * spread % item_count);
        step->key_size = (uint8_t)bench_key_write(step->item, step->key);
        step->dice = (uint8_t)(bench_mix(random) % 100);
    }
    return sequence;
}

void bench_sequence_destroy(bench_sequence *sequence) {
    bench_pages_free(sequence->steps, sequence->count * sizeof(bench_step));
    *sequence = (bench_sequence){0};
}

/* ---- values ---------------------------------------------------------------------------------- */

void bench_value_prepare(void *value, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) ((uint8_t *)value)[i] = pattern_at(i);
}

bool bench_value_matches(const void *value, size_t size_bytes, uint32_t item, uint64_t salt) {
    if (!bench_value_ends_match(value, size_bytes, item, salt)) return false;
    const uint8_t *bytes = value;
    for (size_t i = 8; i + 8 < size_bytes; i++) {
        if (bytes[i] != pattern_at(i)) return false;
    }
    return true;
}
