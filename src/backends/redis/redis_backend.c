/*
 * redis_backend.c - redis:, rediss: and redis+unix:, their options, opening and closing.
 *
 *     redis://[[user]:password@]host[:port][/database][?options]
 *     rediss: is the same over TLS
 *     redis+unix://[[user]:password@]/run/redis.sock[?options]
 */
#include "backends/redis/redis_backend.h"

#include <stdio.h>
#include <string.h>

#include "backends/redis/rd_state.h"
#include "net/net_options.h"
#include "util/decimal.h"
#include "util/memory.h"
#include "util/percent.h"

#define DEFAULT_PORT 6379
#define DATABASE_MAX 65535

enum option {
    OPTION_DATABASE = JAYI_NET_OPTIONS,
    OPTION_PROTOCOL,
    OPTION_CLIENT_NAME,
    OPTION_PASSWORD_FILE,
    PLAIN_OPTIONS,
    ALL_OPTIONS = PLAIN_OPTIONS + JAYI_TLS_OPTIONS
};

static const jay_option_info options[ALL_OPTIONS] = {
    JAYI_NET_ROWS,
    [OPTION_DATABASE] = JAYI_OPTION_ROW("db", JAY_OPTION_INT, "0", 0, DATABASE_MAX, "database",
                                        "the number of the database, where the path gives none"),
    [OPTION_PROTOCOL] = JAYI_OPTION_ROW("protocol", JAY_OPTION_INT, "3", 2, 3, "resp",
                                        "3: RESP3 where the server has it; 2: RESP2"),
    [OPTION_CLIENT_NAME] =
        JAYI_OPTION_ROW("client_name", JAY_OPTION_TEXT, "jaycache", 0, 64, "name",
                        "what the server's CLIENT LIST calls the connections"),
    [OPTION_PASSWORD_FILE] = JAYI_OPTION_ROW(
        "password_file", JAY_OPTION_TEXT, "", 0, 4096, "auth_file passwd",
        "a file whose first line is password or user:password; read at every connect"),
    JAYI_TLS_ROWS(PLAIN_OPTIONS),
};

static int no_memory(jay_error *error) {
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
}

/* ---- options ---- */

static int take_options(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const jay_option_value *values = config->values;
    const char *name = values[OPTION_CLIENT_NAME].text;
    backend->protocol = (int)values[OPTION_PROTOCOL].number;
    backend->database = values[OPTION_DATABASE].number;
    for (const char *at = name; *at != '\0'; at++) {
        if (*at < '!' || *at > '~')
            return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                                 "client_name has a byte that is no printable ASCII character or "
                                 "is a space");
    }
    backend->client_name = jayi_copy_text(&backend->allocator, name, strlen(name));
    return backend->client_name != NULL ? JAY_OK : no_memory(error);
}

/* ---- the login ---- */

/* Keeps what is before the '@': ":password" or "user:password". */
static int keep_login(jay_backend *backend, const char *text, size_t size, jay_error *error) {
    const char *colon = memchr(text, ':', size);
    if (colon == NULL)
        return jay_error_set(error, JAY_E_URL, 0,
                             "the login in the cache URL has no password; write user:password@ or "
                             ":password@");
    size_t user_size = (size_t)(colon - text);
    backend->user = jayi_copy_text(&backend->allocator, text, user_size);
    backend->password = jayi_copy_text(&backend->allocator, colon + 1, size - user_size - 1);
    if (backend->user == NULL || backend->password == NULL) return no_memory(error);
    if (!jayi_percent_decode(backend->user) || !jayi_percent_decode(backend->password))
        return jay_error_set(error, JAY_E_URL, 0,
                             "the login in the cache URL has a '%%' that is not followed by two "
                             "hexadecimal digits, or by those of a NUL byte");
    return JAY_OK;
}

static int keep_password_file(jay_backend *backend, const char *path, jay_error *error) {
    char *text = NULL;
    backend->user = jayi_copy_text(&backend->allocator, "", 0);
    if (backend->user == NULL) return no_memory(error);
    if (path[0] == '\0') return JAY_OK;
    backend->password_file = jayi_copy_text(&backend->allocator, path, strlen(path));
    if (backend->password_file == NULL) return no_memory(error);
    /* That it cannot be read is better known now than at the first call. */
    int status = jayi_rd_read_password(backend, &text, error);
    if (text != NULL) explicit_bzero(text, strlen(text));
    jayi_free(&backend->allocator, text);
    return status;
}

/* ---- the server ---- */

/* The database is what is behind the slash. */
static int take_database(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const char *path = config->path;
    if (path[0] == '\0' && config->authority[0] == '\0') return JAY_OK;
    if (path[0] == '\0' || (path[0] == '/' && path[1] == '\0')) return JAY_OK;
    int64_t number;
    if (path[0] != '/' || !jayi_decimal_parse(path + 1, strlen(path + 1), &number) || number < 0 ||
        number > DATABASE_MAX)
        return jay_error_set(error, JAY_E_URL, 0,
                             "'%.40s' is no database; write %s://host:port/0, with a number from 0 "
                             "to %d",
                             path, config->scheme, DATABASE_MAX);
    backend->database = number;
    return JAY_OK;
}

/* The server's address as text: the authority without the login, or the path of a socket. */
static int take_server(const jay_backend_config *config, jay_backend *backend, bool is_unix,
                       jay_error *error) {
    const char *server = config->authority, *at = strrchr(server, '@');
    int status = JAY_OK;
    size_t count = 0;
    if (at != NULL) {
        status = keep_login(backend, server, (size_t)(at - server), error);
        server = at + 1;
    } else {
        status = keep_password_file(backend, config->values[OPTION_PASSWORD_FILE].text, error);
    }
    if (status == JAY_OK && !is_unix) status = take_database(config, backend, error);
    if (status != JAY_OK) return status;
    if (is_unix && (server[0] != '\0' || config->path[0] != '/'))
        return jay_error_set(error, JAY_E_URL, 0,
                             "write %s:///path/of/the/socket, with three "
                             "slashes",
                             config->scheme);
    if (is_unix) server = config->path;
    if (server[0] == '\0') server = "127.0.0.1";
    status = jayi_addresses_parse(server, DEFAULT_PORT, &backend->allocator, &backend->addresses,
                                  &count, error);
    if (status == JAY_OK && (count != 1 || backend->addresses[0].is_unix != is_unix))
        return jay_error_set(error, JAY_E_URL, 0, "%s: takes one server; write %s", config->scheme,
                             is_unix ? "redis+unix:///path" : "redis://host:port/0");
    return status;
}

static int init_pool(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    jayi_pool_plan plan = {.address = &backend->addresses[0],
                           .tls = backend->tls,
                           .allocator = &backend->allocator,
                           .greet = jayi_rd_greet,
                           .greet_arg = backend};
    int status = jayi_net_take_options(config, options, &plan, &backend->misses_outages, error);
    if (status != JAY_OK) return status;
    backend->call_ms = plan.call_ms;
    status = jayi_pool_init(&backend->pool, &plan, error);
    backend->has_pool = status == JAY_OK;
    return status;
}

/* ---- open and close ---- */

static void wipe_and_free(const jay_allocator *allocator, char *text) {
    if (text != NULL) explicit_bzero(text, strlen(text));
    jayi_free(allocator, text);
}

static int close_backend(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    if (backend->has_pool) jayi_pool_deinit(&backend->pool);
    jayi_tls_destroy(backend->tls);
    jayi_free(&allocator, backend->addresses);
    wipe_and_free(&allocator, backend->user);
    wipe_and_free(&allocator, backend->password);
    jayi_free(&allocator, backend->password_file);
    jayi_free(&allocator, backend->client_name);
    jayi_free(&allocator, backend);
    return JAY_OK;
}

static int open_backend(const jay_backend_config *config, jay_backend **ret_backend,
                        jay_error *error) {
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) return no_memory(error);
    backend->allocator = config->allocator;
    int status = take_options(config, backend, error);
    if (status == JAY_OK)
        status = take_server(config, backend, strcmp(config->scheme, "redis+unix") == 0, error);
    if (status == JAY_OK && strcmp(config->scheme, "rediss") == 0)
        status = jayi_net_take_tls(&config->values[PLAIN_OPTIONS], backend->addresses, 1,
                                   &backend->allocator, &backend->tls, error);
    if (status == JAY_OK) status = init_pool(config, backend, error);
    if (status == JAY_OK) {
        *ret_backend = backend;
    } else {
        (void)close_backend(backend);
    }
    return status;
}

#define COMMON_FIELDS                                                                             \
    .struct_size = sizeof(jay_backend_ops), .abi = JAY_BACKEND_ABI,                               \
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS, .options = options,         \
    .open = open_backend, .close = close_backend, .get = jayi_rd_get, .release = jayi_rd_release, \
    .write = jayi_rd_write, .erase = jayi_rd_erase, .get_into = jayi_rd_get_into,                 \
    .has = jayi_rd_has, .ttl = jayi_rd_ttl, .touch = jayi_rd_touch, .inc = jayi_rd_inc,           \
    .get_many = jayi_rd_get_many, .set_many = jayi_rd_set_many,                                   \
    .delete_many = jayi_rd_delete_many, .clear = jayi_rd_clear, .iterate = jayi_rd_iterate,       \
    .stats = jayi_rd_stats

const jay_backend_ops jayi_redis_backend = {
    COMMON_FIELDS, .scheme = "redis",
    .help = "on a Redis or Valkey server: redis://user:password@host:6379/0",
    .option_count = PLAIN_OPTIONS};

const jay_backend_ops jayi_rediss_backend = {COMMON_FIELDS, .scheme = "rediss",
                                             .help = "on a Redis or Valkey server, over TLS",
                                             .option_count = ALL_OPTIONS};

const jay_backend_ops jayi_redis_unix_backend = {
    COMMON_FIELDS, .scheme = "redis+unix",
    .help = "on a Redis or Valkey server of this machine: redis+unix:///run/redis.sock",
    .option_count = PLAIN_OPTIONS};
