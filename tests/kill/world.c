/*
 * world.c - see world.h.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region_audit.h"

#define TTL_CLASS_MS 600000 /* WORLD_LONG_TTL_MS is a multiple: right in the middle of a class */

static unsigned char value_buffer[WORLD_VALUE_MAX];

/* Maps the region a second time, without joining it. */
static void map_region(world *w) {
    char path[128];
    struct stat st;
    jay_error error;
    snprintf(path, sizeof path, "/dev/shm/jaycache.%s", w->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    KILL_CHECK(fd >= 0 && fstat(fd, &st) == 0, "cannot open %s: %s", path, strerror(errno));
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    KILL_CHECK(base != MAP_FAILED, "cannot map %s: %s", path, strerror(errno));
    memset(&w->region, 0, sizeof w->region);
    KILL_CHECK(jayi_region_bind(&w->region, base, (uint64_t)st.st_size, &error) == JAY_OK,
               "cannot bind: %s", error.message);
    w->region.lock_fd = -1;
    w->region.is_shared = true;
}

void world_create(world *w, const char *options) {
    jay_error error;
    memset(w, 0, sizeof *w);
    w->name = kill_name();
    snprintf(w->url, sizeof w->url, "shm:%s?%s", w->name, options);
    KILL_CHECK(jay_open(w->url, NULL, &w->cache, &error) == JAY_OK, "%s: %s", w->url,
               error.message);
    map_region(w);
    w->start = malloc(w->region.region_bytes);
    KILL_CHECK(w->start != NULL, "no memory for an image");
}

void world_destroy(world *w) {
    for (unsigned i = 0; i < w->view_count; i++) {
        jay_value_release(&w->views[i]);
        free(w->held[i]);
    }
    KILL_CHECK(jay_close(w->cache) == JAY_OK, "the cache cannot be closed");
    munmap(w->region.base, w->region.region_bytes);
    free(w->start);
    jay_shm_remove(w->name, NULL);
}

/* ---- entries ---- */

void world_know(world *w, const char *key) {
    for (unsigned i = 0; i < w->key_count; i++) {
        if (strcmp(w->keys[i].name, key) == 0) return;
    }
    KILL_CHECK(w->key_count < WORLD_KEYS, "the world has too many keys");
    snprintf(w->keys[w->key_count++].name, sizeof w->keys[0].name, "%s", key);
}

unsigned world_find(const world *w, const char *key) {
    unsigned i = 0;
    while (i < w->key_count && strcmp(w->keys[i].name, key) != 0) i++;
    KILL_CHECK(i < w->key_count, "the world does not know %s", key);
    return i;
}

/* Cheap, since stepped children do it, too. */
void world_value(unsigned char *buffer, const char *key, unsigned generation, size_t size) {
    uint64_t noise = kill_hash(key, strlen(key)) + generation;
    for (size_t i = 0; i < size; i += sizeof noise) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(buffer + i, &noise, size - i < sizeof noise ? size - i : sizeof noise);
    }
}

void world_set(world *w, const char *key, unsigned generation, size_t size, int64_t ttl_ms) {
    jay_error error;
    world_value(value_buffer, key, generation, size);
    world_know(w, key);
    KILL_CHECK(jay_set(w->cache, key, strlen(key), value_buffer, size, ttl_ms, &error) == JAY_OK,
               "cannot store %zu bytes under %s: %s", size, key, error.message);
}

static int64_t evictions_of(const world *w) {
    jay_stats stats;
    KILL_CHECK(jay_get_stats(w->cache, &stats, sizeof stats, NULL) == JAY_OK, "no statistics");
    return stats.evictions;
}

void world_fill(world *w, size_t smallest, size_t largest) {
    char key[40];
    for (unsigned i = 0; evictions_of(w) < 12; i++) {
        snprintf(key, sizeof key, "fill-%u", i);
        world_set(w, key, 0, smallest + kill_below(largest - smallest + 1),
                  i % 3 == 0 ? JAY_TTL_FOREVER : WORLD_LONG_TTL_MS);
        /* Some are hot, so that the policy has something to go by. */
        for (unsigned j = 0; j < i % 4; j++) {
            size_t size;
            jay_get_into(w->cache, key, strlen(key), value_buffer, sizeof value_buffer, &size,
                         NULL);
        }
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < w->key_count; i++) {
        if (jay_has_str(w->cache, w->keys[i].name) == JAY_OK) w->keys[kept++] = w->keys[i];
    }
    w->key_count = kept;
    w->is_full = true;
}

/* ---- views ---- */

void world_hold(world *w, const char *key) {
    KILL_CHECK(w->view_count < WORLD_VIEWS, "the world has too many views");
    jay_value *view = &w->views[w->view_count];
    KILL_CHECK(jay_get_str(w->cache, key, view) == JAY_OK, "%s cannot be viewed", key);
    w->held[w->view_count] = malloc(view->size + 1);
    KILL_CHECK(w->held[w->view_count] != NULL, "no memory");
    memcpy(w->held[w->view_count++], view->data, view->size + 1);
}

void world_check_views(const world *w) {
    for (unsigned i = 0; i < w->view_count; i++)
        KILL_CHECK(memcmp(w->views[i].data, w->held[i], w->views[i].size + 1) == 0,
                   "view %u of %zu bytes has changed", i, w->views[i].size);
}

/* ---- images ---- */

void world_seal(world *w) {
    memcpy(w->start, w->region.base, w->region.region_bytes);
}

void world_restore(const world *w) {
    memcpy(w->region.base, w->start, w->region.region_bytes);
}

/* ---- looking ---- */

void world_read(const world *w, world_state *state) {
    memset(state, 0, sizeof *state);
    for (unsigned i = 0; i < w->key_count; i++) {
        const char *key = w->keys[i].name;
        size_t size = 0;
        int64_t ttl_ms = 0;
        int status = jay_get_into(w->cache, key, strlen(key), value_buffer, sizeof value_buffer,
                                  &size, NULL);
        if (status == JAY_MISS) continue;
        KILL_CHECK(status == JAY_OK, "reading %s: %s", key, jay_status_name(status));
        KILL_CHECK(jay_ttl(w->cache, key, strlen(key), &ttl_ms, NULL) == JAY_OK,
                   "%s is there, but has no time left", key);
        uint64_t left = ttl_ms == JAY_TTL_FOREVER
                            ? 0
                            : 1 + (uint64_t)(ttl_ms + TTL_CLASS_MS / 2) / TTL_CLASS_MS;
        uint64_t hash = (kill_hash(value_buffer, size) ^ left) * UINT64_C(0x9E3779B97F4A7C15);
        state->values[i] = hash | 1;
        state->present++;
    }
}

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(unsigned *)arg;
    return 0;
}

void world_check_counts(const world *w, const world_state *state) {
    jay_stats stats;
    jay_error error;
    unsigned count = 0;
    /* First: it needs the lock of every shard, and so rebuilds them where need be. */
    KILL_CHECK(jay_iterate(w->cache, count_entry, &count, &error) == JAY_OK, "cannot iterate: %s",
               error.message);
    KILL_CHECK(jay_get_stats(w->cache, &stats, sizeof stats, &error) == JAY_OK, "no statistics: %s",
               error.message);
    KILL_CHECK(stats.resets == 0, "%lld resets", (long long)stats.resets);
    KILL_CHECK(stats.items >= count && stats.items <= count + w->expired,
               "items is %lld, iterating shows %u", (long long)stats.items, count);
    KILL_CHECK(count == state->present, "iterating shows %u entries, reading finds %llu", count,
               (unsigned long long)state->present);
    KILL_CHECK(stats.bytes <= stats.max_bytes, "bytes is %lld, of %lld", (long long)stats.bytes,
               (long long)stats.max_bytes);
}

void world_audit(const world *w) {
    const char *fault = region_audit(&w->region);
    KILL_CHECK(fault == NULL, "the region does not add up: %s", fault);
}
