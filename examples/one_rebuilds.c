/*
 * one_rebuilds.c - an expensive fragment, many threads, and only one that makes it.
 *
 * Whoever finds nothing tries to add a small lock entry; jay_add lets exactly one succeed. The
 * others wait a little and look again. The lock has a time to live, so that a maker that dies holds
 * up nobody for long.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <jaycache/jaycache.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 8, LOCK_TTL_MS = 30000, MAX_TRIES = 10000 };

static jay_cache *cache;
static atomic_int times_made;
static atomic_int times_seen;

static void pause_ms(long time_ms) {
    nanosleep(&(struct timespec){0, time_ms * 1000000}, NULL);
}

static void make_fragment(void) {
    atomic_fetch_add(&times_made, 1);
    pause_ms(50); /* stands for a slow query */
    jay_set_str(cache, "fragment/news", "<p>All the news</p>", 60000);
}

static void *visit(void *arg) {
    for (int i = 0; i < MAX_TRIES; i++) {
        jay_value fragment = JAY_VALUE_INIT;
        if (jay_get_str(cache, "fragment/news", &fragment) == JAY_OK) {
            atomic_fetch_add(&times_seen, 1);
            jay_value_release(&fragment);
            break;
        }
        if (jay_add_str(cache, "lock/fragment/news", "", LOCK_TTL_MS) == JAY_OK) {
            /* It may have been made between our look and our lock. */
            if (jay_has_str(cache, "fragment/news") != JAY_OK) make_fragment();
            jay_delete_str(cache, "lock/fragment/news");
        } else {
            pause_ms(2);
        }
    }
    return arg;
}

int main(void) {
    pthread_t threads[THREADS];
    if (jay_open("memory:", NULL, &cache, NULL) != JAY_OK) return 1;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, visit, NULL) != 0) return 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    int made = atomic_load(&times_made), seen = atomic_load(&times_seen);
    printf("%d visitors saw the fragment, which was made %d time(s)\n", seen, made);
    return jay_close(cache) == JAY_OK && seen == THREADS && made == 1 ? 0 : 1;
}
