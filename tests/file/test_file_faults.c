/*
 * test_file_faults.c - every system call fails once, at every position; and the process dies before
 * every one. Whatever happens, values are whole, counts are right afterwards, and the cache goes
 * on.
 */
#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file_faults.h"
#include "file_kit.h"

/* ---- what is done meanwhile: to "a", which is "old", and "n", which is 7 ---- */

enum { FILLERS = 8 };
static const char options[] = "max_items=10&max_bytes=1m";

static jay_error error;

static int do_set(jay_cache *cache) {
    return jay_set(cache, "a", 1, "new", 3, 0, &error);
}

static int do_set_large(jay_cache *cache) {
    static char large[100000];
    return jay_set(cache, "l", 1, large, sizeof large, 0, &error);
}

static int do_set_new(jay_cache *cache) {
    return jay_set(cache, "b", 1, "new", 3, 0, &error);
}

static int do_add(jay_cache *cache) {
    return jay_add(cache, "a", 1, "new", 3, 0, &error);
}

static int do_replace(jay_cache *cache) {
    return jay_replace(cache, "a", 1, "new", 3, 0, &error);
}

static int do_inc(jay_cache *cache) {
    int64_t number = 0;
    int status = jay_inc(cache, "n", 1, 1, 0, &number, &error);
    if (status == JAY_OK) assert_true(number == 8 || number == 1);
    return status;
}

static int do_touch(jay_cache *cache) {
    return jay_touch(cache, "a", 1, 1000000, &error);
}

static int do_delete(jay_cache *cache) {
    return jay_delete(cache, "a", 1, &error);
}

static int do_get(jay_cache *cache) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get(cache, "a", 1, &view, &error);
    if (status == JAY_OK) assert_string_equal(view.data, "old");
    jay_value_release(&view);
    return status;
}

static int do_get_expired(jay_cache *cache) {
    return jay_has(cache, "gone", 4, &error) == JAY_MISS ? JAY_MISS : error.code;
}

static int do_clear(jay_cache *cache) {
    return jay_clear(cache, &error);
}

static int count(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int *)arg;
    return 0;
}

static int do_iterate(jay_cache *cache) {
    int shown = 0;
    return jay_iterate(cache, count, &shown, &error);
}

static int do_stats(jay_cache *cache) {
    jay_stats stats;
    return jay_get_stats(cache, &stats, sizeof stats, &error);
}

static int do_open(jay_cache *cache) {
    jay_cache *other = NULL;
    (void)cache;
    int status = file_open_as("other", options, &other, &error);
    if (status == JAY_OK) status = jay_close(other);
    return status;
}

typedef int deed(jay_cache *cache);
static deed *const deeds[] = {do_set,   do_set_large, do_set_new, do_add, do_replace,
                              do_inc,   do_touch,     do_delete,  do_get, do_get_expired,
                              do_clear, do_iterate,   do_stats,   do_open};

static void prepare(jay_cache *cache) {
    char key[8];
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    assert_int_equal(jay_set_str(cache, "gone", "v", 1), JAY_OK);
    for (int i = 0; i < FILLERS - 1; i++) {
        snprintf(key, sizeof key, "f%d", i);
        assert_int_equal(jay_set_str(cache, key, "filler", 0), JAY_OK);
    }
    assert_int_equal(jay_set_str(cache, "a", "older", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "a", "old", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "n", "7", 0), JAY_OK);
    usleep(2000);
}

static void check_text(jay_cache *cache, const char *key, const char *one, const char *other) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get_str(cache, key, &view);
    assert_true(status == JAY_OK || status == JAY_MISS);
    if (status == JAY_OK && strcmp(view.data, one) != 0) assert_string_equal(view.data, other);
    jay_value_release(&view);
}

/* All is whole, counted right, and usable. */
static void check(jay_cache *cache) {
    check_text(cache, "a", "old", "new");
    check_text(cache, "b", "new", "new");
    check_text(cache, "f1", "filler", "filler");
    check_text(cache, "n", "7", "8");
    assert_true(file_items(cache, "c") <= 10);
    assert_int_equal(jay_set_str(cache, "a", "after", 0), JAY_OK);
    file_expect(cache, "a", "after");
    assert_true(file_items(cache, "c") <= 10);
    assert_int_equal(file_count("c").others, 0);
}

/* ---- tests ---- */

static void every_call_fails(void **state) {
    static const int codes[] = {EIO, EDQUOT, EROFS, EACCES, EMFILE};
    (void)state;
    jay_cache *cache = file_must_open("c", options);
    for (size_t d = 0; d < COUNT_OF(deeds); d++) {
        for (int full = 0; full < 2; full++) { /* a full disk, and then one of the others each */
            fault_has_happened = true;
            int position = 1;
            for (; fault_has_happened && position < 5000; position++) {
                prepare(cache);
                file_remove(file_path("other"));
                fault_begin(position, full == 0 ? ENOSPC : codes[position % 5]);
                memset(&error, 0, sizeof error);
                int status = deeds[d](cache);
                fault_end();
                if (status < 0) {
                    assert_int_equal(error.code, status);
                    assert_true(error.message[0] != '\0');
                    assert_true(status == JAY_E_IO || status == JAY_E_FULL ||
                                status == JAY_E_PERMISSION || status == JAY_E_MISMATCH ||
                                status == JAY_E_BUSY || status == JAY_E_CORRUPT);
                }
                check(cache);
            }
            assert_in_range(position, 2, 4999);
        }
    }
    assert_int_equal(jay_close(cache), JAY_OK);
}

typedef struct death {
    deed *deed;
    int position;
} death;

static void die_on_the_way(void *arg) {
    const death *d = arg;
    jay_cache *cache = NULL;
    CHILD_CHECK(file_open_as("c", options, &cache, NULL) == JAY_OK);
    fault_begin(d->position, 0);
    d->deed(cache);
    _exit(2);
}

static void the_process_dies_before_every_call(void **state) {
    (void)state;
    for (size_t d = 0; d < COUNT_OF(deeds); d++) {
        int ended = 0;
        for (int position = 1; ended == 0 && position < 5000; position++) {
            jay_cache *cache = file_must_open("c", options);
            prepare(cache);
            assert_int_equal(jay_close(cache), JAY_OK);
            file_remove(file_path("other"));
            death arg = {deeds[d], position};
            ended = shm_wait(shm_start(die_on_the_way, &arg));
            cache = file_must_open("c", options);
            check(cache);
            assert_int_equal(jay_close(cache), JAY_OK);
            /* A directory that was being made is made by the next who comes. */
            assert_int_equal(jay_close(file_must_open("other", options)), JAY_OK);
        }
        assert_int_equal(ended, 2);
    }
}

/* With sync=data the bytes are on the disk before their name leads to them, and the name before the
 * call returns. */
static void what_is_synced_comes_in_order(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("synced", "sync=data");
    for (int round = 0; round < 3; round++) {
        fault_begin(0, EIO);
        assert_int_equal(jay_set_str(cache, "k", "value", 0), JAY_OK);
        fault_end();
        const char *place = strpbrk(fault_trace, "rx");
        assert_non_null(place);
        assert_true(place - fault_trace >= 2 && place[-1] == 's' && place[-2] == 'w');
        assert_non_null(strchr(place, 's'));
    }
    fault_begin(0, EIO);
    assert_int_equal(jay_delete_str(cache, "k"), JAY_OK);
    fault_end();
    assert_non_null(strchr(strchr(fault_trace, 'u'), 's'));
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- a disk of 1 MiB ---- */

static void use_a_small_disk(void *arg) {
    static char bytes[20000];
    (void)arg;
    shm_child_own_mounts();
    CHILD_CHECK(mkdir(file_path("disk"), 0700) == 0);
    if (mount("none", file_path("disk"), "tmpfs", 0, "size=1m") != 0) _exit(SHM_SKIPPED);
    jay_cache *cache = NULL;
    CHILD_CHECK(file_open_as("disk/c", "", &cache, NULL) == JAY_OK);
    int stored = 0;
    for (int i = 0; i < 2000; i++) {
        char key[16];
        size_t size = (size_t)(i * 37 % (int)sizeof bytes);
        snprintf(key, sizeof key, "k%d", i % 300);
        memset(bytes, i, sizeof bytes);
        jay_error why;
        int status = jay_set(cache, key, strlen(key), bytes, size, 0, &why);
        CHILD_CHECK(status == JAY_OK || status == JAY_E_FULL);
        stored += status == JAY_OK;
        jay_value view = JAY_VALUE_INIT;
        int found = jay_get_str(cache, key, &view);
        CHILD_CHECK(found == (status == JAY_OK ? JAY_OK : found));
        if (status == JAY_OK) CHILD_CHECK(memcmp(view.data, bytes, size) == 0);
        jay_value_release(&view);
    }
    CHILD_CHECK(stored > 1900); /* a full disk evicts */
    jay_stats stats;
    int shown = 0;
    CHILD_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK);
    CHILD_CHECK(jay_iterate(cache, count, &shown, NULL) == JAY_OK);
    CHILD_CHECK(stats.items == shown && stats.evictions > 0);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
    umount(file_path("disk"));
}

static void a_full_disk_evicts(void **state) {
    (void)state;
    shm_in_child(use_a_small_disk, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_fails),
        cmocka_unit_test(the_process_dies_before_every_call),
        cmocka_unit_test(what_is_synced_comes_in_order),
        cmocka_unit_test(a_full_disk_evicts),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
