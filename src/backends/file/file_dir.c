/*
 * file_dir.c - joining and leaving directories; the list of those that this process has joined.
 */
#include "backends/file/file_table.h"
#include "backends/file/seg_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file_ops.h"
#include "os/high_fd.h"
#include "os/random.h"
#include "util/memory.h"

#define LOOK_EVERY_MS 1000

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static jayi_dir *list;

static void before_fork(void) {
    pthread_mutex_lock(&list_lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&list_lock);
}

static void register_forks(void) {
    /* Fails only without memory; then a fork beside a jay_open may leave a child that cannot open.
     */
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- the path ---- */

/* The path from the root on: the process may change its working directory later. */
static char *absolute_path(const char *path, const jay_allocator *allocator, jay_error *error) {
    char folder[PATH_MAX] = "";
    if (path[0] != '/' && getcwd(folder, sizeof folder) == NULL) {
        jay_error_set(error, JAY_E_IO, errno, "the working directory is gone; give a whole path");
        return NULL;
    }
    size_t size = strlen(folder) + 1 + strlen(path);
    char *whole = jayi_alloc(allocator, size + 1);
    if (whole == NULL) {
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
        return NULL;
    }
    snprintf(whole, size + 1, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", path);
    return whole;
}

/* Brings a new folder's name to the disk, as far as the one above it lets us: entries that are
 * synced count on it. */
static void keep_name_of(const char *path) {
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    if (slash == NULL) return;
    slash[slash == above] = '\0';
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

/* Makes the folder and those above it that are missing. 0, or -1 and errno. */
static int make_path(const char *path, uint32_t mode) {
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        bool is_last = path[i] == '\0';
        if (mkdir(part, is_last ? mode : 0777) != 0) {
            if (errno == EEXIST || (!is_last && (errno == EACCES || errno == EROFS))) continue;
            return -1;
        }
        if (is_last && chmod(part, mode) != 0) return -1;
        keep_name_of(part);
    }
    return 0;
}

/* Opens the directory itself, made if need be. The path is the user's: links in it are followed. */
static int open_root(const jayi_dir_plan *plan, int *ret_fd, struct stat *ret_stat,
                     jay_error *error) {
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = jayi_high_fd(open(plan->path, flags));
    if (fd < 0 && errno == ENOENT) {
        if (make_path(plan->path, jayi_folder_mode(plan->mode)) != 0)
            return jayi_file_failed("create the directory", plan->path, error);
        fd = jayi_high_fd(open(plan->path, flags));
    }
    if (fd < 0 && errno == ENOTDIR) {
        return jay_error_set(error, JAY_E_IO, ENOTDIR,
                             "%s is not a directory; give the cache a directory", plan->path);
    }
    if (fd < 0) return jayi_file_failed("open the directory", plan->path, error);
    int status = jayi_files.stat(fd, ret_stat) != 0
                     ? jayi_file_failed("look at", plan->path, error)
                     : jayi_owner_check(ret_stat->st_uid, plan, error);
    if (status == JAY_OK) {
        *ret_fd = fd;
    } else {
        jayi_files.close(fd);
    }
    return status;
}

static bool is_same_file(const jayi_file_id *a, const jayi_file_id *b) {
    return a->device == b->device && a->inode == b->inode;
}

static jayi_dir *find_root(const jayi_file_id *id) {
    for (jayi_dir *dir = list; dir != NULL; dir = dir->next) {
        if (is_same_file(&dir->root_id, id)) return dir;
    }
    return NULL;
}

/* ---- joining ---- */

static int make_local(jayi_dir *dir, jay_error *error) {
    size_t size = sizeof *dir->local;
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return jay_error_set(error, JAY_E_NO_MEMORY, errno, "no memory for the handle");
    dir->local = pages;
    if (madvise(pages, size, MADV_WIPEONFORK) == 0) return JAY_OK;
    return jay_error_set(error, JAY_E_UNSUPPORTED, errno,
                         "this kernel has no MADV_WIPEONFORK; Linux 4.14 or later is needed");
}

static void destroy(jayi_dir *dir) {
    jay_allocator allocator = dir->allocator;
    if (dir->local != NULL) munmap(dir->local, sizeof *dir->local);
    jayi_free(&allocator, dir->path);
    jayi_free(&allocator, dir);
}

static bool is_closed(const struct stat *st, uint32_t mode) {
    return (st->st_mode & 022) == 0 && (mode & 022) == 0 &&
           (st->st_uid == geteuid() || st->st_uid == 0);
}

static int join(const jayi_dir_plan *plan, const jay_allocator *allocator, int root_fd,
                const struct stat *st, jayi_dir **ret_dir, jay_error *error) {
    jayi_dir *dir = jayi_calloc(allocator, 1, sizeof *dir);
    if (dir == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    dir->allocator = *allocator;
    dir->path = jayi_copy_text(allocator, plan->path, strlen(plan->path));
    int status = dir->path != NULL
                     ? make_local(dir, error)
                     : jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a path");
    jayi_claim claim;
    if (status == JAY_OK) status = jayi_dir_claim(root_fd, plan, &claim, error);
    if (status != JAY_OK) {
        destroy(dir);
        return status;
    }
    dir->root_fd = root_fd;
    dir->lock_fd = claim.lock_fd;
    dir->table_fd = claim.table_fd;
    dir->root_id = (jayi_file_id){st->st_dev, st->st_ino};
    dir->marker_id = claim.marker_id;
    dir->mode = claim.mode;
    dir->is_closed = is_closed(st, claim.mode);
    dir->layout = claim.layout;
    atomic_store(&dir->seed, claim.seed);
    atomic_store(&dir->looked_ms, jayi_clock_coarse_ms());
    atomic_store(&dir->wants_maps, plan->uses_map);
    if (claim.layout == JAYI_LAYOUT_SEGMENTS) status = jayi_store_join(dir, error);
    if (status != JAY_OK) {
        jayi_store_leave(dir);
        jayi_files.close(dir->table_fd);
        jayi_files.close(dir->lock_fd);
        destroy(dir);
        return status;
    }
    dir->next = list;
    list = dir;
    *ret_dir = dir;
    return JAY_OK;
}

/* ---- a directory that is not there any more ---- */

/* Whether the path leads to the directory that we have joined. */
static bool is_current(const jayi_dir *dir) {
    char marker[PATH_MAX + sizeof JAYI_MARKER + 1];
    struct stat st = {0};
    int size = snprintf(marker, sizeof marker, "%s/%s", dir->path, JAYI_MARKER);
    if (size < 0 || (size_t)size >= sizeof marker) return true;
    if (jayi_files.stat_at(AT_FDCWD, marker, &st) != 0)
        return errno != ENOENT && errno != ENOTDIR; /* when in doubt: yes */
    jayi_file_id id = {st.st_dev, st.st_ino};
    return is_same_file(&id, &dir->marker_id);
}

/* Lets a descriptor's number lead to another file, at one stroke for all threads. */
static void replace_fd(int old_fd, int new_fd) {
    dup3(new_fd, old_fd, O_CLOEXEC);
    jayi_files.close(new_fd);
}

/* Joins what the path leads to now; in the mutex of the list. */
static bool join_anew(jayi_dir *dir) {
    jayi_dir_plan plan = {.path = dir->path,
                          .layout = dir->layout,
                          .mode = dir->mode,
                          .seed = atomic_load(&dir->seed),
                          .is_return = true};
    int root_fd = -1;
    struct stat st = {0};
    jayi_claim claim;
    if (!jayi_table_limits(dir->table_fd, &plan.max_items, &plan.max_bytes)) return false;
    if (open_root(&plan, &root_fd, &st, NULL) != JAY_OK) return false;
    jayi_file_id id = {st.st_dev, st.st_ino};
    const jayi_dir *other = find_root(&id);
    bool is_taken = other != NULL && other != dir; /* its lock file must not be opened again */
    if (is_taken || jayi_dir_claim(root_fd, &plan, &claim, NULL) != JAY_OK) {
        jayi_files.close(root_fd);
        return false;
    }
    replace_fd(dir->root_fd, root_fd);
    replace_fd(dir->lock_fd, claim.lock_fd);
    replace_fd(dir->table_fd, claim.table_fd);
    for (uint32_t i = 0; i < JAYI_LEAVES / 64; i++) atomic_store(&dir->named_leaves[i], 0);
    dir->root_id = id;
    dir->marker_id = claim.marker_id;
    dir->is_closed = is_closed(&st, claim.mode);
    atomic_store(&dir->seed, claim.seed);
    return dir->layout != JAYI_LAYOUT_SEGMENTS || jayi_store_renew(dir);
}

bool jayi_dir_look(jayi_dir *dir, bool is_urgent) {
    int64_t now_ms = jayi_clock_coarse_ms();
    int64_t looked_ms = atomic_load(&dir->looked_ms);
    if (!is_urgent) {
        if (now_ms - looked_ms < LOOK_EVERY_MS) return false;
        if (!atomic_compare_exchange_strong(&dir->looked_ms, &looked_ms, now_ms)) return false;
    }
    int saved = errno;
    pthread_mutex_lock(&list_lock);
    bool is_changed = false;
    if (!is_current(dir)) {
        is_changed = join_anew(dir);
    } else if (dir->layout == JAYI_LAYOUT_SEGMENTS) {
        is_changed = jayi_store_renew(dir);
    }
    pthread_mutex_unlock(&list_lock);
    errno = saved;
    return is_changed;
}

void jayi_dir_grow_index(jayi_dir *dir) {
    pthread_mutex_lock(&list_lock);
    if (is_current(dir)) jayi_store_grow(dir);
    pthread_mutex_unlock(&list_lock);
}

/* ---- opening and closing ---- */

static int open_locked(const jayi_dir_plan *plan, const jay_allocator *allocator,
                       jayi_dir **ret_dir, jay_error *error) {
    int root_fd = -1;
    struct stat st = {0};
    int status = open_root(plan, &root_fd, &st, error);
    if (status != JAY_OK) return status;
    jayi_file_id id = {st.st_dev, st.st_ino};
    jayi_dir *dir = find_root(&id);
    if (dir != NULL && !is_current(dir)) join_anew(dir);
    if (dir != NULL) {
        jayi_files.close(root_fd);
        status = jayi_layout_check(plan, dir->layout, error);
        if (status == JAY_OK) status = jayi_dir_set_limits(dir->table_fd, plan, error);
        if (plan->uses_map) atomic_store(&dir->wants_maps, true);
        if (status == JAY_OK && dir->layout == JAYI_LAYOUT_SEGMENTS)
            status = jayi_store_join(dir, error); /* whose limits may be others now */
    } else {
        status = join(plan, allocator, root_fd, &st, &dir, error);
        if (status != JAY_OK) jayi_files.close(root_fd);
    }
    if (status != JAY_OK) return status;
    dir->handles++;
    *ret_dir = dir;
    return JAY_OK;
}

int jayi_dir_open(const jayi_dir_plan *plan, const jay_allocator *allocator, jayi_dir **ret_dir,
                  jay_error *error) {
    jayi_dir_plan whole = *plan;
    char *path = absolute_path(plan->path, allocator, error);
    if (path == NULL) return JAY_E_NO_MEMORY;
    whole.path = path;
    whole.seed = jayi_random_seed();
    pthread_once(&forks_once, register_forks);
    pthread_mutex_lock(&list_lock);
    int status = open_locked(&whole, allocator, ret_dir, error);
    pthread_mutex_unlock(&list_lock);
    jayi_free(allocator, path);
    return status;
}

void jayi_dir_close(jayi_dir *dir) {
    pthread_mutex_lock(&list_lock);
    if (--dir->handles == 0) {
        jayi_dir **link = &list;
        while (*link != dir) link = &(*link)->next;
        *link = dir->next;
        jayi_store_leave(dir);
        jayi_files.close(dir->table_fd);
        jayi_files.close(dir->lock_fd);
        jayi_files.close(dir->root_fd);
        destroy(dir);
    }
    pthread_mutex_unlock(&list_lock);
}
