/*
 * test_redis_slot.c - slots of keys, as the cluster specification and servers have them, and
 * redirections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/redis_slot.h"

static void slots(void **state) {
    (void)state;
    static const struct {
        const char *key;
        uint16_t slot;
    } rows[] = {{"123456789", 0x31c3},
                {"", 0},
                {"foo", 12182},
                {"{foo}bar", 12182},
                {"a{foo}{bar}", 12182},
                {"user{}", 0},
                {"{}foo", 0},
                {"x{{foo}}", 0},
                {"{foo", 0}};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(jayi_redis_slot(rows[i].key, strlen(rows[i].key)), rows[i].slot);
    /* A tag that is empty, or that does not end, is none. */
    assert_int_not_equal(jayi_redis_slot("{}foo", 5), jayi_redis_slot("{}bar", 5));
    assert_int_not_equal(jayi_redis_slot("{foo", 4), jayi_redis_slot("foo", 3));
    /* The first '{' and the first '}' behind it count: the tag here is "{foo". */
    assert_int_equal(jayi_redis_slot("x{{foo}}", 8), jayi_redis_slot("{foo", 4));
    /* Any byte may be in a key. */
    assert_int_equal(jayi_redis_slot("\0{\0}\xff", 5), jayi_redis_slot("\0", 1));
}

static void places(void **state) {
    (void)state;
    jayi_redis_place place;
    static const struct {
        const char *text, *host;
        uint16_t slot, port;
    } good[] = {{"MOVED 3999 127.0.0.1:6381", "127.0.0.1", 3999, 6381},
                {"ASK 16383 host.example:1", "host.example", 16383, 1},
                {"MOVED 0 ::1:65535", "::1", 0, 65535},
                {"MOVED 7 :6379", "", 7, 6379},
                {"MOVED 7 h:6379 ignored words", "h", 7, 6379}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(jayi_redis_place_parse(good[i].text, strlen(good[i].text), &place));
        assert_int_equal(place.slot, good[i].slot);
        assert_int_equal(place.port, good[i].port);
        assert_int_equal(place.host_size, strlen(good[i].host));
        assert_memory_equal(place.host, good[i].host, place.host_size);
    }
    static const char *const bad[] = {
        "MOVED",           "MOVED 1",         "MOVED 1 h",       "MOVED x h:1",
        "MOVED 16384 h:1", "MOVED -1 h:1",    "MOVED 1 h:0",     "MOVED 1 h:65536",
        "MOVED 1 h:",      "MOVED  1 h:6379", "MOVED 1 h:6379x", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (jayi_redis_place_parse(bad[i], strlen(bad[i]), &place)) fail_msg("'%s'", bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(slots), cmocka_unit_test(places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
