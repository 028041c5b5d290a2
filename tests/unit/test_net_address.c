/*
 * test_net_address.c - lists of servers, right and wrong.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "net/net_address.h"
#include "util/memory.h"

static void check(const char *text, size_t index, const char *host, unsigned port,
                  unsigned weight) {
    jayi_address *list = NULL;
    size_t count = 0;
    assert_int_equal(
        jayi_addresses_parse(text, 11211, &jayi_default_allocator, &list, &count, NULL), JAY_OK);
    assert_true(index < count);
    assert_string_equal(list[index].host, host);
    assert_int_equal(list[index].port, port);
    assert_int_equal(list[index].weight, weight);
    assert_int_equal(list[index].is_unix, host[0] == '/');
    jayi_free(&jayi_default_allocator, list);
}

static void good_lists(void **state) {
    (void)state;
    check("a", 0, "a", 11211, 1);
    check("a:1*2,b", 0, "a", 1, 2);
    check("a:1*2,b", 1, "b", 11211, 1);
    check("[::1]:65535,[fe80::1]", 0, "::1", 65535, 1);
    check("[::1]:65535,[fe80::1]", 1, "fe80::1", 11211, 1);
    check("a,/run/x.sock*1000", 1, "/run/x.sock", 0, 1000);
    check("10.0.0.1:11212", 0, "10.0.0.1", 11212, 1);
}

static void bad_lists(void **state) {
    (void)state;
    static const char *const lists[] = {"",        ",",    "a,",     ":1",  "a:",   "a:0",    "a:x",
                                        "a:65536", "a*0",  "a*1001", "a*",  "[::1", "[::1]x", "::1",
                                        "a:1:2",   "a:-1", "a*2*3",  "a/b", "u@a",  "a b"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        jayi_address *list = NULL;
        size_t count = 0;
        jay_error error;
        assert_int_equal(
            jayi_addresses_parse(lists[i], 11211, &jayi_default_allocator, &list, &count, &error),
            JAY_E_URL);
        assert_null(list);
        assert_true(error.message[0] != '\0');
    }
}

static void texts(void **state) {
    (void)state;
    char text[64];
    jayi_address address = {.host = "::1", .port = 1};
    assert_string_equal(jayi_address_text(&address, text, sizeof text), "[::1]:1");
    address.host = "a";
    assert_string_equal(jayi_address_text(&address, text, sizeof text), "a:1");
    address = (jayi_address){.host = "/run/x", .is_unix = true};
    assert_string_equal(jayi_address_text(&address, text, sizeof text), "/run/x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lists),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
