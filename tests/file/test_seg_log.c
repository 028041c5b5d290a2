/*
 * test_seg_log.c - layout=segments: what a new index finds in the log, and what reclaiming keeps.
 *
 * A reboot is the index removed while nobody uses it: it is not believed after one anyway.
 */
#include <unistd.h>

#include "file_kit.h"
#include "os/file_ops.h"

static const char small[] = "layout=segments&max_bytes=1m";

static void reboot(const char *what) {
    char path[600];
    snprintf(path, sizeof path, "%s/jaycache.index", file_path(what));
    assert_int_equal(unlink(path), 0);
}

/* Closes a cache, and opens it with a new index. */
static jay_cache *rebooted(jay_cache *cache, const char *what, const char *options) {
    assert_int_equal(jay_close(cache), JAY_OK);
    reboot(what);
    return file_must_open(what, options);
}

static jay_stats stats_of(jay_cache *cache) {
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    return stats;
}

static void set_numbered(jay_cache *cache, const char *kind, int number, size_t size) {
    static char value[300000];
    char key[32];
    snprintf(key, sizeof key, "%s%d", kind, number);
    memset(value, 'a' + number % 26, size);
    snprintf(value, sizeof value, "%d", number);
    assert_int_equal(jay_set(cache, key, strlen(key), value, size, 0, NULL), JAY_OK);
}

static bool has_numbered(jay_cache *cache, const char *kind, int number) {
    char key[32], text[32];
    jay_value view = JAY_VALUE_INIT;
    snprintf(key, sizeof key, "%s%d", kind, number);
    snprintf(text, sizeof text, "%d", number);
    int status = jay_get_str(cache, key, &view);
    assert_true(status == JAY_OK || status == JAY_MISS);
    if (status == JAY_OK) assert_string_equal(view.data, text);
    jay_value_release(&view);
    return status == JAY_OK;
}

/* ---- after a reboot ---- */

static void entries_outlive_a_reboot(void **state) {
    (void)state;
    int64_t number, ttl_ms;
    jay_value view = JAY_VALUE_INIT;
    jay_cache *cache = file_must_open("outlive", small);
    assert_int_equal(jay_set_str(cache, "a", "old", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "a", "new", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "empty", "", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "timed", "t", 100000), JAY_OK);
    assert_int_equal(jay_set_str(cache, "brief", "b", 1), JAY_OK);
    assert_int_equal(jay_add_str(cache, "added", "1", 0), JAY_OK);
    assert_int_equal(jay_add_str(cache, "a", "refused", 0), JAY_EXISTS);
    assert_int_equal(jay_replace(cache, "none", 4, "x", 1, 0, NULL), JAY_MISS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(jay_inc(cache, "n", 1, 1, 0, &number, NULL), JAY_OK);
    assert_int_equal(jay_get_str(cache, "a", &view), JAY_OK);
    uint64_t version = view.version;
    jay_value_release(&view);
    usleep(2000);
    cache = rebooted(cache, "outlive", small);
    file_expect(cache, "a", "new");
    file_expect(cache, "empty", "");
    file_expect(cache, "timed", "t");
    file_expect(cache, "brief", NULL);
    file_expect(cache, "added", "1");
    file_expect(cache, "none", NULL);
    file_expect(cache, "n", "5");
    assert_int_equal(jay_ttl(cache, "timed", 5, &ttl_ms, NULL), JAY_OK);
    assert_in_range(ttl_ms, 1000, 100000);
    /* Versions go on: one from before still is that of the same value. */
    assert_int_equal(jay_cas(cache, "a", 1, "cas", 3, 0, version, NULL), JAY_OK);
    assert_int_equal(jay_cas(cache, "a", 1, "no", 2, 0, version, NULL), JAY_CHANGED);
    cache = rebooted(cache, "outlive", small);
    file_expect(cache, "a", "cas");
    assert_int_equal(stats_of(cache).items, 5);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void what_is_gone_stays_gone(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("gone", small);
    for (int i = 0; i < 100; i++) set_numbered(cache, "k", i, 100);
    for (int i = 0; i < 100; i += 2) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(jay_delete_str(cache, key), JAY_OK);
    }
    assert_int_equal(jay_touch(cache, "k1", 2, 1, NULL), JAY_OK);
    assert_int_equal(jay_touch(cache, "k3", 2, 50000, NULL), JAY_OK);
    assert_int_equal(jay_touch(cache, "k5", 2, -1, NULL), JAY_OK);
    usleep(2000);
    cache = rebooted(cache, "gone", small);
    for (int i = 0; i < 100; i++)
        assert_int_equal(has_numbered(cache, "k", i), i % 2 == 1 && i != 1 && i != 5);
    int64_t ttl_ms = 0;
    assert_int_equal(jay_ttl(cache, "k3", 2, &ttl_ms, NULL), JAY_OK);
    assert_in_range(ttl_ms, 1000, 50000);
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    assert_int_equal(jay_set_str(cache, "after", "1", 0), JAY_OK);
    cache = rebooted(cache, "gone", small);
    assert_int_equal(stats_of(cache).items, 1);
    file_expect(cache, "after", "1");
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* The index gives entries up when there are too many; their records are still in the log. */
static void what_was_evicted_can_be_deleted(void **state) {
    static const char options[] = "layout=segments&max_bytes=1m&max_items=10";
    static const char prefixed[] = "layout=segments&max_bytes=1m&max_items=10&prefix=p:";
    (void)state;
    jay_cache *cache = file_must_open("evicted", options);
    for (int i = 0; i < 30; i++) set_numbered(cache, "k", i, 100);
    for (int i = 0; i < 30; i++) set_numbered(cache, "p:", i, 100);
    assert_int_equal(stats_of(cache).items, 10);
    for (int i = 0; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        int status = jay_delete_str(cache, key);
        assert_true(status == JAY_OK || status == JAY_MISS);
    }
    jay_cache *others = file_must_open("evicted", prefixed);
    assert_int_equal(jay_clear(others, NULL), JAY_OK);
    assert_int_equal(jay_close(others), JAY_OK);
    assert_int_equal(jay_set_str(cache, "p:new", "1", 0), JAY_OK);
    cache = rebooted(cache, "evicted", options);
    for (int i = 0; i < 30; i++) {
        assert_false(has_numbered(cache, "k", i));
        assert_false(has_numbered(cache, "p:", i));
    }
    file_expect(cache, "p:new", "1");
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- reclaiming ---- */

static void old_entries_make_room(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("room", small);
    for (int i = 0; i < 5000; i++) {
        set_numbered(cache, "k", i, 900);
        if (i % 50 == 0) assert_true(stats_of(cache).bytes <= 1 << 20);
        if (i >= 20) assert_true(has_numbered(cache, "k", i - 20));
        if (i > 0) assert_true(has_numbered(cache, "k", 0)); /* asked for all the time: stays */
    }
    jay_stats stats = stats_of(cache);
    assert_true(stats.items > 400 && stats.items < 1000);
    assert_true(stats.evictions > 3500);
    int64_t items = stats.items;
    cache = rebooted(cache, "room", small);
    /* The new segment that is begun then takes the room of others. */
    assert_in_range(stats_of(cache).items, items - 40, items);
    assert_true(has_numbered(cache, "k", 0));
    assert_true(has_numbered(cache, "k", 4999));
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* Overwriting the same few entries must not drive out others that nobody happens to ask for. */
static void waste_makes_room_before_entries(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("waste", small);
    for (int i = 0; i < 200; i++) set_numbered(cache, "cold", i, 900);
    for (int i = 0; i < 20000; i++) set_numbered(cache, "hot", i % 10, 900);
    for (int i = 0; i < 200; i++) assert_true(has_numbered(cache, "cold", i));
    assert_int_equal(stats_of(cache).evictions, 0);
    assert_true(stats_of(cache).bytes <= 1 << 20);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void large_values_fit(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("large", small);
    jay_error error;
    static char huge[1 << 20];
    for (int i = 0; i < 60; i++) {
        set_numbered(cache, "l", i, i % 2 == 0 ? 250000 : 3000);
        assert_true(has_numbered(cache, "l", i));
        assert_true(stats_of(cache).bytes <= 1 << 20);
    }
    assert_int_equal(jay_set(cache, "x", 1, huge, 300000, 0, &error), JAY_E_TOO_BIG);
    assert_true(stats_of(cache).items >= 4);
    cache = rebooted(cache, "large", small);
    assert_true(has_numbered(cache, "l", 59) && has_numbered(cache, "l", 58));
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- limits ---- */

static void limits_change_in_use(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("limits", small);
    for (int i = 0; i < 500; i++) set_numbered(cache, "k", i, 500);
    jay_cache *other = file_must_open("limits", "max_items=100");
    assert_true(stats_of(cache).items <= 100);
    assert_int_equal(stats_of(cache).max_items, 100);
    set_numbered(cache, "k", 501, 500);
    assert_true(has_numbered(other, "k", 501));
    assert_true(stats_of(other).items <= 100);
    jay_cache *third = file_must_open("limits", "max_items=0&max_bytes=64k");
    assert_true(stats_of(third).bytes <= 65536);
    for (int i = 0; i < 1000; i++) set_numbered(i % 2 ? cache : other, "k", i, 100);
    assert_true(stats_of(cache).bytes <= 65536);
    assert_true(has_numbered(third, "k", 999));
    assert_int_equal(jay_close(third), JAY_OK);
    assert_int_equal(jay_close(other), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void the_index_grows(void **state) {
    const int count = getenv("JAY_TEST_LONG") != NULL ? 1000000 : 60000;
    (void)state;
    jay_cache *cache = file_must_open("grows", "layout=segments&max_bytes=1g");
    for (int i = 0; i < count; i++) set_numbered(cache, "k", i, 20);
    assert_int_equal(stats_of(cache).items, count);
    assert_int_equal(stats_of(cache).evictions, 0);
    for (int i = 0; i < count; i += 97) assert_true(has_numbered(cache, "k", i));
    cache = rebooted(cache, "grows", "");
    assert_int_equal(stats_of(cache).items, count);
    for (int i = 0; i < count; i += 97) assert_true(has_numbered(cache, "k", i));
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- a writer who is late ---- */

static jayi_file_ops kernel;
static shm_gate gate;
static pid_t others;
static const char late[] = "layout=segments&max_bytes=8m";

/* Other processes go on for some segments: so the one that is being written to is closed. */
static void go_on(void *arg) {
    static char bytes[30000];
    jay_cache *cache = NULL;
    const char *what = arg;
    CHILD_CHECK(file_open_as(what, late, &cache, NULL) == JAY_OK);
    shm_gate_wait(&gate);
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof key, "f%d", i);
        CHILD_CHECK(jay_set(cache, key, strlen(key), bytes, sizeof bytes, 0, NULL) == JAY_OK);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static ssize_t write_late(int fd, const struct iovec *parts, int count, uint64_t at) {
    jayi_files = kernel;
    shm_gate_open(&gate);
    assert_int_equal(shm_wait(others), 0);
    return kernel.write_at(fd, parts, count, at);
}

/* What a call writes next, it writes when others have closed the segment. */
static void be_late(const char *what) {
    shm_gate_make(&gate);
    others = shm_start(go_on, (void *)(uintptr_t)what);
    kernel = jayi_files;
    jayi_files.write_at = write_late;
}

/* The footer of a segment knows nothing of a record that comes later: without another one, the old
 * value would be back. */
static void who_writes_late_writes_again(void **state) {
    (void)state;
    int64_t number;
    const jay_pair pairs[] = {{{"a", 1}, {"new", 3}, 0}, {{"b", 1}, {"new", 3}, 0}};
    static const char *const names[] = {"late0", "late1", "late2", "late3", "late4"};
    for (int i = 0; i < 5; i++) {
        jay_cache *cache = file_must_open(names[i], late);
        assert_int_equal(jay_set_str(cache, "a", i == 3 ? "7" : "old", 0), JAY_OK);
        be_late(names[i]);
        if (i == 0) assert_int_equal(jay_set_str(cache, "a", "new", 0), JAY_OK);
        if (i == 1) assert_int_equal(jay_set_many(cache, pairs, 2, NULL, NULL), JAY_OK);
        if (i == 2) assert_int_equal(jay_delete_str(cache, "a"), JAY_OK);
        if (i == 3) assert_int_equal(jay_inc(cache, "a", 1, 1, 0, &number, NULL), JAY_OK);
        if (i == 4) assert_int_equal(jay_replace(cache, "a", 1, "new", 3, 0, NULL), JAY_OK);
        assert_true(jayi_files.write_at == kernel.write_at);
        for (int round = 0; round < 2; round++) {
            file_expect(cache, "a", i == 2 ? NULL : i == 3 ? "8" : "new");
            if (i == 1) file_expect(cache, "b", "new");
            cache = rebooted(cache, names[i], late);
        }
        assert_int_equal(jay_close(cache), JAY_OK);
    }
}

/* ---- layouts ---- */

static void a_directory_keeps_its_layout(void **state) {
    (void)state;
    jay_cache *cache = NULL;
    jay_error error;
    assert_int_equal(jay_close(file_must_open("by_files", "layout=files")), JAY_OK);
    assert_int_equal(jay_close(file_must_open("by_segments", "")), JAY_OK);
    assert_int_equal(access(file_path("by_files/jaycache.index"), F_OK), -1);
    assert_int_equal(access(file_path("by_segments/jaycache.index"), F_OK), 0);
    assert_int_equal(file_open_as("by_files", "layout=segments", &cache, &error), JAY_E_MISMATCH);
    assert_int_equal(file_open_as("by_segments", "layout=files", &cache, &error), JAY_E_MISMATCH);
    assert_non_null(strstr(error.message, "layout=segments"));
    cache = file_must_open("by_files", "layout=auto");
    jay_cache *other = NULL;
    assert_int_equal(file_open_as("by_files", "layout=segments", &other, &error), JAY_E_MISMATCH);
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(file_open_as("x", "layout=other", &cache, &error), JAY_E_OPTION_VALUE);
}

static void batches_are_in_order(void **state) {
    enum { COUNT = 700 };
    (void)state;
    jay_pair pairs[COUNT];
    static char keys[COUNT][16], values[COUNT][2000];
    int statuses[COUNT];
    jay_cache *cache = file_must_open("batches", small);
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i % 150); /* each several times: the last counts */
        snprintf(values[i], sizeof values[i], "%d", i);
        pairs[i] = (jay_pair){{keys[i], strlen(keys[i])}, {values[i], (size_t)(i % 1990) + 5}, 0};
    }
    assert_int_equal(jay_set_many(cache, pairs, COUNT, statuses, NULL), JAY_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = COUNT - 100; i < COUNT; i++) file_expect(cache, keys[i], values[i]);
        if (round == 0) cache = rebooted(cache, "batches", small);
    }
    assert_int_equal(jay_close(cache), JAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_outlive_a_reboot),
        cmocka_unit_test(what_is_gone_stays_gone),
        cmocka_unit_test(what_was_evicted_can_be_deleted),
        cmocka_unit_test(old_entries_make_room),
        cmocka_unit_test(waste_makes_room_before_entries),
        cmocka_unit_test(large_values_fit),
        cmocka_unit_test(limits_change_in_use),
        cmocka_unit_test(the_index_grows),
        cmocka_unit_test(who_writes_late_writes_again),
        cmocka_unit_test(a_directory_keeps_its_layout),
        cmocka_unit_test(batches_are_in_order),
    };
    file_layout = "auto";
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
