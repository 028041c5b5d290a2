/*
 * inspect.c - public functions that look at, or act on, the whole cache.
 */
#include <string.h>

#include "core/cache.h"
#include "core/emulate.h"

int jay_clear(jay_cache *cache, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    jay_error local;
    local.code = JAY_OK;
    return jayi_finish(cache, jayi_do_clear(cache, &local), &local, error);
}

typedef struct iteration {
    const jay_cache *cache;
    jay_iterate_fn *fn;
    void *arg;
} iteration;

/* Shows an entry to the caller without the prefix. */
static int show_entry(void *arg, const jay_entry_info *entry) {
    const iteration *state = arg;
    jay_entry_info shown = *entry;
    shown.key = (const char *)entry->key + state->cache->prefix_size;
    shown.key_size = entry->key_size - state->cache->prefix_size;
    return state->fn(state->arg, &shown);
}

int jay_iterate(jay_cache *cache, jay_iterate_fn *fn, void *arg, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (fn == NULL) return jayi_bad_argument(cache, "the function", error);
    jay_error local;
    local.code = JAY_OK;
    iteration state = {cache, fn, arg};
    return jayi_finish(cache, jayi_do_iterate(cache, show_entry, &state, &local), &local, error);
}

int jay_get_stats(jay_cache *cache, jay_stats *ret_stats, size_t stats_size, jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (ret_stats == NULL) return jayi_bad_argument(cache, "ret_stats", error);
    jay_error local;
    local.code = JAY_OK;
    if (stats_size == 0 || stats_size % sizeof(int64_t) != 0) {
        jay_error_set(&local, JAY_E_ARGUMENT, 0, "stats_size must be sizeof(jay_stats), not %zu",
                      stats_size);
        return jayi_fail(cache, JAY_E_ARGUMENT, &local, error);
    }
    jay_stats stats;
#define NOT_KNOWN(name, text) stats.name = -1;
    JAY_STATS_MAP(NOT_KNOWN)
#undef NOT_KNOWN
    stats.errors = jayi_total(&cache->counters, JAYI_ERRORS);
    stats.pinned = jayi_total(&cache->counters, JAYI_PINNED);
    if (cache->counts) {
        stats.hits = jayi_total(&cache->counters, JAYI_HITS);
        stats.misses = jayi_total(&cache->counters, JAYI_MISSES);
        stats.sets = jayi_total(&cache->counters, JAYI_SETS);
        stats.deletes = jayi_total(&cache->counters, JAYI_DELETES);
    }
    int status = JAY_OK;
    if (cache->ops->stats != NULL) status = cache->ops->stats(cache->backend, &stats, &local);
    if (status == JAY_OK) {
        /* A program made for a longer struct finds the fields that we do not know at -1. */
        memset(ret_stats, 0xff, stats_size);
        memcpy(ret_stats, &stats, stats_size < sizeof stats ? stats_size : sizeof stats);
    }
    return jayi_finish(cache, status, &local, error);
}
