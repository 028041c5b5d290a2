/*
 * shm_kit.c - names, children and gates for the tests of shm:.
 */
#include "shm_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/dev/shm/"
#define FILE_PREFIX "jaycache."

enum { TEXTS = 4, TEXT_BYTES = 300 };

static pid_t first_pid; /* of the test program, also in its children */

static const char *prefix(void) {
    static char text[40];
    if (first_pid == 0) first_pid = getpid();
    snprintf(text, sizeof text, "test-%d-", (int)first_pid);
    return text;
}

const char *shm_name(const char *what) {
    static char texts[TEXTS][TEXT_BYTES];
    static int next;
    char *text = texts[next++ % TEXTS];
    snprintf(text, TEXT_BYTES, "%s%s", prefix(), what);
    return text;
}

const char *shm_path(const char *what, const char *suffix) {
    static char texts[TEXTS][TEXT_BYTES];
    static int next;
    char *text = texts[next++ % TEXTS];
    snprintf(text, TEXT_BYTES, FOLDER FILE_PREFIX "%s%s%s", prefix(), what, suffix);
    return text;
}

int shm_open_as(const char *what, const char *options, jay_cache **ret_cache, jay_error *error) {
    char url[2 * TEXT_BYTES];
    snprintf(url, sizeof url, "shm:%s?%s", shm_name(what), options);
    return jay_open(url, NULL, ret_cache, error);
}

jay_cache *shm_must_open(const char *what, const char *options) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    if (shm_open_as(what, options, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

int shm_clean(void **state) {
    (void)state;
    char begin[80];
    int length = snprintf(begin, sizeof begin, FILE_PREFIX "%s", prefix());
    DIR *folder = opendir(FOLDER);
    if (folder == NULL) return -1;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, begin, (size_t)length) != 0) continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
    }
    return closedir(folder);
}

/* ---- children ---- */

void shm_child_fails(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: in a child: does not hold: %s\n", file, line, what);
    _exit(1);
}

pid_t shm_start(void (*fn)(void *arg), void *arg) {
    (void)prefix();
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    alarm(120); /* a child that hangs ends */
    fn(arg);
    _exit(0);
}

int shm_wait(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status);
}

void shm_in_child(void (*fn)(void *arg), void *arg) {
    int status = shm_wait(shm_start(fn, arg));
    if (status == SHM_SKIPPED) skip();
    assert_int_equal(status, 0);
}

/* ---- gates: a pipe that is closed ---- */

void shm_gate_make(shm_gate *gate) {
    assert_int_equal(pipe(gate->ends), 0);
}

void shm_gate_wait(const shm_gate *gate) {
    char byte;
    close(gate->ends[1]);
    while (read(gate->ends[0], &byte, 1) < 0) CHILD_CHECK(errno == EINTR);
}

void shm_gate_open(shm_gate *gate) {
    close(gate->ends[1]);
    close(gate->ends[0]);
}

/* ---- mounts ---- */

void shm_child_own_mounts(void) {
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) return;
    fprintf(stderr, "SKIPPED: a mount namespace is not permitted here (%s)\n", strerror(errno));
    _exit(SHM_SKIPPED);
}
