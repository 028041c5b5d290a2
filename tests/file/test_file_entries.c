/*
 * test_file_entries.c - files that are not what they should be: damaged, swapped, foreign, links.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backends/file/file_entry.h"
#include "file_kit.h"
#include "os/file_ops.h"

static jay_cache *cache;

static int open_cache(void **state) {
    (void)state;
    file_remove(file_path("c"));
    cache = file_must_open("c", "");
    return 0;
}

static int close_cache(void **state) {
    (void)state;
    return jay_close(cache);
}

static void set(const char *key, const char *value) {
    jay_error error = {.message = ""};
    if (jay_set(cache, key, strlen(key), value, strlen(value), 0, &error) != JAY_OK)
        fail_msg("%s", error.message);
}

static const char value[] = "a value that is long enough to be damaged somewhere";

/* Puts bytes in place of the only entry: it is a miss, is removed, and can be stored again. */
static void check_damage(const unsigned char *bytes, size_t size) {
    char path[700];
    snprintf(path, sizeof path, "%s", file_only_entry("c"));
    file_store(path, bytes, size);
    file_expect(cache, "key", NULL);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(file_items(cache, "c"), 0);
    set("key", value);
    file_expect(cache, "key", value);
}

static void every_damaged_byte_is_found(void **state) {
    (void)state;
    unsigned char bytes[1000];
    set("key", value);
    size_t size = file_load(file_only_entry("c"), bytes, sizeof bytes);
    assert_int_equal(size, JAYI_ENTRY_HEADER + 3 + sizeof value - 1);
    for (size_t at = 0; at < size; at++) {
        size_t now = file_load(file_only_entry("c"), bytes, sizeof bytes);
        assert_int_equal(now, size);
        bytes[at] ^= (unsigned char)(1 << at % 8);
        check_damage(bytes, size);
    }
}

static void every_truncated_file_is_found(void **state) {
    (void)state;
    unsigned char bytes[1000];
    set("key", value);
    size_t size = file_load(file_only_entry("c"), bytes, sizeof bytes);
    for (size_t shorter = 0; shorter < size; shorter++) {
        file_load(file_only_entry("c"), bytes, sizeof bytes);
        check_damage(bytes, shorter);
    }
}

/* The writers meet them, too, and do not mistake them for entries. */
static void damaged_entries_are_replaced_by_writers(void **state) {
    (void)state;
    int64_t number = 0;
    set("key", value);
    file_store(file_only_entry("c"), "x", 1);
    assert_int_equal(jay_delete_str(cache, "key"), JAY_MISS);
    assert_int_equal(file_items(cache, "c"), 0);
    set("key", value);
    file_store(file_only_entry("c"), "x", 1);
    assert_int_equal(jay_add_str(cache, "key", "added", 0), JAY_OK);
    file_expect(cache, "key", "added");
    file_store(file_only_entry("c"), "", 0);
    assert_int_equal(jay_inc_str(cache, "key", 5, &number), JAY_OK);
    assert_int_equal(number, 5);
    file_store(file_only_entry("c"), "", 0);
    assert_int_equal(jay_replace_str(cache, "key", "replaced", 0), JAY_MISS);
    assert_int_equal(jay_touch_str(cache, "key", 0), JAY_MISS);
    set("key", value);
    file_expect(cache, "key", value);
    assert_int_equal(file_items(cache, "c"), 1);
}

static void swapped_files_are_no_ones(void **state) {
    (void)state;
    char one[700];
    set("one", "1");
    snprintf(one, sizeof one, "%s", file_only_entry("c"));
    unsigned char bytes[200];
    size_t size = file_load(one, bytes, sizeof bytes);
    assert_int_equal(jay_delete_str(cache, "one"), JAY_OK);
    set("two", "2");
    file_store(file_only_entry("c"), bytes, size);
    file_expect(cache, "two", NULL);
    file_expect(cache, "one", NULL);
    assert_int_equal(file_items(cache, "c"), 0);
}

/* ---- what others have put there ---- */

static void leaf_of(const char *entry, char path[700]) {
    snprintf(path, 700, "%s", entry);
    *strrchr(path, '/') = '\0';
}

static void foreign_files_are_left_alone(void **state) {
    (void)state;
    char leaf[700], path[800];
    set("key", value);
    leaf_of(file_only_entry("c"), leaf);
    static const char *const names[] = {"README", ".hidden", "0123456789abcdef", "spare.old",
                                        "g123456789012345678901234567890"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", leaf, names[i]);
        file_store(path, "foreign", 7);
    }
    file_store(file_path("c/jaycache.note"), "foreign", 7);
    file_store(file_path("c/other"), "foreign", 7);
    assert_int_equal(file_items(cache, "c"), 1);
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    assert_int_equal(file_items(cache, "c"), 0);
    set("key", value);
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = file_must_open("c", "max_items=1");
    for (int i = 0; i < 600; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        set(key, "v");
    }
    assert_int_equal(file_items(cache, "c"), 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        unsigned char bytes[8];
        snprintf(path, sizeof path, "%s/%s", leaf, names[i]);
        assert_int_equal(file_load(path, bytes, sizeof bytes), 7);
    }
    assert_int_equal(access(file_path("c/other"), F_OK), 0);
}

/* What is not a file in place of an entry is not opened, not removed, and named. */
static void links_and_others_in_place_of_an_entry(void **state) {
    (void)state;
    char path[700];
    struct stat st;
    unsigned char bytes[600];
    set("key", value);
    snprintf(path, sizeof path, "%s", file_only_entry("c"));
    size_t size = file_load(path, bytes, sizeof bytes);
    file_store(file_path("outside"), bytes, size);
    for (int kind = 0; kind < 4; kind++) {
        remove(path);
        if (kind == 0) assert_int_equal(symlink(file_path("outside"), path), 0);
        if (kind == 1) assert_int_equal(mkdir(path, 0700), 0);
        if (kind == 2) assert_int_equal(mkfifo(path, 0600), 0);
        if (kind == 3) assert_int_equal(symlink("/nonexistent/target", path), 0);
        file_expect(cache, "key", NULL);
        jay_error error = {.message = ""};
        assert_int_equal(jay_set(cache, "key", 3, "new", 3, 0, &error), JAY_E_PERMISSION);
        assert_holds(error.message, "remove it");
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        assert_int_equal(lstat(path, &st), 0);
        unsigned char same[600];
        assert_int_equal(file_load(file_path("outside"), same, sizeof same), size);
        assert_memory_equal(same, bytes, size);
    }
    remove(path);
    set("key", value);
    file_expect(cache, "key", value);
}

/* Some of these are in the folder that is not ours: sets into that are refused. Returns how many
 * were stored. */
static int set_others(void) {
    int stored = 0;
    for (int i = 0; i < 40; i++) {
        char key[20];
        snprintf(key, sizeof key, "other%d", i);
        int status = jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL);
        if (status != JAY_E_PERMISSION) assert_int_equal(status, JAY_OK);
        stored += status == JAY_OK;
    }
    return stored;
}

static int count_one(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int *)arg;
    return 0;
}

static int count_shown(void) {
    int count = 0;
    assert_int_equal(jay_iterate(cache, count_one, &count, NULL), JAY_OK);
    return count;
}

/* All but the sets of that folder go on: misses, other folders, eviction, clear. */
static void a_link_or_file_in_place_of_a_folder(void **state) {
    (void)state;
    char folder[700], aside[720];
    snprintf(aside, sizeof aside, "%s", file_path("aside"));
    for (int kind = 0; kind < 4; kind++) {
        jay_error error = {.message = ""};
        set("key", value);
        leaf_of(file_only_entry("c"), folder);
        if (kind >= 2) *strrchr(folder, '/') = '\0'; /* the one above it */
        file_remove(aside);
        assert_int_equal(rename(folder, aside), 0);
        if (kind % 2 == 0) assert_int_equal(symlink(aside, folder), 0);
        if (kind % 2 == 1) file_store(folder, "x", 1);
        file_expect(cache, "key", NULL);
        assert_int_equal(jay_delete(cache, "key", 3, NULL), JAY_MISS);
        assert_int_equal(jay_set(cache, "key", 3, "new", 3, 0, &error), JAY_E_PERMISSION);
        assert_holds(error.message, "remove it");
        int others = set_others();
        assert_int_equal(count_shown(), others);
        jay_cache *limited = file_must_open("c", "max_items=5");
        set_others();
        assert_in_range(count_shown(), 1, 5);
        assert_int_equal(jay_close(limited), JAY_OK);
        limited = file_must_open("c", "max_items=0");
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        assert_int_equal(count_shown(), 0);
        assert_int_equal(unlink(folder), 0);
        assert_int_equal(jay_close(limited), JAY_OK);
    }
    file_remove(aside);
    set("key", "new");
    file_expect(cache, "key", "new");
}

/* The spare is written into: so it must be nobody else's. */
static void the_spare_is_never_someone_elses(void **state) {
    (void)state;
    char leaf[700], spare[720];
    set("key", value);
    set("key", value);
    leaf_of(file_only_entry("c"), leaf);
    snprintf(spare, sizeof spare, "%s/spare", leaf);
    static const char text[] = "must not change";
    file_store(file_path("victim"), text, sizeof text);
    for (int kind = 0; kind < 3; kind++) {
        assert_int_equal(remove(spare), 0);
        if (kind == 0) assert_int_equal(symlink(file_path("victim"), spare), 0);
        if (kind == 1) assert_int_equal(link(file_path("victim"), spare), 0);
        if (kind == 2) assert_int_equal(mkfifo(spare, 0600), 0);
        set("key", value);
        file_expect(cache, "key", value);
        char bytes[sizeof text];
        assert_int_equal(file_load(file_path("victim"), (unsigned char *)bytes, sizeof bytes),
                         sizeof text);
        assert_memory_equal(bytes, text, sizeof text);
        set("key", value); /* so that there is a spare again */
    }
}

/* A hard link to an entry keeps what it was. */
static void a_linked_entry_keeps_its_bytes(void **state) {
    (void)state;
    unsigned char before[600], after[600];
    set("key", value);
    size_t size = file_load(file_only_entry("c"), before, sizeof before);
    assert_int_equal(link(file_only_entry("c"), file_path("kept")), 0);
    for (int i = 0; i < 5; i++) set("key", "something else, again and again and again, here");
    assert_int_equal(file_load(file_path("kept"), after, sizeof after), size);
    assert_memory_equal(before, after, size);
}

static void remove_if_entry(void *arg, const char *path, const char *name) {
    (void)arg;
    if (jayi_name_is_entry(name)) assert_int_equal(unlink(path), 0);
}

/* ---- sizes ---- */

static void large_values_leave_no_spare(void **state) {
    (void)state;
    static char large[300000];
    jay_value view = JAY_VALUE_INIT;
    for (int i = 0; i < 4; i++) {
        memset(large, 'a' + i, sizeof large);
        assert_int_equal(jay_set(cache, "key", 3, large, sizeof large, 0, NULL), JAY_OK);
    }
    assert_int_equal(jay_get_str(cache, "key", &view), JAY_OK);
    assert_int_equal(view.size, sizeof large);
    assert_memory_equal(view.data, large, sizeof large);
    jay_value_release(&view);
    assert_int_equal(file_count("c").spares, 0);
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.bytes, 303104);
}

/* What the table says is what is there, whatever sizes come after each other. */
static void bytes_are_counted_right(void **state) {
    (void)state;
    static char bytes[200000];
    uint64_t random = 7;
    for (int i = 0; i < 400; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", (int)(unit_next(&random) % 10));
        size_t size = (size_t)(unit_next(&random) % (i % 3 == 0 ? sizeof bytes : 9000));
        if (unit_next(&random) % 5 == 0) {
            (void)jay_delete_str(cache, key);
        } else {
            assert_int_equal(jay_set(cache, key, strlen(key), bytes, size, 0, NULL), JAY_OK);
        }
    }
    jay_stats counted, found;
    assert_int_equal(jay_get_stats(cache, &counted, sizeof counted, NULL), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(unlink(file_path("c/jaycache.table")), 0);
    cache = file_must_open("c", "");
    assert_int_equal(jay_get_stats(cache, &found, sizeof found, NULL), JAY_OK);
    assert_int_equal(counted.items, found.items);
    assert_int_equal(counted.bytes, found.bytes);
}

/* ---- checking all of it ---- */

static jay_file_report check(int repairs) {
    jay_file_report report;
    jay_error error = {.message = ""};
    if (jay_file_check(cache, repairs, &report, sizeof report, &error) != JAY_OK)
        fail_msg("%s", error.message);
    return report;
}

static void a_check_finds_and_repairs(void **state) {
    (void)state;
    char key[16], leaf[700], path[800];
    set("damaged", value);
    char damaged[700];
    snprintf(damaged, sizeof damaged, "%s", file_only_entry("c"));
    leaf_of(damaged, leaf);
    snprintf(path, sizeof path, "%s/foreign", leaf);
    file_store(path, "foreign", 7);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "k%d", i);
        set(key, value);
    }
    jay_file_report report = check(0);
    assert_int_equal(report.entries, 51);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.foreign, 1);
    assert_int_equal(report.miscounted, 0);
    assert_int_equal(report.bytes, 51 * 4096);
    unsigned char bytes[500];
    size_t size = file_load(damaged, bytes, sizeof bytes);
    bytes[size - 1] ^= 1; /* of the value: only who reads all of it sees that */
    file_store(damaged, bytes, size);
    for (int round = 0; round < 2; round++) {
        report = check(round);
        assert_int_equal(report.entries, 50);
        assert_int_equal(report.damaged, 1);
        assert_int_equal(report.miscounted, 0);
    }
    report = check(0);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.entries, 50);
    assert_int_equal(file_items(cache, "c"), 50);
    file_expect(cache, "damaged", NULL);
    /* An entry that is removed by hand is still counted, until someone looks. */
    set("removed", value);
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = file_must_open("c", "");
    assert_int_equal(unlink(damaged), -1);
    assert_int_equal(file_count("c").entries, 51);
    file_visit("c", remove_if_entry, NULL);
    assert_int_equal(file_count("c").entries, 0);
    report = check(1);
    assert_true(report.miscounted > 0);
    assert_int_equal(report.entries, 0);
    assert_int_equal(file_items(cache, "c"), 0);
    assert_int_equal(check(0).miscounted, 0);
}

static void what_a_check_refuses(void **state) {
    (void)state;
    jay_file_report report;
    jay_error error = {.message = ""};
    jay_cache *memory = NULL;
    assert_int_equal(jay_file_check(NULL, 0, &report, sizeof report, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_file_check(cache, 0, NULL, sizeof report, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_file_check(cache, 0, &report, 3, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_open("memory:", NULL, &memory, NULL), JAY_OK);
    assert_int_equal(jay_file_check(memory, 0, &report, sizeof report, &error), JAY_E_UNSUPPORTED);
    assert_holds(error.message, "memory");
    assert_int_equal(jay_close(memory), JAY_OK);
}

/* ---- kernels and file systems that have less ---- */

static int no_exchange(int folder_fd, const char *one, const char *other) {
    (void)folder_fd, (void)one, (void)other;
    errno = EINVAL;
    return -1;
}

static int no_move(int from_fd, const char *from, int to_fd, const char *to) {
    (void)from_fd, (void)from, (void)to_fd, (void)to;
    errno = EINVAL;
    return -1;
}

/* As network file systems: entries are renamed over, and all is counted right. */
static void without_exchange(void **state) {
    jayi_file_ops kernel = jayi_files;
    jayi_files.exchange = no_exchange;
    jayi_files.move = no_move;
    bytes_are_counted_right(state);
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = file_must_open("c", "max_items=10");
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i % 50);
        set(key, value);
        file_expect(cache, key, value);
    }
    assert_int_equal(file_items(cache, "c"), 10);
    assert_int_equal(file_count("c").spares, 0);
    jayi_files = kernel;
}

static void without_openat2(void **state) {
    jayi_file_ops kernel = jayi_files;
    jayi_files.open = jayi_file_open_by_steps;
    links_and_others_in_place_of_an_entry(state);
    a_link_or_file_in_place_of_a_folder(state);
    jayi_files = kernel;
}

/* O_NOATIME is for the owner of a file only. */
static int no_quiet_open(int folder_fd, const char *path, int flags, uint32_t mode) {
    if ((flags & O_NOATIME) == 0) return jayi_file_open_by_steps(folder_fd, path, flags, mode);
    errno = EPERM;
    return -1;
}

static void without_quiet_reads(void **state) {
    jayi_file_ops kernel = jayi_files;
    jayi_files.open = no_quiet_open;
    damaged_entries_are_replaced_by_writers(state);
    jayi_files = kernel;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_cache, close_cache)
    const struct CMUnitTest tests[] = {
        TEST(every_damaged_byte_is_found),
        TEST(every_truncated_file_is_found),
        TEST(damaged_entries_are_replaced_by_writers),
        TEST(swapped_files_are_no_ones),
        TEST(foreign_files_are_left_alone),
        TEST(links_and_others_in_place_of_an_entry),
        TEST(a_link_or_file_in_place_of_a_folder),
        TEST(the_spare_is_never_someone_elses),
        TEST(a_linked_entry_keeps_its_bytes),
        TEST(large_values_leave_no_spare),
        TEST(bytes_are_counted_right),
        TEST(without_exchange),
        TEST(without_openat2),
        TEST(without_quiet_reads),
        TEST(a_check_finds_and_repairs),
        TEST(what_a_check_refuses),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
