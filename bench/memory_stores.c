/*
 * memory_stores.c - the list of stores; opening, filling, checking and closing them for one set of
 * cells.
 *
 * Every store gets the same keys and values, and is checked as a whole before and after the timed
 * runs: values byte by byte, reads of what was just written, every kind of read that it has.
 */
#include <jaycache/jaycache.h>

#include <dirent.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory_bench.h"

enum { LOAD_BATCH = 64, CHECK_SAMPLES = 4096, CHECK_WRITES = 64 };

static const peer_ops *const rivals[] = {
#ifdef BENCH_HAVE_ROCKSDB
    &peer_rocksdb_hyperclock,
    &peer_rocksdb_lru,
#endif
#ifdef BENCH_HAVE_GLIB
    &peer_glib_lru,
#endif
#ifdef BENCH_HAVE_UTHASH
    &peer_uthash,
#endif
#ifdef BENCH_HAVE_TBB
    &peer_tbb,
#endif
#ifdef BENCH_HAVE_LMDB
    &peer_lmdb,
#endif
#ifdef BENCH_HAVE_MEMCACHED
    &peer_memcached,
#endif
    NULL,
};

/* ---- the list -------------------------------------------------------------------------------- */

/* Whether a comma-separated list, or NULL for all, names `name`. */
static bool list_has(const char *list, const char *name) {
    if (list == NULL) return true;
    const size_t length = strlen(name);
    for (const char *at = list; *at != '\0'; at += strspn(at, ",")) {
        const size_t part = strcspn(at, ",");
        if (part == length && strncmp(at, name, part) == 0) return true;
        at += part;
    }
    return false;
}

static mb_store *add_store(mb_bench *bench, const peer_ops *ops, const char *name) {
    if (bench->store_count == MB_STORES_MAX) return NULL;
    mb_store *store = &bench->stores[bench->store_count++];
    store->ops = ops;
    store->bytes_over_payload = -1;
    snprintf(store->name, sizeof store->name, "%s", name);
    return store;
}

static bool has_scheme(const char *name) {
    const char *scheme;
    for (size_t i = 0; (scheme = jay_scheme_at(i)) != NULL; i++) {
        if (strcmp(scheme, name) == 0) return true;
    }
    return false;
}

static mb_store *find_store(mb_bench *bench, const char *name) {
    for (size_t i = 0; i < bench->store_count; i++) {
        if (strcmp(bench->stores[i].name, name) == 0) return &bench->stores[i];
    }
    return NULL;
}

/* A Jaycache store is named by its scheme; a second one of the scheme gets a number. */
static bool add_url(mb_bench *bench, const char *url, size_t length) {
    char scheme[24], name[48];
    snprintf(scheme, sizeof scheme, "%.*s", (int)strcspn(url, ":"), url);
    snprintf(name, sizeof name, "%s", scheme);
    for (int number = 2; find_store(bench, name) != NULL; number++) {
        snprintf(name, sizeof name, "%s%d", scheme, number);
    }
    mb_store *store = add_store(bench, &peer_jaycache, name);
    if (store == NULL || length >= sizeof store->url) {
        fprintf(stderr, "bench: --url has too many URLs, or one that is too long\n");
        return false;
    }
    snprintf(store->url, sizeof store->url, "%.*s", (int)length, url);
    store->is_own = true;
    return true;
}

static bool add_urls(mb_bench *bench) {
    const char *urls = bench->options.urls;
    if (urls != NULL) {
        for (const char *at = urls; *at != '\0'; at += strspn(at, ",")) {
            const size_t length = strcspn(at, ",");
            if (!add_url(bench, at, length)) return false;
            at += length;
        }
        return true;
    }
    if (!add_url(bench, "memory:", strlen("memory:"))) return false;
    if (!has_scheme("shm")) {
        fputs("bench: this library has no shm: yet; its figures are left out\n", stderr);
        return true;
    }
    /* The name is put in when the store is opened. */
    if (!add_url(bench, "shm:", strlen("shm:"))) return false;
    bench->stores[bench->store_count - 1].is_shared = true;
    return true;
}

bool mb_stores_list(mb_bench *bench) {
    add_store(bench, &peer_limit, peer_limit.name);
    if (!add_urls(bench)) return false;
    for (size_t i = 0; rivals[i] != NULL; i++) {
        if (!list_has(bench->options.peers, rivals[i]->name)) continue;
        if (add_store(bench, rivals[i], rivals[i]->name) == NULL) {
            fputs("bench: too many stores\n", stderr);
            return false;
        }
    }
    return true;
}

bool mb_store_is_needed(const mb_store *store, const mb_set *set) {
    const unsigned number = (unsigned)(set - mb_sets);
    for (size_t i = 0; i < mb_cell_count; i++) {
        if (mb_cells[i].set == number && store->is_needed[i]) return true;
    }
    return false;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void close_store(mb_store *store) {
    if (!store->is_open) return;
    for (unsigned i = 0; i < MB_THREADS_MAX; i++) {
        if (store->handles[i] != NULL) store->ops->detach(store->state, store->handles[i]);
        store->handles[i] = NULL;
    }
    store->ops->close(store->state);
    store->is_open = false;
}

/* Removes what a store left in shared memory under this run's name. */
static void remove_shared(const char *tag) {
    DIR *folder = opendir("/dev/shm");
    if (folder == NULL) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (strstr(entry->d_name, tag) != NULL) (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

/* Room for all items, or for a tenth, with more overhead than any good store needs: what has to be
 * evicted is said by the number of items, where a set is about eviction. */
static size_t capacity_of(const mb_bench *bench) {
    const size_t item_bytes = bench->set->value_bytes + BENCH_KEY_MAX_BYTES + 128;
    const size_t items = bench->set->is_tenth ? bench->item_count / 10 + 1 : bench->item_count;
    return items * item_bytes / 4 * 5 + ((size_t)16 << 20);
}

static bool attach_threads(mb_store *store, peer_error *error) {
    for (unsigned i = 0; i < MB_THREADS_MAX; i++) {
        store->handles[i] = store->ops->attach(store->state, error);
        if (store->handles[i] == NULL) return false;
    }
    return true;
}

static bool open_store(mb_bench *bench, mb_store *store, peer_error *error) {
    char url[sizeof store->url + sizeof bench->tag];
    snprintf(url, sizeof url, "%s%s", store->url, store->is_shared ? bench->tag : "");
    const peer_config config = {
        .item_count = bench->item_count,
        .item_limit = bench->set->is_tenth ? bench->item_count / 10 + 1 : 0,
        .value_bytes = bench->set->value_bytes,
        .capacity_bytes = capacity_of(bench),
        .thread_count = MB_THREADS_MAX,
        .scratch = bench->scratch,
        .url = url,
        .tag = bench->tag,
    };
    store->state = store->ops->open(&config, error);
    if (store->state == NULL) return false;
    store->is_open = true;
    if (attach_threads(store, error)) return true;
    close_store(store);
    return false;
}

void mb_set_close(mb_bench *bench) {
    for (size_t i = 0; i < bench->store_count; i++) {
        close_store(&bench->stores[i]);
        if (bench->stores[i].is_shared) remove_shared(bench->tag);
    }
    for (unsigned i = 0; i < MB_THREADS_MAX; i++) {
        bench_sequence_destroy(&bench->sequences[BENCH_UNIFORM][i]);
        bench_sequence_destroy(&bench->sequences[BENCH_ZIPF][i]);
    }
#ifdef __GLIBC__
    malloc_trim(0); /* so that the next set begins with as little */
#endif
}

/* ---- filling --------------------------------------------------------------------------------- */

typedef struct mb_task {
    mb_bench *bench;
    mb_store *store;
    bool is_done;
} mb_task;

static bool complain(const mb_store *store, const char *what) {
    const char *message = store->ops->message == NULL ? "" : store->ops->message(store->handles[0]);
    fprintf(stderr, "bench: %s: %s %s\n", store->name, what, message);
    return false;
}

typedef struct load_batch {
    char keys[LOAD_BATCH][BENCH_KEY_MAX_BYTES];
    peer_pair pairs[LOAD_BATCH];
    char *values;
} load_batch;

static bool store_batch(const mb_store *store, const load_batch *batch, size_t count) {
    if (store->ops->load != NULL) {
        return store->ops->load(store->handles[0], batch->pairs, count) == PEER_HIT;
    }
    for (size_t i = 0; i < count; i++) {
        const peer_pair *pair = &batch->pairs[i];
        if (store->ops->set(store->handles[0], pair->key.data, pair->key.size, pair->value.data,
                            pair->value.size) != PEER_HIT) {
            return false;
        }
    }
    return true;
}

static bool fill_from(const mb_bench *bench, const mb_store *store, load_batch *batch) {
    const size_t value_bytes = bench->set->value_bytes;
    for (size_t i = 0; i < LOAD_BATCH; i++) {
        bench_value_prepare(batch->values + i * value_bytes, value_bytes);
    }
    size_t count = 0;
    for (uint32_t item = 0; item < bench->item_count; item++) {
        char *value = batch->values + count * value_bytes;
        bench_value_stamp(value, value_bytes, item, 0);
        const size_t key_size = bench_key_write(item, batch->keys[count]);
        batch->pairs[count] = (peer_pair){{batch->keys[count], key_size}, {value, value_bytes}};
        count++;
        if (count == LOAD_BATCH || item + 1 == bench->item_count) {
            if (mb_is_interrupted() || !store_batch(store, batch, count)) return false;
            count = 0;
        }
    }
    return true;
}

/* A job for the team's first member: what it stores comes from that thread's memory, as in the
 * runs. */
static void fill(void *arg, unsigned member) {
    mb_task *task = arg;
    (void)member;
    static load_batch batch;
    const size_t bytes = LOAD_BATCH * task->bench->set->value_bytes;
    batch.values = bench_pages_alloc(bytes);
    task->is_done = fill_from(task->bench, task->store, &batch);
    bench_pages_free(batch.values, bytes);
}

/* ---- checking -------------------------------------------------------------------------------- */

enum outcome { GOOD, MISSING, WRONG };

static enum outcome judge(int status, const void *value, size_t size, size_t value_bytes,
                          uint32_t item, uint64_t salt) {
    if (status == PEER_MISS) return MISSING;
    if (status != PEER_HIT || size != value_bytes) return WRONG;
    return bench_value_matches(value, size, item, salt) ? GOOD : WRONG;
}

/* Reads an item in every way that the store has. */
static enum outcome check_item(const mb_store *store, size_t value_bytes, uint32_t item,
                               uint64_t salt, char *buffer) {
    char key[BENCH_KEY_MAX_BYTES];
    const size_t key_size = bench_key_write(item, key);
    void *handle = store->handles[0];
    size_t size = 0;
    memset(buffer, 0, value_bytes);
    int status = store->ops->get_into(handle, key, key_size, buffer, value_bytes, &size);
    enum outcome outcome = judge(status, buffer, size, value_bytes, item, salt);
    if (outcome != GOOD) return outcome;
    if (store->ops->view != NULL) {
        peer_view view = {0};
        status = store->ops->view(handle, key, key_size, &view);
        outcome = judge(status, view.data, view.size, value_bytes, item, salt);
        if (status == PEER_HIT) store->ops->release(handle, &view);
        if (outcome != GOOD) return outcome;
    }
    if (store->ops->view_many != NULL) {
        const peer_key keys[2] = {{key, key_size}, {"no such key", 11}};
        peer_view views[2] = {0};
        status = store->ops->view_many(handle, keys, 2, views);
        outcome = judge(status, views[0].data, views[0].size, value_bytes, item, salt);
        if (status == PEER_HIT && views[1].data != NULL) outcome = WRONG;
        if (status == PEER_HIT) store->ops->release_many(handle, 2);
    }
    return outcome;
}

static bool check_sample(const mb_bench *bench, const mb_store *store, char *buffer) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < CHECK_SAMPLES; i++) {
        const uint32_t item = (uint32_t)(bench_mix(i) % bench->item_count);
        switch (check_item(store, bench->set->value_bytes, item, 0, buffer)) {
        case GOOD:
            break;
        case MISSING:
            missing++;
            break;
        case WRONG:
        default:
            return complain(store, "an item has a wrong value, or could not be read.");
        }
    }
    if (bench->set->is_tenth || missing * 100 <= CHECK_SAMPLES) return true;
    return complain(store, "more than 1 % of the items are missing, though it was given room.");
}

/* Overwrites some items, reads them back, and restores them. */
static bool check_writes(const mb_bench *bench, const mb_store *store, char *buffer) {
    const size_t value_bytes = bench->set->value_bytes;
    char *value = buffer + value_bytes;
    bench_value_prepare(value, value_bytes);
    for (uint32_t i = 0; i < CHECK_WRITES * 2; i++) {
        const uint32_t item = (uint32_t)(bench_mix(i / 2) % bench->item_count);
        const uint64_t salt = i % 2 == 0 ? 1 : 0;
        char key[BENCH_KEY_MAX_BYTES];
        const size_t key_size = bench_key_write(item, key);
        bench_value_stamp(value, value_bytes, item, salt);
        if (store->ops->set(store->handles[0], key, key_size, value, value_bytes) != PEER_HIT) {
            return complain(store, "a set failed.");
        }
        const enum outcome outcome = check_item(store, value_bytes, item, salt, buffer);
        if (outcome == WRONG || (outcome == MISSING && !bench->set->is_tenth)) {
            return complain(store, "what was set was not what was read.");
        }
    }
    return true;
}

static void check(void *arg, unsigned member) {
    mb_task *task = arg;
    (void)member;
    const size_t bytes = task->bench->set->value_bytes * 2;
    char *buffer = bench_pages_alloc(bytes);
    task->is_done = check_sample(task->bench, task->store, buffer) &&
                    check_writes(task->bench, task->store, buffer);
    bench_pages_free(buffer, bytes);
}

bool mb_set_check(mb_bench *bench) {
    for (size_t i = 0; i < bench->store_count; i++) {
        if (!bench->stores[i].is_open) continue;
        mb_task task = {bench, &bench->stores[i], false};
        bench_team_run(bench->team, 1, check, &task);
        if (!task.is_done) return false;
    }
    return true;
}

/* ---- a set ----------------------------------------------------------------------------------- */

static int64_t resident_bytes(const mb_store *store) {
    const int process = store->ops->process == NULL ? 0 : store->ops->process(store->state);
    return bench_resident_bytes(process);
}

/* What the store says, or what the process grew by: the larger. */
static void note_footprint(const mb_bench *bench, mb_store *store, int64_t grown_bytes) {
    int64_t bytes = grown_bytes;
    if (store->ops->bytes != NULL) {
        const int64_t said = store->ops->bytes(store->handles[0]);
        if (said > bytes) bytes = said;
    }
    const double payload =
        bench_key_mean_bytes(bench->item_count) + (double)bench->set->value_bytes;
    store->bytes_over_payload = (double)bytes / bench->item_count - payload;
}

static bool open_and_fill(mb_bench *bench, mb_store *store) {
    peer_error error = {""};
    const bool is_elsewhere = store->ops->process != NULL;
    int64_t before = is_elsewhere ? 0 : bench_resident_bytes(0);
    if (!open_store(bench, store, &error)) {
        fprintf(stderr, "bench: %s cannot be opened: %s\n", store->name, error.message);
        /* Without a rival there are still figures; without the limit or Jaycache there are none. */
        return store->ops->is_rival;
    }
    if (is_elsewhere) before = resident_bytes(store);
    mb_task task = {bench, store, false};
    if (!bench->set->is_tenth) {
        bench_team_run(bench->team, 1, fill, &task);
        if (!task.is_done) return complain(store, "it could not be filled.");
    }
    if (bench->set->is_footprint) {
        note_footprint(bench, store, resident_bytes(store) - before);
    }
    bench_team_run(bench->team, 1, check, &task);
    return task.is_done;
}

/* How many items fit the budget: keys, values, and as much overhead as the worst store has. */
static uint32_t items_within_budget(const mb_bench *bench, size_t stores) {
    const size_t item_bytes = bench->set->value_bytes + BENCH_KEY_MAX_BYTES + 160;
    const size_t fitting = bench->options.budget_bytes / (item_bytes * (stores > 0 ? stores : 1));
    return bench->options.items < fitting ? bench->options.items : (uint32_t)fitting;
}

static bool draw_sequences(mb_bench *bench) {
    for (unsigned i = 0; i < MB_THREADS_MAX; i++) {
        for (int distribution = BENCH_UNIFORM; distribution <= BENCH_ZIPF; distribution++) {
            bench->sequences[distribution][i] =
                bench_sequence_create((enum bench_distribution)distribution, bench->item_count,
                                      bench->options.sequence_steps, i + 1);
        }
    }
    return !mb_is_interrupted();
}

bool mb_set_open(mb_bench *bench, const mb_set *set) {
    size_t stores = 0;
    bench->set = set;
    for (size_t i = 0; i < bench->store_count; i++) {
        stores += mb_store_is_needed(&bench->stores[i], set);
    }
    bench->item_count = items_within_budget(bench, stores);
    if (bench->item_count < 1000) {
        fputs("bench: fewer than 1000 items fit; give more --items or a larger --budget\n", stderr);
        return false;
    }
    fprintf(stderr, "bench: %u items of %zu bytes in %zu stores%s%s\n", bench->item_count,
            set->value_bytes, stores, set->is_tenth ? ", limited to a tenth" : "",
            bench->item_count < bench->options.items ? " (fewer items, to stay in --budget)" : "");
    if (!draw_sequences(bench)) return false;
    for (size_t i = 0; i < bench->store_count; i++) {
        if (!mb_store_is_needed(&bench->stores[i], set)) continue;
        if (!open_and_fill(bench, &bench->stores[i])) return false;
    }
    return true;
}
