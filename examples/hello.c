/*
 * hello.c - open a cache, store a value, read it back.
 */
#include <jaycache/jaycache.h>
#include <stdio.h>

int main(void) {
    jay_cache *cache;
    jay_error error;
    if (jay_open("memory:?max_items=500", NULL, &cache, &error) != JAY_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }

    /* Kept for the cache's default time: 300 seconds, unless the URL says ?default_ttl=... */
    jay_set_str(cache, "foo", "value", JAY_TTL_DEFAULT);

    /* A view of the bytes in the cache, not a copy: valid until it is released. */
    jay_value value = JAY_VALUE_INIT;
    int status = jay_get_str(cache, "foo", &value);
    if (status == JAY_OK) puts(value.data);
    jay_value_release(&value);

    /* Found or not, and the value, are two things: an empty value is no miss. */
    if (jay_get_str(cache, "bar", &value) == JAY_MISS) puts("bar is not there");

    return jay_close(cache) == JAY_OK && status == JAY_OK ? 0 : 1;
}
