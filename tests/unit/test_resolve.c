/*
 * test_resolve.c - one value for each option, out of defaults, the program's and the URL's.
 */
#include "unit.h"

#include <stdio.h>

#include "core/options.h"
#include "core/registry.h"
#include "probe_backend.h"
#include "util/memory.h"

static jay_option_value values[JAYI_CORE_OPTION_COUNT + PROBE_OPTION_COUNT];
static jay_error error;
static jayi_url parsed;
static jay_options *options;

/* The probe's own option, behind the core's. */
#define VALUE(index) values[JAYI_CORE_OPTION_COUNT + (index)]

static int set_up(void **state) {
    (void)state;
    probe_reset();
    parsed.text = NULL;
    parsed.allocator = &jayi_default_allocator;
    return jay_options_create(NULL, &options);
}

static int tear_down(void **state) {
    (void)state;
    jayi_url_deinit(&parsed);
    jay_options_destroy(options);
    return 0;
}

/* Resolves the options of the set, and of a query like "count=5". */
static int resolve(const char *query) {
    char url[3000];
    snprintf(url, sizeof url, "probe:?%s", query);
    jayi_url_deinit(&parsed);
    assert_int_equal(jayi_url_init(&parsed, url, &jayi_default_allocator, NULL), JAY_OK);
    memset(values, 0x5a, sizeof values);
    unit_unset(&error);
    int status = jayi_resolve_options(&probe.ops, options, &parsed, values, &error);
    if (status == JAY_OK) assert_true(unit_is_unset(&error));
    if (status != JAY_OK) assert_int_equal(error.code, status);
    return status;
}

static void defaults_are_those_of_the_table(void **state) {
    (void)state;
    assert_int_equal(resolve(""), JAY_OK);
    assert_string_equal(values[JAYI_OPTION_PREFIX].text, "");
    assert_int_equal(values[JAYI_OPTION_DEFAULT_TTL].number, 300000);
    assert_int_equal(VALUE(PROBE_COUNT).number, 7);
    assert_int_equal(VALUE(PROBE_ROOM).number, 1048576);
    assert_int_equal(VALUE(PROBE_PATIENCE).number, 5000);
    assert_int_equal(VALUE(PROBE_EAGER).number, 0);
    assert_int_equal(VALUE(PROBE_MODE).number, 0600);
    assert_string_equal(VALUE(PROBE_LABEL).text, "none");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_int_equal(values[i].is_given, 0);
        assert_non_null(values[i].text);
    }
}

static void every_type_is_read_from_the_url(void **state) {
    (void)state;
    assert_int_equal(resolve("prefix=site%3A&default_ttl=1h&count=-3&room=2k&patience=250ms"
                             "&eager=yes&mode=0640&label=a%26b"),
                     JAY_OK);
    assert_string_equal(values[JAYI_OPTION_PREFIX].text, "site:");
    assert_int_equal(values[JAYI_OPTION_DEFAULT_TTL].number, 3600000);
    assert_int_equal(VALUE(PROBE_COUNT).number, -3);
    assert_int_equal(VALUE(PROBE_ROOM).number, 2048);
    assert_int_equal(VALUE(PROBE_PATIENCE).number, 250);
    assert_int_equal(VALUE(PROBE_EAGER).number, 1);
    assert_int_equal(VALUE(PROBE_MODE).number, 0640);
    assert_string_equal(VALUE(PROBE_LABEL).text, "a&b");
    for (size_t i = 0; i < COUNT_OF(values); i++) assert_int_equal(values[i].is_given, 1);
}

static void every_type_is_taken_from_the_program(void **state) {
    (void)state;
    jay_options_set_text(options, "prefix", "100%20:"); /* as it stands: not decoded */
    jay_options_set_int(options, "default_ttl", 1500);
    jay_options_set_int(options, "count", -3);
    jay_options_set_text(options, "room", "2k");
    jay_options_set_text(options, "patience", "250ms");
    jay_options_set_int(options, "eager", 1);
    jay_options_set_int(options, "mode", 0640);
    jay_options_set_text(options, "label", "title");
    assert_int_equal(resolve(""), JAY_OK);
    assert_string_equal(values[JAYI_OPTION_PREFIX].text, "100%20:");
    assert_int_equal(values[JAYI_OPTION_DEFAULT_TTL].number, 1500);
    assert_int_equal(VALUE(PROBE_COUNT).number, -3);
    assert_int_equal(VALUE(PROBE_ROOM).number, 2048);
    assert_int_equal(VALUE(PROBE_PATIENCE).number, 250);
    assert_int_equal(VALUE(PROBE_EAGER).number, 1);
    assert_int_equal(VALUE(PROBE_MODE).number, 0640);
    assert_string_equal(VALUE(PROBE_LABEL).text, "title");
    for (size_t i = 0; i < COUNT_OF(values); i++) assert_int_equal(values[i].is_given, 1);
}

static void the_url_overrules_the_program(void **state) {
    (void)state;
    jay_options_set_int(options, "count", 20);
    jay_options_set_int(options, "room", 4096);
    jay_options_set_text(options, "label", "program");
    assert_int_equal(resolve("count=30&label=url"), JAY_OK);
    assert_int_equal(VALUE(PROBE_COUNT).number, 30);
    assert_int_equal(VALUE(PROBE_ROOM).number, 4096);
    assert_string_equal(VALUE(PROBE_LABEL).text, "url");
    assert_int_equal(VALUE(PROBE_COUNT).is_given, 1);
    assert_int_equal(VALUE(PROBE_ROOM).is_given, 1);
    assert_int_equal(VALUE(PROBE_MODE).is_given, 0);
}

/* Given is given, also when it is what the default would have been. */
static void a_given_default_is_given(void **state) {
    (void)state;
    assert_int_equal(resolve("count=7"), JAY_OK);
    assert_int_equal(VALUE(PROBE_COUNT).number, 7);
    assert_int_equal(VALUE(PROBE_COUNT).is_given, 1);
}

static void bounds_are_inclusive(void **state) {
    (void)state;
    static const char *const good[] = {"count=-10",     "count=100",
                                       "room=1k",       "room=1024",
                                       "room=1g",       "patience=1ms",
                                       "patience=60s",  "patience=1m",
                                       "mode=0",        "mode=777",
                                       "label=ab",      "label=123456789012",
                                       "default_ttl=0", "default_ttl=31556952000000ms"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (resolve(good[i]) != JAY_OK) fail_msg("%s: %s", good[i], error.message);
    }
}

static void values_out_of_bounds_get_the_bounds(void **state) {
    (void)state;
    static const struct {
        const char *query, *message;
    } cases[] = {
        {"count=101", "option 'count' is 101; it must be -10 to 100"},
        {"count=-11", "option 'count' is -11; it must be -10 to 100"},
        {"count=9223372036854775807", "it must be -10 to 100"},
        {"room=1023", "option 'room' is 1023; it must be 1k to 1g"},
        {"room=2t", "option 'room' is 2t; it must be 1k to 1g"},
        {"room=-1m", "option 'room' is -1m; it must be 1k to 1g"},
        {"patience=0", "option 'patience' is 0; it must be 1ms to 1m"},
        {"patience=60001ms", "option 'patience' is 60001ms; it must be 1ms to 1m"},
        {"mode=1000", "option 'mode' is 01000; it must be 00 to 0777"},
        {"label=a", "option 'label' has 1 bytes; it must have 2 to 12"},
        {"label=", "option 'label' has 0 bytes; it must have 2 to 12"},
        {"label=1234567890123", "option 'label' has 13 bytes; it must have 2 to 12"},
        {"default_ttl=-1s", "option 'default_ttl' is -1s; it must be 0 to "},
        {"default_ttl=31556952000001ms", "option 'default_ttl' is 31556952000001ms"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(resolve(cases[i].query), JAY_E_OPTION_VALUE);
        assert_holds(error.message, cases[i].message);
    }
}

static void malformed_values_get_their_form(void **state) {
    (void)state;
    static const struct {
        const char *query, *message;
    } cases[] = {
        {"count=many", "option 'count' is 'many'; it must be a whole number"},
        {"count=", "option 'count' is ''; it must be a whole number"},
        {"count=99999999999999999999", "it must be a whole number, from "},
        {"count=5k", "it must be a whole number"},
        {"room=64mb", "option 'room' is '64mb'; it must be a size like"},
        {"room=9223372036854775807t", "it must be a size like"},
        {"patience=300", "option 'patience' is '300'; it must be a duration with its unit"},
        {"eager=maybe", "option 'eager' is 'maybe'; it must be yes or no"},
        {"mode=0888", "option 'mode' is '0888'; it must be octal permissions like 0600"},
        {"default_ttl=300", "option 'default_ttl' is '300'; it must be a duration with its unit"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(resolve(cases[i].query), JAY_E_OPTION_VALUE);
        assert_holds(error.message, cases[i].message);
    }
}

static void the_programs_values_are_checked_alike(void **state) {
    (void)state;
    jay_options_set_int(options, "count", 101);
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "option 'count' is 101; it must be -10 to 100");
    jay_options_set_int(options, "count", INT64_MIN);
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "it must be -10 to 100");
    jay_options_set_text(options, "count", "5 ");
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "it must be a whole number");
    jay_options_set_int(options, "count", 5);
    jay_options_set_int(options, "eager", 2);
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "option 'eager' is 2; it must be 0 to 1");
    jay_options_set_int(options, "eager", 1);
    jay_options_set_int(options, "label", 5);
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "option 'label' is a text; set it with jay_options_set_text");
    jay_options_set_text(options, "label", "good");
    assert_int_equal(resolve(""), JAY_OK);
}

static void prefixes_have_a_limit(void **state) {
    (void)state;
    char prefix[JAY_PREFIX_MAX_BYTES + 2];
    memset(prefix, 'p', sizeof prefix);
    prefix[JAY_PREFIX_MAX_BYTES] = '\0';
    jay_options_set_text(options, "prefix", prefix);
    assert_int_equal(resolve(""), JAY_OK);
    prefix[JAY_PREFIX_MAX_BYTES] = 'p';
    prefix[JAY_PREFIX_MAX_BYTES + 1] = '\0';
    jay_options_set_text(options, "prefix", prefix);
    assert_int_equal(resolve(""), JAY_E_OPTION_VALUE);
    assert_holds(error.message, "option 'prefix' has 1025 bytes; it must have 0 to 1024");
}

static void unknown_names_get_the_nearest(void **state) {
    (void)state;
    static const struct {
        const char *name, *nearest;
    } cases[] = {
        {"cuont", "count"},
        {"COUNT", "count"},
        {"rom", "room"},
        {"patient", "patience"},
        {"lable", "label"},
        {"Prefix", "prefix"},
        {"default-ttl", "default_ttl"},
        /* Names of the same thing elsewhere. */
        {"number", "count"},
        {"capacity", "room"},
        {"spcae", "room"},
        {"permission", "mode"},
        {"title", "label"},
        {"key_prefix", "prefix"},
        {"namespace", "prefix"},
        {"default_timeout", "default_ttl"},
        {"timeout", "default_ttl"},
        {"ttl", "default_ttl"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char wanted[160], query[64];
        snprintf(query, sizeof query, "%s=1", cases[i].name);
        snprintf(wanted, sizeof wanted, "probe: has no option '%s'; did you mean '%s' (",
                 cases[i].name, cases[i].nearest);
        assert_int_equal(resolve(query), JAY_E_OPTION);
        assert_holds(error.message, wanted);
    }
}

static void unknown_names_of_the_program_are_refused_too(void **state) {
    (void)state;
    jay_options_set_int(options, "cuont", 5);
    assert_int_equal(resolve(""), JAY_E_OPTION);
    assert_holds(error.message, "did you mean 'count' (how many there are)?");
}

static void a_long_unknown_name_leaves_room_for_the_options(void **state) {
    (void)state;
    char query[2100];
    memset(query, 'n', 2000);
    memcpy(query + 2000, "=1", 3);
    assert_int_equal(resolve(query), JAY_E_OPTION);
    assert_holds(error.message, "nn'; it has prefix, default_ttl, ");
}

static void a_name_like_no_option_is_told_all_of_them(void **state) {
    (void)state;
    assert_int_equal(resolve("servers=1"), JAY_E_OPTION);
    assert_holds(error.message, "probe: has no option 'servers'; it has prefix, default_ttl, ");
    assert_holds(error.message, " and ");
}

/* A message is one line, whatever the URL holds. */
static void control_bytes_do_not_reach_messages(void **state) {
    (void)state;
    static const char *const queries[] = {"cou%0Ant=5", "count=%0A5", "count=5%0D", "c%1B[2J=1"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        assert_true(resolve(queries[i]) < 0);
        for (const char *c = error.message; *c != '\0'; c++) {
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                fail_msg("the message for %s holds byte %d", queries[i], *c);
        }
    }
}

/* Values of unknown options may be passwords, wherever they were meant to go. */
static void values_of_unknown_options_are_not_repeated(void **state) {
    (void)state;
    assert_int_equal(resolve("pasword=secret"), JAY_E_OPTION);
    assert_lacks(error.message, "secret");
    jay_options_set_text(options, "pasword", "secret");
    assert_int_equal(resolve(""), JAY_E_OPTION);
    assert_lacks(error.message, "secret");
    jay_options_set_text(options, "pasword", "x");
    assert_int_equal(resolve("label=secret-secret-secret"), JAY_E_OPTION);
    assert_lacks(error.message, "secret");
}

/* A text that is out of its bounds may be a password: its size is said, not the text. */
static void texts_are_not_repeated(void **state) {
    (void)state;
    assert_int_equal(resolve("label=secret-secret-secret"), JAY_E_OPTION_VALUE);
    assert_lacks(error.message, "secret");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_table),
        TEST(every_type_is_read_from_the_url),
        TEST(every_type_is_taken_from_the_program),
        TEST(the_url_overrules_the_program),
        TEST(a_given_default_is_given),
        TEST(bounds_are_inclusive),
        TEST(values_out_of_bounds_get_the_bounds),
        TEST(malformed_values_get_their_form),
        TEST(the_programs_values_are_checked_alike),
        TEST(prefixes_have_a_limit),
        TEST(unknown_names_get_the_nearest),
        TEST(unknown_names_of_the_program_are_refused_too),
        TEST(a_long_unknown_name_leaves_room_for_the_options),
        TEST(a_name_like_no_option_is_told_all_of_them),
        TEST(control_bytes_do_not_reach_messages),
        TEST(values_of_unknown_options_are_not_repeated),
        TEST(texts_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
