/*
 * redis_backend.h - redis: and its kin, entries on Redis or Valkey: one server, a master that
 * sentinels name, or a cluster.
 */
#ifndef JAYI_REDIS_BACKEND_H
#define JAYI_REDIS_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_redis_backend;
extern const jay_backend_ops jayi_rediss_backend;
extern const jay_backend_ops jayi_redis_unix_backend;
extern const jay_backend_ops jayi_redis_sentinel_backend;
extern const jay_backend_ops jayi_rediss_sentinel_backend;
extern const jay_backend_ops jayi_redis_cluster_backend;
extern const jay_backend_ops jayi_rediss_cluster_backend;

#endif
