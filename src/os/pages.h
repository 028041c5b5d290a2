/*
 * pages.h - large mappings, on huge pages where they are to be had: a lookup then finds the page of
 * an item in the processor's table of pages, which has not nearly room for all small ones.
 */
#ifndef JAYI_PAGES_H
#define JAYI_PAGES_H

#include <stdint.h>

/*
 * Maps `bytes`, a multiple of 4096, so that they begin where a huge page can: of a file, shared, or
 * (fd -1) private memory, which the kernel gives as it is used. NULL with errno. To be ended with
 * munmap.
 */
void *jayi_pages_map(int fd, uint64_t bytes);

/*
 * Asks for huge pages in a mapping, as far as it is not in use yet. Where it is, small pages stay
 * until the kernel finds time to replace them: a huge one takes .05 ms to clear or, where memory is
 * in pieces, many milliseconds to find, so whoever wants to be quick writes first and asks then.
 */
void jayi_pages_prefer_huge(void *base, uint64_t bytes);

/*
 * Gives a file in memory, mapped as above and still empty, huge pages, as far as they are to be
 * had: most systems have them switched off for shared memory, but give them to who asks for each
 * (MADV_COLLAPSE, Linux 6.1). What it cannot give stays as it was.
 */
void jayi_pages_make_huge(int fd, void *base, uint64_t bytes);

#endif
