/*
 * region_backend.c - the engine's functions in the form of a backend's table.
 */
#include "backends/region/region_backend.h"

#include "os/random.h"
#include "util/memory.h"

#define PAGE 4096

jay_backend *jayi_region_backend_create(const jay_backend_config *config, jay_error *error) {
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) {
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
        return NULL;
    }
    backend->allocator = config->allocator;
    backend->region = &backend->private_region;
    return backend;
}

void jayi_region_backend_destroy(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    jayi_free(&allocator, backend);
}

jayi_region *jayi_region_of(const jay_backend_ops *ops, const jay_backend *backend) {
    return ops->get_into == jayi_region_get_into ? backend->region : NULL;
}

jayi_region_plan jayi_region_plan_of(const jay_backend_config *config, uint32_t row_count) {
    return (jayi_region_plan){
        .region_bytes = (uint64_t)config->values[JAYI_REGION_MAX_BYTES].number / PAGE * PAGE,
        .max_items = (uint64_t)config->values[JAYI_REGION_MAX_ITEMS].number,
        .row_count = row_count,
        .size_bias = (uint32_t)config->values[JAYI_REGION_SIZE_BIAS].number,
        .seed = jayi_random_seed()};
}

int jayi_region_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error) {
    return jayi_engine_get(backend->region, key, key_size, ret_value, error);
}

void jayi_region_release(jay_backend *backend, jay_value *value) {
    jayi_engine_release(backend->region, value);
}

int jayi_region_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    return jayi_engine_write(backend->region, write, error);
}

int jayi_region_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    return jayi_engine_erase(backend->region, key, key_size, error);
}

int jayi_region_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error) {
    return jayi_engine_get_into(backend->region, key, key_size, buffer, capacity, ret_size, error);
}

int jayi_region_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    return jayi_engine_has(backend->region, key, key_size, error);
}

int jayi_region_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error) {
    return jayi_engine_ttl(backend->region, key, key_size, ret_ttl_ms, error);
}

int jayi_region_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error) {
    return jayi_engine_touch(backend->region, key, key_size, ttl_ms, error);
}

int jayi_region_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    return jayi_engine_inc(backend->region, key, key_size, delta, ttl_ms, ret_number, error);
}

void jayi_region_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                          jay_value *ret_values, int *statuses, jay_error *error) {
    jayi_engine_get_many(backend->region, keys, count, ret_values, statuses, error);
}

int jayi_region_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_error *error) {
    return jayi_engine_clear(backend->region, prefix, prefix_size, error);
}

int jayi_region_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                        jay_iterate_fn *fn, void *arg, jay_error *error) {
    return jayi_engine_iterate(backend->region, &backend->allocator, prefix, prefix_size, fn, arg,
                               error);
}

int jayi_region_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    return jayi_engine_stats(backend->region, stats, error);
}
