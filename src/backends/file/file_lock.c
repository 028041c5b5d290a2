/*
 * file_lock.c - locks between threads and processes.
 *
 * A lock is a mutex, which parts the threads of this process, and a byte of the lock file, which
 * parts processes; the kernel drops the latter when a process dies. Nobody sleeps in the kernel for
 * a byte, because its holder may be stopped: we ask again and again, and give up after some
 * seconds.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "backends/file/file_dir.h"
#include "os/clock.h"
#include "os/file_ops.h"

#define FIRST_BYTE 16 /* of the numbered locks */
#define WAIT_MAX_MS 10000
#define YIELDS 20

static uint64_t byte_of(uint32_t number) {
    return FIRST_BYTE + number;
}

static bool is_taken_error(int code) {
    return code == EACCES || code == EAGAIN || code == EINTR;
}

/* Takes a byte: 0, or -1 and errno, EAGAIN when it took too long. */
static int wait_for_byte(int lock_fd, uint64_t byte) {
    int64_t since_ms = 0;
    for (unsigned i = 0;; i++) {
        if (jayi_files.lock(lock_fd, byte, true) == 0) return 0;
        if (!is_taken_error(errno)) return -1;
        if (i < YIELDS) {
            sched_yield();
            continue;
        }
        int64_t now_ms = jayi_clock_ms();
        if (since_ms == 0) since_ms = now_ms;
        if (now_ms - since_ms > WAIT_MAX_MS) {
            errno = EAGAIN;
            return -1;
        }
        struct timespec pause = {.tv_nsec = i < 10 * YIELDS ? 20000 : 500000};
        nanosleep(&pause, NULL);
    }
}

static int lock_failed(const char *path, jay_error *error) {
    int saved = errno;
    if (is_taken_error(saved)) {
        return jay_error_set(error, JAY_E_BUSY, saved,
                             "another process has been at work in %s for %d s; is it stopped?",
                             path, WAIT_MAX_MS / 1000);
    }
    return jay_error_set(error, JAY_E_IO, saved,
                         "cannot lock %s/%s; does its file system have locks (flock, nolock)?",
                         path, JAYI_LOCK_FILE);
}

int jayi_dir_lock(jayi_dir *dir, uint32_t number, jay_error *error) {
    pthread_mutex_lock(&dir->local->locks[number]);
    if (wait_for_byte(dir->lock_fd, byte_of(number)) == 0) return JAY_OK;
    int status = lock_failed(dir->path, error);
    pthread_mutex_unlock(&dir->local->locks[number]);
    return status;
}

bool jayi_dir_try_lock(jayi_dir *dir, uint32_t number) {
    if (pthread_mutex_trylock(&dir->local->locks[number]) != 0) return false;
    if (jayi_files.lock(dir->lock_fd, byte_of(number), true) == 0) return true;
    pthread_mutex_unlock(&dir->local->locks[number]);
    return false;
}

void jayi_dir_unlock(jayi_dir *dir, uint32_t number) {
    jayi_files.lock(dir->lock_fd, byte_of(number), false);
    pthread_mutex_unlock(&dir->local->locks[number]);
}

int jayi_claim_lock(int lock_fd, const char *path, jay_error *error) {
    return wait_for_byte(lock_fd, 0) == 0 ? JAY_OK : lock_failed(path, error);
}

void jayi_claim_unlock(int lock_fd) {
    jayi_files.lock(lock_fd, 0, false);
}
