/*
 * site_sampler.h - a sample of the cache's statistics every second, for the last minutes.
 *
 * It lies in memory that processes forked later share: one process takes the samples, all can read
 * them, and all add to the accounts of pages.
 */
#ifndef SITE_SAMPLER_H
#define SITE_SAMPLER_H

#include <jaycache/jaycache.h>
#include <stddef.h>
#include <stdint.h>

enum { SITE_SAMPLES = 300 };

/* What happened in one second. */
typedef struct site_sample {
    int64_t hits;
    int64_t misses;
} site_sample;

/* Pages made with the cache on and off, since the start. */
typedef struct site_pages_made {
    int64_t count;
    int64_t total_us;
} site_pages_made;

typedef struct site_sampler site_sampler;

site_sampler *site_sampler_create(jay_cache *cache);
void site_sampler_destroy(site_sampler *sampler);

/* Takes a sample; to be called once a second, always by the same thread. */
void site_sampler_tick(site_sampler *sampler);

/* Copies the samples, the oldest first; returns how many there are. */
size_t site_sampler_read(site_sampler *sampler, site_sample samples[SITE_SAMPLES]);

/* Counts a page; `cache_is_on` says in which of the two accounts. */
void site_sampler_page(site_sampler *sampler, int cache_is_on, int64_t time_us);
site_pages_made site_sampler_pages(site_sampler *sampler, int cache_is_on);

#endif
