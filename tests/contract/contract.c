/*
 * contract.c - the program contract_suite: runs every test on every URL given.
 *
 *     contract_suite [--long] [--only PATTERN] URL...
 *
 * A URL must name an empty cache that nobody else uses, with room for 500 entries and, where the
 * backend can, 64 MiB; each test empties it. Exit status: 0 when no test failed, 1 when one did, 2
 * for wrong usage. Skips are counted and printed with their reasons.
 */
#include "contract.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_backends.h"

#define MAX_TESTS 64
#define MAX_SKIPS 1024

extern const contract_theme values, views, expiry, conditions, counters, batches, limits, inside,
    prefixes, options, arguments, threads, allocation, forking, nothing, texts;

static const contract_theme *const themes[] = {
    &texts,  &values,   &views,   &expiry,    &conditions, &counters,   &batches, &limits,
    &inside, &prefixes, &options, &arguments, &nothing,    &allocation, &threads, &forking,
};

#define THEME_COUNT (sizeof themes / sizeof themes[0])

/* What cmocka hands to a test. */
typedef struct contract_case {
    contract *c;
    const contract_test *test;
} contract_case;

static struct {
    const char *url;
    const char *test;
    const char *reason;
} skips[MAX_SKIPS];
static size_t skip_count;
static size_t run_count;

/* ---- one test ---- */

static const char *missing_need(uint32_t missing) {
#define CONTRACT_NEED_REASON(name, bit, why) \
    if ((missing & NEED_##name) != 0) return why;
    CONTRACT_NEEDS_MAP(CONTRACT_NEED_REASON)
#undef CONTRACT_NEED_REASON
    return NULL;
}

static void skip_test(const contract_case *test_case, const char *reason) {
    if (skip_count < MAX_SKIPS) {
        skips[skip_count].url = test_case->c->url;
        skips[skip_count].test = test_case->test->name;
        skips[skip_count].reason = reason;
    }
    skip_count++;
    skip();
}

/*
 * Memory that a failed test leaves behind is never freed, so that whatever it left open does not
 * disturb the next test.
 */
static void run_case(void **state) {
    const contract_case *test_case = *state;
    contract *c = test_case->c;
    uint32_t missing = test_case->test->needs & ~c->facts.has;
    if (missing != 0) skip_test(test_case, missing_need(missing));
    run_count++;

    c->memory = calloc(1, sizeof *c->memory);
    if (c->memory == NULL) fail_msg("out of memory");
    c->log_lines = 0;
    EXPECT_PLAIN(JAY_OK, contract_options_create(c, &c->options));
    contract_forget(c);
    c->cache = contract_open(c, "");
    test_case->test->run(c);
    contract_close(c->cache);
    contract_forget(c);
    jay_options_destroy(c->options);
    if (c->memory->live_blocks != 0 || c->memory->misuses != 0) {
        fail_msg("after closing, %" PRId64 " blocks are left of the allocator's memory, "
                 "and it was misused %" PRId64 " times (foreign or double frees, 0 bytes)",
                 c->memory->live_blocks, c->memory->misuses);
    }
    free(c->memory);
}

/* ---- all tests of one URL ---- */

static int run_theme(contract *c, const contract_theme *theme) {
    struct CMUnitTest units[MAX_TESTS];
    contract_case cases[MAX_TESTS];
    size_t count = theme->count < MAX_TESTS ? theme->count : MAX_TESTS;
    for (size_t i = 0; i < count; i++) {
        cases[i] = (contract_case){c, &theme->tests[i]};
        units[i] = (struct CMUnitTest){
            .name = theme->tests[i].name, .test_func = run_case, .initial_state = &cases[i]};
    }
    char name[256];
    snprintf(name, sizeof name, "%s %s", c->url, theme->name);
    return _cmocka_run_group_tests(name, units, count, NULL, NULL);
}

static int run_url(const char *url, bool is_long) {
    contract c = {.url = url, .is_long = is_long};
    size_t size = strcspn(url, ":");
    if (size >= sizeof c.scheme) size = sizeof c.scheme - 1;
    memcpy(c.scheme, url, size);
    const contract_facts *facts = contract_facts_of(c.scheme);
    if (facts == NULL) {
        print_error("%s: no facts are known about %s:; add a row to facts.c\n", url, c.scheme);
        return 1;
    }
    c.facts = *facts;
    int failed = 0;
    for (size_t i = 0; i < THEME_COUNT; i++) failed += run_theme(&c, themes[i]);
    return failed;
}

static int usage(void) {
    fputs("usage: contract_suite [--long] [--only PATTERN] URL...\n"
          "  --long          more rounds of the tests that look for races\n"
          "  --only PATTERN  only the tests whose name matches; * and ? are wildcards\n",
          stderr);
    return 2;
}

static void print_summary(int failed, int urls) {
    printf("\ncontract: %zu tests run on %d URLs, %d failed, %zu skipped\n", run_count, urls,
           failed, skip_count);
    for (size_t i = 0; i < skip_count && i < MAX_SKIPS; i++)
        printf("  skipped  %-24s %-28s %s\n", skips[i].url, skips[i].test, skips[i].reason);
}

int main(int argc, char **argv) {
    bool is_long = false;
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        if (strcmp(argv[first], "--long") == 0) {
            is_long = true;
        } else if (strcmp(argv[first], "--only") == 0 && first + 1 < argc) {
            cmocka_set_test_filter(argv[++first]);
        } else {
            return usage();
        }
    }
    if (first == argc) return usage();
    int failed = 0;
    for (int i = first; i < argc; i++) failed += run_url(argv[i], is_long);
    print_summary(failed, argc - first);
    fflush(stdout); /* a leak checker may end the process before the C library does it */
    return failed != 0;
}
