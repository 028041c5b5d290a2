/*
 * test_shm_open.c - opening shm: what is there already, what is in the way, what the options say.
 */
#include "shm_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/layout.h"

static void put(jay_cache *cache, const char *key, const char *value) {
    assert_int_equal(jay_set_str(cache, key, value, JAY_TTL_FOREVER), JAY_OK);
}

static void require(jay_cache *cache, const char *key, const char *wanted) {
    jay_value value;
    assert_int_equal(jay_get_str(cache, key, &value), JAY_OK);
    assert_string_equal(value.data, wanted);
    jay_value_release(&value);
}

/* Opening must fail with this status and a message that names these. */
static void refuse(const char *what, const char *options, int status, const char *piece,
                   const char *other_piece) {
    jay_cache *cache = NULL;
    jay_error error;
    unit_unset(&error);
    assert_int_equal(shm_open_as(what, options, &cache, &error), status);
    assert_int_equal(error.code, status);
    assert_holds(error.message, piece);
    assert_holds(error.message, other_piece);
    assert_null(cache);
}

/* ---- handles ---- */

static void two_handles_share_entries(void **state) {
    (void)state;
    jay_cache *a = shm_must_open("two", "max_bytes=1m"), *b = shm_must_open("two", "");
    put(a, "key", "by a");
    require(b, "key", "by a");
    put(b, "key", "by b");
    require(a, "key", "by b");
    jay_value held;
    assert_int_equal(jay_get_str(b, "key", &held), JAY_OK);
    assert_int_equal(jay_close(a), JAY_OK);
    assert_string_equal(held.data, "by b");
    jay_value_release(&held);
    require(b, "key", "by b");
    assert_int_equal(jay_close(b), JAY_OK);
    jay_cache *c = shm_must_open("two", "");
    require(c, "key", "by b");
    assert_int_equal(jay_close(c), JAY_OK);
}

static void other_names_are_other_caches(void **state) {
    (void)state;
    jay_cache *a = shm_must_open("one", "max_bytes=1m"),
              *b = shm_must_open("other", "max_bytes=1m");
    put(a, "key", "in one");
    assert_int_equal(jay_has_str(b, "key"), JAY_MISS);
    assert_int_equal(jay_close(a), JAY_OK);
    assert_int_equal(jay_close(b), JAY_OK);
}

static void names_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {"shm:",          "shm:.hidden", "shm:a/b",
                                      "shm:a.lock",    "shm:a.new",   "shm:%2e%2e",
                                      "shm:caf%C3%A9", "shm:/a",      "shm://host/a"};
    jay_cache *cache = NULL;
    jay_error error;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(jay_open(bad[i], NULL, &cache, &error), JAY_E_URL);
        assert_holds(error.message, "shm:");
    }
    char url[200] = "shm:";
    snprintf(url + 4, 101, "%s%0100d", shm_name("long-"), 0);
    snprintf(url + 4 + 100, sizeof url - 104, "x?max_bytes=1m");
    assert_int_equal(jay_open(url, NULL, &cache, &error), JAY_E_URL);
}

/* ---- options of a region that is there ---- */

static void a_mismatch_names_both_values(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("mismatch", "max_bytes=1m&max_items=100");
    refuse("mismatch", "max_bytes=2m", JAY_E_MISMATCH, "1048576", "2097152");
    refuse("mismatch", "max_items=7", JAY_E_MISMATCH, "max_items=100", "7");
    jay_cache *same = shm_must_open("mismatch", "max_items=100&max_bytes=1m");
    jay_cache *none = shm_must_open("mismatch", "");
    jay_stats stats;
    assert_int_equal(jay_get_stats(none, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.max_bytes, 1 << 20);
    assert_int_equal(stats.max_items, 100);
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(jay_close(same), JAY_OK);
    assert_int_equal(jay_close(none), JAY_OK);
    /* The same without any process there. */
    refuse("mismatch", "max_bytes=2m", JAY_E_MISMATCH, "1048576", "2097152");
    refuse("mismatch", "max_items=7", JAY_E_MISMATCH, "max_items=100", "7");
}

static void a_mismatch_is_rebuilt_when_asked(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("rebuilt", "max_bytes=1m");
    put(cache, "key", "old");
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = shm_must_open("rebuilt", "max_bytes=1m&rebuild=yes");
    require(cache, "key", "old"); /* nothing was wrong */
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = shm_must_open("rebuilt", "max_bytes=2m&rebuild=yes");
    assert_int_equal(jay_has_str(cache, "key"), JAY_MISS);
    assert_int_equal(jay_close(cache), JAY_OK);
    struct stat st;
    assert_int_equal(stat(shm_path("rebuilt", ""), &st), 0);
    assert_int_equal(st.st_size, 2 << 20);
}

static void rebuild_in_child(void *arg) {
    jay_cache *cache = NULL;
    shm_gate_wait(arg);
    CHILD_CHECK(shm_open_as("beside", "max_bytes=2m&rebuild=yes", &cache, NULL) == JAY_OK);
    CHILD_CHECK(jay_set_str(cache, "new", "entry", JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

/* Who has the old region open keeps it; a handle opened later is one of the new region. */
static void rebuilding_beside_a_user(void **state) {
    (void)state;
    shm_gate gate;
    shm_gate_make(&gate);
    pid_t child = shm_start(rebuild_in_child, &gate); /* it does not inherit our handle */
    jay_cache *old_cache = shm_must_open("beside", "max_bytes=1m");
    put(old_cache, "old", "entry");
    shm_gate_open(&gate);
    assert_int_equal(shm_wait(child), 0);
    require(old_cache, "old", "entry");
    jay_cache *new_cache = shm_must_open("beside", "");
    jay_stats stats;
    assert_int_equal(jay_get_stats(new_cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.max_bytes, 2 << 20);
    require(new_cache, "new", "entry");
    put(old_cache, "old", "again");
    assert_int_equal(jay_close(old_cache), JAY_OK);
    put(new_cache, "new", "again");
    assert_int_equal(jay_close(new_cache), JAY_OK);
}

/* The same by a process that has the old region open itself. */
static void rebuilding_what_is_in_use_here(void **state) {
    (void)state;
    jay_cache *old_cache = shm_must_open("here", "max_bytes=1m");
    put(old_cache, "key", "old");
    jay_cache *new_cache = shm_must_open("here", "max_bytes=2m&rebuild=yes");
    assert_int_equal(jay_has_str(new_cache, "key"), JAY_MISS);
    put(new_cache, "key", "new");
    require(old_cache, "key", "old");
    jay_cache *third = shm_must_open("here", "");
    require(third, "key", "new");
    assert_int_equal(jay_close(old_cache), JAY_OK);
    assert_int_equal(jay_close(new_cache), JAY_OK);
    assert_int_equal(jay_close(third), JAY_OK);
}

/* ---- files that are no regions ---- */

static void make_file(const char *path, size_t size, const void *begin, size_t begin_size) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)size), 0);
    assert_int_equal(pwrite(fd, begin, begin_size, 0), begin_size);
    assert_int_equal(close(fd), 0);
}

static void require_rebuildable(const char *what, const char *options) {
    char text[100];
    snprintf(text, sizeof text, "%s&rebuild=yes", options);
    jay_cache *cache = shm_must_open(what, text);
    put(cache, "key", "value");
    require(cache, "key", "value");
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void foreign_files_are_refused(void **state) {
    (void)state;
    static const size_t sizes[] = {0 + 1, 100, 65535, 65536, 1 << 20};
    static unsigned char junk[4096];
    for (size_t i = 0; i < sizeof junk; i++) junk[i] = (unsigned char)(i * 7 + 3);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        make_file(shm_path("foreign", ""), sizes[i], junk, sizes[i] < 4096 ? sizes[i] : 4096);
        refuse("foreign", "max_bytes=1m", JAY_E_CORRUPT, "", "");
        refuse("foreign", "", JAY_E_CORRUPT, "rebuild=yes", "");
        require_rebuildable("foreign", "max_bytes=1m");
        assert_int_equal(jay_shm_remove(shm_name("foreign"), NULL), JAY_OK);
    }
}

static void truncated_regions_are_refused(void **state) {
    (void)state;
    static const off_t sizes[] = {0, 1, 4096, 65536, (1 << 20) - 4096, (1 << 20) - 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        jay_cache *cache = shm_must_open("short", "max_bytes=1m");
        assert_int_equal(jay_close(cache), JAY_OK);
        assert_int_equal(truncate(shm_path("short", ""), sizes[i]), 0);
        refuse("short", "", JAY_E_CORRUPT, "rebuild=yes", "");
        /* Made longer again it has a hole, which could become a SIGBUS. */
        assert_int_equal(truncate(shm_path("short", ""), 1 << 20), 0);
        if (sizes[i] + 4096 <= 1 << 20) refuse("short", "", JAY_E_CORRUPT, "rebuild=yes", "");
        require_rebuildable("short", "max_bytes=1m");
        assert_int_equal(jay_shm_remove(shm_name("short"), NULL), JAY_OK);
    }
}

static void holes_are_refused(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("holes", "max_bytes=1m");
    assert_int_equal(jay_close(cache), JAY_OK);
    int fd = open(shm_path("holes", ""), O_RDWR);
    assert_true(fd >= 0);
    int punched = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 512 << 10, 64 << 10);
    assert_int_equal(punched, 0);
    assert_int_equal(close(fd), 0);
    refuse("holes", "", JAY_E_CORRUPT, "rebuild=yes", "");
    require_rebuildable("holes", "max_bytes=1m");
}

static void change_header(const char *what, size_t offset, uint32_t number) {
    int fd = open(shm_path(what, ""), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &number, sizeof number, (off_t)offset), sizeof number);
    assert_int_equal(close(fd), 0);
}

static void other_formats_are_refused(void **state) {
    (void)state;
    static const uint32_t formats[] = {0, JAYI_FORMAT + 1, 77777};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        char number[16], own[16];
        jay_cache *cache = shm_must_open("format", "max_bytes=1m");
        assert_int_equal(jay_close(cache), JAY_OK);
        change_header("format", offsetof(jayi_header, format), formats[i]);
        snprintf(number, sizeof number, "%u", formats[i]);
        snprintf(own, sizeof own, "%u", JAYI_FORMAT);
        refuse("format", "", JAY_E_VERSION, number, own);
        require_rebuildable("format", "max_bytes=1m");
        assert_int_equal(jay_shm_remove(shm_name("format"), NULL), JAY_OK);
    }
}

static void damaged_headers_are_refused(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("damaged", "max_bytes=1m");
    assert_int_equal(jay_close(cache), JAY_OK);
    change_header("damaged", offsetof(jayi_header, shard_count), 64);
    refuse("damaged", "", JAY_E_CORRUPT, "rebuild=yes", "");
    require_rebuildable("damaged", "max_bytes=1m");
}

/* ---- what is in the way ---- */

static void links_are_not_followed(void **state) {
    (void)state;
    static const char *const suffixes[] = {"", ".lock"};
    const char *aim = shm_path("aim", "");
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        jay_cache *cache = NULL;
        jay_error error;
        const char *path = shm_path("linked", suffixes[i]);
        make_file(aim, 100, "precious", 8);
        assert_int_equal(symlink(aim, path), 0);
        int status = shm_open_as("linked", "max_bytes=1m", &cache, &error);
        assert_true(status == JAY_E_IO || status == JAY_E_PERMISSION);
        assert_holds(error.message, path);
        struct stat st;
        assert_int_equal(stat(aim, &st), 0);
        assert_int_equal(st.st_size, 100);
        assert_int_equal(unlink(path), 0);
        /* A link that leads nowhere does not make a file there. */
        assert_int_equal(unlink(aim), 0);
        assert_int_equal(symlink(aim, path), 0);
        status = shm_open_as("linked", "max_bytes=1m", &cache, &error);
        assert_true(status == JAY_E_IO || status == JAY_E_PERMISSION);
        assert_int_equal(stat(aim, &st), -1);
        assert_int_equal(unlink(path), 0);
        shm_clean(NULL);
    }
}

static void other_kinds_of_files_are_refused(void **state) {
    (void)state;
    static const char *const suffixes[] = {"", ".lock"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        const char *path = shm_path("kinds", suffixes[i]);
        jay_cache *cache = NULL;
        jay_error error;
        assert_int_equal(mkfifo(path, 0600), 0);
        refuse("kinds", "max_bytes=1m", JAY_E_PERMISSION, path, "regular");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(shm_open_as("kinds", "max_bytes=1m", &cache, &error), JAY_E_IO);
        assert_holds(error.message, path);
        assert_int_equal(rmdir(path), 0);
        shm_clean(NULL);
    }
}

static void other_owners_are_refused(void **state) {
    (void)state;
    static const char *const suffixes[] = {"", ".lock"};
    if (geteuid() != 0) skip();
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        jay_cache *cache = shm_must_open("owner", "max_bytes=1m&mode=0660");
        assert_int_equal(jay_close(cache), JAY_OK);
        assert_int_equal(chown(shm_path("owner", suffixes[i]), 12345, 12345), 0);
        refuse("owner", "", JAY_E_PERMISSION, "12345", "mode=");
        refuse("owner", "mode=0600", JAY_E_PERMISSION, "12345", "mode=");
        refuse("owner", "rebuild=yes", JAY_E_PERMISSION, "12345", "mode=");
        cache = shm_must_open("owner", "mode=0660");
        assert_int_equal(jay_close(cache), JAY_OK);
        shm_clean(NULL);
    }
}

static void require_mode(const char *what, mode_t mode) {
    static const char *const suffixes[] = {"", ".lock"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        struct stat st;
        assert_int_equal(stat(shm_path(what, suffixes[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, mode);
    }
}

static void the_mode_counts_and_not_the_umask(void **state) {
    (void)state;
    mode_t before = umask(0);
    jay_cache *cache = shm_must_open("mode-a", "max_bytes=1m");
    assert_int_equal(jay_close(cache), JAY_OK);
    require_mode("mode-a", 0600);
    umask(0777);
    cache = shm_must_open("mode-b", "max_bytes=1m&mode=0666");
    assert_int_equal(jay_close(cache), JAY_OK);
    require_mode("mode-b", 0666);
    umask(022);
    cache = shm_must_open("mode-c", "max_bytes=1m&mode=0660");
    assert_int_equal(jay_close(cache), JAY_OK);
    require_mode("mode-c", 0660);
    umask(before);
}

static void what_a_dead_maker_left_is_swept_away(void **state) {
    (void)state;
    make_file(shm_path("left", ".new"), 5000, "half", 4);
    jay_cache *cache = shm_must_open("left", "max_bytes=1m");
    put(cache, "key", "value");
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(access(shm_path("left", ".new"), F_OK), -1);
}

static void bounds_of_options(void **state) {
    (void)state;
    static const char *const bad[] = {
        "max_bytes=63k", "max_bytes=33g", "max_processes=0", "max_processes=4096",
        "mode=0777",     "mode=0400",     "max_bytes=64k",   "max_bytes=1m&max_processes=4095",
        "max_items=-1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) refuse("bounds", bad[i], JAY_E_OPTION_VALUE, "", "");
    assert_int_equal(access(shm_path("bounds", ""), F_OK), -1);
    assert_int_equal(access(shm_path("bounds", ".lock"), F_OK), -1);
}

/* What a message says is enough is enough, and the least. */
static void too_small_bounds_are_told_how_much_is_enough(void **state) {
    (void)state;
    static const char *const bad[] = {"max_bytes=64k", "max_bytes=1m&max_processes=4095"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        jay_cache *cache = NULL;
        jay_error error;
        assert_int_equal(shm_open_as("enough", bad[i], &cache, &error), JAY_E_OPTION_VALUE);
        const char *least = strstr(error.message, "give at least ");
        assert_non_null(least);
        long kib = strtol(least + strlen("give at least "), NULL, 10);
        for (int less = 0; less <= 64; less += 64) {
            char options[80];
            snprintf(options, sizeof options, "max_bytes=%ldk%s", kib - less,
                     bad[i] + strcspn(bad[i], "&"));
            int status = shm_open_as("enough", options, &cache, NULL);
            assert_int_equal(status, less == 0 ? JAY_OK : JAY_E_OPTION_VALUE);
            if (status == JAY_OK) assert_int_equal(jay_close(cache), JAY_OK);
            (void)jay_shm_remove(shm_name("enough"), NULL);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_handles_share_entries),
        cmocka_unit_test(other_names_are_other_caches),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_mismatch_names_both_values),
        cmocka_unit_test(a_mismatch_is_rebuilt_when_asked),
        cmocka_unit_test(rebuilding_beside_a_user),
        cmocka_unit_test(rebuilding_what_is_in_use_here),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(truncated_regions_are_refused),
        cmocka_unit_test(holes_are_refused),
        cmocka_unit_test(other_formats_are_refused),
        cmocka_unit_test(damaged_headers_are_refused),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(other_kinds_of_files_are_refused),
        cmocka_unit_test(other_owners_are_refused),
        cmocka_unit_test(the_mode_counts_and_not_the_umask),
        cmocka_unit_test(what_a_dead_maker_left_is_swept_away),
        cmocka_unit_test(bounds_of_options),
        cmocka_unit_test(too_small_bounds_are_told_how_much_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, shm_clean);
}
