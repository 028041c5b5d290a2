/*
 * seg_pages.c - how the kernel holds segments' files in memory.
 *
 * It chooses the size of the pages for a part of a file when it brings that part in: for parts that
 * are read, by how far it reads ahead, and for parts that are written, by the size and the
 * alignment of the write, which for records means small pages. Pages stay as they are until they
 * are dropped, also while the file serves as the next segment.
 */
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "backends/file/seg_store.h"
#include "os/file_ops.h"
#include "util/memory.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* Whether a hole that is read through a mapping takes room, as on file systems in memory. */
static bool has_costly_holes(int fd) {
    struct statfs fs;
    return fstatfs(fd, &fs) != 0 || (uint32_t)fs.f_type == TMPFS_MAGIC ||
           (uint32_t)fs.f_type == RAMFS_MAGIC;
}

/* Reads the file as a mapping that asks for huge pages. False: this kernel cannot (before 5.14). */
static bool read_as_huge(int fd, size_t size) {
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return false;
    /* Unlike touching it, this cannot end in SIGBUS. */
    bool is_done =
        madvise(map, size, MADV_HUGEPAGE) == 0 && madvise(map, size, MADV_POPULATE_READ) == 0;
    munmap(map, size);
    return is_done;
}

/* Reads it from the beginning to the end: pages grow with what was read already. */
static void read_through(const jayi_dir *dir, int fd, size_t size) {
    const size_t part = (size_t)256 << 10;
    unsigned char *bytes = jayi_alloc(&dir->allocator, part);
    ssize_t got = bytes != NULL ? 1 : 0;
    for (uint64_t at = 0; at < size && got > 0; at += part)
        got = jayi_files.read_at(fd, bytes, part, at);
    jayi_free(&dir->allocator, bytes);
}

void jayi_segment_warm(const jayi_dir *dir, int fd, size_t size) {
    if (!has_costly_holes(fd) && !read_as_huge(fd, size)) read_through(dir, fd, size);
}

bool jayi_segment_is_resident(int fd, size_t size) {
    enum { PART_PAGES = 256 };
    unsigned char pages[PART_PAGES];
    const size_t part = (size_t)PART_PAGES * 4096;
    unsigned char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return false;
    bool is_there = true;
    for (size_t at = 0; at < size && is_there; at += part) {
        size_t bytes = size - at < part ? size - at : part;
        is_there = mincore(map + at, bytes, pages) == 0;
        for (size_t i = 0; i < (bytes + 4095) / 4096 && is_there; i++) is_there = pages[i] & 1;
    }
    munmap(map, size);
    return is_there;
}
