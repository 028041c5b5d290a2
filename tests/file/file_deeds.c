/*
 * file_deeds.c - see file_deeds.h.
 */
#include "file_deeds.h"

#include <sys/mount.h>
#include <unistd.h>

jay_error deed_error;

int deed_set(jay_cache *cache) {
    return jay_set(cache, "a", 1, "new", 3, 0, &deed_error);
}

int deed_add(jay_cache *cache) {
    return jay_add(cache, "a", 1, "new", 3, 0, &deed_error);
}

int deed_add_new(jay_cache *cache) {
    return jay_add(cache, "b", 1, "new", 3, 0, &deed_error);
}

int deed_replace(jay_cache *cache) {
    return jay_replace(cache, "a", 1, "new", 3, 0, &deed_error);
}

int deed_inc(jay_cache *cache) {
    int64_t number = 0;
    int status = jay_inc(cache, "n", 1, 1, 0, &number, &deed_error);
    if (status == JAY_OK) assert_true(number == 8 || number == 1);
    return status;
}

int deed_touch(jay_cache *cache) {
    return jay_touch(cache, "a", 1, 1000000, &deed_error);
}

int deed_delete(jay_cache *cache) {
    return jay_delete(cache, "a", 1, &deed_error);
}

int deed_get(jay_cache *cache) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get(cache, "a", 1, &view, &deed_error);
    if (status == JAY_OK) assert_string_equal(view.data, "old");
    jay_value_release(&view);
    return status;
}

int deed_clear(jay_cache *cache) {
    return jay_clear(cache, &deed_error);
}

static int count(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int *)arg;
    return 0;
}

int deed_iterate(jay_cache *cache) {
    int shown = 0;
    return jay_iterate(cache, count, &shown, &deed_error);
}

int deed_open(const char *options) {
    jay_cache *other = NULL;
    int status = file_open_as("other", options, &other, &deed_error);
    if (status != JAY_OK) return status;
    int set_status = jay_set(other, "k", 1, "v", 1, 0, &deed_error);
    status = jay_close(other);
    return set_status != JAY_OK ? set_status : status;
}

void deed_check_failure(int status) {
    assert_int_equal(deed_error.code, status);
    assert_true(deed_error.message[0] != '\0');
    assert_true(status == JAY_E_IO || status == JAY_E_FULL || status == JAY_E_PERMISSION ||
                status == JAY_E_MISMATCH || status == JAY_E_BUSY || status == JAY_E_CORRUPT);
}

void deed_check_text(jay_cache *cache, const char *key, const char *one, const char *other) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get_str(cache, key, &view);
    assert_true(status == JAY_OK || status == JAY_MISS);
    if (status == JAY_OK) {
        bool is_one = one != NULL && strcmp(view.data, one) == 0;
        bool is_other = other != NULL && strcmp(view.data, other) == 0;
        if (!is_one && !is_other)
            fail_msg("%s is %s, not %s or %s", key, (const char *)view.data,
                     one != NULL ? one : "nothing", other != NULL ? other : "nothing");
    }
    jay_value_release(&view);
}

jay_cache *deed_fill_disk(int sets) {
    static char bytes[20000];
    shm_child_own_mounts();
    CHILD_CHECK(mkdir(file_path("disk"), 0700) == 0);
    if (mount("none", file_path("disk"), "tmpfs", 0, "size=1m") != 0) _exit(SHM_SKIPPED);
    jay_cache *cache = NULL;
    CHILD_CHECK(file_open_as("disk/c", "", &cache, NULL) == JAY_OK);
    int stored = 0;
    for (int i = 0; i < sets; i++) {
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
    CHILD_CHECK(stored > sets - 100); /* a full disk evicts */
    jay_stats stats;
    int shown = 0;
    CHILD_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK);
    CHILD_CHECK(jay_iterate(cache, count, &shown, NULL) == JAY_OK);
    CHILD_CHECK(stats.items == shown && stats.evictions > 0);
    return cache;
}
