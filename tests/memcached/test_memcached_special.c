/*
 * test_memcached_special.c - what only this backend has: logins, certificates, values in parts,
 * keys that want to be commands, generations of prefixes, and the flags of other clients.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <jaycache/backend.h>

#include "memcached_fleet.h"

static fleet servers;

static int set_up(void **state) {
    (void)state;
    fleet_init(&servers);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fleet_deinit(&servers);
    return 0;
}

static jay_cache *open_url(const char *url) {
    jay_cache *cache = NULL;
    jay_error error;
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s: %s", url, error.message);
    return cache;
}

static jay_cache *open_cache(const char *before, const char *addresses, const char *options) {
    char url[1200];
    snprintf(url, sizeof url, "%s%s?%s", before, addresses, options);
    return open_url(url);
}

/* Stores and finds, or fails with a status. */
static int use(jay_cache *cache, jay_error *error) {
    char value[16];
    size_t size = 0;
    int status = jay_set(cache, "key", 3, "value", 5, 0, error);
    if (status == JAY_OK) status = jay_get_into(cache, "key", 3, value, sizeof value, &size, error);
    if (status == JAY_OK) assert_int_equal(size, 5);
    return status;
}

static void check_use(const char *before, const char *addresses, const char *options, int wanted) {
    jay_error error = {.message = ""};
    jay_cache *cache = open_cache(before, addresses, options);
    int status = use(cache, &error);
    if (status != wanted)
        fail_msg("%s%s?%s: %s, %s", before, addresses, options, jay_status_name(status),
                 error.message);
    assert_null(strstr(error.message, "pass-word"));
    jay_close(cache);
}

/* ---- logins ---- */

static void login(void **state) {
    (void)state;
    char path[96], text[160];
    snprintf(path, sizeof path, "%s/users", servers.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("joe:pass-word\n", file);
    fclose(file);
    fleet_add_option(&servers, "-Y");
    fleet_add_option(&servers, path);
    fleet_server *server = fleet_start(&servers, false);
    check_use("memcached://joe:pass-word@", server->address, "", JAY_OK);
    check_use("memcached://joe:pass%2dword@", server->address, "", JAY_OK);
    check_use("memcached://joe:other@", server->address, "", JAY_E_AUTH);
    check_use("memcached://", server->address, "", JAY_E_AUTH);
    snprintf(text, sizeof text, "password_file=%s", path);
    check_use("memcached://", server->address, text, JAY_OK);
    jay_cache *cache;
    jay_error error;
    assert_int_equal(jay_open("memcached://pass-word@h", NULL, &cache, &error), JAY_E_URL);
    assert_null(strstr(error.message, "pass-word"));
}

/* ---- what the program does itself ---- */

typedef struct dial_notes {
    const char *path; /* of the socket to connect; NULL: fail */
    int calls;
    bool gives_file;
    char host[64];
    int port;
    int64_t timeout_ms;
} dial_notes;

static int dial(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                jay_error *error) {
    dial_notes *notes = arg;
    notes->calls++;
    snprintf(notes->host, sizeof notes->host, "%s", host);
    notes->port = port;
    notes->timeout_ms = timeout_ms;
    if (notes->gives_file) {
        *ret_fd = dup(0);
        return JAY_OK;
    }
    if (notes->path == NULL) return jay_error_set(error, JAY_E_IO, 0, "the tunnel is shut");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%.100s", notes->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) return JAY_E_IO;
    *ret_fd = fd;
    return JAY_OK;
}

static jay_cache *open_dialled(dial_notes *notes) {
    jay_options *options;
    jay_cache *cache = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_dialler(options, dial, notes), JAY_OK);
    assert_int_equal(jay_open("memcached://nowhere.invalid:7", options, &cache, NULL), JAY_OK);
    jay_options_destroy(options);
    return cache;
}

static void dialler(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, true);
    dial_notes notes = {.path = server->address};
    jay_error error = {.message = ""};
    jay_cache *cache = open_dialled(&notes);
    assert_int_equal(notes.calls, 0);
    assert_int_equal(use(cache, &error), JAY_OK);
    assert_int_equal(use(cache, &error), JAY_OK);
    assert_int_equal(notes.calls, 1);
    assert_string_equal(notes.host, "nowhere.invalid");
    assert_int_equal(notes.port, 7);
    assert_in_range(notes.timeout_ms, 1, 1000);
    jay_close(cache);
    notes = (dial_notes){.path = NULL};
    cache = open_dialled(&notes);
    assert_int_equal(use(cache, &error), JAY_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "the tunnel is shut"));
    jay_close(cache);
    notes = (dial_notes){.gives_file = true};
    cache = open_dialled(&notes);
    assert_int_equal(use(cache, &error), JAY_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "no connected stream socket"));
    jay_close(cache);
}

static int say_login(void *arg, const char *host, int port, jay_login *ret_login,
                     jay_error *error) {
    (void)host, (void)port;
    const char *password = arg;
    if (password == NULL) return jay_error_set(error, JAY_E_IO, 0, "the vault is shut");
    snprintf(ret_login->user, sizeof ret_login->user, "joe");
    snprintf(ret_login->password, sizeof ret_login->password, "%s", password);
    return JAY_OK;
}

/* Uses a server with a login that a function gives: the status. */
static int use_told(const char *address, const char *password, jay_error *error) {
    jay_options *options;
    jay_cache *cache = NULL;
    char url[160], text[64];
    snprintf(url, sizeof url, "memcached://%s", address);
    if (password != NULL) snprintf(text, sizeof text, "%s", password);
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_login(options, say_login, password != NULL ? text : NULL),
                     JAY_OK);
    assert_int_equal(jay_open(url, options, &cache, NULL), JAY_OK);
    jay_options_destroy(options);
    int status = use(cache, error);
    jay_close(cache);
    return status;
}

static void login_function(void **state) {
    (void)state;
    char path[96];
    jay_error error = {.message = ""};
    snprintf(path, sizeof path, "%s/users", servers.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("joe:pass-word\n", file);
    fclose(file);
    fleet_add_option(&servers, "-Y");
    fleet_add_option(&servers, path);
    fleet_server *server = fleet_start(&servers, false);
    assert_int_equal(use_told(server->address, "pass-word", &error), JAY_OK);
    assert_int_equal(use_told(server->address, "other-word", &error), JAY_E_AUTH);
    assert_null(strstr(error.message, "other-word"));
    assert_int_equal(use_told(server->address, "in\r\njected", &error), JAY_E_AUTH);
    assert_null(strstr(error.message, "jected"));
    assert_int_equal(use_told(server->address, NULL, &error), JAY_E_IO);
    assert_non_null(strstr(error.message, "the vault is shut"));
}

/* ---- TLS ---- */

static void certificates(void **state) {
    (void)state;
    char options[400];
    fleet_use_tls(&servers);
    fleet_server *server = fleet_start(&servers, false);
    snprintf(options, sizeof options, "tls_ca=%s/ca.pem", servers.dir);
    check_use("memcacheds://", server->address, options, JAY_OK);
    check_use("memcacheds://", server->address, "", JAY_E_AUTH);
    check_use("memcacheds://", server->address, "tls_verify=no", JAY_OK);
    snprintf(options, sizeof options, "tls_ca=%s/ca.pem&tls_name=cache.test", servers.dir);
    check_use("memcacheds://", server->address, options, JAY_OK);
    snprintf(options, sizeof options, "tls_ca=%s/ca.pem&tls_name=other.test", servers.dir);
    check_use("memcacheds://", server->address, options, JAY_E_AUTH);
    jay_error error = {.message = ""};
    jay_cache *plain = open_cache("memcached://", server->address, "");
    assert_int_equal(use(plain, &error), JAY_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "memcacheds:"));
    jay_close(plain);
}

static void client_certificates(void **state) {
    (void)state;
    char options[400];
    fleet_use_tls(&servers);
    fleet_add_option(&servers, "-o");
    fleet_add_option(&servers, "ssl_verify_mode=2");
    fleet_server *server = fleet_start(&servers, false);
    snprintf(options, sizeof options, "tls_ca=%s/ca.pem", servers.dir);
    check_use("memcacheds://", server->address, options, JAY_E_UNREACHABLE);
    snprintf(options, sizeof options,
             "tls_ca=%s/ca.pem&tls_cert=%s/client.pem&tls_key=%s/client.key", servers.dir,
             servers.dir, servers.dir);
    check_use("memcacheds://", server->address, options, JAY_OK);
}

static void plain_server_for_tls(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, false);
    check_use("memcacheds://", server->address, "tls_verify=no&deadline=500ms", JAY_E_UNREACHABLE);
}

/* A server that wants SASL speaks no text: it is told from others at once, not at the deadline. */
static void sasl_server(void **state) {
    (void)state;
    static char mechanisms[80];
    setenv("SASL_CONF_PATH", servers.dir, 1);
    snprintf(mechanisms, sizeof mechanisms, "%s/memcached.conf", servers.dir);
    FILE *file = fopen(mechanisms, "we");
    assert_non_null(file);
    assert_true(fputs("mech_list: plain\n", file) >= 0 && fclose(file) == 0);
    fleet_add_option(&servers, "-S");
    fleet_server *server = fleet_start(&servers, true);
    static const char *const logins[] = {"memcached://", "memcached://a:b@"};
    for (size_t i = 0; i < 2; i++) {
        jay_error error;
        jay_cache *cache =
            open_cache(logins[i], server->address, "deadline=60s&connect_deadline=60s");
        assert_int_equal(use(cache, &error), JAY_E_UNREACHABLE);
        assert_non_null(strstr(error.message, "SASL"));
        jay_close(cache);
    }
    unsetenv("SASL_CONF_PATH");
}

/* ---- values in parts ---- */

static char *make_value(size_t size, unsigned seed) {
    char *value = malloc(size);
    assert_non_null(value);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        value[i] = (char)(seed >> 24);
    }
    return value;
}

static void check_value(jay_cache *cache, const void *key, size_t key_size, const char *value,
                        size_t size) {
    jay_value view = JAY_VALUE_INIT;
    jay_bytes keys[2] = {{key, key_size}, {"none", 4}};
    jay_value views[2];
    assert_int_equal(jay_get(cache, key, key_size, &view, NULL), JAY_OK);
    assert_int_equal(view.size, size);
    assert_memory_equal(view.data, value, size);
    jay_value_release(&view);
    assert_int_equal(jay_get_many(cache, keys, 2, views, NULL, NULL), JAY_OK);
    assert_int_equal(views[0].size, size);
    assert_memory_equal(views[0].data, value, size);
    jay_values_release(views, 2);
}

static void parts(void **state) {
    (void)state;
    /* Room for all, with what has been replaced: nothing is to be evicted. */
    fleet_add_option(&servers, "-m");
    fleet_add_option(&servers, "1024");
    fleet_server *server = fleet_start(&servers, true);
    static const size_t sizes[] = {1048000, 1048576, 1048577, 5000000, 20000000};
    static const char *const options[] = {"big=split", "big=split&prefix=p:"};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i / 2];
        jay_cache *cache = open_cache("memcached://", server->address, options[i % 2]);
        char *value = make_value(size, (unsigned)i), *other = make_value(size, 77);
        assert_int_equal(jay_set(cache, "big", 3, value, size, 0, NULL), JAY_OK);
        check_value(cache, "big", 3, value, size);
        assert_int_equal(jay_add(cache, "big", 3, other, size, 0, NULL), JAY_EXISTS);
        check_value(cache, "big", 3, value, size);
        assert_int_equal(jay_replace(cache, "big", 3, other, size, 60000, NULL), JAY_OK);
        check_value(cache, "big", 3, other, size);
        assert_int_equal(jay_touch(cache, "big", 3, 600000, NULL), JAY_OK);
        int64_t ttl_ms = 0;
        assert_int_equal(jay_ttl(cache, "big", 3, &ttl_ms, NULL), JAY_OK);
        assert_true(ttl_ms > 500000);
        jay_pair pairs[2] = {{{"big", 3}, {value, size}, 0}, {{"small", 5}, {"x", 1}, 0}};
        assert_int_equal(jay_set_many(cache, pairs, 2, NULL, NULL), JAY_OK);
        check_value(cache, "big", 3, value, size);
        assert_int_equal(jay_delete(cache, "big", 3, NULL), JAY_OK);
        assert_int_equal(jay_has(cache, "big", 3, NULL), JAY_MISS);
        free(value);
        free(other);
        jay_close(cache);
    }
    jay_cache *refusing = open_cache("memcached://", server->address, "");
    char *value = make_value(2000000, 1);
    assert_int_equal(jay_set(refusing, "big", 3, value, 2000000, 0, NULL), JAY_E_TOO_BIG);
    free(value);
    jay_close(refusing);
}

/* ---- the wire itself ---- */

static int connect_socket(const fleet_server *server) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%.100s", server->address);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends a command by hand; the reply must begin with `wanted`. */
static void by_hand(int fd, const char *command, const char *wanted) {
    char reply[4096];
    size_t have = 0, size = strlen(command);
    assert_int_equal(send(fd, command, size, 0), (ssize_t)size);
    while (have < strlen(wanted)) {
        ssize_t got = recv(fd, reply + have, sizeof reply - 1 - have, 0);
        assert_true(got > 0);
        have += (size_t)got;
    }
    reply[have] = '\0';
    if (strncmp(reply, wanted, strlen(wanted)) != 0)
        fail_msg("%s is answered by %s", command, reply);
}

/* Keys that try to end their command and begin another, in every call. */
static void injection(void **state) {
    (void)state;
    static const char *const evil[] = {"x\r\nflush_all\r\n", "x 0 0 1\r\na\r\nflush_all\r\n",
                                       "x\nflush_all\n", " flush_all", "x b\r\nmd safe\r\n"};
    fleet_server *server = fleet_start(&servers, true);
    char options[80];
    for (int with_prefix = 0; with_prefix < 2; with_prefix++) {
        snprintf(options, sizeof options,
                 with_prefix ? "prefix=a%%20%%0d%%0aflush_all%%0d%%0a" : "default_ttl=5m");
        jay_cache *cache = open_cache("memcached://", server->address, options);
        assert_int_equal(jay_set_str(cache, "safe", "and sound", 0), JAY_OK);
        for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
            const char *key = evil[i];
            jay_bytes keys[2] = {{key, strlen(key)}, {"safe", 4}};
            jay_pair pair = {keys[0], {evil[0], strlen(evil[0])}, 0};
            jay_value views[2];
            assert_int_equal(jay_has_str(cache, key), JAY_MISS);
            assert_int_equal(jay_set_str(cache, key, evil[0], 0), JAY_OK);
            assert_int_equal(jay_set_many(cache, &pair, 1, NULL, NULL), JAY_OK);
            assert_int_equal(jay_touch_str(cache, key, 100000), JAY_OK);
            assert_int_equal(jay_get_many(cache, keys, 2, views, NULL, NULL), JAY_OK);
            assert_string_equal(views[0].data, evil[0]);
            assert_string_equal(views[1].data, "and sound");
            jay_values_release(views, 2);
            assert_int_equal(jay_delete_str(cache, key), JAY_OK);
            assert_int_equal(jay_inc_str(cache, key, 1, NULL), JAY_OK);
            assert_int_equal(jay_delete_many(cache, keys, 1, NULL, NULL), JAY_OK);
        }
        assert_int_equal(jay_has_str(cache, "safe"), JAY_OK);
        jay_close(cache);
    }
}

/* A value that another client has stored is found as it is, and inc keeps its flags. */
static void flags_of_others(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, true);
    jay_cache *cache = open_cache("memcached://", server->address, "");
    int fd = connect_socket(server);
    by_hand(fd, "set other 16 0 5\r\nhello\r\n", "STORED\r\n");
    by_hand(fd, "set number 2 0 2\r\n41\r\n", "STORED\r\n");
    jay_value view;
    assert_int_equal(jay_get_str(cache, "other", &view), JAY_OK);
    assert_string_equal(view.data, "hello");
    assert_int_equal(view.reserved[0], 16);
    jay_value_release(&view);
    assert_int_equal(jay_inc_str(cache, "number", 1, NULL), JAY_OK);
    by_hand(fd, "get number\r\n", "VALUE number 2 2\r\n42\r\nEND\r\n");
    assert_int_equal(jay_set_str(cache, "ours", "bytes", 0), JAY_OK);
    by_hand(fd, "get ours\r\n", "VALUE ours 0 5\r\nbytes\r\nEND\r\n");
    close(fd);
    jay_close(cache);
}

static uint32_t flags_of(jay_cache *cache, const void *key, size_t key_size) {
    jay_value view;
    assert_int_equal(jay_get(cache, key, key_size, &view, NULL), JAY_OK);
    uint32_t flags = jay_value_flags(&view);
    jay_value_release(&view);
    return flags;
}

/* Flags are stored in every way, seen by other clients, and kept by what does not store anew. */
static void flags_of_ours(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, true);
    jay_cache *cache = open_cache("memcached://", server->address, "big=split&item_max=4k");
    int fd = connect_socket(server);
    jay_extras extras = {.struct_size = sizeof extras, .flags = 16};
    jay_error error;
    assert_int_equal(jay_store(cache, "k", 1, "text", 4, 0, &extras, NULL), JAY_OK);
    by_hand(fd, "get k\r\n", "VALUE k 16 4\r\ntext\r\nEND\r\n");
    assert_int_equal(flags_of(cache, "k", 1), 16);
    extras.mode = JAY_STORE_ADD;
    assert_int_equal(jay_store(cache, "k", 1, "t", 1, 0, &extras, NULL), JAY_EXISTS);
    extras = (jay_extras){.struct_size = sizeof extras, .mode = JAY_STORE_REPLACE, .flags = 2};
    assert_int_equal(jay_store(cache, "k", 1, "40", 2, 0, &extras, NULL), JAY_OK);
    assert_int_equal(jay_inc_str(cache, "k", 2, NULL), JAY_OK);
    assert_int_equal(jay_touch_str(cache, "k", 100000), JAY_OK);
    assert_int_equal(flags_of(cache, "k", 1), 2);
    jay_value view;
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    extras = (jay_extras){.struct_size = sizeof extras,
                          .mode = JAY_STORE_CAS,
                          .flags = UINT32_MAX,
                          .version = view.version};
    jay_value_release(&view);
    assert_int_equal(jay_store(cache, "k", 1, "x", 1, 0, &extras, NULL), JAY_OK);
    assert_int_equal(flags_of(cache, "k", 1), UINT32_MAX);
    assert_int_equal(jay_store(cache, "k", 1, "y", 1, 0, &extras, NULL), JAY_CHANGED);
    /* In envelopes too: a hashed key, a time beyond the server's, and parts. */
    static char big[20000], long_key[300];
    memset(long_key, 'l', sizeof long_key);
    extras = (jay_extras){.struct_size = sizeof extras, .flags = 4};
    assert_int_equal(jay_store(cache, long_key, 300, "7", 1, 0, &extras, NULL), JAY_OK);
    assert_int_equal(jay_store(cache, "far", 3, "7", 1, JAY_TTL_MAX_MS, &extras, NULL), JAY_OK);
    assert_int_equal(jay_store(cache, "big", 3, big, sizeof big, 0, &extras, NULL), JAY_OK);
    assert_int_equal(jay_inc(cache, long_key, 300, 1, 0, NULL, NULL), JAY_OK);
    assert_int_equal(jay_touch_str(cache, "far", JAY_TTL_MAX_MS / 2), JAY_OK);
    assert_int_equal(flags_of(cache, long_key, 300), 4);
    assert_int_equal(flags_of(cache, "far", 3), 4);
    assert_int_equal(flags_of(cache, "big", 3), 4);
    const jay_pair pairs[3] = {
        {{"a", 1}, {"1", 1}, 0}, {{"b", 1}, {"2", 1}, 0}, {{"c", 1}, {"3", 1}, 0}};
    const uint32_t flags[3] = {1, 0, 8};
    int statuses[3];
    assert_int_equal(jay_set_many_flags(cache, pairs, flags, 3, statuses, NULL), JAY_OK);
    by_hand(fd, "get a b c\r\n",
            "VALUE a 1 1\r\n1\r\nVALUE b 0 1\r\n2\r\nVALUE c 8 1\r\n3\r\nEND\r\n");
    jay_value views[3];
    const jay_bytes keys[3] = {{"a", 1}, {"b", 1}, {"c", 1}};
    assert_int_equal(jay_get_many(cache, keys, 3, views, NULL, NULL), JAY_OK);
    for (size_t i = 0; i < 3; i++) assert_int_equal(jay_value_flags(&views[i]), flags[i]);
    jay_values_release(views, 3);
    const uint32_t own[3] = {1, 0x4a590001, 0};
    assert_int_equal(jay_set_many_flags(cache, pairs, own, 3, statuses, &error), JAY_E_ARGUMENT);
    assert_int_equal(statuses[0], JAY_OK);
    assert_int_equal(statuses[1], JAY_E_ARGUMENT);
    assert_int_equal(statuses[2], JAY_OK);
    extras.flags = own[1];
    assert_int_equal(jay_store(cache, "k", 1, "x", 1, 0, &extras, &error), JAY_E_ARGUMENT);
    close(fd);
    jay_close(cache);
}

/* What only looks like an envelope is no value. */
static void damaged_envelopes(void **state) {
    (void)state;
    fleet_server *server = fleet_start(&servers, true);
    jay_cache *cache = open_cache("memcached://", server->address, "");
    int fd = connect_socket(server);
    by_hand(fd, "set bad 1247346689 0 3\r\nJAY\r\n", "STORED\r\n");
    by_hand(fd,
            "set worse 1247346689 0 32\r\nJAY1\xff\xff\xff\xff"
            "0123456789abcdef01234567\r\n",
            "STORED\r\n");
    jay_value view;
    assert_int_equal(jay_get_str(cache, "bad", &view), JAY_E_CORRUPT);
    assert_int_equal(jay_get_str(cache, "worse", &view), JAY_E_CORRUPT);
    assert_int_equal(jay_set_str(cache, "bad", "good", 0), JAY_OK);
    assert_int_equal(jay_get_str(cache, "bad", &view), JAY_OK);
    jay_value_release(&view);
    close(fd);
    jay_close(cache);
}

/* ---- generations ---- */

static void clear_is_seen_by_others(void **state) {
    (void)state;
    char addresses[600];
    (void)fleet_start(&servers, true);
    (void)fleet_start(&servers, true);
    fleet_addresses(&servers, addresses, sizeof addresses);
    jay_cache *one = open_cache("memcached://", addresses, "prefix=a:");
    jay_cache *two = open_cache("memcached://", addresses, "prefix=a:");
    jay_cache *other = open_cache("memcached://", addresses, "prefix=b:");
    char key[16];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 20; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(jay_set_str(one, key, "v", 0), JAY_OK);
            assert_int_equal(jay_set_str(other, key, "v", 0), JAY_OK);
            assert_int_equal(jay_has_str(two, key), JAY_OK);
        }
        assert_int_equal(jay_clear(round % 2 == 0 ? one : two, NULL), JAY_OK);
        jay_bytes keys[2] = {{"k0", 2}, {"k1", 2}};
        jay_value views[2];
        int statuses[2];
        assert_int_equal(jay_get_many(two, keys, 2, views, statuses, NULL), JAY_OK);
        assert_true(statuses[0] == JAY_MISS && statuses[1] == JAY_MISS);
        for (int i = 0; i < 20; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(jay_has_str(one, key), JAY_MISS);
            assert_int_equal(jay_has_str(two, key), JAY_MISS);
            assert_int_equal(jay_has_str(other, key), JAY_OK);
        }
    }
    jay_cache *without = open_cache("memcached://", addresses, "prefix=a:&generations=no");
    assert_int_equal(jay_clear(without, NULL), JAY_E_UNSUPPORTED);
    jay_close(without);
    jay_close(one);
    jay_close(two);
    jay_close(other);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(login),           TEST(certificates),      TEST(client_certificates),
        TEST(parts),           TEST(injection),         TEST(plain_server_for_tls),
        TEST(flags_of_others), TEST(damaged_envelopes), TEST(clear_is_seen_by_others),
        TEST(flags_of_ours),   TEST(dialler),           TEST(login_function),
        TEST(sasl_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
