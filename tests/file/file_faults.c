/*
 * file_faults.c - the kernel's calls on files, one of which goes wrong.
 */
#include "file_faults.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "os/file_ops.h"

static jayi_file_ops kernel;
static int left;        /* calls until it happens; 0: never */
static int fault_errno; /* 0: the process dies */
bool fault_has_happened;
char fault_trace[512];
static size_t trace_size;

static bool happens(char letter) {
    if (letter != '\0' && trace_size + 1 < sizeof fault_trace) fault_trace[trace_size++] = letter;
    if (left == 0 || --left > 0) return false;
    fault_has_happened = true;
    if (fault_errno == 0) _exit(0);
    errno = fault_errno;
    return true;
}

static int bad_open(int folder_fd, const char *path, int flags, uint32_t mode) {
    return happens('\0') ? -1 : kernel.open(folder_fd, path, flags, mode);
}

static ssize_t bad_read_at(int fd, void *buffer, size_t size, uint64_t at) {
    return happens('\0') ? -1 : kernel.read_at(fd, buffer, size, at);
}

static ssize_t bad_write_at(int fd, const struct iovec *parts, int count, uint64_t at) {
    return happens('w') ? -1 : kernel.write_at(fd, parts, count, at);
}

static int bad_truncate(int fd, uint64_t size) {
    return happens('\0') ? -1 : kernel.truncate(fd, size);
}

static int bad_sync(int fd) {
    return happens('s') ? -1 : kernel.sync(fd);
}

static int bad_stat(int fd, struct stat *ret_stat) {
    return happens('\0') ? -1 : kernel.stat(fd, ret_stat);
}

static int bad_stat_at(int folder_fd, const char *name, struct stat *ret_stat) {
    return happens('\0') ? -1 : kernel.stat_at(folder_fd, name, ret_stat);
}

static int bad_set_mode(int fd, uint32_t mode) {
    return happens('\0') ? -1 : kernel.set_mode(fd, mode);
}

static int bad_make_folder(int folder_fd, const char *name, uint32_t mode) {
    return happens('\0') ? -1 : kernel.make_folder(folder_fd, name, mode);
}

static int bad_rename(int folder_fd, const char *from, const char *to) {
    return happens('r') ? -1 : kernel.rename(folder_fd, from, to);
}

static int bad_exchange(int folder_fd, const char *one, const char *other) {
    return happens('x') ? -1 : kernel.exchange(folder_fd, one, other);
}

static int bad_move(int from_fd, const char *from, int to_fd, const char *to) {
    return happens('\0') ? -1 : kernel.move(from_fd, from, to_fd, to);
}

static int bad_unlink(int folder_fd, const char *name) {
    return happens('u') ? -1 : kernel.unlink(folder_fd, name);
}

static int bad_touch(int folder_fd, const char *name) {
    return happens('\0') ? -1 : kernel.touch(folder_fd, name);
}

static ssize_t bad_list(int folder_fd, void *buffer, size_t size) {
    return happens('\0') ? -1 : kernel.list(folder_fd, buffer, size);
}

/* Giving a lock back does not fail. */
static int bad_lock(int fd, uint64_t byte, bool is_taken) {
    return is_taken && happens('\0') ? -1 : kernel.lock(fd, byte, is_taken);
}

void fault_begin(int position, int code) {
    if (kernel.open == NULL) kernel = jayi_files;
    jayi_files = (jayi_file_ops){
        .open = bad_open,
        .close = kernel.close,
        .read_at = bad_read_at,
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
    memset(fault_trace, 0, sizeof fault_trace);
}

void fault_end(void) {
    jayi_files = kernel;
}
