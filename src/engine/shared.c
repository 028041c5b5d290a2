/*
 * shared.c - joining regions in shared memory.
 */
#include "engine/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/identity.h"
#include "engine/shared_files.h"
#include "os/pages.h"
#include "util/memory.h"

#define ATTEMPTS 100 /* at joining a region that someone else removes at the same time */

typedef struct attachment {
    jayi_region region; /* first: handles know an attachment by its region */
    struct attachment *next;
    jay_allocator allocator;
    char name[JAYI_SHARED_NAME_MAX + 1];
    jayi_file_id lock_id;
    uint64_t mapped_bytes;
    uint32_t handles;
} attachment;

static pthread_mutex_t attachments_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static attachment *attachments;

static void before_fork(void) {
    pthread_mutex_lock(&attachments_lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&attachments_lock);
}

static void register_forks(void) {
    /* Fails only without memory; then a fork beside a jay_open may leave a child that cannot open.
     */
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- options of a region that is there already ---- */

static int check_options(const jayi_region *region, const jayi_shared_plan *plan,
                         jay_error *error) {
    if (plan->is_bytes_given && region->region_bytes != plan->region.region_bytes) {
        return jay_error_set(error, JAY_E_MISMATCH, 0,
                             "shm:%s exists with max_bytes=%llu, not %llu; leave the option out, "
                             "use the same, or remove it first (or open it with rebuild=yes)",
                             plan->name, (unsigned long long)region->region_bytes,
                             (unsigned long long)plan->region.region_bytes);
    }
    if (plan->is_items_given && region->max_items != plan->region.max_items) {
        return jay_error_set(error, JAY_E_MISMATCH, 0,
                             "shm:%s exists with max_items=%llu, not %llu; leave the option out, "
                             "use the same, or remove it first (or open it with rebuild=yes)",
                             plan->name, (unsigned long long)region->max_items,
                             (unsigned long long)plan->region.max_items);
    }
    return JAY_OK;
}

/* ---- joining ---- */

/* Maps an open region file and binds it. */
static int map_region(attachment *a, int fd, uint64_t bytes, jay_error *error) {
    void *base = jayi_pages_map(fd, bytes);
    if (base == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, errno,
                             "cannot map the %llu bytes of shm:%s; is there a limit (ulimit -v)?",
                             (unsigned long long)bytes, a->name);
    }
    jayi_pages_prefer_huge(base, bytes);
    int lock_fd = a->region.lock_fd;
    int status = jayi_region_bind(&a->region, base, bytes, error);
    a->region.lock_fd = lock_fd;
    a->region.is_shared = true;
    if (status != JAY_OK) {
        munmap(base, bytes);
        return status;
    }
    a->mapped_bytes = bytes;
    return JAY_OK;
}

static int make_region(attachment *a, const jayi_shared_plan *plan, jay_error *error) {
    int fd;
    int status = jayi_shared_create(plan, &fd, error);
    if (status != JAY_OK) return status;
    status = map_region(a, fd, plan->region.region_bytes, error);
    close(fd);
    return status;
}

/* Whether a region that cannot be used may be made anew. */
static bool is_rebuildable(int status, const jayi_shared_plan *plan) {
    return plan->may_rebuild &&
           (status == JAY_E_CORRUPT || status == JAY_E_VERSION || status == JAY_E_MISMATCH);
}

/* Maps the region, made if need be. The lock file's byte 0 is held. JAY_CHANGED: removed, since it
 * could not be used; try again. */
static int find_or_make(attachment *a, const jayi_shared_plan *plan, jay_error *error) {
    int fd;
    uint64_t bytes;
    jay_error why; /* which is no failure of ours where we may rebuild */
    int status = jayi_shared_open_file(plan, &fd, &bytes, &why);
    if (status == JAY_MISS) return make_region(a, plan, error);
    if (status == JAY_OK) {
        status = map_region(a, fd, bytes, &why);
        close(fd);
        if (status == JAY_OK) {
            status = check_options(&a->region, plan, &why);
            if (status != JAY_OK) munmap(a->region.base, a->mapped_bytes);
        }
    }
    if (status < 0 && !is_rebuildable(status, plan) && error != NULL) *error = why;
    if (!is_rebuildable(status, plan)) return status;
    /* Its users keep it, and its lock file. We make both anew: who comes later is to meet us. */
    status = jayi_shared_unlink(plan->name, error);
    return status < 0 ? status : JAY_CHANGED;
}

/* Joins by way of the lock file. JAY_CHANGED: it was removed meanwhile; try again. */
static int join_once(attachment *a, const jayi_shared_plan *plan, jay_error *error) {
    int status = jayi_shared_open_lock(plan, &a->region.lock_fd, &a->lock_id, error);
    if (status != JAY_OK) return status;
    status = jayi_shared_lock(a->region.lock_fd, plan->name, error);
    if (status == JAY_OK && !jayi_shared_lock_is_current(plan->name, &a->lock_id))
        status = JAY_CHANGED;
    if (status == JAY_OK) status = find_or_make(a, plan, error);
    if (status != JAY_OK) {
        close(a->region.lock_fd);
        return status;
    }
    status = jayi_identity_init(&a->region, error);
    if (status == JAY_OK) {
        status = jayi_identity_acquire(&a->region, error);
        if (status != JAY_OK) jayi_identity_deinit(&a->region);
    }
    if (status != JAY_OK) {
        munmap(a->region.base, a->mapped_bytes);
        close(a->region.lock_fd);
        return status;
    }
    jayi_shared_unlock(a->region.lock_fd);
    return JAY_OK;
}

static int join(const jayi_shared_plan *plan, const jay_allocator *allocator, attachment **ret_a,
                jay_error *error) {
    attachment *a = jayi_calloc(allocator, 1, sizeof *a);
    if (a == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    a->allocator = *allocator;
    memcpy(a->name, plan->name, strlen(plan->name) + 1); /* checked to fit */
    int status = JAY_CHANGED;
    for (int i = 0; i < ATTEMPTS && status == JAY_CHANGED; i++) status = join_once(a, plan, error);
    if (status == JAY_CHANGED)
        status = jay_error_set(error, JAY_E_BUSY, 0, "shm:%s is being removed again and again",
                               plan->name);
    if (status != JAY_OK) {
        jayi_free(allocator, a);
        return status;
    }
    *ret_a = a;
    return JAY_OK;
}

/* This process's attachment of a name, if the name still means the same. */
static attachment *find_attachment(const char *name) {
    for (attachment *a = attachments; a != NULL; a = a->next) {
        if (strcmp(a->name, name) == 0 && jayi_shared_lock_is_current(name, &a->lock_id)) return a;
    }
    return NULL;
}

/* Removes the files of a region that this process has joined. It must not open the lock file again:
 * closing that would drop all its locks. */
static int remove_attached(const attachment *a, jay_error *error) {
    int status = jayi_shared_lock(a->region.lock_fd, a->name, error);
    if (status != JAY_OK) return status;
    if (jayi_shared_lock_is_current(a->name, &a->lock_id))
        status = jayi_shared_unlink(a->name, error);
    jayi_shared_unlock(a->region.lock_fd);
    return status;
}

/* The same of one that it has not. JAY_CHANGED: someone else has removed it meanwhile; try again.
 */
static int remove_other(const char *name, jay_error *error) {
    int fd;
    jayi_file_id id;
    /* Where there is no lock file, or what cannot be one, nobody can be at work on the region. */
    if (!jayi_shared_find_lock(name, &fd, &id)) return jayi_shared_unlink(name, error);
    int status = jayi_shared_lock(fd, name, error);
    if (status == JAY_OK && !jayi_shared_lock_is_current(name, &id)) status = JAY_CHANGED;
    if (status == JAY_OK) status = jayi_shared_unlink(name, error);
    close(fd);
    return status;
}

int jay_shm_remove(const char *name, jay_error *error) {
    if (name == NULL) return jay_error_set(error, JAY_E_ARGUMENT, 0, "the name must not be NULL");
    int status = jayi_shared_check_name(name, error);
    if (status != JAY_OK) return status;
    pthread_once(&forks_once, register_forks);
    pthread_mutex_lock(&attachments_lock);
    status = JAY_CHANGED;
    for (int i = 0; i < ATTEMPTS && status == JAY_CHANGED; i++) {
        const attachment *a = find_attachment(name);
        status = a != NULL ? remove_attached(a, error) : remove_other(name, error);
    }
    pthread_mutex_unlock(&attachments_lock);
    if (status != JAY_CHANGED) return status;
    return jay_error_set(error, JAY_E_BUSY, 0, "shm:%s is being removed again and again", name);
}

static int open_locked(const jayi_shared_plan *plan, const jay_allocator *allocator,
                       jayi_region **ret_region, jay_error *error) {
    attachment *a = find_attachment(plan->name);
    if (a != NULL) {
        jay_error why;
        int status = check_options(&a->region, plan, &why);
        if (is_rebuildable(status, plan)) {
            status = remove_attached(a, error);
            a = NULL;
        } else if (status < 0 && error != NULL) {
            *error = why;
        }
        if (status < 0) return status;
    }
    if (a == NULL) {
        int status = join(plan, allocator, &a, error);
        if (status != JAY_OK) return status;
        a->next = attachments;
        attachments = a;
    }
    a->handles++;
    *ret_region = &a->region;
    return JAY_OK;
}

int jayi_shared_open(const jayi_shared_plan *plan, const jay_allocator *allocator,
                     jayi_region **ret_region, jay_error *error) {
    int status = jayi_shared_check_name(plan->name, error);
    if (status == JAY_OK) status = jayi_region_check_plan(&plan->region, error);
    if (status != JAY_OK) return status;
    pthread_once(&forks_once, register_forks);
    pthread_mutex_lock(&attachments_lock);
    status = open_locked(plan, allocator, ret_region, error);
    pthread_mutex_unlock(&attachments_lock);
    return status;
}

void jayi_shared_close(jayi_region *region) {
    attachment *a = (attachment *)(void *)region;
    pthread_mutex_lock(&attachments_lock);
    if (--a->handles == 0) {
        attachment **link = &attachments;
        while (*link != a) link = &(*link)->next;
        *link = a->next;
        jayi_identity_release(region);
        jayi_identity_deinit(region);
        munmap(region->base, a->mapped_bytes);
        close(region->lock_fd);
        jay_allocator allocator = a->allocator;
        jayi_free(&allocator, a);
    }
    pthread_mutex_unlock(&attachments_lock);
}
