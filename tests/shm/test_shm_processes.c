/*
 * test_shm_processes.c - processes that come and go: they race to create, attach anywhere, are
 * killed, fork, and find what others left.
 */
#include "shm_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RACERS = 8 };

/* In a child: opens a region, which must succeed. */
static jay_cache *open_in_child(const char *what, const char *options) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    if (shm_open_as(what, options, &cache, &error) != JAY_OK)
        shm_child_fails(error.message, __FILE__, __LINE__);
    return cache;
}

/* ---- creation ---- */

typedef struct racer {
    shm_gate *gate;
    int number;
} racer;

static void race(void *arg) {
    const racer *me = arg;
    char key[20];
    shm_gate_wait(me->gate);
    jay_cache *cache = open_in_child("race", "max_bytes=1m&max_items=100");
    snprintf(key, sizeof key, "racer %d", me->number);
    CHILD_CHECK(jay_set_str(cache, key, key, JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_inc_str(cache, "count", 1, NULL) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void race_once(void) {
    shm_gate gate;
    racer racers[RACERS];
    pid_t children[RACERS];
    shm_gate_make(&gate);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){&gate, i};
        children[i] = shm_start(race, &racers[i]);
    }
    shm_gate_open(&gate);
    for (int i = 0; i < RACERS; i++) assert_int_equal(shm_wait(children[i]), 0);
    jay_cache *cache = shm_must_open("race", "");
    int64_t count = 0;
    assert_int_equal(jay_get_int(cache, "count", 5, &count, NULL), JAY_OK);
    assert_int_equal(count, RACERS);
    for (int i = 0; i < RACERS; i++) {
        char key[20];
        snprintf(key, sizeof key, "racer %d", i);
        assert_int_equal(jay_has_str(cache, key), JAY_OK);
    }
    assert_int_equal(jay_close(cache), JAY_OK);
}

static void racing_creators_make_one_region(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        race_once();
        assert_int_equal(jay_shm_remove(shm_name("race"), NULL), JAY_OK);
    }
}

static void race_and_remove(void *arg) {
    const racer *me = arg;
    shm_gate_wait(me->gate);
    for (int i = 0; i < 20; i++) {
        jay_cache *cache = open_in_child("churn", "max_bytes=256k&max_processes=16");
        CHILD_CHECK(jay_set_str(cache, "key", "value", JAY_TTL_FOREVER) == JAY_OK);
        CHILD_CHECK(jay_has_str(cache, "key") == JAY_OK);
        if (i % 3 == me->number % 3) {
            int status = jay_shm_remove(shm_name("churn"), NULL);
            CHILD_CHECK(status == JAY_OK || status == JAY_MISS);
        }
        CHILD_CHECK(jay_close(cache) == JAY_OK);
    }
}

/* Each sees a whole region, whichever it is; the key may be another's. */
static void removing_and_making_at_once(void **state) {
    (void)state;
    shm_gate gate;
    racer racers[4];
    pid_t children[4];
    shm_gate_make(&gate);
    for (int i = 0; i < 4; i++) {
        racers[i] = (racer){&gate, i};
        children[i] = shm_start(race_and_remove, &racers[i]);
    }
    shm_gate_open(&gate);
    for (int i = 0; i < 4; i++) assert_int_equal(shm_wait(children[i]), 0);
}

/* ---- attaching ---- */

static void attach_elsewhere(void *arg) {
    /* Whatever the kernel would have chosen, it is shifted by this. */
    size_t bytes = (size_t) * (const int *)arg << 22;
    CHILD_CHECK(mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) !=
                MAP_FAILED);
    jay_cache *cache = open_in_child("address", "");
    for (int i = 0; i < 200; i++) {
        char key[20];
        jay_value value;
        snprintf(key, sizeof key, "key %d", i);
        CHILD_CHECK(jay_get_str(cache, key, &value) == JAY_OK);
        CHILD_CHECK(value.size == strlen(key) && memcmp(value.data, key, value.size) == 0);
        jay_value_release(&value);
        CHILD_CHECK(jay_set_str(cache, key, key, JAY_TTL_FOREVER) == JAY_OK);
    }
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void any_address_will_do(void **state) {
    (void)state;
    jay_cache *cache = shm_must_open("address", "max_bytes=1m");
    for (int i = 0; i < 200; i++) {
        char key[20];
        snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(jay_set_str(cache, key, key, JAY_TTL_FOREVER), JAY_OK);
    }
    for (int i = 1; i <= 4; i++) shm_in_child(attach_elsewhere, &i);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- rows ---- */

typedef struct holder {
    shm_gate *gate;
    int is_ready[2];
    const char *what;
    const char *options;
} holder;

/* Opens a region, says so, and keeps it until the gate opens or a signal comes. */
static void hold(void *arg) {
    const holder *me = arg;
    jay_cache *cache = open_in_child(me->what, me->options);
    jay_value value;
    CHILD_CHECK(jay_set_str(cache, "held", "by a child", JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_get_str(cache, "held", &value) == JAY_OK);
    CHILD_CHECK(write(me->is_ready[1], "", 1) == 1);
    shm_gate_wait(me->gate);
    jay_value_release(&value);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static pid_t start_holder(holder *h) {
    char byte;
    assert_int_equal(pipe(h->is_ready), 0);
    pid_t child = shm_start(hold, h);
    close(h->is_ready[1]);
    assert_int_equal(read(h->is_ready[0], &byte, 1), 1);
    close(h->is_ready[0]);
    return child;
}

static void open_is_refused(void *arg) {
    (void)arg;
    jay_cache *cache = NULL;
    jay_error error;
    CHILD_CHECK(shm_open_as("rows", "", &cache, &error) == JAY_E_FULL);
    CHILD_CHECK(strstr(error.message, "max_processes") != NULL);
    CHILD_CHECK(strstr(error.message, "2 processes") != NULL);
}

static void open_and_close(void *arg) {
    CHILD_CHECK(jay_close(open_in_child(arg, "")) == JAY_OK);
}

static void so_many_processes_and_no_more(void **state) {
    (void)state;
    shm_gate gate;
    shm_gate_make(&gate);
    holder h = {.gate = &gate, .what = "rows", .options = "max_bytes=1m&max_processes=2"};
    pid_t a = start_holder(&h), b = start_holder(&h);
    for (int i = 0; i < 3; i++) shm_in_child(open_is_refused, NULL);
    shm_gate_open(&gate);
    assert_int_equal(shm_wait(a), 0);
    assert_int_equal(shm_wait(b), 0);
    char what[] = "rows";
    shm_in_child(open_and_close, what);
}

static void rows_of_the_killed_are_used_again(void **state) {
    (void)state;
    shm_gate gate;
    shm_gate_make(&gate);
    holder h = {.gate = &gate, .what = "killed", .options = "max_bytes=1m&max_processes=2"};
    for (int i = 0; i < 10; i++) {
        pid_t child = start_holder(&h);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(shm_wait(child), -1 - SIGKILL);
    }
    shm_gate_open(&gate);
    char what[] = "killed";
    shm_in_child(open_and_close, what);
    jay_cache *cache = shm_must_open("killed", "");
    assert_int_equal(jay_has_str(cache, "held"), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* Takes views of as much as it may, and then waits to be killed. */
static void hold_much(void *arg) {
    const holder *me = arg;
    jay_cache *cache = open_in_child(me->what, "");
    for (int i = 0; i < 400; i++) {
        char key[20];
        jay_value value;
        snprintf(key, sizeof key, "much %d", i);
        int status = jay_get_str(cache, key, &value);
        CHILD_CHECK(status == JAY_OK || status == JAY_MISS || status == JAY_E_FULL);
    }
    CHILD_CHECK(write(me->is_ready[1], "", 1) == 1);
    shm_gate_wait(me->gate);
}

/* What a killed process had in view is evicted like anything else. */
static void views_of_the_killed_are_dropped(void **state) {
    (void)state;
    shm_gate gate;
    char byte, key[20];
    static char value[8000];
    jay_cache *cache = shm_must_open("views", "max_bytes=1m&max_processes=8");
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "much %d", i);
        assert_int_equal(jay_set(cache, key, strlen(key), value, 2000, JAY_TTL_FOREVER, NULL),
                         JAY_OK);
    }
    shm_gate_make(&gate);
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        holder h = {.gate = &gate, .what = "views"};
        assert_int_equal(pipe(h.is_ready), 0);
        children[i] = shm_start(hold_much, &h);
        assert_int_equal(read(h.is_ready[0], &byte, 1), 1);
        close(h.is_ready[0]);
        close(h.is_ready[1]);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(children[i], SIGKILL), 0);
        assert_int_equal(shm_wait(children[i]), -1 - SIGKILL);
    }
    shm_gate_open(&gate);
    /* Nothing is left but what they held, and that makes room. */
    enum { NEW = 85 };
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    for (int i = 0; i < NEW; i++) {
        snprintf(key, sizeof key, "new %d", i);
        assert_int_equal(jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL), JAY_OK);
    }
    for (int i = 0; i < NEW; i++) {
        snprintf(key, sizeof key, "new %d", i);
        assert_int_equal(jay_has_str(cache, key), JAY_OK);
    }
    static char big[1 << 18];
    assert_int_equal(jay_set(cache, "big", 3, big, sizeof big, JAY_TTL_FOREVER, NULL), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- coming back ---- */

static void fill_and_leave(void *arg) {
    jay_cache *cache = open_in_child("warm", "max_bytes=4m");
    for (int i = 0; i < 1000; i++) {
        char key[20];
        snprintf(key, sizeof key, "%s %d", (const char *)arg, i);
        CHILD_CHECK(jay_set_str(cache, key, key, JAY_TTL_FOREVER) == JAY_OK);
    }
    if (strcmp(arg, "closed") == 0) CHILD_CHECK(jay_close(cache) == JAY_OK);
    if (strcmp(arg, "killed") == 0) raise(SIGKILL);
}

static void a_region_stays_warm(void **state) {
    (void)state;
    char closed[] = "closed", exited[] = "exited", killed[] = "killed";
    char *ways[] = {closed, exited, killed};
    assert_int_equal(shm_wait(shm_start(fill_and_leave, closed)), 0);
    assert_int_equal(shm_wait(shm_start(fill_and_leave, exited)), 0);
    assert_int_equal(shm_wait(shm_start(fill_and_leave, killed)), -1 - SIGKILL);
    jay_cache *cache = shm_must_open("warm", "");
    for (int i = 0; i < 3000; i++) {
        char key[20];
        jay_value value;
        snprintf(key, sizeof key, "%s %d", ways[i / 1000], i % 1000);
        assert_int_equal(jay_get_str(cache, key, &value), JAY_OK);
        assert_string_equal(value.data, key);
        jay_value_release(&value);
    }
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.items, 3000);
    assert_int_equal(stats.sets, 3000); /* the dead count, too */
    assert_int_equal(stats.hits, 3000);
    assert_int_equal(stats.resets, 0);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* ---- fork ---- */

typedef struct heir {
    jay_cache *cache;
    jay_value *view;
} heir;

static void use_after_fork(void *arg) {
    heir *h = arg;
    jay_value value;
    CHILD_CHECK(jay_get_str(h->cache, "parent", &value) == JAY_OK);
    CHILD_CHECK(strcmp(value.data, "before") == 0);
    jay_value_release(&value);
    CHILD_CHECK(jay_set_str(h->cache, "child", "after", JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_delete_str(h->cache, "viewed") == JAY_OK);
    CHILD_CHECK(strcmp(h->view->data, "by the parent") == 0);
    jay_value_release(h->view);
    CHILD_CHECK(jay_close(h->cache) == JAY_OK);
    h->cache = open_in_child("fork", "");
    CHILD_CHECK(jay_has_str(h->cache, "child") == JAY_OK);
    CHILD_CHECK(jay_close(h->cache) == JAY_OK);
}

static void a_child_goes_on_with_the_handle(void **state) {
    (void)state;
    jay_value view, value;
    heir h = {.cache = shm_must_open("fork", "max_bytes=1m"), .view = &view};
    assert_int_equal(jay_set_str(h.cache, "parent", "before", JAY_TTL_FOREVER), JAY_OK);
    assert_int_equal(jay_set_str(h.cache, "viewed", "by the parent", JAY_TTL_FOREVER), JAY_OK);
    assert_int_equal(jay_get_str(h.cache, "viewed", &view), JAY_OK);
    for (int i = 0; i < 3; i++) {
        shm_in_child(use_after_fork, &h);
        assert_int_equal(jay_get_str(h.cache, "child", &value), JAY_OK);
        assert_string_equal(value.data, "after");
        jay_value_release(&value);
        /* The child's release was not ours. */
        for (int j = 0; j < 3000; j++) {
            char key[20];
            snprintf(key, sizeof key, "filler %d", j);
            assert_int_equal(
                jay_set(h.cache, key, strlen(key), key, sizeof key, JAY_TTL_FOREVER, NULL), JAY_OK);
        }
        assert_string_equal(view.data, "by the parent");
        assert_int_equal(jay_set_str(h.cache, "viewed", "anew", JAY_TTL_FOREVER), JAY_OK);
        assert_int_equal(jay_set_str(h.cache, "parent", "before", JAY_TTL_FOREVER), JAY_OK);
    }
    jay_value_release(&view);
    assert_int_equal(jay_close(h.cache), JAY_OK);
}

/* ---- removal ---- */

static void use_removed(void *arg) {
    (void)arg;
    jay_cache *cache = open_in_child("removed", "max_bytes=1m");
    CHILD_CHECK(jay_has_str(cache, "key") == JAY_MISS);
    CHILD_CHECK(jay_set_str(cache, "key", "in the new one", JAY_TTL_FOREVER) == JAY_OK);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void users_keep_what_is_removed(void **state) {
    (void)state;
    jay_value value;
    jay_cache *old_cache = shm_must_open("removed", "max_bytes=1m");
    assert_int_equal(jay_set_str(old_cache, "key", "in the old one", JAY_TTL_FOREVER), JAY_OK);
    assert_int_equal(jay_shm_remove(shm_name("removed"), NULL), JAY_OK);
    shm_in_child(use_removed, NULL);
    assert_int_equal(jay_get_str(old_cache, "key", &value), JAY_OK);
    assert_string_equal(value.data, "in the old one");
    jay_value_release(&value);
    jay_cache *new_cache = shm_must_open("removed", "");
    assert_int_equal(jay_get_str(new_cache, "key", &value), JAY_OK);
    assert_string_equal(value.data, "in the new one");
    jay_value_release(&value);
    assert_int_equal(jay_close(old_cache), JAY_OK);
    assert_int_equal(jay_has_str(new_cache, "key"), JAY_OK);
    assert_int_equal(jay_close(new_cache), JAY_OK);
}

/* Holds the lock over making and removing regions, as a process does that is stopped meanwhile. */
static void hold_the_lock(void *arg) {
    const holder *me = arg;
    struct flock first_byte = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = open(shm_path("stopped", ".lock"), O_RDWR);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(fcntl(fd, F_SETLK, &first_byte) == 0);
    CHILD_CHECK(write(me->is_ready[1], "", 1) == 1);
    shm_gate_wait(me->gate);
}

/* Who waits for it gives up with a status. Takes its time. */
static void a_stopped_maker_is_not_waited_for_without_end(void **state) {
    (void)state;
    if (getenv("JAY_TEST_LONG") == NULL) skip();
    shm_gate gate;
    char byte;
    jay_error error;
    shm_gate_make(&gate);
    assert_int_equal(jay_close(shm_must_open("stopped", "max_bytes=1m")), JAY_OK);
    holder h = {.gate = &gate};
    assert_int_equal(pipe(h.is_ready), 0);
    pid_t child = shm_start(hold_the_lock, &h);
    assert_int_equal(read(h.is_ready[0], &byte, 1), 1);
    jay_cache *cache = NULL;
    assert_int_equal(shm_open_as("stopped", "", &cache, &error), JAY_E_BUSY);
    assert_holds(error.message, shm_name("stopped"));
    assert_int_equal(jay_shm_remove(shm_name("stopped"), &error), JAY_E_BUSY);
    shm_gate_open(&gate);
    assert_int_equal(shm_wait(child), 0);
    close(h.is_ready[0]);
    close(h.is_ready[1]);
    assert_int_equal(jay_close(shm_must_open("stopped", "")), JAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racing_creators_make_one_region),
        cmocka_unit_test(removing_and_making_at_once),
        cmocka_unit_test(any_address_will_do),
        cmocka_unit_test(so_many_processes_and_no_more),
        cmocka_unit_test(rows_of_the_killed_are_used_again),
        cmocka_unit_test(views_of_the_killed_are_dropped),
        cmocka_unit_test(a_region_stays_warm),
        cmocka_unit_test(a_child_goes_on_with_the_handle),
        cmocka_unit_test(users_keep_what_is_removed),
        cmocka_unit_test(a_stopped_maker_is_not_waited_for_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, shm_clean);
}
