/*
 * file_kit.c - directories for the tests of file:.
 */
#include "file_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "backends/file/file_entry.h"

enum { TEXTS = 8, TEXT_BYTES = 600 };

const char *file_layout = "files";

static char root[200]; /* of this test program, also in its children */

const char *file_path(const char *what) {
    static char texts[TEXTS][TEXT_BYTES];
    static int next;
    char *text = texts[next++ % TEXTS];
    snprintf(text, TEXT_BYTES, "%s/%s", root, what);
    return text;
}

int file_open_as(const char *what, const char *options, jay_cache **ret_cache, jay_error *error) {
    char url[2 * TEXT_BYTES];
    bool says = strstr(options, "layout=") != NULL;
    snprintf(url, sizeof url, "file:%s?%s%s%s", file_path(what),
             says ? "" : "layout=", says ? "" : file_layout, says ? options : "");
    if (!says && options[0] != '\0')
        snprintf(url + strlen(url), sizeof url - strlen(url), "&%s", options);
    return jay_open(url, NULL, ret_cache, error);
}

jay_cache *file_must_open(const char *what, const char *options) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    if (file_open_as(what, options, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

void file_remove(const char *path) {
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int file_setup(void **state) {
    const char *base = *state != NULL ? *state : "/dev/shm";
    snprintf(root, sizeof root, "%s/jaycache-test-%d.d", base, (int)getpid());
    file_remove(root);
    return mkdir(root, 0700);
}

int file_teardown(void **state) {
    (void)state;
    file_remove(root);
    return 0;
}

/* ---- looking ---- */

static void visit_folder(const char *path, bool is_leaf, file_visit_fn *fn, void *arg) {
    DIR *folder = opendir(path);
    if (folder == NULL) return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char below[TEXT_BYTES];
        if (entry->d_name[0] == '.' || (!is_leaf && entry->d_name[1] != '\0')) continue;
        snprintf(below, sizeof below, "%.300s/%.250s", path, entry->d_name);
        if (is_leaf) {
            fn(arg, below, entry->d_name);
        } else {
            visit_folder(below, true, fn, arg);
        }
    }
    closedir(folder);
}

void file_visit(const char *what, file_visit_fn *fn, void *arg) {
    for (int i = 0; i < 16; i++) {
        char path[300];
        snprintf(path, sizeof path, "%.200s/%.60s/%x", root, what, (unsigned)i);
        visit_folder(path, false, fn, arg);
    }
}

static void count_one(void *arg, const char *path, const char *name) {
    file_census *census = arg;
    (void)path;
    if (jayi_name_is_entry(name)) {
        census->entries++;
    } else if (strcmp(name, "spare") == 0) {
        census->spares++;
    } else {
        census->others++;
    }
}

file_census file_count(const char *what) {
    file_census census = {0, 0, 0};
    file_visit(what, count_one, &census);
    return census;
}

typedef struct search {
    char path[TEXT_BYTES];
    int count;
} search;

static void keep_entry(void *arg, const char *path, const char *name) {
    search *s = arg;
    if (!jayi_name_is_entry(name)) return;
    s->count++;
    snprintf(s->path, sizeof s->path, "%s", path);
}

const char *file_only_entry(const char *what) {
    static search s;
    s.count = 0;
    file_visit(what, keep_entry, &s);
    assert_int_equal(s.count, 1);
    return s.path;
}

size_t file_load(const char *path, unsigned char *buffer, size_t capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, buffer, capacity);
    close(fd);
    assert_true(size >= 0);
    return (size_t)size;
}

void file_store(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

/* ---- asking ---- */

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int64_t *)arg;
    return 0;
}

int64_t file_items(jay_cache *cache, const char *what) {
    int64_t shown = 0;
    jay_stats stats;
    jay_error error = {.message = ""};
    if (jay_iterate(cache, count_entry, &shown, &error) != JAY_OK) fail_msg("%s", error.message);
    if (jay_get_stats(cache, &stats, sizeof stats, &error) != JAY_OK) fail_msg("%s", error.message);
    assert_true(shown <= stats.items);
    assert_int_equal(stats.items, file_count(what).entries);
    return stats.items;
}

void file_expect(jay_cache *cache, const char *key, const char *value) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get_str(cache, key, &view);
    assert_int_equal(status, value != NULL ? JAY_OK : JAY_MISS);
    if (value != NULL) assert_string_equal(view.data, value);
    jay_value_release(&view);
}
