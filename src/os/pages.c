/*
 * pages.c - mapping.
 */
#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>

#define HUGE_PAGE (UINT64_C(2) << 20)
#define HUGE_FROM (8 * HUGE_PAGE) /* smaller mappings do not need them */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

void *jayi_pages_map(int fd, uint64_t bytes) {
    uint64_t reserved = bytes + HUGE_PAGE;
    unsigned char *all =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return NULL;
    uint64_t skip = (HUGE_PAGE - (uint64_t)(uintptr_t)all % HUGE_PAGE) % HUGE_PAGE;
    unsigned char *base = all + skip;
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    if (mmap(base, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
        int saved = errno;
        munmap(all, reserved);
        errno = saved;
        return NULL;
    }
    if (skip > 0) munmap(all, skip);
    munmap(base + bytes, HUGE_PAGE - skip);
    return base;
}

void jayi_pages_prefer_huge(void *base, uint64_t bytes) {
    int saved = errno;
    if (bytes >= HUGE_FROM) (void)madvise(base, bytes, MADV_HUGEPAGE); /* may be refused */
    errno = saved;
}

void jayi_pages_make_huge(int fd, void *base, uint64_t bytes) {
    if (bytes < HUGE_FROM) return;
    uint64_t whole = bytes / HUGE_PAGE * HUGE_PAGE;
    /* A page of each has to be there to begin with. Where the file system is full, only its
     * allocation says so in a way that can be survived. */
    for (uint64_t at = 0; at < whole; at += HUGE_PAGE) {
        if (fallocate(fd, 0, (off_t)at, 1) != 0) return;
    }
    (void)madvise(base, whole, MADV_COLLAPSE);
}
