/*
 * net_tls.h - TLS by OpenSSL under a stream. Built without it, jayi_tls_create says so.
 *
 * The server's certificate is verified against the host's name or address unless `verify` is false.
 */
#ifndef JAYI_NET_TLS_H
#define JAYI_NET_TLS_H

#include "net/net_stream.h"

typedef struct jayi_tls jayi_tls;

typedef struct jayi_tls_plan {
    const char *ca;   /* file of certificates to trust; "": the system's */
    const char *cert; /* our certificate chain and its key, PEM files; "": none */
    const char *key;
    const char *name; /* whose certificate to expect; "": the host's */
    bool verify;
} jayi_tls_plan;

/* On JAY_OK *ret_tls goes to jayi_tls_destroy one day. */
int jayi_tls_create(const jayi_tls_plan *plan, const jay_allocator *allocator, jayi_tls **ret_tls,
                    jay_error *error);
void jayi_tls_destroy(jayi_tls *tls);

/*
 * For the handlers of fork, with all locks held that are ever held while one of the functions above
 * or below is called: waits until no thread is inside of OpenSSL and keeps all out; lets them in
 * again; makes the child's.
 */
void jayi_tls_before_fork(void);
void jayi_tls_after_fork(void);
void jayi_tls_in_child(void);

/* For net_stream.c: the same as its functions, for streams with TLS. */
int jayi_tls_connect(const jayi_tls *tls, jayi_stream *stream, const jayi_address *address,
                     int64_t deadline_ms, jay_error *error);
void jayi_tls_free(jayi_stream *stream);
ssize_t jayi_tls_read(jayi_stream *stream, void *buffer, size_t size);
ssize_t jayi_tls_write(jayi_stream *stream, const struct iovec *parts, int count);
bool jayi_tls_has_bytes(const jayi_stream *stream);

#endif
