/*
 * test_cache.c - handles: what a backend is opened with and asked, how failures are reported, and
 * how a handle ends.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cache.h"
#include "counting_memory.h"
#include "probe_backend.h"

/* ---- a log, options with it, and an allocator that counts ---- */

static struct {
    int lines;
    int level;
    void *arg;
    char last[512];
} seen;

static counting_memory memory;
static jay_options *options;
static jay_cache *cache;
static jay_error error;

static void keep_line(void *arg, int level, const char *message) {
    seen.lines++;
    seen.level = level;
    seen.arg = arg;
    snprintf(seen.last, sizeof seen.last, "%s", message);
}

static int set_up(void **state) {
    (void)state;
    probe_reset();
    memset(&seen, 0, sizeof seen);
    memset(&memory, 0, sizeof memory);
    cache = NULL;
    unit_unset(&error);
    jay_allocator allocator = counting_allocator(&memory);
    if (jay_options_create(&allocator, &options) != JAY_OK) return -1;
    if (jay_options_set_log(options, keep_line, &seen, JAY_LOG_ERROR) != JAY_OK) return -1;
    return jay_options_add_backend(options, &probe.ops, NULL);
}

static int tear_down(void **state) {
    (void)state;
    probe.close_status = JAY_OK;
    int status = jay_close(cache);
    jay_options_destroy(options);
    return status != JAY_OK || memory.live_blocks != 0 || memory.misuses != 0;
}

static void open_probe(const char *url) {
    int status = jay_open(url, options, &cache, &error);
    if (status != JAY_OK) fail_msg("%s: %s", url, error.message);
    assert_true(unit_is_unset(&error));
}

static int64_t stat_errors(void) {
    return jayi_total(&cache->counters, JAYI_ERRORS);
}

/* ---- open ---- */

static void open_wants_its_arguments(void **state) {
    (void)state;
    assert_int_equal(jay_open(NULL, options, &cache, &error), JAY_E_ARGUMENT);
    assert_int_equal(error.code, JAY_E_ARGUMENT);
    assert_string_equal(error.message, "the URL must not be NULL");
    assert_string_equal(error.backend, "");
    assert_int_equal(jay_open("probe:", options, NULL, &error), JAY_E_ARGUMENT);
    assert_string_equal(error.message, "ret_cache must not be NULL");
    assert_int_equal(jay_open(NULL, NULL, NULL, NULL), JAY_E_ARGUMENT);
    assert_null(cache);
    assert_int_equal(probe.opened, 0);
}

static void a_backend_sees_what_the_header_says(void **state) {
    (void)state;
    jay_options_set_log(options, keep_line, &seen, JAY_LOG_INFO);
    open_probe("probe://u:p%40@h:1/a%20b?prefix=pre%3A&default_ttl=90s&count=5&label=la%62el");
    assert_int_equal(probe.opened, 1);
    assert_int_equal(probe.config.struct_size, sizeof(jay_backend_config));
    assert_string_equal(probe.authority, "u:p%40@h:1");
    assert_string_equal(probe.path, "/a b");
    assert_string_equal(probe.prefix, "pre:");
    assert_int_equal(probe.config.prefix_size, 4);
    assert_int_equal(probe.config.default_ttl_ms, 90000);
    assert_true(probe.config.log == keep_line && probe.config.log_arg == &seen);
    assert_int_equal(probe.config.log_level, JAY_LOG_INFO);
    assert_ptr_equal(probe.config.allocator.arg, &memory);
    assert_int_equal(probe.values[PROBE_COUNT].number, 5);
    assert_int_equal(probe.values[PROBE_COUNT].is_given, 1);
    assert_int_equal(probe.values[PROBE_MODE].number, 0600);
    assert_int_equal(probe.values[PROBE_MODE].is_given, 0);
    assert_string_equal(probe.label, "label");
    assert_string_equal(jay_cache_scheme(cache), "probe");
    assert_string_equal(jay_cache_scheme(NULL), "");
}

static void options_may_go_once_caches_are_open(void **state) {
    (void)state;
    jay_cache *second = NULL;
    open_probe("probe:?prefix=a");
    assert_int_equal(jay_open("probe:?prefix=b", options, &second, NULL), JAY_OK);
    jay_options_destroy(options);
    options = NULL;
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_OK);
    assert_memory_equal(probe.key, "ak", 2);
    assert_int_equal(jay_set_str(second, "k", "v", 0), JAY_OK);
    assert_memory_equal(probe.key, "bk", 2);
    assert_int_equal(jay_close(second), JAY_OK);
}

static void failures_to_open_are_reported_and_leave_nothing(void **state) {
    (void)state;
    static const struct {
        const char *url;
        int status;
        const char *backend, *message;
    } cases[] = {
        {"memory", JAY_E_URL, "", "does not begin with a scheme"},
        {"prob:", JAY_E_SCHEME, "prob",
         "no backend has the URL scheme 'prob'; did you mean 'probe:'?"},
        {"memroy:?x=y", JAY_E_SCHEME, "memroy", "did you mean 'memory:'?"},
        {"probe:?cuont=1", JAY_E_OPTION, "probe", "did you mean 'count'"},
        {"probe:?count=1000", JAY_E_OPTION_VALUE, "probe", "it must be -10 to 100"},
        {"memory:?threshold=5", JAY_E_OPTION, "memory", "did you mean 'max_items'"},
        {"memory:?max_bytes=1", JAY_E_OPTION_VALUE, "memory",
         "option 'max_bytes' is 1; it must be "},
        {"memory:path", JAY_E_URL, "memory", "memory: takes nothing but options; write memory: or"},
        {"null://host", JAY_E_URL, "null", "null: takes nothing but options; write null: or"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t before = memory.live_blocks;
        unit_unset(&error);
        assert_int_equal(jay_open(cases[i].url, options, &cache, &error), cases[i].status);
        assert_int_equal(error.code, cases[i].status);
        assert_string_equal(error.backend, cases[i].backend);
        assert_holds(error.message, cases[i].message);
        assert_int_equal(jay_open(cases[i].url, options, &cache, NULL), cases[i].status);
        assert_null(cache);
        assert_int_equal(memory.live_blocks, before);
    }
}

static void no_failure_to_open_tells_a_password(void **state) {
    (void)state;
    static const char *const urls[] = {
        "nothing://user:secret@host",
        "probe://user:secret@host?cuont=1",
        "probe://user:secret@host?count=1000",
        "probe://user:secret@host?pasword=secret",
        "probe://user:secret@host?label=secret-secret",
        "probe://user:secret@host/%",
        "probe://user:secret@host?secret",
        "null://user:secret@host",
        "memory://user:secret@host",
        "simple://user:secret@host/secret",
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        unit_unset(&error);
        if (jay_open(urls[i], options, &cache, &error) >= 0) fail_msg("%s was opened", urls[i]);
        assert_lacks(error.message, "secret");
    }
    assert_lacks(seen.last, "secret");
}

static void a_backend_that_does_not_open_is_reported(void **state) {
    (void)state;
    int64_t before = memory.live_blocks;
    probe.open_status = JAY_E_UNREACHABLE;
    probe.message = "the probe's host is down; start it";
    probe.sys_errno = ECONNREFUSED;
    assert_int_equal(jay_open("probe:", options, &cache, &error), JAY_E_UNREACHABLE);
    assert_int_equal(error.code, JAY_E_UNREACHABLE);
    assert_int_equal(error.sys_errno, ECONNREFUSED);
    assert_string_equal(error.backend, "probe");
    assert_string_equal(error.message, "the probe's host is down; start it");
    assert_null(cache);
    assert_int_equal(probe.closed, 0);
    assert_int_equal(memory.live_blocks, before);
}

/* A backend that fails without an error, or with that of another status, gets the status's text. */
static void an_error_that_does_not_fit_is_replaced(void **state) {
    (void)state;
    probe.open_status = JAY_E_AUTH;
    assert_int_equal(jay_open("probe:", options, &cache, &error), JAY_E_AUTH);
    assert_int_equal(error.code, JAY_E_AUTH);
    assert_int_equal(error.sys_errno, 0);
    assert_holds(error.message, jay_status_text(JAY_E_AUTH));
    assert_string_equal(error.backend, "probe");
    probe.message = "a message of another failure";
    probe.error_code = JAY_E_IO;
    unit_unset(&error);
    assert_int_equal(jay_open("probe:", options, &cache, &error), JAY_E_AUTH);
    assert_int_equal(error.code, JAY_E_AUTH);
    assert_holds(error.message, jay_status_text(JAY_E_AUTH));
    assert_string_equal(error.backend, "probe");
}

/* What an allocator may give: any address that suits any type. Each block lies `offset` bytes into
 * a line, behind the address to free. */
typedef struct offset_memory {
    size_t offset;
} offset_memory;

static void *offset_alloc(void *arg, size_t size) {
    const offset_memory *where = arg;
    char *block = aligned_alloc(64, (size + 192) / 64 * 64);
    if (block == NULL) return NULL;
    char *given = block + 64 + where->offset;
    memcpy(given - sizeof block, &block, sizeof block);
    return given;
}

static void offset_free(void *arg, void *given) {
    (void)arg;
    if (given == NULL) return;
    void *block;
    memcpy(&block, (char *)given - sizeof block, sizeof block);
    free(block);
}

/* Not called for blocks that exist: a set of options with one entry each never grows. */
static void *offset_realloc(void *arg, void *given, size_t size) {
    return given == NULL ? offset_alloc(arg, size) : NULL;
}

static void handles_are_aligned_whatever_the_allocator(void **state) {
    (void)state;
    for (size_t offset = 0; offset < 64; offset += 16) {
        offset_memory where = {offset};
        jay_allocator allocator = {offset_alloc, offset_realloc, offset_free, &where};
        jay_options *own = NULL;
        jay_cache *opened = NULL;
        assert_int_equal(jay_options_create(&allocator, &own), JAY_OK);
        assert_int_equal(jay_open("null:", own, &opened, NULL), JAY_OK);
        assert_int_equal((uintptr_t)opened % _Alignof(jay_cache), 0);
        assert_int_equal(jay_set_str(opened, "k", "v", 0), JAY_OK);
        assert_int_equal(jay_close(opened), JAY_OK);
        jay_options_destroy(own);
    }
}

/* Lets each allocation of an open fail in turn, until one open needs no more. */
static void check_open_without_memory(const char *url) {
    int64_t before = memory.live_blocks;
    int status = JAY_E_NO_MEMORY;
    int64_t failures = 0;
    for (int64_t n = 1; status != JAY_OK && n < 100; n++) {
        unit_unset(&error);
        counting_memory_fail(&memory, n);
        status = jay_open(url, options, &cache, &error);
        if (status == JAY_OK) break;
        failures++;
        assert_int_equal(status, JAY_E_NO_MEMORY);
        assert_int_equal(error.code, JAY_E_NO_MEMORY);
        assert_true(strlen(error.message) > 0);
        assert_null(cache);
        assert_int_equal(memory.live_blocks, before);
    }
    counting_memory_fail(&memory, 0);
    assert_int_equal(status, JAY_OK);
    assert_true(failures >= 4); /* the URL, the values, the handle, the prefix */
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = NULL;
    assert_int_equal(memory.live_blocks, before);
}

static void every_allocation_of_open_may_fail(void **state) {
    (void)state;
    check_open_without_memory("probe://h/p?prefix=a&count=5");
    check_open_without_memory("null:");
    check_open_without_memory("memory:?max_items=10&prefix=a");
    check_open_without_memory("simple:?max_bytes=1m");
    assert_int_equal(probe.opened, probe.closed);
}

/* ---- close ---- */

static void close_of_nothing_is_allowed(void **state) {
    (void)state;
    assert_int_equal(jay_close(NULL), JAY_OK);
    assert_int_equal(seen.lines, 0);
}

static void close_with_views_is_busy_and_changes_nothing(void **state) {
    (void)state;
    jay_value views[2];
    open_probe("probe:");
    probe.has_entry = 1;
    assert_int_equal(jay_get_str(cache, "a", &views[0]), JAY_OK);
    assert_int_equal(jay_get_str(cache, "b", &views[1]), JAY_OK);
    assert_ptr_equal(views[0].cache, cache);
    assert_int_equal(jay_close(cache), JAY_E_BUSY);
    assert_holds(seen.last, "2 views are still held; release them, then close again");
    assert_holds(seen.last, "JAY_E_BUSY");
    assert_int_equal(probe.closed, 0);
    assert_string_equal(views[0].data, PROBE_VALUE);
    assert_int_equal(jay_set_str(cache, "still", "good", 0), JAY_OK);
    jay_value_release(&views[0]);
    jay_value_release(&views[0]); /* a view of nothing by now */
    assert_int_equal(probe.released, 1);
    assert_int_equal(jay_close(cache), JAY_E_BUSY);
    assert_holds(seen.last, "1 views are still held");
    jay_values_release(&views[1], 1);
    assert_int_equal(probe.released, 2);
    assert_int_equal(jay_close(cache), JAY_OK);
    assert_int_equal(probe.closed, 1);
    cache = NULL;
}

static void released_views_are_views_of_nothing(void **state) {
    (void)state;
    const jay_value nothing = JAY_VALUE_INIT;
    jay_value view = JAY_VALUE_INIT;
    jay_value_release(NULL);
    jay_value_release(&view);
    jay_values_release(NULL, 3);
    jay_values_release(&view, 1);
    open_probe("probe:");
    probe.has_entry = 1;
    assert_int_equal(jay_get_str(cache, "a", &view), JAY_OK);
    jay_value_release(&view);
    assert_memory_equal(&view, &nothing, sizeof view);
}

static void a_close_that_fails_ends_the_handle_all_the_same(void **state) {
    (void)state;
    int64_t before = memory.live_blocks;
    open_probe("probe:");
    probe.close_status = JAY_E_IO;
    assert_int_equal(jay_close(cache), JAY_E_IO);
    cache = NULL;
    assert_int_equal(probe.closed, 1);
    assert_int_equal(memory.live_blocks, before);
    assert_int_equal(seen.lines, 1);
    assert_holds(seen.last, jay_status_text(JAY_E_IO));
}

/* ---- failures of calls ---- */

/* Calls everything that can fail, with the probe as it is; each must give `status` and its error.
 */
static void check_all_calls(int status, int sys_errno, const char *message) {
    jay_value view = JAY_VALUE_INIT;
    jay_stats stats;
    int64_t number = 5;
    char buffer[8];
    size_t size = 5;
    for (int call = 0;; call++) {
        int lines = seen.lines, got = JAY_OK;
        int64_t errors = stat_errors();
        unit_unset(&error);
        switch (call) {
        case 0:
            got = jay_get(cache, "k", 1, &view, &error);
            break;
        case 1:
            got = jay_get_into(cache, "k", 1, buffer, sizeof buffer, &size, &error);
            break;
        case 2:
            got = jay_get_int(cache, "k", 1, &number, &error);
            break;
        case 3:
            got = jay_has(cache, "k", 1, &error);
            break;
        case 4:
            got = jay_set(cache, "k", 1, "v", 1, 0, &error);
            break;
        case 5:
            got = jay_add(cache, "k", 1, "v", 1, 0, &error);
            break;
        case 6:
            got = jay_cas(cache, "k", 1, "v", 1, 0, 1, &error);
            break;
        case 7:
            got = jay_delete(cache, "k", 1, &error);
            break;
        case 8:
            got = jay_touch(cache, "k", 1, 0, &error);
            break;
        case 9:
            got = jay_inc(cache, "k", 1, 1, 0, &number, &error);
            break;
        case 10:
            got = jay_dec(cache, "k", 1, 1, 0, &number, &error);
            break;
        case 11:
            got = jay_clear(cache, &error);
            break;
        case 12:
            got = jay_get_stats(cache, &stats, sizeof stats, &error);
            break;
        default:
            assert_null(view.data);
            assert_int_equal(number, 5);
            assert_int_equal(size, 5);
            return;
        }
        assert_int_equal(got, status);
        assert_int_equal(error.code, status);
        assert_string_equal(error.backend, "probe");
        assert_holds(error.message, message);
        assert_int_equal(error.sys_errno, sys_errno);
        assert_int_equal(stat_errors(), errors + 1);
        assert_int_equal(seen.lines, lines + 1);
        assert_int_equal(seen.level, JAY_LOG_ERROR);
        assert_ptr_equal(seen.arg, &seen);
        assert_holds(seen.last, message);
        assert_holds(seen.last, jay_status_name(status));
        assert_holds(seen.last, "probe");
    }
}

static void failures_reach_the_caller_the_log_and_the_count(void **state) {
    (void)state;
    open_probe("probe:");
    probe.call_status = JAY_E_TIMEOUT;
    probe.message = "the probe took too long; give it more patience";
    probe.sys_errno = ETIMEDOUT;
    check_all_calls(JAY_E_TIMEOUT, ETIMEDOUT, probe.message);
}

/* The log is promised one line a message, whatever a backend quotes. */
static void a_message_is_logged_as_one_line(void **state) {
    (void)state;
    open_probe("probe:");
    probe.call_status = JAY_E_SERVER;
    probe.message = "the server said:\r\nERROR\n";
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_E_SERVER);
    assert_int_equal(seen.lines, 1);
    assert_holds(seen.last, "ERROR");
    assert_lacks(seen.last, "\n");
}

static void a_failure_without_an_error_gets_a_text(void **state) {
    (void)state;
    open_probe("probe:");
    probe.call_status = JAY_E_PROTOCOL;
    check_all_calls(JAY_E_PROTOCOL, 0, jay_status_text(JAY_E_PROTOCOL));
}

static void a_failure_with_another_ones_error_gets_a_text(void **state) {
    (void)state;
    open_probe("probe:");
    probe.call_status = JAY_E_SERVER;
    probe.message = "of another failure";
    probe.error_code = JAY_E_IO;
    check_all_calls(JAY_E_SERVER, 0, jay_status_text(JAY_E_SERVER));
}

static void the_forms_without_an_error_fail_into_the_log(void **state) {
    (void)state;
    jay_value view;
    open_probe("probe:");
    probe.call_status = JAY_E_UNREACHABLE;
    int lines = 0;
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_E_UNREACHABLE);
    assert_int_equal(seen.lines, ++lines);
    assert_int_equal(jay_set_str(cache, "k", "v", 0), JAY_E_UNREACHABLE);
    assert_int_equal(seen.lines, ++lines);
    assert_int_equal(jay_delete_str(cache, "k"), JAY_E_UNREACHABLE);
    assert_int_equal(seen.lines, ++lines);
    assert_int_equal(jay_set_str(cache, NULL, "v", 0), JAY_E_ARGUMENT);
    assert_holds(seen.last, "the key must not be NULL");
    assert_int_equal(jay_set_str(cache, "k", NULL, 0), JAY_E_ARGUMENT);
    assert_holds(seen.last, "the value must not be NULL");
}

static void outcomes_are_no_failures(void **state) {
    (void)state;
    jay_value view = JAY_VALUE_INIT;
    open_probe("probe:");
    assert_int_equal(jay_get(cache, "k", 1, &view, &error), JAY_MISS);
    assert_int_equal(jay_delete(cache, "k", 1, &error), JAY_MISS);
    probe.call_status = JAY_EXISTS;
    assert_int_equal(jay_add(cache, "k", 1, "v", 1, 0, &error), JAY_EXISTS);
    probe.call_status = JAY_CHANGED;
    assert_int_equal(jay_cas(cache, "k", 1, "v", 1, 0, 1, &error), JAY_CHANGED);
    assert_true(unit_is_unset(&error));
    assert_int_equal(seen.lines, 0);
    assert_int_equal(stat_errors(), 0);
    assert_null(view.data);
}

static void without_a_log_nothing_is_called(void **state) {
    (void)state;
    assert_int_equal(jay_options_set_log(options, NULL, NULL, JAY_LOG_DEBUG), JAY_OK);
    open_probe("probe:");
    probe.call_status = JAY_E_IO;
    assert_int_equal(jay_set(cache, "k", 1, "v", 1, 0, &error), JAY_E_IO);
    assert_int_equal(error.code, JAY_E_IO);
    assert_int_equal(seen.lines, 0);
}

/* ---- keys ---- */

static void keys_come_with_their_prefix(void **state) {
    (void)state;
    static unsigned char key[JAY_KEY_MAX_BYTES + 1];
    for (size_t i = 0; i < sizeof key; i++) key[i] = (unsigned char)(i * 7);
    char url[JAY_PREFIX_MAX_BYTES + 32];
    static const size_t prefix_sizes[] = {0, 1, 100, JAY_PREFIX_MAX_BYTES};
    /* Around the size up to which a key with its prefix needs no allocation, and the limits. */
    static const size_t sizes[] = {1,   2,   155, 156,  157,   254,
                                   255, 256, 257, 1000, 65535, JAY_KEY_MAX_BYTES};
    for (size_t p = 0; p < COUNT_OF(prefix_sizes); p++) {
        size_t at = (size_t)snprintf(url, sizeof url, "probe:?prefix=");
        memset(url + at, 'p', prefix_sizes[p]);
        url[at + prefix_sizes[p]] = '\0';
        open_probe(url);
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            assert_int_equal(jay_set(cache, key, sizes[s], "v", 1, 0, &error), JAY_OK);
            assert_int_equal(probe.key_size, prefix_sizes[p] + sizes[s]);
            assert_memory_equal(probe.key, url + at, prefix_sizes[p]);
            assert_memory_equal(probe.key + prefix_sizes[p], key, sizes[s]);
        }
        assert_int_equal(jay_clear(cache, &error), JAY_OK);
        assert_int_equal(probe.key_size, prefix_sizes[p]);
        assert_int_equal(jay_close(cache), JAY_OK);
        cache = NULL;
    }
}

static void keys_of_a_wrong_length_never_reach_a_backend(void **state) {
    (void)state;
    static char key[JAY_KEY_MAX_BYTES + 1];
    static const size_t sizes[] = {0, JAY_KEY_MAX_BYTES + 1, SIZE_MAX};
    jay_value view = JAY_VALUE_INIT;
    int64_t number = 5;
    size_t size = 5;
    open_probe("probe:?prefix=p");
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        unit_unset(&error);
        assert_int_equal(jay_get(cache, key, sizes[s], &view, &error), JAY_MISS);
        assert_int_equal(jay_get_into(cache, key, sizes[s], NULL, 0, &size, &error), JAY_MISS);
        assert_int_equal(jay_get_int(cache, key, sizes[s], &number, &error), JAY_MISS);
        assert_int_equal(jay_has(cache, key, sizes[s], &error), JAY_MISS);
        assert_int_equal(jay_ttl(cache, key, sizes[s], &number, &error), JAY_MISS);
        assert_int_equal(jay_delete(cache, key, sizes[s], &error), JAY_MISS);
        assert_int_equal(jay_touch(cache, key, sizes[s], 0, &error), JAY_MISS);
        assert_true(unit_is_unset(&error));
        assert_int_equal(jay_set(cache, key, sizes[s], "v", 1, 0, &error), JAY_E_KEY);
        assert_holds(error.message, "it must have 1 to 65536");
        assert_int_equal(jay_add(cache, key, sizes[s], "v", 1, 0, NULL), JAY_E_KEY);
        assert_int_equal(jay_replace(cache, key, sizes[s], "v", 1, 0, NULL), JAY_E_KEY);
        assert_int_equal(jay_cas(cache, key, sizes[s], "v", 1, 0, 1, NULL), JAY_E_KEY);
        assert_int_equal(jay_inc(cache, key, sizes[s], 1, 0, &number, NULL), JAY_E_KEY);
    }
    assert_int_equal(probe.calls, 0);
    assert_int_equal(number, 5);
    assert_int_equal(size, 5);
    assert_int_equal(jayi_total(&cache->counters, JAYI_MISSES), 3 * COUNT_OF(sizes));
}

static void no_memory_for_a_long_key_is_a_failure(void **state) {
    (void)state;
    static char key[1000];
    jay_value view = JAY_VALUE_INIT;
    open_probe("probe:?prefix=p");
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_get(cache, key, sizeof key, &view, &error), JAY_E_NO_MEMORY);
    assert_holds(error.message, "1001 bytes");
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_set(cache, key, sizeof key, "v", 1, 0, &error), JAY_E_NO_MEMORY);
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_delete(cache, key, sizeof key, &error), JAY_E_NO_MEMORY);
    assert_int_equal(probe.calls, 0);
    assert_int_equal(seen.lines, 3);
    counting_memory_fail(&memory, 1);
    assert_int_equal(jay_set(cache, key, 255, "v", 1, 0, &error), JAY_OK);
}

static void null_arguments_are_refused(void **state) {
    (void)state;
    jay_value view;
    int64_t number;
    size_t size;
    open_probe("probe:");
    assert_int_equal(jay_get(NULL, "k", 1, &view, &error), JAY_E_ARGUMENT);
    assert_string_equal(error.message, "the cache must not be NULL");
    assert_string_equal(error.backend, "");
    assert_int_equal(jay_get(cache, NULL, 1, &view, &error), JAY_E_ARGUMENT);
    assert_string_equal(error.message, "the key must not be NULL");
    assert_string_equal(error.backend, "probe");
    assert_int_equal(jay_get(cache, "k", 1, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_get_into(cache, "k", 1, NULL, 1, &size, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_get_into(cache, "k", 1, NULL, 0, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_get_int(cache, "k", 1, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_ttl(cache, "k", 1, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_set(cache, "k", 1, NULL, 1, 0, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_dec(cache, "k", 1, INT64_MIN, 0, &number, &error), JAY_E_ARGUMENT);
    assert_holds(error.message, "negative");
    assert_int_equal(jay_iterate(cache, NULL, NULL, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_get_stats(cache, NULL, sizeof(jay_stats), &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_clear(NULL, NULL), JAY_E_ARGUMENT);
    assert_int_equal(probe.calls, 0);
    assert_int_equal(jay_set(cache, "k", 1, NULL, 0, 0, NULL), JAY_OK);
}

/* ---- times to live ---- */

static void a_backend_sees_resolved_ttls(void **state) {
    (void)state;
    static const struct {
        int64_t given, seen;
    } cases[] = {
        {JAY_TTL_DEFAULT, 2000},
        {JAY_TTL_FOREVER, JAY_TTL_FOREVER},
        {1, 1},
        {INT64_C(1577847600000), INT64_C(1577847600000)}, /* 50 years */
        {JAY_TTL_MAX_MS, JAY_TTL_MAX_MS},
        {JAY_TTL_MAX_MS + 1, JAY_TTL_FOREVER},
        {INT64_MAX, JAY_TTL_FOREVER},
        {-1, JAY_TTL_EXPIRED},
        {-300000, JAY_TTL_EXPIRED},
        {INT64_MIN + 1, JAY_TTL_EXPIRED},
    };
    open_probe("probe:?default_ttl=2s");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t number;
        assert_int_equal(jay_touch(cache, "k", 1, cases[i].given, NULL), JAY_OK);
        assert_true(probe.ttl_ms == cases[i].seen);
        probe.ttl_ms = 4711;
        assert_int_equal(jay_inc(cache, "k", 1, 1, cases[i].given, &number, NULL), JAY_OK);
        assert_true(probe.ttl_ms == cases[i].seen);
        probe.ttl_ms = 4711;
        assert_int_equal(jay_cas(cache, "k", 1, "v", 1, cases[i].given, 1, NULL), JAY_OK);
        assert_true(probe.ttl_ms == cases[i].seen);
        probe.ttl_ms = 4711;
        assert_int_equal(jay_set(cache, "k", 1, "v", 1, cases[i].given, NULL), JAY_OK);
        /* A set that is over already comes to the backend as an erase. */
        assert_true(probe.ttl_ms == (cases[i].seen == JAY_TTL_EXPIRED ? 4711 : cases[i].seen));
    }
}

static void a_default_of_zero_is_for_ever(void **state) {
    (void)state;
    open_probe("probe:?default_ttl=0");
    probe.ttl_ms = 4711;
    assert_int_equal(jay_set_str(cache, "k", "v", JAY_TTL_DEFAULT), JAY_OK);
    assert_true(probe.ttl_ms == JAY_TTL_FOREVER);
}

static void writes_come_as_they_were_given(void **state) {
    (void)state;
    static const char value[] = "v\0w";
    open_probe("probe:");
    assert_int_equal(jay_set(cache, "k", 1, value, 3, 5, NULL), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_SET);
    assert_int_equal(probe.write.struct_size, sizeof(jay_write));
    assert_ptr_equal(probe.write.value, value);
    assert_int_equal(probe.write.value_size, 3);
    assert_int_equal(jay_add(cache, "k", 1, value, 3, 5, NULL), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_ADD);
    assert_int_equal(jay_replace(cache, "k", 1, value, 3, 5, NULL), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_REPLACE);
    assert_int_equal(jay_cas(cache, "k", 1, value, 3, 5, UINT64_MAX, NULL), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_CAS);
    assert_true(probe.write.version == UINT64_MAX);
}

/* ---- statistics ---- */

static void the_core_counts_what_the_backend_does_not(void **state) {
    (void)state;
    jay_stats stats;
    jay_value view;
    int64_t number;
    open_probe("probe:");
    jay_get_str(cache, "k", &view);
    probe.has_entry = 1;
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    jay_set_str(cache, "k", "v", 0);
    jay_inc_str(cache, "k", 1, &number);
    jay_delete_str(cache, "k");
    jay_has_str(cache, "k");
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, &error), JAY_OK);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 1);
    assert_int_equal(stats.sets, 2);
    assert_int_equal(stats.deletes, 1);
    assert_int_equal(stats.errors, 0);
    assert_int_equal(stats.pinned, 1);
    assert_int_equal(stats.items, 4711); /* the backend's */
    assert_int_equal(stats.bytes, -1);   /* nobody's */
    jay_value_release(&view);
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, &error), JAY_OK);
    assert_int_equal(stats.pinned, 0);
}

static void the_core_does_not_count_beside_a_backend_that_does(void **state) {
    (void)state;
    jay_stats stats;
    jay_value view;
    probe.ops.flags |= JAY_BACKEND_COUNTS;
    probe.has_entry = 1;
    open_probe("probe:");
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    jay_set_str(cache, "k", "v", 0);
    assert_int_equal(jay_set_str(cache, NULL, "v", 0), JAY_E_ARGUMENT);
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, &error), JAY_OK);
    assert_int_equal(stats.hits, -1);
    assert_int_equal(stats.sets, -1);
    assert_int_equal(stats.errors, 1);
    assert_int_equal(stats.pinned, 1);
    jay_value_release(&view);
}

/* Programs and libraries of different versions: a shorter struct, and a longer one. */
static void stats_of_any_whole_size_are_given(void **state) {
    (void)state;
    enum { FIELDS = sizeof(jay_stats) / sizeof(int64_t) };
    int64_t fields[FIELDS + 2];
    open_probe("probe:");
    for (size_t count = 1; count <= FIELDS + 2; count++) {
        for (size_t i = 0; i < COUNT_OF(fields); i++) fields[i] = 99;
        jay_stats *stats = (jay_stats *)(void *)fields;
        assert_int_equal(jay_get_stats(cache, stats, count * sizeof *fields, &error), JAY_OK);
        assert_int_equal(fields[0], 0);
        for (size_t i = FIELDS; i < COUNT_OF(fields); i++)
            assert_true(fields[i] == (i < count ? -1 : 99));
        for (size_t i = count; i < COUNT_OF(fields); i++) assert_int_equal(fields[i], 99);
    }
    static const size_t bad[] = {0, 1, 7, sizeof(jay_stats) - 1, sizeof(jay_stats) + 4};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        jay_stats *stats = (jay_stats *)(void *)fields;
        fields[0] = 99;
        assert_int_equal(jay_get_stats(cache, stats, bad[i], &error), JAY_E_ARGUMENT);
        assert_holds(error.message, "sizeof(jay_stats)");
        assert_int_equal(fields[0], 99);
    }
}

static void extras_are_checked_and_passed_on(void **state) {
    (void)state;
    jay_extras extras = {.struct_size = sizeof extras, .mode = JAY_STORE_ADD, .flags = 7};
    open_probe("probe:");
    assert_int_equal(jay_store(cache, "k", 1, "v", 1, 5, &extras, &error), JAY_E_UNSUPPORTED);
    assert_holds(error.message, "client flags");
    const jay_pair pair = {{"k", 1}, {"v", 1}, 0};
    assert_int_equal(jay_set_many_flags(cache, &pair, &extras.flags, 1, NULL, &error),
                     JAY_E_UNSUPPORTED);
    assert_int_equal(probe.calls, 0);
    probe.ops.flags |= JAY_BACKEND_FLAGS;
    assert_int_equal(jay_store(cache, "k", 1, "v", 1, 5, &extras, &error), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_ADD);
    assert_int_equal(probe.write.flags, 7);
    assert_int_equal(jay_store(cache, "k", 1, "v", 1, 5, NULL, &error), JAY_OK);
    assert_int_equal(probe.write.mode, JAY_WRITE_SET);
    assert_int_equal(probe.write.flags, 0);
    extras.mode = JAY_STORE_CAS + 1;
    assert_int_equal(jay_store(cache, "k", 1, "v", 1, 5, &extras, &error), JAY_E_ARGUMENT);
    extras = (jay_extras){.struct_size = sizeof extras - 1};
    assert_int_equal(jay_store(cache, "k", 1, "v", 1, 5, &extras, &error), JAY_E_ARGUMENT);
    assert_holds(error.message, "struct_size");
    assert_int_equal(jay_store(NULL, "k", 1, "v", 1, 5, &extras, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_value_flags(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(open_wants_its_arguments),
        TEST(a_backend_sees_what_the_header_says),
        TEST(options_may_go_once_caches_are_open),
        TEST(failures_to_open_are_reported_and_leave_nothing),
        TEST(no_failure_to_open_tells_a_password),
        TEST(a_backend_that_does_not_open_is_reported),
        TEST(an_error_that_does_not_fit_is_replaced),
        TEST(handles_are_aligned_whatever_the_allocator),
        TEST(every_allocation_of_open_may_fail),
        TEST(close_of_nothing_is_allowed),
        TEST(close_with_views_is_busy_and_changes_nothing),
        TEST(released_views_are_views_of_nothing),
        TEST(a_close_that_fails_ends_the_handle_all_the_same),
        TEST(failures_reach_the_caller_the_log_and_the_count),
        TEST(a_message_is_logged_as_one_line),
        TEST(a_failure_without_an_error_gets_a_text),
        TEST(a_failure_with_another_ones_error_gets_a_text),
        TEST(the_forms_without_an_error_fail_into_the_log),
        TEST(outcomes_are_no_failures),
        TEST(without_a_log_nothing_is_called),
        TEST(keys_come_with_their_prefix),
        TEST(keys_of_a_wrong_length_never_reach_a_backend),
        TEST(no_memory_for_a_long_key_is_a_failure),
        TEST(null_arguments_are_refused),
        TEST(a_backend_sees_resolved_ttls),
        TEST(a_default_of_zero_is_for_ever),
        TEST(writes_come_as_they_were_given),
        TEST(the_core_counts_what_the_backend_does_not),
        TEST(the_core_does_not_count_beside_a_backend_that_does),
        TEST(stats_of_any_whole_size_are_given),
        TEST(extras_are_checked_and_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
