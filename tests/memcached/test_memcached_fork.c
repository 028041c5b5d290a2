/*
 * test_memcached_fork.c - fork while other threads are in TLS handshakes, inside of OpenSSL and its
 * locks, or look names up, inside of the resolver and its: the child makes a connection of its own,
 * and so do its children.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include <jaycache/jaycache.h>

#include "memcached_fleet.h"

#define THREADS 3
#define FORKS 30
#define PATIENCE_MS 120000 /* far beyond what any machine needs */

static fleet servers;

/* Opens, has one handshake, closes. The status. */
static int visit(const char *url) {
    jay_cache *cache = NULL;
    jay_error error;
    int status = jay_open(url, NULL, &cache, &error);
    if (status == JAY_OK) status = jay_set(cache, "key", 3, "value", 5, 0, &error);
    if (cache != NULL) jay_close(cache);
    if (status != JAY_OK) fprintf(stderr, "%s\n", error.message);
    return status;
}

/* ---- an OpenSSL that dwells on its locks: it allocates under some of them ---- */

static void dwell(void) {
    static _Thread_local unsigned calls;
    if (++calls % 8 == 0) nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

static void *slow_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    dwell();
    return malloc(size);
}

static void *slow_realloc(void *block, size_t size, const char *file, int line) {
    (void)file, (void)line;
    dwell();
    return realloc(block, size);
}

static void slow_free(void *block, const char *file, int line) {
    (void)file, (void)line;
    free(block);
}

/* ---- the threads of the parent ---- */

typedef struct visitors {
    const char *url;
    atomic_bool is_over;
    atomic_int visits;
    atomic_int failures;
} visitors;

static void *visit_once(void *arg) {
    visitors *all = arg;
    if (visit(all->url) != JAY_OK) atomic_fetch_add(&all->failures, 1);
    atomic_fetch_add(&all->visits, 1);
    return NULL;
}

/* OpenSSL takes most of its locks when a thread is new to it. */
static void run_in_new_thread(void *(*fn)(void *), void *arg) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, fn, arg) != 0) abort();
    pthread_join(thread, NULL);
}

static void *keep_visiting(void *arg) {
    visitors *all = arg;
    while (!atomic_load(&all->is_over)) run_in_new_thread(visit_once, all);
    return NULL;
}

/* ---- the children ---- */

/* How a child has ended; it is killed when it hangs. */
static int await_end(pid_t child) {
    int state = 0;
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms++) {
        pid_t ended = waitpid(child, &state, WNOHANG);
        if (ended == child) return state;
        if (ended < 0 && errno != EINTR) return -1;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
    return state;
}

/* A handshake in the child, and one in a child of the child. */
static void be_child(const char *url, jay_cache *cache) {
    bool is_good = jay_set(cache, "key", 3, "child", 5, 0, NULL) == JAY_OK;
    pid_t child = fork();
    if (child == 0) _exit(visit(url) == JAY_OK ? 0 : 1);
    if (child < 0 || await_end(child) != 0) is_good = false;
    _exit(is_good ? 0 : 1);
}

typedef struct forking {
    const char *url;
    jay_cache *cache;
    bool is_good;
} forking;

static void *fork_once(void *arg) {
    forking *now = arg;
    pid_t child = fork();
    if (child == 0) be_child(now->url, now->cache);
    now->is_good = child > 0 && await_end(child) == 0;
    return NULL;
}

static void fork_in_visits(const char *url) {
    visitors all = {.url = url};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_visiting, &all), 0);
    forking now = {.url = url, .is_good = true};
    assert_int_equal(jay_open(url, NULL, &now.cache, NULL), JAY_OK);
    for (int i = 0; i < FORKS && now.is_good; i++) run_in_new_thread(fork_once, &now);
    atomic_store(&all.is_over, true);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    jay_close(now.cache);
    assert_true(now.is_good);
    assert_int_equal(atomic_load(&all.failures), 0);
    assert_true(atomic_load(&all.visits) > 0);
}

static void fork_in_lookups(void **state) {
    (void)state;
    char url[400];
    const fleet_server *server = fleet_start(&servers, false);
    snprintf(url, sizeof url, "memcached://localhost:%d/?deadline=60s&connect_deadline=60s",
             server->port);
    fork_in_visits(url);
}

static void fork_in_handshakes(void **state) {
    (void)state;
    char url[400];
    fleet_use_tls(&servers);
    const fleet_server *server = fleet_start(&servers, false);
    snprintf(url, sizeof url, "memcacheds://%s/?tls_ca=%s/ca.pem&deadline=60s&connect_deadline=60s",
             server->address, servers.dir);
    fork_in_visits(url);
}

int main(void) {
    if (CRYPTO_set_mem_functions(slow_malloc, slow_realloc, slow_free) != 1) return 1;
    fleet_init(&servers);
    const struct CMUnitTest tests[] = {cmocka_unit_test(fork_in_lookups),
                                       cmocka_unit_test(fork_in_handshakes)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fleet_deinit(&servers);
    return failed;
}
