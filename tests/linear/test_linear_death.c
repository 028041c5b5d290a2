/*
 * test_linear_death.c - what a reader notices when a writer dies between two steps.
 *
 * A reader without a lock relies on the version of a bucket: as long as it is the same, what a slot
 * led to is still there. A writer that dies between changing a slot and raising the version leaves
 * that to whoever rebuilds the shard. The death is played: the lock holds the token of nobody, and
 * the slot is changed by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/identity.h"
#include "engine/index.h"
#include "engine/lock.h"
#include "util/hash.h"

static const char key[] = "a key";
static const char value[] = "a value that must not be mistaken";

/* What a reader noted before the death. */
typedef struct sighting {
    jayi_bucket *bucket;
    uint32_t slot;
    uint64_t version;
} sighting;

static void open_region(jayi_region *region) {
    jayi_region_plan plan = {.region_bytes = 4 << 20, .row_count = 1, .seed = 42};
    assert_int_equal(jayi_engine_open_private(region, &plan, NULL), JAY_OK);
}

static void store_key(jayi_region *region, const char *name) {
    jay_write write = {.key = name,
                       .key_size = strlen(name),
                       .value = value,
                       .value_size = sizeof value,
                       .ttl_ms = JAY_TTL_FOREVER,
                       .mode = JAY_WRITE_SET};
    assert_int_equal(jayi_engine_write(region, &write, NULL), JAY_OK);
}

static jayi_shard *shard_of_key(const jayi_region *region) {
    return &region->shards[jayi_shard_of(region, jayi_hash(key, strlen(key), region->seed))];
}

/* Looks the key up as a reader does, up to the point where it would read the item. */
static sighting look_up(jayi_region *region) {
    jayi_ref ref;
    jayi_shard *shard = shard_of_key(region);
    uint64_t hash = jayi_hash(key, strlen(key), region->seed);
    assert_true(jayi_index_find(region, shard, hash, key, strlen(key), &ref));
    return (sighting){ref.bucket, ref.slot, jayi_peek(&ref.bucket->version)};
}

/* Leaves the lock to a process that is no more. */
static void die_with_lock(const jayi_region *region) {
    uint32_t token = jayi_peek(&region->identity->token);
    uint32_t other = (token ^ 1u << JAYI_TOKEN_ROW_BITS) | 1u << (JAYI_TOKEN_ROW_BITS + 1);
    assert_int_not_equal(other, token);
    jayi_poke(&shard_of_key(region)->lock, other);
}

/* The slot is empty, the version not yet raised; then memory of the item is used again. */
static void reader_notices_an_unlinking_that_death_cut_short(void **state) {
    (void)state;
    jayi_region region;
    open_region(&region);
    store_key(&region, key);
    sighting seen = look_up(&region);
    die_with_lock(&region);
    jayi_poke(&seen.bucket->slots[seen.slot], 0);
    assert_int_equal(jayi_engine_erase(&region, key, strlen(key), NULL), JAY_MISS);
    assert_int_not_equal(jayi_peek(&seen.bucket->version), seen.version);
    jayi_engine_close_private(&region);
}

/* The index makes no sense: all is dropped, also for who knows the old buckets' addresses. */
static void reader_notices_that_a_damaged_index_was_dropped(void **state) {
    (void)state;
    jayi_region region;
    open_region(&region);
    store_key(&region, key);
    sighting seen = look_up(&region);
    die_with_lock(&region);
    jayi_shard *shard = shard_of_key(&region);
    size_t first = (size_t)jayi_shard_number(&region, shard) * region.directory_size;
    /* A second name for the chunk that the first names. */
    jayi_poke(&region.directories[first + 1], jayi_peek(&region.directories[first]));
    assert_int_equal(jayi_engine_erase(&region, key, strlen(key), NULL), JAY_MISS);
    assert_int_equal(jayi_peek(&region.header->resets), 1);
    /* Who reads the version only now must not find the entry, either. */
    assert_int_equal(jayi_peek(&seen.bucket->slots[seen.slot]), 0);
    assert_int_not_equal(jayi_peek(&seen.bucket->version), seen.version);
    store_key(&region, key);
    assert_int_equal(jayi_engine_has(&region, key, strlen(key), NULL), JAY_OK);
    jayi_engine_close_private(&region);
}

/* A displacement cut short: the entry stands in both of its buckets, the first one's version as it
 * was. */
static void reader_notices_an_entry_met_twice(void **state) {
    (void)state;
    jayi_region region;
    open_region(&region);
    for (int i = 0; i < 60; i++) {
        char name[] = {'k', (char)('0' + i / 10), (char)('0' + i % 10), 0};
        store_key(&region, name);
    }
    store_key(&region, key);
    sighting seen = look_up(&region);
    jayi_shard *shard = shard_of_key(&region);
    uint64_t hash = jayi_hash(key, strlen(key), region.seed);
    uint32_t count = jayi_peek(&shard->bucket_count), number = jayi_shard_number(&region, shard);
    jayi_bucket *one =
        jayi_bucket_at(&region, number, jayi_bucket_number(jayi_first_bits(hash), count));
    jayi_bucket *two =
        jayi_bucket_at(&region, number, jayi_bucket_number(jayi_second_bits(hash), count));
    jayi_bucket *other = seen.bucket == one ? two : one;
    assert_ptr_not_equal(one, two);
    uint64_t other_version = jayi_peek(&other->version);
    uint32_t slot = 0;
    while (!jayi_slot_is_empty(jayi_peek(&other->slots[slot])))
        assert_true(++slot < JAYI_BUCKET_SLOTS);
    jayi_poke(&other->slots[slot], jayi_peek(&seen.bucket->slots[seen.slot]));
    die_with_lock(&region);
    assert_int_equal(jayi_engine_touch(&region, key, strlen(key), JAY_TTL_FOREVER, NULL), JAY_OK);
    assert_int_not_equal(jayi_peek(&other->version), other_version);
    assert_int_not_equal(jayi_peek(&seen.bucket->version), seen.version);
    /* One of the two has gone. */
    bool is_here = !jayi_slot_is_empty(jayi_peek(&seen.bucket->slots[seen.slot]));
    bool is_there = !jayi_slot_is_empty(jayi_peek(&other->slots[slot]));
    assert_true(is_here != is_there);
    jayi_engine_close_private(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_notices_an_unlinking_that_death_cut_short),
        cmocka_unit_test(reader_notices_that_a_damaged_index_was_dropped),
        cmocka_unit_test(reader_notices_an_entry_met_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
