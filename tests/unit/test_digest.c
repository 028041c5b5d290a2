/*
 * test_digest.c - MD5, SHA-1 and SHA-256 against the examples of their standards, and at every
 * length around a block.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "util/digest.h"

static void to_hex(const unsigned char *digest, size_t size, char *text) {
    for (size_t i = 0; i < size; i++) sprintf(text + 2 * i, "%02x", digest[i]);
}

static void check_md5(const char *text, const char *wanted) {
    unsigned char digest[JAYI_MD5_BYTES];
    char hex[2 * JAYI_MD5_BYTES + 1];
    jayi_md5(text, strlen(text), digest);
    to_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, wanted);
}

static void check_sha256(const char *text, const char *wanted) {
    unsigned char digest[JAYI_SHA256_BYTES];
    char hex[2 * JAYI_SHA256_BYTES + 1];
    jayi_sha256(text, strlen(text), digest);
    to_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, wanted);
}

static void md5_of_the_standard(void **state) {
    (void)state;
    check_md5("", "d41d8cd98f00b204e9800998ecf8427e");
    check_md5("abc", "900150983cd24fb0d6963f7d28e17f72");
    check_md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
              "57edf4a22be3c955ac49da2e2107b67a");
}

static void check_sha1(const char *text, const char *wanted) {
    unsigned char digest[JAYI_SHA1_BYTES];
    char hex[2 * JAYI_SHA1_BYTES + 1] = "";
    jayi_sha1(text, strlen(text), digest);
    jayi_digest_text(digest, sizeof digest, hex);
    assert_string_equal(hex, wanted);
}

static void sha1_of_the_standard(void **state) {
    (void)state;
    check_sha1("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check_sha1("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void sha256_of_the_standard(void **state) {
    (void)state;
    check_sha256("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* The digests of 0 to 200 letters, all in one: from Python's hashlib. */
static void lengths_around_a_block(void **state) {
    (void)state;
    char letters[200], md5s[201 * JAYI_MD5_BYTES], sha256s[201 * JAYI_SHA256_BYTES];
    char sha1s[201 * JAYI_SHA1_BYTES];
    unsigned char digest[JAYI_SHA256_BYTES];
    char hex[2 * JAYI_SHA256_BYTES + 1];
    memset(letters, 'a', sizeof letters);
    for (size_t i = 0; i <= sizeof letters; i++) {
        jayi_md5(letters, i, (unsigned char *)md5s + i * JAYI_MD5_BYTES);
        jayi_sha1(letters, i, (unsigned char *)sha1s + i * JAYI_SHA1_BYTES);
        jayi_sha256(letters, i, (unsigned char *)sha256s + i * JAYI_SHA256_BYTES);
    }
    jayi_md5(md5s, sizeof md5s, digest);
    to_hex(digest, JAYI_MD5_BYTES, hex);
    assert_string_equal(hex, "d2a4f9fd5d451c0381f758277052e173");
    jayi_sha1(sha1s, sizeof sha1s, digest);
    to_hex(digest, JAYI_SHA1_BYTES, hex);
    assert_string_equal(hex, "f6f332e8f89c35ee3df74d34ef8fda777d9647b9");
    jayi_sha256(sha256s, sizeof sha256s, digest);
    to_hex(digest, JAYI_SHA256_BYTES, hex);
    assert_string_equal(hex, "1be2d7d291484baf4c78d463a65b40a26c255b1946e5205eac8edad606a76fdd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_of_the_standard),
        cmocka_unit_test(sha1_of_the_standard),
        cmocka_unit_test(sha256_of_the_standard),
        cmocka_unit_test(lengths_around_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
