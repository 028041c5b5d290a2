/*
 * test_memcached_text.c - the classic commands: no key can break one, replies are read at every
 * split, and what is no reply to a classic command is refused.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "wire/memcached_text.h"

#define HASHED_BYTES (4 + 1 + 64)

/* ---- keys ---- */

static void check_line(const char *line, size_t size) {
    assert_in_range(size, 4, JAYI_MC_LINE_MAX);
    assert_memory_equal(line + size - 2, "\r\n", 2);
    for (size_t i = 0; i < size - 2; i++)
        assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
}

/* Every command of a key is one line, in which the key is one word of at most 250 bytes. */
static void check_key(const void *raw, size_t size, bool is_hashed) {
    jayi_mc_key key;
    char line[JAYI_MC_LINE_MAX];
    jayi_mc_text_key_encode(raw, size, &key);
    assert_int_equal(key.is_hashed, is_hashed);
    assert_false(key.is_base64);
    assert_int_equal(key.size, is_hashed ? HASHED_BYTES : size);
    assert_null(memchr(key.text, ' ', key.size));
    jayi_mc_store store = {.value_size = UINT32_MAX,
                           .exptime = INT32_MAX,
                           .cas = UINT64_MAX,
                           .flags = UINT32_MAX,
                           .mode = JAYI_MC_CAS};
    check_line(line, jayi_mc_text_compose_get(line, &key));
    check_line(line, jayi_mc_text_compose_store(line, &key, &store));
    check_line(line, jayi_mc_text_compose_delete(line, &key, 0));
    check_line(line, jayi_mc_text_compose_add(line, &key, UINT64_MAX));
    /* A conditional delete brings an empty value along. */
    size_t used = jayi_mc_text_compose_delete(line, &key, UINT64_MAX);
    assert_memory_equal(line + used - 4, "\r\n\r\n", 4);
    check_line(line, used - 2);
}

static void keys_are_one_word(void **state) {
    (void)state;
    char key[600];
    check_key("plain!", 6, false);
    check_key("a b", 3, true);
    check_key("a\r\nflush_all\r\n", 14, true);
    check_key("a\nb", 3, true);
    check_key("\0", 1, true);
    check_key("\x7f", 1, true);
    check_key("\xff\xfe", 2, false);
    check_key("JAY", 3, false);
    check_key("JAY1", 4, true);
    check_key("JAY1x", 5, true);
    check_key("jay1", 4, false);
    memset(key, 'k', sizeof key);
    for (size_t size = 1; size <= sizeof key; size++) check_key(key, size, size > 250);
    for (int byte = 0; byte < 256; byte++) {
        char one[3] = {'a', (char)byte, 'b'};
        check_key(one, 3, byte <= ' ' || byte == 0x7f);
    }
}

/* What a key is encoded to is itself a key, of another form. */
static void keys_differ(void **state) {
    (void)state;
    jayi_mc_key a, b;
    jayi_mc_text_key_encode("a b", 3, &a);
    jayi_mc_text_key_encode(a.text, a.size, &b);
    assert_memory_not_equal(a.text, b.text, HASHED_BYTES);
    jayi_mc_text_key_encode_own('k', "a b", 3, &b);
    assert_memory_equal(a.text, b.text, HASHED_BYTES);
    jayi_mc_text_key_encode_own('g', "a b", 3, &b);
    assert_memory_not_equal(a.text, b.text, HASHED_BYTES);
    jayi_mc_text_key_encode_own('g', "abc", 3, &b);
    assert_memory_equal(b.text,
                        "JAY1gba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                        HASHED_BYTES);
}

static void commands(void **state) {
    (void)state;
    char line[JAYI_MC_LINE_MAX + 1];
    jayi_mc_key key;
    jayi_mc_text_key_encode("k", 1, &key);
    line[jayi_mc_text_compose_get(line, &key)] = '\0';
    assert_string_equal(line, "gets k\r\n");
    static const struct {
        jayi_mc_store store;
        const char *line;
    } rows[] = {
        {{.value_size = 5, .mode = JAYI_MC_SET}, "set k 0 0 5\r\n"},
        {{.value_size = 5, .exptime = 60, .flags = 7, .mode = JAYI_MC_ADD}, "add k 7 60 5\r\n"},
        {{.exptime = 1, .mode = JAYI_MC_REPLACE}, "replace k 0 1 0\r\n"},
        {{.flags = UINT32_MAX, .cas = UINT64_MAX, .mode = JAYI_MC_CAS},
         "cas k 4294967295 0 0 18446744073709551615\r\n"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        line[jayi_mc_text_compose_store(line, &key, &rows[i].store)] = '\0';
        assert_string_equal(line, rows[i].line);
    }
    line[jayi_mc_text_compose_delete(line, &key, 0)] = '\0';
    assert_string_equal(line, "delete k\r\n");
    line[jayi_mc_text_compose_delete(line, &key, 9)] = '\0';
    assert_string_equal(line, "cas k 0 -1 0 9\r\n\r\n");
    line[jayi_mc_text_compose_add(line, &key, 12)] = '\0';
    assert_string_equal(line, "incr k 12\r\n");
}

/* ---- replies ---- */

/* Reads a line at every split, and with others behind it. */
static jayi_mc_reply read_reply(const char *line, char *bytes, size_t capacity) {
    jayi_mc_key key;
    jayi_mc_reply reply;
    size_t size = strlen(line);
    jayi_mc_text_key_encode("key", 3, &key);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(jayi_mc_text_parse(line, cut, &key, &reply), 0);
    snprintf(bytes, capacity, "%sSTORED\r\n", line);
    assert_int_equal(jayi_mc_text_parse(bytes, strlen(bytes), &key, &reply), size);
    return reply;
}

static void replies(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum jayi_mc_code code;
    } rows[] = {{"STORED\r\n", JAYI_MC_HD},
                {"DELETED\r\n", JAYI_MC_HD},
                {"EXISTS\r\n", JAYI_MC_EX},
                {"NOT_STORED\r\n", JAYI_MC_NS},
                {"NOT_FOUND\r\n", JAYI_MC_NF},
                {"END\r\n", JAYI_MC_EN},
                {"ERROR\r\n", JAYI_MC_ERROR},
                {"CLIENT_ERROR bad data chunk\r\n", JAYI_MC_CLIENT_ERROR},
                {"SERVER_ERROR out of memory\r\n", JAYI_MC_SERVER_ERROR}};
    char bytes[300];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        jayi_mc_reply reply = read_reply(rows[i].line, bytes, sizeof bytes);
        assert_int_equal(reply.code, rows[i].code);
        assert_false(reply.has_value || reply.has_end);
        assert_int_equal(reply.ttl_s, -1);
    }
    jayi_mc_reply value = read_reply("VALUE key 7 5 9\r\n", bytes, sizeof bytes);
    assert_int_equal(value.code, JAYI_MC_VA);
    assert_true(value.has_value && value.has_end);
    assert_int_equal(value.value_size, 5);
    assert_int_equal(value.flags, 7);
    assert_int_equal(value.cas, 9);
    jayi_mc_reply number = read_reply("18446744073709551615\r\n", bytes, sizeof bytes);
    assert_int_equal(number.code, JAYI_MC_VA);
    assert_false(number.has_value);
    assert_int_equal(number.text_size, 20);
    number = read_reply("7  \r\n", bytes, sizeof bytes);
    assert_int_equal(number.text_size, 1);
    assert_int_equal(*number.text, '7');
}

static void garbage(void **state) {
    (void)state;
    static const char *const lines[] = {"\r\n",
                                        "7\n",
                                        "7x\r\n",
                                        "7 x\r\n",
                                        "7\rx",
                                        "-7\r\n",
                                        "HD\r\n",
                                        "VA 1 f0\r\n",
                                        "EN\r\n",
                                        "NF\r\n",
                                        "NS\r\n",
                                        "EX\r\n",
                                        "MN\r\n",
                                        "OK\r\n",
                                        "VERSION 1\r\n",
                                        "STAT a b\r\n",
                                        "TOUCHED\r\n",
                                        "VALUE\r\n",
                                        "VALUE k\r\n",
                                        "VALUE ke 0 1 2\r\n",
                                        "stored\r\n",
                                        "123456789012345678901\r\n",
                                        "VALUE keys 0 1 2\r\n"};
    jayi_mc_key key;
    jayi_mc_reply reply;
    jayi_mc_text_key_encode("key", 3, &key);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_int_equal(jayi_mc_text_parse(lines[i], strlen(lines[i]), &key, &reply), -1);
    /* However long, a line of digits or spaces is given up. */
    char flood[JAYI_MC_REPLY_MAX];
    memset(flood, '1', sizeof flood);
    assert_int_equal(jayi_mc_text_parse(flood, sizeof flood, &key, &reply), -1);
    memset(flood + 1, ' ', sizeof flood - 1);
    assert_int_equal(jayi_mc_text_parse(flood, sizeof flood, &key, &reply), -1);
}

static void versions(void **state) {
    (void)state;
    static const char *const classic[] = {"1.2.6", "1.4.15", "1.4.39 (Ubuntu)", "1.5.22", "1.6.0",
                                          "1.6.6", "1.6.9",  "0.0.1",           "1.6.9-x"};
    static const char *const meta[] = {"1.6.10", "1.6.18", "1.6.40-rc1", "1.7.0", "2.0.0",  "",
                                       "1",      "1.6",    "x",          "1.6.x", "16.10.0"};
    for (size_t i = 0; i < COUNT_OF(classic); i++)
        assert_false(jayi_mc_text_is_meta_version(classic[i], strlen(classic[i])));
    for (size_t i = 0; i < COUNT_OF(meta); i++)
        assert_true(jayi_mc_text_is_meta_version(meta[i], strlen(meta[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_one_word), cmocka_unit_test(keys_differ),
        cmocka_unit_test(commands),          cmocka_unit_test(replies),
        cmocka_unit_test(garbage),           cmocka_unit_test(versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
