/*
 * views.c - a view keeps its bytes until it is released, whatever becomes of the entry.
 */
#include <stdio.h>

#include "contract.h"

static const char before[] = "the bytes as they were when the view was taken";

static jay_value take_view(contract *c) {
    contract_put(c, "k", before, 0);
    return contract_view(c, "k");
}

/* Stores things that would like to have the memory of an entry that is gone. */
static void churn(contract *c) {
    char key[16], value[sizeof before];
    memset(value, '#', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "churn%d", i % 10);
        contract_put(c, key, value, 0);
    }
}

static void check_view(const jay_value *view) {
    assert_int_equal(view->size, sizeof before - 1);
    assert_memory_equal(view->data, before, sizeof before);
}

static void view_after_overwrite(contract *c) {
    jay_value view = take_view(c);
    contract_put(c, "k", "the bytes as they came to be a little while later", 0);
    churn(c);
    check_view(&view);
    contract_put(c, "k", "", 0);
    churn(c);
    check_view(&view);
    contract_holds(c, "k", "");
    jay_value_release(&view);
    contract_holds(c, "k", "");
}

static void view_after_delete(contract *c) {
    jay_value view = take_view(c);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    churn(c);
    check_view(&view);
    contract_gone(c, "k");
    jay_value_release(&view);
    contract_gone(c, "k");
}

static void view_after_clear(contract *c) {
    jay_value view = take_view(c);
    EXPECT(c, JAY_OK, jay_clear(c->cache, &c->error));
    churn(c);
    check_view(&view);
    contract_gone(c, "k");
    jay_value_release(&view);
}

static void view_after_expiry(contract *c) {
    contract_put(c, "k", before, 30);
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get(c->cache, KEY("k"), &view, NULL);
    if (status == JAY_MISS) return; /* a slow machine: it had expired already */
    EXPECT_PLAIN(JAY_OK, status);
    contract_outlive(c, 30);
    contract_gone(c, "k");
    churn(c);
    check_view(&view);
    jay_value_release(&view);
}

static void view_after_eviction(contract *c) {
    contract_reopen(c, "max_items=2");
    jay_value view = take_view(c);
    char key[16];
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "new%d", i);
        contract_put(c, key, before, 0);
    }
    check_view(&view);
    jay_value_release(&view);
}

static void view_many(contract *c) {
    jay_value views[40];
    char key[16], value[24];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k%d", i % 10);
        snprintf(value, sizeof value, "value %d", i);
        contract_put(c, key, value, 0);
        views[i] = contract_view(c, key);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(value, sizeof value, "value %d", i);
        assert_int_equal(views[i].size, strlen(value));
        assert_string_equal(views[i].data, value);
    }
    jay_values_release(views, 40);
    for (int i = 0; i < 40; i++) CHECK(views[i].cache == NULL && views[i].data == NULL);
}

/* Two views of one entry are two pins. */
static void view_twice(contract *c) {
    jay_value first = take_view(c);
    jay_value second = contract_view(c, "k");
    jay_value_release(&first);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    churn(c);
    check_view(&second);
    jay_value_release(&second);
}

static void view_release(contract *c) {
    jay_value empty = JAY_VALUE_INIT;
    jay_value_release(NULL);
    jay_value_release(&empty);
    jay_values_release(NULL, 0);
    jay_values_release(&empty, 1);
    contract_put(c, "k", "v", 0);
    jay_value view = contract_view(c, "k");
    jay_value_release(&view);
    const jay_value init = JAY_VALUE_INIT;
    CHECK(view.data == init.data && view.size == init.size && view.version == init.version);
    CHECK(view.cache == init.cache && view.pin == init.pin);
    CHECK(memcmp(view.reserved, init.reserved, sizeof init.reserved) == 0);
    jay_value_release(&view);
    contract_holds(c, "k", "v");
}

static const char *release_elsewhere(void *arg, int number) {
    (void)number;
    jay_value_release(arg);
    return NULL;
}

static void view_released_by_another_thread(contract *c) {
    jay_value view = take_view(c);
    contract_run_threads(release_elsewhere, &view, 1);
    CHECK(view.cache == NULL);
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

static void view_pinned_count(contract *c) {
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
    jay_value first = take_view(c);
    jay_value second = contract_view(c, "k");
    assert_int_equal(contract_stats(c, c->cache).pinned, 2);
    jay_value_release(&first);
    assert_int_equal(contract_stats(c, c->cache).pinned, 1);
    jay_value_release(&second);
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

/* A close that is refused closes nothing. */
static void view_close_busy(contract *c) {
    jay_value view = take_view(c);
    EXPECT_PLAIN(JAY_E_BUSY, jay_close(c->cache));
    check_view(&view);
    contract_put(c, "k", "the handle is good", 0);
    contract_holds(c, "k", "the handle is good");
    check_view(&view);
    EXPECT_PLAIN(JAY_E_BUSY, jay_close(c->cache));
    jay_value_release(&view);
    contract_holds(c, "k", "the handle is good");
    /* The runner closes the handle now, and finds that it may. */
}

static void view_versions(contract *c) {
    contract_put(c, "k", "one", 0);
    jay_value first = contract_view(c, "k");
    jay_value again = contract_view(c, "k");
    CHECK(first.version != 0);
    CHECK(first.version == again.version);
    contract_put(c, "k", "two", 0);
    jay_value second = contract_view(c, "k");
    CHECK(second.version != 0 && second.version != first.version);
    EXPECT(c, JAY_OK, jay_delete(c->cache, KEY("k"), &c->error));
    contract_put(c, "k", "three", 0);
    jay_value third = contract_view(c, "k");
    CHECK(third.version != 0 && third.version != first.version && third.version != second.version);
    jay_value_release(&first);
    jay_value_release(&again);
    jay_value_release(&second);
    jay_value_release(&third);
}

static const contract_test tests[] = {
    {"view_after_overwrite", view_after_overwrite, NEED_STORE},
    {"view_after_delete", view_after_delete, NEED_STORE},
    {"view_after_clear", view_after_clear, NEED_STORE | NEED_CLEAR},
    {"view_after_expiry", view_after_expiry, NEED_STORE},
    {"view_after_eviction", view_after_eviction, NEED_STORE | NEED_MAX_ITEMS},
    {"view_many", view_many, NEED_STORE},
    {"view_twice", view_twice, NEED_STORE},
    {"view_release", view_release, NEED_STORE},
    {"view_released_by_another_thread", view_released_by_another_thread, NEED_STORE},
    {"view_pinned_count", view_pinned_count, NEED_STORE},
    {"view_close_busy", view_close_busy, NEED_STORE},
    {"view_versions", view_versions, NEED_STORE | NEED_CAS},
};
CONTRACT_THEME(views, tests);
