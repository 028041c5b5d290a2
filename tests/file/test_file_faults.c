/*
 * test_file_faults.c - every system call fails once, at every position; and the process dies before
 * every one. Whatever happens, values are whole, counts are right afterwards, and the cache goes
 * on.
 */
#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file_deeds.h"
#include "file_faults.h"

/* ---- what is done meanwhile: to "a", which is "old", and "n", which is 7 ---- */

enum { FILLERS = 8 };
static const char options[] = "max_items=10&max_bytes=1m";

static int do_set_large(jay_cache *cache) {
    static char large[100000];
    return jay_set(cache, "l", 1, large, sizeof large, 0, &deed_error);
}

static int do_set_new(jay_cache *cache) {
    return jay_set(cache, "b", 1, "new", 3, 0, &deed_error);
}

static int do_get_expired(jay_cache *cache) {
    return jay_has(cache, "gone", 4, &deed_error) == JAY_MISS ? JAY_MISS : deed_error.code;
}

static int do_stats(jay_cache *cache) {
    jay_stats stats;
    return jay_get_stats(cache, &stats, sizeof stats, &deed_error);
}

static int do_open(jay_cache *cache) {
    (void)cache;
    return deed_open(options);
}

static deed *const deeds[] = {deed_set,   do_set_large, do_set_new,  deed_add, deed_replace,
                              deed_inc,   deed_touch,   deed_delete, deed_get, do_get_expired,
                              deed_clear, deed_iterate, do_stats,    do_open};

static void prepare(jay_cache *cache) {
    char key[8];
    file_remove(file_path("other"));
    jay_delete_str(cache, "b");
    jay_delete_str(cache, "l");
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

/* All is whole, counted right, and usable. */
static void check(jay_cache *cache) {
    deed_check_text(cache, "a", "old", "new");
    deed_check_text(cache, "b", "new", "new");
    deed_check_text(cache, "f1", "filler", "filler");
    deed_check_text(cache, "n", "7", "8");
    assert_true(file_items(cache, "c") <= 10);
    assert_int_equal(jay_set_str(cache, "a", "after", 0), JAY_OK);
    file_expect(cache, "a", "after");
    jay_stats stats;
    file_census census = file_count("c");
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.items, census.entries);
    assert_true(stats.items <= 10);
    assert_int_equal(census.others, 0);
}

/* Which positions of a deed are worth trying. The cache is as it is for the deed to come. */
static void learn(jay_cache *cache, deed *what) {
    prepare(cache);
    fault_begin(0, 0);
    what(cache);
    fault_end();
    fault_learn();
}

/* ---- tests ---- */

static void every_call_fails(void **state) {
    static const int codes[] = {EIO, EDQUOT, EROFS, EACCES, EMFILE};
    unsigned tried = 0;
    (void)state;
    jay_cache *cache = file_must_open("c", options);
    for (size_t d = 0; d < COUNT_OF(deeds); d++) {
        learn(cache, deeds[d]);
        for (int full = 0; full < 2; full++) { /* a full disk, and then one of the others each */
            fault_has_happened = true;
            int position = 1;
            for (; fault_has_happened && position < 5000; position++) {
                if (!fault_is_worth(position)) continue;
                prepare(cache);
                fault_begin(position, full == 0 ? ENOSPC : codes[tried++ % 5]);
                memset(&deed_error, 0, sizeof deed_error);
                int status = deeds[d](cache);
                fault_end();
                if (status < 0) deed_check_failure(status);
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
        jay_cache *cache = file_must_open("c", options);
        learn(cache, deeds[d]);
        for (int position = 1; ended == 0 && position < 5000; position++) {
            if (!fault_is_worth(position)) continue;
            prepare(cache);
            assert_int_equal(jay_close(cache), JAY_OK);
            death arg = {deeds[d], position};
            ended = shm_wait(shm_start(die_on_the_way, &arg));
            cache = file_must_open("c", options);
            check(cache);
            /* A directory that was being made is made by the next who comes. */
            assert_int_equal(jay_close(file_must_open("other", options)), JAY_OK);
        }
        assert_int_equal(ended, 2);
        assert_int_equal(jay_close(cache), JAY_OK);
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
    (void)arg;
    jay_cache *cache = deed_fill_disk(2000);
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
