/*
 * peer_jaycache.c - Jaycache behind the table of peer.h: any URL, by the public API alone.
 *
 * The bounds are handed in as options where the scheme has options of that name; what the URL
 * itself says goes before them. Entries expire, as a cache's usually do, though not during the run:
 * what looking at the time costs belongs to the figures.
 */
#include <jaycache/jaycache.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define TTL_MS ((int64_t)24 * 3600 * 1000)

typedef struct handle {
    jay_cache *cache;
    jay_value value;
    jay_value values[PEER_BATCH_MAX];
    jay_error error;
} handle;

static bool has_option(const char *url, const char *name) {
    char scheme[24] = "";
    snprintf(scheme, sizeof scheme, "%.*s", (int)strcspn(url, ":"), url);
    const jay_option_info *option;
    for (size_t i = 0; (option = jay_option_at(scheme, i)) != NULL; i++) {
        if (strcmp(option->name, name) == 0) return true;
    }
    return false;
}

static void set_bound(jay_options *options, const char *url, const char *name, int64_t value) {
    if (has_option(url, name)) (void)jay_options_set_int(options, name, value);
}

static void *jaycache_open(const peer_config *config, peer_error *error) {
    jay_options *options;
    if (jay_options_create(NULL, &options) != JAY_OK) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    set_bound(options, config->url, "max_bytes", (int64_t)config->capacity_bytes);
    if (config->item_limit != 0) {
        set_bound(options, config->url, "max_items", config->item_limit);
    }
    jay_cache *cache = NULL;
    jay_error reason = {0};
    if (jay_open(config->url, options, &cache, &reason) != JAY_OK) {
        snprintf(error->message, sizeof error->message, "%s", reason.message);
    }
    jay_options_destroy(options);
    return cache;
}

static void jaycache_close(void *state) {
    (void)jay_close(state);
}

static void *jaycache_attach(void *state, peer_error *error) {
    handle *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    self->cache = state;
    return self;
}

static void jaycache_detach(void *state, void *arg) {
    (void)state;
    free(arg);
}

static int jaycache_get_into(void *arg, const void *key, size_t key_size, void *buffer,
                             size_t capacity, size_t *ret_size) {
    handle *self = arg;
    const int status =
        jay_get_into(self->cache, key, key_size, buffer, capacity, ret_size, &self->error);
    return status < 0 ? PEER_FAILED : status == JAY_OK ? PEER_HIT : PEER_MISS;
}

static int jaycache_view(void *arg, const void *key, size_t key_size, peer_view *ret_view) {
    handle *self = arg;
    const int status = jay_get(self->cache, key, key_size, &self->value, &self->error);
    if (status != JAY_OK) return status < 0 ? PEER_FAILED : PEER_MISS;
    ret_view->data = self->value.data;
    ret_view->size = self->value.size;
    return PEER_HIT;
}

static void jaycache_release(void *arg, peer_view *view) {
    (void)view;
    jay_value_release(&((handle *)arg)->value);
}

static int jaycache_view_many(void *arg, const peer_key *keys, size_t count, peer_view *ret_views) {
    handle *self = arg;
    jay_bytes names[PEER_BATCH_MAX] = {{NULL, 0}};
    for (size_t i = 0; i < count; i++) {
        names[i].data = keys[i].data;
        names[i].size = keys[i].size;
    }
    const int status = jay_get_many(self->cache, names, count, self->values, NULL, &self->error);
    if (status < 0) return PEER_FAILED;
    for (size_t i = 0; i < count; i++) {
        ret_views[i].data = self->values[i].data;
        ret_views[i].size = self->values[i].size;
    }
    return PEER_HIT;
}

static void jaycache_release_many(void *arg, size_t count) {
    jay_values_release(((handle *)arg)->values, count);
}

static int jaycache_set(void *arg, const void *key, size_t key_size, const void *value,
                        size_t value_size) {
    handle *self = arg;
    const int status = jay_set(self->cache, key, key_size, value, value_size, TTL_MS, &self->error);
    return status == JAY_OK ? PEER_HIT : PEER_FAILED;
}

static int64_t jaycache_bytes(void *arg) {
    handle *self = arg;
    jay_stats stats;
    if (jay_get_stats(self->cache, &stats, sizeof stats, &self->error) != JAY_OK) return -1;
    return stats.bytes;
}

static const char *jaycache_message(void *arg) {
    return ((handle *)arg)->error.message;
}

const peer_ops peer_jaycache = {
    .name = "jaycache",
    .title = "Jaycache",
    .evicts = true,
    .open = jaycache_open,
    .close = jaycache_close,
    .attach = jaycache_attach,
    .detach = jaycache_detach,
    .get_into = jaycache_get_into,
    .set = jaycache_set,
    .view = jaycache_view,
    .release = jaycache_release,
    .view_many = jaycache_view_many,
    .release_many = jaycache_release_many,
    .bytes = jaycache_bytes,
    .message = jaycache_message,
};
