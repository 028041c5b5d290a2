/*
 * test_file_open.c - which directories are taken, what is made in them, and with which limits.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "file_kit.h"
#include "os/file_ops.h"

static void refused(const char *what, const char *options, int wanted, const char *words) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    assert_int_equal(file_open_as(what, options, &cache, &error), wanted);
    assert_null(cache);
    assert_holds(error.message, words);
}

static void close_it(jay_cache *cache) {
    assert_int_equal(jay_close(cache), JAY_OK);
}

static mode_t mode_of(const char *path) {
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* ---- directories ---- */

static void makes_the_directory_and_those_above(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("made/deep/er", "");
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    close_it(cache);
    assert_int_equal(mode_of(file_path("made/deep/er")), 0700);
}

static void entries_outlive_their_handles(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("live", "");
    assert_int_equal(jay_set_str(cache, "for ever", "one", 0), JAY_OK);
    assert_int_equal(jay_set_str(cache, "for long", "two", 1000000), JAY_OK);
    assert_int_equal(jay_set_str(cache, "for short", "three", 1), JAY_OK);
    close_it(cache);
    usleep(20000);
    cache = file_must_open("live", "");
    file_expect(cache, "for ever", "one");
    file_expect(cache, "for long", "two");
    file_expect(cache, "for short", NULL);
    assert_int_equal(file_items(cache, "live"), 2);
    close_it(cache);
}

static void a_directory_with_other_things_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkdir(file_path("foreign"), 0700), 0);
    file_store(file_path("foreign/letter.txt"), "dear", 4);
    refused("foreign", "", JAY_E_MISMATCH, "letter.txt");
    refused("foreign", "rebuild=yes", JAY_E_MISMATCH, "letter.txt");
    /* And nothing is left there. */
    DIR *folder = opendir(file_path("foreign"));
    int count = 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    assert_int_equal(count, 3);
}

static jayi_file_ops kernel;
static int starts[2]; /* a pipe */
static pid_t rival;

static void claim_when_told(void *arg) {
    (void)arg;
    char byte;
    jay_cache *cache;
    CHILD_CHECK(read(starts[0], &byte, 1) == 1);
    CHILD_CHECK(file_open_as("raced", "", &cache, NULL) == JAY_OK);
    CHILD_CHECK(jay_set_str(cache, "theirs", "v", 0) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

/* Another takes the directory right before we look at what is in it. */
static ssize_t list_late(int folder_fd, void *buffer, size_t size) {
    if (rival != 0) {
        assert_int_equal(write(starts[1], "x", 1), 1);
        assert_int_equal(shm_wait(rival), 0);
        rival = 0;
    }
    return kernel.list(folder_fd, buffer, size);
}

/* The folders that it has made are no reason to refuse it. */
static void a_directory_that_is_claimed_just_now(void **state) {
    (void)state;
    assert_int_equal(mkdir(file_path("raced"), 0700), 0);
    assert_int_equal(pipe2(starts, O_CLOEXEC), 0);
    rival = shm_start(claim_when_told, NULL);
    kernel = jayi_files;
    jayi_files.list = list_late;
    jay_cache *cache = file_must_open("raced", "");
    jayi_files = kernel;
    assert_int_equal(rival, 0);
    close(starts[0]);
    close(starts[1]);
    file_expect(cache, "theirs", "v");
    close_it(cache);
}

static void what_is_no_directory_is_refused(void **state) {
    (void)state;
    file_store(file_path("plain"), "x", 1);
    refused("plain", "", JAY_E_IO, "not a directory");
    refused("plain/below", "", JAY_E_IO, "directory");
    assert_int_equal(symlink("loop", file_path("loop")), 0);
    refused("loop", "", JAY_E_IO, "is the path right?");
}

static void a_directory_that_cannot_be_made(void *arg) {
    (void)arg;
    CHILD_CHECK(mkdir(file_path("locked"), 0500) == 0);
    CHILD_CHECK(chown(file_path("locked"), 65534, 65534) == 0);
    CHILD_CHECK(chmod(file_path(""), 0755) == 0);
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    CHILD_CHECK(file_open_as("locked/cache", "", &cache, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(strstr(error.message, "locked/cache") != NULL);
}

static void permission_is_asked_for(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    shm_in_child(a_directory_that_cannot_be_made, NULL);
}

static void urls(void **state) {
    (void)state;
    char url[700];
    jay_cache *cache = NULL;
    jay_error error;
    assert_int_equal(jay_open("file:", NULL, &cache, &error), JAY_E_URL);
    assert_int_equal(jay_open("file://host/path", NULL, &cache, &error), JAY_E_URL);
    snprintf(url, sizeof url, "file://%s", file_path("three"));
    assert_int_equal(jay_open(url, NULL, &cache, &error), JAY_OK);
    close_it(cache);
    refused("three", "layout=none", JAY_E_OPTION_VALUE, "layout");
    refused("three", "sync=all", JAY_E_OPTION_VALUE, "none or data");
    refused("three", "threshold=5", JAY_E_OPTION, "max_items");
}

static void a_relative_path_stays_where_it_was(void **state) {
    (void)state;
    char before[600];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(file_path("")), 0);
    jay_cache *cache = NULL;
    assert_int_equal(jay_open("file:relative?layout=files", NULL, &cache, NULL), JAY_OK);
    assert_int_equal(chdir("/"), 0);
    file_remove(file_path("relative"));
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    file_expect(cache, "k", "v");
    close_it(cache);
    assert_int_equal(file_count("relative").entries, 1);
    assert_int_equal(chdir(before), 0);
}

/* ---- modes ---- */

static void check_modes(const char *what, const char *option, mode_t of_files, mode_t of_folders) {
    jay_cache *cache = file_must_open(what, option);
    for (int i = 0; i < 3; i++) assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    char path[700];
    const char *entry = file_only_entry(what);
    assert_int_equal(mode_of(entry), of_files);
    snprintf(path, sizeof path, "%s", entry);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mode_of(path), of_folders);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mode_of(path), of_folders);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mode_of(path), of_folders);
    static const char *const own[] = {"dir", "lock", "table"};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        snprintf(path, sizeof path, "%s/jaycache.%s", file_path(what), own[i]);
        assert_int_equal(mode_of(path), of_files);
    }
    close_it(cache);
}

static void modes_hold_whatever_the_umask(void **state) {
    (void)state;
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < COUNT_OF(masks); i++) {
        mode_t before = umask(masks[i]);
        check_modes("mode", "", 0600, 0700);
        file_remove(file_path("mode"));
        check_modes("mode", "mode=0640", 0640, 0750);
        check_modes("mode", "", 0640, 0750); /* who gives none takes that of the directory */
        file_remove(file_path("mode"));
        check_modes("mode", "mode=0666", 0666, 0777);
        file_remove(file_path("mode"));
        umask(before);
    }
}

/* ---- the directory's own files ---- */

static void a_newer_format_is_refused(void **state) {
    (void)state;
    static const char marker[] = "jaycache directory, format 2\nlayout files\nseed 1\n";
    close_it(file_must_open("newer", ""));
    file_store(file_path("newer/jaycache.dir"), marker, sizeof marker - 1);
    refused("newer", "", JAY_E_VERSION, "upgrade");
    refused("newer", "rebuild=yes", JAY_E_VERSION, "upgrade");
}

static void a_damaged_marker_is_rebuilt_when_asked(void **state) {
    (void)state;
    static const char *const markers[] = {"",
                                          "x",
                                          "jaycache directory, format",
                                          "jaycache directory, format 1\nlayout files\n",
                                          "jaycache directory, format 1\nlayout x\nseed 1\n",
                                          "jaycache directory, format 1\nlayout files\nseed z\n"};
    jay_cache *cache = file_must_open("spoilt", "max_items=7");
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    close_it(cache);
    for (size_t i = 0; i < COUNT_OF(markers); i++) {
        file_store(file_path("spoilt/jaycache.dir"), markers[i], strlen(markers[i]));
        refused("spoilt", "", JAY_E_CORRUPT, "rebuild=yes");
        cache = file_must_open("spoilt", "rebuild=yes");
        file_expect(cache, "k", NULL); /* the names have another seed now */
        assert_int_equal(jay_set_str(cache, "new", "v", 0), JAY_OK);
        file_expect(cache, "new", "v");
        close_it(cache);
    }
}

static void a_lost_or_damaged_table_is_made_anew(void **state) {
    (void)state;
    unsigned char junk[20000];
    memset(junk, 0x77, sizeof junk);
    for (int round = 0; round < 4; round++) {
        jay_cache *cache = file_must_open("table", "max_items=50");
        char key[16];
        for (int i = 0; i < 40; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(jay_set_str(cache, key, "v", 0), JAY_OK);
        }
        assert_int_equal(file_items(cache, "table"), 40);
        close_it(cache);
        const char *path = file_path("table/jaycache.table");
        if (round == 0) assert_int_equal(unlink(path), 0);
        if (round == 1) assert_int_equal(truncate(path, 100), 0);
        if (round == 2) file_store(path, junk, sizeof junk);
        if (round == 3) { /* sound limits, and records that are not */
            size_t size = file_load(path, junk, sizeof junk);
            memset(junk + 64, 0xff, size - 64);
            file_store(path, junk, size);
        }
        cache = file_must_open("table", "max_items=50");
        assert_int_equal(file_items(cache, "table"), 40);
        for (int i = 100; i < 200; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(jay_set_str(cache, key, "v", 0), JAY_OK);
        }
        assert_int_equal(file_items(cache, "table"), 50);
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        close_it(cache);
    }
}

/* ---- limits ---- */

static jay_stats stats_of(jay_cache *cache) {
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    return stats;
}

static void limits_are_those_given_last(void **state) {
    (void)state;
    jay_cache *first = file_must_open("limits", "max_items=100&max_bytes=8m");
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(jay_set_str(first, key, "v", 0), JAY_OK);
    }
    jay_cache *second = file_must_open("limits", "");
    assert_int_equal(stats_of(second).max_items, 100);
    assert_int_equal(stats_of(second).max_bytes, 8 << 20);
    jay_cache *third = file_must_open("limits", "max_items=30");
    assert_int_equal(stats_of(first).max_items, 30);
    assert_int_equal(stats_of(first).max_bytes, 8 << 20);
    assert_int_equal(file_items(first, "limits"), 30);
    assert_int_equal(stats_of(first).evictions, 70);
    close_it(first);
    close_it(second);
    close_it(third);
    first = file_must_open("limits", "");
    assert_int_equal(stats_of(first).max_items, 30);
    close_it(first);
}

/* What was asked for lately stays: each round asks for one key and stores others. */
static void what_is_read_goes_round_again(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("second", "max_items=40");
    char key[16];
    assert_int_equal(jay_set_str(cache, "hot", "v", 0), JAY_OK);
    int kept = 0;
    for (int i = 0; i < 200; i++) {
        usleep(1000); /* file times have the kernel's ticks */
        jay_value view = JAY_VALUE_INIT;
        if (jay_get_str(cache, "hot", &view) == JAY_OK) {
            kept++;
        } else {
            assert_int_equal(jay_set_str(cache, "hot", "v", 0), JAY_OK);
        }
        jay_value_release(&view);
        snprintf(key, sizeof key, "cold%d", i);
        assert_int_equal(jay_set_str(cache, key, "v", 0), JAY_OK);
    }
    /* By chance alone it would be found in about 40 of 41 lookups between two evictions of it; a
     * file system without access times behaves like that. */
    assert_true(kept >= 150);
    close_it(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_directory_and_those_above),
        cmocka_unit_test(entries_outlive_their_handles),
        cmocka_unit_test(a_directory_with_other_things_is_refused),
        cmocka_unit_test(a_directory_that_is_claimed_just_now),
        cmocka_unit_test(what_is_no_directory_is_refused),
        cmocka_unit_test(permission_is_asked_for),
        cmocka_unit_test(urls),
        cmocka_unit_test(a_relative_path_stays_where_it_was),
        cmocka_unit_test(modes_hold_whatever_the_umask),
        cmocka_unit_test(a_newer_format_is_refused),
        cmocka_unit_test(a_damaged_marker_is_rebuilt_when_asked),
        cmocka_unit_test(a_lost_or_damaged_table_is_made_anew),
        cmocka_unit_test(limits_are_those_given_last),
        cmocka_unit_test(what_is_read_goes_round_again),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
