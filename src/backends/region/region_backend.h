/*
 * region_backend.h - what memory: and shm: have in common: a backend over a region of the engine.
 */
#ifndef JAYI_REGION_BACKEND_H
#define JAYI_REGION_BACKEND_H

#include <jaycache/backend.h>

#include "engine/engine.h"

struct jay_backend {
    jayi_region *region;
    jay_allocator allocator;
    jayi_region private_region; /* what `region` points to when it is nobody else's */
};

/* A backend without a region yet; NULL without memory. */
jay_backend *jayi_region_backend_create(const jay_backend_config *config, jay_error *error);
void jayi_region_backend_destroy(jay_backend *backend);

/* The region behind a backend of these operations; NULL when it has none. */
jayi_region *jayi_region_of(const jay_backend_ops *ops, const jay_backend *backend);

/* The options that both take, and their place in the tables. */
enum { JAYI_REGION_MAX_BYTES, JAYI_REGION_MAX_ITEMS, JAYI_REGION_SIZE_BIAS, JAYI_REGION_OPTIONS };

#define JAYI_REGION_OPTION_ROWS(default_items)                                                     \
    [JAYI_REGION_MAX_BYTES] = {.name = "max_bytes",                                                \
                               .type = JAY_OPTION_SIZE,                                            \
                               .default_text = "64m",                                              \
                               .min = JAYI_REGION_MIN,                                             \
                               .max = (int64_t)JAYI_REGION_MAX,                                    \
                               .also = "size memory limit max_memory maxmemory",                   \
                               .help = "the most memory it may take, overhead included"},          \
    [JAYI_REGION_MAX_ITEMS] = {.name = "max_items",                                                \
                               .type = JAY_OPTION_INT,                                             \
                               .default_text = default_items,                                      \
                               .min = 0,                                                           \
                               .max = INT64_C(1) << 40,                                            \
                               .also = "threshold items max_entries capacity",                     \
                               .help = "the most entries it may hold; 0: no limit but max_bytes"}, \
    [JAYI_REGION_SIZE_BIAS] = {                                                                    \
        .name = "size_bias",                                                                       \
        .type = JAY_OPTION_INT,                                                                    \
        .default_text = "75",                                                                      \
        .min = 0,                                                                                  \
        .max = 100,                                                                                \
        .also = "alpha size_aware",                                                                \
        .help = "how much sooner large entries go, where bytes are the limit: 0 finds the most "   \
                "bytes again, 100 the most entries"}

/* The plan of a region by the common options. */
jayi_region_plan jayi_region_plan_of(const jay_backend_config *config, uint32_t row_count);

int jayi_region_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error);
void jayi_region_release(jay_backend *backend, jay_value *value);
int jayi_region_write(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_region_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_region_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error);
int jayi_region_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_region_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error);
int jayi_region_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error);
int jayi_region_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error);
void jayi_region_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                          jay_value *ret_values, int *statuses, jay_error *error);
int jayi_region_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_error *error);
int jayi_region_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                        jay_iterate_fn *fn, void *arg, jay_error *error);
int jayi_region_stats(jay_backend *backend, jay_stats *stats, jay_error *error);

/* The fields of a table that do not differ. */
#define JAYI_REGION_BACKEND_FIELDS                                                                \
    .struct_size = sizeof(jay_backend_ops), .abi = JAY_BACKEND_ABI,                               \
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS | JAY_BACKEND_COUNTS,        \
    .get = jayi_region_get, .release = jayi_region_release, .write = jayi_region_write,           \
    .erase = jayi_region_erase, .get_into = jayi_region_get_into, .has = jayi_region_has,         \
    .ttl = jayi_region_ttl, .touch = jayi_region_touch, .inc = jayi_region_inc,                   \
    .get_many = jayi_region_get_many, .clear = jayi_region_clear, .iterate = jayi_region_iterate, \
    .stats = jayi_region_stats

#endif
