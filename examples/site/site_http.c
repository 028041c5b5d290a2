/*
 * site_http.c - requests from libmicrohttpd as visits, and visits' answers as responses.
 *
 * Everything that comes in is measured before it is used: the path, each argument, the cookies, the
 * body. The threads are those of libmicrohttpd's pool; each request stays with one of them.
 */
#include "site_http.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "site_assets.h"
#include "site_visitors.h"

enum {
    MAX_BODY_BYTES = 2048,
    MAX_REQUEST_MEMORY = 32 * 1024, /* of libmicrohttpd for one connection: bounds its headers */
    MAX_CONNECTIONS = 1000,
    IDLE_LIMIT_S = 30
};

struct site_server {
    site_app *app;
    struct MHD_Daemon *daemon;
};

/* What is kept of a request between the calls for its head, its body, and its end. */
typedef struct request {
    site_visit visit;
    struct MHD_PostProcessor *post;
    size_t body_size;
    char token[SITE_TOKEN_BYTES + 1];
} request;

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/*
 * Decodes %41. What would decode to a NUL stays as it is, so that nothing can hide behind the end
 * of a string; so does what is no code at all.
 */
static size_t unescape(void *arg, struct MHD_Connection *connection, char *text) {
    (void)arg;
    (void)connection;
    char *to = text;
    for (const char *from = text; *from; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low >= 0 && (high || low)) {
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* ---- requests -------------------------------------------------------------------------------- */

static const char *argument(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static void read_arguments(site_visit *visit, struct MHD_Connection *connection) {
    const char *query = argument(connection, "q");
    const char *page = argument(connection, "page");
    const char *live = argument(connection, "live");
    visit->page = 1;
    if (query && strlen(query) > SITE_MAX_QUERY_BYTES)
        site_fail(visit, 400, "This search text is too long.");
    else
        visit->query = query;
    if (page) {
        visit->page = site_parse_number(page, SITE_MAX_PAGE);
        if (!visit->page) {
            visit->page = 1;
            site_fail(visit, 400, "This is no number of a page.");
        }
    }
    visit->is_live = live && strcmp(live, "1") == 0;
}

static void read_cookies(site_visit *visit, struct MHD_Connection *connection) {
    const char *visitor = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, "visitor");
    const char *cache = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, "cache");
    const char *wanted = argument(connection, "cache");
    visit->visitor = site_parse_number(visitor, SITE_VISITOR_MAX);
    if (!visit->visitor) {
        visit->visitor = site_visitor_new();
        visit->visitor_is_new = 1;
    }
    visit->cache_is_on = !cache || strcmp(cache, "off") != 0;
    if (wanted && (strcmp(wanted, "on") == 0 || strcmp(wanted, "off") == 0)) {
        visit->cache_is_on = strcmp(wanted, "on") == 0;
        visit->cache_is_switched = 1;
    }
    visit->cache = visit->cache_is_on ? visit->app->cache : visit->app->no_cache;
}

static enum MHD_Result take_form_field(void *arg, enum MHD_ValueKind kind, const char *key,
                                       const char *filename, const char *type, const char *encoding,
                                       const char *data, uint64_t offset, size_t size) {
    (void)kind, (void)filename, (void)type, (void)encoding;
    request *from = arg;
    /* A longer value is no token: what does not fit makes it wrong. */
    if (strcmp(key, "token") != 0 || offset >= sizeof(from->token) ||
        size >= sizeof(from->token) - offset)
        return MHD_YES;
    memcpy(from->token + offset, data, size);
    from->token[offset + size] = '\0';
    from->visit.token = from->token;
    return MHD_YES;
}

static request *begin_request(site_app *app, struct MHD_Connection *connection, const char *path,
                              const char *method) {
    request *fresh = calloc(1, sizeof(*fresh));
    if (!fresh) return NULL;
    site_visit *visit = &fresh->visit;
    visit->app = app;
    visit->status = 200;
    visit->cost.started_us = site_now_us();
    visit->method = method;
    visit->path = path;
    if (strlen(path) > SITE_MAX_PATH_BYTES) {
        visit->path = "/";
        site_fail(visit, 414, "This address is too long.");
    }
    read_arguments(visit, connection);
    read_cookies(visit, connection);
    if (strcmp(method, "POST") == 0) {
        fresh->post = MHD_create_post_processor(connection, 512, take_form_field, fresh);
        if (!fresh->post) site_fail(visit, 400, "Only an ordinary form is understood here.");
    }
    return fresh;
}

static void end_request(void *arg, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why) {
    (void)arg, (void)connection, (void)why;
    request *done = *state;
    if (!done) return;
    if (done->post) MHD_destroy_post_processor(done->post);
    site_buf_free(&done->visit.out);
    free(done);
    *state = NULL;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_header(struct MHD_Response *response, const char *name, const char *value) {
    /* A header that memory is too short for is no reason to withhold the page. */
    (void)MHD_add_response_header(response, name, value);
}

static void add_cookies(struct MHD_Response *response, const site_visit *visit) {
    char cookie[128];
    if (visit->visitor_is_new) {
        snprintf(cookie, sizeof(cookie),
                 "visitor=%" PRId64 "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
                 visit->visitor);
        add_header(response, "Set-Cookie", cookie);
    }
    if (visit->cache_is_switched)
        add_header(response, "Set-Cookie",
                   visit->cache_is_on ? "cache=on; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
                                      : "cache=off; Path=/; HttpOnly; SameSite=Lax");
}

/* For tests and for the network view of a browser: what the bar at the foot says, short. */
static void add_cost(struct MHD_Response *response, const site_visit *visit, int64_t time_us) {
    const site_cost *cost = &visit->cost;
    char text[128];
    int size = snprintf(text, sizeof(text), "hits=%d; misses=%d; queries=%d; cache=%s", cost->hits,
                        cost->misses, cost->queries, visit->cache_is_on ? "on" : "off");
    if (visit->app->workers)
        snprintf(text + size, sizeof(text) - (size_t)size, "; worker=%ld", (long)getpid());
    add_header(response, "X-Cost", text);
    snprintf(text, sizeof(text), "page;dur=%.3f", (double)time_us / 1000);
    add_header(response, "Server-Timing", text);
}

static void add_security(struct MHD_Response *response) {
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Referrer-Policy", "same-origin");
    add_header(response, "Content-Security-Policy",
               "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
               "base-uri 'none'; frame-ancestors 'none'");
}

static enum MHD_Result send_page(struct MHD_Connection *connection, site_visit *visit) {
    site_answer(visit);
    int64_t time_us = site_now_us() - visit->cost.started_us;
    if (visit->status == 200) site_sampler_page(visit->app->sampler, visit->cache_is_on, time_us);
    struct MHD_Response *response =
        visit->out.data ? MHD_create_response_from_buffer(visit->out.size, visit->out.data,
                                                          MHD_RESPMEM_MUST_FREE)
                        : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    visit->out = (site_buf){NULL, 0, 0, 0}; /* the response's now */
    add_header(response, "Content-Type", "text/html; charset=utf-8");
    add_header(response, "Cache-Control", "private, no-cache");
    add_security(response);
    add_cookies(response, visit);
    add_cost(response, visit, time_us);
    if (visit->allow) add_header(response, "Allow", visit->allow);
    if (visit->location) add_header(response, "Location", visit->location);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)visit->status, response);
    MHD_destroy_response(response);
    return result;
}

/* The files that pages refer to. They change with their version, which is in their URL. */
static enum MHD_Result send_asset(struct MHD_Connection *connection, const char *path) {
    static const struct {
        const char *path, *asset, *type;
    } files[] = {
        {"/style.css", "style.css", "text/css; charset=utf-8"},
        {"/favicon.svg", "favicon.svg", "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const site_asset *asset = site_asset_find(files[i].asset);
        if (strcmp(path, files[i].path) != 0 || !asset) continue;
        union { /* the library only reads persistent memory, but is declared without const */
            const char *data;
            void *declared;
        } bytes = {asset->data};
        struct MHD_Response *response =
            MHD_create_response_from_buffer(asset->size, bytes.declared, MHD_RESPMEM_PERSISTENT);
        if (!response) return MHD_NO;
        add_header(response, "Content-Type", files[i].type);
        add_header(response, "Cache-Control", "public, max-age=86400");
        add_security(response);
        enum MHD_Result result = MHD_queue_response(connection, 200, response);
        MHD_destroy_response(response);
        return result;
    }
    return MHD_NO;
}

static int is_reading(const char *method) {
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static int is_asset(const char *path) {
    return strcmp(path, "/style.css") == 0 || strcmp(path, "/favicon.svg") == 0;
}

/* Called for the head of a request, then for each part of its body, then for its end. */
static enum MHD_Result serve(void *arg, struct MHD_Connection *connection, const char *path,
                             const char *method, const char *version, const char *body,
                             size_t *body_size, void **state) {
    site_server *server = arg;
    request *current = *state;
    (void)version;
    if (!current) {
        if (is_reading(method) && is_asset(path)) return send_asset(connection, path);
        *state = begin_request(server->app, connection, path, method);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*body_size) {
        current->body_size += *body_size;
        /* Someone who goes on sending is not waited for. */
        if (current->body_size > 64 * (size_t)MAX_BODY_BYTES) return MHD_NO;
        if (current->body_size > MAX_BODY_BYTES)
            site_fail(&current->visit, 413, "This form is too long.");
        else if (current->post)
            MHD_post_process(current->post, body, *body_size);
        *body_size = 0;
        return MHD_YES;
    }
    return send_page(connection, &current->visit);
}

/* ---- the server ------------------------------------------------------------------------------ */

site_server *site_server_start(site_app *app, int socket, unsigned threads) {
    site_server *server = calloc(1, sizeof(*server));
    if (!server) return NULL;
    server->app = app;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, serve, server,
        MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_LIMIT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MAX_REQUEST_MEMORY,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, end_request,
        NULL, MHD_OPTION_END);
    if (!server->daemon) {
        free(server);
        return NULL;
    }
    return server;
}

void site_server_stop(site_server *server) {
    if (!server) return;
    /* Without this, the library would shut the socket down, for all processes that serve it. */
    MHD_quiesce_daemon(server->daemon);
    MHD_stop_daemon(server->daemon);
    free(server);
}
