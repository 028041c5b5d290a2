/*
 * test_url.c - the URL parser: every form, every way to be malformed, and what messages say and
 * keep to themselves.
 */
#include "unit.h"

#include <stdio.h>

#include "core/url.h"
#include "counting_memory.h"
#include "util/memory.h"

typedef struct parts {
    const char *url, *scheme, *authority, *path;
    size_t option_count;
    const char *name, *value; /* of the last option */
} parts;

static void good_urls_come_apart(void **state) {
    (void)state;
    static const parts cases[] = {
        {"memory:", "memory", "", "", 0, NULL, NULL},
        {"memory:?", "memory", "", "", 0, NULL, NULL},
        {"a:", "a", "", "", 0, NULL, NULL},
        {"redis+unix-2.x:", "redis+unix-2.x", "", "", 0, NULL, NULL},
        {"abcdefghijklmnopqrstuvw:", "abcdefghijklmnopqrstuvw", "", "", 0, NULL, NULL},
        {"memory:?max_items=5", "memory", "", "", 1, "max_items", "5"},
        {"m:?a=1&b=2&c=3", "m", "", "", 3, "c", "3"},
        {"m:?a=1&", "m", "", "", 1, "a", "1"},
        {"m:?a=", "m", "", "", 1, "a", ""},
        {"m:?a=b=c", "m", "", "", 1, "a", "b=c"},
        {"m:?a=b?c", "m", "", "", 1, "a", "b?c"},
        {"m:?a=/x//y", "m", "", "", 1, "a", "/x//y"},
        {"m:?a=b:c@d", "m", "", "", 1, "a", "b:c@d"},
        {"m:?a=1+2", "m", "", "", 1, "a", "1+2"},
        {"file:/var/cache", "file", "", "/var/cache", 0, NULL, NULL},
        {"shm:NAME", "shm", "", "NAME", 0, NULL, NULL},
        {"shm:a:b", "shm", "", "a:b", 0, NULL, NULL},
        {"mc://", "mc", "", "", 0, NULL, NULL},
        {"mc:///run/x", "mc", "", "/run/x", 0, NULL, NULL},
        {"mc://h", "mc", "h", "", 0, NULL, NULL},
        {"mc://h/", "mc", "h", "/", 0, NULL, NULL},
        {"mc://h1:1,h2:2/0//1", "mc", "h1:1,h2:2", "/0//1", 0, NULL, NULL},
        {"mc://u:p@[::1]:6379/0?a=b", "mc", "u:p@[::1]:6379", "/0", 1, "a", "b"},
        {"mc://h?a=b", "mc", "h", "", 1, "a", "b"},
        /* Percent-encoding: everywhere but in the authority, which each backend splits first. */
        {"file:/a%20b%2fc", "file", "", "/a b/c", 0, NULL, NULL},
        {"file:%2541", "file", "", "%41", 0, NULL, NULL},
        {"m:?p%61th=x%26y%3Dz%23", "m", "", "", 1, "path", "x&y=z#"},
        {"m:?a=%e2%82%AC", "m", "", "", 1, "a", "\xe2\x82\xac"},
        {"m:?a=%01%ff%7F", "m", "", "", 1, "a", "\x01\xff\x7f"},
        {"m:?a%3d=b", "m", "", "", 1, "a=", "b"},
        {"m:%3Fa", "m", "", "?a", 0, NULL, NULL},
        {"mc://u:%40%3a@h/%40", "mc", "u:%40%3a@h", "/@", 0, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const parts *want = &cases[i];
        jayi_url url;
        jay_error error;
        unit_unset(&error);
        if (jayi_url_init(&url, want->url, &jayi_default_allocator, &error) != JAY_OK)
            fail_msg("%s: %s", want->url, error.message);
        assert_true(unit_is_unset(&error));
        assert_string_equal(url.scheme, want->scheme);
        assert_string_equal(url.authority, want->authority);
        assert_string_equal(url.path, want->path);
        assert_int_equal(url.option_count, want->option_count);
        if (want->option_count > 0) {
            assert_string_equal(url.options[want->option_count - 1].name, want->name);
            assert_string_equal(url.options[want->option_count - 1].value, want->value);
        }
        jayi_url_deinit(&url);
    }
}

/* Wants a URL refused without a trace, with a message that holds `piece`. */
static void check_refused(const char *text, const char *piece) {
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    jayi_url url;
    jay_error error;
    unit_unset(&error);
    int status = jayi_url_init(&url, text, &allocator, &error);
    if (status != JAY_E_URL) fail_msg("'%s' came to %s", text, jay_status_name(status));
    assert_int_equal(error.code, JAY_E_URL);
    assert_int_equal(error.sys_errno, 0);
    assert_holds(error.message, piece);
    assert_int_equal(memory.live_blocks, 0);
    assert_int_equal(memory.misuses, 0);
}

#define ASK_SCHEME "write for example memory: or null:"
#define ASK_PERCENT "write a literal '%' as %25"
#define ASK_PAIR "name=value"

static void malformed_urls_are_refused_with_the_fix(void **state) {
    (void)state;
    static const struct {
        const char *url, *piece;
    } cases[] = {
        {"", ASK_SCHEME},
        {":", ASK_SCHEME},
        {"memory", ASK_SCHEME},
        {"Memory:", "the scheme 'Memory' of the cache URL has capital letters"},
        {"mEmory:", "the scheme 'mEmory' of the cache URL has capital letters"},
        {"memory?A:", ASK_SCHEME},
        {" memory:", ASK_SCHEME},
        {"memory :", ASK_SCHEME},
        {"1memory:", ASK_SCHEME},
        {"+m:", ASK_SCHEME},
        {"me_mory:", ASK_SCHEME},
        {"me%6dory:", ASK_SCHEME},
        {"/var/cache", ASK_SCHEME},
        {"//host", ASK_SCHEME},
        {"?a=b", ASK_SCHEME},
        {"memory?a=b", ASK_SCHEME},
        {"\xc3\xa9:", ASK_SCHEME},
        {"abcdefghijklmnopqrstuvwx:", ASK_SCHEME},
        {"m:#", "write a literal '#' as %23"},
        {"m:#top", "write a literal '#' as %23"},
        {"m:?a=b#c", "write a literal '#' as %23"},
        {"mc://h#", "write a literal '#' as %23"},
        {"m:?a", "option 'a' of the cache URL has no value; write it as name=value"},
        {"m:///p?a", "option 'a' of the cache URL has no value; write it as name=value"},
        {"m://:pass?word", "option 1 of the cache URL is not of the form name=value"},
        {"m:?=", ASK_PAIR},
        {"m:?=b", ASK_PAIR},
        {"m:?&", ASK_PAIR},
        {"m:?&a=b", ASK_PAIR},
        {"m:?a=b&&c=d", ASK_PAIR},
        {"m:?a=b&c", "option 'c' "},
        {"m:?a=b&&c=d", "option 2 "},
        {"m:?a=b&a=c", "option 'a' stands twice in the cache URL; keep one"},
        {"m:?a=b&%61=b", "option 'a' stands twice in the cache URL; keep one"},
        {"m:?a=b&c=d&a=", "option 'a' stands twice in the cache URL; keep one"},
        {"file:%", ASK_PERCENT},
        {"file:/a%2", ASK_PERCENT},
        {"file:/a%zz", ASK_PERCENT},
        {"file:/a%2g", ASK_PERCENT},
        {"file:/a%%20", ASK_PERCENT},
        {"file:/a%+1", ASK_PERCENT},
        {"file:/a% 1", ASK_PERCENT},
        {"file:/a%00b", ASK_PERCENT},
        {"file:/a%", "the path of the cache URL holds a '%'"},
        {"m:?a=%", "a holds a '%'"},
        {"m:?a=%2", ASK_PERCENT},
        {"m:?a=%0", ASK_PERCENT},
        {"m:?a=%00", ASK_PERCENT},
        {"m:?a%=b", "an option's name holds a '%'"},
        {"m:?%00=b", ASK_PERCENT},
        {"m:?a=%4&b=1", ASK_PERCENT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) check_refused(cases[i].url, cases[i].piece);
}

/* A message has room for 287 bytes; what is quoted must leave some for the fix. */
static void long_names_leave_room_for_the_fix(void **state) {
    (void)state;
    char name[501], text[1200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "m:?%s=1&%s=2", name, name);
    check_refused(text, "keep one");
    snprintf(text, sizeof text, "m:?%s=%%", name);
    check_refused(text, ASK_PERCENT);
}

static void limits_are_exact(void **state) {
    (void)state;
    static char text[JAYI_URL_MAX_BYTES + 2];
    jayi_url url;
    jay_error error;
    memset(text, 'x', sizeof text);
    memcpy(text, "shm:", 4);
    text[JAYI_URL_MAX_BYTES] = '\0';
    assert_int_equal(jayi_url_init(&url, text, &jayi_default_allocator, &error), JAY_OK);
    assert_int_equal(strlen(url.path), JAYI_URL_MAX_BYTES - 4);
    jayi_url_deinit(&url);
    text[JAYI_URL_MAX_BYTES] = 'x';
    text[JAYI_URL_MAX_BYTES + 1] = '\0';
    check_refused(text, "longer than 8192 bytes");

    size_t at = (size_t)snprintf(text, sizeof text, "m:?");
    for (int i = 0; i < JAYI_URL_MAX_OPTIONS; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "o%d=%d&", i, i);
    assert_int_equal(jayi_url_init(&url, text, &jayi_default_allocator, &error), JAY_OK);
    assert_int_equal(url.option_count, JAYI_URL_MAX_OPTIONS);
    for (int i = 0; i < JAYI_URL_MAX_OPTIONS; i++) {
        char name[16];
        snprintf(name, sizeof name, "o%d", i);
        assert_string_equal(url.options[i].name, name);
        assert_string_equal(url.options[i].value, name + 1);
    }
    jayi_url_deinit(&url);
    snprintf(text + at, sizeof text - at, "more=1");
    check_refused(text, "more than 64 options");
}

static void the_callers_text_is_copied_and_left_alone(void **state) {
    (void)state;
    char text[] = "mc://h:1/p%41th?na%4de=va%4cue";
    const char before[] = "mc://h:1/p%41th?na%4de=va%4cue";
    jayi_url url;
    jay_error error;
    assert_int_equal(jayi_url_init(&url, text, &jayi_default_allocator, &error), JAY_OK);
    assert_string_equal(text, before);
    memset(text, '#', sizeof text - 1);
    assert_string_equal(url.authority, "h:1");
    assert_string_equal(url.path, "/pAth");
    assert_string_equal(url.options[0].name, "naMe");
    assert_string_equal(url.options[0].value, "vaLue");
    jayi_url_deinit(&url);
}

static void without_memory_nothing_is_left(void **state) {
    (void)state;
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    jayi_url url;
    jay_error error;
    counting_memory_fail(&memory, 1);
    assert_int_equal(jayi_url_init(&url, "m:?a=b", &allocator, &error), JAY_E_NO_MEMORY);
    assert_int_equal(error.code, JAY_E_NO_MEMORY);
    counting_memory_fail(&memory, 2);
    assert_int_equal(jayi_url_init(&url, "m:?a=b", &allocator, &error), JAY_OK);
    jayi_url_deinit(&url);
    jayi_url_deinit(&url); /* ends what has ended: allowed, as for all destructors */
    assert_int_equal(memory.live_blocks, 0);
}

/* Every byte of a URL made every other byte, and every beginning of it: an answer, and no leak. */
static void any_text_gets_an_answer(void **state) {
    (void)state;
    static const char good[] = "mc+x://u:p%40@h:1,[::1]/a%20b?na%6De=v%41&b=2";
    counting_memory memory = {0};
    jay_allocator allocator = counting_allocator(&memory);
    int taken = 0, refused = 0;
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[at] = (char)byte;
            jayi_url url;
            jay_error error = {.code = JAY_OK};
            int status = jayi_url_init(&url, text, &allocator, &error);
            if (status == JAY_OK) {
                taken++;
                assert_true(jayi_scheme_is_valid(url.scheme));
                jayi_url_deinit(&url);
            } else {
                refused++;
                assert_int_equal(status, JAY_E_URL);
                assert_int_equal(error.code, JAY_E_URL);
                assert_true(strlen(error.message) > 0);
            }
        }
    }
    assert_true(taken > 0 && refused > 0);
    assert_int_equal(memory.live_blocks, 0);
    assert_int_equal(memory.misuses, 0);
}

/* URLs that are wrong in some way and hold a password: no message may repeat it. */
static void no_message_holds_a_password(void **state) {
    (void)state;
    static const char *const urls[] = {
        "REDIS://user:secret@host",
        "://user:secret@host",
        "//user:secret@host",
        "user@secret:x",
        "redis://user:secret@host#x",
        "redis://user:se#cret@host/secret",
        "redis://user:secret@host/%",
        "redis://user:secret@host/%zz?password=secret",
        "redis://user:secret@host?bad",
        "redis://user:secret@host?secret",
        "redis://user:secret@host?=secret",
        "redis://user:secret@host?password=secret&password=secret",
        "redis://user:secret@host?password=secret%",
        "redis://user:secret@host?password=%secret",
        "redis://user:secret@host?a=1&a=2",
        "redis://user:secret@host?password%=secret",
    };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        jayi_url url;
        jay_error error;
        assert_int_equal(jayi_url_init(&url, urls[i], &jayi_default_allocator, &error), JAY_E_URL);
        assert_lacks(error.message, "secret");
        assert_lacks(error.message, "cret");
    }
}

static void schemes_are_valid_or_not(void **state) {
    (void)state;
    static const char *const valid[] = {"a",       "memory", "redis+unix",
                                        "a-b.c+9", "z0",     "abcdefghijklmnopqrstuvw"};
    static const char *const invalid[] = {"",    "A",  "aB",        "1a",
                                          "+a",  "-",  ".a",        "a_b",
                                          "a:b", "a ", "a\xc3\xa9", "abcdefghijklmnopqrstuvwx"};
    for (size_t i = 0; i < COUNT_OF(valid); i++) assert_true(jayi_scheme_is_valid(valid[i]));
    for (size_t i = 0; i < COUNT_OF(invalid); i++) assert_false(jayi_scheme_is_valid(invalid[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_come_apart),
        cmocka_unit_test(malformed_urls_are_refused_with_the_fix),
        cmocka_unit_test(long_names_leave_room_for_the_fix),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(the_callers_text_is_copied_and_left_alone),
        cmocka_unit_test(without_memory_nothing_is_left),
        cmocka_unit_test(any_text_gets_an_answer),
        cmocka_unit_test(no_message_holds_a_password),
        cmocka_unit_test(schemes_are_valid_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
