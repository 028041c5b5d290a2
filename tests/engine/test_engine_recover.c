/*
 * test_engine_recover.c - rebuilding a shard: the same as before when nothing is wrong, whole
 * again when something is.
 */
#include "engine_kit.h"

#include "engine/chunks.h"
#include "engine/index.h"
#include "engine/recover.h"

enum { ENTRIES = 400, SIZE = 90 };

static void fill(jayi_region *region) {
    for (uint64_t i = 0; i < ENTRIES; i++) assert_int_equal(kit_set(region, i, SIZE, 0), JAY_OK);
    for (uint64_t i = 0; i < ENTRIES; i += 5) assert_int_equal(kit_erase(region, i), JAY_OK);
    assert_int_equal(kit_set(region, 1000, region->region_bytes / 5, 0), JAY_OK);
}

static void require_filled(jayi_region *region) {
    assert_int_equal(kit_count(region, ENTRIES, SIZE), ENTRIES - ENTRIES / 5);
    assert_true(kit_has(region, 1000, region->region_bytes / 5));
}

/* Rebuilds as the next to take the lock would. */
static void damage_and_use(jayi_region *region) {
    jayi_poke(&region->shards[0].is_damaged, 1);
    assert_int_equal(kit_erase(region, 99999999), JAY_MISS);
}

static void a_rebuild_changes_nothing(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    jay_stats before = kit_stats(&region);
    damage_and_use(&region);
    jay_stats after = kit_stats(&region);
    assert_int_equal(after.items, before.items);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.resets, 0);
    assert_int_equal(jayi_peek(&region.header->recoveries), 1);
    kit_audit audit = kit_check(&region);
    assert_int_equal(audit.quick_blocks, 0);
    require_filled(&region);
    for (uint64_t i = 2000; i < 9000; i++) assert_int_equal(kit_set(&region, i, 60, 0), JAY_OK);
    kit_close(&region);
}

static void views_outlive_a_rebuild(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    jay_value linked, unlinked, big;
    assert_int_equal(kit_view(&region, 3, &linked), JAY_OK);
    assert_int_equal(kit_view(&region, 4, &unlinked), JAY_OK);
    assert_int_equal(kit_view(&region, 1000, &big), JAY_OK);
    assert_int_equal(kit_erase(&region, 4), JAY_OK);
    assert_int_equal(kit_erase(&region, 1000), JAY_OK);
    damage_and_use(&region);
    assert_int_equal(kit_check(&region).limbo, 2);
    unsigned char copy[SIZE];
    memcpy(copy, unlinked.data, SIZE);
    for (uint64_t i = 2000; i < 20000; i++) assert_int_equal(kit_set(&region, i, 200, 0), JAY_OK);
    assert_memory_equal(unlinked.data, copy, SIZE);
    assert_int_equal(big.size, region.region_bytes / 5);
    jayi_engine_release(&region, &linked);
    jayi_engine_release(&region, &unlinked);
    jayi_engine_release(&region, &big);
    damage_and_use(&region);
    assert_int_equal(kit_check(&region).limbo, 0);
    kit_close(&region);
}

/* What a process leaves that dies between a claim and its use. */
static void claimed_and_unused_chunks_come_back(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    uint32_t free_before = kit_check(&region).chunks[JAYI_CHUNK_FREE];
    assert_int_not_equal(jayi_chunk_claim(&region, JAYI_CHUNK_HEAP, 0), JAYI_NO_CHUNK);
    assert_int_not_equal(jayi_chunk_claim(&region, JAYI_CHUNK_INDEX, 0), JAYI_NO_CHUNK);
    assert_int_not_equal(jayi_chunk_claim(&region, JAYI_CHUNK_GHOSTS, 0), JAYI_NO_CHUNK);
    assert_int_not_equal(jayi_chunk_claim_run(&region, 4, 0), JAYI_NO_CHUNK);
    assert_int_not_equal(jayi_chunk_claim(&region, JAYI_CHUNK_RUN_MORE, 0), JAYI_NO_CHUNK);
    damage_and_use(&region);
    assert_int_equal(kit_check(&region).chunks[JAYI_CHUNK_FREE], free_before);
    require_filled(&region);
    kit_close(&region);
}

/* Everything that is made from the index is spoilt; the index is not. */
static void nothing_but_the_index_is_needed(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    jay_stats before = kit_stats(&region);
    jayi_shard *shard = &region.shards[0];
    memset(shard->queues, 0x5a, sizeof shard->queues);
    memset(shard->bins, 0x5a, sizeof shard->bins);
    memset(shard->bin_map, 0x5a, sizeof shard->bin_map);
    memset(shard->quick, 0x5a, sizeof shard->quick);
    memset(shard->ghost_chunks, 0x5a, sizeof shard->ghost_chunks);
    jayi_poke(&shard->item_count, UINT64_MAX / 3);
    jayi_poke(&shard->block_bytes, 1);
    shard->limbo = 77777;
    shard->heap_chunks = 0;
    shard->quick_count = 1u << 30;
    shard->keeps_chunks = 3;
    shard->seen_freed_epoch = 1;
    damage_and_use(&region);
    require_filled(&region);
    jay_stats after = kit_stats(&region);
    assert_int_equal(after.items, before.items);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.resets, 0);
    for (uint64_t i = 2000; i < 20000; i++) assert_int_equal(kit_set(&region, i, 60, 0), JAY_OK);
    kit_close(&region);
}

static void a_lost_directory_is_a_reset(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    jayi_poke(&region.directories[0], region.chunk_count + 5);
    for (int i = 0; i < 3; i++) (void)kit_set(&region, 5000, 10, 0);
    assert_int_equal(kit_stats(&region).resets, 1);
    assert_int_equal(kit_set(&region, 5000, 10, 0), JAY_OK);
    assert_int_equal(kit_count(&region, ENTRIES, SIZE), 0);
    assert_int_equal(kit_stats(&region).items, 1);
    kit_audit audit = kit_check(&region);
    assert_int_equal(audit.chunks[JAYI_CHUNK_RUN], 0);
    for (uint64_t i = 0; i < 9000; i++) assert_int_equal(kit_set(&region, i, 60, 0), JAY_OK);
    kit_close(&region);
}

/* Other shards go on as if nothing had happened. */
static void one_shard_is_reset_alone(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 128 * MIB, 0);
    assert_true(region.shard_count >= 4);
    for (uint64_t i = 0; i < 4000; i++) assert_int_equal(kit_set(&region, i, SIZE, 0), JAY_OK);
    uint64_t lost = jayi_peek(&region.shards[1].item_count);
    jayi_poke(&region.directories[region.directory_size], UINT32_MAX);
    for (uint64_t i = 4000; i < 4100; i++) (void)kit_set(&region, i, SIZE, 0);
    assert_int_equal(kit_stats(&region).resets, 1);
    assert_int_equal(kit_count(&region, 4000, SIZE), 4000 - lost);
    kit_close(&region);
}

/* Flips bytes of the index and the heap, rebuilds, and audits. Values may be damaged: not looked
 * at. */
static void random_damage_is_sorted_out(void **state) {
    (void)state;
    uint64_t random = 5;
    for (int round = 0; round < 300; round++) {
        jayi_region region;
        kit_open(&region, 256 * KIB, 0);
        for (uint64_t i = 0; i < 200; i++)
            assert_int_equal(kit_set(&region, i, i * 11 % 400, 0), JAY_OK);
        assert_int_equal(kit_set(&region, 500, 30000, 0), JAY_OK);
        unsigned char *from = (unsigned char *)(uintptr_t)region.directories;
        uint64_t bytes = region.region_bytes - (uint64_t)(from - region.base);
        for (int i = 0; i < 1 + round % 60; i++) {
            uint64_t next = unit_next(&random);
            /* Mostly in the first chunks, which are in use. */
            uint64_t at = next % (i % 2 == 0 ? bytes : 20000);
            from[at] = (unsigned char)(next >> 50);
        }
        damage_and_use(&region);
        jay_stats stats = kit_stats(&region);
        assert_true(stats.items <= 201);
        kit_audit audit = kit_check(&region);
        assert_int_equal(audit.entries, (uint64_t)stats.items);
        for (uint64_t i = 1000; i < 1500; i++) (void)kit_set(&region, i, 100, 0);
        kit_check(&region);
        jayi_engine_close_private(&region);
    }
}

/* The lock is a dead process's: the next takes it over, in a private region that of a parent. */
static void a_lock_of_the_dead_is_taken_over(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    fill(&region);
    const uint32_t words[] = {0x7ffff000u, JAYI_LOCK_WAITERS, 0xffffffffu, 1};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        atomic_store(&region.shards[0].lock, words[i]);
        assert_int_equal(kit_set(&region, 7, SIZE, 0), JAY_OK);
        assert_int_equal(jayi_peek(&region.header->recoveries), i + 1);
    }
    assert_int_equal(kit_stats(&region).resets, 0);
    kit_close(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rebuild_changes_nothing),
        cmocka_unit_test(views_outlive_a_rebuild),
        cmocka_unit_test(claimed_and_unused_chunks_come_back),
        cmocka_unit_test(nothing_but_the_index_is_needed),
        cmocka_unit_test(a_lost_directory_is_a_reset),
        cmocka_unit_test(one_shard_is_reset_alone),
        cmocka_unit_test(random_damage_is_sorted_out),
        cmocka_unit_test(a_lock_of_the_dead_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
