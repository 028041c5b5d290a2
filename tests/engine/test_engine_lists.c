/*
 * test_engine_lists.c - the queues: order, counts, and links that make no sense.
 */
#include "engine_kit.h"

#include "engine/index.h"
#include "engine/lists.h"
#include "util/hash.h"

enum { ENTRIES = 20 };

static jayi_item *item_of(jayi_region *region, uint64_t number) {
    jay_bytes key = kit_key(number, 0);
    jayi_ref ref;
    uint64_t hash = jayi_hash(key.data, key.size, region->seed);
    assert_true(jayi_index_find(region, &region->shards[0], hash, key.data, key.size, &ref));
    return ref.item;
}

/* A region of a few entries, all in the probation queue, in the order of their numbers. */
static jayi_shard *open_filled(jayi_region *region) {
    kit_open(region, 256 * KIB, 100);
    jayi_shard *shard = &region->shards[0];
    for (uint64_t i = 0; i < ENTRIES; i++) assert_int_equal(kit_set(region, i, 10, 0), JAY_OK);
    for (uint64_t i = 0; i < ENTRIES; i++) jayi_list_remove(region, shard, item_of(region, i));
    for (uint64_t i = 0; i < ENTRIES; i++)
        jayi_list_push(region, shard, JAYI_PROBATION, 0, item_of(region, i));
    kit_check(region);
    return shard;
}

static void first_in_first_out(void **state) {
    (void)state;
    jayi_region region;
    jayi_shard *shard = open_filled(&region);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        jayi_item *item = item_of(&region, i);
        assert_ptr_equal(jayi_list_oldest(&region, shard, JAYI_PROBATION), item);
        jayi_list_remove(&region, shard, item);
        jayi_list_push(&region, shard, JAYI_MAIN, 0, item);
        assert_ptr_equal(jayi_list_oldest(&region, shard, JAYI_MAIN), item_of(&region, 0));
        assert_int_equal(shard->queues[JAYI_MAIN].items, i + 1);
        assert_int_equal(shard->queues[JAYI_PROBATION].items, ENTRIES - i - 1);
        kit_check(&region);
    }
    assert_null(jayi_list_oldest(&region, shard, JAYI_PROBATION));
    kit_close(&region);
}

static void any_entry_can_leave(void **state) {
    (void)state;
    jayi_region region;
    jayi_shard *shard = open_filled(&region);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        jayi_item *item = item_of(&region, i * 7 % ENTRIES);
        jayi_list_remove(&region, shard, item);
        jayi_list_push(&region, shard, JAYI_PROBATION, 0, item);
        kit_check(&region);
    }
    /* They stand in the order in which they were put back. */
    for (uint64_t i = 0; i < ENTRIES; i++) {
        jayi_item *item = item_of(&region, i * 7 % ENTRIES);
        assert_ptr_equal(jayi_list_oldest(&region, shard, JAYI_PROBATION), item);
        jayi_list_remove(&region, shard, item);
        jayi_list_push(&region, shard, JAYI_MAIN, 0, item);
    }
    kit_close(&region);
}

/* An overwrite keeps the entry's turn. */
static void a_replacement_takes_the_place(void **state) {
    (void)state;
    jayi_region region;
    jayi_shard *shard = open_filled(&region);
    assert_int_equal(kit_set(&region, 0, 12, 0), JAY_OK);
    assert_ptr_equal(jayi_list_oldest(&region, shard, JAYI_PROBATION), item_of(&region, 0));
    assert_int_equal(kit_set(&region, ENTRIES - 1, 900, 0), JAY_OK);
    assert_int_equal(kit_set(&region, 7, 0, 0), JAY_OK);
    kit_check(&region);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        jayi_item *item = item_of(&region, i);
        assert_ptr_equal(jayi_list_oldest(&region, shard, JAYI_PROBATION), item);
        jayi_list_remove(&region, shard, item);
        jayi_list_push(&region, shard, JAYI_MAIN, 0, item);
    }
    kit_close(&region);
}

static void senseless_links_are_not_followed(void **state) {
    (void)state;
    static const jayi_place links[] = {UINT32_MAX, 1, 8192, 32768 - 1};
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        jayi_region region;
        jayi_shard *shard = open_filled(&region);
        jayi_poke(&item_of(&region, 5)->newer, links[i]);
        jayi_list_remove(&region, shard, item_of(&region, 5));
        assert_int_equal(jayi_peek(&shard->is_damaged), 1);
        /* The next operation rebuilds the shard, with every entry. */
        assert_int_equal(kit_set(&region, 50, 1, 0), JAY_OK);
        assert_int_equal(jayi_peek(&shard->is_damaged), 0);
        assert_int_equal(kit_count(&region, ENTRIES, 10), ENTRIES);
        assert_int_equal(kit_stats(&region).resets, 0);
        kit_close(&region);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(any_entry_can_leave),
        cmocka_unit_test(a_replacement_takes_the_place),
        cmocka_unit_test(senseless_links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
