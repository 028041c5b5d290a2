/*
 * memory_limit.c - limits of control groups, version 2 and 1.
 *
 * A group's limit counts for all groups below it, so each on the way up is asked.
 */
#include "os/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 1024

/* Reads a small file whole, with a NUL behind. */
static bool read_file(const char *path, char *text, size_t capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t size = read(fd, text, capacity - 1);
    close(fd);
    if (size < 0) return false;
    text[size] = '\0';
    return true;
}

/* The number in a file; UINT64_MAX for "max" and for no number. */
static uint64_t limit_in(const char *path) {
    char text[64];
    if (!read_file(path, text, sizeof text) || text[0] < '0' || text[0] > '9') return UINT64_MAX;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    return errno == 0 ? number : UINT64_MAX;
}

/* The least limit of a group and those above it. */
static uint64_t least_limit(const char *root, const char *group, const char *file) {
    uint64_t least = UINT64_MAX;
    char at[PATH_BYTES / 2];
    snprintf(at, sizeof at, "%s", group);
    for (;;) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s%s/%s", root, strcmp(at, "/") == 0 ? "" : at, file);
        uint64_t limit = limit_in(path);
        if (limit < least) least = limit;
        char *slash = strrchr(at, '/');
        if (slash == NULL || at[0] == '\0') return least;
        *slash = '\0';
    }
}

uint64_t jayi_memory_limit(void) {
    char text[4096];
    uint64_t least = UINT64_MAX;
    int saved = errno;
    if (!read_file("/proc/self/cgroup", text, sizeof text)) text[0] = '\0';
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) *next++ = '\0';
        uint64_t limit = UINT64_MAX;
        const char *v1 = strstr(line, ":memory:");
        if (strncmp(line, "0::", 3) == 0) {
            limit = least_limit("/sys/fs/cgroup", line + 3, "memory.max");
        } else if (v1 != NULL) {
            limit = least_limit("/sys/fs/cgroup/memory", v1 + 8, "memory.limit_in_bytes");
        }
        if (limit < least) least = limit;
    }
    errno = saved;
    return least;
}
