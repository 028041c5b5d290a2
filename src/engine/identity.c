/*
 * identity.c - tokens and rows.
 */
#include "engine/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/pins.h"

#define IDENTITY_BYTES 4096
#define WAITS 100000 /* of a thread for another that is getting the token; each gives way */

int jayi_identity_init(jayi_region *region, jay_error *error) {
    void *page =
        mmap(NULL, IDENTITY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return jay_error_set(error, JAY_E_NO_MEMORY, errno, "no memory for the handle");
    if (madvise(page, IDENTITY_BYTES, MADV_WIPEONFORK) != 0) {
        int saved = errno;
        munmap(page, IDENTITY_BYTES);
        return jay_error_set(error, JAY_E_UNSUPPORTED, saved,
                             "this kernel has no MADV_WIPEONFORK; Linux 4.14 or later is needed");
    }
    region->identity = page;
    return JAY_OK;
}

void jayi_identity_deinit(jayi_region *region) {
    munmap(region->identity, IDENTITY_BYTES);
    region->identity = NULL;
}

/* ---- the lock file: one byte a row ---- */

static struct flock byte_of_row(short type, uint32_t row) {
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = 1 + (off_t)row, .l_len = 1};
}

static bool row_lock(const jayi_region *region, uint32_t row) {
    struct flock lock = byte_of_row(F_WRLCK, row);
    return fcntl(region->lock_fd, F_SETLK, &lock) == 0;
}

static void row_unlock(const jayi_region *region, uint32_t row) {
    struct flock lock = byte_of_row(F_UNLCK, row);
    fcntl(region->lock_fd, F_SETLK, &lock);
}

/* Whether another process holds the byte of a row. When in doubt: yes. */
static bool row_is_locked(const jayi_region *region, uint32_t row) {
    struct flock lock = byte_of_row(F_WRLCK, row);
    int saved = errno;
    bool is_locked = fcntl(region->lock_fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
    errno = saved;
    return is_locked;
}

/* ---- tokens ---- */

/* Makes a row ours. What an earlier owner held is dropped. */
static uint32_t take_row(jayi_region *region, uint32_t number) {
    jayi_row *row = &region->rows[number];
    if (region->is_shared) jayi_pins_clear(region, row);
    uint32_t serial = (jayi_peek(&row->last_token) >> JAYI_TOKEN_ROW_BITS) + 1;
    uint32_t token = (serial << JAYI_TOKEN_ROW_BITS | number) & JAYI_TOKEN_MAX;
    if (token >> JAYI_TOKEN_ROW_BITS == 0) token |= 1u << JAYI_TOKEN_ROW_BITS;
    /* Raised before the row holds anything, as pin_high is before an entry is used. */
    uint32_t high = atomic_load(&region->header->rows_high);
    while (high <= number &&
           !atomic_compare_exchange_weak(&region->header->rows_high, &high, number + 1)) {}
    jayi_poke(&row->last_token, token);
    jayi_poke(&row->pid, (uint32_t)getpid());
    atomic_store(&row->token, token);
    return token;
}

static uint32_t find_row(jayi_region *region) {
    if (!region->is_shared) return take_row(region, 0);
    for (uint32_t number = 0; number < region->row_count; number++) {
        if (row_lock(region, number)) return take_row(region, number);
    }
    return 0;
}

static void join(jayi_region *region) {
    uint32_t token = find_row(region);
    if (token != 0) atomic_store(&region->identity->stripes, jayi_own_row(region, token)->stripes);
    atomic_store(&region->identity->token, token);
}

int jayi_identity_acquire(jayi_region *region, jay_error *error) {
    jayi_identity *identity = region->identity;
    for (int i = 0; i < WAITS; i++) {
        uint32_t is_free = 0;
        if (atomic_load(&identity->token) != 0) return JAY_OK;
        if (!atomic_compare_exchange_strong(&identity->busy, &is_free, 1)) {
            sched_yield();
            continue;
        }
        if (atomic_load(&identity->token) == 0) join(region);
        atomic_store(&identity->busy, 0);
        if (atomic_load(&identity->token) != 0) return JAY_OK;
        return jay_error_set(error, JAY_E_FULL, 0,
                             "%u processes use this cache already; open it with a larger "
                             "max_processes",
                             region->row_count);
    }
    return jay_error_set(error, JAY_E_BUSY, 0, "another thread is still joining the cache");
}

void jayi_identity_release(jayi_region *region) {
    atomic_store(&region->identity->stripes, NULL);
    uint32_t token = atomic_exchange(&region->identity->token, 0);
    if (token == 0 || !region->is_shared) return;
    jayi_row *row = jayi_own_row(region, token);
    jayi_pins_clear(region, row);
    atomic_store(&row->token, 0);
    row_unlock(region, jayi_token_row(region, token));
}

bool jayi_token_is_dead(const jayi_region *region, uint32_t own_token, uint32_t token) {
    if (token == own_token) return false;
    if (!region->is_shared) return true;
    uint32_t number = token & ((1u << JAYI_TOKEN_ROW_BITS) - 1);
    if (number >= region->row_count) return true; /* a damaged word */
    if (atomic_load(&region->rows[number].token) != token) return true;
    if (number == jayi_token_row(region, own_token)) return true;
    return !row_is_locked(region, number);
}

/* Under the row's own lock, so that nobody moves in meanwhile. */
static bool reap_row(jayi_region *region, uint32_t number, uint32_t token) {
    jayi_row *row = &region->rows[number];
    if (!row_lock(region, number)) return false;
    bool is_still_there = atomic_load(&row->token) == token;
    if (is_still_there) {
        jayi_pins_clear(region, row);
        atomic_store(&row->token, 0);
    }
    row_unlock(region, number);
    return is_still_there;
}

bool jayi_rows_reap(jayi_region *region, uint32_t own_token) {
    jayi_identity *identity = region->identity;
    bool has_reaped = false;
    uint32_t is_free = 0;
    if (!region->is_shared) return false;
    /* fcntl locks do not part threads: one of a process at a time, and none while it takes a row.
     */
    if (!atomic_compare_exchange_strong(&identity->busy, &is_free, 1)) return false;
    for (uint32_t number = 0; number < region->row_count; number++) {
        uint32_t token = atomic_load(&region->rows[number].token);
        if (token == 0 || number == jayi_token_row(region, own_token)) continue;
        if (jayi_token_is_dead(region, own_token, token) && reap_row(region, number, token))
            has_reaped = true;
    }
    atomic_store(&identity->busy, 0);
    return has_reaped;
}
