/*
 * memcached_backend.c - memcached: and memcacheds:, their options, opening and closing.
 *
 *     memcached://[user:password@]host[:port][*weight],[v6]:port,/run/x.sock[?options]
 *     memcacheds: is the same over TLS
 */
#include "backends/memcached/memcached_backend.h"

#include <stdio.h>
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "net/net_options.h"
#include "util/memory.h"
#include "util/percent.h"

#define DEFAULT_PORT 11211

enum option {
    OPTION_FAILOVER = JAYI_NET_OPTIONS,
    OPTION_REPLICAS,
    OPTION_HASH,
    OPTION_BIG,
    OPTION_ITEM_MAX,
    OPTION_GENERATIONS,
    OPTION_FLUSH,
    OPTION_PASSWORD_FILE,
    OPTION_PROTOCOL,
    PLAIN_OPTIONS,
    ALL_OPTIONS = PLAIN_OPTIONS + JAYI_TLS_OPTIONS
};

static const jay_option_info options[ALL_OPTIONS] = {
    JAYI_NET_ROWS,
    [OPTION_FAILOVER] = JAYI_OPTION_ROW(
        "failover", JAY_OPTION_BOOL, "no", 0, 1, "auto_eject remove_failed ejection",
        "use another server for the keys of one that does not answer; when it "
        "comes back, it may hold old values"),
    [OPTION_REPLICAS] = JAYI_OPTION_ROW(
        "replicas", JAY_OPTION_INT, "0", 0, 15, "number_of_replicas copies",
        "how many further servers have a copy of each entry, for when its own does not answer"),
    [OPTION_HASH] = JAYI_OPTION_ROW("hash", JAY_OPTION_TEXT, "ketama", 1, 8, "distribution hasher",
                                    "how keys are spread over servers: ketama or modula"),
    [OPTION_BIG] = JAYI_OPTION_ROW("big", JAY_OPTION_TEXT, "refuse", 1, 8, "split chunks large",
                                   "what to do with values above item_max: refuse or split"),
    [OPTION_ITEM_MAX] =
        JAYI_OPTION_ROW("item_max", JAY_OPTION_SIZE, "1m", 1024, 1 << 30, "max_item_size max_value",
                        "the largest item that the servers take (their -I), for big=split"),
    [OPTION_GENERATIONS] = JAYI_OPTION_ROW(
        "generations", JAY_OPTION_BOOL, "yes", 0, 1, "versioned",
        "put a generation behind the prefix, so that clear can empty the prefix alone"),
    [OPTION_FLUSH] =
        JAYI_OPTION_ROW("flush", JAY_OPTION_BOOL, "no", 0, 1, "flush_all",
                        "let clear empty the servers whole even when there is a prefix"),
    [OPTION_PASSWORD_FILE] =
        JAYI_OPTION_ROW("password_file", JAY_OPTION_TEXT, "", 0, 4096, "auth_file passwd",
                        "a file whose first line is user:password"),
    [OPTION_PROTOCOL] = JAYI_OPTION_ROW(
        "protocol", JAY_OPTION_TEXT, "auto", 1, 8, "dialect",
        "the commands that servers are spoken to with: auto asks each, and uses the classic ones "
        "before 1.6.10; classic does so without asking"),
    JAYI_TLS_ROWS(PLAIN_OPTIONS),
};

/* ---- options that are words ---- */

/* Whether the value of an option is the second of two words. */
static int take_word(const jay_backend_config *config, enum option option, const char *words,
                     bool *ret_is_second, jay_error *error) {
    int index = 0;
    int status = jayi_option_word(&options[option], &config->values[option], words, &index, error);
    *ret_is_second = index == 1;
    return status;
}

static int take_words(const jay_backend_config *config, jay_backend *backend, bool *ret_is_modula,
                      jay_error *error) {
    bool splits = false;
    int status = take_word(config, OPTION_HASH, "ketama modula", ret_is_modula, error);
    if (status == JAY_OK) status = take_word(config, OPTION_BIG, "refuse split", &splits, error);
    if (status == JAY_OK)
        status = take_word(config, OPTION_PROTOCOL, "auto classic", &backend->is_classic, error);
    if (splits) backend->item_max = (size_t)config->values[OPTION_ITEM_MAX].number;
    return status;
}

/* ---- the login ---- */

static int bad_login(const char *where, jay_error *error) {
    return jay_error_set(error, JAY_E_URL, 0,
                         "the login in %s is not user:password of printable characters without "
                         "spaces, at most %d bytes",
                         where, MC_LOGIN_MAX);
}

/* Keeps "user:password" as the server wants it: "user password". */
static int keep_login(jay_backend *backend, const char *text, size_t size, bool is_encoded,
                      const char *where, jay_error *error) {
    char *login = jayi_copy_text(&backend->allocator, text, size);
    if (login == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a login");
    backend->login = login;
    char *colon = strchr(login, ':');
    if (colon == NULL) return bad_login(where, error);
    *colon = ' ';
    if (is_encoded && !jayi_percent_decode(login)) return bad_login(where, error);
    return jayi_mc_login_is_good(login) ? JAY_OK : bad_login(where, error);
}

static int read_login(jay_backend *backend, const char *path, jay_error *error) {
    char line[MC_LOGIN_MAX + 8] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "password_file '%.100s' cannot be read; does it exist?", path);
    bool is_read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    int status = is_read ? keep_login(backend, line, strlen(line), false, "password_file", error)
                         : bad_login("password_file", error);
    explicit_bzero(line, sizeof line);
    return status;
}

/* ---- servers ---- */

/* The servers are what is between the slashes, without the login; paths of sockets may follow. */
static int take_servers(const jay_backend_config *config, jay_backend *backend, jay_error *error) {
    const char *authority = config->authority, *path = config->path;
    const char *at = strrchr(authority, '@');
    int status = JAY_OK;
    if (at != NULL) {
        size_t size = (size_t)(at - authority);
        status = keep_login(backend, authority, size, true, "the cache URL", error);
        authority = at + 1;
    } else if (config->values[OPTION_PASSWORD_FILE].text[0] != '\0') {
        status = read_login(backend, config->values[OPTION_PASSWORD_FILE].text, error);
    }
    if (status != JAY_OK) return status;
    size_t size = strlen(authority) + strlen(path) + sizeof "127.0.0.1";
    char *text = jayi_alloc(&backend->allocator, size);
    if (text == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the servers");
    bool has_path = path[0] == '/' && path[1] != '\0';
    snprintf(text, size, "%s%s", authority, has_path ? path : "");
    if (text[0] == '\0') snprintf(text, size, "127.0.0.1");
    if (path[0] != '\0' && path[0] != '/') {
        status = jay_error_set(error, JAY_E_URL, 0, "write %s://host:port, with both slashes",
                               config->scheme);
    } else {
        status = jayi_addresses_parse(text, DEFAULT_PORT, &backend->allocator, &backend->addresses,
                                      &backend->server_count, error);
    }
    jayi_free(&backend->allocator, text);
    return status;
}

static int init_servers(jay_backend *backend, jayi_pool_plan *plan, jay_error *error) {
    backend->servers =
        jayi_calloc(&backend->allocator, backend->server_count, sizeof *backend->servers);
    if (backend->servers == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the servers");
    for (size_t i = 0; i < backend->server_count; i++) {
        mc_server *server = &backend->servers[i];
        plan->address = &backend->addresses[i];
        int status = jayi_pool_init(&server->pool, plan, error);
        if (status != JAY_OK) return status;
        /* Like any other, but never that of the server: the first call learns that one. */
        atomic_init(&server->generation, 0);
        backend->ready_count++;
    }
    return JAY_OK;
}

static int check_replicas(const jay_backend *backend, size_t replicas, jay_error *error) {
    if (replicas > 0 && backend->fails_over)
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "with replicas lookups fail over by themselves; leave failover out");
    if (replicas == 0 || replicas < backend->server_count) return JAY_OK;
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                         "replicas=%zu needs %zu servers, and there are %zu", replicas,
                         replicas + 1, backend->server_count);
}

/* ---- open and close ---- */

static int close_backend(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    jayi_mc_free_places(backend);
    for (size_t i = 0; i < backend->ready_count; i++) jayi_pool_deinit(&backend->servers[i].pool);
    jayi_mc_ring_deinit(&backend->ring, &allocator);
    jayi_blocks_deinit(&backend->blocks);
    jayi_tls_destroy(backend->tls);
    jayi_free(&allocator, backend->servers);
    jayi_free(&allocator, backend->addresses);
    if (backend->login != NULL) explicit_bzero(backend->login, strlen(backend->login));
    jayi_free(&allocator, backend->login);
    jayi_free(&allocator, backend);
    return JAY_OK;
}

static void encode_generation_keys(const jay_backend_config *config, jay_backend *backend) {
    jayi_mc_key_encode_own('g', config->prefix, config->prefix_size,
                           &backend->generation_keys[MC_META]);
    jayi_mc_text_key_encode_own('g', config->prefix, config->prefix_size,
                                &backend->generation_keys[MC_CLASSIC]);
}

static int init_backend(const jay_backend_config *config, jay_backend *backend, bool has_tls,
                        jay_error *error) {
    const jay_option_value *values = config->values;
    bool is_modula = false;
    jayi_pool_plan plan = {.allocator = &backend->allocator,
                           .greet = jayi_mc_greet,
                           .greet_arg = backend,
                           .measure = jayi_mc_measure};
    int status = jayi_net_take_options(config, options, &plan, &backend->misses_outages, error);
    if (status != JAY_OK) return status;
    size_t replicas = (size_t)values[OPTION_REPLICAS].number;
    /* A call may have to go through all places one after another. */
    plan.call_ms = (plan.call_ms + (int64_t)replicas) / (int64_t)(replicas + 1);
    backend->call_ms = plan.call_ms;
    backend->ask_login = config->login;
    backend->ask_login_arg = config->login_arg;
    backend->fails_over = values[OPTION_FAILOVER].number != 0;
    backend->flushes = values[OPTION_FLUSH].number != 0;
    backend->prefix_size = config->prefix_size;
    backend->has_generations = config->prefix_size > 0 && values[OPTION_GENERATIONS].number != 0;
    if (backend->has_generations) encode_generation_keys(config, backend);
    status = take_words(config, backend, &is_modula, error);
    if (status == JAY_OK) status = take_servers(config, backend, error);
    if (status == JAY_OK) status = check_replicas(backend, replicas, error);
    if (status == JAY_OK && has_tls)
        status =
            jayi_net_take_tls(&values[PLAIN_OPTIONS], backend->addresses, backend->server_count,
                              &backend->allocator, &backend->tls, error);
    plan.tls = backend->tls;
    if (status == JAY_OK)
        status = jayi_mc_ring_init(&backend->ring, backend->addresses, backend->server_count,
                                   !is_modula, &backend->allocator, error);
    if (status == JAY_OK) status = init_servers(backend, &plan, error);
    return status == JAY_OK ? jayi_mc_make_places(backend, replicas, error) : status;
}

static int open_backend(const jay_backend_config *config, jay_backend **ret_backend,
                        jay_error *error) {
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    backend->allocator = config->allocator;
    jayi_blocks_init(&backend->blocks, &backend->allocator);
    bool has_tls = strcmp(config->scheme, "memcacheds") == 0;
    int status = init_backend(config, backend, has_tls, error);
    if (status == JAY_OK) {
        *ret_backend = backend;
    } else {
        (void)close_backend(backend);
    }
    return status;
}

#define COMMON_FIELDS                                                                             \
    .struct_size = sizeof(jay_backend_ops), .abi = JAY_BACKEND_ABI,                               \
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS | JAY_BACKEND_FLAGS,         \
    .options = options, .open = open_backend, .close = close_backend, .get = jayi_mc_get,         \
    .release = jayi_mc_release, .write = jayi_mc_write, .erase = jayi_mc_erase,                   \
    .get_into = jayi_mc_get_into, .has = jayi_mc_has, .ttl = jayi_mc_ttl, .touch = jayi_mc_touch, \
    .inc = jayi_mc_inc, .get_many = jayi_mc_get_many, .set_many = jayi_mc_set_many,               \
    .set_many_flags = jayi_mc_set_many_flags, .delete_many = jayi_mc_delete_many,                 \
    .clear = jayi_mc_clear, .stats = jayi_mc_stats

const jay_backend_ops jayi_memcached_backend = {
    COMMON_FIELDS, .scheme = "memcached",
    .help = "on memcached servers: memcached://host:11211,host:11211*2,/run/memcached.sock",
    .option_count = PLAIN_OPTIONS};

const jay_backend_ops jayi_memcacheds_backend = {COMMON_FIELDS, .scheme = "memcacheds",
                                                 .help = "on memcached servers, over TLS",
                                                 .option_count = ALL_OPTIONS};
