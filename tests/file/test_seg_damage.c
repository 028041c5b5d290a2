/*
 * test_seg_damage.c - layout=segments: files that are damaged, exchanged, linked, foreign or gone;
 * modes; and other processes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_kit.h"

static const char small[] = "layout=segments&max_bytes=1m";

enum { FILES_MAX = 200, FILE_BYTES = 1 << 16 };

/* The paths of a cache's segments, the oldest first. */
typedef struct segment_list {
    int count;
    char paths[FILES_MAX][600];
} segment_list;

static int compare_paths(const void *a, const void *b) {
    return strcmp(a, b);
}

static void list_segments(const char *what, segment_list *list) {
    list->count = 0;
    DIR *directory = opendir(file_path(what));
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, "jaycache.s", 10) != 0 || list->count == FILES_MAX) continue;
        snprintf(list->paths[list->count++], sizeof list->paths[0], "%.300s/%.250s",
                 file_path(what), entry->d_name);
    }
    closedir(directory);
    qsort(list->paths, (size_t)list->count, sizeof list->paths[0], compare_paths);
}

static void drop_index(const char *what) {
    char path[600];
    snprintf(path, sizeof path, "%s/jaycache.index", file_path(what));
    assert_int_equal(unlink(path), 0);
}

static void fill(jay_cache *cache, int from, int count) {
    char key[16], value[500];
    memset(value, 'v', sizeof value);
    for (int i = from; i < from + count; i++) {
        snprintf(key, sizeof key, "k%d", i);
        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL), JAY_OK);
    }
}

/* How many are found; each found one has to be right. */
static int found(jay_cache *cache, int from, int count) {
    char key[16], value[16];
    int hits = 0;
    for (int i = from; i < from + count; i++) {
        jay_value view = JAY_VALUE_INIT;
        snprintf(key, sizeof key, "k%d", i);
        snprintf(value, sizeof value, "%d", i);
        int status = jay_get_str(cache, key, &view);
        assert_true(status == JAY_OK || status == JAY_MISS);
        if (status == JAY_OK) {
            assert_int_equal(view.size, 500);
            assert_string_equal(view.data, value);
            hits++;
        }
        jay_value_release(&view);
    }
    return hits;
}

/* ---- damage ---- */

static void change_bytes(const char *path, unsigned seed, int count) {
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    for (int i = 0; i < count; i++) {
        unsigned char byte = 0;
        seed = seed * 1103515245u + 12345u;
        off_t at = (off_t)(seed >> 4) % st.st_size;
        assert_true(pread(fd, &byte, 1, at) >= 0);
        byte ^= (unsigned char)(1u << (seed % 8));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void damaged_bytes_are_misses(void **state) {
    (void)state;
    segment_list list;
    for (int round = 0; round < 40; round++) {
        jay_cache *cache = file_must_open("damaged", small);
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        fill(cache, 0, 300);
        list_segments("damaged", &list);
        for (int i = 0; i < list.count; i++)
            change_bytes(list.paths[i], (unsigned)(round * 1000 + i), round);
        int hits = found(cache, 0, 300);
        assert_true(round > 0 ? hits <= 300 : hits == 300);
        if (round % 2 == 0) {
            assert_int_equal(jay_close(cache), JAY_OK);
            drop_index("damaged");
            cache = file_must_open("damaged", small);
            assert_true(found(cache, 0, 300) <= 300);
        }
        fill(cache, 0, 300);
        assert_int_equal(found(cache, 0, 300), 300);
        assert_int_equal(jay_close(cache), JAY_OK);
    }
}

typedef void spoiler(const char *path, const char *other);

static void cut(const char *path, const char *other) {
    (void)other;
    assert_int_equal(truncate(path, 5000), 0);
}

static void cut_to_nothing(const char *path, const char *other) {
    (void)other;
    assert_int_equal(truncate(path, 0), 0);
}

static void exchange(const char *path, const char *other) {
    char aside[700];
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(rename(aside, other), 0);
}

static void copy_over(const char *path, const char *other) {
    static unsigned char bytes[FILE_BYTES];
    size_t size = file_load(other, bytes, sizeof bytes);
    file_store(path, bytes, size);
}

static void make_link(const char *path, const char *other) {
    (void)other;
    char name[700];
    snprintf(name, sizeof name, "%s.link", path);
    unlink(name);
    assert_int_equal(rename(path, name), 0);
    assert_int_equal(symlink(name, path), 0);
}

static void link_twice(const char *path, const char *other) {
    (void)other;
    char name[700];
    snprintf(name, sizeof name, "%s.second", path);
    unlink(name);
    assert_int_equal(link(path, name), 0);
}

static void make_folder(const char *path, const char *other) {
    (void)other;
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_fifo(const char *path, const char *other) {
    (void)other;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void take_away(const char *path, const char *other) {
    (void)other;
    assert_int_equal(unlink(path), 0);
}

static void spoilt_files_are_misses(void **state) {
    static spoiler *const spoilers[] = {cut,        cut_to_nothing, exchange,  copy_over, make_link,
                                        link_twice, make_folder,    make_fifo, take_away};
    (void)state;
    segment_list list;
    for (size_t s = 0; s < COUNT_OF(spoilers); s++) {
        for (int is_open = 0; is_open < 2; is_open++) {
            file_remove(file_path("spoilt"));
            jay_cache *cache = file_must_open("spoilt", small);
            fill(cache, 0, 200);
            if (!is_open) assert_int_equal(jay_close(cache), JAY_OK);
            list_segments("spoilt", &list);
            assert_true(list.count > 4);
            spoilers[s](list.paths[1], list.paths[2]);
            spoilers[s](list.paths[list.count - 1], list.paths[list.count - 2]);
            if (!is_open) {
                if (s % 2 == 0) drop_index("spoilt");
                cache = file_must_open("spoilt", small);
            }
            (void)found(cache, 0, 200);
            fill(cache, 0, 1500); /* round and round */
            assert_true(found(cache, 1480, 20) == 20);
            assert_int_equal(jay_close(cache), JAY_OK);
        }
    }
}

/* ---- the index ---- */

static void a_copied_index_is_not_believed(void **state) {
    (void)state;
    char command[1500];
    jay_cache *cache = file_must_open("original", small);
    fill(cache, 0, 50);
    snprintf(command, sizeof command, "cp -a %s %s", file_path("original"), file_path("copy"));
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test's own paths */
    fill(cache, 50, 50);
    jay_cache *copy = file_must_open("copy", small);
    assert_int_equal(found(copy, 0, 50), 50);
    assert_int_equal(found(copy, 50, 50), 0);
    fill(copy, 100, 50);
    assert_int_equal(found(cache, 0, 100), 100);
    assert_int_equal(found(cache, 100, 50), 0);
    assert_int_equal(jay_close(copy), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void a_damaged_index_is_made_anew(void **state) {
    (void)state;
    char path[600];
    jay_cache *cache = file_must_open("index", small);
    snprintf(path, sizeof path, "%s/jaycache.index", file_path("index"));
    fill(cache, 0, 50);
    assert_int_equal(jay_close(cache), JAY_OK);
    for (int round = 0; round < 5; round++) {
        if (round == 0) file_store(path, "nothing", 7);
        if (round == 1) assert_int_equal(truncate(path, 70000), 0);
        if (round == 2) assert_int_equal(truncate(path, 0), 0);
        if (round == 3) change_bytes(path, 1, 1);
        if (round == 4) assert_int_equal(unlink(path), 0);
        if (round == 4) assert_int_equal(symlink("/etc/passwd", path), 0);
        cache = file_must_open("index", small);
        int hits = found(cache, 0, 50);
        assert_true(round == 3 ? hits <= 50 : hits == 50);
        fill(cache, 0, 50);
        assert_int_equal(jay_close(cache), JAY_OK);
    }
}

/* ---- the directory ---- */

static void what_is_removed_comes_back(void **state) {
    static const char *const parts[] = {"", "/jaycache.index", "/jaycache.dir", NULL};
    (void)state;
    for (int i = 0; parts[i] != NULL; i++) {
        char path[700];
        jay_cache *cache = file_must_open("removed", small);
        fill(cache, 0, 100);
        snprintf(path, sizeof path, "%s%s", file_path("removed"), parts[i]);
        if (i == 0) {
            file_remove(path);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        usleep(1100000); /* it looks once a second */
        fill(cache, 0, 100);
        assert_int_equal(found(cache, 0, 100), 100);
        jay_cache *other = file_must_open("removed", small);
        assert_int_equal(found(other, 0, 100), 100);
        fill(other, 100, 300);
        assert_int_equal(found(cache, 350, 50), 50);
        assert_int_equal(jay_close(other), JAY_OK);
        assert_int_equal(jay_close(cache), JAY_OK);
    }
}

static void modes_hold(void **state) {
    (void)state;
    struct stat st;
    DIR *directory;
    mode_t before = umask(077);
    jay_cache *cache = file_must_open("modes", "layout=segments&max_bytes=1m&mode=0664");
    fill(cache, 0, 100);
    umask(before);
    directory = opendir(file_path("modes"));
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        assert_int_equal(fstatat(dirfd(directory), entry->d_name, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0664);
    }
    closedir(directory);
    assert_int_equal(stat(file_path("modes"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0775);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void foreign_files_stay(void **state) {
    (void)state;
    static const char *const names[] = {"readme", "jaycache.s0000zzzz", "jaycache.sss", "0",
                                        "jaycache.s000000001"};
    jay_file_report report;
    jay_cache *cache = file_must_open("foreign", small);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", file_path("foreign"), names[i]);
        file_store(path, "mine", 4);
    }
    fill(cache, 0, 3000);
    assert_int_equal(jay_file_check(cache, 1, &report, sizeof report, NULL), JAY_OK);
    assert_int_equal(report.foreign, COUNT_OF(names));
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.miscounted, 0);
    assert_int_equal(jay_close(cache), JAY_OK);
    drop_index("foreign");
    cache = file_must_open("foreign", small);
    assert_true(found(cache, 2900, 100) == 100);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", file_path("foreign"), names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* Files that are called like later segments, and are none, make no segment look old. */
static void strays_with_great_numbers(void **state) {
    static const char *const names[][2] = {
        {"0000abcd", NULL}, {"0000abcd", "0000abce"}, {"ffffffff", NULL}, {"00000008", "0000000e"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (int filled = 0; filled <= 50; filled += 50) {
            char what[20], path[700];
            snprintf(what, sizeof what, "strays%zu-%d", i, filled);
            jay_cache *cache = file_must_open(what, small);
            fill(cache, 0, filled);
            assert_int_equal(jay_close(cache), JAY_OK);
            drop_index(what);
            for (int n = 0; n < 2 && names[i][n] != NULL; n++) {
                snprintf(path, sizeof path, "%s/jaycache.s%s", file_path(what), names[i][n]);
                file_store(path, "stray", n == 0 ? 0 : 5);
            }
            for (int round = 0; round < 2; round++) {
                cache = file_must_open(what, small);
                assert_int_equal(found(cache, 0, filled), filled);
                fill(cache, 100, 300);
                assert_int_equal(found(cache, 390, 10), 10);
                fill(cache, 0, filled);
                assert_int_equal(jay_close(cache), JAY_OK);
                drop_index(what);
            }
        }
    }
}

static void a_check_finds_and_repairs(void **state) {
    (void)state;
    segment_list list;
    jay_file_report report;
    jay_cache *cache = file_must_open("check", small);
    fill(cache, 0, 200);
    list_segments("check", &list);
    char leftover[700];
    snprintf(leftover, sizeof leftover, "%s/jaycache.s00123456", file_path("check"));
    file_store(leftover, "left", 4);
    change_bytes(list.paths[1], 3, 200);
    assert_int_equal(jay_file_check(cache, 0, &report, sizeof report, NULL), JAY_OK);
    assert_true(report.damaged > 0 && report.damaged <= 40);
    assert_int_equal(report.entries + report.damaged, 200);
    assert_int_equal(report.miscounted, 1);
    assert_int_equal(jay_file_check(cache, 1, &report, sizeof report, NULL), JAY_OK);
    assert_int_equal(jay_file_check(cache, 0, &report, sizeof report, NULL), JAY_OK);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.miscounted, 0);
    assert_int_equal(access(leftover, F_OK), -1);
    assert_int_equal(jay_close(cache), JAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_bytes_are_misses),
        cmocka_unit_test(spoilt_files_are_misses),
        cmocka_unit_test(a_copied_index_is_not_believed),
        cmocka_unit_test(a_damaged_index_is_made_anew),
        cmocka_unit_test(what_is_removed_comes_back),
        cmocka_unit_test(modes_hold),
        cmocka_unit_test(foreign_files_stay),
        cmocka_unit_test(strays_with_great_numbers),
        cmocka_unit_test(a_check_finds_and_repairs),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
