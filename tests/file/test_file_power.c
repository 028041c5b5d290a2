/*
 * test_file_power.c - the power fails: at many moments of some work, with many outcomes each. What
 * is found afterwards, and that the directory goes on being used.
 *
 *     test_file_power [OPTIONS]      of the URL, like layout=segments; layout=files by default
 *
 * Each value tells its key and its number, and is as long as both say: so a torn value, one of
 * another key, and one that was never stored are all known by what they hold.
 */
#include <unistd.h>

#include "file_kit.h"
#include "power_log.h"

/* What survives does not depend on the compiler: each of those that the tests are built with tries
 * a third of the outcomes, and JAY_TEST_LONG all. */
enum { PARTS = 3 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PART = 2 };
#elif defined(__clang__)
enum { PART = 1 };
#else
enum { PART = 0 };
#endif

enum { KEYS = 60, CALLS = 220, REPLAYS = 260, VALUE_MAX_BYTES = 12000 };

static const char *layout = "layout=files";

/* ---- values ---- */

/* Most are short, some go over several blocks. */
static size_t value_size(int key, int number) {
    uint64_t random = (uint64_t)key * 1000003 + (uint64_t)number;
    uint64_t choice = unit_next(&random);
    return choice % 4 == 0 ? 600 + choice / 8 % (VALUE_MAX_BYTES - 600) : 30 + choice / 8 % 500;
}

static size_t make_value(int key, int number, char *ret_value) {
    size_t size = value_size(key, number);
    int have = snprintf(ret_value, VALUE_MAX_BYTES, "%d/%d/", key, number);
    for (size_t at = (size_t)have; at < size; at++)
        ret_value[at] = (char)('a' + ((size_t)number * 31 + at * 7 + at / 512) % 26);
    return size;
}

static size_t make_key(int key, char ret_text[32]) {
    return (size_t)snprintf(ret_text, 32, "key %d", key);
}

/* ---- the work ---- */

typedef struct call {
    int key;
    int number;   /* 0: the key is removed */
    bool is_idle; /* there was nothing to remove: what made it so is another call's promise */
    size_t begin;
    size_t end; /* changes on the disk, before and after */
} call;

static call calls[CALLS];

static void work(jay_cache *cache, int from, int to, uint64_t *random) {
    char text[32], value[VALUE_MAX_BYTES];
    for (int i = from; i < to; i++) {
        call *c = &calls[i];
        c->key = (int)(unit_next(random) % KEYS);
        c->number = unit_next(random) % 6 == 0 ? 0 : i + 1;
        size_t key_size = make_key(c->key, text);
        c->begin = power_count();
        c->is_idle = false;
        int status;
        if (c->number == 0) {
            status = jay_delete(cache, text, key_size, NULL);
            assert_true(status == JAY_OK || status == JAY_MISS);
            c->is_idle = status == JAY_MISS;
        } else {
            size_t size = make_value(c->key, c->number, value);
            jay_error error = {.message = ""};
            status = jay_set(cache, text, key_size, value, size, 0, &error);
            if (status != JAY_OK) fail_msg("%s", error.message);
        }
        c->end = power_count();
    }
}

/* ---- what is found ---- */

typedef struct finding {
    const char *options;
    size_t count;
    uint64_t seed;
    int durable_from; /* calls from this one on survive */
} finding;

_Noreturn static void wrong(const finding *f, int key, const char *what) {
    printf("%s&%s: the power failed after %zu changes of %zu, seed %llu: key %d: %s\n", layout,
           f->options, f->count, power_count(), (unsigned long long)f->seed, key, what);
    fail();
    abort();
}

/* What is known of a key: the call that had returned last, and the one that was at work. */
static void last_calls(const finding *f, int key, const call **ret_done, const call **ret_open) {
    *ret_done = *ret_open = NULL;
    for (int i = 0; i < CALLS; i++) {
        const call *c = &calls[i];
        if (c->key != key) continue;
        if (i >= f->durable_from && !c->is_idle && c->end <= f->count) *ret_done = c;
        if (c->begin < f->count && c->end > f->count) *ret_open = c;
    }
}

/* The number of a value that has been stored under this key before the power failed. */
static int number_of(const finding *f, int key, const jay_value *view) {
    static char value[VALUE_MAX_BYTES];
    for (int i = 0; i < CALLS && calls[i].begin < f->count; i++) {
        if (calls[i].key != key || calls[i].number == 0) continue;
        size_t size = make_value(key, calls[i].number, value);
        if (size == view->size && memcmp(value, view->data, size) == 0) return calls[i].number;
    }
    wrong(f, key, "a value that nobody has stored there");
}

static void check_key(const finding *f, jay_cache *cache, int key) {
    char text[32];
    jay_value view = JAY_VALUE_INIT;
    jay_error error = {.message = ""};
    const call *done, *at_work;
    int status = jay_get(cache, text, make_key(key, text), &view, &error);
    if (status < 0) wrong(f, key, error.message);
    int number = status == JAY_OK ? number_of(f, key, &view) : 0;
    jay_value_release(&view);
    last_calls(f, key, &done, &at_work);
    if (at_work != NULL && number == at_work->number) return;
    /* In a log, a record that came in part stands for a change of which nobody knows. */
    if (at_work != NULL && number == 0 && strstr(layout, "layout=segments") != NULL) return;
    if (done != NULL && number != done->number)
        wrong(f, key, number == 0 ? "a value that was stored is lost" : "an old value is back");
}

static int check_shown(void *arg, const jay_entry_info *entry) {
    int key = -1;
    char text[32] = "";
    const finding *f = arg;
    if (entry->key_size < sizeof text) memcpy(text, entry->key, entry->key_size);
    if (sscanf(text, "key %d", &key) != 1 || key < 0 || key >= KEYS)
        wrong(f, key, "a key that nobody has stored is shown");
    return 0;
}

/* The directory is used as if nothing had been. */
static void use(const finding *f, jay_cache *cache) {
    char text[32], value[VALUE_MAX_BYTES];
    for (int key = 0; key < KEYS; key += 7) {
        size_t key_size = make_key(key, text), size = make_value(key, 1, value);
        jay_value view = JAY_VALUE_INIT;
        if (jay_set(cache, text, key_size, value, size, 0, NULL) != JAY_OK)
            wrong(f, key, "cannot be stored");
        if (jay_get(cache, text, key_size, &view, NULL) != JAY_OK || view.size != size ||
            memcmp(view.data, value, size) != 0)
            wrong(f, key, "is not found after it was stored");
        jay_value_release(&view);
    }
    if (jay_iterate(cache, check_shown, (void *)(uintptr_t)f, NULL) != JAY_OK)
        wrong(f, -1, "entries cannot be shown");
    jay_file_report report;
    jay_error error = {.message = ""};
    for (int round = 0; round < 2; round++) {
        if (jay_file_check(cache, 1, &report, sizeof report, &error) != JAY_OK)
            wrong(f, -1, error.message);
    }
    if (report.damaged != 0 || report.miscounted != 0) wrong(f, -1, "it stays damaged");
    if (jay_clear(cache, NULL) != JAY_OK) wrong(f, -1, "it cannot be cleared");
}

static void check(const finding *f) {
    jay_cache *cache = NULL;
    jay_error error = {.message = ""};
    char options[200];
    file_remove(file_path("after"));
    power_replay(f->count, f->seed, file_path("after"));
    snprintf(options, sizeof options, "%s&%s", layout, f->options);
    if (file_open_as("after", options, &cache, &error) != JAY_OK) wrong(f, -1, error.message);
    for (int key = 0; key < KEYS; key++) check_key(f, cache, key);
    use(f, cache);
    assert_int_equal(jay_close(cache), JAY_OK);
}

/* Works with some options, for the second half with others, and lets the power fail. */
static void try_out(const char *first, const char *second, int durable_from, uint64_t seed) {
    char options[200];
    uint64_t random = seed;
    file_remove(file_path("before"));
    assert_int_equal(mkdir(file_path("before"), 0700), 0);
    power_record(file_path("before"));
    snprintf(options, sizeof options, "%s&%s", layout, first);
    jay_cache *cache = file_must_open("before", options);
    work(cache, 0, CALLS / 2, &random);
    if (strcmp(first, second) != 0) {
        assert_int_equal(jay_close(cache), JAY_OK);
        snprintf(options, sizeof options, "%s&%s", layout, second);
        cache = file_must_open("before", options);
    }
    work(cache, CALLS / 2, CALLS, &random);
    power_end();
    assert_int_equal(jay_close(cache), JAY_OK);
    printf("%s&%s, then %s: %zu changes, seed %llu\n", layout, first, second, power_count(),
           (unsigned long long)seed);
    for (int i = 0; i < REPLAYS; i++) {
        /* All is kept, or the least, or something else; at the end, too. */
        finding f = {.options = second,
                     .count = (size_t)(unit_next(&random) % (power_count() + 1)),
                     .seed = i < 40 ? (uint64_t)i % 2 : seed + (uint64_t)i,
                     .durable_from = durable_from};
        if (i % 20 < 2) f.count = power_count();
        if ((i + i / 20) % PARTS == PART || getenv("JAY_TEST_LONG") != NULL) check(&f);
    }
    power_forget();
}

static void what_is_not_synced_is_whole_or_a_miss(void **state) {
    (void)state;
    try_out("sync=none", "sync=none", CALLS, 1001);
}

static void what_is_synced_survives(void **state) {
    (void)state;
    try_out("sync=data", "sync=data", 0, 2002);
}

/* Also where folders were there that nobody had synced. */
static void what_is_synced_survives_beside_what_is_not(void **state) {
    (void)state;
    try_out("sync=none", "sync=data", CALLS / 2, 4004);
}

/* Entries are evicted all the time, and their files handed over from folder to folder. */
static void evicted_files_are_mistaken_for_nothing(void **state) {
    (void)state;
    try_out("sync=none&max_items=15", "sync=none&max_items=15", CALLS, 3003);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_synced_is_whole_or_a_miss),
        cmocka_unit_test(what_is_synced_survives),
        cmocka_unit_test(what_is_synced_survives_beside_what_is_not),
        cmocka_unit_test(evicted_files_are_mistaken_for_nothing),
    };
    if (argc > 1) layout = argv[1];
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
