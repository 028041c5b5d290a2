/*
 * reference_store.h - the entries of the reference backend. The caller holds the store's lock
 * around every call here but the first two.
 */
#ifndef REFERENCE_STORE_H
#define REFERENCE_STORE_H

#include "reference_backend.h"

/* What a deadline is for a TTL that a backend sees. */
int64_t reference_deadline(int64_t ttl_ms);

/* An entry that belongs to the caller, or NULL. Needs no lock. */
reference_entry *reference_make(const reference_store *store, const jay_write *write);

/* A key's live entry, or NULL; an expired one is removed on the way. */
reference_entry *reference_find(reference_store *store, const void *key, size_t key_size);

/*
 * Puts an entry in the place of `old`, which may be NULL. JAY_OK, or JAY_E_FULL or JAY_E_TOO_BIG:
 * then `old` and others may be gone, and `entry` is still the caller's.
 */
int reference_link(reference_store *store, reference_entry *entry, reference_entry *old,
                   jay_error *error);

/* Takes an entry out of the table. */
void reference_unlink(reference_store *store, reference_entry *entry);

/* Drops one reference. */
void reference_drop(reference_store *store, reference_entry *entry);

/* Removes what has expired. */
void reference_sweep(reference_store *store);

/* What an entry takes. */
size_t reference_entry_bytes(const reference_entry *entry);

static inline const void *reference_key(const reference_entry *entry) {
    return entry->bytes + entry->value_size + 1;
}

#endif
