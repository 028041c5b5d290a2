/*
 * emulate.h - what stands in for functions that a backend's table leaves out.
 *
 * Each calls the backend's own function where there is one. What cannot be done without losing
 * atomicity is JAY_E_UNSUPPORTED, never a pretence. Keys are whole (with prefix), TTLs are
 * resolved.
 */
#ifndef JAYI_EMULATE_H
#define JAYI_EMULATE_H

#include "core/cache.h"

/* Whether the backend can keep these client flags; else JAY_E_UNSUPPORTED. */
int jayi_check_flags(const jay_cache *cache, const uint32_t *flags, size_t count, jay_error *error);

int jayi_do_get_into(jay_cache *cache, const jayi_key *key, void *buffer, size_t capacity,
                     size_t *ret_size, jay_error *error);
int jayi_do_has(jay_cache *cache, const jayi_key *key, jay_error *error);
int jayi_do_ttl(jay_cache *cache, const jayi_key *key, int64_t *ret_ttl_ms, jay_error *error);
int jayi_do_write(jay_cache *cache, jay_write *write, jay_error *error);
int jayi_do_touch(jay_cache *cache, const jayi_key *key, int64_t ttl_ms, jay_error *error);
int jayi_do_inc(jay_cache *cache, const jayi_key *key, int64_t delta, int64_t ttl_ms,
                int64_t *ret_number, jay_error *error);
int jayi_do_clear(jay_cache *cache, jay_error *error);
int jayi_do_iterate(jay_cache *cache, jay_iterate_fn *fn, void *arg, jay_error *error);

#endif
