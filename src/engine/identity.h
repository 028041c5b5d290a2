/*
 * identity.h - which process is which: tokens, rows, and who is still alive.
 *
 * A token is a row's number and a serial that the row has never had before. It stands in lock
 * words, so that who finds one knows whose it is. In a shared region each process holds an fcntl
 * lock on the byte of its row in a lock file: the kernel drops it when the process dies, however it
 * dies, and even while it is a zombie. In a private region a token that is not our own is that of
 * the parent whose threads did not come along through fork.
 */
#ifndef JAYI_IDENTITY_H
#define JAYI_IDENTITY_H

#include "engine/region.h"
#include "util/stripe.h"

#define JAYI_TOKEN_ROW_BITS 12
#define JAYI_TOKEN_MAX 0x7fffffffu /* the top bit of a lock word is JAYI_LOCK_WAITERS */

/* Maps the page of the identity. JAY_OK or JAY_E_NO_MEMORY. */
int jayi_identity_init(jayi_region *region, jay_error *error);
void jayi_identity_deinit(jayi_region *region);

/* Gets a token for this process. JAY_OK, JAY_E_FULL when all rows are taken, or JAY_E_BUSY. */
int jayi_identity_acquire(jayi_region *region, jay_error *error);

/* Gives the row back; its counts stay. */
void jayi_identity_release(jayi_region *region);

/* Our token, got on the first call after a fork; 0 when there is none to be had. */
static inline uint32_t jayi_token(jayi_region *region) {
    uint32_t token = atomic_load_explicit(&region->identity->token, memory_order_acquire);
    if (token != 0) return token;
    return jayi_identity_acquire(region, NULL) == JAY_OK
               ? atomic_load_explicit(&region->identity->token, memory_order_acquire)
               : 0;
}

static inline uint32_t jayi_token_row(const jayi_region *region, uint32_t token) {
    uint32_t row = token & ((1u << JAYI_TOKEN_ROW_BITS) - 1);
    return row < region->row_count ? row : 0; /* which only a damaged token is not */
}

static inline jayi_row *jayi_own_row(const jayi_region *region, uint32_t token) {
    return &region->rows[jayi_token_row(region, token)];
}

/* The stripe of a row that the calling thread counts in. */
static inline size_t jayi_row_stripe_index(void) {
    size_t index = jayi_stripe_index();
    return index < JAYI_ROW_STRIPES ? index : JAYI_ROW_STRIPES - 1;
}

/* Adds to a counter of our row, by its stripes. */
static inline void jayi_stripes_add(jayi_row_stripe *stripes, enum jayi_row_counter counter,
                                    int64_t amount) {
    size_t index = jayi_row_stripe_index();
    jayi_stripe_add(&stripes[index].counts[counter], index, JAYI_ROW_STRIPES, amount);
}

static inline void jayi_row_add(jayi_row *row, enum jayi_row_counter counter, int64_t amount) {
    jayi_stripes_add(row->stripes, counter, amount);
}

/* Whether the process that a token stands for has ended. */
bool jayi_token_is_dead(const jayi_region *region, uint32_t own_token, uint32_t token);

/* Clears the pins of processes that have died. Returns whether there were any. */
bool jayi_rows_reap(jayi_region *region, uint32_t own_token);

#endif
