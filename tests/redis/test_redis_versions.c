/*
 * test_redis_versions.c - what other versions of Redis, and Valkey, say differently: greetings,
 * nulls, statistics, refusals inside and outside of scripts, maps of clusters, sentinels. Only one
 * version is at hand, so these are told by a fake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "redis_fake.h"

/* What a server answers to a command that has a word in it; the first row that fits counts. */
typedef struct row {
    const char *word, *reply;
} row;

typedef struct version {
    const char *name;
    row rows[12];
} version;

static const char *answer(void *arg, const char *text, size_t size) {
    for (const row *at = arg; at->word != NULL; at++) {
        if (redis_fake_hears(text, size, at->word)) return at->reply;
    }
    return "-ERR unknown command\r\n";
}

static jay_cache *open_at(const char *scheme, int port, const char *rest) {
    char url[200];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%sdeadline=30s", scheme, port, rest);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

/* ---- greetings, nulls, statistics ---- */

#define PROTO                                                                    \
    "$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:5\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n" \
    "$4\r\nrole\r\n$6\r\nmaster\r\n"
#define INFO_TEXT                                                                             \
    "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n"       \
    "# Memory\r\nused_memory:1000\r\nused_memory_human:1K\r\nother_maxmemory:9\r\nmaxmemory:" \
    "4000\r\n# Stats\r\nexpired_keys:7\r\nevicted_keys:3\r\nevicted_clients:0\r\n"

static const version versions[] = {
    {"Redis 4",
     {{"HELLO", "-ERR unknown command 'HELLO'\r\n"},
      {"SETNAME", "+OK\r\n"},
      {"missing", "$-1\r\n"},
      {"present", "$1\r\nv\r\n"},
      {"DBSIZE", ":5\r\n"},
      {"INFO", "$0\r\n# Memory\r\nused_memory:1000\r\nmaxmemory:4000\r\n# Stats\r\n"
               "expired_keys:7\r\nevicted_keys:3\r\n\r\n"}}},
    {"Redis 6",
     {{"HELLO", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.0.16\r\n" PROTO
                "$7\r\nmodules\r\n*0\r\n"},
      {"missing", "_\r\n"},
      {"present", "$1\r\nv\r\n"},
      {"DBSIZE", ":5\r\n"},
      {"INFO", "=0\r\ntxt:# Memory\r\nused_memory:1000\r\nmaxmemory:4000\r\n"
               "expired_keys:7\r\nevicted_keys:3\r\n\r\n"}}},
    {"Redis 8, with modules",
     {{"HELLO", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.0.0\r\n" PROTO
                "$7\r\nmodules\r\n*1\r\n%4\r\n$4\r\nname\r\n$9\r\nvectorset\r\n$3\r\nver\r\n:1\r\n"
                "$4\r\npath\r\n$0\r\n\r\n$4\r\nargs\r\n*1\r\n$1\r\na\r\n"},
      {"missing", "_\r\n"},
      {"present", "$1\r\nv\r\n"},
      {"DBSIZE", ":5\r\n"},
      {"INFO", "=0\r\ntxt:# Memory\r\nused_memory:1000\r\nmaxmemory:4000\r\nexpired_subkeys:2\r\n"
               "all_expired_keys:9\r\nexpired_keys:7\r\nevicted_keys:3\r\n\r\n"}}},
    {"Valkey 8.1",
     {{"HELLO", "%8\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n$7\r\nversion\r\n$5\r\n8.1.0\r\n" PROTO
                "$7\r\nmodules\r\n*0\r\n$17\r\navailability_zone\r\n$2\r\na1\r\n"},
      {"missing", "_\r\n"},
      {"present", "$1\r\nv\r\n"},
      {"DBSIZE", ":5\r\n"},
      {"INFO", NULL}}},
};

/* Puts the length of INFO's text before it, and a text where a version has none. */
static void fill_in(version *which, char *info, size_t capacity) {
    for (row *at = which->rows; at->word != NULL; at++) {
        if (strcmp(at->word, "INFO") != 0) continue;
        const char *text = at->reply != NULL ? strstr(at->reply, "\r\n") + 2 : INFO_TEXT;
        bool is_plain = at->reply != NULL && at->reply[0] == '$';
        if (at->reply != NULL && !is_plain) text += strlen("txt:");
        size_t size = strlen(text) - (at->reply != NULL ? 2 : 0);
        snprintf(info, capacity, is_plain ? "$%zu\r\n%.*s\r\n" : "=%zu\r\ntxt:%.*s\r\n",
                 size + (is_plain ? 0 : 4), (int)size, text);
        at->reply = info;
    }
}

static void greetings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char info[1024];
        version which = versions[i];
        redis_fake fake;
        jay_value view = JAY_VALUE_INIT;
        jay_stats stats;
        jay_error error = {.message = ""};
        fill_in(&which, info, sizeof info);
        redis_fake_start(&fake, answer, which.rows);
        jay_cache *cache = open_at("redis", fake.port, "/?");
        int status = jay_get(cache, "present", 7, &view, &error);
        if (status != JAY_OK) fail_msg("%s: %s", which.name, error.message);
        assert_string_equal(view.data, "v");
        jay_value_release(&view);
        assert_int_equal(jay_get_str(cache, "missing", &view), JAY_MISS);
        status = jay_get_stats(cache, &stats, sizeof stats, &error);
        if (status != JAY_OK) fail_msg("%s: %s", which.name, error.message);
        assert_int_equal(stats.items, 5);
        assert_int_equal(stats.bytes, 1000);
        assert_int_equal(stats.max_bytes, 4000);
        assert_int_equal(stats.expiries, 7);
        assert_int_equal(stats.evictions, 3);
        jay_close(cache);
        redis_fake_end(&fake);
    }
}

/* ---- refusals ---- */

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *reply;
        int status;
    } cases[] = {
        {"-LOADING Valkey is loading the dataset in memory\r\n", JAY_E_BUSY},
        {"-BUSY Valkey is busy running a script. You can only call SCRIPT KILL.\r\n", JAY_E_BUSY},
        {"-BUSY Redis is busy running a function. You can only call FUNCTION KILL.\r\n",
         JAY_E_BUSY},
        {"-MISCONF Valkey is configured to save RDB snapshots, but cannot\r\n", JAY_E_SERVER},
        {"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is 'no'.\r\n",
         JAY_E_BUSY},
        {"-READONLY You can't write against a read only slave.\r\n", JAY_E_SERVER},
        {"-READONLY You can't write against a read only replica. script: ab, on "
         "@user_script:1.\r\n",
         JAY_E_SERVER},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", JAY_E_SERVER},
        {"-NOAUTH HELLO must be called with the client already authenticated\r\n", JAY_E_AUTH},
        {"-NOPERM No permissions to access a key\r\n", JAY_E_AUTH},
        {"-NOPERM User joe has no permissions to run the 'evalsha' command\r\n", JAY_E_AUTH},
        {"-OOM command not allowed when used memory > 'maxmemory'. script: ab, on "
         "@user_script:1.\r\n",
         JAY_E_FULL},
        {"-WRONGTYPE Operation against a key holding the wrong kind of value script: ab, on "
         "@user_script:1.\r\n",
         JAY_E_SERVER},
        {"-ERR value is not an integer or out of range\r\n", JAY_E_NOT_INTEGER},
        {"-ERR value is not an integer or out of range script: ab, on @user_script:1.\r\n",
         JAY_E_NOT_INTEGER},
        {"-ERR Error running script (call to f_ab): @user_script:1: ERR increment or decrement "
         "would overflow\r\n",
         JAY_E_OVERFLOW},
        /* Errors of RESP3 that are long. */
        {"!21\r\nERR something strange\r\n", JAY_E_PROTOCOL},
        {"$2\r\n42\r\n", JAY_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        row rows[] = {{"SETNAME", "+OK\r\n"}, {"EVALSHA", cases[i].reply}, {NULL, NULL}};
        redis_fake fake;
        redis_fake_start(&fake, answer, rows);
        jay_cache *cache = open_at("redis", fake.port, "/?");
        int status = jay_inc_str(cache, "n", 1, NULL);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].reply, jay_status_name(status));
        jay_close(cache);
        redis_fake_end(&fake);
    }
}

/* A server that has forgotten the scripts, in the words of several versions. */
static void forgotten(void **state) {
    (void)state;
    static const char *const words[] = {"-NOSCRIPT No matching script. Please use EVAL.\r\n",
                                        "-NOSCRIPT No matching script.\r\n", "-NOSCRIPT\r\n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        row rows[] = {
            {"SETNAME", "+OK\r\n"}, {"EVALSHA", words[i]}, {"EVAL", "$2\r\n42\r\n"}, {NULL, NULL}};
        int64_t number = 0;
        redis_fake fake;
        redis_fake_start(&fake, answer, rows);
        jay_cache *cache = open_at("redis", fake.port, "/?");
        assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_OK);
        assert_int_equal(number, 42);
        /* One that does not take the text either is not asked for ever. */
        rows[2].reply = words[i];
        assert_int_equal(jay_inc_str(cache, "n", 1, &number), JAY_E_SERVER);
        jay_close(cache);
        redis_fake_end(&fake);
    }
}

/* ---- sentinels ---- */

/* The fake is sentinel, master and replica in one. */
static void sentinels(void **state) {
    (void)state;
    char master[96], replicas[900];
    row rows[] = {{"SETNAME", "+OK\r\n"}, {"GET-MASTER-ADDR-BY-NAME", master},
                  {"REPLICAS", replicas}, {"ROLE", "*3\r\n$6\r\nmaster\r\n:100\r\n*0\r\n"},
                  {"GET", "$1\r\nv\r\n"}, {NULL, NULL}};
    redis_fake fake;
    jay_value view = JAY_VALUE_INIT;
    jay_error error = {.message = ""};
    redis_fake_start(&fake, answer, rows);
    snprintf(master, sizeof master, "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05d\r\n", fake.port);
    /* The first is down. The second has fields that came with later versions, in another order,
     * and one longer than any name. */
    snprintf(replicas, sizeof replicas,
             "*2\r\n*6\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$1\r\n1\r\n"
             "$5\r\nflags\r\n$25\r\ns_down,slave,disconnected\r\n"
             "*12\r\n$17\r\nreplica-announced\r\n$1\r\n1\r\n$5\r\nflags\r\n$7\r\nreplica\r\n"
             "$18\r\nmaster-link-status\r\n$2\r\nok\r\n$4\r\nport\r\n$5\r\n%05d\r\n"
             "$5\r\nextra\r\n$300\r\n%0300d\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n",
             fake.port, 0);
    jay_cache *cache = open_at("redis+sentinel", fake.port, "/mymaster?read_from=replica&");
    int status = jay_get(cache, "k", 1, &view, &error);
    if (status != JAY_OK) fail_msg("%s", error.message);
    jay_value_release(&view);
    jay_close(cache);
    /* A name that the sentinel does not know, as RESP2 and RESP3 say it. */
    static const char *const unknown[] = {"*-1\r\n", "_\r\n"};
    for (size_t i = 0; i < 2; i++) {
        rows[1].reply = unknown[i];
        cache = open_at("redis+sentinel", fake.port, "/mymaster?");
        assert_int_equal(jay_has(cache, "k", 1, &error), JAY_E_SERVER);
        assert_non_null(strstr(error.message, "mymaster"));
        jay_close(cache);
    }
    redis_fake_end(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(refusals),
        cmocka_unit_test(forgotten),
        cmocka_unit_test(sentinels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
