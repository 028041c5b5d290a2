/*
 * shared.h - regions in shared memory: making, joining and leaving them, by name.
 *
 * shm:NAME is the file jaycache.NAME in /dev/shm, and beside it jaycache.NAME.lock, which stays as
 * long as the name is in use. fcntl locks on its bytes say who is there: byte 0 is held while
 * someone makes, checks or removes the region; byte 1 + n by the process that has row n. The kernel
 * drops them when a process dies.
 *
 * fcntl locks belong to a process, and closing any descriptor of the file drops all of them. So a
 * process joins a region once, and all its handles share that (a list in shared.c, this
 * library's only global state, guarded by a mutex that fork waits for).
 */
#ifndef JAYI_SHARED_H
#define JAYI_SHARED_H

#include "engine/region.h"

typedef struct jayi_shared_plan {
    const char *name;
    jayi_region_plan region;
    uint32_t mode;
    bool is_mode_given;
    bool is_bytes_given; /* else the size of an existing region is accepted */
    bool is_items_given;
    bool may_rebuild;
} jayi_shared_plan;

/* Joins the region of a name, made if it is not there. On JAY_OK *ret_region is to be left by
 * jayi_shared_close. */
int jayi_shared_open(const jayi_shared_plan *plan, const jay_allocator *allocator,
                     jayi_region **ret_region, jay_error *error);
void jayi_shared_close(jayi_region *region);

#endif
