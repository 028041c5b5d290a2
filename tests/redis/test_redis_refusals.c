/*
 * test_redis_refusals.c - what a cluster's node may answer that a real one cannot be made to say at
 * will: refusals that pass and that do not, redirections, maps as other versions tell them. The
 * node is a thread that answers from a script.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "redis_fake.h"

#define THREADS 8

/* Answers CLUSTER SLOTS with `map`, and of other commands the first `times` with `refusal`. */
typedef struct node {
    redis_fake fake;
    int port;
    char map[512];
    const char *refusal;
    _Atomic int times;
    _Atomic int maps; /* how often it was asked for one */
} node;

static const char *answer(void *arg, const char *text, size_t size) {
    node *n = arg;
    if (redis_fake_hears(text, size, "ASKING")) return "+OK\r\n";
    if (redis_fake_hears(text, size, "HELLO")) return "-ERR unknown command\r\n";
    if (redis_fake_hears(text, size, "SETNAME")) return "+OK\r\n";
    if (redis_fake_hears(text, size, "SLOTS")) {
        atomic_fetch_add(&n->maps, 1);
        return n->map;
    }
    if (atomic_fetch_sub(&n->times, 1) > 0) return n->refusal;
    if (redis_fake_hears(text, size, "SET")) return "+OK\r\n";
    return "$1\r\nv\r\n";
}

static void start(node *n) {
    redis_fake_start(&n->fake, answer, n);
    n->port = n->fake.port;
    /* All slots are its own; the name is null, which means: that of the node asked. */
    snprintf(n->map, sizeof n->map, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:%d\r\n", n->port);
}

static void end(node *n) {
    redis_fake_end(&n->fake);
}

static jay_cache *open_cache(const node *n) {
    char url[128];
    jay_cache *cache = NULL;
    snprintf(url, sizeof url, "redis+cluster://127.0.0.1:%d?connections=1&deadline=20s", n->port);
    assert_int_equal(jay_open(url, NULL, &cache, NULL), JAY_OK);
    return cache;
}

static int get(jay_cache *cache) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get_str(cache, "key", &view);
    jay_value_release(&view);
    return status;
}

static int get_in_batch(jay_cache *cache) {
    jay_bytes key = {"key", 3};
    jay_value view = JAY_VALUE_INIT;
    int status = JAY_OK;
    (void)jay_get_many(cache, &key, 1, &view, &status, NULL);
    jay_value_release(&view);
    return status;
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *refusal;
        int status; /* when it stays so */
        bool passes;
    } rows[] = {{"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", JAY_E_BUSY, true},
                {"-CLUSTERDOWN The cluster is down\r\n", JAY_E_BUSY, true},
                {"-CLUSTERDOWN Hash slot not served\r\n", JAY_E_BUSY, true},
                {"-MASTERDOWN Link with MASTER is down\r\n", JAY_E_BUSY, true},
                {"-LOADING Redis is loading the dataset in memory\r\n", JAY_E_BUSY, true},
                {"-READONLY You can't write against a read only replica.\r\n", JAY_E_SERVER, true},
                {"-BUSY Redis is busy running a script\r\n", JAY_E_BUSY, false},
                {"-OOM command not allowed\r\n", JAY_E_FULL, false},
                {"-NOAUTH Authentication required.\r\n", JAY_E_AUTH, false},
                {"-WRONGPASS invalid username-password pair\r\n", JAY_E_AUTH, false},
                {"-NOPERM this user has no permissions\r\n", JAY_E_AUTH, false},
                {"-MOVED nonsense\r\n", JAY_E_PROTOCOL, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int batch = 0; batch < 2; batch++) {
            node n = {.refusal = rows[i].refusal};
            start(&n);
            jay_cache *cache = open_cache(&n);
            int (*look_up)(jay_cache *) = batch == 1 ? get_in_batch : get;
            assert_int_equal(look_up(cache), JAY_OK);
            atomic_store(&n.times, 2);
            int status = look_up(cache);
            if (status != (rows[i].passes ? JAY_OK : rows[i].status) &&
                !(batch == 1 && rows[i].status == JAY_E_PROTOCOL))
                fail_msg("%s: %s, when it passes", rows[i].refusal, jay_status_name(status));
            atomic_store(&n.times, 1000000);
            status = look_up(cache);
            if (status != rows[i].status && !(batch == 1 && rows[i].status == JAY_E_PROTOCOL))
                fail_msg("%s: %s, when it stays", rows[i].refusal, jay_status_name(status));
            if (status >= 0) fail_msg("%s: found", rows[i].refusal);
            atomic_store(&n.times, 0);
            assert_int_equal(look_up(cache), JAY_OK);
            jay_close(cache);
            end(&n);
        }
    }
}

/* Two nodes: the one of the map sends on to the other, once or for ever. */
static void redirections(void **state) {
    (void)state;
    static const char *const words[] = {"MOVED", "ASK"};
    for (int i = 0; i < 4; i++) {
        char refusal[64];
        node first = {.refusal = refusal}, second = {.refusal = refusal};
        start(&first);
        start(&second);
        snprintf(refusal, sizeof refusal, "-%s 12539 %s:%d\r\n", words[i / 2],
                 i % 2 == 0 ? "127.0.0.1" : "", second.port);
        jay_cache *cache = open_cache(&first);
        atomic_store(&first.times, 1000000);
        assert_int_equal(get(cache), JAY_OK);
        assert_int_equal(get_in_batch(cache), JAY_OK);
        assert_int_equal(jay_set_str(cache, "key", "v", 0), JAY_OK);
        /* Who sends on without end is not followed without end. */
        atomic_store(&second.times, 1000000);
        assert_true(get(cache) < 0);
        assert_true(get_in_batch(cache) < 0);
        jay_close(cache);
        end(&first);
        end(&second);
    }
}

/* CLUSTER SLOTS as it has been told over the years, and as it cannot be. */
static void maps(void **state) {
    (void)state;
    static const struct {
        const char *form; /* %d: the port */
        bool is_good;
    } rows[] = {{"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n", true},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n", true},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$0\r\n\r\n:%d\r\n$2\r\nid\r\n*0\r\n", true},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$1\r\n?\r\n:%d\r\n$2\r\nid\r\n"
                 "*2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n",
                 true},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n_\r\n:%d\r\n$2\r\nid\r\n"
                 "%%1\r\n$8\r\nhostname\r\n$1\r\nh\r\n",
                 true},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n"
                 "*4\r\n$8\r\nhostname\r\n$1\r\nh\r\n$17\r\navailability-zone\r\n$2\r\na1\r\n",
                 true},
                {"*0\r\n", false},
                {"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n", false},
                {"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:65536\r\n", false},
                {"*1\r\n*2\r\n:0\r\n:16383\r\n", false},
                {"*99999999\r\n", false},
                {"-ERR This instance has cluster support disabled\r\n", false},
                {"+OK\r\n", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        node n = {.refusal = ""};
        start(&n);
        const char *place = strstr(rows[i].form, "%d");
        size_t before = place != NULL ? (size_t)(place - rows[i].form) : strlen(rows[i].form);
        snprintf(n.map, sizeof n.map, "%.*s", (int)before, rows[i].form);
        if (place != NULL)
            snprintf(n.map + before, sizeof n.map - before, "%d%s", n.port, place + 2);
        char *percent = strstr(n.map, "%%");
        if (percent != NULL) memmove(percent, percent + 1, strlen(percent));
        jay_cache *cache = open_cache(&n);
        int status = get(cache);
        if ((status == JAY_OK) != rows[i].is_good || status > 0)
            fail_msg("%s: %s", rows[i].form, jay_status_name(status));
        jay_close(cache);
        end(&n);
    }
}

/* However many threads meet a change at once, the map is asked for a few times only. */
static void *look_up_often(void *arg) {
    for (int i = 0; i < 50; i++) (void)get(arg);
    return NULL;
}

static void one_asks_for_all(void **state) {
    (void)state;
    node n = {.refusal = "-LOADING\r\n"};
    start(&n);
    jay_cache *cache = open_cache(&n);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_often, cache), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&n.maps), 1);
    jay_close(cache);
    end(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(redirections),
        cmocka_unit_test(maps),
        cmocka_unit_test(one_asks_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
