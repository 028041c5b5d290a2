/*
 * memory_limit.h - whether a size of memory can be had at all.
 */
#ifndef JAYI_MEMORY_LIMIT_H
#define JAYI_MEMORY_LIMIT_H

#include <stdint.h>

/* The memory limit of this process's control group in bytes; UINT64_MAX: none, or not known. */
uint64_t jayi_memory_limit(void);

#endif
