/*
 * foreign_backend.c - a backend written from backend.h alone is taken in: the core stands in for
 * what can be stood in for, and reports the rest as unsupported.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "counting_memory.h"
#include "mini_backend.h"
#include "reference_backend.h"

#define KEY(text) (text), sizeof(text) - 1

typedef struct fixture {
    counting_memory memory;
    jay_options *options;
    jay_cache *cache;
    jay_error error;
} fixture;

static void open_with(fixture *f, const jay_backend_ops *ops, const char *url) {
    jay_allocator allocator = counting_allocator(&f->memory);
    assert_int_equal(jay_options_create(&allocator, &f->options), JAY_OK);
    assert_int_equal(jay_options_add_backend(f->options, ops, &f->error), JAY_OK);
    assert_int_equal(jay_open(url, f->options, &f->cache, &f->error), JAY_OK);
    jay_options_destroy(f->options);
}

static void close_it(fixture *f) {
    assert_int_equal(jay_close(f->cache), JAY_OK);
    assert_int_equal(f->memory.live_blocks, 0);
    assert_int_equal(f->memory.misuses, 0);
}

/* ---- what the core stands in for ---- */

static void emulates_reading(void **state) {
    (void)state;
    fixture f = {0};
    open_with(&f, &mini_backend, "mini:?prefix=p:");
    assert_string_equal(jay_cache_scheme(f.cache), "mini");
    assert_int_equal(jay_set_str(f.cache, "k", "12", 0), JAY_OK);
    char buffer[2];
    size_t size = 0;
    int64_t number = 0;
    assert_int_equal(jay_get_into(f.cache, KEY("k"), buffer, 2, &size, NULL), JAY_OK);
    assert_memory_equal(buffer, "12", 2);
    assert_int_equal(jay_get_into(f.cache, KEY("k"), buffer, 1, &size, NULL), JAY_BUFFER_TOO_SMALL);
    assert_int_equal(size, 2);
    assert_int_equal(jay_get_int(f.cache, KEY("k"), &number, NULL), JAY_OK);
    assert_int_equal(number, 12);
    assert_int_equal(jay_has_str(f.cache, "k"), JAY_OK);
    assert_int_equal(jay_has_str(f.cache, "none"), JAY_MISS);
    close_it(&f);
}

static void emulates_batches(void **state) {
    (void)state;
    fixture f = {0};
    open_with(&f, &mini_backend, "mini:");
    jay_pair pairs[] = {
        {{KEY("a")}, {KEY("1")}, 0}, {{"", 0}, {KEY("2")}, 0}, {{KEY("c")}, {KEY("3")}, -1}};
    jay_bytes keys[] = {{KEY("c")}, {KEY("a")}, {"", 0}, {KEY("a")}};
    jay_value views[4];
    int statuses[4];
    assert_int_equal(jay_set_many(f.cache, pairs, 3, statuses, &f.error), JAY_E_KEY);
    assert_int_equal(f.error.code, JAY_E_KEY);
    assert_int_equal(statuses[0], JAY_OK);
    assert_int_equal(statuses[1], JAY_E_KEY);
    assert_int_equal(statuses[2], JAY_OK);
    assert_int_equal(jay_get_many(f.cache, keys, 4, views, statuses, NULL), JAY_OK);
    static const int found[] = {JAY_MISS, JAY_OK, JAY_MISS, JAY_OK};
    assert_memory_equal(statuses, found, sizeof found);
    assert_string_equal(views[3].data, "1");
    assert_int_equal(jay_close(f.cache), JAY_E_BUSY);
    jay_values_release(views, 4);
    assert_int_equal(jay_delete_many(f.cache, keys, 4, statuses, NULL), JAY_OK);
    static const int deleted[] = {JAY_MISS, JAY_OK, JAY_MISS, JAY_MISS};
    assert_memory_equal(statuses, deleted, sizeof deleted);
    close_it(&f);
}

static void emulates_touch_by_negative_ttl(void **state) {
    (void)state;
    fixture f = {0};
    open_with(&f, &mini_backend, "mini:");
    assert_int_equal(jay_set_str(f.cache, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_touch_str(f.cache, "k", -1), JAY_OK);
    assert_int_equal(jay_has_str(f.cache, "k"), JAY_MISS);
    assert_int_equal(jay_touch_str(f.cache, "k", -1), JAY_MISS);
    close_it(&f);
}

static void counts_for_it(void **state) {
    (void)state;
    fixture f = {0};
    open_with(&f, &mini_backend, "mini:");
    jay_value view = JAY_VALUE_INIT;
    jay_stats stats;
    assert_int_equal(jay_set_str(f.cache, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_get_str(f.cache, "k", &view), JAY_OK);
    assert_int_equal(jay_get_str(f.cache, "none", &view), JAY_MISS);
    assert_int_equal(jay_has_str(f.cache, "k"), JAY_OK);
    assert_int_equal(jay_delete_str(f.cache, "k"), JAY_OK);
    assert_int_equal(jay_get_stats(f.cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.sets, 1);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 1);
    assert_int_equal(stats.deletes, 1);
    assert_int_equal(stats.pinned, 1);
    assert_int_equal(stats.items, -1);
    assert_int_equal(stats.bytes, -1);
    assert_int_equal(stats.evictions, -1);
    jay_value_release(&view);
    close_it(&f);
}

/* With cas, add and ttl, the core can count and replace atomically. */
static void emulates_by_cas(void **state) {
    (void)state;
    jay_backend_ops ops = reference_backend;
    ops.flags = JAY_BACKEND_CAS | JAY_BACKEND_ADD | JAY_BACKEND_COUNTS;
    ops.inc = NULL;
    ops.clear = NULL;
    fixture f = {0};
    open_with(&f, &ops, "reference:?prefix=p:");
    int64_t number = 0, left = 0;
    assert_int_equal(jay_inc(f.cache, KEY("n"), 5, 1000000, &number, NULL), JAY_OK);
    assert_int_equal(number, 5);
    assert_int_equal(jay_inc(f.cache, KEY("n"), -7, 0, &number, NULL), JAY_OK);
    assert_int_equal(number, -2);
    assert_int_equal(jay_ttl(f.cache, KEY("n"), &left, NULL), JAY_OK);
    assert_true(left >= 1 && left <= 1000000);
    assert_int_equal(jay_inc(f.cache, KEY("new"), 3, -1, &number, NULL), JAY_OK);
    assert_int_equal(jay_has_str(f.cache, "new"), JAY_MISS);
    assert_int_equal(jay_replace_str(f.cache, "none", "v", 0), JAY_MISS);
    assert_int_equal(jay_replace_str(f.cache, "n", "text", 0), JAY_OK);
    assert_int_equal(jay_inc(f.cache, KEY("n"), 1, 0, &number, &f.error), JAY_E_NOT_INTEGER);
    assert_int_equal(jay_set_int(f.cache, KEY("n"), INT64_MAX, 0, NULL), JAY_OK);
    assert_int_equal(jay_inc(f.cache, KEY("n"), 1, 0, &number, &f.error), JAY_E_OVERFLOW);
    assert_int_equal(number, 3);
    /* clear by iterate and erase */
    assert_int_equal(jay_clear(f.cache, &f.error), JAY_OK);
    assert_int_equal(jay_has_str(f.cache, "n"), JAY_MISS);
    close_it(&f);
}

/* ---- what is unsupported is said to be so ---- */

static int ignore(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

static void check_unsupported(fixture *f, int status, const char *what) {
    if (status != JAY_E_UNSUPPORTED) fail_msg("%s returned %s", what, jay_status_name(status));
    assert_int_equal(f->error.code, JAY_E_UNSUPPORTED);
    assert_string_equal(f->error.backend, "mini");
    assert_non_null(strstr(f->error.message, what));
    memset(&f->error, 0, sizeof f->error);
}

static void reports_unsupported(void **state) {
    (void)state;
    fixture f = {0};
    open_with(&f, &mini_backend, "mini:");
    int64_t number = 12345;
    assert_int_equal(jay_set_str(f.cache, "k", "1", 0), JAY_OK);
    jay_cache *cache = f.cache;
    check_unsupported(&f, jay_add(cache, KEY("k"), KEY("v"), 0, &f.error), "add");
    check_unsupported(&f, jay_replace(cache, KEY("k"), KEY("v"), 0, &f.error), "replace");
    check_unsupported(&f, jay_cas(cache, KEY("k"), KEY("v"), 0, 1, &f.error), "cas");
    check_unsupported(&f, jay_ttl(cache, KEY("k"), &number, &f.error), "ttl");
    check_unsupported(&f, jay_touch(cache, KEY("k"), 1000, &f.error), "touch");
    check_unsupported(&f, jay_inc(cache, KEY("k"), 1, 0, &number, &f.error), "inc");
    check_unsupported(&f, jay_dec(cache, KEY("k"), 1, 0, &number, &f.error), "dec");
    check_unsupported(&f, jay_iterate(cache, ignore, NULL, &f.error), "iterate");
    check_unsupported(&f, jay_clear(cache, &f.error), "clear");
    assert_int_equal(number, 12345);
    jay_value view = JAY_VALUE_INIT;
    assert_int_equal(jay_get_str(cache, "k", &view), JAY_OK);
    assert_string_equal(view.data, "1");
    jay_value_release(&view);
    close_it(&f);
}

/* ---- tables that cannot be taken ---- */

static void check_refused(jay_options *options, const jay_backend_ops *ops, int wanted) {
    jay_error error = {0};
    assert_int_equal(jay_options_add_backend(options, ops, &error), wanted);
    assert_int_equal(error.code, wanted);
    assert_true(error.message[0] != '\0');
    assert_int_equal(jay_options_add_backend(options, ops, NULL), wanted);
}

static void refuses_tables(void **state) {
    (void)state;
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    static const char *const schemes[] = {
        "", "Mini", "1mini", "-a", "mi_ni", "mini:", "mi ni", "abcdefghijklmnopqrstuvwx", NULL};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        jay_backend_ops ops = mini_backend;
        ops.scheme = schemes[i];
        check_refused(options, &ops, JAY_E_ARGUMENT);
    }
    jay_backend_ops ops = mini_backend;
    ops.abi = JAY_BACKEND_ABI + 1;
    check_refused(options, &ops, JAY_E_VERSION);
    ops = mini_backend;
    ops.struct_size = 8;
    check_refused(options, &ops, JAY_E_VERSION);
#define CHECK_REQUIRED(function) \
    ops = mini_backend;          \
    ops.function = NULL;         \
    check_refused(options, &ops, JAY_E_ARGUMENT);
    CHECK_REQUIRED(open)
    CHECK_REQUIRED(close)
    CHECK_REQUIRED(get)
    CHECK_REQUIRED(release)
    CHECK_REQUIRED(write)
    CHECK_REQUIRED(erase)
#undef CHECK_REQUIRED
    ops = mini_backend;
    ops.scheme = "a23456789-bcdefgh+ijk.m";
    assert_int_equal(jay_options_add_backend(options, &ops, NULL), JAY_OK);
    jay_cache *cache = NULL;
    assert_int_equal(jay_open("a23456789-bcdefgh+ijk.m:", options, &cache, NULL), JAY_OK);
    assert_int_equal(jay_close(cache), JAY_OK);
    jay_options_destroy(options);
}

/* A table under a built-in scheme goes before the built-in backend. */
static void goes_before_built_in(void **state) {
    (void)state;
    jay_backend_ops ops = mini_backend;
    ops.scheme = "null";
    fixture f = {0};
    open_with(&f, &ops, "null:");
    assert_int_equal(jay_set_str(f.cache, "k", "stored", 0), JAY_OK);
    assert_int_equal(jay_has_str(f.cache, "k"), JAY_OK);
    close_it(&f);
}

/* ---- a close that fails ---- */

static int failing_close(jay_backend *backend) {
    (void)mini_backend.close(backend);
    return JAY_E_IO;
}

static void close_may_fail(void **state) {
    (void)state;
    jay_backend_ops ops = mini_backend;
    ops.close = failing_close;
    fixture f = {0};
    open_with(&f, &ops, "mini:");
    jay_value view = JAY_VALUE_INIT;
    assert_int_equal(jay_set_str(f.cache, "k", "v", 0), JAY_OK);
    assert_int_equal(jay_get_str(f.cache, "k", &view), JAY_OK);
    assert_int_equal(jay_close(f.cache), JAY_E_BUSY);
    jay_value_release(&view);
    /* Reported, and closed all the same. */
    assert_int_equal(jay_close(f.cache), JAY_E_IO);
    assert_int_equal(f.memory.live_blocks, 0);
}

/* ---- what open is told ---- */

static char told[512];

static int telling_open(const jay_backend_config *config, jay_backend **ret_backend,
                        jay_error *error) {
    (void)ret_backend;
    snprintf(told, sizeof told, "%s|%s|%s|%lld|%.*s|%lld %d|%s %d", config->scheme,
             config->authority, config->path, (long long)config->default_ttl_ms,
             (int)config->prefix_size, config->prefix, (long long)config->values[0].number,
             config->values[0].is_given, config->values[1].text, config->values[1].is_given);
    return jay_error_set(error, JAY_E_UNREACHABLE, 111, "told %s", "all");
}

static int64_t numbers_told[2];

static int numbers_open(const jay_backend_config *config, jay_backend **ret_backend,
                        jay_error *error) {
    numbers_told[0] = config->values[0].number;
    numbers_told[1] = config->values[1].number;
    return mini_backend.open(config, ret_backend, error);
}

static void reads_every_type(void **state) {
    (void)state;
    static const jay_option_info infos[] = {
        {"sync", JAY_OPTION_BOOL, "no", 0, 1, "", "whether to wait for the disk"},
        {"mode", JAY_OPTION_MODE, "0600", 0, 0777, "", "permissions of new files"},
    };
    static const struct {
        const char *url;
        int status;
        int64_t sync, mode;
    } cases[] = {
        {"mini:", JAY_OK, 0, 0600},
        {"mini:?sync=yes&mode=0644", JAY_OK, 1, 0644},
        {"mini:?sync=1&mode=7", JAY_OK, 1, 7},
        {"mini:?sync=on", JAY_OK, 1, 0600},
        {"mini:?sync=true", JAY_OK, 1, 0600},
        {"mini:?sync=0", JAY_OK, 0, 0600},
        {"mini:?sync=off", JAY_OK, 0, 0600},
        {"mini:?sync=false", JAY_OK, 0, 0600},
        {"mini:?sync=no&mode=0", JAY_OK, 0, 0},
        {"mini:?sync=2", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?sync=", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?sync=maybe", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?mode=1000", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?mode=0688", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?mode=-1", JAY_E_OPTION_VALUE, 0, 0},
        {"mini:?mode=rw", JAY_E_OPTION_VALUE, 0, 0},
    };
    jay_backend_ops ops = mini_backend;
    ops.options = infos;
    ops.option_count = 2;
    ops.open = numbers_open;
    jay_options *options = NULL;
    assert_int_equal(jay_options_create(NULL, &options), JAY_OK);
    assert_int_equal(jay_options_add_backend(options, &ops, NULL), JAY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        jay_cache *cache = NULL;
        int status = jay_open(cases[i].url, options, &cache, NULL);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].url, jay_status_name(status));
        if (status != JAY_OK) continue;
        assert_int_equal(numbers_told[0], cases[i].sync);
        assert_int_equal(numbers_told[1], cases[i].mode);
        assert_int_equal(jay_close(cache), JAY_OK);
    }
    jay_options_destroy(options);
}

static void tells_open(void **state) {
    (void)state;
    static const jay_option_info infos[] = {
        {"depth", JAY_OPTION_SIZE, "4k", 1, 1 << 20, "", "how deep"},
        {"name", JAY_OPTION_TEXT, "none", 0, 20, "", "what it is called"},
    };
    jay_backend_ops ops = mini_backend;
    ops.options = infos;
    ops.option_count = 2;
    ops.open = telling_open;
    fixture f = {0};
    jay_allocator allocator = counting_allocator(&f.memory);
    assert_int_equal(jay_options_create(&allocator, &f.options), JAY_OK);
    assert_int_equal(jay_options_add_backend(f.options, &ops, NULL), JAY_OK);
    assert_int_equal(
        jay_open("mini://host:1/a%20b?prefix=p%3A&name=%41%26", f.options, &f.cache, &f.error),
        JAY_E_UNREACHABLE);
    assert_string_equal(told, "mini|host:1|/a b|300000|p:|4096 0|A& 1");
    assert_int_equal(f.error.sys_errno, 111);
    assert_string_equal(f.error.backend, "mini");
    assert_string_equal(f.error.message, "told all");
    assert_int_equal(jay_options_set_int(f.options, "depth", 7), JAY_OK);
    assert_int_equal(jay_open("mini:x/y?default_ttl=5s", f.options, &f.cache, NULL),
                     JAY_E_UNREACHABLE);
    assert_string_equal(told, "mini||x/y|5000||7 1|none 0");
    assert_int_equal(jay_open("mini:?depth=2m", f.options, &f.cache, &f.error), JAY_E_OPTION_VALUE);
    assert_non_null(strstr(f.error.message, "depth"));
    assert_null(f.cache);
    jay_options_destroy(f.options);
    assert_int_equal(f.memory.live_blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emulates_reading),
        cmocka_unit_test(emulates_batches),
        cmocka_unit_test(emulates_touch_by_negative_ttl),
        cmocka_unit_test(counts_for_it),
        cmocka_unit_test(emulates_by_cas),
        cmocka_unit_test(reports_unsupported),
        cmocka_unit_test(refuses_tables),
        cmocka_unit_test(goes_before_built_in),
        cmocka_unit_test(close_may_fail),
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(tells_open),
    };
    return cmocka_run_group_tests_name("foreign backend", tests, NULL, NULL);
}
