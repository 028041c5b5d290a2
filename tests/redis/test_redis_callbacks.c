/*
 * test_redis_callbacks.c - connections that the program makes, and logins that it says: when they
 * are asked for, what with, and what becomes of their failures.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include <jaycache/backend.h>
#include <jaycache/jaycache.h>

#include "redis_server.h"

static redis_server server;

static int set_up(void **state) {
    (void)state;
    redis_server_init(&server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_deinit(&server);
    return 0;
}

static void expect(const char *line, const char *wanted) {
    char reply[256] = "";
    if (!redis_server_say(&server, line, reply, sizeof reply)) fail_msg("%s: no reply", line);
    assert_string_equal(reply, wanted);
}

static jay_cache *open_cache(const char *url, jay_options *options) {
    jay_cache *cache = NULL;
    jay_error error;
    if (jay_open(url, options, &cache, &error) != JAY_OK) fail_msg("%s: %s", url, error.message);
    jay_options_destroy(options);
    return cache;
}

/* ---- diallers ---- */

enum manner { BY_SOCKET, BY_PORT, FAILS, GIVES_FILE };

typedef struct dial_notes {
    enum manner manner;
    _Atomic int count;
    char host[64];
    int port;
    int64_t timeout_ms;
} dial_notes;

static int connect_to_server(bool is_unix) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(path.sun_path, sizeof path.sun_path, "%.100s", server.socket);
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failure = is_unix ? connect(fd, (const struct sockaddr *)&path, sizeof path)
                          : connect(fd, (const struct sockaddr *)&host, sizeof host);
    if (failure == 0) return fd;
    close(fd);
    return -1;
}

static int dial(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                jay_error *error) {
    dial_notes *notes = arg;
    atomic_fetch_add(&notes->count, 1);
    snprintf(notes->host, sizeof notes->host, "%s", host);
    notes->port = port;
    notes->timeout_ms = timeout_ms;
    if (notes->manner == FAILS)
        return jay_error_set(error, JAY_E_SERVER, 0, "the tunnel is closed");
    int fd = notes->manner == GIVES_FILE ? open("/dev/null", O_RDWR | O_CLOEXEC)
                                         : connect_to_server(notes->manner == BY_SOCKET);
    if (fd < 0) return jay_error_set(error, JAY_E_UNREACHABLE, errno, "no connection");
    *ret_fd = fd;
    return JAY_OK;
}

static jay_cache *open_dialled(const char *url, dial_notes *notes) {
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_dialler(options, dial, notes), JAY_OK);
    return open_cache(url, options);
}

/* Stores a value and finds it; the dialler has been asked `dials` times by then. */
static void check_well(jay_cache *cache, const dial_notes *notes, int dials) {
    jay_value view = JAY_VALUE_INIT;
    jay_error error = {.message = ""};
    int status = jay_set(cache, "key", 3, "value", 5, 0, &error);
    if (status != JAY_OK) fail_msg("%s", error.message);
    assert_int_equal(jay_get_str(cache, "key", &view), JAY_OK);
    assert_string_equal(view.data, "value");
    jay_value_release(&view);
    assert_int_equal(atomic_load(&notes->count), dials);
}

static void dialled(void **state) {
    (void)state;
    redis_server_start(&server);
    dial_notes notes = {.manner = BY_SOCKET};
    jay_cache *cache = open_dialled("redis://cache.invalid:7000/2?connect_deadline=700ms", &notes);
    /* Opening connects to nothing. */
    assert_int_equal(atomic_load(&notes.count), 0);
    check_well(cache, &notes, 1);
    assert_string_equal(notes.host, "cache.invalid");
    assert_int_equal(notes.port, 7000);
    assert_in_range(notes.timeout_ms, 1, 700);
    check_well(cache, &notes, 1);
    /* Database 2 was selected on what was dialled. */
    expect("EXISTS key", ":0");
    /* The server closes it: another is dialled, and the call goes on. */
    expect("CLIENT KILL TYPE normal SKIPME yes", ":1");
    check_well(cache, &notes, 2);
    /* A child has its own. */
    pid_t pid = fork();
    if (pid == 0) {
        bool is_well = jay_has_str(cache, "key") == JAY_OK && atomic_load(&notes.count) == 3;
        _exit(is_well ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_int_equal(result, 0);
    check_well(cache, &notes, 2);
    jay_close(cache);
    /* The path of a socket is a name like others. */
    cache = open_dialled("redis+unix:///run/none.sock", &notes);
    check_well(cache, &notes, 3);
    assert_string_equal(notes.host, "/run/none.sock");
    assert_int_equal(notes.port, 0);
    jay_close(cache);
}

static void dialled_in_vain(void **state) {
    (void)state;
    static const enum manner manners[] = {FAILS, GIVES_FILE};
    redis_server_start(&server);
    for (size_t i = 0; i < 2; i++) {
        dial_notes notes = {.manner = manners[i]};
        jay_error error = {.message = ""};
        jay_cache *cache = open_dialled("redis://cache.invalid/?retry=1ms", &notes);
        assert_int_equal(jay_has(cache, "key", 3, &error), JAY_E_UNREACHABLE);
        assert_non_null(strstr(error.message, i == 0 ? "the tunnel is closed" : "no connected"));
        assert_int_equal(atomic_load(&notes.count), 1);
        /* The breaker asks again by and by. */
        notes.manner = BY_SOCKET;
        for (int j = 0; j < 3000 && jay_has_str(cache, "key") < 0; j++) usleep(10000);
        assert_int_equal(jay_has_str(cache, "key"), JAY_MISS);
        jay_close(cache);
    }
}

/* The library shakes hands on it, and the name of the URL is the one that must be certified. */
static void dialled_tls(void **state) {
    (void)state;
    char url[256];
    redis_server_use_tls(&server);
    redis_server_start(&server);
    dial_notes notes = {.manner = BY_PORT};
    snprintf(url, sizeof url, "rediss://127.0.0.1:7000/0?tls_ca=%s/ca.pem&deadline=30s",
             server.dir);
    jay_cache *cache = open_dialled(url, &notes);
    check_well(cache, &notes, 1);
    jay_close(cache);
    snprintf(url, sizeof url, "rediss://other.invalid:7000/0?tls_ca=%s/ca.pem&deadline=30s",
             server.dir);
    cache = open_dialled(url, &notes);
    assert_true(jay_has_str(cache, "key") < 0);
    assert_true(atomic_load(&notes.count) > 1);
    jay_close(cache);
}

/* ---- logins ---- */

typedef struct login_notes {
    _Atomic int count;
    const char *user, *password; /* NULL: it fails */
    char host[64];
    int port;
} login_notes;

static int say_login(void *arg, const char *host, int port, jay_login *ret_login,
                     jay_error *error) {
    login_notes *notes = arg;
    atomic_fetch_add(&notes->count, 1);
    snprintf(notes->host, sizeof notes->host, "%s", host);
    notes->port = port;
    if (notes->password == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "the vault is locked");
    snprintf(ret_login->user, sizeof ret_login->user, "%s", notes->user);
    snprintf(ret_login->password, sizeof ret_login->password, "%s", notes->password);
    return JAY_OK;
}

static jay_cache *open_with_login(const char *url, login_notes *notes) {
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_login(options, say_login, notes), JAY_OK);
    return open_cache(url, options);
}

static void check_login(jay_cache *cache, const login_notes *notes, int wanted, int asked) {
    jay_error error = {.message = ""};
    int status = jay_set(cache, "key", 3, "value", 5, 0, &error);
    if (status != wanted) fail_msg("%s: %s", jay_status_name(status), error.message);
    assert_null(strstr(error.message, "first"));
    assert_null(strstr(error.message, "second"));
    if (atomic_load(&notes->count) != asked)
        fail_msg("asked %d times, not %d", atomic_load(&notes->count), asked);
}

/* Asked at each connection, so a password can change while the program runs. */
static void password_changed(jay_cache *cache, login_notes *notes) {
    expect("ACL SETUSER joe reset on >first ~* +@all", "+OK");
    notes->password = "first";
    check_login(cache, notes, JAY_OK, 1);
    check_login(cache, notes, JAY_OK, 1);
    expect("ACL SETUSER joe resetpass >second", "+OK");
    /* What has logged in stays so. */
    check_login(cache, notes, JAY_OK, 1);
    expect("CLIENT KILL USER joe", ":1");
    check_login(cache, notes, JAY_E_AUTH, 2);
    notes->password = "second";
    check_login(cache, notes, JAY_OK, 3);
    check_login(cache, notes, JAY_OK, 3);
    /* A function that fails ends the call with its own word, and is asked again next time. */
    expect("CLIENT KILL USER joe", ":1");
    notes->password = NULL;
    jay_error error = {.message = ""};
    assert_int_equal(jay_has(cache, "key", 3, &error), JAY_E_NO_MEMORY);
    assert_non_null(strstr(error.message, "the vault is locked"));
    notes->password = "second";
    check_login(cache, notes, JAY_OK, 5);
}

static void said_logins(void **state) {
    (void)state;
    char url[160];
    redis_server_start(&server);
    for (int protocol = 2; protocol <= 3; protocol++) {
        /* It goes before what the URL says. */
        login_notes notes = {.user = "joe", .password = "first"};
        snprintf(url, sizeof url, "redis+unix://ann:wrong@%s?protocol=%d&retry=1ms", server.socket,
                 protocol);
        jay_cache *cache = open_with_login(url, &notes);
        assert_int_equal(atomic_load(&notes.count), 0);
        password_changed(cache, &notes);
        assert_string_equal(notes.host, server.socket);
        assert_int_equal(notes.port, 0);
        jay_close(cache);
    }
    /* No user: that of `default`; and neither: no login at all. */
    expect("CONFIG SET requirepass first", "+OK");
    login_notes notes = {.user = "", .password = "first"};
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", server.port);
    jay_cache *cache = open_with_login(url, &notes);
    check_login(cache, &notes, JAY_OK, 1);
    assert_string_equal(notes.host, "127.0.0.1");
    assert_int_equal(notes.port, server.port);
    jay_close(cache);
    notes = (login_notes){.user = "", .password = ""};
    cache = open_with_login(url, &notes);
    check_login(cache, &notes, JAY_E_AUTH, 1);
    jay_close(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dialled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dialled_in_vain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dialled_tls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(said_logins, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
