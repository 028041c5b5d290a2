/*
 * net_stream.h - one connection: bytes in and out, over TCP, a unix socket, or TLS.
 *
 * Every call returns at once, but jayi_stream_connect, jayi_stream_wait, jayi_stream_read_first and
 * jayi_stream_read_parts, which wait until a deadline (jayi_clock_ms) at most. After a failure a
 * stream is good for nothing but jayi_stream_close. No call raises SIGPIPE.
 */
#ifndef JAYI_NET_STREAM_H
#define JAYI_NET_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include "net/net_address.h"

struct jayi_tls;

typedef struct jayi_stream {
    int fd;
    int sys_errno; /* of the failure; 0: the peer closed the connection */
    void *tls;     /* NULL: plain */
    int tls_wants; /* poll events that the TLS layer waits for, or 0 */
} jayi_stream;

/* The program's own way to a connected socket; `dial` NULL: the library's. */
typedef struct jayi_dialler {
    jay_dial_fn *dial;
    void *arg;
} jayi_dialler;

/* Connects and, with `tls`, shakes hands. `most_ms` bounds how long a later read_first waits. */
int jayi_stream_connect(jayi_stream *ret_stream, const jayi_address *address, jayi_dialler dialler,
                        const struct jayi_tls *tls, int64_t deadline_ms, int64_t most_ms,
                        jay_error *error);

void jayi_stream_close(jayi_stream *stream);

#define JAYI_IO_AGAIN ((ssize_t)0)
#define JAYI_IO_FAILED ((ssize_t)-1)

/* Each returns the bytes moved, JAYI_IO_AGAIN when it would have to wait, or JAYI_IO_FAILED. */
ssize_t jayi_stream_read(jayi_stream *stream, void *buffer, size_t size);
ssize_t jayi_stream_write(jayi_stream *stream, const struct iovec *parts, int count);

/* Reads into several parts; of a TLS stream into the first only. `may_block`: waits as
 * jayi_stream_read_first does. */
ssize_t jayi_stream_read_parts(jayi_stream *stream, const struct iovec *parts, int count,
                               bool may_block);

/* As jayi_stream_read, but waits up to `most_ms` of the connect: one system call where poll and
 * read would be two. JAYI_IO_AGAIN: still nothing. */
ssize_t jayi_stream_read_first(jayi_stream *stream, void *buffer, size_t size);

/* Waits until the stream is ready for POLLIN or POLLOUT, or both. Whether it is, in time. */
bool jayi_stream_wait(jayi_stream *stream, int events, int64_t deadline_ms);

/* What to poll the descriptor for, to do `events`. */
static inline short jayi_stream_events(const jayi_stream *stream, int events) {
    return (short)(stream->tls_wants != 0 ? stream->tls_wants : events);
}

/* Whether an idle stream is of no use: closed, or with bytes that nobody asked for. */
bool jayi_stream_is_stale(jayi_stream *stream);

#endif
