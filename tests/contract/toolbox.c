/*
 * toolbox.c - what the tests of the contract suite have in common: expectations, caches, keys.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "contract.h"
#include "support_backends.h"

#define POISON 0x5a

/* ---- expectations ---- */

void contract_poison(contract *c) {
    memset(&c->error, POISON, sizeof c->error);
}

static bool is_poisoned(const jay_error *error) {
    jay_error untouched;
    memset(&untouched, POISON, sizeof untouched);
    return memcmp(error, &untouched, sizeof untouched) == 0;
}

void contract_check_status(int wanted, int status, const char *call, const char *file, int line) {
    if (status == wanted) return;
    print_error("%s returned %s (%d), expected %s\n", call, jay_status_name(status), status,
                jay_status_name(wanted));
    _fail(file, line);
}

void contract_check(contract *c, int wanted, int status, const char *call, const char *file,
                    int line) {
    if (status != wanted && status < 0) print_error("message: %.280s\n", c->error.message);
    contract_check_status(wanted, status, call, file, line);
    if (status >= 0) {
        if (is_poisoned(&c->error)) return;
        print_error("%s wrote the error although it returned %s\n", call, jay_status_name(status));
        _fail(file, line);
        return;
    }
    bool is_text = memchr(c->error.message, '\0', sizeof c->error.message) != NULL &&
                   memchr(c->error.backend, '\0', sizeof c->error.backend) != NULL;
    if (c->error.code == status && is_text && c->error.message[0] != '\0') return;
    print_error("%s left the error with code %d and a message that is %s\n", call, c->error.code,
                is_text ? "empty" : "no text");
    _fail(file, line);
}

void contract_check_true(bool condition, const char *text, const char *file, int line) {
    if (condition) return;
    print_error("not so: %s\n", text);
    _fail(file, line);
}

/* ---- caches ---- */

/* Whether `list` ("a=1&b=2") has an option of the name that `option` begins with. */
static bool names_option(const char *list, const char *option, size_t name_size) {
    while (*list != '\0') {
        if (strncmp(list, option, name_size) == 0 && list[name_size] == '=') return true;
        list += strcspn(list, "&");
        if (*list == '&') list++;
    }
    return false;
}

void contract_url(const contract *c, const char *options, char *ret_url, size_t capacity) {
    size_t base = strcspn(c->url, "?");
    const char *own = c->url[base] == '?' ? c->url + base + 1 : "";
    int used = snprintf(ret_url, capacity, "%.*s", (int)base, c->url);
    char separator = '?';
    while (*own != '\0') {
        size_t size = strcspn(own, "&");
        if (!names_option(options, own, strcspn(own, "=&"))) {
            used += snprintf(ret_url + used, capacity - (size_t)used, "%c%.*s", separator,
                             (int)size, own);
            separator = '&';
        }
        own += size + (own[size] == '&');
    }
    if (options[0] != '\0')
        used += snprintf(ret_url + used, capacity - (size_t)used, "%c%s", separator, options);
    CHECK(used > 0 && (size_t)used < capacity);
}

void contract_forget(const contract *c) {
    if (c->facts.forget == NULL) return;
    char path[256] = "";
    const char *colon = strchr(c->url, ':');
    if (colon != NULL) snprintf(path, sizeof path, "%.*s", (int)strcspn(colon + 1, "?"), colon + 1);
    c->facts.forget(path);
}

static void take_log(void *arg, int level, const char *message) {
    contract *c = arg;
    (void)level;
    if (c->log_lines++ == 0) snprintf(c->log_line, sizeof c->log_line, "%s", message);
}

int contract_options_create(contract *c, jay_options **ret_options) {
    /* The table must outlive the cache; nothing but the scheme at hand is ever opened. */
    static jay_backend_ops own;
    jay_allocator allocator = counting_allocator(c->memory);
    jay_options *options;
    int status = jay_options_create(&allocator, &options);
    if (status != JAY_OK) return status;
    status = jay_options_set_log(options, take_log, c, JAY_LOG_ERROR);
    if (status == JAY_OK && support_backend_find(c->scheme, &own))
        status = jay_options_add_backend(options, &own, NULL);
    if (status != JAY_OK) {
        jay_options_destroy(options);
        return status;
    }
    *ret_options = options;
    return JAY_OK;
}

jay_cache *contract_open(contract *c, const char *options) {
    char url[4096];
    contract_url(c, options, url, sizeof url);
    jay_cache *cache = NULL;
    EXPECT(c, JAY_OK, jay_open(url, c->options, &cache, &c->error));
    CHECK(cache != NULL);
    if ((c->facts.has & NEED_CLEAR) != 0) EXPECT(c, JAY_OK, jay_clear(cache, &c->error));
    return cache;
}

void contract_close(jay_cache *cache) {
    EXPECT_PLAIN(JAY_OK, jay_close(cache));
}

void contract_reopen(contract *c, const char *options) {
    contract_close(c->cache);
    contract_forget(c);
    c->cache = contract_open(c, options);
}

jay_stats contract_stats(contract *c, jay_cache *cache) {
    jay_stats stats;
    memset(&stats, POISON, sizeof stats);
    EXPECT(c, JAY_OK, jay_get_stats(cache, &stats, sizeof stats, &c->error));
    return stats;
}

static int count_entry(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(size_t *)arg;
    return 0;
}

size_t contract_count(contract *c, jay_cache *cache) {
    size_t count = 0;
    EXPECT(c, JAY_OK, jay_iterate(cache, count_entry, &count, &c->error));
    return count;
}

/* ---- keys and values ---- */

void contract_put(contract *c, const char *key, const char *value, int64_t ttl_ms) {
    EXPECT(c, JAY_OK, jay_set(c->cache, key, strlen(key), value, strlen(value), ttl_ms, &c->error));
}

void contract_holds_bytes(contract *c, const void *key, size_t key_size, const void *value,
                          size_t size) {
    jay_value view;
    EXPECT(c, JAY_OK, jay_get(c->cache, key, key_size, &view, &c->error));
    CHECK(view.data != NULL);
    CHECK(view.size == size);
    CHECK(size == 0 || memcmp(view.data, value, size) == 0);
    CHECK(((const char *)view.data)[size] == '\0');
    CHECK(view.version != 0);
    CHECK(view.cache == c->cache);
    jay_value_release(&view);

    unsigned char *copy = malloc(size + 1);
    if (copy == NULL) fail_msg("out of memory");
    memset(copy, POISON, size + 1);
    size_t copied = 0;
    EXPECT(c, JAY_OK, jay_get_into(c->cache, key, key_size, copy, size, &copied, &c->error));
    CHECK(copied == size);
    CHECK(size == 0 || memcmp(copy, value, size) == 0);
    CHECK(copy[size] == POISON);
    free(copy);
    EXPECT(c, JAY_OK, jay_has(c->cache, key, key_size, &c->error));
}

void contract_holds(contract *c, const char *key, const char *value) {
    contract_holds_bytes(c, key, strlen(key), value, strlen(value));
}

void contract_gone_bytes(contract *c, const void *key, size_t key_size) {
    jay_value view, untouched;
    memset(&view, POISON, sizeof view);
    memset(&untouched, POISON, sizeof untouched);
    EXPECT(c, JAY_MISS, jay_get(c->cache, key, key_size, &view, &c->error));
    CHECK(memcmp(&view, &untouched, sizeof view) == 0);

    char buffer[8];
    memset(buffer, POISON, sizeof buffer);
    size_t size = 12345;
    EXPECT(c, JAY_MISS,
           jay_get_into(c->cache, key, key_size, buffer, sizeof buffer, &size, &c->error));
    CHECK(size == 12345);
    CHECK(memcmp(buffer, &untouched, sizeof buffer) == 0);

    int64_t number = 12345;
    EXPECT(c, JAY_MISS, jay_get_int(c->cache, key, key_size, &number, &c->error));
    CHECK(number == 12345);
    EXPECT(c, JAY_MISS, jay_has(c->cache, key, key_size, &c->error));
    if ((c->facts.has & NEED_TTL) != 0) {
        EXPECT(c, JAY_MISS, jay_ttl(c->cache, key, key_size, &number, &c->error));
        CHECK(number == 12345);
    }
}

void contract_gone(contract *c, const char *key) {
    contract_gone_bytes(c, key, strlen(key));
}

jay_value contract_view(contract *c, const char *key) {
    jay_value view = JAY_VALUE_INIT;
    EXPECT(c, JAY_OK, jay_get(c->cache, key, strlen(key), &view, &c->error));
    return view;
}

unsigned char *contract_bytes(size_t size, uint32_t seed) {
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL) fail_msg("out of memory");
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(i < 256 ? i : seed >> 24);
    }
    return bytes;
}

/* ---- time ---- */

int64_t contract_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void contract_sleep_ms(int64_t ms) {
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

/*
 * Where the clock has steps of seconds, entries stored now tell when those stored before have
 * expired, however late the clock is; there are so many that every server of a few has some.
 */
static void outlive_canaries(contract *c, int64_t ttl_ms) {
    enum { CANARIES = 64 };
    char names[CANARIES][16];
    jay_pair pairs[CANARIES];
    jay_bytes keys[CANARIES];
    jay_value views[CANARIES];
    int statuses[CANARIES];
    for (size_t i = 0; i < CANARIES; i++) {
        int size = snprintf(names[i], sizeof names[i], "canary %zu", i);
        keys[i] = (jay_bytes){names[i], (size_t)size};
        pairs[i] = (jay_pair){.key = keys[i], .value = {"v", 1}, .ttl_ms = ttl_ms};
    }
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, CANARIES, statuses, &c->error));
    int64_t give_up_ms = contract_now_ms() + ttl_ms + 60000;
    size_t alive = CANARIES;
    while (alive != 0 && contract_now_ms() < give_up_ms) {
        contract_sleep_ms(20);
        EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, CANARIES, views, statuses, &c->error));
        alive = 0;
        for (size_t i = 0; i < CANARIES; i++) {
            if (statuses[i] != JAY_OK) continue;
            jay_value_release(&views[i]);
            alive++;
        }
    }
    CHECK(alive == 0);
}

void contract_outlive(contract *c, int64_t ttl_ms) {
    if (c->facts.ttl_step_ms >= 1000) {
        outlive_canaries(c, ttl_ms);
    } else {
        contract_sleep_ms(ttl_ms + 2 * c->facts.ttl_step_ms + 20);
    }
}
