/*
 * test_resp.c - the protocol of Redis as text: commands, replies at every split, and what is none.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "wire/resp.h"

static void commands(void **state) {
    (void)state;
    char out[200], *end = jayi_resp_put_command(out, 4);
    end = JAYI_RESP_PUT(end, "SET");
    end = jayi_resp_put_word(end, "a\r\n$b", 5);
    end = jayi_resp_put_word(end, NULL, 0);
    end = jayi_resp_put_number(end, INT64_MIN);
    const char *wanted =
        "*4\r\n$3\r\nSET\r\n$5\r\na\r\n$b\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n";
    assert_int_equal(end - out, strlen(wanted));
    assert_memory_equal(out, wanted, strlen(wanted));
    end = jayi_resp_put_size(out, SIZE_MAX);
    assert_true(end - out <= JAYI_RESP_HEAD_MAX);
}

/* Words of every length, for they are copied in different ways. */
static void words(void **state) {
    (void)state;
    char word[150], out[200], wanted[200];
    for (size_t i = 0; i < sizeof word; i++) word[i] = (char)('!' + i % 90);
    for (size_t size = 0; size < sizeof word; size++) {
        memset(out, 0, sizeof out);
        char *end = jayi_resp_put_word(out, word, size);
        int wanted_size =
            snprintf(wanted, sizeof wanted, "$%zu\r\n%.*s\r\n", size, (int)size, word);
        assert_int_equal(end - out, wanted_size);
        assert_memory_equal(out, wanted, (size_t)wanted_size + 1);
    }
}

/* Each head is read whole or not at all, whatever follows it. */
static void check(const char *line, enum jayi_resp_type type, int64_t number) {
    jayi_resp_head head;
    char longer[200];
    size_t size = strlen(line);
    for (size_t i = 0; i < size; i++) assert_int_equal(jayi_resp_parse(line, i, &head), 0);
    assert_int_equal(jayi_resp_parse(line, size, &head), size);
    assert_int_equal(head.type, type);
    assert_true(head.number == number);
    assert_true(head.text == line + 1 && head.text_size == size - 3);
    memcpy(longer, line, size);
    memcpy(longer + size, "\r\n+x", 4);
    assert_int_equal(jayi_resp_parse(longer, size + 4, &head), size);
}

static void heads(void **state) {
    (void)state;
    check("+OK\r\n", JAYI_RESP_TEXT, 0);
    check("+\r\n", JAYI_RESP_TEXT, 0);
    check("-ERR no such thing\r\n", JAYI_RESP_ERROR, 0);
    check(":-9223372036854775808\r\n", JAYI_RESP_INTEGER, INT64_MIN);
    check("$0\r\n", JAYI_RESP_STRING, 0);
    check("$4294967296\r\n", JAYI_RESP_STRING, JAYI_RESP_STRING_MAX);
    check("=15\r\n", JAYI_RESP_STRING, 15);
    check("!15\r\n", JAYI_RESP_LONG_ERROR, 15);
    check("$-1\r\n", JAYI_RESP_NULL, 0);
    check("*-1\r\n", JAYI_RESP_NULL, 0);
    check("_\r\n", JAYI_RESP_NULL, 0);
    check("*3\r\n", JAYI_RESP_ARRAY, 3);
    check("~3\r\n", JAYI_RESP_ARRAY, 3);
    check("%3\r\n", JAYI_RESP_ARRAY, 6);
    check(">3\r\n", JAYI_RESP_PUSH, 3);
    check("|3\r\n", JAYI_RESP_ATTRIBUTE, 6);
    check("#t\r\n", JAYI_RESP_OTHER, 0);
    check(",1.5\r\n", JAYI_RESP_OTHER, 0);
    check("(123456789012345678901234567890\r\n", JAYI_RESP_OTHER, 0);
}

static void garbage(void **state) {
    (void)state;
    static const char *const lines[] = {"\r\n",
                                        "HTTP/1.1 400\r\n",
                                        "+OK\n",
                                        "\n",
                                        "+\n",
                                        "+OK\rX$3\r\n",
                                        ":1\r\r\n",
                                        "+OKX\n+OK\r\n",
                                        ":\r\n",
                                        ":x\r\n",
                                        ":1 \r\n",
                                        ":+1\r\n",
                                        ":9223372036854775808\r\n",
                                        "$\r\n",
                                        "$-2\r\n",
                                        "$01\r\n",
                                        "$4294967297\r\n",
                                        "*-2\r\n",
                                        "*268435457\r\n",
                                        "%-1\r\n",
                                        "!-1\r\n",
                                        ">-1\r\n",
                                        "|-1\r\n",
                                        "_x\r\n",
                                        "#\r\n",
                                        "$99999999999999999999\r\n"};
    jayi_resp_head head;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(jayi_resp_parse(lines[i], strlen(lines[i]), &head), -1);
    static char flood[JAYI_RESP_LINE_MAX];
    memset(flood, '+', sizeof flood);
    assert_int_equal(jayi_resp_parse(flood, sizeof flood, &head), -1);
    assert_int_equal(jayi_resp_parse(flood, sizeof flood - 1, &head), 0);
}

/* Walks through a reply; how many bytes it has, or -1. */
static int walk_through(const char *text, size_t size) {
    jayi_resp_walk walk;
    size_t at = 0;
    jayi_resp_walk_begin(&walk, 1);
    while (!jayi_resp_walk_is_over(&walk)) {
        jayi_resp_head head;
        int used = jayi_resp_parse(text + at, size - at, &head);
        if (used <= 0 || !jayi_resp_walk_step(&walk, &head)) return -1;
        at += (size_t)used;
        if (jayi_resp_has_bytes(&head)) at += (size_t)head.number + 2;
        if (at > size) return -1;
    }
    return (int)at;
}

static void nesting(void **state) {
    (void)state;
    static const char *const replies[] = {"+OK\r\n",
                                          "*0\r\n",
                                          "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n",
                                          "%1\r\n+a\r\n*1\r\n*0\r\n",
                                          "|1\r\n+k\r\n+v\r\n:5\r\n",
                                          "*1\r\n|1\r\n+k\r\n+v\r\n:5\r\n",
                                          "$5\r\nhello\r\n",
                                          ">2\r\n+a\r\n$3\r\nabc\r\n$1\r\nx\r\n"};
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        size_t size = strlen(replies[i]);
        char longer[100];
        memcpy(longer, replies[i], size);
        memcpy(longer + size, ":1\r\n", 4);
        assert_int_equal(walk_through(longer, size + 4), size);
        assert_int_equal(jayi_resp_measure(longer, size + 4), size);
        for (size_t part = 0; part < size; part++) {
            assert_int_equal(walk_through(replies[i], part), -1);
            /* Known no later than when it is there, and the same then. */
            int64_t length = jayi_resp_measure(replies[i], part);
            assert_true(length == 0 || length == (int64_t)size);
        }
    }
    for (size_t depth = 1; depth <= 20; depth++) {
        char deep[100];
        for (size_t i = 0; i < depth; i++) memcpy(deep + 4 * i, "*1\r\n", 4);
        memcpy(deep + 4 * depth, ":1\r\n", 4);
        int size = (int)(4 * depth + 4), used = walk_through(deep, (size_t)size);
        assert_int_equal(used, depth <= JAYI_RESP_DEPTH_MAX ? size : -1);
    }
}

static void lengths(void **state) {
    (void)state;
    assert_int_equal(jayi_resp_measure("$100\r\nx", 7), 108);
    static const char *const spoilt[] = {"$4\r\nhello\r\n", "$6\r\nhello\r\n+", "?",
                                         "*1\r\n?",         "$2147483648\r\n",  "+OK\rX+OK\r\n"};
    for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++)
        assert_int_equal(jayi_resp_measure(spoilt[i], strlen(spoilt[i])), -1);
    /* No command on one key is answered with so much. */
    char many[4 * 101 + 8] = "*101\r\n";
    for (size_t i = 0; i < 101; i++) memcpy(many + 6 + 4 * i, ":1\r\n", 4);
    assert_int_equal(jayi_resp_measure(many, 6 + 4 * 101), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands), cmocka_unit_test(words),   cmocka_unit_test(heads),
        cmocka_unit_test(garbage),  cmocka_unit_test(nesting), cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
