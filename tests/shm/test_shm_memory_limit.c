/*
 * test_shm_memory_limit.c - limits of control groups, read from files that stand in for the
 * kernel's, in a mount namespace of a child.
 */
#include "shm_kit.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "os/memory_limit.h"

#define GROUPS_FILE "/dev/shm/groups"

static void child_write(const char *path, const char *text) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* From here on the process's groups and their limits are what we write. */
static void child_own_groups(void) {
    char path[64];
    shm_child_own_mounts();
    CHILD_CHECK(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=2m") == 0);
    CHILD_CHECK(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "size=1m") == 0);
    child_write(GROUPS_FILE, "");
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)getpid());
    CHILD_CHECK(mount(GROUPS_FILE, path, NULL, MS_BIND, NULL) == 0);
    CHILD_CHECK(jayi_memory_limit() == UINT64_MAX);
}

#define V2 "/sys/fs/cgroup"

static void unified_groups(void *arg) {
    (void)arg;
    child_own_groups();
    CHILD_CHECK(mkdir(V2 "/a", 0700) == 0 && mkdir(V2 "/a/b", 0700) == 0);
    child_write(GROUPS_FILE, "0::/a/b\n");
    CHILD_CHECK(jayi_memory_limit() == UINT64_MAX);
    child_write(V2 "/a/b/memory.max", "max\n");
    CHILD_CHECK(jayi_memory_limit() == UINT64_MAX);
    child_write(V2 "/a/b/memory.max", "5000000\n");
    CHILD_CHECK(jayi_memory_limit() == 5000000);
    child_write(V2 "/a/memory.max", "7000000\n");
    CHILD_CHECK(jayi_memory_limit() == 5000000);
    child_write(V2 "/a/memory.max", "3000000\n");
    CHILD_CHECK(jayi_memory_limit() == 3000000);
    /* In a container the group is its root, and the limit stands right there. */
    child_write(V2 "/memory.max", "2000000\n");
    CHILD_CHECK(jayi_memory_limit() == 2000000);
    child_write(GROUPS_FILE, "0::/\n");
    CHILD_CHECK(jayi_memory_limit() == 2000000);
    child_write(GROUPS_FILE, "0::/../elsewhere\n");
    CHILD_CHECK(jayi_memory_limit() == 2000000);
}

static void old_groups(void *arg) {
    (void)arg;
    child_own_groups();
    CHILD_CHECK(mkdir(V2 "/memory", 0700) == 0 && mkdir(V2 "/memory/a", 0700) == 0);
    child_write(GROUPS_FILE, "12:pids:/x\n9:memory:/a\n1:name=systemd:/y\n0::/z\n");
    child_write(V2 "/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
    CHILD_CHECK(jayi_memory_limit() == UINT64_C(9223372036854771712));
    child_write(V2 "/memory/a/memory.limit_in_bytes", "4000000\n");
    CHILD_CHECK(jayi_memory_limit() == 4000000);
    child_write(V2 "/memory/memory.limit_in_bytes", "1000000\n");
    CHILD_CHECK(jayi_memory_limit() == 1000000);
}

static void senseless_groups(void *arg) {
    static const char *const texts[] = {"",          "\n",       "0::",         "0::\n",
                                        ":::::",     "9:memory", "memory:",     "0::a\n",
                                        "0::////\n", "x",        "0::/\n0::/\n"};
    static const char *const limits[] = {"", "\n", "-5\n", "abc", "99999999999999999999999999\n"};
    (void)arg;
    child_own_groups();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        child_write(GROUPS_FILE, texts[i]);
        for (size_t j = 0; j < COUNT_OF(limits); j++) {
            child_write(V2 "/memory.max", limits[j]);
            CHILD_CHECK(jayi_memory_limit() == UINT64_MAX);
        }
    }
    /* A path longer than any buffer. */
    static char text[8000];
    memset(text, 'p', sizeof text - 1);
    memcpy(text, "0::/", 4);
    child_write(GROUPS_FILE, text);
    CHILD_CHECK(jayi_memory_limit() == UINT64_MAX);
}

static void open_beyond_the_limit(void *arg) {
    (void)arg;
    jay_cache *cache = NULL;
    jay_error error;
    child_own_groups();
    child_write(GROUPS_FILE, "0::/\n");
    child_write(V2 "/memory.max", "300000\n");
    CHILD_CHECK(shm_open_as("limited", "max_bytes=1m", &cache, &error) == JAY_E_FULL);
    CHILD_CHECK(strstr(error.message, "1048576") != NULL);
    CHILD_CHECK(strstr(error.message, "300000") != NULL);
    CHILD_CHECK(shm_open_as("limited", "max_bytes=256k&max_processes=4", &cache, &error) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void the_least_limit_on_the_way_up(void **state) {
    (void)state;
    shm_in_child(unified_groups, NULL);
}

static void groups_of_version_1(void **state) {
    (void)state;
    shm_in_child(old_groups, NULL);
}

static void files_without_sense_are_no_limit(void **state) {
    (void)state;
    shm_in_child(senseless_groups, NULL);
}

static void a_region_beyond_the_limit_is_refused(void **state) {
    (void)state;
    shm_in_child(open_beyond_the_limit, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_limit_on_the_way_up),
        cmocka_unit_test(groups_of_version_1),
        cmocka_unit_test(files_without_sense_are_no_limit),
        cmocka_unit_test(a_region_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, shm_clean);
}
