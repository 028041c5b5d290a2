/*
 * texts.c - statuses, versions, schemes, and what is said about options.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

static void status_texts(contract *c) {
    (void)c;
#define CHECK_STATUS(name, number, text)                \
    CHECK(JAY_##name == (number));                      \
    assert_string_equal(jay_status_text(number), text); \
    assert_string_equal(jay_status_name(number), "JAY_" #name);
    JAY_STATUS_MAP(CHECK_STATUS)
#undef CHECK_STATUS
    static const int unknown[] = {6, 64, 1000, INT32_MAX, -25, -1000, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(jay_status_text(unknown[i]), "unknown status");
        assert_string_equal(jay_status_name(unknown[i]), "JAY_E_UNKNOWN");
    }
}

static void error_messages(contract *c) {
    (void)c;
    jay_error error;
    memset(&error, 0x5a, sizeof error);
    assert_int_equal(jay_error_set(&error, JAY_E_IO, 2, "reading %s failed %d times", "it", 3),
                     JAY_E_IO);
    assert_int_equal(error.code, JAY_E_IO);
    assert_int_equal(error.sys_errno, 2);
    assert_string_equal(error.message, "reading it failed 3 times");
    CHECK(memchr(error.backend, '\0', sizeof error.backend) != NULL);
    char *text = malloc(1001);
    if (text == NULL) fail_msg("out of memory");
    memset(text, 'x', 1000);
    text[1000] = '\0';
    memset(&error, 0x5a, sizeof error);
    assert_int_equal(jay_error_set(&error, JAY_E_CORRUPT, 0, "%s", text), JAY_E_CORRUPT);
    assert_int_equal(strnlen(error.message, sizeof error.message), sizeof error.message - 1);
    CHECK(strncmp(error.message, text, sizeof error.message - 1) == 0);
    free(text);
}

static void versions(contract *c) {
    (void)c;
    assert_int_equal(jay_version(), JAY_VERSION_NUMBER);
    assert_string_equal(jay_version_string(), JAY_VERSION_STRING);
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", jay_version() / 10000, jay_version() / 100 % 100,
             jay_version() % 100);
    assert_string_equal(jay_version_string(), text);
}

static void scheme_of_cache(contract *c) {
    assert_string_equal(jay_cache_scheme(c->cache), c->scheme);
}

static void schemes_listed(contract *c) {
    (void)c;
    static const char *const documented[] = {"null", "memory", "simple"};
    size_t count = 0;
    while (jay_scheme_at(count) != NULL && count < 1000) count++;
    CHECK(count < 1000);
    for (size_t i = 0; i < sizeof documented / sizeof documented[0]; i++) {
        size_t found = 0;
        for (size_t at = 0; at < count; at++)
            found += strcmp(jay_scheme_at(at), documented[i]) == 0;
        assert_int_equal(found, 1);
        CHECK(jay_scheme_help(documented[i]) != NULL);
    }
    CHECK(jay_scheme_at(count + 1) == NULL);
    CHECK(jay_scheme_at(SIZE_MAX) == NULL);
    CHECK(jay_scheme_help("no-such-scheme") == NULL);
}

static void check_option(const jay_option_info *info) {
    CHECK(info->name != NULL && info->name[0] != '\0');
    CHECK(info->type >= JAY_OPTION_INT && info->type <= JAY_OPTION_TEXT);
    CHECK(info->default_text != NULL);
    CHECK(info->min <= info->max);
    CHECK(info->help != NULL && info->help[0] != '\0');
    CHECK(info->help[strlen(info->help) - 1] != '.');
}

static void options_listed(contract *c) {
    (void)c;
    size_t common = 0;
    bool has_prefix = false, has_default_ttl = false;
    for (const jay_option_info *info; (info = jay_option_at(NULL, common)) != NULL; common++) {
        check_option(info);
        has_prefix |= strcmp(info->name, "prefix") == 0;
        has_default_ttl |= strcmp(info->name, "default_ttl") == 0;
    }
    CHECK(has_prefix && has_default_ttl);
    for (size_t i = 0; jay_scheme_at(i) != NULL; i++) {
        const jay_option_info *info;
        for (size_t at = 0; (info = jay_option_at(jay_scheme_at(i), at)) != NULL; at++)
            check_option(info);
        CHECK(jay_option_at(jay_scheme_at(i), SIZE_MAX) == NULL);
    }
    CHECK(jay_option_at("no-such-scheme", 0) == NULL);
    CHECK(jay_option_at(NULL, SIZE_MAX) == NULL);
}

static int ignore_entry(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

/* Asks every operation once and compares what is unsupported with the facts. */
static void supports_what_it_says(contract *c) {
    int64_t number;
    jay_value value = JAY_VALUE_INIT;
    const struct {
        uint32_t need;
        int status;
    } asked[] = {
        {NEED_ADD, jay_add(c->cache, KEY("k"), KEY("1"), 0, NULL)},
        {NEED_REPLACE, jay_replace(c->cache, KEY("k"), KEY("1"), 0, NULL)},
        {NEED_CAS, jay_cas(c->cache, KEY("k"), KEY("1"), 0, 1, NULL)},
        {NEED_TTL, jay_ttl(c->cache, KEY("k"), &number, NULL)},
        {NEED_TOUCH, jay_touch(c->cache, KEY("k"), 1000, NULL)},
        {NEED_INC, jay_inc(c->cache, KEY("k"), 1, 0, &number, NULL)},
        {NEED_ITERATE, jay_iterate(c->cache, ignore_entry, NULL, NULL)},
        {NEED_CLEAR, jay_clear(c->cache, NULL)},
        {0, jay_set(c->cache, KEY("k"), KEY("1"), 0, NULL)},
        {0, jay_get(c->cache, KEY("none"), &value, NULL)},
        {0, jay_delete(c->cache, KEY("none"), NULL)},
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        bool is_had = asked[i].need == 0 || (c->facts.has & asked[i].need) != 0;
        if ((asked[i].status != JAY_E_UNSUPPORTED) == is_had) continue;
        fail_msg("operation %zu of the list: %s, but facts.c says that it is %s", i,
                 jay_status_name(asked[i].status), is_had ? "supported" : "unsupported");
    }
}

static const contract_test tests[] = {
    {"status_texts", status_texts, 0},
    {"error_messages", error_messages, 0},
    {"versions", versions, 0},
    {"scheme_of_cache", scheme_of_cache, 0},
    {"schemes_listed", schemes_listed, 0},
    {"options_listed", options_listed, 0},
    {"supports_what_it_says", supports_what_it_says, 0},
};
CONTRACT_THEME(texts, tests);
