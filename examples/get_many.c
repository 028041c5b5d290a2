/*
 * get_many.c - batches: many keys in one call, which is one round trip where a server is asked.
 */
#include <jaycache/jaycache.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 4 };

static jay_bytes bytes(const char *text) {
    return (jay_bytes){text, strlen(text)};
}

int main(void) {
    jay_cache *cache;
    jay_value values[COUNT];
    int statuses[COUNT], found = 0;
    const jay_pair pairs[] = {
        {bytes("fragment/head"), bytes("<h1>News</h1>"), 60000},
        {bytes("fragment/body"), bytes("<p>Nothing new.</p>"), 5000},
        {bytes("fragment/foot"), bytes(""), JAY_TTL_DEFAULT},
    };
    const jay_bytes keys[COUNT] = {
        bytes("fragment/head"),
        bytes("fragment/ads"),
        bytes("fragment/body"),
        bytes("fragment/foot"),
    };
    if (jay_open("memory:", NULL, &cache, NULL) != JAY_OK) return 1;
    if (jay_set_many(cache, pairs, 3, NULL, NULL) != JAY_OK) return 1;

    /* The answers come in the order of the keys: a status for each, and a view of those found. */
    jay_get_many(cache, keys, COUNT, values, statuses, NULL);
    for (int i = 0; i < COUNT; i++) {
        printf("%-14s %s, %zu bytes\n", (const char *)keys[i].data, jay_status_name(statuses[i]),
               values[i].size);
        found += statuses[i] == JAY_OK;
    }
    jay_values_release(values, COUNT);

    jay_delete_many(cache, keys, COUNT, statuses, NULL);
    int is_right = found == 3 && statuses[0] == JAY_OK && statuses[1] == JAY_MISS;
    return jay_close(cache) == JAY_OK && is_right ? 0 : 1;
}
