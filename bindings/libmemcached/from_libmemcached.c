/*
 * from_libmemcached.c - the URL that says what a client of libmemcached is set to.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jaycache/backend.h>
#include <jaycache/libmemcached.h>

/* Of one server, with its port and weight. */
#define SERVER_MAX 400
#define OPTIONS_MAX (3 * MEMCACHED_MAX_KEY + 200)

static int unsupported(const char *what, jay_error *error) {
    return jay_error_set(error, JAY_E_UNSUPPORTED, 0,
                         "the client of libmemcached %s; set it otherwise, or open the cache by a "
                         "URL",
                         what);
}

/* How keys are spread: "ketama" or "modula". */
static int take_distribution(memcached_st *client, const char **ret_hash, jay_error *error) {
    *ret_hash = "ketama";
    if (memcached_server_count(client) == 1) return JAY_OK;
    if (memcached_behavior_get(client, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED) != 0) return JAY_OK;
    bool is_modula =
        memcached_behavior_get(client, MEMCACHED_BEHAVIOR_DISTRIBUTION) ==
            MEMCACHED_DISTRIBUTION_MODULA &&
        memcached_behavior_get(client, MEMCACHED_BEHAVIOR_HASH) == MEMCACHED_HASH_DEFAULT;
    *ret_hash = "modula";
    return is_modula ? JAY_OK
                     : unsupported("spreads keys by other than weighted ketama, or modula with the "
                                   "default hash",
                                   error);
}

/* Writes text so that a URL carries it. Whether there was room. */
static bool put_encoded(char *to, size_t capacity, const char *text) {
    size_t used = strlen(to);
    for (; *text != '\0'; text++) {
        if (used + 4 > capacity) return false;
        used += (size_t)snprintf(to + used, capacity - used, "%%%02x", (unsigned char)*text);
    }
    return true;
}

static int put_options(memcached_st *client, char *to, size_t capacity, jay_error *error) {
    const char *hash = NULL;
    int status = take_distribution(client, &hash, error);
    if (status != JAY_OK) return status;
    const char *prefix = memcached_callback_get(client, MEMCACHED_CALLBACK_PREFIX_KEY, NULL);
    bool has_prefix = prefix != NULL && prefix[0] != '\0';
    if (has_prefix && memcached_server_count(client) > 1 &&
        memcached_behavior_get(client, MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY) == 0)
        return unsupported("spreads keys without their prefix "
                           "(MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY)",
                           error);
    if (memcached_behavior_get(client, MEMCACHED_BEHAVIOR_USE_UDP) != 0)
        return unsupported("uses UDP", error);
    uint64_t connect_ms = memcached_behavior_get(client, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT);
    if (connect_ms == 0 || connect_ms > 3600000) connect_ms = 1000;
    (void)snprintf(to, capacity, "?hash=%s&connect_deadline=%ums", hash, (unsigned)connect_ms);
    if (!has_prefix) return JAY_OK;
    (void)snprintf(to + strlen(to), capacity - strlen(to), "&generations=no&prefix=");
    if (put_encoded(to, capacity, prefix)) return JAY_OK;
    return unsupported("has too long a prefix", error);
}

static int put_server(memcached_st *client, uint32_t index, uint32_t weight, char *to,
                      jay_error *error) {
    const memcached_instance_st *server = memcached_server_instance_by_position(client, index);
    const char *name = server != NULL ? memcached_server_name(server) : NULL;
    if (name == NULL || name[0] == '\0' || strlen(name) > SERVER_MAX - 40)
        return unsupported("has a server without a name, or with too long a one", error);
    const char *comma = index > 0 ? "," : "";
    if (name[0] == '/') {
        (void)snprintf(to, SERVER_MAX, "%s%s*%u", comma, name, (unsigned)weight);
    } else {
        bool is_v6 = strchr(name, ':') != NULL;
        (void)snprintf(to, SERVER_MAX, is_v6 ? "%s[%s]:%u*%u" : "%s%s:%u*%u", comma, name,
                       (unsigned)memcached_server_port(server), (unsigned)weight);
    }
    return JAY_OK;
}

int jay_memcached_from_libmemcached(memcached_st *client, const uint32_t *weights,
                                    const jay_options *options, jay_cache **ret_cache,
                                    jay_error *error) {
    if (client == NULL || ret_cache == NULL)
        return jay_error_set(error, JAY_E_ARGUMENT, 0, "client and ret_cache must not be NULL");
    uint32_t count = memcached_server_count(client);
    if (count == 0) return jay_error_set(error, JAY_E_ARGUMENT, 0, "the client has no servers");
    char *url = malloc(sizeof "memcached://" + (size_t)count * SERVER_MAX + OPTIONS_MAX);
    if (url == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the servers");
    int status = JAY_OK;
    (void)snprintf(url, sizeof "memcached://", "memcached://");
    for (uint32_t i = 0; i < count && status == JAY_OK; i++)
        status = put_server(client, i, weights != NULL ? weights[i] : 1, url + strlen(url), error);
    if (status == JAY_OK) status = put_options(client, url + strlen(url), OPTIONS_MAX, error);
    if (status == JAY_OK) status = jay_open(url, options, ret_cache, error);
    free(url);
    return status;
}
