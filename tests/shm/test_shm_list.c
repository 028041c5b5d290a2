/*
 * test_shm_list.c - jay_shm_list and jay_shm_remove.
 */
#include "shm_kit.h"

#include <fcntl.h>
#include <unistd.h>

typedef struct search {
    const char *name;
    int found;
    int shown;
    jay_shm_info info;
} search;

static int look(void *arg, const jay_shm_info *info) {
    search *s = arg;
    s->shown++;
    if (strcmp(info->name, s->name) != 0) return 0;
    s->found++;
    s->info = *info;
    s->info.name = NULL; /* good only here */
    return 0;
}

static search find(const char *what) {
    search s = {.name = shm_name(what)};
    assert_int_equal(jay_shm_list(look, &s, NULL), JAY_OK);
    return s;
}

static void a_region_in_use(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("used", "max_bytes=1m&max_items=50&mode=0640");
    for (int i = 0; i < 7; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(jay_set_str(cache, key, "", JAY_TTL_FOREVER), JAY_OK);
    }
    search s = find("used");
    assert_int_equal(s.found, 1);
    assert_int_equal(s.info.is_usable, 1);
    assert_int_equal(s.info.file_bytes, 1 << 20);
    assert_int_equal(s.info.max_bytes, 1 << 20);
    assert_int_equal(s.info.max_items, 50);
    assert_int_equal(s.info.items, 7);
    assert_int_equal(s.info.mode, 0640);
    assert_int_equal(s.info.owner, geteuid());
    assert_int_equal(s.info.processes, 1);
    assert_true(s.info.created_ms > INT64_C(1600000000000));
    assert_int_equal(jay_close(cache), JAY_OK);
    s = find("used");
    assert_int_equal(s.info.processes, 0);
    assert_int_equal(s.info.items, 7);
}

static void what_is_no_region_is_shown_as_unusable(void **state) {
    (void)state;
    static const off_t sizes[] = {0, 100, 1 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        int fd = open(shm_path("junk", ""), O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, sizes[i]), 0);
        assert_int_equal(close(fd), 0);
        search s = find("junk");
        assert_int_equal(s.found, 1);
        assert_int_equal(s.info.is_usable, 0);
        assert_int_equal(s.info.file_bytes, sizes[i]);
        assert_int_equal(s.info.items, -1);
        assert_int_equal(s.info.max_bytes, -1);
        assert_int_equal(s.info.processes, -1);
    }
    assert_int_equal(jay_shm_remove(shm_name("junk"), NULL), JAY_OK);
    assert_int_equal(find("junk").found, 0);
}

/* Things that only look like regions do not disturb. */
static void links_and_folders(void **state) {
    (void)state;
    assert_int_equal(symlink("/etc/passwd", shm_path("link", "")), 0);
    assert_int_equal(mkdir(shm_path("folder", ""), 0700), 0);
    assert_int_equal(mkfifo(shm_path("fifo", ""), 0600), 0);
    static const char *const names[] = {"link", "folder", "fifo"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        search s = find(names[i]);
        assert_true(s.found <= 1);
        if (s.found == 1) assert_int_equal(s.info.is_usable, 0);
    }
    assert_int_equal(jay_shm_remove(shm_name("link"), NULL), JAY_OK);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    jay_error error;
    assert_true(jay_shm_remove(shm_name("folder"), &error) < 0);
    shm_clean(NULL);
}

static int stop(void *arg, const jay_shm_info *info) {
    (void)info;
    *(int *)arg += 1;
    return 1;
}

static void it_stops_when_told(void **state) {
    (void)state;
    int shown = 0;
    jay_cache *a = shm_must_open("stop-a", "max_bytes=1m"),
              *b = shm_must_open("stop-b", "max_bytes=1m");
    assert_int_equal(jay_shm_list(stop, &shown, NULL), JAY_STOPPED);
    assert_int_equal(shown, 1);
    assert_int_equal(jay_close(a), JAY_OK);
    assert_int_equal(jay_close(b), JAY_OK);
}

static void arguments_are_checked(void **state) {
    (void)state;
    jay_error error;
    assert_int_equal(jay_shm_list(NULL, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_shm_remove(NULL, &error), JAY_E_ARGUMENT);
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", ".lock", "a.lock", "a.new"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(jay_shm_remove(bad[i], &error), JAY_E_URL);
}

static void removing_takes_the_lock_file_along(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("gone", "max_bytes=1m");
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(jay_shm_remove(shm_name("gone"), NULL), JAY_OK);
    assert_int_equal(access(shm_path("gone", ""), F_OK), -1);
    assert_int_equal(access(shm_path("gone", ".lock"), F_OK), -1);
    assert_int_equal(jay_shm_remove(shm_name("gone"), NULL), JAY_MISS);
}

/* ---- as somebody else ---- */

enum { NOBODY = 65534 };

static void act_as_nobody(void *arg) {
    jay_error error;
    jay_cache *cache = NULL;
    shm_gate_wait(arg);
    CHILD_CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    search s = {.name = shm_name("private")};
    CHILD_CHECK(jay_shm_list(look, &s, NULL) == JAY_OK);
    CHILD_CHECK(s.found == 1 && s.info.is_usable == 0 && s.info.items == -1);
    CHILD_CHECK(jay_shm_remove(shm_name("private"), &error) == JAY_E_PERMISSION);
    CHILD_CHECK(strstr(error.message, shm_path("private", "")) != NULL);
    CHILD_CHECK(shm_open_as("private", "", &cache, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(shm_open_as("private", "mode=0666", &cache, &error) == JAY_E_PERMISSION);
    CHILD_CHECK(shm_open_as("private", "rebuild=yes", &cache, &error) == JAY_E_PERMISSION);
    /* What root shares with all is used. */
    CHILD_CHECK(shm_open_as("public", "mode=0666", &cache, &error) == JAY_OK);
    CHILD_CHECK(jay_set_str(cache, "key", "of nobody", JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void other_users(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root can act as another user\n");
        skip();
    }
    shm_gate gate;
    shm_gate_make(&gate);
    pid_t child = shm_start(act_as_nobody, &gate); /* it does not inherit our handles */
    jay_cache *private_cache = shm_must_open("private", "max_bytes=1m");
    jay_cache *public_cache = shm_must_open("public", "max_bytes=1m&mode=0666");
    shm_gate_open(&gate);
    assert_int_equal(shm_wait(child), 0);
    assert_int_equal(jay_has_str(public_cache, "key"), JAY_OK);
    assert_int_equal(jay_close(private_cache), JAY_OK);
    assert_int_equal(jay_close(public_cache), JAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_in_use),
        cmocka_unit_test(what_is_no_region_is_shown_as_unusable),
        cmocka_unit_test(links_and_folders),
        cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(removing_takes_the_lock_file_along),
        cmocka_unit_test(other_users),
    };
    return cmocka_run_group_tests(tests, NULL, shm_clean);
}
