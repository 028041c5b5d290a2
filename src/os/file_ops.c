/*
 * file_ops.c - the kernel's calls on files.
 */
#include "os/file_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/high_fd.h"

#define ALWAYS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
#define PATH_BYTES 256

int jayi_file_open_by_steps(int folder_fd, const char *path, int flags, uint32_t mode) {
    char rest[PATH_BYTES];
    if (strlen(path) >= sizeof rest) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(rest, path, strlen(path) + 1);
    int fd = folder_fd;
    char *name = rest;
    for (char *slash; fd >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        *slash = '\0';
        int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        if (fd != folder_fd) close(fd);
        errno = saved;
        fd = next;
    }
    if (fd < 0) return -1;
    int result = openat(fd, name, flags | ALWAYS, mode);
    int saved = errno;
    if (fd != folder_fd) close(fd);
    errno = saved;
    return jayi_high_fd(result);
}

static int open_file(int folder_fd, const char *path, int flags, uint32_t mode) {
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | ALWAYS),
                           .mode = (flags & O_CREAT) != 0 ? mode : 0,
                           .resolve = RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, folder_fd, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return jayi_high_fd((int)fd);
    return jayi_file_open_by_steps(folder_fd, path, flags, mode);
}

static ssize_t read_at(int fd, void *buffer, size_t size, uint64_t at) {
    return pread(fd, buffer, size, (off_t)at);
}

static ssize_t read_parts(int fd, const struct iovec *parts, int count, uint64_t at) {
    return preadv(fd, parts, count, (off_t)at);
}

static ssize_t write_at(int fd, const struct iovec *parts, int count, uint64_t at) {
    if (count == 1) return pwrite(fd, parts->iov_base, parts->iov_len, (off_t)at);
    return pwritev(fd, parts, count, (off_t)at);
}

static int truncate_file(int fd, uint64_t size) {
    return ftruncate(fd, (off_t)size);
}

static int sync_file(int fd) {
    return fdatasync(fd);
}

static int stat_file(int fd, struct stat *ret_stat) {
    return fstat(fd, ret_stat);
}

static int stat_at(int folder_fd, const char *name, struct stat *ret_stat) {
    return fstatat(folder_fd, name, ret_stat, AT_SYMLINK_NOFOLLOW);
}

static int set_mode(int fd, uint32_t mode) {
    return fchmod(fd, mode);
}

static int make_folder(int folder_fd, const char *name, uint32_t mode) {
    return mkdirat(folder_fd, name, mode);
}

static int rename_file(int folder_fd, const char *from, const char *to) {
    return renameat(folder_fd, from, folder_fd, to);
}

static int exchange_files(int folder_fd, const char *one, const char *other) {
    return renameat2(folder_fd, one, folder_fd, other, RENAME_EXCHANGE);
}

static int move_file(int from_fd, const char *from, int to_fd, const char *to) {
    return renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE);
}

static int unlink_file(int folder_fd, const char *name) {
    return unlinkat(folder_fd, name, 0);
}

static int touch_file(int folder_fd, const char *name) {
    return utimensat(folder_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
}

static ssize_t list_folder(int folder_fd, void *buffer, size_t size) {
    return getdents64(folder_fd, buffer, size);
}

static int lock_byte(int fd, uint64_t byte, bool is_taken) {
    struct flock lock = {.l_type = is_taken ? F_WRLCK : F_UNLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)byte,
                         .l_len = 1};
    return fcntl(fd, F_SETLK, &lock);
}

jayi_file_ops jayi_files = {
    .open = open_file,
    .close = close,
    .read_at = read_at,
    .read_parts = read_parts,
    .write_at = write_at,
    .truncate = truncate_file,
    .sync = sync_file,
    .stat = stat_file,
    .stat_at = stat_at,
    .set_mode = set_mode,
    .make_folder = make_folder,
    .rename = rename_file,
    .exchange = exchange_files,
    .move = move_file,
    .unlink = unlink_file,
    .touch = touch_file,
    .list = list_folder,
    .lock = lock_byte,
};
