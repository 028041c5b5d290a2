/*
 * memcached_backend.h - memcached: and memcacheds:, a cache on memcached servers.
 */
#ifndef JAYI_MEMCACHED_BACKEND_H
#define JAYI_MEMCACHED_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_memcached_backend;
extern const jay_backend_ops jayi_memcacheds_backend;

#endif
