/*
 * prefixes.c - the option prefix: caches that share one store and do not see each other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

static const char *const awkward[] = {"a:", "b", "p[x]*:", "site:", "a b", "\xc3\xa9", "%41"};

/* Writes a prefix as the URL option that means it. */
static void prefix_option(const char *prefix, char *ret_option, size_t capacity) {
    size_t used = (size_t)snprintf(ret_option, capacity, "prefix=");
    for (; *prefix != '\0' && used + 4 < capacity; prefix++)
        used += (size_t)snprintf(ret_option + used, capacity - used, "%%%02x",
                                 (unsigned)(unsigned char)*prefix);
}

static int keep_sizes(void *arg, const jay_entry_info *entry) {
    char *seen = arg;
    if (entry->key_size < 32) memcpy(seen, entry->key, entry->key_size);
    seen[entry->key_size < 32 ? entry->key_size : 0] = '\0';
    return 0;
}

static void prefix_hidden(contract *c) {
    for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++) {
        char option[64], seen[32] = "";
        prefix_option(awkward[i], option, sizeof option);
        contract_reopen(c, option);
        contract_put(c, "key", "value", 0);
        contract_holds(c, "key", "value");
        contract_gone(c, "key2");
        EXPECT(c, JAY_OK, jay_iterate(c->cache, keep_sizes, seen, &c->error));
        assert_string_equal(seen, "key");
        EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
        contract_gone(c, "key");
    }
}

/* The prefix does not count toward a key's length. */
static void prefix_longest(contract *c) {
    char *option = malloc(JAY_PREFIX_MAX_BYTES + 16);
    unsigned char *key = contract_bytes(JAY_KEY_MAX_BYTES, 2);
    if (option == NULL) fail_msg("out of memory");
    memcpy(option, "prefix=", 7);
    memset(option + 7, 'p', JAY_PREFIX_MAX_BYTES + 1);
    option[7 + JAY_PREFIX_MAX_BYTES] = '\0';
    contract_reopen(c, option);
    EXPECT(c, JAY_OK, jay_set(c->cache, key, JAY_KEY_MAX_BYTES, KEY("v"), 0, &c->error));
    contract_holds_bytes(c, key, JAY_KEY_MAX_BYTES, KEY("v"));
    contract_gone_bytes(c, key, JAY_KEY_MAX_BYTES - 1);
    EXPECT(c, JAY_OK, jay_delete(c->cache, key, JAY_KEY_MAX_BYTES, &c->error));
    contract_gone_bytes(c, key, JAY_KEY_MAX_BYTES);
    contract_put(c, "p", "short", 0);
    contract_holds(c, "p", "short");
    free(key);
    free(option);
}

static int has(jay_cache *cache, const char *key) {
    return jay_has_str(cache, key);
}

static void prefix_apart(contract *c) {
    contract_reopen(c, "prefix=");
    jay_cache *a = contract_open(c, "prefix=a:");
    jay_cache *b = contract_open(c, "prefix=b:");
    EXPECT_PLAIN(JAY_OK, jay_set_str(a, "k", "of a", 0));
    EXPECT_PLAIN(JAY_MISS, has(b, "k"));
    EXPECT_PLAIN(JAY_OK, jay_set_str(b, "k", "of b", 0));
    EXPECT_PLAIN(JAY_OK, jay_set_str(b, "b", "of b", 0));
    /* Without a prefix, the whole keys are seen. */
    contract_holds(c, "a:k", "of a");
    contract_holds(c, "b:k", "of b");
    contract_gone(c, "k");
    EXPECT_PLAIN(JAY_OK, jay_delete_str(a, "k"));
    EXPECT_PLAIN(JAY_MISS, jay_delete_str(a, "b"));
    contract_gone(c, "a:k");
    contract_holds(c, "b:k", "of b");
    assert_int_equal(contract_count(c, a), 0);
    assert_int_equal(contract_count(c, b), 2);
    assert_int_equal(contract_count(c, c->cache), 2);
    contract_close(a);
    contract_close(b);
}

static void prefix_clear(contract *c) {
    contract_reopen(c, "prefix=");
    char option[64];
    for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++) {
        prefix_option(awkward[i], option, sizeof option);
        jay_cache *cache = contract_open(c, option);
        EXPECT_PLAIN(JAY_OK, jay_set_str(cache, "k", "v", 0));
        contract_put(c, "k", "v", 0);
        contract_put(c, "px:k", "v", 0);
        contract_put(c, "x", "v", 0);
        EXPECT(c, JAY_OK, jay_clear(cache, &c->error));
        EXPECT_PLAIN(JAY_MISS, has(cache, "k"));
        contract_close(cache);
        contract_holds(c, "k", "v");
        contract_holds(c, "px:k", "v");
        contract_holds(c, "x", "v");
    }
    /* Without a prefix, clear takes all. */
    jay_cache *a = contract_open(c, "prefix=a:");
    EXPECT_PLAIN(JAY_OK, jay_set_str(a, "k", "v", 0));
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    EXPECT_PLAIN(JAY_MISS, has(a, "k"));
    contract_close(a);
}

/* Two handles on one URL see the same entries. */
static void shared_entries(contract *c) {
    jay_cache *other = contract_open(c, "");
    contract_put(c, "k", "1", 0);
    int64_t number = 0;
    EXPECT(c, JAY_OK, jay_inc(other, KEY("k"), 1, 0, &number, &c->error));
    assert_int_equal(number, 2);
    contract_holds(c, "k", "2");
    EXPECT(c, JAY_EXISTS, jay_add(other, KEY("k"), KEY("x"), 0, &c->error));
    EXPECT(c, JAY_OK, jay_delete(other, KEY("k"), &c->error));
    contract_gone(c, "k");
    contract_close(other);
    contract_put(c, "k", "still open", 0);
    contract_holds(c, "k", "still open");
}

static const contract_test tests[] = {
    {"prefix_hidden", prefix_hidden, NEED_STORE | NEED_ITERATE | NEED_CLEAR},
    {"prefix_longest", prefix_longest, NEED_STORE},
    {"prefix_apart", prefix_apart, NEED_STORE | NEED_SHARED | NEED_ITERATE | NEED_PLAIN_PREFIX},
    {"prefix_clear", prefix_clear, NEED_STORE | NEED_SHARED | NEED_CLEAR},
    {"shared_entries", shared_entries, NEED_STORE | NEED_SHARED | NEED_INC | NEED_ADD},
};
CONTRACT_THEME(prefixes, tests);
