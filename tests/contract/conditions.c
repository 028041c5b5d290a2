/*
 * conditions.c - add, replace and cas: writes that look first.
 */
#include "contract.h"

static void add(contract *c) {
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("first"), 0, &c->error));
    contract_holds(c, "k", "first");
    EXPECT(c, JAY_EXISTS, jay_add(c->cache, KEY("k"), KEY("second"), 0, &c->error));
    contract_holds(c, "k", "first");
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("k"), KEY("third"), 0, &c->error));
    contract_holds(c, "k", "third");
    contract_put(c, "empty", "", 0);
    EXPECT(c, JAY_EXISTS, jay_add(c->cache, KEY("empty"), KEY("x"), 0, &c->error));
    contract_holds(c, "empty", "");
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("new"), NULL, 0, 0, &c->error));
    contract_holds(c, "new", "");
}

/* A refused add leaves the expiry alone as well. */
static void add_keeps_expiry(contract *c) {
    contract_put(c, "k", "first", 0);
    EXPECT(c, JAY_EXISTS, jay_add(c->cache, KEY("k"), KEY("second"), 5, &c->error));
    contract_outlive(c, 5);
    contract_holds(c, "k", "first");
    EXPECT(c, JAY_OK, jay_add(c->cache, KEY("short"), KEY("v"), 20, &c->error));
    contract_outlive(c, 20);
    contract_gone(c, "short");
}

static void replace(contract *c) {
    EXPECT(c, JAY_MISS, jay_replace(c->cache, KEY("k"), KEY("first"), 0, &c->error));
    contract_gone(c, "k");
    contract_put(c, "k", "first", 0);
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("k"), KEY("second"), 0, &c->error));
    contract_holds(c, "k", "second");
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("k"), NULL, 0, 0, &c->error));
    contract_holds(c, "k", "");
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("k"), KEY("third"), 20, &c->error));
    contract_outlive(c, 20);
    contract_gone(c, "k");
}

static uint64_t version_of(contract *c, const char *key) {
    jay_value view = contract_view(c, key);
    uint64_t version = view.version;
    jay_value_release(&view);
    return version;
}

static int cas(contract *c, const char *value, uint64_t version) {
    return jay_cas(c->cache, KEY("k"), value, strlen(value), 0, version, &c->error);
}

static void cas_unchanged(contract *c) {
    EXPECT(c, JAY_MISS, cas(c, "x", 1));
    contract_gone(c, "k");
    contract_put(c, "k", "first", 0);
    uint64_t first = version_of(c, "k");
    EXPECT(c, JAY_OK, cas(c, "second", first));
    contract_holds(c, "k", "second");
    EXPECT(c, JAY_CHANGED, cas(c, "third", first));
    contract_holds(c, "k", "second");
    EXPECT(c, JAY_OK, cas(c, "", version_of(c, "k")));
    contract_holds(c, "k", "");
    /* Other keys are no change. */
    uint64_t empty = version_of(c, "k");
    contract_put(c, "other", "x", 0);
    EXPECT(c, JAY_OK, cas(c, "fourth", empty));
    contract_holds(c, "k", "fourth");
}

static void cas_changed(contract *c) {
    contract_put(c, "k", "first", 0);
    uint64_t first = version_of(c, "k");
    contract_put(c, "k", "second", 0);
    EXPECT(c, JAY_CHANGED, cas(c, "x", first));
    contract_holds(c, "k", "second");
    uint64_t second = version_of(c, "k");
    EXPECT(c, JAY_OK, jay_replace(c->cache, KEY("k"), KEY("third"), 0, &c->error));
    EXPECT(c, JAY_CHANGED, cas(c, "x", second));
    uint64_t third = version_of(c, "k");
    EXPECT(c, JAY_OK, jay_set_int(c->cache, KEY("k"), 4, 0, &c->error));
    EXPECT(c, JAY_CHANGED, cas(c, "x", third));
    uint64_t fourth = version_of(c, "k");
    EXPECT(c, JAY_OK, jay_inc(c->cache, KEY("k"), 1, 0, NULL, &c->error));
    EXPECT(c, JAY_CHANGED, cas(c, "x", fourth));
    contract_holds(c, "k", "5");
    uint64_t fifth = version_of(c, "k");
    jay_pair pair = {{KEY("k")}, {KEY("sixth")}, 0};
    EXPECT(c, JAY_OK, jay_set_many(c->cache, &pair, 1, NULL, &c->error));
    EXPECT(c, JAY_CHANGED, cas(c, "x", fifth));
    contract_holds(c, "k", "sixth");
    EXPECT(c, JAY_CHANGED, cas(c, "x", 0));
    EXPECT(c, JAY_CHANGED, cas(c, "x", UINT64_MAX));
    contract_holds(c, "k", "sixth");
}

static void cas_deleted(contract *c) {
    contract_put(c, "k", "first", 0);
    uint64_t first = version_of(c, "k");
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    EXPECT(c, JAY_MISS, cas(c, "x", first));
    contract_gone(c, "k");
    contract_put(c, "k", "stored anew", 0);
    EXPECT(c, JAY_CHANGED, cas(c, "x", first));
    contract_holds(c, "k", "stored anew");
}

static void cas_after_touch(contract *c) {
    static const int64_t ttls[] = {100000, JAY_TTL_MAX_MS, JAY_TTL_FOREVER};
    for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
        contract_put(c, "k", "first", 0);
        uint64_t first = version_of(c, "k");
        EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), ttls[i], &c->error));
        CHECK(version_of(c, "k") == first);
        EXPECT(c, JAY_OK, jay_touch(c->cache, KEY("k"), 60000, &c->error));
        EXPECT(c, JAY_OK, cas(c, "second", first));
        contract_holds(c, "k", "second");
    }
}

static void cas_sets_expiry(contract *c) {
    contract_put(c, "k", "first", 0);
    EXPECT(c, JAY_OK, jay_cas(c->cache, KEY("k"), KEY("short"), 20, version_of(c, "k"), &c->error));
    contract_put(c, "m", "first", 0);
    EXPECT(c, JAY_CHANGED, jay_cas(c->cache, KEY("m"), KEY("x"), 20, 0, &c->error));
    contract_outlive(c, 20);
    contract_gone(c, "k");
    contract_holds(c, "m", "first");
}

/* A version read through a batch is as good as one from jay_get. */
static void cas_after_get_many(contract *c) {
    contract_put(c, "k", "first", 0);
    jay_bytes key = {KEY("k")};
    jay_value view = JAY_VALUE_INIT;
    EXPECT(c, JAY_OK, jay_get_many(c->cache, &key, 1, &view, NULL, &c->error));
    CHECK(view.version == version_of(c, "k"));
    EXPECT(c, JAY_OK, cas(c, "second", view.version));
    EXPECT(c, JAY_CHANGED, cas(c, "third", view.version));
    jay_value_release(&view);
}

static const contract_test tests[] = {
    {"add", add, NEED_STORE | NEED_ADD},
    {"add_keeps_expiry", add_keeps_expiry, NEED_STORE | NEED_ADD},
    {"replace", replace, NEED_STORE | NEED_REPLACE},
    {"cas_unchanged", cas_unchanged, NEED_STORE | NEED_CAS},
    {"cas_changed", cas_changed, NEED_STORE | NEED_CAS | NEED_REPLACE | NEED_INC},
    {"cas_deleted", cas_deleted, NEED_STORE | NEED_CAS},
    {"cas_after_touch", cas_after_touch, NEED_STORE | NEED_CAS | NEED_TOUCH},
    {"cas_sets_expiry", cas_sets_expiry, NEED_STORE | NEED_CAS},
    {"cas_after_get_many", cas_after_get_many, NEED_STORE | NEED_CAS},
};
CONTRACT_THEME(conditions, tests);
