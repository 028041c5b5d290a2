/*
 * page_views.c - counters: how often was each page seen, counted by any number of threads at once.
 */
#include <inttypes.h>
#include <jaycache/jaycache.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, VISITS = 1000 };

static void *visit(void *arg) {
    jay_cache *cache = arg;
    for (int i = 0; i < VISITS; i++) {
        /* Atomic; a counter that is missing starts at 0. */
        jay_inc_str(cache, "views/front", 1, NULL);
        if (i % 10 == 0) jay_inc_str(cache, "views/about", 1, NULL);
    }
    return NULL;
}

/* Prints a counter and returns it. */
static int64_t show(jay_cache *cache, const char *key) {
    int64_t number = -1;
    if (jay_get_int(cache, key, strlen(key), &number, NULL) == JAY_OK)
        printf("%s: %" PRId64 "\n", key, number);
    return number;
}

int main(void) {
    jay_cache *cache;
    pthread_t threads[THREADS];
    int64_t left = 0;
    if (jay_open("memory:", NULL, &cache, NULL) != JAY_OK) return 1;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, visit, cache) != 0) return 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    int is_right = show(cache, "views/front") == THREADS * VISITS &&
                   show(cache, "views/about") == THREADS * VISITS / 10;

    /* A counter is a value like any other: its decimal digits. And it counts down as well. */
    jay_set_str(cache, "seats", "3", JAY_TTL_FOREVER);
    jay_dec_str(cache, "seats", 1, &left);
    printf("seats left: %" PRId64 "\n", left);

    return jay_close(cache) == JAY_OK && is_right && left == 2 ? 0 : 1;
}
