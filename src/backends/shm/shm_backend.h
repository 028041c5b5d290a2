/*
 * shm_backend.h - shm:NAME, a cache in memory that many processes share.
 */
#ifndef JAYI_SHM_BACKEND_H
#define JAYI_SHM_BACKEND_H

#include <jaycache/backend.h>

extern const jay_backend_ops jayi_shm_backend;

#endif
