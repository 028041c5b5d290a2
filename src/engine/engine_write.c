/*
 * engine_write.c - writing, under the lock of one shard.
 *
 * A value is written into memory that nobody can find; then one store into a slot makes it the
 * entry. Nothing that a reader could see is ever changed but single words, so a writer that is
 * killed leaves the old entry or the new one.
 */
#include <string.h>

#include "engine/engine.h"
#include "engine/hit.h"
#include "engine/lists.h"
#include "engine/lock.h"
#include "engine/pins.h"
#include "engine/policy.h"
#include "engine/recover.h"
#include "engine/space.h"
#include "os/clock.h"
#include "util/checked.h"
#include "util/decimal.h"

#define GROWTHS_MAX 64
#define STAY_MAX 1024 /* bytes of an item that is overwritten rather than linked anew */
#define SMALL_TABLE 8 /* buckets */

/* One write on its way. */
typedef struct job {
    jayi_region *region;
    jayi_shard *shard;
    uint32_t token;
    uint64_t hash;
    jay_bytes key;
    int64_t now_ms;
    bool has_entry; /* `ref` is the key's live entry */
    jayi_ref ref;
    jay_error *error;
} job;

static uint64_t deadline_of(int64_t ttl_ms, int64_t now_ms) {
    return ttl_ms == JAY_TTL_FOREVER ? JAYI_DEADLINE_NEVER : (uint64_t)(now_ms + ttl_ms);
}

/* Unlinks an entry whose time is over. */
static bool expire(job *j, jayi_ref *ref) {
    if (!jayi_is_expired(jayi_item_deadline(ref->item), j->now_ms)) return false;
    jayi_bump(&j->shard->expiries, 1);
    jayi_space_unlink(j->region, j->shard, ref);
    return true;
}

static void find_entry(job *j) {
    j->has_entry =
        jayi_index_find(j->region, j->shard, j->hash, j->key.data, j->key.size, &j->ref) &&
        !expire(j, &j->ref);
}

/* Locks the shard of a key and finds its live entry. On JAY_OK to be ended with `end`. */
static int begin(job *j, jayi_region *region, const void *key, size_t key_size, jay_error *error) {
    j->region = region;
    j->error = error;
    j->key = (jay_bytes){key, key_size};
    j->token = jayi_token(region);
    if (j->token == 0) {
        jayi_no_token(error);
        return JAY_E_FULL;
    }
    j->hash = jayi_hit_hash(region, key, key_size);
    j->shard = &region->shards[jayi_shard_of(region, j->hash)];
    /* The lock is held no longer than must be: bucket and item are waited for, and the time is
     * asked, before. */
    jayi_index_prefetch_item(region, jayi_index_prefetch(region, j->hash), j->hash);
    j->now_ms = jayi_clock_ms();
    if (!jayi_lock_try(j->shard, j->token)) {
        int status = jayi_lock_wait(region, j->shard, j->token, error);
        if (status != JAY_OK) return status;
        j->now_ms = jayi_clock_ms();
    }
    int status = jayi_lock_check(region, j->shard, error);
    if (status != JAY_OK) return status;
    find_entry(j);
    return JAY_OK;
}

static void end(job *j) {
    jayi_unlock_checked(j->region, j->shard);
}

/* ---- storing ---- */

static int no_room(const job *j, uint64_t bytes) {
    return jay_error_set(j->error, JAY_E_FULL, 0,
                         "no room for %llu bytes within max_bytes=%llu: views hold what could be "
                         "evicted, or the parts that are free are too small; release views or "
                         "raise max_bytes",
                         (unsigned long long)bytes, (unsigned long long)j->region->region_bytes);
}

/* Looks through a bucket for entries whose time is over or that could be nearer. */
static void look_through(job *j, uint32_t number) {
    jayi_bucket *bucket = jayi_bucket_at(j->region, jayi_shard_number(j->region, j->shard), number);
    for (uint32_t i = 0; bucket != NULL && i < JAYI_BUCKET_SLOTS; i++) {
        uint64_t word = jayi_peek(&bucket->slots[i]);
        if (jayi_slot_is_empty(word) ||
            !jayi_item_is_sound(j->region, j->shard, jayi_slot_place(word)))
            continue;
        jayi_item *item = jayi_item_at(j->region, jayi_slot_place(word));
        jayi_ref ref = {bucket, i, word, jayi_item_hash(j->region, item), item};
        expire(j, &ref);
    }
    if (bucket != NULL) jayi_index_tidy(j->region, j->shard, bucket);
}

/* Does so now and then, bucket after bucket. */
static void crawl(job *j) {
    uint32_t count = jayi_peek(&j->shard->bucket_count);
    if (count == 0 || j->shard->last_version % 4 != 0) return;
    look_through(j, j->shard->crawl_bucket++ % count);
}

/* Makes room in the count and in the index for one more entry. */
static void make_room(job *j) {
    crawl(j);
    jayi_space_grow_index(j->region, j->shard, j->now_ms);
    uint64_t limit = j->shard->max_items;
    uint32_t count = jayi_peek(&j->shard->bucket_count);
    /* In a few dozen entries, chance does not find those whose time is over: look at all of them
     * before one that lives has to go. */
    for (uint32_t i = 0; i < count && count <= SMALL_TABLE && limit > 0; i++)
        if (jayi_peek(&j->shard->item_count) >= limit) look_through(j, i);
    while (j->region->max_items > 0 && jayi_peek(&j->shard->item_count) >= limit) {
        if (!jayi_space_evict(j->region, j->shard, j->now_ms)) break;
    }
}

/* Writes an item but for its links. `kept`: the flags that stay. */
static void write_item(job *j, jayi_place place, uint64_t version, const jay_bytes *value,
                       uint64_t deadline_ms, uint64_t kept) {
    jayi_item *item = jayi_item_at(j->region, place);
    uint64_t flags = kept | (version >> JAYI_VERSION_BITS << JAYI_EPOCH_SHIFT & JAYI_EPOCH_MASK);
    uint64_t stamp = jayi_peek(&item->identity) & JAYI_STAMP_MASK;
    bool is_long = jayi_sizes_are_long(j->key.size, value->size);
    uint64_t sizes = is_long ? 0 : value->size << JAYI_VALUE_SIZE_SHIFT | j->key.size;
    unsigned char *at = (unsigned char *)item + (is_long ? JAYI_LONG_HEADER : JAYI_ITEM_HEADER);
    jayi_poke(&item->state, deadline_ms << JAYI_DEADLINE_SHIFT | flags);
    jayi_poke(&item->identity, version << JAYI_VERSION_SHIFT | stamp | sizes);
    if (is_long)
        jayi_poke(&item->more[0], (uint64_t)value->size << JAYI_LONG_VALUE_SHIFT | j->key.size);
    jayi_racy_write(at, j->key.data, j->key.size);
    if (value->size > 0) jayi_racy_write(at + j->key.size, value->data, value->size);
    jayi_racy_write(at + j->key.size + value->size, "", 1);
}

static uint64_t next_version(jayi_shard *shard) {
    uint64_t version = ++shard->last_version;
    if (version << (64 - JAYI_VERSION_BITS - JAYI_EPOCH_BITS) == 0)
        version = ++shard->last_version; /* never 0 */
    return version;
}

/* Links a new item whose key is not there. False: the index has no room for it. */
static bool link_new(job *j, jayi_place place) {
    jayi_ref coldest;
    bool is_linked = jayi_index_insert(j->region, j->shard, j->hash, place, 0);
    /* By chance both buckets are full: more buckets part them, one day theirs. */
    for (int i = 0; i < GROWTHS_MAX && !is_linked; i++) {
        if (!jayi_space_grow_index_freely(j->region, j->shard)) break;
        is_linked = jayi_index_insert(j->region, j->shard, j->hash, place, 0);
    }
    if (!is_linked && jayi_index_coldest(j->region, j->shard, j->hash, &coldest)) {
        jayi_bump(&j->shard->evictions, 1);
        jayi_space_unlink(j->region, j->shard, &coldest);
        is_linked = jayi_index_insert(j->region, j->shard, j->hash, place, 0);
    }
    if (!is_linked) return false;
    jayi_bump(&j->shard->item_count, 1);
    jayi_policy_admit(j->region, j->shard, jayi_item_at(j->region, place), j->hash);
    return true;
}

/* Makes the item at a place the key's entry, instead of the one that is. */
static void point_to(job *j, jayi_place place) {
    uint64_t word = jayi_slot_make(j->hash, place, jayi_slot_frequency(j->ref.word));
    j->ref.word = word | (j->ref.word & JAYI_SLOT_GUEST);
    jayi_index_store(&j->ref, j->ref.word);
}

/* Whether the entry's memory can take the new value, of the same size, after a detour. */
static bool can_stay(const job *j, uint64_t bytes) {
    return j->has_entry && bytes <= STAY_MAX && jayi_item_bytes(j->ref.item) == bytes &&
           (jayi_peek(&j->ref.item->state) & JAYI_FLAG_RUN) == 0;
}

/*
 * Puts a new item, at `place`, in the place of the key's entry.
 *
 * Where the two have the same size, the new one serves only while the old one's memory is
 * overwritten, and is free again afterwards. That copies twice, but no other item has to be touched
 * to link it in its queue: those would have to come from memory.
 */
static void link_instead(job *j, jayi_place place, const jay_bytes *value, uint64_t deadline_ms,
                         bool stays) {
    jayi_item *old_item = j->ref.item, *new_item = jayi_item_at(j->region, place);
    jayi_place old_place = jayi_place_of(j->region, old_item);
    point_to(j, place);
    /* As of any item that was unlinked: nobody reads it any more whose reading counts. */
    if (stays && !jayi_is_pinned(j->region, old_place)) {
        uint64_t kept =
            jayi_peek(&old_item->state) & (JAYI_FLAG_PREVIOUS_FREE | JAYI_STANDING_MASK);
        write_item(j, old_place, j->shard->last_version, value, deadline_ms, kept);
        point_to(j, old_place);
        jayi_space_retire(j->region, j->shard, new_item);
        return;
    }
    jayi_policy_replace(j->region, j->shard, old_item, new_item);
    jayi_space_retire(j->region, j->shard, old_item);
}

/* Has what storing will write to brought in. */
static void prefetch_entry(const job *j, uint64_t bytes, bool stays) {
    const unsigned char *item = (const unsigned char *)j->ref.item;
    if (stays) {
        __builtin_prefetch(item + JAYI_LINE, 1);
        __builtin_prefetch(item + 2 * JAYI_LINE, 1);
        __builtin_prefetch(item + bytes - 1, 1);
    } else {
        jayi_list_prefetch(j->region, j->ref.item);
    }
}

/* Stores a value under the job's key, whose entry (if any) the job has found. */
static int store(job *j, const jay_bytes *value, uint64_t deadline_ms) {
    uint64_t bytes = jayi_block_bytes(j->key.size, value->size);
    uint64_t unlinks = j->shard->unlinks;
    bool stays = can_stay(j, bytes);
    if (j->has_entry) {
        prefetch_entry(j, bytes, stays);
    } else {
        jayi_sampling_insert(j->region, j->token, j->hash, bytes);
        make_room(j);
    }
    jayi_place place = jayi_space_take(j->region, j->shard, j->token, bytes, j->now_ms);
    /* What is in the way may be views of processes that have died. */
    if (place == 0 && jayi_rows_reap(j->region, j->token))
        place = jayi_space_take(j->region, j->shard, j->token, bytes, j->now_ms);
    if (place == 0) return no_room(j, bytes);
    /* Eviction may have taken the entry itself. */
    if (j->has_entry && j->shard->unlinks != unlinks) {
        find_entry(j);
        stays = can_stay(j, bytes);
    }
    uint64_t kept =
        jayi_space_is_run(j->region, bytes)
            ? JAYI_FLAG_RUN
            : jayi_peek(&jayi_item_at(j->region, place)->state) & JAYI_FLAG_PREVIOUS_FREE;
    write_item(j, place, next_version(j->shard), value, deadline_ms, kept);
    if (j->has_entry) {
        link_instead(j, place, value, deadline_ms, stays);
    } else if (!link_new(j, place)) {
        jayi_space_give(j->region, j->shard, place);
        return no_room(j, bytes);
    }
    jayi_row_add(jayi_own_row(j->region, j->token), JAYI_ROW_SETS, 1);
    return JAY_OK;
}

/* Whether a write may go on, given the entry. */
static int verdict(const jay_write *write, const job *j) {
    switch (write->mode) {
    case JAY_WRITE_ADD:
        return j->has_entry ? JAY_EXISTS : JAY_OK;
    case JAY_WRITE_REPLACE:
        return j->has_entry ? JAY_OK : JAY_MISS;
    case JAY_WRITE_CAS:
        if (!j->has_entry) return JAY_MISS;
        return jayi_item_version(j->ref.item) == write->version ? JAY_OK : JAY_CHANGED;
    default:
        return JAY_OK;
    }
}

int jayi_engine_write(jayi_region *region, const jay_write *write, jay_error *error) {
    if (write->value_size > region->largest_value || write->value_size > UINT32_MAX) {
        return jay_error_set(error, JAY_E_TOO_BIG, 0,
                             "the value has %zu bytes; with max_bytes=%llu it may have %llu",
                             write->value_size, (unsigned long long)region->region_bytes,
                             (unsigned long long)region->largest_value);
    }
    job j = {.has_entry = false};
    int status = begin(&j, region, write->key, write->key_size, error);
    if (status != JAY_OK) return status;
    status = verdict(write, &j);
    if (status == JAY_OK && write->ttl_ms == JAY_TTL_EXPIRED) {
        if (j.has_entry) jayi_space_unlink(region, j.shard, &j.ref);
    } else if (status == JAY_OK) {
        jay_bytes value = {write->value, write->value_size};
        status = store(&j, &value, deadline_of(write->ttl_ms, j.now_ms));
    }
    end(&j);
    return status;
}

int jayi_engine_erase(jayi_region *region, const void *key, size_t key_size, jay_error *error) {
    job j = {.has_entry = false};
    int status = begin(&j, region, key, key_size, error);
    if (status != JAY_OK) return status;
    if (j.has_entry) {
        jayi_list_prefetch(region, j.ref.item);
        jayi_space_unlink(region, j.shard, &j.ref);
        jayi_row_add(jayi_own_row(region, j.token), JAYI_ROW_DELETES, 1);
    }
    end(&j);
    return j.has_entry ? JAY_OK : JAY_MISS;
}

int jayi_engine_touch(jayi_region *region, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error) {
    job j = {.has_entry = false};
    int status = begin(&j, region, key, key_size, error);
    if (status != JAY_OK) return status;
    if (j.has_entry && ttl_ms == JAY_TTL_EXPIRED) {
        jayi_space_unlink(region, j.shard, &j.ref);
    } else if (j.has_entry) {
        uint64_t rest = jayi_peek(&j.ref.item->state) & ((UINT64_C(1) << JAYI_DEADLINE_SHIFT) - 1);
        jayi_poke(&j.ref.item->state, deadline_of(ttl_ms, j.now_ms) << JAYI_DEADLINE_SHIFT | rest);
    }
    end(&j);
    return j.has_entry ? JAY_OK : JAY_MISS;
}

/* The counter that an entry and a delta make. */
static int next_number(const job *j, int64_t delta, int64_t *ret_number) {
    int64_t number = 0;
    if (j->has_entry) {
        const jayi_item *item = j->ref.item;
        size_t size = jayi_item_sizes(item).value_size;
        if (!jayi_decimal_parse(jayi_item_key(item) + j->key.size, size, &number)) {
            return jay_error_set(j->error, JAY_E_NOT_INTEGER, 0,
                                 "the entry's value, %zu bytes, is not a number", size);
        }
    }
    if (!jayi_add_i64(number, delta, ret_number))
        return jay_error_set(j->error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    return JAY_OK;
}

int jayi_engine_inc(jayi_region *region, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    job j = {.has_entry = false};
    int status = begin(&j, region, key, key_size, error);
    if (status != JAY_OK) return status;
    int64_t number = 0;
    status = next_number(&j, delta, &number);
    if (status == JAY_OK && (j.has_entry || ttl_ms != JAY_TTL_EXPIRED)) {
        char text[JAYI_DECIMAL_MAX];
        jay_bytes value = {text, jayi_decimal_format(number, text)};
        uint64_t deadline_ms =
            j.has_entry ? jayi_item_deadline(j.ref.item) : deadline_of(ttl_ms, j.now_ms);
        status = store(&j, &value, deadline_ms);
    }
    end(&j);
    if (status == JAY_OK) *ret_number = number;
    return status;
}

/* ---- exchange ---- */

/* Asks the judge about the entry that the job has found. */
static int ask(const job *j, const jayi_exchange *exchange) {
    jayi_engine_old old = {.value = NULL, .size = 0, .deadline_ms = 0};
    if (j->has_entry) {
        old.value = jayi_item_key(j->ref.item) + j->key.size;
        old.size = jayi_item_sizes(j->ref.item).value_size;
        old.deadline_ms = jayi_item_deadline(j->ref.item);
    }
    return exchange->judge != NULL ? exchange->judge(exchange->arg, &old) : JAY_OK;
}

int jayi_engine_exchange(jayi_region *region, const jayi_exchange *exchange, jay_error *error) {
    job j = {.has_entry = false};
    int status = begin(&j, region, exchange->key, exchange->key_size, error);
    if (status != JAY_OK) return status;
    status = ask(&j, exchange);
    if (status == JAY_OK && exchange->value == NULL) {
        if (j.has_entry) jayi_space_unlink(region, j.shard, &j.ref);
        if (!j.has_entry) status = JAY_MISS;
    } else if (status == JAY_OK) {
        jay_bytes value = {exchange->value, exchange->value_size};
        uint64_t deadline_ms = exchange->deadline_ms;
        if (j.has_entry && exchange->keeps_deadline) deadline_ms = jayi_item_deadline(j.ref.item);
        if (j.has_entry && exchange->cools) {
            uint64_t frequency = jayi_slot_frequency(j.ref.word) / 2;
            j.ref.word = (j.ref.word & ~JAYI_FREQUENCY_MASK) | frequency << JAYI_FREQUENCY_SHIFT;
        }
        status = store(&j, &value, deadline_ms);
    }
    end(&j);
    return status;
}
