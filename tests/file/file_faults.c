/*
 * file_faults.c - the kernel's calls on files, one of which goes wrong.
 */
#include "file_faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/file_ops.h"

enum { CALLS_MAX = 8192, KIN = 8, TRIES = 2 };

static jayi_file_ops kernel;
static int left;        /* calls until it happens; 0: never */
static int fault_errno; /* 0: the process dies */
bool fault_has_happened;
char fault_trace[512];
static size_t trace_size;

/* Of each call since fault_begin: what it was, and what came of it. */
typedef struct call {
    unsigned char kind;
    unsigned char outcome;
} call;

static call calls[CALLS_MAX];
static int call_count;
static uint64_t likenesses[CALLS_MAX]; /* of the calls when fault_learn was called */
static int learned_count;

enum kind {
    OPEN,
    READ,
    WRITE,
    TRUNCATE,
    SYNC,
    STAT,
    STAT_AT,
    MODE,
    FOLDER,
    RENAME,
    EXCHANGE,
    MOVE,
    UNLINK,
    TOUCH,
    LIST,
    LOCK
};

static bool happens(enum kind kind) {
    static const char letters[] = {[WRITE] = 'w',    [SYNC] = 's',   [RENAME] = 'r',
                                   [EXCHANGE] = 'x', [UNLINK] = 'u', [LOCK] = '\0'};
    if (letters[kind] != '\0' && trace_size + 1 < sizeof fault_trace)
        fault_trace[trace_size++] = letters[kind];
    if (call_count < CALLS_MAX) calls[call_count++] = (call){.kind = (unsigned char)kind};
    if (left == 0 || --left > 0) return false;
    fault_has_happened = true;
    if (fault_errno == 0) _exit(0);
    errno = fault_errno;
    return true;
}

/* Notes what came of the call: an error, nothing, or something. */
static ssize_t came(ssize_t result) {
    if (call_count > 0 && call_count < CALLS_MAX)
        calls[call_count - 1].outcome =
            result < 0 ? (unsigned char)errno : (unsigned char)(result > 0 ? 255 : 254);
    return result;
}

/* A descriptor says no more than that there is one. */
static int opened(int fd) {
    came(fd < 0 ? -1 : 0);
    return fd;
}

static int bad_open(int folder_fd, const char *path, int flags, uint32_t mode) {
    return happens(OPEN) ? -1 : opened(kernel.open(folder_fd, path, flags, mode));
}

static ssize_t bad_read_at(int fd, void *buffer, size_t size, uint64_t at) {
    return happens(READ) ? -1 : came(kernel.read_at(fd, buffer, size, at));
}

static ssize_t bad_read_parts(int fd, const struct iovec *parts, int count, uint64_t at) {
    return happens(READ) ? -1 : came(kernel.read_parts(fd, parts, count, at));
}

static ssize_t bad_write_at(int fd, const struct iovec *parts, int count, uint64_t at) {
    return happens(WRITE) ? -1 : came(kernel.write_at(fd, parts, count, at));
}

static int bad_truncate(int fd, uint64_t size) {
    return happens(TRUNCATE) ? -1 : (int)came(kernel.truncate(fd, size));
}

static int bad_sync(int fd) {
    return happens(SYNC) ? -1 : (int)came(kernel.sync(fd));
}

static int bad_stat(int fd, struct stat *ret_stat) {
    return happens(STAT) ? -1 : (int)came(kernel.stat(fd, ret_stat));
}

static int bad_stat_at(int folder_fd, const char *name, struct stat *ret_stat) {
    return happens(STAT_AT) ? -1 : (int)came(kernel.stat_at(folder_fd, name, ret_stat));
}

static int bad_set_mode(int fd, uint32_t mode) {
    return happens(MODE) ? -1 : (int)came(kernel.set_mode(fd, mode));
}

static int bad_make_folder(int folder_fd, const char *name, uint32_t mode) {
    return happens(FOLDER) ? -1 : (int)came(kernel.make_folder(folder_fd, name, mode));
}

static int bad_rename(int folder_fd, const char *from, const char *to) {
    return happens(RENAME) ? -1 : (int)came(kernel.rename(folder_fd, from, to));
}

static int bad_exchange(int folder_fd, const char *one, const char *other) {
    return happens(EXCHANGE) ? -1 : (int)came(kernel.exchange(folder_fd, one, other));
}

static int bad_move(int from_fd, const char *from, int to_fd, const char *to) {
    return happens(MOVE) ? -1 : (int)came(kernel.move(from_fd, from, to_fd, to));
}

static int bad_unlink(int folder_fd, const char *name) {
    return happens(UNLINK) ? -1 : (int)came(kernel.unlink(folder_fd, name));
}

static int bad_touch(int folder_fd, const char *name) {
    return happens(TOUCH) ? -1 : (int)came(kernel.touch(folder_fd, name));
}

static ssize_t bad_list(int folder_fd, void *buffer, size_t size) {
    return happens(LIST) ? -1 : came(kernel.list(folder_fd, buffer, size));
}

/* Giving a lock back does not fail. */
static int bad_lock(int fd, uint64_t byte, bool is_taken) {
    return is_taken && happens(LOCK) ? -1 : (int)came(kernel.lock(fd, byte, is_taken));
}

void fault_begin(int position, int code) {
    if (kernel.open == NULL) kernel = jayi_files;
    jayi_files = (jayi_file_ops){
        .open = bad_open,
        .close = kernel.close,
        .read_at = bad_read_at,
        .read_parts = bad_read_parts,
        .write_at = bad_write_at,
        .truncate = bad_truncate,
        .sync = bad_sync,
        .stat = bad_stat,
        .stat_at = bad_stat_at,
        .set_mode = bad_set_mode,
        .make_folder = bad_make_folder,
        .rename = bad_rename,
        .exchange = bad_exchange,
        .move = bad_move,
        .unlink = bad_unlink,
        .touch = bad_touch,
        .list = bad_list,
        .lock = bad_lock,
    };
    left = position;
    fault_errno = code;
    fault_has_happened = false;
    trace_size = 0;
    call_count = 0;
    memset(fault_trace, 0, sizeof fault_trace);
}

void fault_end(void) {
    jayi_files = kernel;
}

void fault_learn(void) {
    learned_count = call_count;
    for (int i = 0; i < call_count; i++) {
        uint64_t likeness = calls[i].kind;
        for (int j = i > KIN ? i - KIN : 0; j < i; j++)
            likeness = (likeness * 32 + calls[j].kind) * UINT64_C(0x9e3779b97f4a7c15) +
                       calls[j].outcome * UINT64_C(0x100000001b3);
        likenesses[i] = likeness;
    }
}

bool fault_is_worth(int position) {
    int same = 0;
    if (position > learned_count || getenv("JAY_TEST_LONG") != NULL) return true;
    for (int i = 0; i < position - 1; i++) same += likenesses[i] == likenesses[position - 1];
    return same < TRIES;
}
