/*
 * from_hiredis.c - the URL that says where a connection of hiredis leads.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <jaycache/backend.h>
#include <jaycache/hiredis.h>

#define DATABASE_MAX 65535
#define CONNECT_MAX_MS 3600000
/* As long as a URL may be; longer ones are refused as a whole. */
#define URL_CAPACITY 8192
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

typedef struct text {
    size_t size;
    bool is_cut;
    char bytes[URL_CAPACITY];
} text;

static int unsupported(const char *what, jay_error *error) {
    return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                         "the context of hiredis %s; open the cache by a URL", what);
}

static int cannot_ask(const char *why, jay_error *error) {
    return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                         "which database is selected cannot be asked: %s; pass its number", why);
}

/* ---- the URL ---- */

static void put(text *to, const char *bytes) {
    size_t size = strlen(bytes);
    to->is_cut |= size >= URL_CAPACITY - to->size;
    if (to->is_cut) return;
    memcpy(to->bytes + to->size, bytes, size + 1);
    to->size += size;
}

/* Puts what is to be taken as it is, whatever its bytes mean in a URL, all but `plain` in code. */
static void put_encoded(text *to, const char *bytes, const char *plain) {
    for (; *bytes != '\0'; bytes++) {
        char code[4] = {*bytes, '\0'};
        if (strchr(plain, *bytes) == NULL)
            (void)snprintf(code, sizeof code, "%%%02x", (unsigned)(unsigned char)*bytes);
        put(to, code);
    }
}

static void put_number(text *to, const char *name, long number) {
    char digits[48];
    (void)snprintf(digits, sizeof digits, "%s%ld", name, number);
    put(to, digits);
}

/* ---- what the context has ---- */

static bool has_tls(const redisContext *context) {
#if HIREDIS_MAJOR >= 1
    return context->privctx != NULL;
#else
    (void)context;
    return false;
#endif
}

/* In milliseconds; 0: none was given. */
static long time_to_connect(const redisContext *context) {
#if HIREDIS_MAJOR >= 1
    const struct timeval *given = context->connect_timeout;
#else
    const struct timeval *given = context->timeout;
#endif
    if (given == NULL || given->tv_sec < 0) return 0;
    if (given->tv_sec >= CONNECT_MAX_MS / 1000) return CONNECT_MAX_MS;
    return (long)given->tv_sec * 1000 + (long)(given->tv_usec + 999) / 1000;
}

static bool is_unix(const redisContext *context) {
    return context->connection_type == REDIS_CONN_UNIX;
}

static int check_kind(const redisContext *context, jay_error *error) {
    if (has_tls(context)) return unsupported("speaks TLS, and does not tell the keys", error);
    if (is_unix(context)) {
        bool is_absolute = context->unix_sock.path != NULL && context->unix_sock.path[0] == '/';
        return is_absolute ? JAY_OK : unsupported("has no absolute path of a socket", error);
    }
    if (context->connection_type != REDIS_CONN_TCP || context->tcp.host == NULL)
        return unsupported("was made from a descriptor and has no address", error);
    if (context->tcp.source_addr != NULL)
        return unsupported("connects from an address that it was given", error);
    if (context->tcp.host[0] == '\0' || strpbrk(context->tcp.host, "/?#@,*[] ") != NULL)
        return unsupported("has a name of the server that is none", error);
    return JAY_OK;
}

/* ---- the database ---- */

static int read_database(const redisReply *reply, int *ret_database, jay_error *error) {
    const char *said = reply->str != NULL ? reply->str : "";
    if (reply->type == REDIS_REPLY_ERROR) {
        bool is_auth = strncmp(said, "NOAUTH", 6) == 0 || strncmp(said, "NOPERM", 6) == 0;
        return jay_error_set(error, is_auth ? JAY_E_AUTH : JAY_E_UNSUPPORTED, 0,
                             "the server does not tell the selected database (%.80s); pass its "
                             "number",
                             said);
    }
    const char *at = strstr(said, " db=");
    char *end = NULL;
    long number = at != NULL ? strtol(at + 4, &end, 10) : -1;
    if (number < 0 || number > DATABASE_MAX || end == at + 4)
        return cannot_ask("the server does not tell", error);
    *ret_database = (int)number;
    return JAY_OK;
}

static int has_failed(const redisContext *context, jay_error *error) {
    return jay_error_set(error, JAY_E_UNREACHABLE, errno,
                         "the connection of hiredis has failed (%.100s); connect it anew, or pass "
                         "the number of the database",
                         context->err != 0 ? context->errstr : strerror(errno));
}

/* Whether replies to what the caller has said may still come. */
static bool awaits_replies(const redisContext *context) {
    char byte;
    const redisReader *reader = context->reader;
    return context->obuf == NULL || context->obuf[0] != '\0' || reader == NULL ||
           reader->pos != reader->len ||
           recv(context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

static int ask_database(redisContext *context, int *ret_database, jay_error *error) {
    static const char command[] = "*2\r\n$6\r\nCLIENT\r\n$4\r\nINFO\r\n";
    void *reply = NULL;
    errno = 0;
    if (context->err != 0) return has_failed(context, error);
    if ((context->flags & REDIS_BLOCK) == 0) return cannot_ask("the context does not block", error);
    if (awaits_replies(context)) return cannot_ask("the context has commands on their way", error);
    /* Not by hiredis, which would let SIGPIPE reach the program. */
    ssize_t sent = send(context->fd, command, sizeof command - 1, MSG_NOSIGNAL);
    if (sent != (ssize_t)sizeof command - 1) return has_failed(context, error);
    if (redisGetReply(context, &reply) != REDIS_OK) return has_failed(context, error);
    int status = read_database(reply, ret_database, error);
    freeReplyObject(reply);
    return status;
}

/* ---- all of it ---- */

static void compose(const redisContext *context, const jay_login *login, int database, text *url) {
    put(url, is_unix(context) ? "redis+unix://" : "redis://");
    if (login != NULL && (login->user[0] != '\0' || login->password[0] != '\0')) {
        put_encoded(url, login->user, LETTERS);
        put(url, ":");
        put_encoded(url, login->password, LETTERS);
        put(url, "@");
    }
    if (is_unix(context)) {
        put_encoded(url, context->unix_sock.path, "/-._" LETTERS);
    } else {
        bool is_v6 = strchr(context->tcp.host, ':') != NULL;
        put(url, is_v6 ? "[" : "");
        put(url, context->tcp.host);
        put_number(url, is_v6 ? "]:" : ":", context->tcp.port);
    }
    put_number(url, "?db=", database);
    long connect_ms = time_to_connect(context);
    if (connect_ms == 0) return;
    put_number(url, "&connect_deadline=", connect_ms);
    put(url, "ms");
}

int jay_redis_from_hiredis(redisContext *context, const jay_login *login, int database,
                           const jay_options *options, jay_cache **ret_cache, jay_error *error) {
    if (context == NULL || ret_cache == NULL)
        return jay_error_set(error, JAY_E_ARGUMENT, 0, "context and ret_cache must not be NULL");
    if (database < JAY_HIREDIS_SELECTED || database > DATABASE_MAX)
        return jay_error_set(error, JAY_E_ARGUMENT, 0,
                             "database is %d; pass 0 to %d, or JAY_HIREDIS_SELECTED", database,
                             DATABASE_MAX);
    int status = check_kind(context, error);
    if (status == JAY_OK && database == JAY_HIREDIS_SELECTED)
        status = ask_database(context, &database, error);
    if (status != JAY_OK) return status;
    text *url = calloc(1, sizeof *url);
    if (url == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a URL");
    compose(context, login, database, url);
    status = url->is_cut ? jay_error_set(error, JAY_E_ARGUMENT, 0,
                                         "user, password and address are too long together; use "
                                         "jay_options_set_login")
                         : jay_open(url->bytes, options, ret_cache, error);
    /* It held the login. */
    explicit_bzero(url, sizeof *url);
    free(url);
    return status;
}
