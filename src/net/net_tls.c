/*
 * net_tls.c - TLS by OpenSSL.
 *
 * OpenSSL's own socket layer writes with write(), which raises SIGPIPE; so the bytes go through a
 * layer of ours (a BIO) that says MSG_NOSIGNAL. OpenSSL allocates with malloc. A stream is closed
 * without a farewell: in a forked child one would end the parent's session.
 */
#include "net/net_tls.h"

#ifdef JAYCACHE_HAVE_TLS

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "util/memory.h"

struct jayi_tls {
    jay_allocator allocator;
    SSL_CTX *context;
    BIO_METHOD *layer;
    char *name; /* NULL: the host's */
    bool verify;
};

/* ---- fork ---- */

/*
 * OpenSSL guards what all sessions share by locks that know nothing of fork: a child would wait for
 * ever for one that another thread of its parent held. So whoever calls it is inside of this gate,
 * and fork waits until nobody is. Nobody blocks inside: the sockets do not.
 */
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
#else
static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;
#endif

static void enter(void) {
    pthread_rwlock_rdlock(&gate);
}

static void leave(void) {
    pthread_rwlock_unlock(&gate);
}

void jayi_tls_before_fork(void) {
    pthread_rwlock_wrlock(&gate);
}

void jayi_tls_after_fork(void) {
    pthread_rwlock_unlock(&gate);
}

/* Threads that waited to enter are counted in the lock, and are not in the child: it begins anew.
 */
void jayi_tls_in_child(void) {
    pthread_rwlock_unlock(&gate);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(&gate, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

/* ---- the layer over a socket ---- */

static int fd_of(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static int layer_result(BIO *bio, ssize_t moved, int retry) {
    BIO_clear_retry_flags(bio);
    if (moved < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)moved;
}

static int layer_read(BIO *bio, char *buffer, int size) {
    ssize_t got = recv(fd_of(bio), buffer, (size_t)size, MSG_DONTWAIT);
    return layer_result(bio, got, BIO_FLAGS_READ);
}

static int layer_write(BIO *bio, const char *bytes, int size) {
    ssize_t sent = send(fd_of(bio), bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return layer_result(bio, sent, BIO_FLAGS_WRITE);
}

static long layer_control(BIO *bio, int command, long number, void *data) {
    (void)bio, (void)number, (void)data;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_layer(void) {
    int index = BIO_get_new_index();
    BIO_METHOD *layer =
        index < 0 ? NULL : BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "jaycache socket");
    if (layer == NULL) return NULL;
    BIO_meth_set_read(layer, layer_read);
    BIO_meth_set_write(layer, layer_write);
    BIO_meth_set_ctrl(layer, layer_control);
    return layer;
}

/* ---- contexts ---- */

/* The reason that OpenSSL gives for its last failure. Its queue is the thread's: empty it. */
static const char *reason(void) {
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return text != NULL ? text : "unknown reason";
}

static int set_trust(const jayi_tls *tls, const jayi_tls_plan *plan, jay_error *error) {
    SSL_CTX_set_verify(tls->context, plan->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    int is_loaded = plan->ca[0] != '\0'
                        ? SSL_CTX_load_verify_locations(tls->context, plan->ca, NULL)
                        : SSL_CTX_set_default_verify_paths(tls->context);
    if (is_loaded == 1) return JAY_OK;
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                         "the certificates of tls_ca '%.80s' cannot be loaded: %s; name a file in "
                         "PEM form",
                         plan->ca, reason());
}

static int set_own(const jayi_tls *tls, const jayi_tls_plan *plan, jay_error *error) {
    if (plan->cert[0] == '\0' && plan->key[0] == '\0') return JAY_OK;
    const char *key = plan->key[0] != '\0' ? plan->key : plan->cert;
    if (plan->cert[0] != '\0' &&
        SSL_CTX_use_certificate_chain_file(tls->context, plan->cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) == 1)
        return JAY_OK;
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                         "tls_cert '%.60s' with tls_key '%.60s' cannot be loaded: %s; name a "
                         "certificate and its key, both in PEM form",
                         plan->cert, key, reason());
}

/* Inside of the gate. */
static int set_up(jayi_tls *tls, const jayi_tls_plan *plan, jay_error *error) {
    tls->context = SSL_CTX_new(TLS_client_method());
    tls->layer = make_layer();
    if (tls->context == NULL || tls->layer == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for TLS");
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int status = set_trust(tls, plan, error);
    return status == JAY_OK ? set_own(tls, plan, error) : status;
}

int jayi_tls_create(const jayi_tls_plan *plan, const jay_allocator *allocator, jayi_tls **ret_tls,
                    jay_error *error) {
    jayi_tls *tls = jayi_calloc(allocator, 1, sizeof *tls);
    if (tls == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for TLS");
    tls->allocator = *allocator;
    tls->verify = plan->verify;
    int status = JAY_OK;
    if (plan->name[0] != '\0') {
        tls->name = jayi_copy_text(allocator, plan->name, strlen(plan->name));
        if (tls->name == NULL)
            status = jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for TLS");
    }
    enter();
    if (status == JAY_OK) status = set_up(tls, plan, error);
    leave();
    if (status == JAY_OK) {
        *ret_tls = tls;
    } else {
        jayi_tls_destroy(tls);
    }
    return status;
}

void jayi_tls_destroy(jayi_tls *tls) {
    if (tls == NULL) return;
    jay_allocator allocator = tls->allocator;
    enter();
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->layer);
    leave();
    jayi_free(&allocator, tls->name);
    jayi_free(&allocator, tls);
}

/* ---- streams ---- */

/* Says whose certificate is expected, and asks for it by name (SNI). Whether that was possible. */
static bool expect_name(SSL *ssl, const char *name) {
    unsigned char room[sizeof(struct in6_addr)];
    bool is_number = inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
    if (is_number) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    /* A macro that casts const away. */
    char *sent = (char *)(uintptr_t)name;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, sent) == 1;
}

static SSL *make_session(const jayi_tls *tls, int fd, const char *name) {
    SSL *ssl = SSL_new(tls->context);
    BIO *bio = BIO_new(tls->layer);
    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (expect_name(ssl, name)) return ssl;
    SSL_free(ssl);
    return NULL;
}

/* What a call came to: bytes, JAYI_IO_AGAIN with what to wait for, or JAYI_IO_FAILED. */
static ssize_t result_of(jayi_stream *stream, int done) {
    stream->tls_wants = 0;
    if (done > 0) return done;
    switch (SSL_get_error(stream->tls, done)) {
    case SSL_ERROR_WANT_READ:
        stream->tls_wants = POLLIN;
        return JAYI_IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        stream->tls_wants = POLLOUT;
        return JAYI_IO_AGAIN;
    case SSL_ERROR_SYSCALL:
        stream->sys_errno = errno;
        break;
    default:
        stream->sys_errno = 0;
        break;
    }
    return JAYI_IO_FAILED;
}

static int refuse_peer(const jayi_stream *stream, const jayi_address *address, const char *name,
                       bool is_late, jay_error *error) {
    char text[160];
    jayi_address_text(address, text, sizeof text);
    long verdict = SSL_get_verify_result(stream->tls);
    if (is_late)
        return jay_error_set(error, JAY_E_UNREACHABLE, ETIMEDOUT,
                             "%s did not complete the TLS handshake in time; does it speak TLS?",
                             text);
    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return jay_error_set(error, JAY_E_AUTH, 0,
                             "the certificate of %s is not accepted for '%.60s': %s; give the "
                             "authority with tls_ca, or the name with tls_name",
                             text, name, X509_verify_cert_error_string(verdict));
    }
    return jay_error_set(error, JAY_E_UNREACHABLE, stream->sys_errno,
                         "the TLS handshake with %s failed: %s; does it speak TLS?", text,
                         reason());
}

int jayi_tls_connect(const jayi_tls *tls, jayi_stream *stream, const jayi_address *address,
                     int64_t deadline_ms, jay_error *error) {
    const char *name = tls->name != NULL ? tls->name : address->host;
    int flags = fcntl(stream->fd, F_GETFL);
    if (flags < 0 || fcntl(stream->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return jay_error_set(error, JAY_E_IO, errno, "a socket cannot be made non-blocking");
    enter();
    stream->tls = make_session(tls, stream->fd, name);
    ERR_clear_error();
    leave();
    if (stream->tls == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a TLS session");
    for (;;) {
        enter();
        ssize_t done = result_of(stream, SSL_connect(stream->tls));
        int refusal = done == JAYI_IO_FAILED ? refuse_peer(stream, address, name, false, error) : 0;
        leave();
        if (done > 0) return JAY_OK;
        if (done == JAYI_IO_FAILED) return refusal;
        if (jayi_stream_wait(stream, POLLIN, deadline_ms)) continue;
        enter();
        refusal = refuse_peer(stream, address, name, true, error);
        leave();
        return refusal;
    }
}

void jayi_tls_free(jayi_stream *stream) {
    enter();
    SSL_free(stream->tls);
    ERR_clear_error();
    leave();
}

ssize_t jayi_tls_read(jayi_stream *stream, void *buffer, size_t size) {
    int most = size > INT_MAX ? INT_MAX : (int)size;
    enter();
    ERR_clear_error();
    ssize_t done = result_of(stream, SSL_read(stream->tls, buffer, most));
    leave();
    return done;
}

/* One record at a time; the rest is for the next call. */
ssize_t jayi_tls_write(jayi_stream *stream, const struct iovec *parts, int count) {
    int i = 0;
    while (i + 1 < count && parts[i].iov_len == 0) i++;
    int most = parts[i].iov_len > INT_MAX ? INT_MAX : (int)parts[i].iov_len;
    enter();
    ERR_clear_error();
    ssize_t done = result_of(stream, SSL_write(stream->tls, parts[i].iov_base, most));
    leave();
    return done;
}

bool jayi_tls_has_bytes(const jayi_stream *stream) {
    return SSL_pending(stream->tls) > 0;
}

#else /* built without OpenSSL */

void jayi_tls_before_fork(void) {
}

void jayi_tls_after_fork(void) {
}

void jayi_tls_in_child(void) {
}

int jayi_tls_create(const jayi_tls_plan *plan, const jay_allocator *allocator, jayi_tls **ret_tls,
                    jay_error *error) {
    (void)plan, (void)allocator, (void)ret_tls;
    return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                         "this library was built without TLS; build it with JAYCACHE_TLS=ON");
}

void jayi_tls_destroy(jayi_tls *tls) {
    (void)tls;
}

int jayi_tls_connect(const jayi_tls *tls, jayi_stream *stream, const jayi_address *address,
                     int64_t deadline_ms, jay_error *error) {
    (void)stream, (void)address, (void)deadline_ms;
    return jayi_tls_create(NULL, NULL, (jayi_tls **)(uintptr_t)tls, error);
}

void jayi_tls_free(jayi_stream *stream) {
    (void)stream;
}

ssize_t jayi_tls_read(jayi_stream *stream, void *buffer, size_t size) {
    (void)stream, (void)buffer, (void)size;
    return JAYI_IO_FAILED;
}

ssize_t jayi_tls_write(jayi_stream *stream, const struct iovec *parts, int count) {
    (void)stream, (void)parts, (void)count;
    return JAYI_IO_FAILED;
}

bool jayi_tls_has_bytes(const jayi_stream *stream) {
    (void)stream;
    return false;
}

#endif
