/*
 * hitratio_replay.c - see hitratio_replay.h.
 */
#include "hitratio_replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jaycache/jaycache.h>

/* Bytes of a value where only items are counted. */
#define UNIT_VALUE_BYTES 8

typedef struct tally {
    uint64_t hits;
    uint64_t bytes_hit;
    uint64_t refused; /* sets for which the library had no room */
} tally;

static uint64_t size_of(const hitratio_trace *trace, uint32_t place) {
    return trace->sizes != NULL ? trace->sizes[place] : 0;
}

static hitratio_result result_of(const hitratio_trace *trace, const tally *sums) {
    hitratio_result result = {100.0 * (double)sums->hits / (double)trace->request_count, 0};
    if (trace->request_bytes > 0) {
        result.byte_hits = 100.0 * (double)sums->bytes_hit / (double)trace->request_bytes;
    }
    return result;
}

static sim_params params_for(const hitratio_trace *trace, const hitratio_bound *bound) {
    uint64_t items = bound->capacity;
    if (bound->in_bytes) {
        uint64_t mean = trace->distinct_bytes / trace->id_count + bound->item_overhead + 1;
        items = bound->capacity / mean;
    }
    return (sim_params){.capacity = bound->capacity > 0 ? bound->capacity : 1,
                        .expected_items = items > 0 ? items : 1,
                        .id_count = trace->id_count};
}

bool hitratio_simulate(const hitratio_trace *trace, const sim_policy *policy,
                       const hitratio_bound *bound, hitratio_result *ret_result,
                       char error[HITRATIO_ERROR_SIZE]) {
    sim_params params = params_for(trace, bound);
    void *state = policy->create(&params);
    if (state == NULL) {
        snprintf(error, HITRATIO_ERROR_SIZE, "out of memory");
        return false;
    }
    tally sums = {0};
    for (uint32_t i = 0; i < trace->request_count; i++) {
        uint64_t charge = bound->in_bytes ? size_of(trace, i) + bound->item_overhead : 1;
        sim_request request = {.charge = charge > 0 ? charge : 1,
                               .id = trace->ids[i],
                               .now = i,
                               .next = trace->nexts[i]};
        if (policy->request(state, &request)) {
            sums.hits++;
            sums.bytes_hit += size_of(trace, i);
        }
    }
    policy->destroy(state);
    *ret_result = result_of(trace, &sums);
    return true;
}

/* Puts the capacity in the place of %N. Returns false if there is no %N, or no room. */
static bool make_url(const hitratio_bound *bound, char *url, size_t url_size) {
    const char *place = strstr(bound->url_pattern, "%N");
    if (place == NULL) {
        return false;
    }
    int size = snprintf(url, url_size, "%.*s%" PRIu64 "%s", (int)(place - bound->url_pattern),
                        bound->url_pattern, bound->capacity, place + 2);
    return size > 0 && (size_t)size < url_size;
}

/* One request. Returns a status of the library: JAY_MISS after a miss whose value was stored or is
 * too big for this cache, which is a miss for simulators, too; JAY_E_FULL when there was no room.
 */
static int request_through(jay_cache *cache, uint32_t id, const void *value, size_t value_size,
                           jay_error *error) {
    jay_value found = JAY_VALUE_INIT;
    int status = jay_get(cache, &id, sizeof(id), &found, error);
    if (status == JAY_OK) {
        jay_value_release(&found);
        return JAY_OK;
    }
    if (status != JAY_MISS) {
        return status;
    }
    status = jay_set(cache, &id, sizeof(id), value, value_size, JAY_TTL_FOREVER, error);
    return status == JAY_OK || status == JAY_E_TOO_BIG ? JAY_MISS : status;
}

static int replay_all(const hitratio_trace *trace, const hitratio_bound *bound, jay_cache *cache,
                      const void *value, tally *sums, jay_error *error) {
    for (uint32_t i = 0; i < trace->request_count; i++) {
        uint64_t size = bound->in_bytes ? size_of(trace, i) : UNIT_VALUE_BYTES;
        int status = request_through(cache, trace->ids[i], value, (size_t)size, error);
        if (status < 0 && status != JAY_E_FULL) {
            return status;
        }
        sums->refused += status == JAY_E_FULL ? 1 : 0;
        if (status == JAY_OK) {
            sums->hits++;
            sums->bytes_hit += size_of(trace, i);
        }
    }
    return JAY_OK;
}

static size_t largest_value(const hitratio_trace *trace, const hitratio_bound *bound) {
    uint64_t largest = UNIT_VALUE_BYTES;
    for (uint32_t i = 0; bound->in_bytes && i < trace->request_count; i++) {
        largest = size_of(trace, i) > largest ? size_of(trace, i) : largest;
    }
    return (size_t)largest;
}

bool hitratio_replay(const hitratio_trace *trace, const hitratio_bound *bound,
                     hitratio_result *ret_result, char error[HITRATIO_ERROR_SIZE]) {
    char url[1024];
    if (!make_url(bound, url, sizeof(url))) {
        snprintf(error, HITRATIO_ERROR_SIZE,
                 "'%s' is not a URL with %%N where the capacity belongs", bound->url_pattern);
        return false;
    }
    void *value = calloc(1, largest_value(trace, bound));
    if (value == NULL) {
        snprintf(error, HITRATIO_ERROR_SIZE, "out of memory");
        return false;
    }
    jay_cache *cache = NULL;
    jay_error problem;
    tally sums = {0};
    int status = jay_open(url, NULL, &cache, &problem);
    if (status == JAY_OK) {
        status = replay_all(trace, bound, cache, value, &sums, &problem);
        jay_close(cache);
    }
    free(value);
    if (status != JAY_OK) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%.200s: %s", url, problem.message);
        return false;
    }
    if (sums.refused > 0) {
        /* A miss, as a site would see it; but the library should have evicted something. */
        fprintf(stderr, "%s: %" PRIu64 " of %" PRIu32 " requests ended in a set without room\n",
                url, sums.refused, trace->request_count);
    }
    *ret_result = result_of(trace, &sums);
    return true;
}
