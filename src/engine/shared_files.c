/*
 * shared_files.c - making, opening and removing the files of shared regions.
 */
#include "engine/shared_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/high_fd.h"
#include "os/memory_limit.h"
#include "os/pages.h"

#define LOCK_WAITS 5000 /* of a millisecond each */
#define PATH_BYTES (sizeof JAYI_SHARED_DIRECTORY JAYI_SHARED_PREFIX + JAYI_SHARED_NAME_MAX + 16)

static void path_of(const char *name, const char *suffix, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "%s/%s%s%s", JAYI_SHARED_DIRECTORY, JAYI_SHARED_PREFIX, name,
             suffix);
}

int jayi_shared_check_name(const char *name, jay_error *error) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t size = strlen(name);
    bool has_suffix = (size >= 5 && strcmp(name + size - 5, ".lock") == 0) ||
                      (size >= 4 && strcmp(name + size - 4, ".new") == 0);
    if (size > 0 && size <= JAYI_SHARED_NAME_MAX && name[0] != '.' && !has_suffix &&
        strspn(name, allowed) == size)
        return JAY_OK;
    return jay_error_set(error, JAY_E_URL, 0,
                         "shm: wants a name of 1 to %d letters, digits, '-', '_' and '.', not "
                         "beginning with '.' nor ending in .lock or .new; write for example "
                         "shm:mysite",
                         JAYI_SHARED_NAME_MAX);
}

/* A failure of a system call on a file. */
static int failed(const char *what, const char *path, jay_error *error) {
    int saved = errno;
    int code = saved == EACCES || saved == EPERM    ? JAY_E_PERMISSION
               : saved == ENOSPC || saved == EDQUOT ? JAY_E_FULL
               : saved == ENOMEM                    ? JAY_E_NO_MEMORY
                                                    : JAY_E_IO;
    const char *advice = saved == EMFILE || saved == ENFILE
                             ? "; too many files are open; raise the limit (ulimit -n)"
                         : code == JAY_E_PERMISSION ? "; who owns it, and with which mode?"
                         : code == JAY_E_FULL       ? "; make room in " JAYI_SHARED_DIRECTORY
                         : saved == ENOENT          ? "; is " JAYI_SHARED_DIRECTORY " mounted?"
                                                    : "";
    return jay_error_set(error, code, saved, "cannot %s %s: %s%s", what, path, strerror(saved),
                         advice);
}

/* Refuses what another user has put there: they could change the memory under us. */
static int check_owner(const struct stat *st, const jayi_shared_plan *plan, const char *path,
                       jay_error *error) {
    if (!S_ISREG(st->st_mode))
        return jay_error_set(error, JAY_E_PERMISSION, 0, "%s is not a regular file", path);
    if (st->st_uid == geteuid() || st->st_uid == 0) return JAY_OK;
    if (plan->is_mode_given && (plan->mode & 066) != 0) return JAY_OK;
    return jay_error_set(error, JAY_E_PERMISSION, 0,
                         "%s belongs to user %u; to share it among users, give the same mode "
                         "with group or world bits to all, like mode=0660",
                         path, (unsigned)st->st_uid);
}

/* ---- the lock file ---- */

int jayi_shared_open_lock(const jayi_shared_plan *plan, int *ret_fd, jayi_file_id *ret_id,
                          jay_error *error) {
    char path[PATH_BYTES];
    struct stat st;
    path_of(plan->name, ".lock", path);
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    int fd = jayi_high_fd(open(path, flags | O_CREAT | O_EXCL, plan->mode));
    if (fd >= 0) {
        if (fchmod(fd, plan->mode) != 0) { /* umask may have narrowed it */
            int status = failed("set the permissions of", path, error);
            close(fd);
            return status;
        }
    } else if (errno == EEXIST) {
        fd = jayi_high_fd(open(path, flags));
        if (fd < 0 && errno == ENOENT) return JAY_CHANGED;
    }
    if (fd < 0) return failed("open", path, error);
    int status =
        fstat(fd, &st) != 0 ? failed("look at", path, error) : check_owner(&st, plan, path, error);
    if (status != JAY_OK) {
        close(fd);
        return status;
    }
    *ret_id = (jayi_file_id){st.st_dev, st.st_ino};
    *ret_fd = fd;
    return JAY_OK;
}

bool jayi_shared_lock_is_current(const char *name, const jayi_file_id *id) {
    char path[PATH_BYTES];
    struct stat st;
    path_of(name, ".lock", path);
    return lstat(path, &st) == 0 && st.st_dev == id->device && st.st_ino == id->inode;
}

int jayi_shared_lock(int lock_fd, const char *name, jay_error *error) {
    struct flock first_byte = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    for (int i = 0; i < LOCK_WAITS; i++) {
        if (fcntl(lock_fd, F_SETLK, &first_byte) == 0) return JAY_OK;
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            return failed("lock the lock file of", name, error);
        struct timespec millisecond = {.tv_nsec = 1000000};
        nanosleep(&millisecond, NULL);
    }
    return jay_error_set(error, JAY_E_BUSY, 0,
                         "another process has been opening shm:%s for %d s; is it stopped?", name,
                         LOCK_WAITS / 1000);
}

void jayi_shared_unlock(int lock_fd) {
    struct flock first_byte = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
    fcntl(lock_fd, F_SETLK, &first_byte);
}

/* ---- the region's file ---- */

int jayi_shared_open_file(const jayi_shared_plan *plan, int *ret_fd, uint64_t *ret_bytes,
                          jay_error *error) {
    char path[PATH_BYTES];
    struct stat st;
    path_of(plan->name, "", path);
    int fd = jayi_high_fd(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0) return errno == ENOENT ? JAY_MISS : failed("open", path, error);
    int status =
        fstat(fd, &st) != 0 ? failed("look at", path, error) : check_owner(&st, plan, path, error);
    /* A file shorter than its header says, or with holes, would be a SIGBUS one day. */
    if (status == JAY_OK &&
        (st.st_size < JAYI_REGION_MIN || (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size)) {
        status = jay_error_set(error, JAY_E_CORRUPT, 0,
                               "%s is not whole; remove it (jaycache shm remove %s), or open it "
                               "with rebuild=yes",
                               path, plan->name);
    }
    if (status != JAY_OK) {
        close(fd);
        return status;
    }
    *ret_fd = fd;
    *ret_bytes = (uint64_t)st.st_size;
    return JAY_OK;
}

/* Whether this process may make a file of that size. The kernel would answer with SIGXFSZ. */
static int check_file_limit(uint64_t bytes, jay_error *error) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        bytes <= limit.rlim_cur)
        return JAY_OK;
    return jay_error_set(error, JAY_E_FULL, EFBIG,
                         "max_bytes=%" PRIu64 " is more than this process may give a file "
                         "(ulimit -f); give less, or raise the limit",
                         bytes);
}

/* Gives a file all its memory, so that a full /dev/shm shows now. */
static int allocate(int fd, const char *path, uint64_t bytes, jay_error *error) {
    int result = posix_fallocate(fd, 0, (off_t)bytes);
    while (result == EINTR) result = posix_fallocate(fd, 0, (off_t)bytes);
    if (result == 0) return JAY_OK;
    errno = result;
    if (result != ENOSPC) return failed("allocate the memory of", path, error);
    return jay_error_set(error, JAY_E_FULL, result,
                         "%s has no room for max_bytes=%" PRIu64
                         "; give less, or a larger /dev/shm (docker run --shm-size)",
                         JAYI_SHARED_DIRECTORY, bytes);
}

/* Gives a new file its memory, and in it an empty region. */
static int format(int fd, const char *path, const jayi_region_plan *plan, jay_error *error) {
    if (ftruncate(fd, (off_t)plan->region_bytes) != 0) return failed("size", path, error);
    void *base = jayi_pages_map(fd, plan->region_bytes);
    if (base == NULL) return failed("map", path, error);
    jayi_pages_prefer_huge(base, plan->region_bytes);
    jayi_pages_make_huge(fd, base, plan->region_bytes);
    int status = allocate(fd, path, plan->region_bytes, error);
    if (status == JAY_OK) jayi_region_format(base, plan);
    munmap(base, plan->region_bytes);
    return status;
}

int jayi_shared_create(const jayi_shared_plan *plan, int *ret_fd, jay_error *error) {
    char path[PATH_BYTES], new_path[PATH_BYTES];
    path_of(plan->name, "", path);
    path_of(plan->name, ".new", new_path);
    if (plan->region.region_bytes > jayi_memory_limit()) {
        return jay_error_set(error, JAY_E_FULL, 0,
                             "max_bytes=%" PRIu64 " is more than the memory limit of this "
                             "process's control group, %" PRIu64 "; give less, or raise the limit",
                             plan->region.region_bytes, jayi_memory_limit());
    }
    int status = JAY_OK;
    /* Left by a process that died here; we hold the lock, so nobody else is about it. */
    unlink(new_path);
    int fd = jayi_high_fd(
        open(new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, plan->mode));
    if (fd < 0) return failed("create", new_path, error);
    if (fchmod(fd, plan->mode) != 0) status = failed("set the permissions of", new_path, error);
    if (status == JAY_OK) status = check_file_limit(plan->region.region_bytes, error);
    if (status == JAY_OK) status = format(fd, new_path, &plan->region, error);
    /* Only now can others see it, and it is whole. */
    if (status == JAY_OK && rename(new_path, path) != 0) status = failed("rename", new_path, error);
    if (status != JAY_OK) {
        unlink(new_path);
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return JAY_OK;
}

/* ---- for people: list and remove ---- */

static int64_t process_count(const jayi_region *region) {
    int64_t count = 0;
    for (uint32_t row = 0; row < region->row_count; row++) {
        pid_t pid = (pid_t)jayi_peek(&region->rows[row].pid);
        bool is_taken = atomic_load(&region->rows[row].token) != 0;
        if (is_taken && (kill(pid, 0) == 0 || errno == EPERM)) count++;
    }
    return count;
}

/* Describes the region of a file without joining it. */
static void look_inside(const char *path, jay_shm_info *info) {
    struct stat st;
    jayi_region region;
    /* Anyone can put a FIFO there: opening one waits for a writer, unless told not to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    void *base = MAP_FAILED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= JAYI_REGION_MIN &&
        (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size)
        base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED) return;
    memset(&region, 0, sizeof region);
    if (jayi_region_bind(&region, base, (uint64_t)st.st_size, NULL) == JAY_OK) {
        info->is_usable = 1;
        info->max_bytes = (int64_t)region.region_bytes;
        info->max_items = (int64_t)region.max_items;
        info->created_ms = (int64_t)region.header->created_ms;
        info->processes = process_count(&region);
        info->items = 0;
        for (uint32_t i = 0; i < region.shard_count; i++)
            info->items += (int64_t)jayi_peek(&region.shards[i].item_count);
    }
    munmap(base, (size_t)st.st_size);
}

int jay_shm_list(jay_shm_fn *fn, void *arg, jay_error *error) {
    if (fn == NULL) return jay_error_set(error, JAY_E_ARGUMENT, 0, "the function must not be NULL");
    DIR *directory = opendir(JAYI_SHARED_DIRECTORY);
    if (directory == NULL) return failed("list", JAYI_SHARED_DIRECTORY, error);
    int status = JAY_OK;
    for (struct dirent *entry; status == JAY_OK && (entry = readdir(directory)) != NULL;) {
        char path[PATH_BYTES];
        struct stat st;
        size_t prefix = sizeof JAYI_SHARED_PREFIX - 1;
        if (strncmp(entry->d_name, JAYI_SHARED_PREFIX, prefix) != 0) continue;
        if (jayi_shared_check_name(entry->d_name + prefix, NULL) != JAY_OK) continue;
        path_of(entry->d_name + prefix, "", path);
        if (lstat(path, &st) != 0) continue;
        jay_shm_info info = {.name = entry->d_name + prefix,
                             .file_bytes = st.st_size,
                             .mode = st.st_mode & 07777,
                             .owner = st.st_uid,
                             .items = -1,
                             .max_bytes = -1,
                             .max_items = -1,
                             .created_ms = -1,
                             .processes = -1};
        look_inside(path, &info);
        if (fn(arg, &info) != 0) status = JAY_STOPPED;
    }
    closedir(directory);
    return status;
}

bool jayi_shared_find_lock(const char *name, int *ret_fd, jayi_file_id *ret_id) {
    char path[PATH_BYTES];
    struct stat st;
    path_of(name, ".lock", path);
    int fd = jayi_high_fd(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0) return false;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return false;
    }
    *ret_id = (jayi_file_id){st.st_dev, st.st_ino};
    *ret_fd = fd;
    return true;
}

int jayi_shared_unlink(const char *name, jay_error *error) {
    char path[PATH_BYTES];
    path_of(name, "", path);
    bool was_there = unlink(path) == 0;
    if (!was_there && errno != ENOENT) return failed("remove", path, error);
    path_of(name, ".lock", path);
    if (unlink(path) != 0 && errno != ENOENT) return failed("remove", path, error);
    return was_there ? JAY_OK : JAY_MISS;
}
