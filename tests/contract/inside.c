/*
 * inside.c - iterate and stats.
 */
#include <stdio.h>

#include "contract.h"

#define ENTRIES 60

/* What iterate has shown: keys are "k<number>", with a value of <number> bytes. */
typedef struct showing {
    contract *c;
    int shown[ENTRIES];
    int others;
    int calls;
    int stop_after; /* 0: never */
    const char *fault;
} showing;

static void put_entry(contract *c, int number) {
    static const char value[ENTRIES] = "";
    char key[16];
    snprintf(key, sizeof key, "k%d", number);
    EXPECT(c, JAY_OK,
           jay_set(c->cache, key, strlen(key), value, (size_t)number, number % 2 == 0 ? 0 : 1000000,
                   &c->error));
}

static void check_entry(showing *state, const jay_entry_info *entry, int number) {
    if (entry->value_size != (size_t)number) state->fault = "a value's size is wrong";
    bool is_ttl_right = number % 2 == 0 ? entry->ttl_ms == JAY_TTL_FOREVER
                                        : entry->ttl_ms >= 1 && entry->ttl_ms <= 1001000;
    if (!is_ttl_right) state->fault = "the remaining time is wrong";
    if (entry->heat < -1) state->fault = "heat is below -1";
    if (entry->size_bytes != -1 && entry->size_bytes < (int64_t)entry->value_size)
        state->fault = "an entry takes less than its value";
}

static int show(void *arg, const jay_entry_info *entry) {
    showing *state = arg;
    state->calls++;
    char key[16] = "";
    if (entry->key_size < sizeof key) memcpy(key, entry->key, entry->key_size);
    int number = -1;
    if (sscanf(key, "k%d", &number) == 1 && number >= 0 && number < ENTRIES) {
        state->shown[number]++;
        check_entry(state, entry, number);
    } else {
        state->others++;
    }
    return state->calls == state->stop_after;
}

static void iterate_all(contract *c) {
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    showing state = {.c = c};
    EXPECT(c, JAY_OK, jay_iterate(c->cache, show, &state, &c->error));
    for (int i = 0; i < ENTRIES; i++) {
        if (state.shown[i] != 1) fail_msg("entry %d was shown %d times", i, state.shown[i]);
    }
    assert_int_equal(state.others, 0);
    if (state.fault != NULL) fail_msg("%s", state.fault);
}

static void iterate_empty(contract *c) {
    assert_int_equal(contract_count(c, c->cache), 0);
    put_entry(c, 1);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k1"), &c->error));
    assert_int_equal(contract_count(c, c->cache), 0);
}

static void iterate_stop(contract *c) {
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    showing state = {.c = c, .stop_after = 10};
    EXPECT(c, JAY_STOPPED, jay_iterate(c->cache, show, &state, &c->error));
    assert_int_equal(state.calls, 10);
    state = (showing){.c = c, .stop_after = 1};
    EXPECT(c, JAY_STOPPED, jay_iterate(c->cache, show, &state, &c->error));
    assert_int_equal(state.calls, 1);
    assert_int_equal(contract_count(c, c->cache), ENTRIES);
}

static void iterate_expired(contract *c) {
    contract_put(c, "gone", "v", 20);
    contract_put(c, "k0", "", 0);
    contract_outlive(c, 20);
    showing state = {.c = c};
    EXPECT(c, JAY_OK, jay_iterate(c->cache, show, &state, &c->error));
    assert_int_equal(state.shown[0], 1);
    assert_int_equal(state.others, 0);
}

/* Uses the cache in every way while it is shown. Even entries stay all the while. */
static int meddle(void *arg, const jay_entry_info *entry) {
    showing *state = arg;
    jay_cache *cache = state->c->cache;
    char key[16];
    int stop = show(arg, entry);
    snprintf(key, sizeof key, "k%d", state->calls % ENTRIES | 1);
    int status = jay_delete_str(cache, key);
    if (status < 0) state->fault = jay_status_text(status);
    snprintf(key, sizeof key, "new%d", state->calls % 50);
    status = jay_set_str(cache, key, "v", 0);
    if (status < 0) state->fault = jay_status_text(status);
    jay_value view = JAY_VALUE_INIT;
    status = jay_get_str(cache, "k2", &view);
    if (status != JAY_OK || view.size != 2) state->fault = "an entry cannot be read meanwhile";
    jay_value_release(&view);
    /* Entries that keep coming must not keep it going for ever. */
    return stop || state->calls > 5000;
}

static void iterate_meddling(contract *c) {
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    showing state = {.c = c};
    EXPECT(c, JAY_OK, jay_iterate(c->cache, meddle, &state, &c->error));
    for (int i = 0; i < ENTRIES; i += 2) {
        if (state.shown[i] < 1) fail_msg("entry %d was there all the while but not shown", i);
    }
    if (state.fault != NULL) fail_msg("%s", state.fault);
}

static int clear_all(void *arg, const jay_entry_info *entry) {
    showing *state = arg;
    (void)entry;
    int status = jay_clear(state->c->cache, NULL);
    if (status != JAY_OK) state->fault = jay_status_text(status);
    return ++state->calls > 5000;
}

static void iterate_clearing(contract *c) {
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    showing state = {.c = c};
    EXPECT(c, JAY_OK, jay_iterate(c->cache, clear_all, &state, &c->error));
    if (state.fault != NULL) fail_msg("%s", state.fault);
    assert_int_equal(contract_count(c, c->cache), 0);
}

static int keep_key(void *arg, const jay_entry_info *entry) {
    jay_bytes *kept = arg;
    if (entry->key_size == kept->size && memcmp(entry->key, kept->data, kept->size) == 0)
        kept->data = NULL;
    return kept->data == NULL;
}

static void iterate_any_key(contract *c) {
    static const jay_bytes keys[] = {{KEY("a\0b")}, {KEY("\0")}, {KEY("\xff\n ")}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        jay_bytes key = keys[i];
        EXPECT(c, JAY_OK, jay_set(c->cache, key.data, key.size, KEY("v"), 0, &c->error));
        EXPECT(c, JAY_STOPPED, jay_iterate(c->cache, keep_key, &key, &c->error));
    }
}

/* ---- stats ---- */

static void stats_counts(contract *c) {
    jay_stats before = contract_stats(c, c->cache);
    contract_put(c, "a", "12", 0);                                       /* set */
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("b"), 1, 0, &c->error)); /* set */
    contract_put(c, "c", "12", 0);                                       /* set */
    jay_value view = contract_view(c, "a");                              /* hit */
    jay_value_release(&view);
    EXPECT(c, JAY_MISS, jay_get(c->cache, KEY("none"), &view, &c->error)); /* miss */
    char buffer[8];
    size_t size;
    EXPECT(c, JAY_OK, jay_get_into(c->cache, KEY("a"), buffer, 8, &size, &c->error));   /* hit */
    EXPECT(c, JAY_MISS, jay_get_into(c->cache, KEY("n"), buffer, 8, &size, &c->error)); /* miss */
    EXPECT(c, JAY_OK, jay_has(c->cache, KEY("a"), &c->error));
    EXPECT(c, JAY_MISS, jay_has(c->cache, KEY("none"), &c->error));
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("a"), &c->error)); /* delete */
    EXPECT(c, JAY_MISS, jay_delete(c->cache, KEY("a"), &c->error));
    jay_stats after = contract_stats(c, c->cache);
    assert_int_equal(after.sets - before.sets, 3);
    assert_int_equal(after.hits - before.hits, 2);
    assert_int_equal(after.misses - before.misses, 2);
    assert_int_equal(after.deletes - before.deletes, 1);
    assert_int_equal(after.errors - before.errors, 0);
}

static void stats_counts_of_batches(contract *c) {
    jay_stats before = contract_stats(c, c->cache);
    jay_pair pairs[] = {{{KEY("a")}, {KEY("1")}, 0}, {{KEY("b")}, {KEY("2")}, 0}};
    jay_bytes keys[] = {{KEY("a")}, {KEY("none")}, {KEY("b")}, {KEY("a")}};
    jay_value views[4];
    EXPECT(c, JAY_OK, jay_set_many(c->cache, pairs, 2, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_get_many(c->cache, keys, 4, views, NULL, &c->error));
    jay_values_release(views, 4);
    EXPECT(c, JAY_OK, jay_delete_many(c->cache, keys, 4, NULL, &c->error));
    jay_stats after = contract_stats(c, c->cache);
    assert_int_equal(after.sets - before.sets, 2);
    assert_int_equal(after.hits - before.hits, 3);
    assert_int_equal(after.misses - before.misses, 1);
    assert_int_equal(after.deletes - before.deletes, 2);
}

static void stats_counts_of_conditions(contract *c) {
    contract_put(c, "k", "1", 0);
    jay_value view = contract_view(c, "k");
    jay_stats before = contract_stats(c, c->cache);
    EXPECT(c, JAY_EXISTS, jay_add(c->cache, KEY("k"), KEY("v"), 0, &c->error));
    EXPECT(c, JAY_MISS, jay_replace(c->cache, KEY("none"), KEY("v"), 0, &c->error));
    EXPECT(c, JAY_OK, jay_cas(c->cache, KEY("k"), KEY("2"), 0, view.version, &c->error));
    EXPECT(c, JAY_CHANGED, jay_cas(c->cache, KEY("k"), KEY("3"), 0, view.version, &c->error));
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("new"), KEY("5"), 0, &c->error));
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("new"), KEY("6"), 0, &c->error));
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("new"), 1, 0, NULL, &c->error));
    EXPECT(c, JAY_OK, jay_dec(c->cache, KEY("new"), 1, 0, NULL, &c->error));
    jay_stats after = contract_stats(c, c->cache);
    assert_int_equal(after.sets - before.sets, 5);
    jay_value_release(&view);
}

static void stats_errors(contract *c) {
    jay_stats before = contract_stats(c, c->cache);
    EXPECT(c, JAY_E_KEY, jay_set(c->cache, "", 0, KEY("v"), 0, &c->error));
    EXPECT(c, JAY_E_ARGUMENT, jay_delete(c->cache, NULL, 1, &c->error));
    assert_int_equal(contract_stats(c, c->cache).errors - before.errors, 2);
}

static void stats_items(contract *c) {
    jay_stats empty = contract_stats(c, c->cache);
    assert_int_equal(empty.items, 0);
    CHECK(empty.bytes >= 0);
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    for (int i = 0; i < ENTRIES; i++) put_entry(c, i);
    jay_stats full = contract_stats(c, c->cache);
    assert_int_equal(full.items, ENTRIES);
    CHECK(full.bytes > empty.bytes);
    assert_int_equal(contract_count(c, c->cache), ENTRIES);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k1"), &c->error));
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k2"), &c->error));
    assert_int_equal(contract_stats(c, c->cache).items, ENTRIES - 2);
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    assert_int_equal(contract_stats(c, c->cache).items, 0);
}

/* An expired entry may be counted until it is removed; looking it up and storing anew ends that. */
static void stats_expiries(contract *c) {
    jay_stats before = contract_stats(c, c->cache);
    contract_put(c, "k", "v", 5);
    contract_outlive(c, 5);
    contract_gone(c, "k");
    contract_put(c, "k", "v", 0);
    jay_stats after = contract_stats(c, c->cache);
    assert_int_equal(after.items, 1);
    CHECK(after.expiries == -1 || after.expiries - before.expiries == 1);
    assert_int_equal(after.evictions - before.evictions, 0);
}

/* A program of another version hands in a shorter or longer struct. */
static void stats_sizes(contract *c) {
    struct {
        jay_stats known;
        int64_t unknown[2];
        int64_t guard;
    } room;
    memset(&room, 0x5a, sizeof room);
    size_t short_size = 2 * sizeof(int64_t);
    EXPECT(c, JAY_OK, jay_get_stats(c->cache, &room.known, short_size, &c->error));
    jay_stats all = contract_stats(c, c->cache);
    assert_int_equal(room.known.hits, all.hits);
    assert_int_equal(room.known.misses, all.misses);
    CHECK(room.known.sets == INT64_C(0x5a5a5a5a5a5a5a5a));
    /* A server may be reclaiming what has expired: wait until its counts stand still. */
    for (int tries = 0; tries < 1000; tries++) {
        all = contract_stats(c, c->cache);
        EXPECT(c, JAY_OK,
               jay_get_stats(c->cache, &room.known, sizeof room.known + sizeof room.unknown,
                             &c->error));
        jay_stats after = contract_stats(c, c->cache);
        if (memcmp(&all, &after, sizeof all) == 0) break;
        contract_sleep_ms(10);
    }
    assert_memory_equal(&room.known, &all, sizeof all);
    CHECK(room.guard == INT64_C(0x5a5a5a5a5a5a5a5a));
}

static void stats_known(contract *c) {
    jay_stats stats = contract_stats(c, c->cache);
    CHECK(stats.hits >= 0 && stats.misses >= 0 && stats.sets >= 0 && stats.deletes >= 0);
    CHECK(stats.errors >= 0 && stats.pinned == 0);
#define CHECK_KNOWN(name, text) CHECK(stats.name >= -1);
    JAY_STATS_MAP(CHECK_KNOWN)
#undef CHECK_KNOWN
    bool knows_items = stats.items >= 0 && stats.bytes >= 0;
    CHECK(knows_items || (c->facts.has & NEED_ITEMS) == 0);
}

static const contract_test tests[] = {
    {"iterate_all", iterate_all, NEED_STORE | NEED_ITERATE},
    {"iterate_empty", iterate_empty, NEED_STORE | NEED_ITERATE},
    {"iterate_stop", iterate_stop, NEED_STORE | NEED_ITERATE},
    {"iterate_expired", iterate_expired, NEED_STORE | NEED_ITERATE},
    {"iterate_meddling", iterate_meddling, NEED_STORE | NEED_ITERATE},
    {"iterate_clearing", iterate_clearing, NEED_STORE | NEED_ITERATE | NEED_CLEAR},
    {"iterate_any_key", iterate_any_key, NEED_STORE | NEED_ITERATE},
    {"stats_counts", stats_counts, NEED_STORE},
    {"stats_counts_of_batches", stats_counts_of_batches, NEED_STORE},
    {"stats_counts_of_conditions", stats_counts_of_conditions,
     NEED_STORE | NEED_ADD | NEED_REPLACE | NEED_CAS | NEED_INC},
    {"stats_errors", stats_errors, 0},
    {"stats_items", stats_items, NEED_STORE | NEED_ITEMS | NEED_ITERATE | NEED_CLEAR},
    {"stats_expiries", stats_expiries, NEED_STORE | NEED_ITEMS},
    {"stats_sizes", stats_sizes, 0},
    {"stats_known", stats_known, 0},
};
CONTRACT_THEME(inside, tests);
