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
#include "util/decimal.h"
#include "util/memory.h"
#include "util/percent.h"

#define DEFAULT_PORT 6379
#define DATABASE_MAX 65535

enum option {
    OPTION_CONNECTIONS,
    OPTION_DEADLINE,
    OPTION_CONNECT_DEADLINE,
    OPTION_RETRY,
    OPTION_OUTAGE,
    OPTION_DATABASE,
    OPTION_PROTOCOL,
    OPTION_CLIENT_NAME,
    OPTION_PASSWORD_FILE,
    PLAIN_OPTIONS,
    OPTION_TLS_VERIFY = PLAIN_OPTIONS,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_TLS_NAME,
    TLS_OPTIONS
};

#define ROW(option_name, option_type, default_value, low, high, others, text)          \
    {                                                                                  \
        .name = (option_name), .type = (option_type), .default_text = (default_value), \
        .min = (low), .max = (high), .also = (others), .help = (text)                  \
    }

static const jay_option_info options[TLS_OPTIONS] = {
    [OPTION_CONNECTIONS] = ROW("connections", JAY_OPTION_INT, "8", 1, 1024,
                               "max_connections pool pool_size max_pool_size",
                               "the most connections to the server, shared by all threads"),
    [OPTION_DEADLINE] =
        ROW("deadline", JAY_OPTION_DURATION, "2s", 1, 3600000,
            "socket_timeout receive_timeout send_timeout", "the most time that one call may take"),
    [OPTION_CONNECT_DEADLINE] = ROW("connect_deadline", JAY_OPTION_DURATION, "1s", 1, 3600000,
                                    "connect_timeout socket_connect_timeout",
                                    "the most of it that connecting to the server may take"),
    [OPTION_RETRY] = ROW("retry", JAY_OPTION_DURATION, "500ms", 1, 3600000,
                         "retry_timeout dead_retry dead_timeout",
                         "how long a server that does not answer is left alone at first; each "
                         "further time twice as long, up to 32 times"),
    [OPTION_OUTAGE] = ROW("outage", JAY_OPTION_TEXT, "error", 1, 8, "ignore_exc on_error",
                          "what reading from a server that does not answer is: error or miss"),
    [OPTION_DATABASE] = ROW("db", JAY_OPTION_INT, "0", 0, DATABASE_MAX, "database",
                            "the number of the database, where the path gives none"),
    [OPTION_PROTOCOL] = ROW("protocol", JAY_OPTION_INT, "3", 2, 3, "resp",
                            "3: RESP3 where the server has it; 2: RESP2"),
    [OPTION_CLIENT_NAME] = ROW("client_name", JAY_OPTION_TEXT, "jaycache", 0, 64, "name",
                               "what the server's CLIENT LIST calls the connections"),
    [OPTION_PASSWORD_FILE] =
        ROW("password_file", JAY_OPTION_TEXT, "", 0, 4096, "auth_file passwd",
            "a file whose first line is password or user:password; read at every connect"),
    [OPTION_TLS_VERIFY] = ROW("tls_verify", JAY_OPTION_BOOL, "yes", 0, 1, "ssl_verify verify",
                              "check the server's certificate"),
    [OPTION_TLS_CA] = ROW("tls_ca", JAY_OPTION_TEXT, "", 0, 4096, "ssl_ca_certs cafile ca",
                          "a PEM file of the authorities to trust instead of the system's"),
    [OPTION_TLS_CERT] = ROW("tls_cert", JAY_OPTION_TEXT, "", 0, 4096, "ssl_certfile cert",
                            "a PEM file with this client's certificate"),
    [OPTION_TLS_KEY] = ROW("tls_key", JAY_OPTION_TEXT, "", 0, 4096, "ssl_keyfile key",
                           "a PEM file with its key, where that is not in tls_cert"),
    [OPTION_TLS_NAME] = ROW("tls_name", JAY_OPTION_TEXT, "", 0, 253, "server_hostname sni",
                            "the name in the server's certificate, where it is not its host's"),
};

static int no_memory(jay_error *error) {
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
}

/* ---- options ---- */

static int take_options(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const jay_option_value *values = config->values;
    const char *outage = values[OPTION_OUTAGE].text, *name = values[OPTION_CLIENT_NAME].text;
    backend->call_ms = values[OPTION_DEADLINE].number;
    backend->protocol = (int)values[OPTION_PROTOCOL].number;
    backend->database = values[OPTION_DATABASE].number;
    backend->misses_outages = strcmp(outage, "miss") == 0;
    if (!backend->misses_outages && strcmp(outage, "error") != 0)
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "option 'outage' is '%.20s'; write error or miss", outage);
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

static int init_tls(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const jay_option_value *values = config->values;
    jayi_tls_plan plan = {.ca = values[OPTION_TLS_CA].text,
                          .cert = values[OPTION_TLS_CERT].text,
                          .key = values[OPTION_TLS_KEY].text,
                          .name = values[OPTION_TLS_NAME].text,
                          .verify = values[OPTION_TLS_VERIFY].number != 0};
    return jayi_tls_create(&plan, &backend->allocator, &backend->tls, error);
}

static int init_pool(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const jay_option_value *values = config->values;
    jayi_pool_plan plan = {.address = &backend->addresses[0],
                           .tls = backend->tls,
                           .allocator = &backend->allocator,
                           .greet = jayi_rd_greet,
                           .greet_arg = backend,
                           .max_links = (int)values[OPTION_CONNECTIONS].number,
                           .connect_ms = values[OPTION_CONNECT_DEADLINE].number,
                           .call_ms = backend->call_ms,
                           .retry_ms = values[OPTION_RETRY].number};
    int status = jayi_pool_init(&backend->pool, &plan, error);
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
        status = init_tls(config, backend, error);
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
                                             .option_count = TLS_OPTIONS};

const jay_backend_ops jayi_redis_unix_backend = {
    COMMON_FIELDS, .scheme = "redis+unix",
    .help = "on a Redis or Valkey server of this machine: redis+unix:///run/redis.sock",
    .option_count = PLAIN_OPTIONS};
