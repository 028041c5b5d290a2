/*
 * net_stream.c - sockets: connecting, reading, writing.
 *
 * Plain sockets are in blocking mode with a receive timeout, and every call but read_first and
 * read_parts says MSG_DONTWAIT: so the usual exchange of one small request and its reply is one
 * send and one recv. TLS sockets are non-blocking.
 */
#include "net/net_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net_names.h"
#include "net/net_tls.h"
#include "os/clock.h"
#include "os/high_fd.h"

#define ADDRESS_TEXT 160

/* ---- waiting ---- */

static bool wait_fd(int fd, short events, int64_t deadline_ms) {
    for (;;) {
        int64_t left = deadline_ms - jayi_clock_ms();
        if (left < 0) left = 0;
        struct pollfd poller = {.fd = fd, .events = events};
        int ready = poll(&poller, 1, left > 3600000 ? 3600000 : (int)left);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
        if (jayi_clock_ms() >= deadline_ms) return false;
    }
}

bool jayi_stream_wait(jayi_stream *stream, int events, int64_t deadline_ms) {
    if (events == POLLIN && stream->tls != NULL && jayi_tls_has_bytes(stream)) return true;
    return wait_fd(stream->fd, jayi_stream_events(stream, events), deadline_ms);
}

/* ---- connecting ---- */

static int cannot_connect(const jayi_address *address, int sys_errno, jay_error *error) {
    char text[ADDRESS_TEXT];
    jayi_address_text(address, text, sizeof text);
    if (sys_errno == ETIMEDOUT) {
        return jay_error_set(error, JAY_E_UNREACHABLE, sys_errno,
                             "%s did not accept a connection in time; is it up, and the network?",
                             text);
    }
    return jay_error_set(error, JAY_E_UNREACHABLE, sys_errno,
                         "cannot connect to %s: %s; is the server running there?", text,
                         strerrordesc_np(sys_errno));
}

/* Connects one socket. 0, or errno. */
static int connect_fd(int fd, const struct sockaddr *to, socklen_t to_size, int64_t deadline_ms) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return errno;
    if (connect(fd, to, to_size) != 0) {
        /* A unix socket whose backlog is full says EAGAIN at once. */
        if (errno != EINPROGRESS && errno != EINTR) return errno == EAGAIN ? ETIMEDOUT : errno;
        if (!wait_fd(fd, POLLOUT, deadline_ms)) return ETIMEDOUT;
        int failure = 0;
        socklen_t size = sizeof failure;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) return errno;
        if (failure != 0) return failure;
    }
    return fcntl(fd, F_SETFL, flags) == 0 ? 0 : errno;
}

static int try_connect(int family, const struct sockaddr *to, socklen_t to_size,
                       int64_t deadline_ms, int *ret_fd) {
    int fd = jayi_high_fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return errno;
    int failure = connect_fd(fd, to, to_size, deadline_ms);
    if (failure == 0) {
        *ret_fd = fd;
    } else {
        close(fd);
    }
    return failure;
}

static int connect_unix(const jayi_address *address, int64_t deadline_ms, int *ret_fd,
                        jay_error *error) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", address->host);
    int failure =
        try_connect(AF_UNIX, (const struct sockaddr *)&to, sizeof to, deadline_ms, ret_fd);
    return failure == 0 ? JAY_OK : cannot_connect(address, failure, error);
}

static void set_tcp_options(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* One try of a host's several addresses; the first that answers is taken. */
static int connect_found(const jayi_address *address, const struct addrinfo *found,
                         int64_t deadline_ms, int *ret_fd, jay_error *error) {
    int failure = EHOSTUNREACH;
    for (; found != NULL; found = found->ai_next) {
        int64_t now_ms = jayi_clock_ms();
        /* Half of what is left for each but the last, so that one dead address costs not all. */
        int64_t until = found->ai_next != NULL ? now_ms + (deadline_ms - now_ms) / 2 : deadline_ms;
        failure = try_connect(found->ai_family, found->ai_addr, found->ai_addrlen, until, ret_fd);
        if (failure == 0) break;
    }
    if (failure != 0) return cannot_connect(address, failure, error);
    set_tcp_options(*ret_fd);
    return JAY_OK;
}

/* The name is looked up at every connect, so that a server may move. */
static int connect_tcp(const jayi_address *address, int64_t deadline_ms, int *ret_fd,
                       jay_error *error) {
    struct addrinfo *found = NULL;
    int failure = jayi_names_find(address->host, address->port, &found);
    if (failure == EAI_MEMORY)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to look a host up");
    if (failure != 0) {
        return jay_error_set(error, JAY_E_UNREACHABLE, failure == EAI_SYSTEM ? errno : 0,
                             "the host '%.100s' cannot be found: %s; is the name right?",
                             address->host, gai_strerror(failure));
    }
    int status = connect_found(address, found, deadline_ms, ret_fd, error);
    freeaddrinfo(found);
    return status;
}

/* Whether a socket is as the rest of this file wants it; what a program dialled may be anything. */
static bool adopt_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return false;
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t peer_size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0) return false;
    if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) set_tcp_options(fd);
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int connect_dialled(const jayi_address *address, jayi_dialler dialler, int64_t deadline_ms,
                           int *ret_fd, jay_error *error) {
    char text[ADDRESS_TEXT];
    jay_error own = {.code = JAY_OK};
    int64_t left_ms = deadline_ms - jayi_clock_ms();
    int fd = -1;
    int status = dialler.dial(dialler.arg, address->host, address->port, left_ms > 0 ? left_ms : 1,
                              &fd, &own);
    jayi_address_text(address, text, sizeof text);
    if (status == JAY_OK && adopt_socket(fd)) {
        *ret_fd = fd;
        return JAY_OK;
    }
    if (status == JAY_OK) {
        if (fd >= 0) close(fd);
        return jay_error_set(error, JAY_E_UNREACHABLE, 0,
                             "the dialler's descriptor for %s is no connected stream socket", text);
    }
    if (own.code != status) own.message[0] = '\0';
    own.message[sizeof own.message - 1] = '\0';
    return jay_error_set(error, JAY_E_UNREACHABLE, own.code == status ? own.sys_errno : 0,
                         "the dialler did not connect to %s: %.150s", text,
                         own.message[0] != '\0' ? own.message : jay_status_text(status));
}

int jayi_stream_connect(jayi_stream *ret_stream, const jayi_address *address, jayi_dialler dialler,
                        const struct jayi_tls *tls, int64_t deadline_ms, int64_t most_ms,
                        jay_error *error) {
    jayi_stream stream = {.fd = -1};
    int status;
    if (dialler.dial != NULL) {
        status = connect_dialled(address, dialler, deadline_ms, &stream.fd, error);
    } else if (address->is_unix) {
        status = connect_unix(address, deadline_ms, &stream.fd, error);
    } else {
        status = connect_tcp(address, deadline_ms, &stream.fd, error);
    }
    if (status != JAY_OK) return status;
    struct timeval most = {.tv_sec = (time_t)(most_ms / 1000),
                           .tv_usec = (suseconds_t)(most_ms % 1000 * 1000)};
    if (setsockopt(stream.fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) != 0)
        status = cannot_connect(address, errno, error);
    if (status == JAY_OK && tls != NULL)
        status = jayi_tls_connect(tls, &stream, address, deadline_ms, error);
    if (status == JAY_OK) {
        *ret_stream = stream;
    } else {
        jayi_stream_close(&stream);
    }
    return status;
}

void jayi_stream_close(jayi_stream *stream) {
    if (stream->tls != NULL) jayi_tls_free(stream);
    if (stream->fd >= 0) close(stream->fd);
    stream->fd = -1;
    stream->tls = NULL;
}

/* ---- bytes ---- */

static ssize_t read_plain(jayi_stream *stream, void *buffer, size_t size, int flags) {
    ssize_t got;
    do {
        got = recv(stream->fd, buffer, size, flags);
    } while (got < 0 && errno == EINTR && flags != 0);
    if (got > 0) return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return JAYI_IO_AGAIN;
    stream->sys_errno = got < 0 ? errno : 0;
    return JAYI_IO_FAILED;
}

ssize_t jayi_stream_read(jayi_stream *stream, void *buffer, size_t size) {
    if (stream->tls != NULL) return jayi_tls_read(stream, buffer, size);
    return read_plain(stream, buffer, size, MSG_DONTWAIT);
}

ssize_t jayi_stream_read_parts(jayi_stream *stream, const struct iovec *parts, int count,
                               bool may_block) {
    if (stream->tls != NULL) return jayi_tls_read(stream, parts->iov_base, parts->iov_len);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t got;
    do {
        got = recvmsg(stream->fd, &message, may_block ? 0 : MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR && !may_block);
    if (got > 0) return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return JAYI_IO_AGAIN;
    stream->sys_errno = got < 0 ? errno : 0;
    return JAYI_IO_FAILED;
}

ssize_t jayi_stream_read_first(jayi_stream *stream, void *buffer, size_t size) {
    if (stream->tls != NULL) return jayi_tls_read(stream, buffer, size);
    return read_plain(stream, buffer, size, 0);
}

ssize_t jayi_stream_write(jayi_stream *stream, const struct iovec *parts, int count) {
    if (stream->tls != NULL) return jayi_tls_write(stream, parts, count);
    ssize_t sent;
    do {
        if (count == 1) {
            sent = send(stream->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                                     .msg_iovlen = (size_t)count};
            sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent > 0) return sent;
    if (sent < 0 && errno == EAGAIN) return JAYI_IO_AGAIN;
    stream->sys_errno = sent < 0 ? errno : 0;
    return JAYI_IO_FAILED;
}

bool jayi_stream_is_stale(jayi_stream *stream) {
    char byte;
    ssize_t got = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    /* A TLS server may send tickets of its own accord; they are no reply. */
    if (got > 0 && stream->tls != NULL) return false;
    return got >= 0 || errno != EAGAIN;
}
