/*
 * opening.c - opening: URLs and options, right and wrong.
 */
#include <ctype.h>
#include <stdio.h>

#include "contract.h"

/* Opening fails with this status and a message that holds `words` ("" for any). */
static void refuse_url(contract *c, int wanted, const char *url, const jay_options *options,
                       const char *words) {
    jay_cache *const untouched = (jay_cache *)(void *)c;
    jay_cache *cache = untouched;
    contract_poison(c);
    int status = jay_open(url, options, &cache, &c->error);
    if (status != wanted)
        print_error("for the URL '%.200s'%s%.200s\n", url, status < 0 ? ": " : "",
                    status < 0 ? c->error.message : "");
    contract_check(c, wanted, status, "jay_open", __FILE__, __LINE__);
    CHECK(cache == untouched);
    if (strstr(c->error.message, words) == NULL)
        fail_msg("'%s' is refused with '%s', which does not say '%s'", url, c->error.message,
                 words);
}

static void refuse(contract *c, int wanted, const char *option, const char *words) {
    char url[4096];
    contract_url(c, option, url, sizeof url);
    refuse_url(c, wanted, url, c->options, words);
}

static void url_malformed(contract *c) {
    static const char *const malformed[] = {"",
                                            ":",
                                            "memory",
                                            "?",
                                            "/",
                                            "Memory:",
                                            "1memory:",
                                            " memory:",
                                            "me mory:",
                                            "?max_items=5",
                                            "memory?x=1",
                                            "a_b:",
                                            "abcdefghijklmnopqrstuvwxyz:"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        refuse_url(c, JAY_E_URL, malformed[i], c->options, "");
}

static void url_unknown_scheme(contract *c) {
    refuse_url(c, JAY_E_SCHEME, "nosuch:", c->options, "nosuch");
    refuse_url(c, JAY_E_SCHEME, "memry:", c->options, "memory");
    refuse_url(c, JAY_E_SCHEME, "nul:?prefix=a", c->options, "null");
    refuse_url(c, JAY_E_SCHEME, "a+b-c.d://h/p?x=y", c->options, "a+b-c.d");
}

static void url_bad_escape(contract *c) {
    static const char *const options[] = {"prefix=%",    "prefix=%4",  "prefix=%zz", "prefix=a%4",
                                          "prefix=%4gb", "prefix=%00", "%zz=1",      "prefix=% 41"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        refuse(c, JAY_E_URL, options[i], "%");
}

static void url_bad_query(contract *c) {
    refuse(c, JAY_E_URL, "prefix", "");
    refuse(c, JAY_E_URL, "=5", "");
    refuse(c, JAY_E_URL, "prefix=a&prefix=b", "prefix");
    refuse(c, JAY_E_URL, "default_ttl=1s&prefix=a&default_ttl=1s", "default_ttl");
}

/* What is decoded is what counts. */
static void url_decoding(contract *c) {
    contract_reopen(c, "prefix=a%26b%3d%25%3F%20c&default%5fttl=5m");
    contract_put(c, "k", "v", 0);
    contract_holds(c, "k", "v");
    contract_reopen(c, "prefix=http://x/y?z=1");
    contract_put(c, "k", "v", 0);
    contract_holds(c, "k", "v");
}

static void option_unknown(contract *c) {
    refuse(c, JAY_E_OPTION, "nosuch=1", "nosuch");
    refuse(c, JAY_E_OPTION, "default_tll=5s", "default_ttl");
    refuse(c, JAY_E_OPTION, "default_timeout=300", "default_ttl");
    refuse(c, JAY_E_OPTION, "key_prefix=a", "prefix");
    refuse(c, JAY_E_OPTION, "Prefix=a", "prefix");
}

static void option_nearest_limit(contract *c) {
    refuse(c, JAY_E_OPTION, "threshold=500", "max_items");
    refuse(c, JAY_E_OPTION, "maxitems=500", "max_items");
    refuse(c, JAY_E_OPTION, "max_item=500", "max_items");
    refuse(c, JAY_E_OPTION, "max-items=500", "max_items");
}

static void option_bad_duration(contract *c) {
    static const char *const values[] = {"default_ttl=",
                                         "default_ttl=300",
                                         "default_ttl=x",
                                         "default_ttl=5y",
                                         "default_ttl=-1s",
                                         "default_ttl=1.5s",
                                         "default_ttl=+5s",
                                         "default_ttl=%205s",
                                         "default_ttl=5s%20",
                                         "default_ttl=5S",
                                         "default_ttl=5 s",
                                         "default_ttl=1s2",
                                         "default_ttl=99999999999999999999s",
                                         "default_ttl=9223372036854775807d",
                                         "default_ttl=400000d",
                                         "default_ttl=0x5s",
                                         "default_ttl=s"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        refuse(c, JAY_E_OPTION_VALUE, values[i], "default_ttl");
}

static void option_bad_limit(contract *c) {
    static const char *const values[] = {"max_items=",     "max_items=-1",
                                         "max_items=x",    "max_items=5x",
                                         "max_items=+5",   "max_items=5.0",
                                         "max_items=%205", "max_items=0x10",
                                         "max_items=5k5",  "max_items=99999999999999999999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        refuse(c, JAY_E_OPTION_VALUE, values[i], "max_items");
}

static void option_bad_size(contract *c) {
    static const char *const values[] = {
        "max_bytes=",           "max_bytes=-1", "max_bytes=x",   "max_bytes=5z",
        "max_bytes=5mm",        "max_bytes=m",  "max_bytes=5mb", "max_bytes=99999999999999999999",
        "max_bytes=9000000000t"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        refuse(c, JAY_E_OPTION_VALUE, values[i], "max_bytes");
}

static void option_long_prefix(contract *c) {
    char option[JAY_PREFIX_MAX_BYTES + 16] = "prefix=";
    memset(option + 7, 'p', JAY_PREFIX_MAX_BYTES + 1);
    refuse(c, JAY_E_OPTION_VALUE, option, "1024");
}

static jay_options *typed(contract *c) {
    jay_options *options = NULL;
    EXPECT_PLAIN(JAY_OK, contract_options_create(c, &options));
    return options;
}

/* Opens the test's URL with other options, and hands over the cache. */
static jay_cache *open_typed(contract *c, const char *in_url, const jay_options *options) {
    char url[4096];
    jay_cache *cache = NULL;
    contract_url(c, in_url, url, sizeof url);
    EXPECT(c, JAY_OK, jay_open(url, options, &cache, &c->error));
    return cache;
}

static int64_t default_ttl_of(contract *c, jay_cache *cache) {
    int64_t left = -1;
    EXPECT(c, JAY_OK, jay_set(cache, KEY("k"), KEY("v"), JAY_TTL_DEFAULT, &c->error));
    EXPECT(c, JAY_OK, jay_ttl(cache, KEY("k"), &left, &c->error));
    contract_close(cache);
    return left;
}

static bool is_about(contract *c, int64_t left_ms, int64_t wanted_ms) {
    /* The options tried here are far enough apart for any machine. */
    return left_ms > wanted_ms / 2 && left_ms <= wanted_ms + c->facts.ttl_step_ms;
}

static void option_typed(contract *c) {
    jay_options *options = typed(c);
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "default_ttl", 4000000));
    CHECK(is_about(c, default_ttl_of(c, open_typed(c, "", options)), 4000000));
    EXPECT_PLAIN(JAY_OK, jay_options_set_text(options, "default_ttl", "900s"));
    CHECK(is_about(c, default_ttl_of(c, open_typed(c, "", options)), 900000));
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "default_ttl", 0));
    assert_int_equal(default_ttl_of(c, open_typed(c, "", options)), JAY_TTL_FOREVER);
    /* The URL's counts. */
    CHECK(is_about(c, default_ttl_of(c, open_typed(c, "default_ttl=2h", options)), 7200000));
    jay_options_destroy(options);
}

static void option_units(contract *c) {
    static const struct {
        const char *option;
        int64_t ttl_ms;
    } durations[] = {{"default_ttl=7000000ms", 7000000},
                     {"default_ttl=70s", 70000},
                     {"default_ttl=7m", 420000},
                     {"default_ttl=7h", 25200000},
                     {"default_ttl=7d", 604800000},
                     {"default_ttl=0", 0},
                     {"default_ttl=0s", 0}};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        int64_t left = default_ttl_of(c, open_typed(c, durations[i].option, c->options));
        CHECK(durations[i].ttl_ms == 0 ? left == JAY_TTL_FOREVER
                                       : is_about(c, left, durations[i].ttl_ms));
    }
}

static int64_t max_bytes_of(contract *c, jay_cache *cache) {
    int64_t max_bytes = contract_stats(c, cache).max_bytes;
    contract_close(cache);
    contract_forget(c);
    return max_bytes;
}

static void option_sizes(contract *c) {
    jay_options *options = typed(c);
    contract_close(c->cache); /* of a shared store the first to open says how big it is */
    contract_forget(c);
    int64_t mib = INT64_C(1) << 20;
    assert_int_equal(max_bytes_of(c, open_typed(c, "max_bytes=4194304", options)), 4 * mib);
    assert_int_equal(max_bytes_of(c, open_typed(c, "max_bytes=4096k", options)), 4 * mib);
    assert_int_equal(max_bytes_of(c, open_typed(c, "max_bytes=4m", options)), 4 * mib);
    assert_int_equal(max_bytes_of(c, open_typed(c, "max_bytes=2g", options)), 2048 * mib);
    EXPECT_PLAIN(JAY_OK, jay_options_set_text(options, "max_bytes", "8m"));
    assert_int_equal(max_bytes_of(c, open_typed(c, "", options)), 8 * mib);
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "max_bytes", 16 * mib));
    assert_int_equal(max_bytes_of(c, open_typed(c, "", options)), 16 * mib);
    assert_int_equal(max_bytes_of(c, open_typed(c, "max_bytes=32m", options)), 32 * mib);
    jay_options_destroy(options);
    c->cache = contract_open(c, "");
}

static void option_typed_wrong(contract *c) {
    jay_options *options = typed(c);
    char url[4096];
    contract_url(c, "", url, sizeof url);
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "default_ttl", -1));
    refuse_url(c, JAY_E_OPTION_VALUE, url, options, "default_ttl");
    EXPECT_PLAIN(JAY_OK, jay_options_set_text(options, "default_ttl", "soon"));
    refuse_url(c, JAY_E_OPTION_VALUE, url, options, "default_ttl");
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "default_ttl", 1000));
    EXPECT_PLAIN(JAY_OK, jay_options_set_int(options, "no_such_option", 1));
    refuse_url(c, JAY_E_OPTION, url, options, "no_such_option");
    jay_options_destroy(options);
}

/* A text is taken as it is: nothing in it is percent-encoded. Options may end before the cache. */
static void option_typed_text(contract *c) {
    jay_options *options = typed(c);
    char prefix[] = "%41:";
    EXPECT_PLAIN(JAY_OK, jay_options_set_text(options, "prefix", prefix));
    memset(prefix, 'x', sizeof prefix - 1);
    contract_reopen(c, "prefix=");
    jay_cache *cache = open_typed(c, "", options);
    jay_options_destroy(options);
    EXPECT_PLAIN(JAY_OK, jay_set_str(cache, "k", "v", 0));
    EXPECT_PLAIN(JAY_OK, jay_has_str(cache, "k"));
    contract_close(cache);
}

static void option_typed_prefix_shared(contract *c) {
    jay_options *options = typed(c);
    EXPECT_PLAIN(JAY_OK, jay_options_set_text(options, "prefix", "%41:"));
    contract_reopen(c, "prefix=");
    char base[4096];
    contract_url(c, "", base, sizeof base);
    /* The URL of contract_reopen had an empty prefix of its own; this one has none. */
    jay_cache *cache = NULL;
    EXPECT(c, JAY_OK, jay_open(base, options, &cache, &c->error));
    EXPECT_PLAIN(JAY_OK, jay_set_str(cache, "k", "v", 0));
    bool has_own = strstr(c->url, "prefix=") != NULL;
    if (!has_own) contract_holds(c, "%41:k", "v");
    if (has_own) contract_gone(c, "%41:k");
    contract_close(cache);
    jay_options_destroy(options);
}

static void option_default_allocator(contract *c) {
    bool is_built_in = false;
    for (size_t i = 0; jay_scheme_at(i) != NULL; i++)
        is_built_in |= strcmp(jay_scheme_at(i), c->scheme) == 0;
    jay_cache *cache = NULL;
    char url[4096];
    contract_url(c, "", url, sizeof url);
    int status = jay_open(url, NULL, &cache, NULL);
    EXPECT_PLAIN(is_built_in ? JAY_OK : JAY_E_SCHEME, status);
    if (status == JAY_OK) EXPECT_PLAIN(JAY_OK, jay_set_str(cache, "k", "v", 0));
    contract_close(cache);
}

static void option_arguments(contract *c) {
    jay_options *options = NULL;
    jay_allocator broken = counting_allocator(c->memory);
    broken.realloc = NULL;
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_create(&broken, &options));
    broken = counting_allocator(c->memory);
    broken.alloc = NULL;
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_create(&broken, &options));
    broken = counting_allocator(c->memory);
    broken.free = NULL;
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_create(&broken, &options));
    CHECK(options == NULL);
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_create(NULL, NULL));
    EXPECT_PLAIN(JAY_OK, jay_options_create(NULL, &options));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_int(NULL, "prefix", 1));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_int(options, NULL, 1));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_int(options, "", 1));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_text(NULL, "prefix", "a"));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_text(options, NULL, "a"));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_text(options, "", "a"));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_text(options, "prefix", NULL));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_log(NULL, NULL, NULL, 0));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_log(options, NULL, NULL, -1));
    EXPECT_PLAIN(JAY_E_ARGUMENT, jay_options_set_log(options, NULL, NULL, 4));
    EXPECT_PLAIN(JAY_OK, jay_options_set_log(options, NULL, NULL, JAY_LOG_DEBUG));
    jay_options_destroy(options);
    jay_options_destroy(NULL);
}

/* Failures go to the log, also where the caller gives no error; outcomes and successes do not. */
static void log_of_failures(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    EXPECT_PLAIN(JAY_MISS, jay_get_str(c->cache, "k", &view));
    EXPECT_PLAIN(JAY_OK, jay_set_str(c->cache, "k", "v", 0));
    assert_int_equal(c->log_lines, 0);
    EXPECT_PLAIN(JAY_E_KEY, jay_set_str(c->cache, "", "v", 0));
    assert_int_equal(c->log_lines, 1);
    CHECK(c->log_line[0] != '\0' && strchr(c->log_line, '\n') == NULL);
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, "", 0, "v", 1, 0, &c->error));
    assert_int_equal(c->log_lines, 2);
}

static void error_of_backend(contract *c) {
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, "", 0, "v", 1, 0, &c->error));
    assert_string_equal(c->error.backend, c->scheme);
    assert_int_equal(c->error.sys_errno, 0);
    CHECK(isprint((unsigned char)c->error.message[0]));
}

static const contract_test tests[] = {
    {"url_malformed", url_malformed, 0},
    {"url_unknown_scheme", url_unknown_scheme, 0},
    {"url_bad_escape", url_bad_escape, 0},
    {"url_bad_query", url_bad_query, 0},
    {"url_decoding", url_decoding, NEED_STORE},
    {"option_unknown", option_unknown, 0},
    {"option_nearest_limit", option_nearest_limit, NEED_MAX_ITEMS},
    {"option_bad_duration", option_bad_duration, 0},
    {"option_bad_limit", option_bad_limit, NEED_MAX_ITEMS},
    {"option_bad_size", option_bad_size, NEED_MAX_BYTES},
    {"option_long_prefix", option_long_prefix, 0},
    {"option_typed", option_typed, NEED_STORE | NEED_TTL},
    {"option_units", option_units, NEED_STORE | NEED_TTL},
    {"option_sizes", option_sizes, NEED_MAX_BYTES | NEED_ITEMS},
    {"option_typed_wrong", option_typed_wrong, 0},
    {"option_typed_text", option_typed_text, NEED_STORE},
    {"option_typed_prefix_shared", option_typed_prefix_shared,
     NEED_STORE | NEED_SHARED | NEED_PLAIN_PREFIX},
    {"option_default_allocator", option_default_allocator, 0},
    {"option_arguments", option_arguments, 0},
    {"log_of_failures", log_of_failures, 0},
    {"error_of_backend", error_of_backend, 0},
};
CONTRACT_THEME(options, tests);
