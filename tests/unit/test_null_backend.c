/*
 * test_null_backend.c - null: succeeds at writing, never finds anything, and asks for no memory.
 */
#include "unit.h"

#include "backends/null/null_backend.h"
#include "counting_memory.h"

static counting_memory memory;
static jay_cache *cache;
static jay_error error;
static int64_t calls_to_open;

static int set_up(void **state) {
    (void)state;
    jay_options *options = NULL;
    memset(&memory, 0, sizeof memory);
    jay_allocator allocator = counting_allocator(&memory);
    if (jay_options_create(&allocator, &options) != JAY_OK) return -1;
    int status = jay_open("null:", options, &cache, &error);
    jay_options_destroy(options);
    calls_to_open = memory.calls;
    unit_unset(&error);
    return status;
}

/* No test gets an error, or costs an allocation (but for batches), and nothing is left. */
static int tear_down(void **state) {
    (void)state;
    int is_clean = unit_is_unset(&error) && memory.calls == calls_to_open;
    int status = jay_close(cache);
    return status != JAY_OK || !is_clean || memory.live_blocks != 0 || memory.misuses != 0;
}

static void writes_succeed_and_nothing_is_found(void **state) {
    (void)state;
    jay_value view = JAY_VALUE_INIT;
    char buffer[8] = "as is";
    size_t size = 5;
    int64_t number = 5;
    assert_int_equal(jay_set(cache, "k", 1, "v", 1, 0, &error), JAY_OK);
    assert_int_equal(jay_set_int(cache, "k", 1, 17, JAY_TTL_DEFAULT, &error), JAY_OK);
    assert_int_equal(jay_set(cache, "k", 1, "v", 1, -1, &error), JAY_OK);
    assert_int_equal(jay_get(cache, "k", 1, &view, &error), JAY_MISS);
    assert_int_equal(jay_get_into(cache, "k", 1, buffer, 8, &size, &error), JAY_MISS);
    assert_int_equal(jay_get_int(cache, "k", 1, &number, &error), JAY_MISS);
    assert_int_equal(jay_has(cache, "k", 1, &error), JAY_MISS);
    assert_int_equal(jay_ttl(cache, "k", 1, &number, &error), JAY_MISS);
    assert_null(view.data);
    assert_string_equal(buffer, "as is");
    assert_int_equal(size, 5);
    assert_int_equal(number, 5);
}

static void each_mode_answers_as_for_an_empty_cache(void **state) {
    (void)state;
    assert_int_equal(jay_add(cache, "k", 1, "v", 1, 0, &error), JAY_OK);
    assert_int_equal(jay_add(cache, "k", 1, "v", 1, 0, &error), JAY_OK);
    assert_int_equal(jay_replace(cache, "k", 1, "v", 1, 0, &error), JAY_MISS);
    assert_int_equal(jay_cas(cache, "k", 1, "v", 1, 0, 1, &error), JAY_MISS);
    assert_int_equal(jay_touch(cache, "k", 1, 0, &error), JAY_MISS);
    assert_int_equal(jay_delete(cache, "k", 1, &error), JAY_OK);
    assert_int_equal(jay_clear(cache, &error), JAY_OK);
}

/* Whether a replacement lives long makes no difference to whether there was anything to replace. */
static void expired_writes_answer_alike(void **state) {
    (void)state;
    assert_int_equal(jay_add(cache, "k", 1, "v", 1, -1, &error), JAY_OK);
    assert_int_equal(jay_cas(cache, "k", 1, "v", 1, -1, 1, &error), JAY_MISS);
    assert_int_equal(jay_touch(cache, "k", 1, -1, &error), JAY_MISS);
    assert_int_equal(jay_replace(cache, "k", 1, "v", 1, -1, &error), JAY_MISS);
}

static void counters_start_at_nothing_each_time(void **state) {
    (void)state;
    int64_t number = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jay_inc(cache, "k", 1, 5, 0, &number, &error), JAY_OK);
        assert_int_equal(number, 5);
        assert_int_equal(jay_dec(cache, "k", 1, 5, 0, &number, &error), JAY_OK);
        assert_true(number == -5);
        assert_int_equal(jay_inc(cache, "k", 1, INT64_MIN, -1, &number, &error), JAY_OK);
        assert_true(number == INT64_MIN);
        assert_int_equal(jay_inc(cache, "k", 1, 1, 0, NULL, &error), JAY_OK);
    }
}

static void batches_answer_for_each_key(void **state) {
    (void)state;
    const jay_bytes keys[] = {{"a", 1}, {"", 0}, {"a", 1}};
    const jay_pair pairs[] = {{{"a", 1}, {"v", 1}, 0}, {{"b", 1}, {NULL, 0}, -1}};
    jay_value views[3];
    int statuses[3] = {99, 99, 99};
    assert_int_equal(jay_set_many(cache, pairs, 2, statuses, &error), JAY_OK);
    assert_int_equal(statuses[0], JAY_OK);
    assert_int_equal(statuses[1], JAY_OK);
    assert_int_equal(jay_get_many(cache, keys, 3, views, statuses, &error), JAY_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(statuses[i], JAY_MISS);
        assert_null(views[i].data);
    }
    assert_int_equal(jay_delete_many(cache, keys, 3, statuses, &error), JAY_OK);
    assert_int_equal(statuses[0], JAY_OK);
    assert_int_equal(statuses[1], JAY_MISS);
    calls_to_open = memory.calls; /* the core may need memory for a batch, whatever the backend */
}

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int *)arg;
    return 0;
}

static void there_is_nothing_to_see(void **state) {
    (void)state;
    int entries = 0;
    jay_stats stats;
    jay_set_str(cache, "k", "v", 0);
    assert_int_equal(jay_iterate(cache, count_entry, &entries, &error), JAY_OK);
    assert_int_equal(entries, 0);
    assert_int_equal(jay_has_str(cache, "k"), JAY_MISS);
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, &error), JAY_OK);
    assert_int_equal(stats.sets, 1);
    assert_int_equal(stats.items, 0);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.evictions, 0);
    assert_int_equal(stats.pinned, 0);
    assert_int_equal(stats.errors, 0);
}

static void it_says_that_it_stores_nothing(void **state) {
    (void)state;
    assert_true((jayi_null_backend.flags & JAY_BACKEND_STORES_NOTHING) != 0);
    assert_string_equal(jay_cache_scheme(cache), "null");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(writes_succeed_and_nothing_is_found), TEST(each_mode_answers_as_for_an_empty_cache),
        TEST(expired_writes_answer_alike),         TEST(counters_start_at_nothing_each_time),
        TEST(batches_answer_for_each_key),         TEST(there_is_nothing_to_see),
        TEST(it_says_that_it_stores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
