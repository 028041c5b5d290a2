/*
 * mc_replicas.c - replicas=N: each entry on N + 1 servers, those that follow one another from its
 * place on the circle.
 *
 * Lookups are answered by the first server that answers at all. What a change comes to is what that
 * one says; afterwards the copies are made like it:
 *
 *     set           is stored on each
 *     add, replace, cas, inc   happen on the first that answers, and what came of it is stored on
 *                   those behind it. When the first times out, so does the call: it may have been
 *                   done, and is not done elsewhere a second time
 *     delete        on each; it is reported only when each has confirmed it
 *
 * Versions say in their top bits which place they are of, so that one of a copy never fits another
 * server's entry by chance.
 */
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "os/real_clock.h"
#include "util/checked.h"
#include "util/memory.h"

#define MARK_SHIFT 60

/* ---- places ---- */

int jayi_mc_make_places(jay_backend *backend, size_t replicas, jay_error *error) {
    for (size_t i = 1; i <= replicas; i++) {
        jay_backend *next = jayi_calloc(&backend->allocator, 1, sizeof *next);
        if (next == NULL)
            return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for the replicas");
        memcpy(next, backend, sizeof *next);
        jayi_blocks_init(&next->blocks, &next->allocator);
        next->place = i;
        next->version_mark = (uint64_t)i << MARK_SHIFT;
        next->next_place = NULL;
        backend->next_place = next;
        backend = next;
    }
    return JAY_OK;
}

void jayi_mc_free_places(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    for (jay_backend *next = backend->next_place; next != NULL;) {
        jay_backend *place = next;
        next = place->next_place;
        jayi_blocks_deinit(&place->blocks);
        jayi_free(&allocator, place);
    }
    backend->next_place = NULL;
}

/* ---- one key ---- */

static int set_copy(jay_backend *place, const jay_write *write) {
    if (write->ttl_ms == JAY_TTL_EXPIRED)
        return jayi_mc_erase_at(place, write->key, write->key_size, NULL);
    jay_write copy = *write;
    copy.mode = JAY_WRITE_SET;
    copy.version = 0;
    return jayi_mc_write_at(place, &copy, NULL);
}

int jayi_mc_write_copies(jay_backend *backend, const jay_write *write, int status,
                         jay_error *error) {
    bool is_plain = write->mode == JAY_WRITE_SET;
    for (jay_backend *place = backend->next_place; place != NULL; place = place->next_place) {
        bool goes_on = is_plain ? mc_is_outage(status) : status == JAY_E_UNREACHABLE;
        if (goes_on) {
            status = jayi_mc_write_at(place, write, error);
        } else if (is_plain || status == JAY_OK) {
            /* Where the first has refused, no copy may keep what was there before. */
            (void)set_copy(place, write);
        }
    }
    return status;
}

/* What two deletions come to: a failure if there was one, else what the first has found, so that of
 * several callers one has deleted it. */
static int join_deletions(int first, int other) {
    return first >= 0 && other < 0 ? other : first;
}

int jayi_mc_erase_copies(jay_backend *backend, const void *key, size_t key_size, int status,
                         jay_error *error) {
    for (jay_backend *place = backend->next_place; place != NULL; place = place->next_place) {
        int own = jayi_mc_erase_at(place, key, key_size, status < 0 ? NULL : error);
        status = join_deletions(status, own);
    }
    return status;
}

int jayi_mc_touch_copies(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                         int status, jay_error *error) {
    for (jay_backend *place = backend->next_place; place != NULL; place = place->next_place) {
        bool goes_on = mc_is_outage(status);
        int own = jayi_mc_touch_at(place, key, key_size, ttl_ms, goes_on ? error : NULL);
        if (goes_on) status = own;
    }
    return status;
}

static int64_t ttl_of(const mc_found *found) {
    if (found->deadline_ms == 0) return jayi_mc_ttl_of_rest(found->rest_s);
    int64_t left_ms = found->deadline_ms - jayi_clock_real_ms();
    return left_ms > 0 ? left_ms : 1;
}

/* Stores a place's entry, as it is now, at those behind it. */
static void copy_entry(jay_backend *from, const void *key, size_t key_size) {
    mc_call call;
    mc_found found = {0};
    if (jayi_mc_begin(&call, from, key, key_size, NULL) != JAY_OK) return;
    if (jayi_mc_end(&call, jayi_mc_find(&call, " v f t", &found)) != JAY_OK) return;
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_SET,
                       .key = key,
                       .key_size = key_size,
                       .value = found.data,
                       .value_size = found.size,
                       .ttl_ms = ttl_of(&found),
                       .flags = found.flags};
    for (jay_backend *place = from->next_place; place != NULL; place = place->next_place)
        (void)set_copy(place, &write);
    jayi_block_release(&from->blocks, found.block);
}

int jayi_mc_inc_copies(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                       int64_t ttl_ms, int64_t *ret_number, int status, jay_error *error) {
    while (status == JAY_E_UNREACHABLE && backend->next_place != NULL) {
        backend = backend->next_place;
        status = jayi_mc_inc_at(backend, key, key_size, delta, ttl_ms, ret_number, error);
    }
    if (status == JAY_OK && backend->next_place != NULL) copy_entry(backend, key, key_size);
    return status;
}

/* ---- batches ---- */

/* Room for what a place says of a batch: `size` bytes a key. NULL without memory. */
static void *make_room(const jay_backend *backend, size_t count, size_t size) {
    size_t bytes;
    return jayi_mul_size(count, size, &bytes) ? jayi_alloc(&backend->allocator, bytes) : NULL;
}

static void fail_batch(int *statuses, size_t count, jay_error *error) {
    int status =
        jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a batch of %zu keys", count);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] == JAY_OK) statuses[i] = status;
    }
}

void jayi_mc_get_many_elsewhere(jay_backend *backend, const jay_bytes *keys, size_t count,
                                jay_value *ret_values, int *statuses, jay_error *error) {
    int *own = make_room(backend, count, sizeof *own);
    /* Without memory the failures stay what they are. */
    if (own == NULL) return;
    for (jay_backend *place = backend->next_place; place != NULL; place = place->next_place) {
        size_t open = 0;
        for (size_t i = 0; i < count; i++) {
            bool is_open = mc_is_outage(statuses[i]);
            own[i] = is_open ? JAY_OK : JAY_MISS;
            open += is_open;
        }
        if (open == 0) break;
        jayi_mc_get_many_at(place, keys, count, ret_values, own, error);
        for (size_t i = 0; i < count; i++) {
            if (mc_is_outage(statuses[i])) statuses[i] = own[i];
        }
    }
    jayi_free(&backend->allocator, own);
}

void jayi_mc_set_many_copies(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                             size_t count, int *statuses, jay_error *error) {
    int *before = make_room(backend, count, 2 * sizeof *before);
    if (before == NULL) {
        fail_batch(statuses, count, error);
        return;
    }
    int *own = before + count;
    memcpy(before, statuses, count * sizeof *before);
    jayi_mc_set_many_at(backend, pairs, flags, count, statuses, error);
    for (jay_backend *place = backend->next_place; place != NULL; place = place->next_place) {
        jay_error once;
        memcpy(own, before, count * sizeof *own);
        jayi_mc_set_many_at(place, pairs, flags, count, own, &once);
        for (size_t i = 0; i < count; i++) {
            if (mc_is_outage(statuses[i])) statuses[i] = own[i];
        }
    }
    jayi_free(&backend->allocator, before);
}

void jayi_mc_delete_many_copies(jay_backend *backend, const jay_bytes *keys, size_t count,
                                int *statuses, jay_error *error) {
    int *before = make_room(backend, count, 2 * sizeof *before);
    if (before == NULL) {
        fail_batch(statuses, count, error);
        return;
    }
    int *own = before + count;
    memcpy(before, statuses, count * sizeof *before);
    bool has_failed = false;
    for (jay_backend *place = backend; place != NULL; place = place->next_place) {
        jay_error once;
        memcpy(own, before, count * sizeof *own);
        jayi_mc_delete_many_at(place, keys, count, own, &once);
        for (size_t i = 0; i < count; i++) {
            if (before[i] != JAY_OK) continue;
            if (own[i] < 0 && !has_failed) {
                *error = once;
                has_failed = true;
            }
            statuses[i] = place == backend ? own[i] : join_deletions(statuses[i], own[i]);
        }
    }
    jayi_free(&backend->allocator, before);
}
