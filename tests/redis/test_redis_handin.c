/*
 * test_redis_handin.c - caches from connections of hiredis: each finds what the other stores, the
 * connection is as it was, and what cannot be taken over is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jaycache/backend.h>
#include <jaycache/hiredis.h>

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

static redisContext *connected(redisContext *context) {
    assert_non_null(context);
    if (context->err != 0) fail_msg("%s", context->errstr);
    return context;
}

/* Says a command on a connection; ends the test unless the reply is `wanted`, or any where it is
 * NULL. */
static void say(redisContext *context, const char *command, const char *wanted) {
    redisReply *reply = redisCommand(context, command);
    assert_non_null(reply);
    if (wanted != NULL) {
        assert_non_null(reply->str);
        assert_string_equal(reply->str, wanted);
    }
    freeReplyObject(reply);
}

static jay_cache *hand_in(redisContext *context, const jay_login *login, int database) {
    jay_cache *cache = NULL;
    jay_error error;
    if (jay_redis_from_hiredis(context, login, database, NULL, &cache, &error) != JAY_OK)
        fail_msg("%s", error.message);
    return cache;
}

/* Hands in a connection and ends it; the cache goes on, and has what the connection stored. */
static void check_both_ways(redisContext *context, const jay_login *login, int database) {
    jay_value view = JAY_VALUE_INIT;
    say(context, "SET theirs one", "OK");
    jay_cache *cache = hand_in(context, login, database);
    assert_int_equal(jay_set_str(cache, "ours", "two", 0), JAY_OK);
    say(context, "GET ours", "two");
    redisFree(context);
    assert_int_equal(jay_get_str(cache, "theirs", &view), JAY_OK);
    assert_string_equal(view.data, "one");
    jay_value_release(&view);
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    jay_close(cache);
}

static void addresses(void **state) {
    (void)state;
    redis_server_start(&server);
    check_both_ways(connected(redisConnect("127.0.0.1", server.port)), NULL, 0);
    check_both_ways(connected(redisConnect("localhost", server.port)), NULL, 0);
    check_both_ways(connected(redisConnectUnix(server.socket)), NULL, 0);
    check_both_ways(connected(redisConnectUnix(server.socket)), NULL, JAY_HIREDIS_SELECTED);
}

/* Bytes of a path that mean something in a URL. */
static void odd_path(void **state) {
    (void)state;
    char link_path[128];
    redis_server_start(&server);
    snprintf(link_path, sizeof link_path, "%s/a?b#c%%41 &=@.sock", server.dir);
    assert_int_equal(symlink(server.socket, link_path), 0);
    check_both_ways(connected(redisConnectUnix(link_path)), NULL, 0);
}

static void databases(void **state) {
    (void)state;
    redis_server_start(&server);
    redisContext *context = connected(redisConnect("127.0.0.1", server.port));
    say(context, "SELECT 3", "OK");
    check_both_ways(context, NULL, JAY_HIREDIS_SELECTED);
    context = connected(redisConnect("127.0.0.1", server.port));
    say(context, "SELECT 5", "OK");
    check_both_ways(context, NULL, 5);
    context = connected(redisConnect("127.0.0.1", server.port));
    say(context, "SELECT 3", "OK");
    say(context, "SET k v", "OK");
    jay_cache *cache = hand_in(context, NULL, 4);
    assert_int_equal(jay_has_str(cache, "k"), JAY_MISS);
    jay_close(cache);
    redisFree(context);
}

static int log_in_joe(void *arg, const char *host, int port, jay_login *ret_login,
                      jay_error *error) {
    (void)host, (void)port, (void)error;
    memcpy(ret_login, arg, sizeof *ret_login);
    return JAY_OK;
}

static void logins(void **state) {
    (void)state;
    static const char *const words[] = {"--user", "joe",    "on",      ">p@ss/?#%:", "~*",
                                        "+@all",  "--user", "default", "off"};
    jay_login joe = {.user = "joe", .password = "p@ss/?#%:"};
    jay_cache *cache = NULL;
    jay_error error;
    jay_options *options = NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        redis_server_add_option(&server, words[i]);
    redis_server_start(&server);
    redisContext *context = connected(redisConnectUnix(server.socket));
    /* It is not logged in, so the server tells it nothing. */
    assert_int_equal(
        jay_redis_from_hiredis(context, &joe, JAY_HIREDIS_SELECTED, NULL, &cache, &error),
        JAY_E_AUTH);
    assert_null(cache);
    say(context, "AUTH joe p@ss/?#%%:", "OK");
    /* That it is does not help the cache, whose connections are its own. */
    cache = hand_in(context, NULL, JAY_HIREDIS_SELECTED);
    assert_int_equal(jay_has(cache, "k", 1, &error), JAY_E_AUTH);
    jay_close(cache);
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_login(options, log_in_joe, &joe), JAY_OK);
    assert_int_equal(jay_redis_from_hiredis(context, NULL, 0, options, &cache, &error), JAY_OK);
    assert_int_equal(jay_has_str(cache, "k"), JAY_MISS);
    jay_close(cache);
    jay_options_destroy(options);
    check_both_ways(context, &joe, JAY_HIREDIS_SELECTED);
    /* A password that is too long for a URL is no reason to overrun one. */
    context = connected(redisConnectUnix(server.socket));
    memset(joe.password, '%', sizeof joe.password - 1);
    assert_int_equal(jay_redis_from_hiredis(context, &joe, 0, NULL, &cache, &error),
                     JAY_E_ARGUMENT);
    redisFree(context);
}

/* What the library would connect to, and in what time. */
typedef struct dialled {
    char host[128];
    int port;
    int64_t timeout_ms;
} dialled;

static int note_dial(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                     jay_error *error) {
    dialled *to = arg;
    (void)ret_fd;
    snprintf(to->host, sizeof to->host, "%s", host);
    to->port = port;
    to->timeout_ms = timeout_ms;
    return jay_error_set(error, JAY_E_UNREACHABLE, 0, "not today");
}

static void dial(redisContext *context, dialled *ret_to) {
    jay_options *options = NULL;
    jay_cache *cache = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_dialler(options, note_dial, ret_to), JAY_OK);
    assert_int_equal(jay_redis_from_hiredis(context, NULL, 0, options, &cache, NULL), JAY_OK);
    assert_int_equal(jay_has_str(cache, "k"), JAY_E_UNREACHABLE);
    jay_close(cache);
    jay_options_destroy(options);
    redisFree(context);
}

static void times_to_connect(void **state) {
    (void)state;
    const struct timeval brief = {.tv_usec = 600001}, endless = {.tv_sec = 1 << 30};
    dialled to;
    redis_server_start(&server);
    dial(connected(redisConnectUnixWithTimeout(server.socket, brief)), &to);
    assert_string_equal(to.host, server.socket);
    assert_int_equal(to.port, 0);
    assert_in_range(to.timeout_ms, 1, 601);
    dial(connected(redisConnectWithTimeout("127.0.0.1", server.port, brief)), &to);
    assert_string_equal(to.host, "127.0.0.1");
    assert_int_equal(to.port, server.port);
    assert_in_range(to.timeout_ms, 1, 601);
    dial(connected(redisConnectUnixWithTimeout(server.socket, endless)), &to);
    assert_true(to.timeout_ms >= 1);
    /* One of IPv6: whether it can be connected to is no matter here. */
    dial(redisConnectNonBlock("::1", server.port), &to);
    assert_string_equal(to.host, "::1");
}

static void refuse(redisContext *context, int database, int wanted, const char *word) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    int status = jay_redis_from_hiredis(context, NULL, database, NULL, &cache, &error);
    if (status != wanted || cache != NULL || strstr(error.message, word) == NULL)
        fail_msg("%s: %s", jay_status_name(status), error.message);
}

static void refusals(void **state) {
    (void)state;
    redis_server_add_option(&server, "--rename-command");
    redis_server_add_option(&server, "CLIENT");
    redis_server_add_option(&server, "");
    redis_server_start(&server);
    refuse(NULL, 0, JAY_E_ARGUMENT, "context");
    redisContext *context = connected(redisConnectUnix(server.socket));
    assert_int_equal(jay_redis_from_hiredis(context, NULL, 0, NULL, NULL, NULL), JAY_E_ARGUMENT);
    refuse(context, -2, JAY_E_ARGUMENT, "database");
    refuse(context, 65536, JAY_E_ARGUMENT, "database");
    /* Servers before 6.2 do not know the command either. */
    refuse(context, JAY_HIREDIS_SELECTED, JAY_E_UNSUPPORTED, "pass its number");
    assert_int_equal(redisAppendCommand(context, "PING"), REDIS_OK);
    /* Neither what is not sent yet nor a reply that is not read is confused with the answer. */
    refuse(context, JAY_HIREDIS_SELECTED, JAY_E_UNSUPPORTED, "on their way");
    say(context, "ECHO x", "PONG");
    void *late = NULL;
    assert_int_equal(redisGetReply(context, &late), REDIS_OK);
    freeReplyObject(late);
    redis_server_kill(&server);
    /* Twice, for the first may find out only when it reads. */
    for (int i = 0; i < 2; i++)
        refuse(context, JAY_HIREDIS_SELECTED, JAY_E_UNREACHABLE, "has failed");
    redisFree(context);
    redis_server_start(&server);
    context = redisConnectNonBlock("127.0.0.1", server.port);
    refuse(context, JAY_HIREDIS_SELECTED, JAY_E_UNSUPPORTED, "block");
    redisFree(context);
    context = redisConnectBindNonBlock("127.0.0.1", server.port, "127.0.0.1");
    refuse(context, 0, JAY_E_UNSUPPORTED, "from an address");
    redisFree(context);
    context = redisConnectFd(dup(STDIN_FILENO));
    refuse(context, 0, JAY_E_UNSUPPORTED, "descriptor");
    redisFree(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(databases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_to_connect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
