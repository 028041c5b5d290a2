/*
 * canned_answers.c - the jaycache command with answers of our own in place of some of the
 * library's.
 *
 * What a program defines itself goes before what a shared library has. So this file, linked with
 * the command's objects, lets tests see what the built-in backends do not show: a value as single
 * call on standard output, failures, numbers that are not known, and a clear that takes its time.
 *   get       "bytes": all 256 bytes; "broken": JAY_E_IO; "none": a miss
 *   list      three entries, without heat; with the environment variable CANNED_COUNT, so many
 *   stats     everything unknown
 *   clear     takes half a second, then fails
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jaycache/backend.h>

static unsigned char all_bytes[257];

int jay_get(jay_cache *cache, const void *key, size_t key_size, jay_value *ret_value,
            jay_error *error) {
    (void)cache;
    if (key_size == 6 && memcmp(key, "broken", 6) == 0) {
        return jay_error_set(error, JAY_E_IO, 5, "the disk said no; try another");
    }
    if (key_size != 5 || memcmp(key, "bytes", 5) != 0) return JAY_MISS;
    for (size_t i = 0; i < 256; i++) all_bytes[i] = (unsigned char)i;
    *ret_value = (jay_value)JAY_VALUE_INIT;
    ret_value->data = all_bytes;
    ret_value->size = 256;
    ret_value->version = UINT64_MAX;
    return JAY_OK;
}

void jay_value_release(jay_value *value) {
    *value = (jay_value)JAY_VALUE_INIT;
}

int jay_iterate(jay_cache *cache, jay_iterate_fn *fn, void *arg, jay_error *error) {
    (void)cache;
    (void)error;
    const char *text = getenv("CANNED_COUNT");
    long count = text != NULL ? strtol(text, NULL, 10) : 3;
    for (long i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%ld", i);
        jay_entry_info entry = {key, strlen(key), 1, JAY_TTL_FOREVER, -1, -1};
        if (fn(arg, &entry) != 0) return JAY_STOPPED;
    }
    return JAY_OK;
}

int jay_get_stats(jay_cache *cache, jay_stats *ret_stats, size_t stats_size, jay_error *error) {
    (void)cache;
    (void)error;
    memset(ret_stats, 0xFF, stats_size);
    return JAY_OK;
}

int jay_clear(jay_cache *cache, jay_error *error) {
    (void)cache;
    const struct timespec half_a_second = {0, 500000000};
    nanosleep(&half_a_second, NULL);
    return jay_error_set(error, JAY_E_TIMEOUT, 0, "no answer; is the server up?");
}
