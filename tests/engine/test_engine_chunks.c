/*
 * test_engine_chunks.c - the chunk table: claims, runs, and giving back.
 */
#include "engine_kit.h"

#include "engine/chunks.h"

static void every_chunk_is_claimed_once(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    static bool is_claimed[1024];
    memset(is_claimed, 0, sizeof is_claimed);
    for (uint32_t i = 0; i < region.chunk_count; i++) {
        uint32_t chunk = jayi_chunk_claim(&region, JAYI_CHUNK_HEAP, 0);
        assert_true(chunk < region.chunk_count && !is_claimed[chunk]);
        is_claimed[chunk] = true;
        assert_true(jayi_chunk_is_of(&region, chunk, JAYI_CHUNK_HEAP, 0));
    }
    assert_int_equal(jayi_chunk_claim(&region, JAYI_CHUNK_HEAP, 0), JAYI_NO_CHUNK);
    jayi_engine_close_private(&region);
}

static void what_is_given_back_is_claimed_again(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 128 * KIB, 0);
    while (jayi_chunk_claim(&region, JAYI_CHUNK_INDEX, 0) != JAYI_NO_CHUNK) {}
    for (uint32_t chunk = 0; chunk < region.chunk_count; chunk++) {
        jayi_chunk_release(&region, chunk);
        assert_int_equal(jayi_chunk_claim(&region, JAYI_CHUNK_HEAP, 0), chunk);
    }
    jayi_engine_close_private(&region);
}

/* A hint from a damaged header leaves no chunk out. */
static void any_hint_will_do(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 128 * KIB, 0);
    const uint32_t hints[] = {0, 1, UINT32_MAX, UINT32_MAX - 5, region.chunk_count, 1u << 31};
    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        jayi_poke(&region.header->chunk_hint, hints[i]);
        uint32_t claimed = 0;
        while (jayi_chunk_claim(&region, JAYI_CHUNK_HEAP, 0) != JAYI_NO_CHUNK) {
            claimed++;
            jayi_poke(&region.header->chunk_hint, hints[i]);
        }
        assert_int_equal(claimed, region.chunk_count);
        for (uint32_t chunk = 0; chunk < claimed; chunk++) jayi_chunk_release(&region, chunk);
    }
    jayi_engine_close_private(&region);
}

static void a_shard_remembers_that_there_was_none(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 128 * KIB, 0);
    jayi_shard *shard = &region.shards[0];
    uint32_t last = JAYI_NO_CHUNK, chunk;
    while ((chunk = jayi_chunk_claim_for(&region, shard, JAYI_CHUNK_HEAP)) != JAYI_NO_CHUNK)
        last = chunk;
    assert_int_equal(jayi_chunk_claim_for(&region, shard, JAYI_CHUNK_HEAP), JAYI_NO_CHUNK);
    jayi_chunk_release(&region, last);
    assert_int_equal(jayi_chunk_claim_for(&region, shard, JAYI_CHUNK_HEAP), last);
    jayi_engine_close_private(&region);
}

static void runs_lie_in_a_row(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    uint32_t count = region.chunk_count;
    assert_int_equal(jayi_chunk_claim_run(&region, count + 1, 0), JAYI_NO_CHUNK);
    assert_int_equal(jayi_chunk_claim_run(&region, count, 0), 0);
    assert_true(jayi_chunk_is_of(&region, 0, JAYI_CHUNK_RUN, 0));
    for (uint32_t i = 1; i < count; i++)
        assert_true(jayi_chunk_is_of(&region, i, JAYI_CHUNK_RUN_MORE, 0));
    assert_int_equal(jayi_chunk_claim_run(&region, 1, 0), JAYI_NO_CHUNK);
    jayi_chunk_release_run(&region, 0, 0);
    assert_int_equal(kit_check(&region).chunks[JAYI_CHUNK_FREE], count);
    jayi_engine_close_private(&region);
}

/* Neighbouring runs of one shard end where the next begins. */
static void a_run_is_released_alone(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    uint32_t a = jayi_chunk_claim_run(&region, 3, 0);
    uint32_t b = jayi_chunk_claim_run(&region, 5, 0);
    uint32_t c = jayi_chunk_claim_run(&region, 2, 0);
    assert_true(a == 0 && b == 3 && c == 8);
    jayi_chunk_release_run(&region, b, 0);
    assert_true(jayi_chunk_is_of(&region, 2, JAYI_CHUNK_RUN_MORE, 0));
    assert_true(jayi_chunk_is_of(&region, 8, JAYI_CHUNK_RUN, 0));
    for (uint32_t i = 3; i < 8; i++) assert_int_equal(jayi_peek(&region.chunk_table[i]), 0);
    /* The gap takes a run of its size, and nothing longer. */
    assert_int_equal(jayi_chunk_claim_run(&region, 6, 0), 10);
    assert_int_equal(jayi_chunk_claim_run(&region, 5, 0), 3);
    jayi_engine_close_private(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_is_claimed_once),
        cmocka_unit_test(what_is_given_back_is_claimed_again),
        cmocka_unit_test(any_hint_will_do),
        cmocka_unit_test(a_shard_remembers_that_there_was_none),
        cmocka_unit_test(runs_lie_in_a_row),
        cmocka_unit_test(a_run_is_released_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
