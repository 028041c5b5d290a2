/*
 * histogram.h - durations counted in buckets that are at most 1/32 of their value wide.
 */
#ifndef JAYCACHE_CLI_HISTOGRAM_H
#define JAYCACHE_CLI_HISTOGRAM_H

#include <stdint.h>

/* 32 buckets of one nanosecond each, then 32 for each power of two. */
#define CLI_HISTOGRAM_BUCKETS (32 * 60)

/* Begin with zeros. */
typedef struct cli_histogram {
    uint64_t counts[CLI_HISTOGRAM_BUCKETS];
    uint64_t total;
} cli_histogram;

void cli_histogram_add(cli_histogram *h, uint64_t duration_ns);

/* Adds all that `from` counted to `h`. */
void cli_histogram_merge(cli_histogram *h, const cli_histogram *from);

/* The duration that `share` (0 to 1) of all stay below, in nanoseconds; 0 when nothing was counted.
 */
double cli_histogram_quantile(const cli_histogram *h, double share);

#endif
