/*
 * test_seg_faults.c - layout=segments: every system call fails once, at every position; and the
 * process dies before every one. Whatever happens, what is found afterwards is whole and no older
 * than what was last stored for good; also with a new index.
 */
#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file_deeds.h"
#include "file_faults.h"

/* Small segments, nearly full: many of the deeds begin a new one and reclaim an old one. */
static const char options[] = "layout=segments&max_bytes=128k&max_items=60";

enum { FILLERS = 45, FILLER_BYTES = 1700 };

static int do_set_large(jay_cache *cache) {
    static char large[30000];
    return jay_set(cache, "l", 1, large, sizeof large, 0, &deed_error);
}

static int do_set_many(jay_cache *cache) {
    static char bytes[1500];
    jay_pair pairs[12];
    char keys[12][8];
    int worst = JAY_OK, statuses[12];
    for (int i = 0; i < 12; i++) {
        snprintf(keys[i], sizeof keys[i], "m%d", i);
        pairs[i] = (jay_pair){{keys[i], strlen(keys[i])}, {bytes, sizeof bytes}, 0};
    }
    jay_set_many(cache, pairs, 12, statuses, &deed_error);
    for (int i = 0; i < 12; i++) worst = statuses[i] < 0 ? statuses[i] : worst;
    return worst < 0 ? deed_error.code : worst;
}

static int do_check(jay_cache *cache) {
    jay_file_report report;
    return jay_file_check(cache, 1, &report, sizeof report, &deed_error);
}

static int do_open(jay_cache *cache) {
    (void)cache;
    return deed_open(options);
}

static int do_reopen(jay_cache *cache) {
    jay_cache *other = NULL;
    (void)cache;
    int status = file_open_as("again", "layout=segments&max_bytes=1m", &other, &deed_error);
    if (status == JAY_OK) status = jay_close(other);
    return status;
}

/* What a deed may leave of "a". */
typedef struct plan {
    deed *deed;
    const char *after; /* when it succeeded; NULL: nothing */
} plan;

static const plan plans[] = {{deed_set, "new"}, {do_set_large, "old"}, {do_set_many, "old"},
                             {deed_add, "old"}, {deed_add_new, "old"}, {deed_replace, "new"},
                             {deed_inc, "old"}, {deed_touch, "old"},   {deed_delete, NULL},
                             {deed_get, "old"}, {deed_clear, NULL},    {deed_iterate, "old"},
                             {do_check, "old"}, {do_open, "old"},      {do_reopen, "old"}};

/* A position within a segment that differs from call to call. */
static void prepare(jay_cache *cache, int salt) {
    static char bytes[FILLER_BYTES];
    char key[8];
    for (int i = 0; i < FILLERS; i++) {
        snprintf(key, sizeof key, "f%d", i);
        assert_int_equal(
            jay_set(cache, key, strlen(key), bytes, (size_t)(FILLER_BYTES - salt % 64), 0, NULL),
            JAY_OK);
    }
    jay_delete_str(cache, "b");
    assert_int_equal(jay_set_str(cache, "a", "older", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "a", "old", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "n", "7", 0), JAY_OK);
}

static void check(jay_cache *cache, const plan *p, bool has_succeeded) {
    jay_stats stats;
    jay_file_report report;
    deed_check_text(cache, "a", p->after, has_succeeded ? p->after : "old");
    deed_check_text(cache, "b", "new", "new");
    deed_check_text(cache, "n", "7", "8");
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_true(stats.items <= 60);
    assert_true(stats.bytes <= 128 * 1024);
    assert_int_equal(jay_file_check(cache, 1, &report, sizeof report, NULL), JAY_OK);
}

static void drop_index(const char *what) {
    char path[600];
    snprintf(path, sizeof path, "%s/jaycache.index", file_path(what));
    (void)unlink(path);
}

static jay_cache *with_new_index(jay_cache *cache) {
    assert_int_equal(jay_close(cache), JAY_OK);
    drop_index("c");
    return file_must_open("c", options);
}

/* Whether a deed is about directories of its own. */
static bool is_opening(const plan *p) {
    return p->deed == do_open || p->deed == do_reopen;
}

static void before_each(const plan *p) {
    if (!is_opening(p)) return;
    file_remove(file_path("other"));
    file_remove(file_path("again"));
    jay_cache *cache = file_must_open("again", "layout=segments&max_bytes=1m");
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
    drop_index("again");
}

/* Which positions of a deed are worth trying. */
static void learn(const plan *p) {
    jay_cache *cache = file_must_open("c", options);
    before_each(p);
    prepare(cache, 0);
    fault_begin(0, 0);
    p->deed(cache);
    fault_end();
    fault_learn();
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- tests ---- */

static void every_call_fails(void **state) {
    static const int codes[] = {EIO, EDQUOT, EROFS, EACCES, EMFILE, ENOSPC};
    unsigned tried = 0;
    (void)state;
    for (size_t d = 0; d < COUNT_OF(plans); d++) {
        int position = 1;
        learn(&plans[d]);
        fault_has_happened = true;
        for (; fault_has_happened && position < 2000; position++) {
            if (!fault_is_worth(position)) continue;
            jay_cache *cache = file_must_open("c", options);
            before_each(&plans[d]);
            prepare(cache, position);
            fault_begin(position, codes[tried++ % 6]);
            memset(&deed_error, 0, sizeof deed_error);
            int status = plans[d].deed(cache);
            fault_end();
            if (status < 0) deed_check_failure(status);
            check(cache, &plans[d], status >= 0);
            if (position % 2 == 0) {
                cache = with_new_index(cache);
                check(cache, &plans[d], status >= 0);
            }
            assert_int_equal(jay_set_str(cache, "a", "after", 0), JAY_OK);
            file_expect(cache, "a", "after");
            assert_int_equal(jay_close(cache), JAY_OK);
        }
        assert_in_range(position, 2, 1999);
    }
}

typedef struct death {
    const plan *plan;
    int position;
} death;

static void die_on_the_way(void *arg) {
    const death *d = arg;
    jay_cache *cache = NULL;
    CHILD_CHECK(file_open_as("c", options, &cache, NULL) == JAY_OK);
    fault_begin(d->position, 0);
    d->plan->deed(cache);
    _exit(2);
}

static void the_process_dies_before_every_call(void **state) {
    (void)state;
    for (size_t d = 0; d < COUNT_OF(plans); d++) {
        int ended = 0;
        learn(&plans[d]);
        for (int position = 1; ended == 0 && position < 2000; position++) {
            if (!fault_is_worth(position)) continue;
            jay_cache *cache = file_must_open("c", options);
            before_each(&plans[d]);
            prepare(cache, position);
            death arg = {&plans[d], position};
            /* Half of the time someone else is there all along. */
            bool is_alone = position % 2 == 0;
            if (is_alone) assert_int_equal(jay_close(cache), JAY_OK);
            ended = shm_wait(shm_start(die_on_the_way, &arg));
            if (is_alone) cache = file_must_open("c", options);
            check(cache, &plans[d], ended == 2);
            cache = with_new_index(cache);
            check(cache, &plans[d], ended == 2);
            assert_int_equal(jay_set_str(cache, "a", "after", 0), JAY_OK);
            file_expect(cache, "a", "after");
            assert_int_equal(jay_close(cache), JAY_OK);
            if (!is_opening(&plans[d])) continue;
            /* A directory that was being made is made by the next who comes. */
            assert_int_equal(jay_close(file_must_open("other", options)), JAY_OK);
            cache = file_must_open("again", "");
            file_expect(cache, "k", "v");
            assert_int_equal(jay_close(cache), JAY_OK);
        }
        assert_int_equal(ended, 2);
    }
}

/* With sync=data a record is on the disk before the index names it, and what it names when the call
 * returns. */
static void what_is_synced_comes_in_order(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("synced", "layout=segments&sync=data");
    for (int round = 0; round < 3; round++) {
        fault_begin(0, EIO);
        assert_int_equal(jay_set_str(cache, "k", "value", 0), JAY_OK);
        fault_end();
        assert_string_equal(fault_trace, round == 0 ? "wss" : "ws"); /* its name, once */
    }
    fault_begin(0, EIO);
    assert_int_equal(jay_add_str(cache, "added", "value", 0), JAY_OK);
    fault_end();
    assert_string_equal(fault_trace, "wsws");
    fault_begin(0, EIO);
    assert_int_equal(jay_delete_str(cache, "k"), JAY_OK);
    fault_end();
    assert_string_equal(fault_trace, "ws");
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- a disk of 1 MiB ---- */

static void use_a_small_disk(void *arg) {
    (void)arg;
    jay_cache *cache = deed_fill_disk(3000);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
    drop_index("disk/c");
    CHILD_CHECK(file_open_as("disk/c", "", &cache, NULL) == JAY_OK);
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
    file_layout = "auto";
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
