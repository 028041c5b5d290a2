/*
 * file_leaf.c - opening and listing leaves, and what all parts of the file backend share.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/file/file_dir.h"
#include "os/file_ops.h"

#define LIST_BYTES 16384
#define LIST_CALLS_MAX 1000000 /* a folder that never ends is damaged */

int jayi_file_failed(const char *what, const char *path, jay_error *error) {
    int saved = errno;
    int code = JAY_E_IO;
    const char *advice = "is the disk whole?";
    switch (saved) {
    case EACCES:
    case EPERM:
        code = JAY_E_PERMISSION;
        advice = "who owns it, and with which mode?";
        break;
    case EROFS:
        code = JAY_E_PERMISSION;
        advice = "mount it for writing";
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        code = JAY_E_FULL;
        advice = "make room, or give a smaller max_bytes";
        break;
    case ELOOP:
        advice = "is the path right? a link in the cache's directory is not followed; remove it";
        break;
    case ENOMEM:
        code = JAY_E_NO_MEMORY;
        advice = "the kernel is out of memory";
        break;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        advice = "is the path right?";
        break;
    case EMFILE:
    case ENFILE:
        advice = "too many files are open; raise the limit (ulimit -n)";
        break;
    default:
        break;
    }
    return jay_error_set(error, code, saved, "cannot %s %s: %s; %s", what, path, strerror(saved),
                         advice);
}

int jayi_write_all(int fd, const void *const parts[], const size_t sizes[], int count) {
    uint64_t at = 0;
    size_t skip = 0; /* of the first part that is left */
    int first = 0;
    while (first < count) {
        struct iovec left[4];
        int left_count = 0;
        for (int i = first; i < count && left_count < 4; i++) {
            size_t done = i == first ? skip : 0;
            /* The kernel only reads it. */
            left[left_count].iov_base = (char *)(uintptr_t)parts[i] + done;
            left[left_count++].iov_len = sizes[i] - done;
        }
        ssize_t written = jayi_files.write_at(fd, left, left_count, at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        at += (uint64_t)written;
        skip += (size_t)written;
        while (first < count && skip >= sizes[first]) skip -= sizes[first++];
        if (written == 0 && first < count) {
            errno = ENOSPC;
            return -1;
        }
    }
    return 0;
}

/* ---- leaves ---- */

/* Makes a folder with the mode that it is to have, whatever the umask, and opens it. */
static int make_folder(const jay_backend *backend, int parent_fd, const char *name) {
    uint32_t mode = jayi_folder_mode(backend->mode);
    bool is_new = jayi_files.make_folder(parent_fd, name, mode) == 0;
    if (!is_new && errno != EEXIST) return -1;
    int fd = jayi_files.open(parent_fd, name, O_RDONLY | O_DIRECTORY, 0);
    struct stat st;
    bool is_bad = fd >= 0 && is_new && jayi_files.stat(fd, &st) == 0 &&
                  (st.st_mode & 07777) != mode && jayi_files.set_mode(fd, mode) != 0;
    if (!is_bad) return fd;
    int saved = errno;
    jayi_files.close(fd);
    errno = saved;
    return -1;
}

static int make_leaf(const jay_backend *backend, const char path[4]) {
    char upper[2] = {path[0], '\0'};
    int upper_fd = make_folder(backend, backend->dir->root_fd, upper);
    if (upper_fd < 0) return -1;
    int fd = make_folder(backend, upper_fd, path + 2);
    int saved = errno;
    jayi_files.close(upper_fd);
    errno = saved;
    return fd;
}

/* Sees to it that a leaf's name, which others may have made, is on the disk: a folder that does not
 * survive a power failure would take synced entries with it. 0, or -1 and errno. */
static int keep_name(const jay_backend *backend, uint32_t leaf, const char path[4]) {
    _Atomic uint64_t *word = &backend->dir->named_leaves[leaf / 64];
    uint64_t bit = UINT64_C(1) << leaf % 64;
    if (atomic_load(word) & bit) return 0;
    char upper[2] = {path[0], '\0'};
    int fd = jayi_files.open(backend->dir->root_fd, upper, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return -1;
    bool is_kept = jayi_files.sync(fd) == 0 && jayi_files.sync(backend->dir->root_fd) == 0;
    int saved = errno;
    jayi_files.close(fd);
    errno = saved;
    if (is_kept) atomic_fetch_or(word, bit);
    return is_kept ? 0 : -1;
}

int jayi_leaf_open(const jay_backend *backend, uint32_t leaf, bool may_make, int *ret_fd,
                   jay_error *error) {
    char path[4];
    jayi_leaf_path(leaf, path);
    int fd = jayi_files.open(backend->dir->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && errno == ENOENT && may_make) {
        atomic_fetch_and(&backend->dir->named_leaves[leaf / 64], ~(UINT64_C(1) << leaf % 64));
        fd = make_leaf(backend, path);
    }
    if (fd >= 0 && may_make && backend->is_synced && keep_name(backend, leaf, path) != 0) {
        int saved = errno;
        jayi_files.close(fd);
        errno = saved;
        return jayi_file_failed("sync", backend->dir->path, error);
    }
    if (fd >= 0) {
        *ret_fd = fd;
        return JAY_OK;
    }
    int saved = errno;
    bool is_foreign = saved == ELOOP || saved == ENOTDIR;
    if (saved == ENOENT || (is_foreign && !may_make)) return JAY_MISS;
    if (!is_foreign) return jayi_file_failed("open a folder of", backend->dir->path, error);
    return jay_error_set(error, JAY_E_PERMISSION, saved,
                         "%s/%s is not a folder that this cache has made; remove it",
                         backend->dir->path, path);
}

int jayi_leaf_list(int folder_fd, jayi_leaf_fn *fn, void *arg, jay_error *error) {
    _Alignas(struct dirent64) char buffer[LIST_BYTES];
    for (int call = 0; call < LIST_CALLS_MAX; call++) {
        ssize_t size = jayi_files.list(folder_fd, buffer, sizeof buffer);
        if (size == 0 || (size < 0 && errno == ENOENT)) return JAY_OK; /* or removed meanwhile */
        if (size < 0) return jayi_file_failed("list", "a folder of the cache", error);
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            if (entry->d_reclen == 0) return JAY_OK;
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            if (!fn(arg, entry->d_name)) return JAY_OK;
        }
    }
    errno = EIO;
    return jayi_file_failed("list", "a folder of the cache", error);
}
