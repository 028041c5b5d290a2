/*
 * allocation.c - the n-th allocation fails, for every n: the call says so or does without, the
 * cache stays whole, and (by the runner's count) nothing is lost.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"

#define MAX_ALLOCATIONS 3000

static const char old_value[] = "the value before";
static const char new_value[] = "12345678901234567890 is another value that is longer";
static const char long_text[] = "a key that is longer than most, so that it has no room in a small "
                                "buffer on the stack; it goes on and on, and says nothing, until "
                                "it has more bytes than anyone would reserve for a key without "
                                "asking the allocator first, which is what is to fail here; that "
                                "takes some three hundred bytes, and now it has them all at last";

/* ---- opening ---- */

static void open_failing(contract *c) {
    int64_t live = c->memory->live_blocks;
    char url[4096];
    contract_url(c, "", url, sizeof url);
    int n = 1;
    for (; n < MAX_ALLOCATIONS; n++) {
        jay_cache *cache = NULL;
        contract_poison(c);
        counting_memory_fail(c->memory, n);
        int status = jay_open(url, c->options, &cache, &c->error);
        bool has_failed = counting_memory_has_failed(c->memory);
        counting_memory_fail(c->memory, 0);
        if (status == JAY_OK) {
            contract_close(cache);
        } else {
            contract_check(c, JAY_E_NO_MEMORY, status, "jay_open", __FILE__, __LINE__);
            CHECK(cache == NULL);
        }
        assert_int_equal(c->memory->live_blocks, live);
        if (!has_failed) break;
    }
    CHECK(n > 1 && n < MAX_ALLOCATIONS);
}

static int build_options(contract *c) {
    jay_options *options = NULL;
    int status = contract_options_create(c, &options);
    if (status != JAY_OK) return status;
    status = jay_options_set_int(options, "default_ttl", 1000);
    if (status == JAY_OK) status = jay_options_set_text(options, "prefix", "p:");
    if (status == JAY_OK) status = jay_options_set_text(options, "prefix", "q:");
    if (status == JAY_OK) status = jay_options_set_text(options, "default_ttl", "5s");
    jay_options_destroy(options);
    return status;
}

static void options_failing(contract *c) {
    int64_t live = c->memory->live_blocks;
    int n = 1;
    for (; n < MAX_ALLOCATIONS; n++) {
        counting_memory_fail(c->memory, n);
        int status = build_options(c);
        bool has_failed = counting_memory_has_failed(c->memory);
        counting_memory_fail(c->memory, 0);
        EXPECT_PLAIN(has_failed ? JAY_E_NO_MEMORY : JAY_OK, status);
        assert_int_equal(c->memory->live_blocks, live);
        if (!has_failed) break;
    }
    CHECK(n > 1 && n < MAX_ALLOCATIONS);
}

/* ---- operations; each on the key "k", which is there with the old value ---- */

static int do_set(contract *c) {
    return jay_set(c->cache, KEY("k"), KEY(new_value), 0, &c->error);
}

static int do_add(contract *c) {
    return jay_add(c->cache, KEY("new"), KEY(new_value), 0, &c->error);
}

static int do_replace(contract *c) {
    return jay_replace(c->cache, KEY("k"), KEY(new_value), 0, &c->error);
}

static int do_cas(contract *c) {
    return jay_cas(c->cache, KEY("k"), KEY(new_value), 0, UINT64_MAX, &c->error);
}

static int do_inc(contract *c) {
    int64_t number = 12345;
    int status = jay_inc(c->cache, KEY("n"), 1, 0, &number, &c->error);
    CHECK(status == JAY_OK ? number == 8 : number == 12345);
    return status;
}

static int do_inc_new(contract *c) {
    int64_t number = 12345;
    int status = jay_inc(c->cache, KEY("new"), 1, 0, &number, &c->error);
    CHECK(status == JAY_OK ? number == 1 : number == 12345);
    return status;
}

static int do_get(contract *c) {
    jay_value view, untouched;
    memset(&view, 0x5a, sizeof view);
    memset(&untouched, 0x5a, sizeof untouched);
    int status = jay_get(c->cache, KEY("k"), &view, &c->error);
    if (status != JAY_OK) {
        CHECK(memcmp(&view, &untouched, sizeof view) == 0);
        return status;
    }
    CHECK(view.size == sizeof old_value - 1 && memcmp(view.data, KEY(old_value)) == 0);
    jay_value_release(&view);
    return status;
}

static int do_get_into(contract *c) {
    char buffer[64];
    size_t size = 12345;
    int status = jay_get_into(c->cache, KEY("k"), buffer, sizeof buffer, &size, &c->error);
    CHECK(size == (status == JAY_OK ? sizeof old_value - 1 : 12345));
    return status;
}

static int do_read_rest(contract *c) {
    int64_t number = 0;
    int status = jay_has(c->cache, KEY("k"), &c->error);
    if (status == JAY_OK) status = jay_get_int(c->cache, KEY("n"), &number, &c->error);
    if (status == JAY_OK && (c->facts.has & NEED_TTL) != 0)
        status = jay_ttl(c->cache, KEY("k"), &number, &c->error);
    return status;
}

static int do_touch(contract *c) {
    return jay_touch(c->cache, KEY("k"), 100000, &c->error);
}

static int do_delete(contract *c) {
    return jay_delete(c->cache, KEY("k"), &c->error);
}

static int do_clear(contract *c) {
    return jay_clear(c->cache, &c->error);
}

static int ignore(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

static int do_iterate(contract *c) {
    return jay_iterate(c->cache, ignore, NULL, &c->error);
}

enum { BATCH = 100 };

static int do_get_many(contract *c) {
    jay_bytes keys[BATCH];
    jay_value views[BATCH];
    int statuses[BATCH];
    for (int i = 0; i < BATCH; i++) {
        statuses[i] = 12345;
        keys[i] = i % 2 == 0 ? (jay_bytes){KEY("k")} : (jay_bytes){KEY("none")};
    }
    int status = jay_get_many(c->cache, keys, BATCH, views, statuses, &c->error);
    int first = JAY_OK;
    for (int i = 0; i < BATCH; i++) {
        CHECK(statuses[i] == (i % 2 == 0 ? JAY_OK : JAY_MISS) || statuses[i] == JAY_E_NO_MEMORY);
        CHECK((views[i].cache != NULL) == (statuses[i] == JAY_OK));
        if (statuses[i] < 0 && first == JAY_OK) first = statuses[i];
    }
    CHECK(status == first);
    jay_values_release(views, BATCH);
    return status;
}

static int do_set_many(contract *c) {
    char keys[BATCH][16];
    jay_pair pairs[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "m%d", i);
        pairs[i] = (jay_pair){{keys[i], strlen(keys[i])}, {KEY(new_value)}, 0};
    }
    int status = jay_set_many(c->cache, pairs, BATCH, NULL, &c->error);
    if (status == JAY_OK) {
        CHECK(jay_has_str(c->cache, "m0") != JAY_MISS);
        CHECK(jay_has_str(c->cache, "m99") != JAY_MISS);
    }
    return status;
}

static int do_delete_many(contract *c) {
    char keys[BATCH][16];
    jay_bytes list[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "m%d", i);
        list[i] = (jay_bytes){keys[i], strlen(keys[i])};
    }
    return jay_delete_many(c->cache, list, BATCH, NULL, &c->error);
}

/* Enough to make any table grow. */
static int do_set_often(contract *c) {
    int first = JAY_OK;
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "o%d", i);
        int status = jay_set_str(c->cache, key, "v", 0);
        if (status != JAY_OK && first == JAY_OK) first = status;
    }
    return first;
}

static int do_long_key(contract *c) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_set(c->cache, KEY(long_text), KEY("v"), 0, &c->error);
    if (status != JAY_OK) return status;
    status = jay_get(c->cache, KEY(long_text), &view, &c->error);
    if (status != JAY_OK) return status;
    jay_value_release(&view);
    return jay_delete(c->cache, KEY(long_text), &c->error);
}

static const struct operation {
    const char *name;
    int (*run)(contract *c);
    int wanted; /* the status, when it is not JAY_E_NO_MEMORY */
    uint32_t needs;
} operations[] = {
    {"set", do_set, JAY_OK, 0},
    {"add", do_add, JAY_OK, NEED_ADD},
    {"replace", do_replace, JAY_OK, NEED_REPLACE},
    {"cas", do_cas, JAY_CHANGED, NEED_CAS},
    {"inc", do_inc, JAY_OK, NEED_INC},
    {"inc of a new key", do_inc_new, JAY_OK, NEED_INC},
    {"get", do_get, JAY_OK, 0},
    {"get_into", do_get_into, JAY_OK, 0},
    {"has, get_int, ttl", do_read_rest, JAY_OK, 0},
    {"touch", do_touch, JAY_OK, NEED_TOUCH},
    {"delete", do_delete, JAY_OK, 0},
    {"clear", do_clear, JAY_OK, NEED_CLEAR},
    {"iterate", do_iterate, JAY_OK, NEED_ITERATE},
    {"get_many", do_get_many, JAY_OK, 0},
    {"set_many", do_set_many, JAY_OK, 0},
    {"delete_many", do_delete_many, JAY_OK, 0},
    {"set of many keys", do_set_often, JAY_OK, 0},
    {"a long key", do_long_key, JAY_OK, 0},
};

/* The key "k" has the old value, the new one, or is gone. */
static void check_whole(contract *c, const char *name) {
    char buffer[128];
    size_t size = 0;
    int status = jay_get_into(c->cache, KEY("k"), buffer, sizeof buffer, &size, NULL);
    if (status == JAY_MISS) return;
    EXPECT_PLAIN(JAY_OK, status);
    bool is_old = size == sizeof old_value - 1 && memcmp(buffer, KEY(old_value)) == 0;
    bool is_new = size == sizeof new_value - 1 && memcmp(buffer, KEY(new_value)) == 0;
    if (!is_old && !is_new) fail_msg("%s left a value that nobody stored", name);
}

/* Runs an operation with its n-th allocation failing. Whether it had so many. */
static bool run_failing(contract *c, const struct operation *operation, int n) {
    contract_put(c, "k", old_value, 0);
    contract_put(c, "n", "7", 0);
    (void)jay_delete_str(c->cache, "new");
    contract_poison(c);
    counting_memory_fail(c->memory, n);
    int status = operation->run(c);
    bool has_failed = counting_memory_has_failed(c->memory);
    counting_memory_fail(c->memory, 0);
    bool is_right = status == operation->wanted || (status == JAY_E_NO_MEMORY && has_failed);
    if (!is_right)
        fail_msg("%s, with allocation %d failing, returned %s", operation->name, n,
                 jay_status_name(status));
    if (operation->run != do_set_often && operation->run != do_delete_many && status < 0)
        CHECK(c->error.code == status);
    check_whole(c, operation->name);
    contract_put(c, "k", "usable", 0);
    contract_holds(c, "k", "usable");
    return has_failed;
}

static void fail_each(contract *c, const char *options) {
    contract_reopen(c, options);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if ((operations[i].needs & ~c->facts.has) != 0) continue;
        int n = 1;
        while (n < MAX_ALLOCATIONS && run_failing(c, &operations[i], n)) n++;
        CHECK(n < MAX_ALLOCATIONS);
        assert_int_equal(contract_stats(c, c->cache).pinned, 0);
    }
}

static void operations_failing(contract *c) {
    fail_each(c, "");
}

static void operations_failing_with_prefix(contract *c) {
    fail_each(c, "prefix=a-prefix-of-its-own:");
}

static const contract_test tests[] = {
    {"open_failing", open_failing, NEED_ALLOCATOR},
    {"options_failing", options_failing, NEED_ALLOCATOR},
    {"operations_failing", operations_failing, NEED_ALLOCATOR | NEED_STORE},
    {"operations_failing_with_prefix", operations_failing_with_prefix, NEED_ALLOCATOR | NEED_STORE},
};
CONTRACT_THEME(allocation, tests);
