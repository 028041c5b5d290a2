/*
 * high_fd.c - moving descriptors out of the way.
 */
#include "os/high_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int jayi_high_fd(int fd) {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;
    close(fd);
    errno = saved;
    return high;
}
