/*
 * test_file_processes.c - many processes at one directory: counters, limits, kills; and directories
 * that vanish under them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "file_kit.h"

enum { CHILDREN = 4 };

static jay_cache *child_open(const char *what, const char *options) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    int status = file_open_as(what, options, &cache, &error);
    if (status != JAY_OK) fprintf(stderr, "%s\n", error.message);
    CHILD_CHECK(status == JAY_OK);
    return cache;
}

/* ---- all at once ---- */

static void run_children(void (*fn)(void *arg)) {
    pid_t children[CHILDREN];
    for (intptr_t i = 0; i < CHILDREN; i++) children[i] = shm_start(fn, (void *)i);
    for (int i = 0; i < CHILDREN; i++) assert_int_equal(shm_wait(children[i]), 0);
}

static void count_up(void *arg) {
    (void)arg;
    jay_cache *cache = child_open("counted", "");
    for (int i = 0; i < 300; i++) {
        CHILD_CHECK(jay_inc_str(cache, i % 3 == 0 ? "one" : "two", 1, NULL) == JAY_OK);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void counters_lose_nothing(void **state) {
    (void)state;
    run_children(count_up);
    jay_cache *cache = file_must_open("counted", "");
    file_expect(cache, "one", "400");
    file_expect(cache, "two", "800");
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void stay_within(void *arg) {
    jay_cache *cache = child_open("limited", "max_items=25&max_bytes=1m");
    static char bytes[60000];
    uint64_t random = (uint64_t)(intptr_t)arg + 1;
    for (int i = 0; i < 400; i++) {
        char key[16];
        jay_stats stats;
        snprintf(key, sizeof key, "k%d", (int)(unit_next(&random) % 200));
        size_t size = (size_t)(unit_next(&random) % sizeof bytes);
        CHILD_CHECK(jay_set(cache, key, strlen(key), bytes, size, 0, NULL) == JAY_OK);
        CHILD_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK);
        CHILD_CHECK(stats.items <= 25 && stats.bytes <= 1 << 20);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void limits_hold_for_all(void **state) {
    (void)state;
    run_children(stay_within);
    jay_cache *cache = file_must_open("limited", "");
    assert_true(file_items(cache, "limited") <= 25);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- kills ---- */

enum { KEYS = 60, VALUE_MAX = 12000 };

/* A value tells its key and its length in every byte. */
static size_t make_value(unsigned char *bytes, int key, uint64_t random) {
    size_t size = 4 + (size_t)(random % VALUE_MAX);
    memcpy(bytes, &size, 4);
    memset(bytes + 4, key + (int)(size % 100), size - 4);
    return size;
}

static bool is_whole(const jay_value *view, int key) {
    const unsigned char *bytes = view->data;
    uint32_t size;
    if (view->size < 4) return false;
    memcpy(&size, bytes, sizeof size);
    if (size != view->size) return false;
    for (size_t i = 4; i < view->size; i++) {
        if (bytes[i] != (unsigned char)(key + (int)(view->size % 100))) return false;
    }
    return true;
}

static void work_until_killed(void *arg) {
    static unsigned char bytes[VALUE_MAX + 4];
    uint64_t random = (uint64_t)getpid() * 7919 + (uint64_t)(intptr_t)arg;
    jay_cache *cache = child_open("killed", "max_items=40&max_bytes=1m");
    for (;;) {
        char name[16];
        int key = (int)(unit_next(&random) % KEYS);
        snprintf(name, sizeof name, "k%d", key);
        jay_value view = JAY_VALUE_INIT;
        switch (unit_next(&random) % 8) {
        case 0:
            CHILD_CHECK(jay_delete_str(cache, name) >= 0);
            break;
        case 1:
            CHILD_CHECK(jay_touch_str(cache, name, 1 + (int64_t)(unit_next(&random) % 20)) >= 0);
            break;
        case 2:
        case 3:
        case 4:
            CHILD_CHECK(jay_get_str(cache, name, &view) >= 0);
            CHILD_CHECK(view.data == NULL || is_whole(&view, key));
            jay_value_release(&view);
            break;
        default: {
            size_t size = make_value(bytes, key, unit_next(&random));
            CHILD_CHECK(jay_set(cache, name, strlen(name), bytes, size, 0, NULL) == JAY_OK);
            break;
        }
        }
    }
}

static void check_after_kills(void) {
    jay_cache *cache = file_must_open("killed", "");
    assert_true(file_items(cache, "killed") <= 40);
    for (int key = 0; key < KEYS; key++) {
        char name[16];
        jay_value view = JAY_VALUE_INIT;
        snprintf(name, sizeof name, "k%d", key);
        int status = jay_get_str(cache, name, &view);
        assert_true(status == JAY_OK || status == JAY_MISS);
        if (status == JAY_OK) assert_true(is_whole(&view, key));
        jay_value_release(&view);
    }
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_true(stats.bytes <= 1 << 20);
    assert_int_equal(jay_close(cache), JAY_OK);
    /* No other leftovers than spares, and what is counted is what a new count finds. */
    assert_int_equal(file_count("killed").others, 0);
    assert_int_equal(unlink(file_path("killed/jaycache.table")), 0);
    jay_stats found;
    cache = file_must_open("killed", "");
    assert_int_equal(jay_get_stats(cache, &found, sizeof found, NULL), JAY_OK);
    assert_int_equal(stats.items, found.items);
    assert_int_equal(stats.bytes, found.bytes);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void killed_writers_spoil_nothing(void **state) {
    (void)state;
    uint64_t random = 11;
    for (int round = 0; round < 25; round++) {
        pid_t children[CHILDREN];
        for (intptr_t i = 0; i < CHILDREN; i++)
            children[i] = shm_start(work_until_killed, (void *)i);
        usleep((useconds_t)(20000 + unit_next(&random) % 40000));
        for (int i = 0; i < CHILDREN; i++) assert_int_equal(kill(children[i], SIGKILL), 0);
        for (int i = 0; i < CHILDREN; i++) assert_int_equal(shm_wait(children[i]), -1 - SIGKILL);
        check_after_kills();
    }
}

/* ---- directories that vanish ---- */

static void wait_for_a_look(void) {
    usleep(1200000); /* the path is looked at once a second */
}

static void find_in_child(void *arg) {
    jay_cache *cache = child_open("gone", "");
    jay_value view = JAY_VALUE_INIT;
    CHILD_CHECK(jay_get_str(cache, arg, &view) == JAY_OK);
    jay_value_release(&view);
    CHILD_CHECK(jay_set_str(cache, "of the child", "v", 0) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static char first_key[] = "first";
static char second_key[] = "second";

static void a_removed_directory_is_made_again(void **state) {
    (void)state;
    jay_cache *cache = file_must_open("gone", "max_items=33");
    assert_int_equal(jay_set_str(cache, "before", "v", 0), JAY_OK);
    file_remove(file_path("gone"));
    file_expect(cache, "before", NULL);
    assert_int_equal(jay_set_str(cache, first_key, "v", 0), JAY_OK);
    file_expect(cache, first_key, "v");
    shm_in_child(find_in_child, first_key);
    file_expect(cache, "of the child", "v");
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.max_items, 33);
    assert_int_equal(file_items(cache, "gone"), 2);
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void an_emptied_directory_is_claimed_again(void **state) {
    (void)state;
    file_remove(file_path("gone"));
    jay_cache *cache = file_must_open("gone", "");
    assert_int_equal(jay_set_str(cache, "before", "v", 0), JAY_OK);
    file_remove(file_path("gone"));
    assert_int_equal(mkdir(file_path("gone"), 0700), 0);
    wait_for_a_look();
    assert_int_equal(jay_set_str(cache, first_key, "v", 0), JAY_OK);
    shm_in_child(find_in_child, first_key);
    file_expect(cache, "of the child", "v");
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void make_another(void *arg) {
    (void)arg;
    jay_cache *cache = child_open("another", "");
    CHILD_CHECK(jay_set_str(cache, second_key, "of another", 0) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void a_replaced_directory_is_followed(void **state) {
    (void)state;
    file_remove(file_path("gone"));
    jay_cache *cache = file_must_open("gone", "");
    assert_int_equal(jay_set_str(cache, "before", "v", 0), JAY_OK);
    shm_in_child(make_another, NULL);
    assert_int_equal(rename(file_path("gone"), file_path("moved")), 0);
    assert_int_equal(rename(file_path("another"), file_path("gone")), 0);
    wait_for_a_look();
    file_expect(cache, second_key, "of another"); /* with the seed of the other */
    file_expect(cache, "before", NULL);
    assert_int_equal(jay_set_str(cache, first_key, "v", 0), JAY_OK);
    shm_in_child(find_in_child, first_key);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* Where it cannot be made again, calls fail and say so. */
static void a_directory_that_cannot_be_made_again(void **state) {
    (void)state;
    file_remove(file_path("gone"));
    jay_cache *cache = file_must_open("gone", "");
    file_remove(file_path("gone"));
    file_store(file_path("gone"), "in the way", 10);
    jay_error error = {.message = ""};
    file_expect(cache, "k", NULL);
    assert_int_equal(jay_set(cache, "k", 1, "v", 1, 0, &error), JAY_E_IO);
    assert_holds(error.message, "gone");
    assert_int_equal(unlink(file_path("gone")), 0);
    assert_int_equal(jay_set(cache, "k", 1, "v", 1, 0, &error), JAY_OK);
    file_expect(cache, "k", "v");
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- who may only read ---- */

static void read_only(void *arg) {
    (void)arg;
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    /* Others may not write here: the lock file is not theirs to lock. */
    CHILD_CHECK(file_open_as("private", "", &cache, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(strstr(error.message, "private") != NULL);
    cache = child_open("common", "mode=0666");
    jay_value view = JAY_VALUE_INIT;
    CHILD_CHECK(jay_get_str(cache, "k", &view) == JAY_OK);
    jay_value_release(&view);
    CHILD_CHECK(jay_set_str(cache, "k", "of nobody", 0) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void users_share_by_mode(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(file_path(""), 0755), 0);
    jay_cache *private_one = file_must_open("private", "");
    jay_cache *common = file_must_open("common", "mode=0666");
    assert_int_equal(jay_set_str(private_one, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_set_str(common, "k", "v", 0), JAY_OK);
    shm_in_child(read_only, NULL);
    file_expect(common, "k", "of nobody");
    assert_int_equal(jay_set_str(common, "k", "of root", 0), JAY_OK);
    assert_int_equal(jay_close(private_one), JAY_OK);
    assert_int_equal(jay_close(common), JAY_OK);
}

/* Where nothing can be written any more, sets say so and reads go on. */
static void lose_the_right_to_write(void *arg) {
    char path[700];
    (void)arg;
    CHILD_CHECK(mkdir(file_path("theirs"), 0700) == 0);
    CHILD_CHECK(chown(file_path("theirs"), 65534, 65534) == 0);
    CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    jay_cache *cache = child_open("theirs/c", "");
    CHILD_CHECK(jay_set_str(cache, "k", "v", 0) == JAY_OK);
    CHILD_CHECK(jay_set_str(cache, "short", "v", 1) == JAY_OK);
    snprintf(path, sizeof path, "chmod -R a-w %s", file_path("theirs"));
    CHILD_CHECK(system(path) == 0);
    usleep(5000);
    jay_error error = {.message = ""};
    jay_value view = JAY_VALUE_INIT;
    int64_t number;
    CHILD_CHECK(jay_set(cache, "new", 3, "v", 1, 0, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(strstr(error.message, "theirs/c") != NULL && error.sys_errno == EACCES);
    CHILD_CHECK(jay_inc(cache, "n", 1, 1, 0, &number, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(jay_clear(cache, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(jay_get_str(cache, "k", &view) == JAY_OK);
    jay_value_release(&view);
    CHILD_CHECK(jay_has_str(cache, "short") == JAY_MISS);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
    snprintf(path, sizeof path, "chmod -R u+w %s", file_path("theirs"));
    CHILD_CHECK(system(path) == 0);
    cache = child_open("theirs/c", "");
    CHILD_CHECK(jay_set_str(cache, "new", "v", 0) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void reads_go_on_without_the_right_to_write(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(file_path(""), 0755), 0);
    shm_in_child(lose_the_right_to_write, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_lose_nothing),
        cmocka_unit_test(limits_hold_for_all),
        cmocka_unit_test(killed_writers_spoil_nothing),
        cmocka_unit_test(a_removed_directory_is_made_again),
        cmocka_unit_test(an_emptied_directory_is_claimed_again),
        cmocka_unit_test(a_replaced_directory_is_followed),
        cmocka_unit_test(a_directory_that_cannot_be_made_again),
        cmocka_unit_test(users_share_by_mode),
        cmocka_unit_test(reads_go_on_without_the_right_to_write),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
