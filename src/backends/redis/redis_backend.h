/*
 * redis_backend.h - redis:, rediss: and redis+unix:, entries on a Redis or Valkey server.
 */
#ifndef JAYI_REDIS_BACKEND_H
#define JAYI_REDIS_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_redis_backend;
extern const jay_backend_ops jayi_rediss_backend;
extern const jay_backend_ops jayi_redis_unix_backend;

#endif
