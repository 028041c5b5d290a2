/*
 * test_shm_limits.c - what the system does not give: an error at open, and no signal then or later.
 */
#include "shm_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROOM_BYTES (1 << 20)

/* Opening fails with this status and a message with these words, and leaves no region behind. */
static void child_refused(const char *options, int status, const char *piece) {
    jay_cache *cache = NULL;
    jay_error error;
    CHILD_CHECK(shm_open_as("limits", options, &cache, &error) == status);
    if (strstr(error.message, piece) == NULL) shm_child_fails(error.message, __FILE__, __LINE__);
    CHILD_CHECK(access(shm_path("limits", ""), F_OK) != 0);
    CHILD_CHECK(access(shm_path("limits", ".new"), F_OK) != 0);
}

/* A region that opens can be used to its last byte. */
static void child_works(const char *options) {
    static char value[3000];
    jay_cache *cache = NULL;
    jay_error error;
    if (shm_open_as("limits", options, &cache, &error) != JAY_OK)
        shm_child_fails(error.message, __FILE__, __LINE__);
    for (int i = 0; i < 2000; i++) {
        char key[20];
        snprintf(key, sizeof key, "key %d", i);
        CHILD_CHECK(jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL) == JAY_OK);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
    CHILD_CHECK(jay_shm_remove(shm_name("limits"), NULL) == JAY_OK);
}

static void child_small_folder(void) {
    char size[40];
    shm_child_own_mounts();
    snprintf(size, sizeof size, "size=%d", ROOM_BYTES);
    CHILD_CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, size) == 0);
}

static void open_in_a_small_folder(void *arg) {
    (void)arg;
    child_small_folder();
    child_refused("max_bytes=8m", JAY_E_FULL, "/dev/shm");
    child_refused("max_bytes=1028k", JAY_E_FULL, "max_bytes=1052672");
    child_works("max_bytes=512k&max_processes=8");
}

static void a_small_folder(void **state) {
    (void)state;
    shm_in_child(open_in_a_small_folder, NULL);
}

static void open_in_a_full_folder(void *arg) {
    (void)arg;
    child_small_folder();
    int fd = open("/dev/shm/filler", O_RDWR | O_CREAT, 0600);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(posix_fallocate(fd, 0, ROOM_BYTES) == 0);
    child_refused("max_bytes=256k&max_processes=4", JAY_E_FULL, "/dev/shm");
    CHILD_CHECK(ftruncate(fd, ROOM_BYTES / 2) == 0);
    child_works("max_bytes=256k&max_processes=4");
    close(fd);
}

static void a_full_folder(void **state) {
    (void)state;
    shm_in_child(open_in_a_full_folder, NULL);
}

/* A region fills up beside a folder that does: all of its memory was had at the beginning. */
static void fill_beside(void *arg) {
    (void)arg;
    static char value[3000];
    child_small_folder();
    jay_cache *cache = NULL;
    CHILD_CHECK(shm_open_as("limits", "max_bytes=512k&max_processes=8", &cache, NULL) == JAY_OK);
    int fd = open("/dev/shm/filler", O_RDWR | O_CREAT, 0600);
    CHILD_CHECK(fd >= 0);
    while (write(fd, value, sizeof value) > 0) {}
    for (int i = 0; i < 2000; i++) {
        char key[20];
        snprintf(key, sizeof key, "key %d", i);
        CHILD_CHECK(jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL) == JAY_OK);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void a_folder_that_fills_up_later(void **state) {
    (void)state;
    shm_in_child(fill_beside, NULL);
}

/* ---- limits of the process ---- */

static void child_limit(int resource, uint64_t bytes) {
    struct rlimit limit;
    CHILD_CHECK(getrlimit((__rlimit_resource_t)resource, &limit) == 0);
    limit.rlim_cur = bytes;
    CHILD_CHECK(setrlimit((__rlimit_resource_t)resource, &limit) == 0);
}

/* What is mapped already. */
static uint64_t mapped_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHILD_CHECK(file != NULL);
    CHILD_CHECK(fscanf(file, "%lu", &pages) == 1);
    (void)fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void open_with_little_address_space(void *arg) {
    (void)arg;
    jay_cache *cache = NULL;
    jay_error error;
    child_limit(RLIMIT_AS, mapped_bytes() + (8 << 20));
    child_refused("max_bytes=64m", JAY_E_NO_MEMORY, "");
    CHILD_CHECK(jay_open("memory:?max_bytes=64m", NULL, &cache, &error) == JAY_E_NO_MEMORY);
    CHILD_CHECK(strstr(error.message, "ulimit -v") != NULL);
    child_works("max_bytes=1m");
}

static void little_address_space(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIPPED: sanitizers need all of the address space\n");
    skip();
#endif
    shm_in_child(open_with_little_address_space, NULL);
}

static void attach_with_little_address_space(void *arg) {
    (void)arg;
    jay_cache *cache = NULL;
    jay_error error;
    child_limit(RLIMIT_AS, mapped_bytes() + (8 << 20));
    CHILD_CHECK(shm_open_as("attached", "", &cache, &error) == JAY_E_NO_MEMORY);
    CHILD_CHECK(strstr(error.message, "ulimit -v") != NULL);
}

static void little_address_space_for_what_is_there(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIPPED: sanitizers need all of the address space\n");
    skip();
#endif
    jay_cache *cache = shm_must_open("attached", "max_bytes=64m");
    assert_int_equal(jay_close(cache), JAY_OK);
    shm_in_child(attach_with_little_address_space, NULL);
}

/* The kernel sends SIGXFSZ to who makes a file longer than this; a library must not cause that. */
static void open_with_a_limit_of_files(void *arg) {
    (void)arg;
    child_limit(RLIMIT_FSIZE, 256 << 10);
    child_refused("max_bytes=1m", JAY_E_FULL, "ulimit -f");
    child_works("max_bytes=256k&max_processes=4");
}

static void a_limit_of_the_size_of_files(void **state) {
    (void)state;
    shm_in_child(open_with_a_limit_of_files, NULL);
}

static void open_without_descriptors(void *arg) {
    (void)arg;
    jay_cache *cache = NULL;
    jay_error error;
    /* What was inherited from who runs the test would count. */
    for (int fd = 3; fd < 64; fd++) close(fd);
    for (uint64_t left = 0; left < 2; left++) {
        child_limit(RLIMIT_NOFILE, 3 + left);
        CHILD_CHECK(shm_open_as("limits", "max_bytes=1m", &cache, &error) == JAY_E_IO);
        CHILD_CHECK(error.sys_errno == EMFILE);
        CHILD_CHECK(strstr(error.message, "ulimit -n") != NULL);
    }
    child_limit(RLIMIT_NOFILE, 5);
    child_works("max_bytes=1m");
}

static void no_descriptors_left(void **state) {
    (void)state;
    shm_in_child(open_without_descriptors, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_folder),
        cmocka_unit_test(a_full_folder),
        cmocka_unit_test(a_folder_that_fills_up_later),
        cmocka_unit_test(little_address_space),
        cmocka_unit_test(little_address_space_for_what_is_there),
        cmocka_unit_test(a_limit_of_the_size_of_files),
        cmocka_unit_test(no_descriptors_left),
    };
    return cmocka_run_group_tests(tests, NULL, shm_clean);
}
