/*
 * test_kill_create.c - SIGKILL at every system call of a process that makes a cache, or that is the
 * last to leave one.
 *
 * Between system calls nothing changes that others can see, until the region has its name. Whoever
 * opens the name afterwards gets a cache that works.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stepping.h"

typedef struct maker {
    char url[128];
    jay_cache *cache;
} maker;

static void prepare_nothing(void *arg) {
    (void)arg;
}

static void prepare_open(void *arg) {
    maker *m = arg;
    KILL_CHECK(jay_open(m->url, NULL, &m->cache, NULL) == JAY_OK, "the child cannot open");
    KILL_CHECK(jay_set_str(m->cache, "kept", "by the region", JAY_TTL_FOREVER) == JAY_OK,
               "the child cannot set");
}

static int make(void *arg) {
    maker *m = arg;
    return jay_open(m->url, NULL, &m->cache, NULL);
}

static int leave(void *arg) {
    maker *m = arg;
    return jay_close(m->cache);
}

/* The cache of a name must work, whatever the dead process has left. */
static void use(const char *url, bool has_entry) {
    jay_cache *cache;
    jay_error error;
    jay_value value;
    jay_stats stats;
    KILL_CHECK(jay_open(url, NULL, &cache, &error) == JAY_OK, "opening: %s", error.message);
    if (has_entry) {
        KILL_CHECK(jay_get_str(cache, "kept", &value) == JAY_OK &&
                       strcmp(value.data, "by the region") == 0,
                   "the entry is lost");
        jay_value_release(&value);
    }
    KILL_CHECK(jay_set_str(cache, "key", "value", JAY_TTL_FOREVER) == JAY_OK, "set fails");
    KILL_CHECK(jay_get_str(cache, "key", &value) == JAY_OK && strcmp(value.data, "value") == 0,
               "get fails");
    jay_value_release(&value);
    KILL_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK && stats.resets == 0 &&
                   stats.items == (has_entry ? 2 : 1),
               "%lld items, %lld resets", (long long)stats.items, (long long)stats.resets);
    KILL_CHECK(jay_close(cache) == JAY_OK, "closing fails");
}

/* Kills at each system call in turn; how many there are. */
static unsigned run(const char *what, void (*prepare)(void *arg), int (*operation)(void *arg),
                    bool has_entry) {
    unsigned calls = 0;
    for (bool is_done = false; !is_done && calls < 400; calls++) {
        maker m;
        stepper s;
        const char *name = kill_name();
        kill_about(60, "%s, killed after %u system calls", what, calls);
        snprintf(m.url, sizeof m.url, "shm:%s?max_bytes=64k&max_processes=4", name);
        step_start(&s, prepare, operation, &m);
        for (unsigned i = 0; i < calls && step_system_call(&s); i++) {}
        is_done = s.report->is_done;
        step_kill(&s);
        use(m.url, has_entry);
        jay_shm_remove(name, NULL);
    }
    return calls;
}

int main(void) {
    kill_begin("kill_create");
    unsigned made = run("making a cache", prepare_nothing, make, false);
    unsigned left = run("leaving a cache", prepare_open, leave, true);
    KILL_CHECK(made > 10 && left > 4, "only %u and %u system calls", made, left);
    printf("killed at %u points of making, %u of leaving\n", made, left);
    return 0;
}
