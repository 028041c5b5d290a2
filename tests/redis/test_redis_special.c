/*
 * test_redis_special.c - what only this backend has: logins, databases, scripts that a server
 * forgets, what other clients wrote, prefixes that look like patterns, and refusals.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "redis_fake.h"
#include "redis_server.h"

#define RECENT_NO_MORE 9000 /* bytes of a value that is not kept for cas */

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

static jay_cache *open_cache(const char *login, const char *options) {
    char url[400];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "redis+unix://%s%s?%s", login, server.socket, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s: %s", url, error.message);
    return cache;
}

static void expect(const char *line, const char *wanted) {
    char reply[1000] = "";
    if (!redis_server_say(&server, line, reply, sizeof reply)) fail_msg("%s: no reply", line);
    assert_string_equal(reply, wanted);
}

/* ---- logins ---- */

static void check_login(const char *login, const char *options, int wanted) {
    jay_error error = {.message = ""};
    jay_cache *cache = open_cache(login, options);
    int status = jay_set(cache, "key", 3, "value", 5, 0, &error);
    if (status != wanted) fail_msg("%s: %s, %s", login, jay_status_name(status), error.message);
    assert_null(strstr(error.message, "pass-word"));
    jay_close(cache);
}

static void write_password(const char *path, const char *line) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", line);
    fclose(file);
}

static void logins(void **state) {
    (void)state;
    static const char *const options[] = {"--requirepass", "pass-word", "--user", "joe", "on",
                                          ">p@ss",         "~*",        "+@all"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        redis_server_add_option(&server, options[i]);
    redis_server_start(&server);
    char path[96], option[160];
    for (int protocol = 2; protocol <= 3; protocol++) {
        snprintf(option, sizeof option, "protocol=%d", protocol);
        check_login(":pass-word@", option, JAY_OK);
        check_login("default:pass%2dword@", option, JAY_OK);
        check_login("joe:p%40ss@", option, JAY_OK);
        check_login("joe:pass-word@", option, JAY_E_AUTH);
        check_login(":other@", option, JAY_E_AUTH);
        check_login("", option, JAY_E_AUTH);
    }
    /* The file is read anew by each connection. */
    snprintf(path, sizeof path, "%s/password", server.dir);
    snprintf(option, sizeof option, "password_file=%s", path);
    write_password(path, "joe:p@ss");
    check_login("", option, JAY_OK);
    jay_cache *cache = open_cache("", option);
    write_password(path, "wrong");
    assert_int_equal(jay_has_str(cache, "key"), JAY_E_AUTH);
    write_password(path, "pass-word");
    assert_int_equal(jay_has_str(cache, "key"), JAY_OK);
    jay_close(cache);
    jay_error error;
    assert_int_equal(jay_open("redis://pass-word@h/", NULL, &cache, &error), JAY_E_URL);
    assert_null(strstr(error.message, "pass-word"));
    assert_int_equal(jay_open("redis://:pass%zzword@h/", NULL, &cache, &error), JAY_E_URL);
    assert_int_equal(jay_open("redis://h/one", NULL, &cache, &error), JAY_E_URL);
    assert_int_equal(jay_open("redis://h,i/0", NULL, &cache, &error), JAY_E_URL);
    assert_int_equal(jay_open("redis+unix://h", NULL, &cache, &error), JAY_E_URL);
    assert_int_equal(jay_open("redis:?password_file=/no/such", NULL, &cache, &error),
                     JAY_E_OPTION_VALUE);
}

/* ---- what other clients see and write ---- */

static void beside_other_clients(void **state) {
    (void)state;
    int64_t number = 0;
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "db=0&prefix=site:");
    assert_int_equal(jay_inc_str(cache, "n", 5, &number), JAY_OK);
    expect("INCRBY site:n 37", ":42");
    assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_OK);
    assert_int_equal(number, 43);
    expect("PERSIST site:n", ":1");
    jay_close(cache);
}

/* A list is no value: reading says so, a batch misses it, storing replaces it, delete removes it.
 */
static void other_types(void **state) {
    (void)state;
    jay_value view = JAY_VALUE_INIT;
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "");
    expect("RPUSH list a b", ":2");
    assert_int_equal(jay_get_str(cache, "list", &view), JAY_E_SERVER);
    assert_int_equal(jay_inc_str(cache, "list", 1, NULL), JAY_E_SERVER);
    assert_int_equal(jay_cas(cache, "list", 4, "x", 1, 0, 7, NULL), JAY_E_SERVER);
    jay_bytes key = {"list", 4};
    int status = JAY_OK;
    (void)jay_get_many(cache, &key, 1, &view, &status, NULL);
    assert_int_equal(status, JAY_MISS);
    assert_int_equal(jay_has_str(cache, "list"), JAY_OK);
    assert_int_equal(jay_set_str(cache, "list", "text", 0), JAY_OK);
    expect("STRLEN list", ":4");
    expect("RPUSH other a", ":1");
    assert_int_equal(jay_delete_str(cache, "other"), JAY_OK);
    jay_close(cache);
}

static void forgotten_scripts(void **state) {
    (void)state;
    int64_t number = 0;
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "");
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_OK);
        assert_int_equal(number, i);
        assert_int_equal(jay_touch(cache, "n", 1, 0, NULL), JAY_OK);
        expect("SCRIPT FLUSH", "+OK");
    }
    /* EVAL has left them under the names that EVALSHA uses. */
    assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_OK);
    assert_int_equal(jay_touch(cache, "n", 1, 0, NULL), JAY_OK);
    expect("EVALSHA 35ffa41af43d3f6ed0b487e0bf8db3dc3f1755a1 1 n", ":1");
    expect("EVALSHA ece98fe1e9ccec01a1053df133bf39338b01e303 1 n 0 0", "6");
    jay_close(cache);
}

/* ---- prefixes ---- */

static void prefixes_are_no_patterns(void **state) {
    (void)state;
    static const char *const prefixes[] = {"p%5Bx%5D%2A:", "%2A", "%3F",        "%5C",
                                           "%5B",          "%5D", "a%5C%5C%2A", "%5B%5Ea-z%5D-"};
    redis_server_start(&server);
    jay_cache *all = open_cache("", "");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char option[64];
        snprintf(option, sizeof option, "prefix=%s", prefixes[i]);
        jay_cache *cache = open_cache("", option);
        jay_stats before, after;
        for (int n = 0; n < 1500; n++) {
            char key[32];
            int size = snprintf(key, sizeof key, "px:%d", n);
            assert_int_equal(jay_set(all, key, (size_t)size, "v", 1, 0, NULL), JAY_OK);
            assert_int_equal(jay_set(cache, key, (size_t)size, "v", 1, 0, NULL), JAY_OK);
        }
        assert_int_equal(jay_get_stats(all, &before, sizeof before, NULL), JAY_OK);
        assert_int_equal(before.items, 3000);
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        assert_int_equal(jay_get_stats(all, &after, sizeof after, NULL), JAY_OK);
        assert_int_equal(after.items, 1500);
        assert_true(after.bytes > 0);
        assert_int_equal(jay_has_str(cache, "px:1"), JAY_MISS);
        assert_int_equal(jay_has_str(all, "px:1"), JAY_OK);
        jay_close(cache);
    }
    jay_close(all);
}

/* ---- refusals ---- */

static void refusals(void **state) {
    (void)state;
    jay_value view = JAY_VALUE_INIT;
    jay_error error;
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "");
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    uint64_t version = view.version;
    jay_value_release(&view);
    expect("CONFIG SET maxmemory 1", "+OK");
    assert_int_equal(jay_set(cache, "k", 1, "w", 1, 0, &error), JAY_E_FULL);
    assert_non_null(strstr(error.message, "maxmemory"));
    assert_int_equal(jay_cas(cache, "k", 1, "w", 1, 0, version, NULL), JAY_E_FULL);
    assert_int_equal(jay_inc_str(cache, "new", 1, NULL), JAY_E_FULL);
    expect("CONFIG SET maxmemory 0", "+OK");
    assert_int_equal(jay_cas(cache, "k", 1, "w", 1, 0, version, NULL), JAY_OK);
    expect("REPLICAOF 127.0.0.1 1", "+OK");
    assert_int_equal(jay_set_str(cache, "k", "x", 0), JAY_E_SERVER);
    jay_pair pair = {.key = {"k", 1}, .value = {"x", 1}};
    int status = JAY_OK;
    (void)jay_set_many(cache, &pair, 1, &status, NULL);
    assert_int_equal(status, JAY_E_SERVER);
    expect("REPLICAOF NO ONE", "+OK");
    assert_int_equal(jay_set_str(cache, "k", "x", 0), JAY_OK);
    expect("ACL SETUSER default -get", "+OK");
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_E_AUTH);
    expect("ACL SETUSER default +@all", "+OK");
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    jay_value_release(&view);
    jay_close(cache);
    cache = open_cache("", "db=99");
    assert_int_equal(jay_has_str(cache, "k"), JAY_E_SERVER);
    jay_close(cache);
}

/* A server that answers every command alike; like those before Redis 6 it does not know HELLO. */
static const char *answer_alike(void *arg, const char *text, size_t size) {
    if (redis_fake_hears(text, size, "HELLO")) return "-ERR unknown command\r\n";
    return redis_fake_hears(text, size, "SETNAME") ? "+OK\r\n" : arg;
}

static jay_cache *open_fake(const redis_fake *fake, const char *options) {
    char url[200];
    jay_cache *cache = NULL;
    snprintf(url, sizeof url, "redis://127.0.0.1:%d?%s", fake->port, options);
    assert_int_equal(jay_open(url, NULL, &cache, NULL), JAY_OK);
    return cache;
}

/* Asks a fake for a key: the status. */
static int ask_fake(const char *answer) {
    redis_fake fake;
    redis_fake_start(&fake, answer_alike, (void *)(uintptr_t)answer);
    jay_cache *cache = open_fake(&fake, "");
    int status = jay_has_str(cache, "key");
    jay_close(cache);
    redis_fake_end(&fake);
    return status;
}

static void answers(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int status;
    } rows[] = {
        {":1\r\n", JAY_OK},
        {":0\r\n", JAY_MISS},
        {">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n:1\r\n", JAY_OK},
        {"|1\r\n+ttl\r\n:5\r\n:0\r\n", JAY_MISS},
        {"-LOADING Redis is loading the dataset in memory\r\n", JAY_E_BUSY},
        {"-BUSY Redis is busy running a script\r\n", JAY_E_BUSY},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", JAY_E_BUSY},
        {"-MASTERDOWN Link with MASTER is down\r\n", JAY_E_BUSY},
        {"-NOAUTH Authentication required.\r\n", JAY_E_AUTH},
        {"-NOPERM this user has no permissions\r\n", JAY_E_AUTH},
        {"-OOM command not allowed\r\n", JAY_E_FULL},
        {"-MOVED 3999 127.0.0.1:6381\r\n", JAY_E_SERVER},
        {"-CLUSTERDOWN The cluster is down\r\n", JAY_E_BUSY},
        {"-ERR whatever\r\n", JAY_E_SERVER},
        {"-\r\n", JAY_E_SERVER},
        {"+OK\r\n", JAY_E_PROTOCOL},
        {"$1\r\n1\r\n", JAY_E_PROTOCOL},
        {"HTTP/1.1 400 Bad Request\r\n", JAY_E_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = ask_fake(rows[i].answer);
        if (status != rows[i].status) fail_msg("%s: %s", rows[i].answer, jay_status_name(status));
    }
}

/* ---- logins that hold no more ---- */

#define CALLERS 4

typedef struct revoker {
    _Atomic int logins;      /* how many there were */
    _Atomic bool is_revoked; /* what they logged in with: only "two" will do */
} revoker;

static const char *answer_until_revoked(void *arg, const char *text, size_t size) {
    revoker *r = arg;
    if (redis_fake_hears(text, size, "HELLO")) {
        bool is_new = redis_fake_hears(text, size, "two");
        if (atomic_load(&r->is_revoked) && !is_new) return "-WRONGPASS invalid password\r\n";
        atomic_fetch_add(&r->logins, 1);
        if (is_new) atomic_store(&r->is_revoked, false);
        return "*0\r\n";
    }
    return atomic_load(&r->is_revoked) ? "-NOAUTH Authentication required.\r\n" : ":1\r\n";
}

static void *call_until_two_logins(void *arg) {
    void **both = arg;
    const revoker *r = both[1];
    for (int i = 0; i < 1000000 && atomic_load(&r->logins) < 2; i++)
        (void)jay_has_str(both[0], "key");
    return NULL;
}

/* A NOAUTH on one connection ends all of them: the next call logs in anew, by the file as it is
 * then, and none comes upon the login that was taken back once more. */
static void revoked_logins(void **state) {
    (void)state;
    revoker r = {0};
    redis_fake fake;
    char path[96], option[200];
    pthread_t threads[CALLERS];
    snprintf(path, sizeof path, "%s/password", server.dir);
    snprintf(option, sizeof option, "connections=8&deadline=30s&password_file=%s", path);
    write_password(path, "one");
    redis_fake_start(&fake, answer_until_revoked, &r);
    jay_cache *cache = open_fake(&fake, option);
    void *both[] = {cache, &r};
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_until_two_logins, both), 0);
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    int logins = atomic_load(&r.logins);
    assert_true(logins >= 2);
    atomic_store(&r.is_revoked, true);
    assert_int_equal(jay_has_str(cache, "key"), JAY_E_AUTH);
    write_password(path, "two");
    for (int i = 0; i < 3; i++) assert_int_equal(jay_has_str(cache, "key"), JAY_OK);
    assert_int_equal(atomic_load(&r.logins), logins + 1);
    jay_close(cache);
    redis_fake_end(&fake);
}

/* A real server closes the connections of a user that is deleted. */
static void deleted_user(void **state) {
    (void)state;
    char path[96], option[160];
    redis_server_start(&server);
    expect("ACL SETUSER ann on >first ~* +@all", "+OK");
    snprintf(path, sizeof path, "%s/password", server.dir);
    snprintf(option, sizeof option, "password_file=%s", path);
    write_password(path, "ann:first");
    jay_cache *cache = open_cache("", option);
    assert_int_equal(jay_set_str(cache, "key", "value", 0), JAY_OK);
    expect("ACL DELUSER ann", ":1");
    assert_int_equal(jay_has_str(cache, "key"), JAY_E_AUTH);
    expect("ACL SETUSER ann on >second ~* +@all", "+OK");
    assert_int_equal(jay_has_str(cache, "key"), JAY_E_AUTH);
    write_password(path, "ann:second");
    assert_int_equal(jay_has_str(cache, "key"), JAY_OK);
    jay_close(cache);
}

/* A counter keeps every digit, and says when it would leave 64 bits. */
static void counters_are_exact(void **state) {
    (void)state;
    int64_t number = 0;
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "");
    expect("SET n 9007199254740993", "+OK");
    assert_int_equal(jay_inc_str(cache, "n", 2, &number), JAY_OK);
    assert_true(number == INT64_C(9007199254740995));
    expect("SET n 9223372036854775807", "+OK");
    assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_E_OVERFLOW);
    expect("SET n 9223372036854775808", "+OK");
    assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_E_NOT_INTEGER);
    jay_close(cache);
}

/* How many commands of a kind the server has been given. */
static long count_calls(const char *command) {
    char reply[8192] = "", name[64];
    if (!redis_server_say(&server, "INFO commandstats", reply, sizeof reply)) fail_msg("no INFO");
    snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    const char *place = strstr(reply, name);
    return place != NULL ? strtol(place + strlen(name), NULL, 10) : 0;
}

static uint64_t read_version(jay_cache *cache, const char *wanted) {
    jay_value view = JAY_VALUE_INIT;
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    assert_int_equal(view.size, strlen(wanted));
    assert_memory_equal(view.data, wanted, view.size);
    uint64_t version = view.version;
    jay_value_release(&view);
    return version;
}

/* After a get of the same handle cas is one script and no second look, whatever came in between;
 * another handle looks first. Both do the same. */
static void cas_in_one_trip(void **state) {
    (void)state;
    static char large[RECENT_NO_MORE + 1];
    memset(large, 'x', RECENT_NO_MORE);
    redis_server_start(&server);
    jay_cache *cache = open_cache("", ""), *other = open_cache("", "");
    assert_int_equal(jay_set_str(cache, "k", "v0", 0), JAY_OK);
    uint64_t version = read_version(cache, "v0");
    long gets = count_calls("get"), scripts = count_calls("evalsha");
    /* The script looks, too. */
    assert_int_equal(jay_cas(cache, "k", 1, "v1", 2, 0, version, NULL), JAY_OK);
    assert_int_equal(count_calls("get"), gets + 1);
    assert_int_equal(count_calls("evalsha"), scripts + 1);
    assert_int_equal(jay_cas(cache, "k", 1, "v2", 2, 0, version, NULL), JAY_CHANGED);
    assert_int_equal(count_calls("get"), gets + 2);
    expect("SET k v0", "+OK");
    assert_int_equal(jay_cas(other, "k", 1, "v3", 2, 0, version, NULL), JAY_OK);
    assert_int_equal(count_calls("get"), gets + 4);
    assert_int_equal(jay_cas(other, "k", 1, "v4", 2, 0, version, NULL), JAY_CHANGED);
    assert_int_equal(read_version(cache, "v3") == version, 0);
    expect("DEL k", ":1");
    assert_int_equal(jay_cas(cache, "k", 1, "v5", 2, 0, version, NULL), JAY_MISS);
    /* What is too large to be kept is looked at again. */
    assert_int_equal(jay_set_str(cache, "k", large, 0), JAY_OK);
    version = read_version(cache, large);
    gets = count_calls("get");
    assert_int_equal(jay_cas(cache, "k", 1, "v6", 2, 0, version, NULL), JAY_OK);
    assert_int_equal(count_calls("get"), gets + 2);
    jay_close(cache);
    jay_close(other);
}

/* ---- batches of values that stay where they arrive ---- */

#define STAYING 240

/* Most of some KiB, some of none, some too long to stay; each with bytes of its own. */
static size_t size_of(size_t item) {
    static const size_t sizes[] = {9000, 12345, 0, 16384, 7000, 1, 20000, 15000};
    return item % 60 == 59 ? 100000 : sizes[item % 8];
}

static void put_bytes(size_t item, char *to) {
    for (size_t i = 0; i < size_of(item); i++)
        to[i] = (char)('!' + (item * 7 + i * 13 + i / 90) % 90);
}

static void check_batch(jay_cache *cache, const jay_bytes *keys, char *wanted) {
    static jay_value values[STAYING];
    static int statuses[STAYING];
    assert_int_equal(jay_get_many(cache, keys, STAYING, values, statuses, NULL), JAY_OK);
    /* Released by turns from both ends, so that the last views of what they share go late. */
    for (size_t i = 0; i < STAYING; i++) {
        size_t item = i % 2 == 0 ? i / 2 : STAYING - 1 - i / 2;
        bool is_missing = item % 17 == 5 || item % 17 == 6;
        assert_int_equal(statuses[item], is_missing ? JAY_MISS : JAY_OK);
        if (is_missing) continue;
        put_bytes(item, wanted);
        assert_int_equal(values[item].size, size_of(item));
        assert_memory_equal(values[item].data, wanted, size_of(item));
        assert_int_equal(((const char *)values[item].data)[size_of(item)], '\0');
        jay_value_release(&values[item]);
    }
}

static void values_stay_where_they_arrive(void **state) {
    (void)state;
    static char names[STAYING][8], bytes[100000];
    jay_bytes keys[STAYING];
    redis_server_start(&server);
    jay_cache *cache = open_cache("", "");
    for (size_t i = 0; i < STAYING; i++) {
        int size = snprintf(names[i], sizeof names[i], "v%zu", i);
        keys[i] = (jay_bytes){names[i], (size_t)size};
        put_bytes(i, bytes);
        if (i % 17 == 5) continue;
        assert_int_equal(jay_set(cache, names[i], (size_t)size, bytes, size_of(i), 0, NULL),
                         JAY_OK);
    }
    /* Keys of another type are missed, as in one command. */
    for (size_t i = 6; i < STAYING; i += 17) {
        char line[40];
        snprintf(line, sizeof line, "DEL %s", names[i]);
        expect(line, ":1");
        snprintf(line, sizeof line, "RPUSH %s a", names[i]);
        expect(line, ":1");
    }
    long lookups = count_calls("mget");
    check_batch(cache, keys, bytes);
    assert_int_equal(count_calls("mget"), lookups + 1);
    /* How long values are is known now: so many groups, several on their way at a time. */
    for (int i = 0; i < 3; i++) check_batch(cache, keys, bytes);
    assert_true(count_calls("mget") > lookups + 3 * 10);
    /* The values of a batch that is held are there while others are received. */
    jay_value held[8];
    assert_int_equal(jay_get_many(cache, keys + 8, 8, held, NULL, NULL), JAY_OK);
    for (int i = 0; i < 2; i++) check_batch(cache, keys, bytes);
    put_bytes(11, bytes);
    assert_memory_equal(held[3].data, bytes, size_of(11));
    jay_values_release(held, 8);
    jay_close(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beside_other_clients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgotten_scripts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_are_no_patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(revoked_logins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deleted_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counters_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cas_in_one_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_stay_where_they_arrive, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
