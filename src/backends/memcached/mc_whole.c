/*
 * mc_whole.c - what concerns whole servers: greeting a new connection, clear, and statistics.
 */
#include <stdio.h>
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "os/clock.h"
#include "util/decimal.h"

#define STATS_LINES_MAX 1000

/* ---- on one link ---- */

static int read_line(jayi_link *link, int64_t deadline_ms, jayi_mc_reply *ret_reply,
                     jay_error *error) {
    for (;;) {
        int used =
            jayi_mc_parse(link->in + link->in_begin, link->in_end - link->in_begin, ret_reply);
        if (used > 0 && !ret_reply->has_value) {
            link->in_begin += (size_t)used;
            return JAY_OK;
        }
        if (used != 0)
            return jay_error_set(error, JAY_E_PROTOCOL, 0,
                                 "the server's reply makes no sense; is it memcached?");
        int status = jayi_link_fill(link, deadline_ms, false, error);
        if (status != JAY_OK) return status;
    }
}

/* Sends one text and reads one line. */
static int ask(jayi_link *link, const char *text, size_t size, int64_t deadline_ms,
               jayi_mc_reply *ret_reply, jay_error *error) {
    struct iovec part = {(void *)(uintptr_t)text, size};
    int status = jayi_link_send(link, &part, 1, deadline_ms, error);
    return status == JAY_OK ? read_line(link, deadline_ms, ret_reply, error) : status;
}

/* ---- a new connection ---- */

/* The server's own form of a login: a set, whose value is the name and the password. */
static int log_in(const char *login, jayi_link *link, int64_t deadline_ms, jay_error *error) {
    char text[MC_LOGIN_MAX + 64];
    jayi_mc_reply reply;
    int size = snprintf(text, sizeof text, "set login 0 0 %-4zu\r\n%s\r\n", strlen(login), login);
    int status = ask(link, text, (size_t)size, deadline_ms, &reply, error);
    explicit_bzero(text, sizeof text);
    if (status != JAY_OK || reply.code == JAYI_MC_STORED) return status;
    return jay_error_set(error, JAY_E_AUTH, 0,
                         "the server refused the login; are user and password those of its file?");
}

/* Asks the program who to log in as. */
static int log_in_as_told(const jay_backend *backend, jayi_link *link, int64_t deadline_ms,
                          jay_error *error) {
    jay_login login;
    memset(&login, 0, sizeof login);
    int status =
        jayi_link_ask_login(link, backend->ask_login, backend->ask_login_arg, &login, error);
    char text[sizeof login + 2];
    (void)snprintf(text, sizeof text, "%s %s", login.user, login.password);
    if (status == JAY_OK && !jayi_mc_login_is_good(text))
        status = jay_error_set(error, JAY_E_AUTH, 0,
                               "the login that the program gave is not user and password of "
                               "printable characters without spaces, at most %d bytes",
                               MC_LOGIN_MAX);
    if (status == JAY_OK) status = log_in(text, link, deadline_ms, error);
    explicit_bzero(&login, sizeof login);
    explicit_bzero(text, sizeof text);
    return status;
}

bool jayi_mc_login_is_good(const char *login) {
    size_t spaces = 0;
    const char *at = login;
    for (; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) return false;
        spaces += *at == ' ';
    }
    return spaces == 1 && login[0] != ' ' && at - login <= MC_LOGIN_MAX;
}

/* Whoever hangs up at the first words may be something else. */
static int refuse_hangup(const jayi_link *link, jay_error *error) {
    char text[160];
    return jay_error_set(
        error, JAY_E_UNREACHABLE, link->stream.sys_errno,
        "%s closed the connection at the first command; does it want TLS "
        "(memcacheds:) or SASL (-S, where only -Y goes), or is it a proxy (protocol=classic)?",
        jayi_address_text(link->pool->plan.address, text, sizeof text));
}

/* A server that wants SASL speaks the binary protocol alone, and waits for 24 bytes before it sees
 * that this is none: with fewer than that it would say nothing until the deadline. So the first
 * command has spaces behind it, here and in log_in. */
static const char first_words[] = "mn                    \r\nversion\r\n";

/*
 * Finds out what the server speaks. Whoever knows `mn` may have been made when the meta commands
 * were still changing, up to 1.6.9: its `ms` would take a value for commands.
 */
static int find_dialect(jayi_link *link, int64_t deadline_ms, jay_error *error) {
    jayi_mc_reply reply;
    int status = ask(link, first_words, sizeof first_words - 1, deadline_ms, &reply, error);
    if (status != JAY_OK) return status;
    if (reply.code != JAYI_MC_MN && reply.code != JAYI_MC_ERROR)
        return jayi_mc_refused(&reply, error);
    bool has_meta = reply.code == JAYI_MC_MN;
    status = read_line(link, deadline_ms, &reply, error);
    if (status != JAY_OK) return status;
    if (reply.code != JAYI_MC_VERSION)
        return jay_error_set(
            error, JAY_E_VERSION, 0,
            "the server does not tell its version; is it memcached? Open the cache "
            "with protocol=classic if its classic commands are to be used");
    if (!has_meta || !jayi_mc_text_is_meta_version(reply.text, reply.text_size))
        link->dialect = MC_CLASSIC;
    return JAY_OK;
}

int jayi_mc_greet(void *arg, jayi_link *link, int64_t deadline_ms, jay_error *error) {
    const jay_backend *backend = arg;
    int status = JAY_OK;
    if (backend->ask_login != NULL) {
        status = log_in_as_told(backend, link, deadline_ms, error);
    } else if (backend->login != NULL) {
        status = log_in(backend->login, link, deadline_ms, error);
    }
    link->dialect = backend->is_classic ? MC_CLASSIC : MC_META;
    if (status == JAY_OK && !backend->is_classic) status = find_dialect(link, deadline_ms, error);
    return status == JAY_E_UNREACHABLE ? refuse_hangup(link, error) : status;
}

/* ---- each server in turn ---- */

typedef int server_fn(jay_backend *backend, mc_server *server, jayi_link *link, int64_t deadline_ms,
                      void *arg, jay_error *error);

/* Runs `fn` on a link to a server; `fn` leaves no reply unread when it returns JAY_OK. */
static int with_link(jay_backend *backend, mc_server *server, server_fn *fn, void *arg,
                     jay_error *error) {
    for (int i = 0; i <= server->pool.plan.max_links; i++) {
        int64_t now_ms = jayi_clock_ms(), deadline_ms = now_ms + backend->call_ms;
        jayi_link *link;
        int status = jayi_link_acquire(&server->pool, now_ms, deadline_ms, &link, error);
        if (status != JAY_OK) return status;
        bool is_reused = link->is_reused;
        status = fn(backend, server, link, deadline_ms, arg, error);
        if (status == JAY_OK) {
            jayi_link_release(link, now_ms);
            return JAY_OK;
        }
        jayi_link_discard(link, status);
        if (status != JAY_E_UNREACHABLE || !is_reused) return status;
    }
    return JAY_E_UNREACHABLE;
}

/* ---- clear ---- */

static int flush_server(jay_backend *backend, mc_server *server, jayi_link *link,
                        int64_t deadline_ms, void *arg, jay_error *error) {
    (void)backend, (void)server, (void)arg;
    jayi_mc_reply reply;
    int status = ask(link, "flush_all\r\n", 11, deadline_ms, &reply, error);
    return status != JAY_OK || reply.code == JAYI_MC_OK ? status : jayi_mc_refused(&reply, error);
}

static int renew_server(jay_backend *backend, mc_server *server, jayi_link *link,
                        int64_t deadline_ms, void *arg, jay_error *error) {
    (void)arg;
    char text[JAYI_MC_LINE_MAX];
    uint64_t generation = jayi_mc_new_generation();
    jayi_mc_store store = {.value_size = MC_GENERATION_DIGITS, .mode = JAYI_MC_SET};
    bool is_classic = link->dialect == MC_CLASSIC;
    const jayi_mc_key *key = mc_generation_key(backend, is_classic);
    size_t size = mc_compose_store(is_classic, text, key, &store);
    jayi_mc_format_generation(generation, text + size);
    memcpy(text + size + MC_GENERATION_DIGITS, "\r\n", 2);
    jayi_mc_reply reply;
    int status = ask(link, text, size + MC_GENERATION_DIGITS + 2, deadline_ms, &reply, error);
    if (status != JAY_OK) return status;
    if (reply.code != JAYI_MC_HD && reply.code != JAYI_MC_STORED)
        return jayi_mc_refused(&reply, error);
    atomic_store(&server->generation, generation);
    return JAY_OK;
}

int jayi_mc_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error) {
    (void)prefix;
    bool flushes = prefix_size == 0 || backend->flushes;
    if (!flushes && !backend->has_generations)
        return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                             "with generations=no a prefix cannot be cleared; flush=yes empties "
                             "the servers whole");
    int first = JAY_OK;
    for (size_t i = 0; i < backend->server_count; i++) {
        jay_error once;
        int status = with_link(backend, &backend->servers[i], flushes ? flush_server : renew_server,
                               NULL, &once);
        /* One server that is down does not keep the others from being cleared. */
        if (status != JAY_OK && first == JAY_OK) {
            first = status;
            if (error != NULL) *error = once;
        }
    }
    return first;
}

/* ---- statistics ---- */

typedef struct totals {
    int64_t items, bytes, evictions, expiries, max_bytes;
} totals;

static void add_stat(totals *sums, const char *text, size_t size) {
    const struct {
        const char *name;
        int64_t *sum;
    } known[] = {{"curr_items ", &sums->items},
                 {"bytes ", &sums->bytes},
                 {"evictions ", &sums->evictions},
                 {"reclaimed ", &sums->expiries},
                 {"limit_maxbytes ", &sums->max_bytes}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t name_size = strlen(known[i].name);
        int64_t number = 0;
        if (size > name_size && memcmp(text, known[i].name, name_size) == 0 &&
            jayi_decimal_parse(text + name_size, size - name_size, &number) && number >= 0 &&
            number <= INT64_MAX - *known[i].sum)
            *known[i].sum += number;
    }
}

static int ask_stats(jay_backend *backend, mc_server *server, jayi_link *link, int64_t deadline_ms,
                     void *arg, jay_error *error) {
    (void)backend, (void)server;
    totals sums = *(const totals *)arg;
    jayi_mc_reply reply;
    int status = ask(link, "stats\r\n", 7, deadline_ms, &reply, error);
    for (int i = 0; status == JAY_OK && reply.code == JAYI_MC_STAT; i++) {
        if (i == STATS_LINES_MAX)
            return jay_error_set(error, JAY_E_PROTOCOL, 0, "the server's statistics do not end");
        add_stat(&sums, reply.text, reply.text_size);
        status = read_line(link, deadline_ms, &reply, error);
    }
    if (status != JAY_OK) return status;
    if (reply.code != JAYI_MC_END) return jayi_mc_refused(&reply, error);
    *(totals *)arg = sums;
    return JAY_OK;
}

int jayi_mc_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    totals sums = {0};
    for (size_t i = 0; i < backend->server_count; i++) {
        int status = with_link(backend, &backend->servers[i], ask_stats, &sums, error);
        if (status != JAY_OK) return mc_read_status(backend, status) == JAY_MISS ? JAY_OK : status;
    }
    stats->items = sums.items;
    stats->bytes = sums.bytes;
    stats->evictions = sums.evictions;
    stats->expiries = sums.expiries;
    stats->max_bytes = sums.max_bytes;
    stats->max_items = 0;
    return JAY_OK;
}
