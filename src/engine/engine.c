/*
 * engine.c - opening private regions, and what concerns a region as a whole.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/heap.h"
#include "engine/index.h"
#include "engine/lock.h"
#include "engine/recover.h"
#include "engine/space.h"
#include "os/clock.h"
#include "os/pages.h"
#include "util/memory.h"

#define RESTARTS_MAX 8

/* ---- private regions ---- */

int jayi_engine_open_private(jayi_region *region, const jayi_region_plan *plan, jay_error *error) {
    memset(region, 0, sizeof *region);
    region->lock_fd = -1;
    int status = jayi_region_check_plan(plan, error);
    if (status != JAY_OK) return status;
    void *base = jayi_pages_map(-1, plan->region_bytes);
    if (base == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, errno,
                             "cannot map max_bytes=%llu of memory; is there a limit (ulimit -v)?",
                             (unsigned long long)plan->region_bytes);
    }
    /* In this order: what is written now is little, and takes no huge page. */
    jayi_region_format(base, plan);
    jayi_pages_prefer_huge(base, plan->region_bytes);
    status = jayi_region_bind(region, base, plan->region_bytes, error);
    if (status == JAY_OK) status = jayi_identity_init(region, error);
    if (status == JAY_OK) return JAY_OK;
    munmap(base, plan->region_bytes);
    return status;
}

void jayi_engine_close_private(jayi_region *region) {
    jayi_identity_deinit(region);
    munmap(region->base, region->region_bytes);
}

/* ---- clear ---- */

static bool has_prefix(const jayi_item *item, const void *prefix, size_t prefix_size) {
    return jayi_item_key_size(item) >= prefix_size &&
           jayi_racy_equal(jayi_item_key(item), prefix, prefix_size);
}

/* Unlinks the entries of one bucket that have the prefix. */
static void clear_bucket(jayi_region *region, jayi_shard *shard, jayi_bucket *bucket,
                         const void *prefix, size_t prefix_size) {
    for (uint32_t i = 0; i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&bucket->slots[i]);
        if (jayi_slot_is_empty(word) || !jayi_item_is_sound(region, shard, jayi_slot_place(word)))
            continue;
        jayi_item *item = jayi_item_at(region, jayi_slot_place(word));
        if (!has_prefix(item, prefix, prefix_size)) continue;
        jayi_ref ref = {bucket, i, word, jayi_item_hash(region, item), item};
        jayi_space_unlink(region, shard, &ref);
    }
}

int jayi_engine_clear(jayi_region *region, const void *prefix, size_t prefix_size,
                      jay_error *error) {
    uint32_t token = jayi_token(region);
    if (token == 0) return jayi_no_token(error);
    for (uint32_t number = 0; number < region->shard_count; number++) {
        jayi_shard *shard = &region->shards[number];
        int status = jayi_lock(region, shard, token, error);
        if (status != JAY_OK) return status;
        uint32_t count = jayi_peek(&shard->bucket_count);
        for (uint32_t i = 0; i < count; i++) {
            jayi_bucket *bucket = jayi_bucket_at(region, number, i);
            if (bucket == NULL) {
                jayi_damage(shard);
                break;
            }
            clear_bucket(region, shard, bucket, prefix, prefix_size);
        }
        jayi_unlock_checked(region, shard);
    }
    return JAY_OK;
}

/* ---- iterate ---- */

typedef struct walk {
    jayi_region *region;
    jayi_shard *shard;
    uint32_t token;
    const void *prefix;
    size_t prefix_size;
    unsigned char *key; /* room for the longest */
    jay_iterate_fn *fn;
    void *arg;
    jay_error *error;
} walk;

/* Copies out what a slot holds. JAY_OK; JAY_MISS: nothing to show. */
static int describe(walk *w, jayi_bucket *bucket, uint32_t slot, jay_entry_info *ret_info) {
    if (jayi_slot_is_empty(jayi_peek(&bucket->slots[slot]))) return JAY_MISS;
    int status = jayi_lock(w->region, w->shard, w->token, w->error);
    if (status != JAY_OK) return status;
    uint64_t word = jayi_peek(&bucket->slots[slot]);
    bool is_sound =
        !jayi_slot_is_empty(word) && jayi_item_is_sound(w->region, w->shard, jayi_slot_place(word));
    const jayi_item *item = is_sound ? jayi_item_at(w->region, jayi_slot_place(word)) : NULL;
    int64_t now_ms = jayi_clock_ms();
    status = JAY_MISS;
    if (item != NULL && has_prefix(item, w->prefix, w->prefix_size) &&
        !jayi_is_expired(jayi_item_deadline(item), now_ms)) {
        uint64_t deadline_ms = jayi_item_deadline(item);
        ret_info->key = w->key;
        jayi_sizes sizes = jayi_item_sizes(item);
        ret_info->key_size = sizes.key_size;
        ret_info->value_size = sizes.value_size;
        jayi_racy_read(w->key, jayi_item_key(item), sizes.key_size);
        ret_info->ttl_ms =
            deadline_ms == JAYI_DEADLINE_NEVER ? JAY_TTL_FOREVER : (int64_t)deadline_ms - now_ms;
        ret_info->heat = jayi_slot_frequency(word);
        ret_info->size_bytes = (int64_t)jayi_item_bytes(item) + 8;
        status = JAY_OK;
    }
    jayi_unlock_checked(w->region, w->shard);
    return status;
}

/* Shows the entries of a shard. JAY_CHANGED: entries moved about; show them again. */
static int walk_shard(walk *w) {
    uint32_t moves = jayi_peek(&w->shard->moves);
    uint32_t number = jayi_shard_number(w->region, w->shard);
    /* Buckets that are added meanwhile come last, with what is moved there. */
    for (uint32_t i = 0; i < jayi_peek(&w->shard->bucket_count); i++) {
        jayi_bucket *bucket = jayi_bucket_at(w->region, number, i);
        if (bucket == NULL) break; /* damaged, or emptied just now */
        for (uint32_t slot = 0; slot < JAYI_BUCKET_SLOTS; slot++) {
            jay_entry_info info;
            int status = describe(w, bucket, slot, &info);
            if (status < 0) return status;
            if (status == JAY_OK && w->fn(w->arg, &info) != 0) return JAY_STOPPED;
        }
    }
    return jayi_peek(&w->shard->moves) == moves ? JAY_OK : JAY_CHANGED;
}

int jayi_engine_iterate(jayi_region *region, const jay_allocator *allocator, const void *prefix,
                        size_t prefix_size, jay_iterate_fn *fn, void *arg, jay_error *error) {
    walk w = {.region = region,
              .token = jayi_token(region),
              .prefix = prefix,
              .prefix_size = prefix_size,
              .fn = fn,
              .arg = arg,
              .error = error};
    if (w.token == 0) return jayi_no_token(error);
    w.key = jayi_alloc(allocator, JAYI_LONG_KEY_MASK);
    if (w.key == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a key while iterating");
    int status = JAY_OK;
    for (uint32_t number = 0; number < region->shard_count && status == JAY_OK; number++) {
        w.shard = &region->shards[number];
        status = JAY_CHANGED;
        for (int i = 0; i < RESTARTS_MAX && status == JAY_CHANGED; i++) status = walk_shard(&w);
        if (status == JAY_CHANGED) status = JAY_OK;
    }
    jayi_free(allocator, w.key);
    return status;
}

/* ---- stats ---- */

static int64_t row_total(const jayi_region *region, enum jayi_row_counter counter) {
    uint64_t total = 0; /* which may wrap: a damaged count is any number */
    for (uint32_t row = 0; row < region->row_count; row++) {
        for (uint32_t stripe = 0; stripe < JAYI_ROW_STRIPES; stripe++)
            total += (uint64_t)jayi_peek(&region->rows[row].stripes[stripe].counts[counter]);
    }
    return (int64_t)total;
}

uint64_t jayi_engine_items(const jayi_region *region) {
    uint64_t items = 0;
    for (uint32_t i = 0; i < region->shard_count; i++)
        items += jayi_peek(&region->shards[i].item_count);
    return items;
}

bool jayi_engine_is_tight(const jayi_region *region) {
    uint64_t room = region->region_bytes - region->chunks_at, used = 0;
    for (uint32_t i = 0; i < region->shard_count; i++)
        used +=
            jayi_peek(&region->shards[i].block_bytes) + jayi_peek(&region->shards[i].chunk_bytes);
    return used > room / 4 * 3;
}

uint64_t jayi_engine_evictions(const jayi_region *region) {
    uint64_t evictions = 0;
    for (uint32_t i = 0; i < region->shard_count; i++)
        evictions += jayi_peek(&region->shards[i].evictions);
    return evictions;
}

int jayi_engine_stats(jayi_region *region, jay_stats *stats, jay_error *error) {
    (void)error;
    uint64_t items = 0, bytes = region->chunks_at, evictions = 0, expiries = 0;
    for (uint32_t i = 0; i < region->shard_count; i++) {
        const jayi_shard *shard = &region->shards[i];
        items += jayi_peek(&shard->item_count);
        bytes += jayi_peek(&shard->block_bytes) + jayi_peek(&shard->chunk_bytes);
        evictions += jayi_peek(&shard->evictions);
        expiries += jayi_peek(&shard->expiries);
    }
    stats->hits = row_total(region, JAYI_ROW_HITS);
    stats->misses = row_total(region, JAYI_ROW_MISSES);
    stats->sets = row_total(region, JAYI_ROW_SETS);
    stats->deletes = row_total(region, JAYI_ROW_DELETES);
    stats->evictions = (int64_t)evictions;
    stats->expiries = (int64_t)expiries;
    stats->items = (int64_t)items;
    stats->bytes = (int64_t)bytes;
    stats->max_items = (int64_t)region->max_items;
    stats->max_bytes = (int64_t)region->region_bytes;
    stats->resets = (int64_t)jayi_peek(&region->header->resets);
    return JAY_OK;
}
