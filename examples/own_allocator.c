/*
 * own_allocator.c - a cache that takes its memory from functions of the program's own.
 *
 * Here they count what is held, so that the program can show that nothing is left at the end.
 */
#include <jaycache/jaycache.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct ledger {
    atomic_long held; /* blocks not given back yet */
    atomic_long taken;
} ledger;

/* All three may be called by several threads at once. */
static void *take(void *arg, size_t size) {
    ledger *book = arg;
    void *memory = malloc(size);
    if (memory) {
        atomic_fetch_add(&book->held, 1);
        atomic_fetch_add(&book->taken, 1);
    }
    return memory;
}

static void *resize(void *arg, void *memory, size_t size) {
    if (!memory) return take(arg, size);
    return realloc(memory, size);
}

static void give_back(void *arg, void *memory) {
    ledger *book = arg;
    if (memory) atomic_fetch_sub(&book->held, 1);
    free(memory);
}

int main(void) {
    ledger book = {0, 0};
    const jay_allocator allocator = {take, resize, give_back, &book};
    jay_options *options;
    jay_cache *cache;
    if (jay_options_create(&allocator, &options) != JAY_OK) return 1;
    int status = jay_open("memory:", options, &cache, NULL);
    jay_options_destroy(options);
    if (status != JAY_OK) return 1;

    for (int i = 0; i < 1000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "sidebar_for/user%d", i);
        jay_set_str(cache, key, "<ul><li>hello</li></ul>", JAY_TTL_DEFAULT);
    }
    printf("with 1000 entries: %ld blocks held\n", atomic_load(&book.held));
    status = jay_close(cache);
    printf("closed: %ld blocks held, %ld taken in all\n", atomic_load(&book.held),
           atomic_load(&book.taken));
    return status == JAY_OK && atomic_load(&book.held) == 0 && atomic_load(&book.taken) > 0 ? 0 : 1;
}
