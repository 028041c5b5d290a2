/*
 * test_memcached_meta.c - the protocol as text: no key can break a command, replies are read at
 * every split, and what is no reply is refused.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "wire/memcached_meta.h"

/* ---- keys ---- */

static void check_line(const char *line, size_t size) {
    assert_true(size >= 4 && size <= JAYI_MC_LINE_MAX);
    assert_memory_equal(line + size - 2, "\r\n", 2);
    for (size_t i = 0; i < size - 2; i++)
        assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
}

/* Every command of a key is one line, in which the key is one word of at most 250 bytes. */
static void check_key(const void *raw, size_t size, bool is_base64, bool is_hashed) {
    jayi_mc_key key;
    char line[JAYI_MC_LINE_MAX];
    jayi_mc_key_encode(raw, size, &key);
    assert_int_equal(key.is_base64, is_base64);
    assert_int_equal(key.is_hashed, is_hashed);
    assert_true(key.size >= 1 && key.size <= JAYI_MC_KEY_MAX);
    assert_null(memchr(key.text, ' ', key.size));
    jayi_mc_store store = {.value_size = UINT32_MAX,
                           .exptime = INT32_MAX,
                           .cas = UINT64_MAX,
                           .flags = UINT32_MAX,
                           .mode = JAYI_MC_CAS};
    check_line(line, jayi_mc_compose_get(line, &key, " v f c t"));
    check_line(line, jayi_mc_compose_touch(line, &key, INT32_MAX));
    check_line(line, jayi_mc_compose_store(line, &key, &store));
    check_line(line, jayi_mc_compose_delete(line, &key, UINT64_MAX));
    check_line(line, jayi_mc_compose_add(line, &key, INT64_MIN, UINT64_MAX));
}

static void keys_are_one_word(void **state) {
    (void)state;
    char key[1000];
    check_key("plain!", 6, false, false);
    check_key("a b", 3, true, false);
    check_key("a\r\nflush_all\r\n", 14, true, false);
    check_key("a\nb", 3, true, false);
    check_key("\0", 1, true, true);
    check_key("a\0b", 3, true, false);
    check_key("\x7f", 1, true, false);
    check_key("\xff\xfe", 2, false, false);
    memset(key, 'k', sizeof key);
    for (size_t size = 1; size <= sizeof key; size++) check_key(key, size, size > 250, size > 250);
    key[0] = ' ';
    for (size_t size = 1; size <= sizeof key; size++) check_key(key, size, true, size > 186);
    for (int byte = 0; byte < 256; byte++) {
        char one[3] = {'a', (char)byte, 'b'};
        bool is_plain = byte > ' ' && byte != 0x7f;
        check_key(one, 3, !is_plain, false);
        for (size_t at = 1; at < 20; at++) {
            char many[20] = "~!x\xff"
                            "abcdefghijklmno";
            many[19] = 'p';
            many[at] = (char)byte;
            check_key(many, sizeof many, !is_plain, false);
        }
    }
}

static void keys_differ(void **state) {
    (void)state;
    jayi_mc_key a, b;
    /* What a key is encoded to is itself a key, of another form. */
    jayi_mc_key_encode("a b", 3, &a);
    jayi_mc_key_encode(a.text, a.size, &b);
    assert_true(a.is_base64 && !b.is_base64);
    char hashed[34] = "\0k";
    jayi_mc_key_encode(hashed, sizeof hashed, &a);
    assert_true(a.is_hashed);
    jayi_mc_key_encode_own('g', "x", 1, &a);
    jayi_mc_key_encode_own('p', "x", 1, &b);
    assert_true(a.size == b.size && memcmp(a.text, b.text, a.size) != 0);
}

static void base64_is_the_standard(void **state) {
    (void)state;
    static const struct {
        const char *raw, *encoded;
    } cases[] = {{" ", "IA=="}, {" f", "IGY="}, {" fo", "IGZv"}, {" \xff\xfe\xfd", "IP/+/Q=="}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        jayi_mc_key key;
        jayi_mc_key_encode(cases[i].raw, strlen(cases[i].raw), &key);
        assert_int_equal(key.size, strlen(cases[i].encoded));
        assert_memory_equal(key.text, cases[i].encoded, key.size);
    }
}

static void commands(void **state) {
    (void)state;
    char line[JAYI_MC_LINE_MAX + 1];
    jayi_mc_key key;
    jayi_mc_store store = {.value_size = 5, .exptime = 60, .flags = 7, .mode = JAYI_MC_ADD};
    jayi_mc_key_encode("k", 1, &key);
    line[jayi_mc_compose_get(line, &key, " v f")] = '\0';
    assert_string_equal(line, "mg k v f\r\n");
    line[jayi_mc_compose_touch(line, &key, 60)] = '\0';
    assert_string_equal(line, "mg k T60 f\r\n");
    line[jayi_mc_compose_store(line, &key, &store)] = '\0';
    assert_string_equal(line, "ms k 5 T60 F7 ME\r\n");
    store = (jayi_mc_store){.mode = JAYI_MC_CAS, .cas = 9};
    line[jayi_mc_compose_store(line, &key, &store)] = '\0';
    assert_string_equal(line, "ms k 0 C9\r\n");
    line[jayi_mc_compose_delete(line, &key, 0)] = '\0';
    assert_string_equal(line, "md k\r\n");
    line[jayi_mc_compose_add(line, &key, INT64_MIN, 3)] = '\0';
    assert_string_equal(line, "ma k C3 MD D9223372036854775808 v\r\n");
    jayi_mc_key_encode("k k", 3, &key);
    line[jayi_mc_compose_delete(line, &key, 4)] = '\0';
    assert_string_equal(line, "md ayBr C4 b\r\n");
}

/* ---- replies ---- */

static void check_reply(const char *line, enum jayi_mc_code code, uint64_t value_size,
                        uint32_t flags, uint64_t cas, int64_t ttl_s) {
    char bytes[300];
    jayi_mc_reply reply;
    size_t size = strlen(line);
    /* Nothing is known before the line is whole, and nothing behind it matters. */
    for (size_t cut = 0; cut < size; cut++) assert_int_equal(jayi_mc_parse(line, cut, &reply), 0);
    assert_int_equal(jayi_mc_parse(line, size, &reply), size);
    snprintf(bytes, sizeof bytes, "%sHD\r\n", line);
    assert_int_equal(jayi_mc_parse(bytes, strlen(bytes), &reply), size);
    assert_int_equal(reply.code, code);
    assert_int_equal(reply.value_size, value_size);
    assert_int_equal(reply.flags, flags);
    assert_int_equal(reply.cas, cas);
    assert_int_equal(reply.ttl_s, ttl_s);
}

static void replies(void **state) {
    (void)state;
    check_reply("HD\r\n", JAYI_MC_HD, 0, 0, 0, -1);
    check_reply("HD t20 f3\r\n", JAYI_MC_HD, 0, 3, 0, 20);
    check_reply("VA 5 f7 c9 t-1\r\n", JAYI_MC_VA, 5, 7, 9, -1);
    check_reply("VA 0\r\n", JAYI_MC_VA, 0, 0, 0, -1);
    check_reply("VA 18446744073709551615 c18446744073709551615 W Z Oxyz\r\n", JAYI_MC_VA,
                UINT64_MAX, 0, UINT64_MAX, -1);
    check_reply("EN\r\n", JAYI_MC_EN, 0, 0, 0, -1);
    check_reply("NF \r\n", JAYI_MC_NF, 0, 0, 0, -1);
    check_reply("VALUE key 7 5 9\r\n", JAYI_MC_VALUE, 5, 7, 9, -1);
    check_reply("VALUE key 7 5\r\n", JAYI_MC_VALUE, 5, 7, 0, -1);
    check_reply("END\r\n", JAYI_MC_END, 0, 0, 0, -1);
    check_reply("SERVER_ERROR out of memory\r\n", JAYI_MC_SERVER_ERROR, 0, 0, 0, -1);
}

/* The short way takes the VALUE of its key alone, with all of its numbers, and never too early. */
static void found_values(void **state) {
    (void)state;
    static const char rest[] = "0123456789012345678901234567890123456789";
    static const struct {
        const char *line;
        bool is_it;
    } lines[] = {{"VALUE key 0 1024 77\r\n", true},
                 {"VALUE key 999999999 999999999 9999999999999999999\r\n", true},
                 {"VALUE key 4294967295 1 18446744073709551615\r\n", false},
                 {"VALUE key 0 1024\r\n", false},
                 {"VALUE key 0 1024 \r\n", false},
                 {"VALUE key 0  1024 7\r\n", false},
                 {"VALUE key 0 1024 7\n\r", false},
                 {"VALUE key 0 -1 7\r\n", false},
                 {"VALUE kez 0 1 7\r\n", false},
                 {"VALUE keyy 0 1 7\r\n", false},
                 {"VA 1 key 0 1 7\r\n", false}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char data[160];
        jayi_mc_reply reply, slow;
        int size = (int)strlen(lines[i].line);
        snprintf(data, sizeof data, "%s%s", lines[i].line, rest);
        int used = jayi_mc_parse_found(data, strlen(data), "key", 3, &reply);
        assert_int_equal(used, lines[i].is_it ? size : 0);
        if (used == 0) continue;
        assert_int_equal(jayi_mc_parse(data, strlen(data), &slow), size);
        assert_int_equal(reply.code, slow.code);
        assert_int_equal(reply.flags, slow.flags);
        assert_int_equal(reply.value_size, slow.value_size);
        assert_true(reply.cas == slow.cas && reply.has_value);
        for (int cut = 0; cut < size; cut++)
            assert_int_equal(jayi_mc_parse_found(data, (size_t)cut, "key", 3, &reply), 0);
    }
}

static void garbage(void **state) {
    (void)state;
    static const char *const lines[] = {"\r\n",
                                        "\n",
                                        "HD\n",
                                        "HDX\r\n",
                                        "hd\r\n",
                                        "VA\r\n",
                                        "VA \r\n",
                                        "VA x\r\n",
                                        "VA -1\r\n",
                                        "VA 5x\r\n",
                                        "VA 5 fx\r\n",
                                        "VA 5 f4294967296\r\n",
                                        "VA 5 t-2\r\n",
                                        "VA 18446744073709551616\r\n",
                                        "VALUE\r\n",
                                        "VALUE k\r\n",
                                        "VALUE k 1\r\n",
                                        "VALUE  1 1\r\n",
                                        "VALUE k 1 x\r\n",
                                        "VALUE k 1 2 3 4\r\n",
                                        "HTTP/1.1 400 Bad Request\r\n"};
    jayi_mc_reply reply;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(jayi_mc_parse(lines[i], strlen(lines[i]), &reply), -1);
    char flood[JAYI_MC_REPLY_MAX];
    memset(flood, 'x', sizeof flood);
    assert_int_equal(jayi_mc_parse(flood, sizeof flood, &reply), -1);
    assert_int_equal(jayi_mc_parse(flood, sizeof flood - 1, &reply), 0);
}

static void measures_replies(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t length;
    } rows[] = {{"HD\r\n", 4},
                {"HD\r\nEN\r\n", 4},
                {"EN\r", 0},
                {"", 0},
                {"VA 3 f0\r\nabc\r\n", 14},
                {"VA 3 f0\r\nabc\r\nHD\r\n", 14},
                {"VA 3 f0\r\na", 14},
                {"VA 3 f0\r\n", 14},
                {"VA 3 f0\r", 0},
                {"VA 3 f0\r\nabcd\r\n", -1},
                {"VA 3000000000\r\n", -1},
                {"nonsense\r\n", -1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(jayi_mc_measure(rows[i].text, strlen(rows[i].text)), rows[i].length);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_replies), cmocka_unit_test(keys_are_one_word),
        cmocka_unit_test(keys_differ),      cmocka_unit_test(base64_is_the_standard),
        cmocka_unit_test(commands),         cmocka_unit_test(replies),
        cmocka_unit_test(found_values),     cmocka_unit_test(garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
