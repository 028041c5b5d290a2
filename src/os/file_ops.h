/*
 * file_ops.h - the system calls on files, in a table, so that tests can make each of them fail and
 * can record what was written in which order.
 *
 * Each behaves as the call that it is named after: -1 and errno on failure. Paths are relative to
 * an open directory; no symbolic link is ever followed, at no component.
 */
#ifndef JAYI_FILE_OPS_H
#define JAYI_FILE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct jayi_file_ops {
    /* O_CLOEXEC, O_NOFOLLOW and O_NONBLOCK (nobody waits for the other end of a FIFO) are added.
     * What it gives is above standard error (high_fd.h). */
    int (*open)(int folder_fd, const char *path, int flags, uint32_t mode);
    int (*close)(int fd);
    ssize_t (*read_at)(int fd, void *buffer, size_t size, uint64_t at);
    ssize_t (*read_parts)(int fd, const struct iovec *parts, int count, uint64_t at);
    ssize_t (*write_at)(int fd, const struct iovec *parts, int count, uint64_t at);
    int (*truncate)(int fd, uint64_t size);
    int (*sync)(int fd); /* fdatasync of a file, fsync of a directory */
    int (*stat)(int fd, struct stat *ret_stat);
    int (*stat_at)(int folder_fd, const char *name, struct stat *ret_stat);
    int (*set_mode)(int fd, uint32_t mode);
    int (*make_folder)(int folder_fd, const char *name, uint32_t mode);
    int (*rename)(int folder_fd, const char *from, const char *to);
    int (*exchange)(int folder_fd, const char *one, const char *other);
    /* Fails with EEXIST where the name is taken. */
    int (*move)(int from_fd, const char *from, int to_fd, const char *to);
    int (*unlink)(int folder_fd, const char *name);
    int (*touch)(int folder_fd, const char *name); /* both times: now */
    /* As getdents64; folder_fd is open for reading. */
    ssize_t (*list)(int folder_fd, void *buffer, size_t size);
    /* Takes or gives back (is_taken) the lock on one byte, for this process; never waits. */
    int (*lock)(int fd, uint64_t byte, bool is_taken);
} jayi_file_ops;

/* What is in use: the kernel's. Tests alone put others in, and only while no other thread runs. */
extern jayi_file_ops jayi_files;

/* What `open` does where the kernel or a sandbox has no openat2: component by component. */
int jayi_file_open_by_steps(int folder_fd, const char *path, int flags, uint32_t mode);

#endif
