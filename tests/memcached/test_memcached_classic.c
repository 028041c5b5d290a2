/*
 * test_memcached_classic.c - servers before 1.6.10: found out by their greeting, spoken to by the
 * classic commands alone, with the whole contract. A fake of such a server shows what lies there,
 * and lets seconds pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <jaycache/jaycache.h>

#include "classic_server.h"
#include "faulty_proxy.h"
#include "memcached_fleet.h"

#define ENVELOPE_FLAGS 0x4a590001u
#define DAY INT64_C(86400000)

static classic_server server;

static int set_up(void **state) {
    (void)state;
    memset(&server, 0, sizeof server);
    server.version = "1.4.15";
    return classic_server_start(&server);
}

static int tear_down(void **state) {
    (void)state;
    classic_server_stop(&server);
    return 0;
}

static jay_cache *open_at(int port, const char *deadline, const char *options) {
    char url[200];
    jay_cache *cache = NULL;
    jay_error error;
    snprintf(url, sizeof url, "memcached://127.0.0.1:%d?deadline=%s&%s", port, deadline, options);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) fail_msg("%s", error.message);
    return cache;
}

static jay_cache *open_cache(const char *options) {
    return open_at(server.port, "30s", options);
}

static void check_text(jay_cache *cache, const char *key, const char *wanted) {
    jay_value view = JAY_VALUE_INIT, batch[2];
    jay_bytes keys[2] = {{key, strlen(key)}, {"never there", 11}};
    char copy[64];
    size_t size = 0;
    assert_int_equal(jay_get_str(cache, key, &view), JAY_OK);
    assert_string_equal(view.data, wanted);
    assert_int_equal(jay_get_into(cache, key, strlen(key), copy, sizeof copy, &size, NULL), JAY_OK);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(copy, wanted, size);
    assert_int_equal(jay_get_many(cache, keys, 2, batch, NULL, NULL), JAY_OK);
    assert_string_equal(batch[0].data, wanted);
    assert_int_equal(batch[0].version, view.version);
    jay_values_release(batch, 2);
    jay_value_release(&view);
}

static void check_gone(jay_cache *cache, const char *key) {
    jay_value view;
    jay_bytes bytes = {key, strlen(key)};
    int status = JAY_OK;
    assert_int_equal(jay_get_str(cache, key, &view), JAY_MISS);
    assert_int_equal(jay_has_str(cache, key), JAY_MISS);
    assert_int_equal(jay_get_many(cache, &bytes, 1, &view, &status, NULL), JAY_OK);
    assert_int_equal(status, JAY_MISS);
}

static uint64_t version_of(jay_cache *cache, const char *key) {
    jay_value view;
    assert_int_equal(jay_get_str(cache, key, &view), JAY_OK);
    uint64_t version = view.version;
    jay_value_release(&view);
    return version;
}

static int64_t left_of(jay_cache *cache, const char *key) {
    int64_t ttl_ms = -12345;
    assert_int_equal(jay_ttl(cache, key, strlen(key), &ttl_ms, NULL), JAY_OK);
    return ttl_ms;
}

/* What lies on the server under a key. */
static classic_item item_of(const char *key) {
    classic_item item;
    if (!classic_server_find(&server, key, &item)) fail_msg("'%s' is not on the server", key);
    free(item.value);
    item.value = NULL;
    return item;
}

/* ---- which servers are classic ---- */

static void use_all(jay_cache *cache) {
    jay_bytes keys[2] = {{"a", 1}, {"b b", 3}};
    jay_pair pairs[2] = {{keys[0], {"1", 1}, 60000}, {keys[1], {"2", 1}, 0}};
    int statuses[2];
    int64_t number = 0;
    assert_int_equal(jay_set_many(cache, pairs, 2, statuses, NULL), JAY_OK);
    check_text(cache, "a", "1");
    check_text(cache, "b b", "2");
    assert_int_equal(jay_inc_str(cache, "a", -5, &number), JAY_OK);
    assert_int_equal(number, -4);
    assert_int_equal(jay_inc_str(cache, "b b", 5, &number), JAY_OK);
    assert_int_equal(number, 7);
    assert_int_equal(jay_touch_str(cache, "b b", 60000), JAY_OK);
    assert_int_equal(jay_add(cache, "a", 1, "x", 1, 0, NULL), JAY_EXISTS);
    assert_int_equal(jay_replace(cache, "a", 1, "x", 1, 0, NULL), JAY_OK);
    assert_int_equal(jay_has_str(cache, "a"), JAY_OK);
    assert_int_equal(jay_cas(cache, "a", 1, "y", 1, 0, version_of(cache, "a"), NULL), JAY_OK);
    check_text(cache, "a", "y");
    assert_int_equal(jay_delete_many(cache, keys, 2, statuses, NULL), JAY_OK);
    assert_int_equal(jay_delete_str(cache, "a"), JAY_MISS);
    check_gone(cache, "a");
    check_gone(cache, "b b");
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(jay_set_str(cache, "a", "1", 0), JAY_OK);
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    check_gone(cache, "a");
}

/* Whatever tells that a server is classic, not one meta command reaches it. */
static void servers_found_out(void **state) {
    (void)state;
    static const struct {
        const char *version;
        bool knows_mn;
        const char *options;
    } rows[] = {{"1.4.15", false, ""},
                {"1.4.15", false, "prefix=site:"},
                {"1.4.15", false, "prefix=site:&generations=no&flush=yes"},
                {"1.5.22", true, "protocol=auto"},
                {"1.6.9", true, "prefix=site:"},
                {"1.6.9", true, "big=split&item_max=1k"},
                /* It would be taken for one with meta commands. */
                {"1.6.40", true, "protocol=classic"},
                {"1.6.40", true, "protocol=classic&prefix=a b:"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server.version = rows[i].version;
        server.knows_mn = rows[i].knows_mn;
        jay_cache *cache = open_cache(rows[i].options);
        use_all(cache);
        assert_int_equal(atomic_load(&server.unknown), 0);
        jay_close(cache);
    }
}

/* A lookup of many keys is one line for a hundred of them. */
static void batches_are_lines(void **state) {
    (void)state;
    enum { COUNT = 250 };
    char texts[COUNT][16];
    jay_bytes keys[COUNT];
    jay_pair pairs[COUNT];
    jay_value values[COUNT];
    int statuses[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], i % 50 == 7 ? "key %d" : "key%d", i);
        keys[i] = (jay_bytes){texts[i], strlen(texts[i])};
        pairs[i] = (jay_pair){keys[i], keys[i], 60000};
    }
    for (int with_prefix = 0; with_prefix < 2; with_prefix++) {
        jay_cache *cache = open_cache(with_prefix ? "prefix=p:" : "");
        assert_int_equal(jay_set_many(cache, pairs, COUNT, statuses, NULL), JAY_OK);
        assert_int_equal(jay_delete_many(cache, keys + 10, 5, NULL, NULL), JAY_OK);
        long before = atomic_load(&server.lookups);
        assert_int_equal(jay_get_many(cache, keys, COUNT, values, statuses, NULL), JAY_OK);
        assert_int_equal(atomic_load(&server.lookups) - before, 3 + with_prefix);
        for (int i = 0; i < COUNT; i++) {
            bool is_gone = i >= 10 && i < 15;
            assert_int_equal(statuses[i], is_gone ? JAY_MISS : JAY_OK);
            if (!is_gone) assert_string_equal(values[i].data, texts[i]);
        }
        jay_values_release(values, COUNT);
        assert_int_equal(jay_clear(cache, NULL), JAY_OK);
        assert_int_equal(jay_get_many(cache, keys, COUNT, values, statuses, NULL), JAY_OK);
        for (int i = 0; i < COUNT; i++) assert_int_equal(statuses[i], JAY_MISS);
        jay_close(cache);
    }
    assert_int_equal(atomic_load(&server.flushes), 1);
}

/* ---- what lies there ---- */

static void values_of_others(void **state) {
    (void)state;
    jay_cache *cache = open_cache("");
    classic_server_put(&server, "text", 16, 100, "hello");
    classic_server_put(&server, "number", 2, 100, "41");
    check_text(cache, "text", "hello");
    assert_int_equal(jay_inc_str(cache, "number", 1, NULL), JAY_OK);
    /* Counted up where it lies: flags and end are as they were. */
    classic_item item = item_of("number");
    assert_int_equal(item.flags, 2);
    assert_int_equal(item.exptime, 100);
    check_text(cache, "number", "42");
    /* For ever: as it is, for all to read. */
    assert_int_equal(jay_set_str(cache, "ours", "bytes", 0), JAY_OK);
    item = item_of("ours");
    assert_int_equal(item.flags, 0);
    assert_int_equal(item.size, 5);
    /* An expiry is in an envelope, and the server's as well. */
    assert_int_equal(jay_set_str(cache, "timed", "bytes", 10000), JAY_OK);
    item = item_of("timed");
    assert_int_equal(item.flags, ENVELOPE_FLAGS);
    assert_int_equal(item.exptime, 11);
    jay_close(cache);
}

static void expiries_are_kept(void **state) {
    (void)state;
    jay_cache *cache = open_cache("");
    int64_t number = 0;
    assert_int_equal(jay_set_int(cache, "n", 1, 5, 100000, NULL), JAY_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(jay_inc_str(cache, "n", i % 2 == 0 ? 7 : -9, &number), JAY_OK);
        /* Never more than was asked for, a second for rounding and one for the server's clock. */
        assert_in_range(item_of("n").exptime, 1, 101);
    }
    assert_int_equal(number, 5 + 3 * 7 - 2 * 9);
    assert_in_range(left_of(cache, "n"), 1, 100000);
    classic_server_advance(&server, 102);
    check_gone(cache, "n");
    assert_int_equal(jay_set_int(cache, "ever", 4, 5, 0, NULL), JAY_OK);
    assert_int_equal(jay_inc_str(cache, "ever", -6, &number), JAY_OK);
    assert_int_equal(number, -1);
    assert_int_equal(left_of(cache, "ever"), JAY_TTL_FOREVER);
    /* 100 years: the server cannot tell, the envelope does. */
    assert_int_equal(jay_set_str(cache, "far", "v", 36500 * DAY), JAY_OK);
    assert_int_equal(item_of("far").exptime, 0);
    assert_true(left_of(cache, "far") > 36499 * DAY);
    /* 31 days is a date. */
    assert_int_equal(jay_set_str(cache, "date", "v", 31 * DAY), JAY_OK);
    assert_true(item_of("date").exptime > 31 * DAY / 1000);
    classic_server_advance(&server, 30 * DAY / 1000);
    check_text(cache, "date", "v");
    classic_server_advance(&server, 2 * DAY / 1000);
    check_gone(cache, "date");
    jay_close(cache);
}

/* A counter whose time is over begins anew, though the server has it for another second: else one
 * that is counted all the time would never end. */
static void counters_end(void **state) {
    (void)state;
    jay_cache *cache = open_cache("");
    int64_t number = 0;
    int rounds = 0;
    assert_int_equal(jay_inc(cache, "n", 1, 1000, 1, &number, NULL), JAY_OK);
    assert_int_equal(number, 1000);
    /* The server's clock stands still, so it is only the envelope that can end it. */
    do {
        assert_int_equal(jay_inc(cache, "n", 1, 1, 100000, &number, NULL), JAY_OK);
    } while (number != 1 && ++rounds < 1000000);
    assert_int_equal(number, 1);
    assert_in_range(left_of(cache, "n"), 90000, 100000);
    jay_close(cache);
}

static void versions_outlive_touches(void **state) {
    (void)state;
    jay_cache *cache = open_cache("");
    assert_int_equal(jay_set_str(cache, "k", "first", 0), JAY_OK);
    uint64_t first = version_of(cache, "k");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(jay_touch_str(cache, "k", i * 100000), JAY_OK);
        assert_true(version_of(cache, "k") == first);
        assert_true(left_of(cache, "k") > i * 100000 - 50000);
    }
    check_text(cache, "k", "first");
    assert_int_equal(jay_cas(cache, "k", 1, "x", 1, 0, first + 1, NULL), JAY_CHANGED);
    assert_int_equal(jay_cas(cache, "k", 1, "second", 6, 0, first, NULL), JAY_OK);
    assert_true(version_of(cache, "k") != first);
    assert_int_equal(jay_cas(cache, "k", 1, "x", 1, 0, first, NULL), JAY_CHANGED);
    /* A time that is over erases, if the version is right. */
    uint64_t second = version_of(cache, "k");
    assert_int_equal(jay_touch_str(cache, "k", 50000), JAY_OK);
    assert_int_equal(jay_cas(cache, "k", 1, "x", 1, -1, first, NULL), JAY_CHANGED);
    check_text(cache, "k", "second");
    assert_int_equal(jay_cas(cache, "k", 1, "x", 1, -1, second, NULL), JAY_OK);
    check_gone(cache, "k");
    assert_int_equal(jay_cas(cache, "k", 1, "x", 1, -1, second, NULL), JAY_MISS);
    jay_close(cache);
}

static void parts(void **state) {
    (void)state;
    static char big[9000];
    jay_value view;
    memset(big, 'b', sizeof big);
    jay_cache *cache = open_cache("big=split&item_max=4k&prefix=p:");
    assert_int_equal(jay_set(cache, "big", 3, big, sizeof big, 60000, NULL), JAY_OK);
    uint64_t version = version_of(cache, "big");
    assert_int_equal(jay_touch_str(cache, "big", 90000), JAY_OK);
    assert_int_equal(jay_get_str(cache, "big", &view), JAY_OK);
    assert_int_equal(view.size, sizeof big);
    assert_memory_equal(view.data, big, sizeof big);
    assert_true(view.version == version);
    jay_value_release(&view);
    jay_close(cache);
    static char huge[CLASSIC_ITEM_BYTES + 1];
    cache = open_cache("");
    assert_int_equal(jay_set(cache, "huge", 4, huge, sizeof huge, 0, NULL), JAY_E_TOO_BIG);
    assert_int_equal(jay_set_str(cache, "small", "v", 0), JAY_OK);
    check_text(cache, "small", "v");
    jay_close(cache);
}

/* ---- keys ---- */

/* Keys and values that try to end their command and begin another, in every call. */
static void injection(void **state) {
    (void)state;
    static const char *const evil[] = {"x\r\nflush_all\r\n", "x 0 0 1\r\na\r\nflush_all\r\n",
                                       "x\nflush_all\n",     " flush_all",
                                       "x\x7f\x01",          "JAY1kx"};
    static const char value[] = "\r\nflush_all\r\nEND\r\nflush_all\r\n";
    for (int with_prefix = 0; with_prefix < 2; with_prefix++) {
        jay_cache *cache =
            open_cache(with_prefix ? "prefix=a%20%0d%0aflush_all%0d%0a" : "default_ttl=5m");
        assert_int_equal(jay_set_str(cache, "safe", "and sound", 0), JAY_OK);
        for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
            const char *key = evil[i];
            jay_bytes keys[2] = {{key, strlen(key)}, {"safe", 4}};
            jay_pair pair = {keys[0], {value, sizeof value - 1}, 100000};
            check_gone(cache, key);
            assert_int_equal(jay_set_str(cache, key, value, 0), JAY_OK);
            check_text(cache, key, value);
            assert_int_equal(jay_set_many(cache, &pair, 1, NULL, NULL), JAY_OK);
            assert_int_equal(jay_touch_str(cache, key, 100000), JAY_OK);
            check_text(cache, key, value);
            assert_int_equal(jay_delete_str(cache, key), JAY_OK);
            assert_int_equal(jay_inc_str(cache, key, 1, NULL), JAY_OK);
            assert_int_equal(jay_inc_str(cache, key, -3, NULL), JAY_OK);
            assert_int_equal(jay_delete_many(cache, keys, 1, NULL, NULL), JAY_OK);
            check_gone(cache, key);
        }
        check_text(cache, "safe", "and sound");
        jay_close(cache);
    }
    assert_int_equal(atomic_load(&server.flushes), 0);
    assert_int_equal(atomic_load(&server.unknown), 0);
}

static void lengths_of_keys(void **state) {
    (void)state;
    static char key[1001];
    jay_cache *cache = open_cache("");
    for (size_t size = 248; size <= 1000; size += size < 253 ? 1 : 747) {
        memset(key, 'k', size);
        key[size] = '\0';
        check_gone(cache, key);
        assert_int_equal(jay_set_str(cache, key, "v", 60000), JAY_OK);
        check_text(cache, key, "v");
    }
    /* Whatever another client has put under a hashed form is not that key's. */
    classic_item item;
    assert_int_equal(jay_set_str(cache, "a b", "v", 0), JAY_OK);
    const char *form = "JAY1kc8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65";
    assert_true(classic_server_find(&server, form, &item));
    free(item.value);
    classic_server_put(&server, form, 0, 0, "bare");
    check_gone(cache, "a b");
    jay_close(cache);
}

/* ---- nonsense ---- */

/* After a reply that is not to what was asked the connection is closed, and no later call gets what
 * was left in it. */
static void replies_to_others(void **state) {
    (void)state;
    static const enum classic_fault faults[] = {CLASSIC_OTHER_KEY, CLASSIC_NO_END, CLASSIC_META};
    jay_value view;
    jay_bytes key = {"k", 1};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        jay_cache *cache = open_cache("connections=1");
        assert_int_equal(jay_set_str(cache, "k", "v", 60000), JAY_OK);
        for (int round = 0; round < 3; round++) {
            int status = JAY_OK;
            atomic_store(&server.fault, (int)faults[i]);
            if (round == 0) status = jay_get_str(cache, "k", &view);
            if (round == 1) status = jay_has_str(cache, "k");
            if (round == 2) (void)jay_get_many(cache, &key, 1, &view, &status, NULL);
            /* A batch has found its value before the line that is wrong. */
            bool is_found = round == 2 && faults[i] == CLASSIC_NO_END;
            assert_int_equal(status, is_found ? JAY_OK : JAY_E_PROTOCOL);
            if (is_found) jay_value_release(&view);
            atomic_store(&server.fault, CLASSIC_SOUND);
            check_text(cache, "k", "v");
        }
        jay_close(cache);
    }
}

static void replies_in_pieces(void **state) {
    (void)state;
    atomic_store(&server.fault, CLASSIC_SPLIT);
    jay_cache *cache = open_cache("prefix=p:");
    use_all(cache);
    jay_close(cache);
    assert_int_equal(atomic_load(&server.unknown), 0);
}

/* Reads in one of several ways. What is found must be right, unless its own bytes are spoilt. */
static int read_spoilt(jay_cache *cache, int way, bool may_be_wrong) {
    jay_value view = JAY_VALUE_INIT;
    jay_bytes key = {"alpha", 5};
    int status = JAY_OK;
    if (way == 0) status = jay_get_str(cache, "alpha", &view);
    if (way == 1) (void)jay_get_many(cache, &key, 1, &view, &status, NULL);
    if (way == 2) status = jay_has_str(cache, "alpha");
    if (way < 2 && status == JAY_OK && !may_be_wrong) assert_string_equal(view.data, "omega");
    jay_value_release(&view);
    return status;
}

/* Stores or reads until that works: the breaker lets calls through after a while. */
static void await_success(jay_cache *cache, bool is_set) {
    int status = JAY_E_TIMEOUT;
    for (int tries = 0; tries < 10000 && status != JAY_OK; tries++) {
        if (tries > 0) usleep(1000);
        status =
            is_set ? jay_set_str(cache, "alpha", "omega", 60000) : read_spoilt(cache, 0, false);
    }
    assert_int_equal(status, JAY_OK);
}

/* Closed, changed or said twice: whichever byte it is, no call finds what is not there, and the
 * next ones are all right. */
static void every_byte_spoilt(void **state) {
    (void)state;
    static const enum proxy_fault faults[] = {PROXY_CLOSE, PROXY_GARBLE, PROXY_REPEAT};
    faulty_proxy proxy;
    assert_int_equal(faulty_proxy_start(&proxy, server.port), 0);
    jay_cache *cache = open_at(proxy.port, "100ms", "connections=1&retry=1ms");
    /* The head, the envelope, the value, END, and some of what follows. */
    for (long position = 0; position < 90; position++) {
        for (int i = 0; i < 3; i++) {
            enum proxy_fault fault = faults[i];
            await_success(cache, true);
            faulty_proxy_spoil(&proxy, fault, position);
            (void)read_spoilt(cache, (int)(position + i) % 3, fault == PROXY_GARBLE);
            faulty_proxy_spoil(&proxy, PROXY_NONE, 0);
            await_success(cache, false);
        }
    }
    jay_close(cache);
    faulty_proxy_stop(&proxy);
    assert_int_equal(atomic_load(&server.unknown), 0);
}

/* ---- crowds ---- */

/* A value which, taken for commands, would do harm. */
static const char harmful[] = "flush_all\r\nflush_all\r\n";

static int dial(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                jay_error *error) {
    (void)host, (void)port, (void)timeout_ms, (void)error;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atomic_load((_Atomic int *)arg))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        if (fd >= 0) close(fd);
        return JAY_E_IO;
    }
    *ret_fd = fd;
    return JAY_OK;
}

typedef struct crowd {
    jay_cache *cache;
    _Atomic long done;
    _Atomic long wrong;
    _Atomic int is_over;
} crowd;

static void *crowd_thread(void *arg) {
    crowd *c = arg;
    char key[32];
    snprintf(key, sizeof key, "a key of %lx", (unsigned long)pthread_self());
    while (!atomic_load(&c->is_over)) {
        jay_value view = JAY_VALUE_INIT;
        bool is_set = jay_set_str(c->cache, key, harmful, 60000) == JAY_OK;
        bool is_found = jay_get_str(c->cache, key, &view) == JAY_OK;
        if (is_found && strcmp(view.data, harmful) != 0) atomic_fetch_add(&c->wrong, 1);
        if (is_set && is_found) atomic_fetch_add(&c->done, 1);
        jay_value_release(&view);
        (void)jay_has_str(c->cache, "none");
    }
    return NULL;
}

/* Waits until so many more rounds have been right. */
static void await_rounds(crowd *c, long rounds) {
    long wanted = atomic_load(&c->done) + rounds;
    for (int i = 0; i < 30000 && atomic_load(&c->done) < wanted; i++) usleep(1000);
    assert_true(atomic_load(&c->done) >= wanted);
}

/* A server that knows meta commands is replaced by one that does not, while more threads than
 * connections use it: not a byte meant for the one reaches the other. */
static void replaced_by_an_old_one(void **state) {
    (void)state;
    enum { THREADS = 6 };
    fleet modern;
    pthread_t threads[THREADS];
    _Atomic int port = 0;
    jay_options *options;
    crowd c = {.cache = NULL};
    fleet_init(&modern);
    fleet_server *first = fleet_start(&modern, false);
    atomic_store(&port, first->port);
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_set_dialler(options, dial, &port), JAY_OK);
    assert_int_equal(jay_open("memcached://server?connections=1&deadline=30s&retry=1ms", options,
                              &c.cache, NULL),
                     JAY_OK);
    jay_options_destroy(options);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_thread, &c), 0);
    await_rounds(&c, 200);
    atomic_store(&port, server.port);
    fleet_kill(first);
    await_rounds(&c, 200);
    atomic_store(&c.is_over, 1);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_int_equal(atomic_load(&server.unknown), 0);
    assert_int_equal(atomic_load(&server.flushes), 0);
    jay_close(c.cache);
    fleet_deinit(&modern);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(servers_found_out),
        TEST(batches_are_lines),
        TEST(values_of_others),
        TEST(expiries_are_kept),
        TEST(counters_end),
        TEST(versions_outlive_touches),
        TEST(parts),
        TEST(injection),
        TEST(lengths_of_keys),
        TEST(replies_to_others),
        TEST(replies_in_pieces),
        TEST(replaced_by_an_old_one),
        TEST(every_byte_spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
