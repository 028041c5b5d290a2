/*
 * histogram.c - durations counted in buckets.
 *
 * Bucket b < 32 holds the duration b. Above, the group g = b / 32 holds the durations of
 * [32 << (g - 1), 64 << (g - 1)), in steps of 1 << (g - 1).
 */
#include "histogram.h"

#include <stddef.h>

static size_t bucket_of(uint64_t duration_ns) {
    size_t group = 0;
    while (duration_ns >= 64) {
        duration_ns >>= 1;
        group++;
    }
    return group * 32 + (size_t)duration_ns;
}

/* The middle of a bucket. */
static double duration_of(size_t bucket) {
    if (bucket < 32) return (double)bucket;
    size_t shift = bucket / 32 - 1;
    double step = (double)(UINT64_C(1) << shift);
    return (double)(bucket % 32 + 32) * step + (step - 1) / 2;
}

void cli_histogram_add(cli_histogram *h, uint64_t duration_ns) {
    h->counts[bucket_of(duration_ns)]++;
    h->total++;
}

void cli_histogram_merge(cli_histogram *h, const cli_histogram *from) {
    for (size_t i = 0; i < CLI_HISTOGRAM_BUCKETS; i++) h->counts[i] += from->counts[i];
    h->total += from->total;
}

double cli_histogram_quantile(const cli_histogram *h, double share) {
    if (h->total == 0) return 0;
    double wanted = share * (double)h->total;
    uint64_t below = 0;
    for (size_t i = 0; i < CLI_HISTOGRAM_BUCKETS; i++) {
        below += h->counts[i];
        if (h->counts[i] > 0 && (double)below >= wanted) return duration_of(i);
    }
    return 0;
}
