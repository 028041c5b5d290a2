/*
 * site_sampler.c - a ring of samples. See site_sampler.h.
 *
 * There are no locks, since a process may be killed at any time and would take them with it. One
 * thread writes the ring; who reads it meanwhile may see, at its older end, a sample that is being
 * replaced, which a plot can bear. The accounts of pages are atomic, as every page adds to them.
 */
#include "site_sampler.h"

#include <stdatomic.h>
#include <sys/mman.h>

typedef struct cell {
    atomic_int_least64_t hits;
    atomic_int_least64_t misses;
} cell;

struct site_sampler {
    jay_cache *cache;
    jay_stats before; /* the writer's alone */
    cell ring[SITE_SAMPLES];
    atomic_size_t taken; /* samples ever; the next one goes to taken % SITE_SAMPLES */
    atomic_int_least64_t pages[2];
    atomic_int_least64_t total_us[2];
};

site_sampler *site_sampler_create(jay_cache *cache) {
    site_sampler *sampler =
        mmap(NULL, sizeof(*sampler), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sampler == MAP_FAILED) return NULL;
    sampler->cache = cache;
    jay_get_stats(cache, &sampler->before, sizeof(sampler->before), NULL);
    return sampler;
}

void site_sampler_destroy(site_sampler *sampler) {
    if (sampler) munmap(sampler, sizeof(*sampler));
}

/* Counters that went back belong to a store that was made anew. */
static int64_t rise(int64_t before, int64_t now) {
    return now > before && before >= 0 ? now - before : 0;
}

void site_sampler_tick(site_sampler *sampler) {
    jay_stats now;
    if (jay_get_stats(sampler->cache, &now, sizeof(now), NULL) != JAY_OK) return;
    size_t taken = atomic_load_explicit(&sampler->taken, memory_order_relaxed);
    cell *next = &sampler->ring[taken % SITE_SAMPLES];
    atomic_store_explicit(&next->hits, rise(sampler->before.hits, now.hits), memory_order_relaxed);
    atomic_store_explicit(&next->misses, rise(sampler->before.misses, now.misses),
                          memory_order_relaxed);
    atomic_store_explicit(&sampler->taken, taken + 1, memory_order_release);
    sampler->before = now;
}

size_t site_sampler_read(site_sampler *sampler, site_sample samples[SITE_SAMPLES]) {
    size_t taken = atomic_load_explicit(&sampler->taken, memory_order_acquire);
    size_t count = taken < SITE_SAMPLES ? taken : SITE_SAMPLES;
    for (size_t i = 0; i < count; i++) {
        const cell *from = &sampler->ring[(taken - count + i) % SITE_SAMPLES];
        samples[i] = (site_sample){atomic_load_explicit(&from->hits, memory_order_relaxed),
                                   atomic_load_explicit(&from->misses, memory_order_relaxed)};
    }
    return count;
}

void site_sampler_page(site_sampler *sampler, int cache_is_on, int64_t time_us) {
    atomic_fetch_add_explicit(&sampler->pages[!cache_is_on], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sampler->total_us[!cache_is_on], time_us, memory_order_relaxed);
}

site_pages_made site_sampler_pages(site_sampler *sampler, int cache_is_on) {
    return (site_pages_made){atomic_load(&sampler->pages[!cache_is_on]),
                             atomic_load(&sampler->total_us[!cache_is_on])};
}
