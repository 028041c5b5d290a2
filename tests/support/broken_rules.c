/*
 * broken_rules.c - faults in expiry, conditions, counters, limits and the rest, one a backend.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broken_backends.h"
#include "reference_backend.h"
#include "reference_store.h"

static void spoil_batches(jay_backend_ops *ops) {
    ops->get_many = NULL;
    ops->set_many = NULL;
    ops->delete_many = NULL;
}

/* ---- expiry ---- */

static int eternal_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (other.ttl_ms != JAY_TTL_EXPIRED) other.ttl_ms = JAY_TTL_FOREVER;
    return reference_backend.write(backend, &other, error);
}

static void spoil_expiry(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = eternal_write;
}

static int seconds_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (other.ttl_ms > 0) other.ttl_ms = (other.ttl_ms + 999) / 1000 * 1000;
    return reference_backend.write(backend, &other, error);
}

static void spoil_seconds(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = seconds_write;
}

/* 2^31 ms are 25 days. */
static int narrow_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (other.ttl_ms > INT32_MAX) other.ttl_ms = INT32_MAX;
    return reference_backend.write(backend, &other, error);
}

static void spoil_narrow_ttl(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = narrow_write;
}

static int unexpiring_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                            jay_error *error) {
    if (ttl_ms == JAY_TTL_EXPIRED) ttl_ms = JAY_TTL_FOREVER;
    return reference_backend.touch(backend, key, key_size, ttl_ms, error);
}

static int unexpiring_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (other.ttl_ms == JAY_TTL_EXPIRED) other.ttl_ms = JAY_TTL_FOREVER;
    return reference_backend.write(backend, &other, error);
}

static void spoil_negative(jay_backend_ops *ops) {
    ops->touch = unexpiring_touch;
    ops->write = unexpiring_write;
}

/* Looks at the table only, where an expired entry may still be. */
static int table_has(jay_backend *backend, const void *key, size_t key_size) {
    int is_there = 0;
    fork_lock_take(&backend->store->lock);
    for (const reference_entry *entry = backend->store->oldest; entry != NULL;
         entry = entry->newer) {
        if (entry->key_size == key_size && memcmp(reference_key(entry), key, key_size) == 0)
            is_there = 1;
    }
    fork_lock_drop(&backend->store->lock);
    return is_there;
}

static int blocked_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    if (write->mode == JAY_WRITE_ADD && table_has(backend, write->key, write->key_size))
        return JAY_EXISTS;
    return reference_backend.write(backend, write, error);
}

static void spoil_add_expired(jay_backend_ops *ops) {
    ops->write = blocked_write;
}

static int lingering_erase(jay_backend *backend, const void *key, size_t key_size,
                           jay_error *error) {
    int was_there = table_has(backend, key, key_size);
    int status = reference_backend.erase(backend, key, key_size, error);
    return was_there ? JAY_OK : status;
}

static void spoil_delete_expired(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->erase = lingering_erase;
}

/* ---- conditions ---- */

static int careless_write(jay_backend *backend, const jay_write *write, jay_error *error,
                          int mode) {
    jay_write other = *write;
    if (other.mode == mode && other.ttl_ms != JAY_TTL_EXPIRED)
        other.mode = mode == JAY_WRITE_CAS ? JAY_WRITE_REPLACE : JAY_WRITE_SET;
    return reference_backend.write(backend, &other, error);
}

static int add_sets_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    return careless_write(backend, write, error, JAY_WRITE_ADD);
}

static void spoil_add(jay_backend_ops *ops) {
    ops->write = add_sets_write;
}

static int replace_sets_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    return careless_write(backend, write, error, JAY_WRITE_REPLACE);
}

static void spoil_replace(jay_backend_ops *ops) {
    ops->write = replace_sets_write;
}

static int cas_replaces_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    return careless_write(backend, write, error, JAY_WRITE_CAS);
}

static void spoil_cas(jay_backend_ops *ops) {
    ops->write = cas_replaces_write;
}

static void pause_briefly(void) {
    struct timespec time = {.tv_nsec = 20000};
    nanosleep(&time, NULL);
}

/* Looks first and writes later: two at once both find nothing. */
static int racing_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    jay_write other = *write;
    if (write->mode == JAY_WRITE_ADD) {
        if (reference_backend.has(backend, write->key, write->key_size, NULL) == JAY_OK)
            return JAY_EXISTS;
        pause_briefly();
        other.mode = JAY_WRITE_SET;
    }
    return reference_backend.write(backend, &other, error);
}

static void spoil_add_race(jay_backend_ops *ops) {
    ops->write = racing_write;
}

static int cheerful_erase(jay_backend *backend, const void *key, size_t key_size,
                          jay_error *error) {
    int status = reference_backend.erase(backend, key, key_size, error);
    return status == JAY_MISS ? JAY_OK : status;
}

static void spoil_delete(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->erase = cheerful_erase;
}

/* ---- counters ---- */

/* get, add, set: two at once count as one. */
static int racing_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                      int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    int64_t number = 0, left = ttl_ms;
    if (reference_backend.ttl(backend, key, key_size, &left, NULL) != JAY_OK || delta < -1 ||
        delta > 1)
        return reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, error);
    int status = reference_backend.inc(backend, key, key_size, 0, ttl_ms, &number, error);
    if (status != JAY_OK || number > INT64_MAX - 1 || number < INT64_MIN + 1)
        return reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, error);
    pause_briefly();
    char text[24];
    *ret_number = number + delta;
    jay_write write = {.struct_size = sizeof write,
                       .key = key,
                       .key_size = key_size,
                       .value = text,
                       .value_size = (size_t)snprintf(text, sizeof text, "%" PRId64, *ret_number),
                       .ttl_ms = left};
    return reference_backend.write(backend, &write, error);
}

static void spoil_inc_race(jay_backend_ops *ops) {
    ops->inc = racing_inc;
}

static int renewing_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                        int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    int status = reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, error);
    if (status == JAY_OK && ttl_ms != JAY_TTL_EXPIRED)
        (void)reference_backend.touch(backend, key, key_size, ttl_ms, NULL);
    return status;
}

static void spoil_inc_ttl(jay_backend_ops *ops) {
    ops->inc = renewing_inc;
}

static int wrapping_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                        int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    int status = reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, NULL);
    if (status != JAY_E_OVERFLOW)
        return status < 0
                   ? reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, error)
                   : status;
    *ret_number = delta > 0 ? INT64_MIN : INT64_MAX;
    return JAY_OK;
}

static void spoil_overflow(jay_backend_ops *ops) {
    ops->inc = wrapping_inc;
}

/* Takes "007" and " 7" for numbers. */
static int lenient_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                       int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    jay_value value;
    if (reference_backend.get(backend, key, key_size, &value, NULL) == JAY_OK) {
        char canonical[24];
        const char *text = value.data;
        char *end;
        intmax_t number = strtoimax(text, &end, 10);
        size_t size = (size_t)snprintf(canonical, sizeof canonical, "%" PRIdMAX, number);
        if (value.size > 0 && value.size < 19 && end == text + value.size && size != value.size) {
            jay_write write = {.struct_size = sizeof write,
                               .key = key,
                               .key_size = key_size,
                               .value = canonical,
                               .value_size = size};
            (void)reference_backend.write(backend, &write, NULL);
        }
        reference_backend.release(backend, &value);
    }
    return reference_backend.inc(backend, key, key_size, delta, ttl_ms, ret_number, error);
}

static void spoil_lenient(jay_backend_ops *ops) {
    ops->inc = lenient_inc;
}

/* ---- limits, memory ---- */

static int generous_open(const jay_backend_config *config, jay_backend **ret_backend,
                         jay_error *error) {
    int status = reference_backend.open(config, ret_backend, error);
    if (status == JAY_OK && (*ret_backend)->store->max_items > 0)
        (*ret_backend)->store->max_items++;
    return status;
}

static int modest_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    int status = reference_backend.stats(backend, stats, error);
    if (stats->max_items > 0) stats->max_items--;
    return status;
}

static void spoil_max_items(jay_backend_ops *ops) {
    ops->open = generous_open;
    ops->stats = modest_stats;
}

static int leaking_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    int status = reference_backend.write(backend, write, error);
    const jay_allocator *allocator = &backend->store->allocator;
    if (status == JAY_E_TOO_BIG) {
        /* As if an error's path forgot to free what it had made. */
        void *volatile forgotten = allocator->alloc(allocator->arg, 16);
        (void)forgotten;
    }
    return status;
}

static void spoil_leak(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->write = leaking_write;
}

/* ---- looking inside ---- */

static int total_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                       jay_error *error) {
    (void)prefix, (void)prefix_size;
    return reference_backend.clear(backend, "", 0, error);
}

static void spoil_clear(jay_backend_ops *ops) {
    ops->clear = total_clear;
}

typedef struct skipping {
    jay_iterate_fn *fn;
    void *arg;
    size_t seen;
} skipping;

static int skip_some(void *arg, const jay_entry_info *entry) {
    skipping *state = arg;
    return ++state->seen % 7 == 0 ? 0 : state->fn(state->arg, entry);
}

static int skipping_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                            jay_iterate_fn *fn, void *arg, jay_error *error) {
    skipping state = {fn, arg, 0};
    return reference_backend.iterate(backend, prefix, prefix_size, skip_some, &state, error);
}

static void spoil_iterate(jay_backend_ops *ops) {
    ops->iterate = skipping_iterate;
}

static int never_stop(void *arg, const jay_entry_info *entry) {
    skipping *state = arg;
    (void)state->fn(state->arg, entry);
    return 0;
}

static int unstoppable_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                               jay_iterate_fn *fn, void *arg, jay_error *error) {
    skipping state = {fn, arg, 0};
    return reference_backend.iterate(backend, prefix, prefix_size, never_stop, &state, error);
}

static void spoil_stop(jay_backend_ops *ops) {
    ops->iterate = unstoppable_iterate;
}

static int wrong_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    int status = reference_backend.stats(backend, stats, error);
    stats->items = stats->sets;
    return status;
}

static void spoil_items(jay_backend_ops *ops) {
    ops->stats = wrong_stats;
}

static void spoil_counted_has(jay_backend_ops *ops) {
    ops->has = NULL;
}

/* ---- fork ---- */

static pthread_mutex_t plain_mutex = PTHREAD_MUTEX_INITIALIZER;

/*
 * A lock that nobody drops in the child when another thread of the parent held it. It is held for a
 * while, as for a write to a disk, so that some thread has it at nearly any moment.
 */
static int locked_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                      jay_error *error) {
    pthread_mutex_lock(&plain_mutex);
    int status = reference_backend.get(backend, key, key_size, ret_value, error);
    pthread_mutex_unlock(&plain_mutex);
    return status;
}

static int locked_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    pthread_mutex_lock(&plain_mutex);
    int status = reference_backend.write(backend, write, error);
    pause_briefly();
    pthread_mutex_unlock(&plain_mutex);
    return status;
}

static void spoil_fork(jay_backend_ops *ops) {
    spoil_batches(ops);
    ops->get = locked_get;
    ops->write = locked_write;
}

const broken_backend broken_rules[] = {
    {"broken-no-expiry", "entries never expire", "ttl_short", spoil_expiry},
    {"broken-whole-seconds", "times are rounded up to seconds", "ttl_short", spoil_seconds},
    {"broken-narrow-ttl", "times have 32 bits", "ttl_long", spoil_narrow_ttl},
    {"broken-negative-ttl", "a negative time means for ever", "ttl_negative", spoil_negative},
    {"broken-add-expired", "an expired entry is in the way of add", "add_on_expired",
     spoil_add_expired},
    {"broken-del-expired", "delete of an expired entry succeeds", "delete_of_expired",
     spoil_delete_expired},
    {"broken-add", "add overwrites", "add", spoil_add},
    {"broken-replace", "replace creates", "replace", spoil_replace},
    {"broken-cas", "cas looks at no version", "cas_changed", spoil_cas},
    {"broken-add-race", "add is not atomic", "add_race", spoil_add_race},
    {"broken-delete", "delete of a missing key succeeds", "delete", spoil_delete},
    {"broken-inc-race", "inc is not atomic", "inc_race", spoil_inc_race},
    {"broken-inc-ttl", "inc starts the time to live anew", "inc_keeps_expiry", spoil_inc_ttl},
    {"broken-inc-overflow", "inc wraps around", "inc_overflow", spoil_overflow},
    {"broken-inc-lenient", "inc takes 007 for a number", "inc_not_canonical", spoil_lenient},
    {"broken-max-items", "there may be one item too many", "max_items", spoil_max_items},
    {"broken-leak", "a refused value leaves memory behind", "value_too_big", spoil_leak},
    {"broken-clear-prefix", "clear takes no notice of the prefix", "prefix_clear", spoil_clear},
    {"broken-iterate", "iterate leaves entries out", "iterate_all", spoil_iterate},
    {"broken-iterate-stop", "iterate does not stop", "iterate_stop", spoil_stop},
    {"broken-stats-items", "stats takes sets for items", "stats_items", spoil_items},
    {"broken-counted-has", "has counts as a lookup", "stats_counts", spoil_counted_has},
    {"broken-fork", "a lock stays taken in a forked child", "fork_under_load", spoil_fork},
};
const size_t broken_rules_count = sizeof broken_rules / sizeof broken_rules[0];
