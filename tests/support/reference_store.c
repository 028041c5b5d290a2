/*
 * reference_store.c - a hash table with a queue from the oldest entry to the newest.
 *
 * The oldest entry goes first when there is no room. Limits are exact: items and bytes never exceed
 * them while the lock is free.
 */
#include "reference_store.h"

#include <string.h>
#include <time.h>

int64_t reference_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t reference_deadline(int64_t ttl_ms) {
    if (ttl_ms == JAY_TTL_FOREVER) return INT64_MAX;
    return ttl_ms == JAY_TTL_EXPIRED ? 0 : reference_now_ms() + ttl_ms;
}

size_t reference_entry_bytes(const reference_entry *entry) {
    return sizeof *entry + entry->value_size + 1 + entry->key_size;
}

reference_entry *reference_make(const reference_store *store, const jay_write *write) {
    if (write->value_size > SIZE_MAX / 2) return NULL;
    size_t size = sizeof(reference_entry) + write->value_size + 1 + write->key_size;
    reference_entry *entry = store->allocator.alloc(store->allocator.arg, size);
    if (entry == NULL) return NULL;
    *entry = (reference_entry){.deadline_ms = reference_deadline(write->ttl_ms),
                               .references = 1,
                               .key_size = write->key_size,
                               .value_size = write->value_size};
    if (write->value_size > 0) memcpy(entry->bytes, write->value, write->value_size);
    entry->bytes[write->value_size] = '\0';
    memcpy(entry->bytes + write->value_size + 1, write->key, write->key_size);
    return entry;
}

static size_t bucket_of(const void *key, size_t key_size) {
    const unsigned char *bytes = key;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key_size; i++) hash = (hash ^ bytes[i]) * 16777619u;
    return hash % REFERENCE_BUCKETS;
}

reference_entry *reference_find(reference_store *store, const void *key, size_t key_size) {
    reference_entry *entry = store->buckets[bucket_of(key, key_size)];
    while (entry != NULL &&
           (entry->key_size != key_size || memcmp(reference_key(entry), key, key_size) != 0))
        entry = entry->next;
    if (entry == NULL || entry->deadline_ms > reference_now_ms()) return entry;
    store->expiries++;
    reference_unlink(store, entry);
    return NULL;
}

void reference_drop(reference_store *store, reference_entry *entry) {
    if (--entry->references > 0) return;
    store->bytes -= reference_entry_bytes(entry);
    store->allocator.free(store->allocator.arg, entry);
}

void reference_unlink(reference_store *store, reference_entry *entry) {
    reference_entry **link = &store->buckets[bucket_of(reference_key(entry), entry->key_size)];
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    if (entry->older != NULL) entry->older->newer = entry->newer;
    if (entry->older == NULL) store->oldest = entry->newer;
    if (entry->newer != NULL) entry->newer->older = entry->older;
    if (entry->newer == NULL) store->newest = entry->older;
    store->items--;
    reference_drop(store, entry);
}

void reference_sweep(reference_store *store) {
    int64_t now = reference_now_ms();
    reference_entry *newer;
    for (reference_entry *entry = store->oldest; entry != NULL; entry = newer) {
        newer = entry->newer;
        if (entry->deadline_ms > now) continue;
        store->expiries++;
        reference_unlink(store, entry);
    }
}

static int has_room(const reference_store *store, size_t size) {
    if (store->max_items > 0 && store->items >= store->max_items) return 0;
    return store->max_bytes == 0 || store->bytes + size <= store->max_bytes;
}

int reference_link(reference_store *store, reference_entry *entry, reference_entry *old,
                   jay_error *error) {
    size_t size = reference_entry_bytes(entry);
    if (store->max_bytes > 0 && size > store->max_bytes) {
        return jay_error_set(error, JAY_E_TOO_BIG, 0,
                             "the entry takes %zu bytes, the cache holds %zu; raise max_bytes",
                             size, store->max_bytes);
    }
    if (old != NULL) reference_unlink(store, old);
    if (!has_room(store, size)) reference_sweep(store);
    while (!has_room(store, size) && store->oldest != NULL) {
        store->evictions++;
        reference_unlink(store, store->oldest);
    }
    if (!has_room(store, size)) {
        return jay_error_set(error, JAY_E_FULL, 0,
                             "views pin %zu of %zu bytes; release some or raise max_bytes",
                             store->bytes, store->max_bytes);
    }
    reference_entry **bucket = &store->buckets[bucket_of(reference_key(entry), entry->key_size)];
    entry->version = ++store->last_version;
    entry->next = *bucket;
    *bucket = entry;
    entry->older = store->newest;
    entry->newer = NULL;
    if (store->newest != NULL) store->newest->newer = entry;
    if (store->newest == NULL) store->oldest = entry;
    store->newest = entry;
    store->items++;
    store->bytes += size;
    return JAY_OK;
}
