/*
 * redis_backend.c - redis: and its kin: their options, opening and closing.
 *
 *     redis://[[user]:password@]host[:port][/database][?options]
 *     redis+unix://[[user]:password@]/run/redis.sock[?options]
 *     redis+sentinel://[[user]:password@]sentinel[:port][,...]/master[/database][?options]
 *     redis+cluster://[[user]:password@]node[:port][,...][?options]
 *     rediss:, rediss+sentinel: and rediss+cluster: are the same over TLS
 */
#include "backends/redis/redis_backend.h"

#include <stdio.h>
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "net/net_options.h"
#include "util/decimal.h"
#include "util/memory.h"
#include "util/percent.h"

#define DEFAULT_PORT 6379
#define SENTINEL_PORT 26379
#define DATABASE_MAX 65535

enum option {
    OPTION_DATABASE = JAYI_NET_OPTIONS,
    OPTION_PROTOCOL,
    OPTION_CLIENT_NAME,
    OPTION_PASSWORD_FILE,
    ONE_OPTIONS,
    OPTION_READ_FROM = ONE_OPTIONS, /* of clusters and behind sentinels */
    CLUSTER_OPTIONS,
    OPTION_SENTINEL_PASSWORD_FILE = CLUSTER_OPTIONS,
    SENTINEL_OPTIONS
};

#define ONE_ROWS                                                                           \
    JAYI_NET_ROWS,                                                                         \
        [OPTION_DATABASE] =                                                                \
            JAYI_OPTION_ROW("db", JAY_OPTION_INT, "0", 0, DATABASE_MAX, "database",        \
                            "the number of the database, where the path gives none"),      \
        [OPTION_PROTOCOL] = JAYI_OPTION_ROW("protocol", JAY_OPTION_INT, "3", 2, 3, "resp", \
                                            "3: RESP3 where the server has it; 2: RESP2"), \
        [OPTION_CLIENT_NAME] =                                                             \
            JAYI_OPTION_ROW("client_name", JAY_OPTION_TEXT, "jaycache", 0, 64, "name",     \
                            "what the server's CLIENT LIST calls the connections"),        \
        [OPTION_PASSWORD_FILE] = JAYI_OPTION_ROW(                                          \
            "password_file", JAY_OPTION_TEXT, "", 0, 4096, "auth_file passwd",             \
            "a file whose first line is password or user:password; read at every connect")

#define CLUSTER_ROWS                                                               \
    ONE_ROWS, [OPTION_READ_FROM] = JAYI_OPTION_ROW(                                \
                  "read_from", JAY_OPTION_TEXT, "master", 1, 8, "read_preference", \
                  "master, or replica: reads may then find what was there a while ago")

static const jay_option_info one_options[ONE_OPTIONS + JAYI_TLS_OPTIONS] = {
    ONE_ROWS, JAYI_TLS_ROWS(ONE_OPTIONS)};

static const jay_option_info cluster_options[CLUSTER_OPTIONS + JAYI_TLS_OPTIONS] = {
    CLUSTER_ROWS, JAYI_TLS_ROWS(CLUSTER_OPTIONS)};

static const jay_option_info sentinel_options[SENTINEL_OPTIONS + JAYI_TLS_OPTIONS] = {
    CLUSTER_ROWS,
    [OPTION_SENTINEL_PASSWORD_FILE] = JAYI_OPTION_ROW(
        "sentinel_password_file", JAY_OPTION_TEXT, "", 0, 4096, "sentinel_auth_file",
        "as password_file, for the sentinels, which have logins of their own"),
    JAYI_TLS_ROWS(SENTINEL_OPTIONS)};

/* What a scheme stands for. */
static const struct layout {
    enum rd_layout layout;
    const jay_option_info *options;
    size_t plain_options; /* those of TLS are behind them */
    uint16_t port;
} layouts[] = {{RD_ONE, one_options, ONE_OPTIONS, DEFAULT_PORT},
               {RD_SENTINEL, sentinel_options, SENTINEL_OPTIONS, SENTINEL_PORT},
               {RD_CLUSTER, cluster_options, CLUSTER_OPTIONS, DEFAULT_PORT}};

static const struct layout *layout_of(const char *scheme) {
    if (strstr(scheme, "+sentinel") != NULL) return &layouts[RD_SENTINEL];
    return strstr(scheme, "+cluster") != NULL ? &layouts[RD_CLUSTER] : &layouts[RD_ONE];
}

static int no_memory(jay_error *error) {
    return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
}

/* ---- options ---- */

static int take_options(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const jay_option_value *values = config->values;
    const char *name = values[OPTION_CLIENT_NAME].text;
    backend->protocol = (int)values[OPTION_PROTOCOL].number;
    backend->database = values[OPTION_DATABASE].number;
    backend->ask_login = config->login;
    backend->login_arg = config->login_arg;
    if (backend->layout != RD_ONE) {
        int word = 0;
        int status = jayi_option_word(&cluster_options[OPTION_READ_FROM], &values[OPTION_READ_FROM],
                                      "master replica", &word, error);
        if (status != JAY_OK) return status;
        backend->reads_replicas = word == 1;
    }
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

/* Keeps the path of a password file, if there is one. */
static int keep_password_file(jay_backend *backend, const char *path, char **ret_path,
                              jay_error *error) {
    char *text = NULL;
    if (path[0] == '\0') return JAY_OK;
    *ret_path = jayi_copy_text(&backend->allocator, path, strlen(path));
    if (*ret_path == NULL) return no_memory(error);
    /* That it cannot be read is better known now than at the first call. */
    int status = jayi_rd_read_password(backend, path, &text, error);
    if (text != NULL) explicit_bzero(text, strlen(text));
    jayi_free(&backend->allocator, text);
    return status;
}

static int keep_no_user(jay_backend *backend, jay_error *error) {
    backend->user = jayi_copy_text(&backend->allocator, "", 0);
    return backend->user != NULL ? JAY_OK : no_memory(error);
}

/* ---- the servers ---- */

/* The database is what is behind the last slash. */
static int take_database(const char *path, jay_backend *backend, jay_error *error) {
    if (path[0] == '\0' || (path[0] == '/' && path[1] == '\0')) return JAY_OK;
    int64_t number;
    if (path[0] != '/' || !jayi_decimal_parse(path + 1, strlen(path + 1), &number) || number < 0 ||
        number > DATABASE_MAX)
        return jay_error_set(error, JAY_E_URL, 0,
                             "'%.40s' is no database; end the URL in /0, or in another number up "
                             "to %d",
                             path, DATABASE_MAX);
    backend->database = number;
    return JAY_OK;
}

/* The master's name, and the database. */
static int take_master(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const char *path = config->path;
    size_t size = path[0] == '/' ? strcspn(path + 1, "/") : 0;
    if (size == 0)
        return jay_error_set(error, JAY_E_URL, 0,
                             "write %s://sentinel:26379/mymaster, with the name that the sentinels "
                             "have for the master",
                             config->scheme);
    backend->master_name = jayi_copy_text(&backend->allocator, path + 1, size);
    if (backend->master_name == NULL) return no_memory(error);
    int status = keep_password_file(backend, config->values[OPTION_SENTINEL_PASSWORD_FILE].text,
                                    &backend->sentinel_password_file, error);
    return status == JAY_OK ? take_database(path + 1 + size, backend, error) : status;
}

static int take_path(const jay_backend_config *config, jay_backend *backend, bool is_unix,
                     jay_error *error) {
    if (is_unix) return JAY_OK;
    if (backend->layout == RD_SENTINEL) return take_master(config, backend, error);
    int status = take_database(config->path, backend, error);
    if (status == JAY_OK && backend->layout == RD_CLUSTER && backend->database != 0)
        return jay_error_set(error, JAY_E_URL, 0,
                             "a cluster has database 0 only; leave the number out");
    return status;
}

/* The addresses as text: the authority without the login, or the path of a socket. */
static int take_servers(const jay_backend_config *config, jay_backend *backend, bool is_unix,
                        jay_error *error) {
    const char *server = config->authority, *at = strrchr(server, '@');
    int status = JAY_OK;
    if (at != NULL) {
        status = keep_login(backend, server, (size_t)(at - server), error);
        server = at + 1;
    } else {
        status = keep_no_user(backend, error);
        if (status == JAY_OK)
            status = keep_password_file(backend, config->values[OPTION_PASSWORD_FILE].text,
                                        &backend->password_file, error);
    }
    if (status == JAY_OK) status = take_path(config, backend, is_unix, error);
    if (status != JAY_OK) return status;
    if (is_unix && (server[0] != '\0' || config->path[0] != '/'))
        return jay_error_set(error, JAY_E_URL, 0,
                             "write %s:///path/of/the/socket, with three "
                             "slashes",
                             config->scheme);
    if (is_unix) server = config->path;
    if (server[0] == '\0') server = "127.0.0.1";
    status = jayi_addresses_parse(server, layout_of(config->scheme)->port, &backend->allocator,
                                  &backend->addresses, &backend->address_count, error);
    if (status != JAY_OK) return status;
    if (backend->layout == RD_ONE &&
        (backend->address_count != 1 || backend->addresses[0].is_unix != is_unix))
        return jay_error_set(error, JAY_E_URL, 0, "%s: takes one server; write %s", config->scheme,
                             is_unix ? "redis+unix:///path" : "redis://host:port/0");
    for (size_t i = 0; i < backend->address_count && backend->layout != RD_ONE; i++) {
        if (backend->addresses[i].is_unix || strlen(backend->addresses[i].host) > RD_HOST_MAX)
            return jay_error_set(error, JAY_E_URL, 0, "%s: takes hosts and ports, no sockets",
                                 config->scheme);
    }
    return JAY_OK;
}

static int take_plan(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const struct layout *layout = layout_of(config->scheme);
    int status = JAY_OK;
    if (strncmp(config->scheme, "rediss", 6) == 0)
        status =
            jayi_net_take_tls(&config->values[layout->plain_options], backend->addresses,
                              backend->address_count, &backend->allocator, &backend->tls, error);
    if (status != JAY_OK) return status;
    backend->plan = (jayi_pool_plan){.tls = backend->tls,
                                     .allocator = &backend->allocator,
                                     .greet = jayi_rd_greet,
                                     .measure = jayi_resp_measure};
    status = jayi_net_take_options(config, layout->options, &backend->plan,
                                   &backend->misses_outages, error);
    backend->call_ms = backend->plan.call_ms;
    return status;
}

/* Makes the server, or those that tell about the others; nothing is connected yet. */
static int make_nodes(jay_backend *backend, jay_error *error) {
    enum rd_role role = backend->layout == RD_SENTINEL ? RD_WATCHER : RD_MASTER;
    jay_error once;
    if (backend->layout == RD_ONE) {
        backend->server = jayi_rd_node_create(backend, role, backend->addresses, &once);
        if (backend->server == NULL && error != NULL) *error = once;
        return backend->server != NULL ? JAY_OK : once.code;
    }
    int status = jayi_rd_nodes_init(backend, error);
    if (status != JAY_OK) return status;
    backend->seeds = jayi_calloc(&backend->allocator, backend->address_count, sizeof(rd_node *));
    if (backend->seeds == NULL) return no_memory(error);
    for (size_t i = 0; i < backend->address_count; i++) {
        const jayi_address *address = &backend->addresses[i];
        backend->seeds[i] = jayi_rd_node_acquire(backend, role, address->host,
                                                 strlen(address->host), address->port, &once);
        if (backend->seeds[i] != NULL) continue;
        if (error != NULL) *error = once;
        return once.code;
    }
    return JAY_OK;
}

/* ---- open and close ---- */

static void wipe_and_free(const jay_allocator *allocator, char *text) {
    if (text != NULL) explicit_bzero(text, strlen(text));
    jayi_free(allocator, text);
}

static int close_backend(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    if (backend->has_nodes) jayi_rd_nodes_deinit(backend);
    jayi_rd_node_destroy(backend->server);
    jayi_rd_recent_clear(backend);
    jayi_blocks_deinit(&backend->blocks);
    jayi_free(&allocator, backend->seeds);
    jayi_tls_destroy(backend->tls);
    jayi_free(&allocator, backend->addresses);
    wipe_and_free(&allocator, backend->user);
    wipe_and_free(&allocator, backend->password);
    jayi_free(&allocator, backend->password_file);
    jayi_free(&allocator, backend->sentinel_password_file);
    jayi_free(&allocator, backend->master_name);
    jayi_free(&allocator, backend->client_name);
    jayi_free(&allocator, backend);
    return JAY_OK;
}

static int open_backend(const jay_backend_config *config, jay_backend **ret_backend,
                        jay_error *error) {
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) return no_memory(error);
    backend->allocator = config->allocator;
    jayi_blocks_init(&backend->blocks, &backend->allocator);
    backend->layout = layout_of(config->scheme)->layout;
    int status = take_options(config, backend, error);
    if (status == JAY_OK)
        status = take_servers(config, backend, strcmp(config->scheme, "redis+unix") == 0, error);
    if (status == JAY_OK) status = take_plan(config, backend, error);
    if (status == JAY_OK) status = make_nodes(backend, error);
    if (status == JAY_OK) {
        *ret_backend = backend;
    } else {
        (void)close_backend(backend);
    }
    return status;
}

#define COMMON_FIELDS                                                                       \
    .struct_size = sizeof(jay_backend_ops), .abi = JAY_BACKEND_ABI,                         \
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS, .open = open_backend, \
    .close = close_backend, .get = jayi_rd_get, .release = jayi_rd_release,                 \
    .write = jayi_rd_write, .erase = jayi_rd_erase, .get_into = jayi_rd_get_into,           \
    .has = jayi_rd_has, .ttl = jayi_rd_ttl, .touch = jayi_rd_touch, .inc = jayi_rd_inc,     \
    .get_many = jayi_rd_get_many, .set_many = jayi_rd_set_many,                             \
    .delete_many = jayi_rd_delete_many, .clear = jayi_rd_clear, .iterate = jayi_rd_iterate, \
    .stats = jayi_rd_stats

const jay_backend_ops jayi_redis_backend = {
    COMMON_FIELDS, .scheme = "redis",
    .help = "on a Redis or Valkey server: redis://user:password@host:6379/0",
    .options = one_options, .option_count = ONE_OPTIONS};

const jay_backend_ops jayi_rediss_backend = {
    COMMON_FIELDS, .scheme = "rediss", .help = "on a Redis or Valkey server, over TLS",
    .options = one_options, .option_count = ONE_OPTIONS + JAYI_TLS_OPTIONS};

const jay_backend_ops jayi_redis_unix_backend = {
    COMMON_FIELDS, .scheme = "redis+unix",
    .help = "on a Redis or Valkey server of this machine: redis+unix:///run/redis.sock",
    .options = one_options, .option_count = ONE_OPTIONS};

const jay_backend_ops jayi_redis_sentinel_backend = {
    COMMON_FIELDS, .scheme = "redis+sentinel",
    .help = "on the master that sentinels name: redis+sentinel://s1:26379,s2:26379/mymaster",
    .options = sentinel_options, .option_count = SENTINEL_OPTIONS};

const jay_backend_ops jayi_rediss_sentinel_backend = {
    COMMON_FIELDS, .scheme = "rediss+sentinel",
    .help = "on the master that sentinels name, over TLS", .options = sentinel_options,
    .option_count = SENTINEL_OPTIONS + JAYI_TLS_OPTIONS};

const jay_backend_ops jayi_redis_cluster_backend = {
    COMMON_FIELDS, .scheme = "redis+cluster",
    .help = "on a Redis or Valkey cluster: redis+cluster://h1:6379,h2:6379",
    .options = cluster_options, .option_count = CLUSTER_OPTIONS};

const jay_backend_ops jayi_rediss_cluster_backend = {
    COMMON_FIELDS, .scheme = "rediss+cluster", .help = "on a Redis or Valkey cluster, over TLS",
    .options = cluster_options, .option_count = CLUSTER_OPTIONS + JAYI_TLS_OPTIONS};
