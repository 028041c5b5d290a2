/*
 * file_room.c - removing entries, counting leaves, eviction.
 */
#include "backends/file/file_room.h"

#include <errno.h>
#include <string.h>

#include "backends/file/file_read.h"
#include "os/file_ops.h"
#include "os/real_clock.h"
#include "util/hash.h"

#define SAMPLE_ENTRIES 32  /* a sample ends with the leaf that brings it to so many */
#define SAMPLE_LEAVES 16   /* or with the last of so many */
#define SAMPLE_SHARE 4     /* one of so many that were seen may be evicted before the next sample */
#define HEADERS_MAX 16     /* files of a sample that are opened, for expired entries */
#define ROUNDS_MAX 100000  /* of eviction in one call */
#define FRUITLESS_MAX 1000 /* rounds in a row that evict nothing */
#define DISK_ROUNDS 16     /* entries that go when the disk is full */

/* ---- looking through a leaf ---- */

typedef struct survey {
    const jay_backend *backend;
    uint32_t leaf;
    int leaf_fd;
    const jayi_name *spared;
    jayi_leaf_record record; /* what is there */
    jayi_candidate *pool;    /* the oldest, newest first; NULL: not wanted */
    uint32_t pool_count;
    uint32_t pool_max;
    uint32_t headers;
    int64_t now_ms;
    bool drops_spare;
    int failure;      /* errno of a file that could not be looked at */
    uint32_t expired; /* entries whose time was over, and which are gone */
} survey;

static int64_t ns_of(const struct timespec *time) {
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Puts an entry among the candidates, unless so many are older. */
static void offer(survey *s, const char *file, int64_t written_ns) {
    uint32_t at = 0;
    while (at < s->pool_count && s->pool[at].written_ns > written_ns) at++;
    if (s->pool_count == s->pool_max) {
        if (at == 0) return;
        memmove(s->pool, s->pool + 1, (at - 1) * sizeof *s->pool);
        at--;
    } else {
        memmove(s->pool + at + 1, s->pool + at, (s->pool_count - at) * sizeof *s->pool);
        s->pool_count++;
    }
    s->pool[at] = (jayi_candidate){.written_ns = written_ns, .leaf = s->leaf};
    memcpy(s->pool[at].file, file, sizeof s->pool[at].file);
}

static bool is_over(const survey *s, const char *file) {
    jayi_reading reading;
    int status = jayi_reading_open(s->backend, s->leaf_fd, file, JAYI_READ_QUIETLY, &reading, NULL);
    if (status != JAY_OK) return false;
    jayi_reading_close(&reading);
    return jayi_entry_is_over(&reading.entry, s->now_ms);
}

static bool survey_file(void *arg, const char *file) {
    survey *s = arg;
    struct stat st;
    bool is_spare = strcmp(file, JAYI_SPARE) == 0;
    if (!is_spare && !jayi_name_is_entry(file)) return true;
    if (jayi_files.stat_at(s->leaf_fd, file, &st) != 0) {
        if (errno == ENOENT) return true;
        s->failure = errno; /* what cannot be seen cannot be counted */
        return false;
    }
    if (!jayi_file_is_ours(s->backend, &st)) return true;
    uint64_t charge = jayi_file_charge((uint64_t)st.st_size);
    if (is_spare) {
        if (!s->drops_spare || jayi_files.unlink(s->leaf_fd, file) != 0) s->record.bytes += charge;
        return true;
    }
    if (s->pool != NULL) {
        if (s->headers++ < HEADERS_MAX && is_over(s, file) &&
            jayi_files.unlink(s->leaf_fd, file) == 0) {
            s->record.expiries++;
            s->expired++;
            return true;
        }
        bool is_spared = s->spared != NULL && strcmp(jayi_name_file(s->spared), file) == 0;
        if (!is_spared) offer(s, file, ns_of(&st.st_mtim));
    }
    s->record.items++;
    s->record.bytes += charge;
    return true;
}

/* Looks through a leaf, whose lock is held, and writes its record anew. */
static int look_through(survey *s, jay_error *error) {
    jayi_leaf_record old;
    int status = jayi_table_read(s->backend->dir, s->leaf, &old, error);
    if (status != JAY_OK) return status;
    s->record = (jayi_leaf_record){
        .state = JAYI_LEAF_CLEAN, .evictions = old.evictions, .expiries = old.expiries};
    if (s->pool != NULL && old.state == JAYI_LEAF_CLEAN) {
        old.state = JAYI_LEAF_DIRTY; /* expired entries may go, one by one */
        status = jayi_table_write(s->backend->dir, s->leaf, &old, error);
    }
    if (status == JAY_OK && s->leaf_fd >= 0)
        status = jayi_leaf_list(s->leaf_fd, survey_file, s, error);
    if (status == JAY_OK && s->failure != 0) {
        errno = s->failure;
        status = jayi_file_failed("look at an entry of", s->backend->dir->path, error);
    }
    if (status != JAY_OK) return status;
    return jayi_table_write(s->backend->dir, s->leaf, &s->record, error);
}

int jayi_room_record(const jay_backend *backend, uint32_t leaf, jayi_leaf_record *ret_record,
                     jay_error *error) {
    int status = jayi_table_read(backend->dir, leaf, ret_record, error);
    if (status != JAY_OK || ret_record->state == JAYI_LEAF_CLEAN) return status;
    survey s = {.backend = backend, .leaf = leaf};
    status = jayi_leaf_open(backend, leaf, false, &s.leaf_fd, error);
    if (status < 0) return status;
    if (status == JAY_MISS) s.leaf_fd = -1;
    status = look_through(&s, error);
    if (s.leaf_fd >= 0) jayi_files.close(s.leaf_fd);
    *ret_record = s.record;
    return status;
}

/* ---- removing ---- */

int jayi_room_sync(const jay_backend *backend, int leaf_fd, jay_error *error) {
    if (jayi_files.sync(leaf_fd) == 0) return JAY_OK;
    return jay_error_set(error, JAY_E_IO, errno,
                         "what was changed in %s may not survive a power failure: %s",
                         backend->dir->path, strerror(errno));
}

int jayi_room_remove(const jay_backend *backend, uint32_t leaf, int leaf_fd, const char *file,
                     enum jayi_drop why, jay_error *error) {
    struct stat st;
    jayi_leaf_record record;
    if (jayi_files.stat_at(leaf_fd, file, &st) != 0) {
        if (errno == ENOENT) return JAY_MISS;
        return jayi_file_failed("look at an entry of", backend->dir->path, error);
    }
    if (!jayi_file_is_ours(backend, &st)) return JAY_MISS;
    int status = jayi_room_record(backend, leaf, &record, error);
    if (status != JAY_OK) return status;
    record.state = JAYI_LEAF_DIRTY;
    status = jayi_table_write(backend->dir, leaf, &record, error);
    if (status != JAY_OK) return status;
    if (jayi_files.unlink(leaf_fd, file) != 0) {
        status = errno == ENOENT
                     ? JAY_MISS
                     : jayi_file_failed("remove an entry of", backend->dir->path, error);
    } else {
        uint64_t charge = jayi_file_charge((uint64_t)st.st_size);
        record.items -= record.items > 0;
        record.bytes -= charge < record.bytes ? charge : record.bytes;
        record.evictions += why == JAYI_DROP_EVICTED;
        record.expiries += why == JAYI_DROP_EXPIRED;
        if (backend->is_synced) status = jayi_room_sync(backend, leaf_fd, error);
    }
    record.state = JAYI_LEAF_CLEAN;
    jayi_table_write(backend->dir, leaf, &record, NULL); /* or it stays dirty, and is counted */
    return status;
}

void jayi_room_drop(const jay_backend *backend, const jayi_name *name, enum jayi_drop why) {
    int leaf_fd;
    if (jayi_leaf_open(backend, name->leaf, false, &leaf_fd, NULL) != JAY_OK) return;
    jayi_room_remove(backend, name->leaf, leaf_fd, jayi_name_file(name), why, NULL);
    jayi_files.close(leaf_fd);
}

void jayi_room_expire(const jay_backend *backend, const jayi_name *name) {
    jayi_reading reading;
    int saved = errno;
    if (!jayi_dir_try_lock(backend->dir, name->leaf)) return;
    if (jayi_reading_open(backend, backend->dir->root_fd, name->path, JAYI_READ_QUIETLY, &reading,
                          NULL) == JAY_OK) {
        jayi_reading_close(&reading);
        if (jayi_entry_is_over(&reading.entry, jayi_file_now_ms()))
            jayi_room_drop(backend, name, JAYI_DROP_EXPIRED);
    }
    jayi_dir_unlock(backend->dir, name->leaf);
    errno = saved;
}

/* ---- limits ---- */

static bool has_room(const jayi_table *table, uint64_t more_items, uint64_t more_bytes) {
    if (table->max_items > 0 && table->items + more_items > table->max_items) return false;
    return table->bytes + more_bytes <= table->max_bytes;
}

int jayi_room_reserve(const jay_backend *backend, uint32_t leaf, jayi_leaf_record *record,
                      uint64_t more_items, uint64_t more_bytes, jay_error *error) {
    jayi_table table;
    jayi_dir *dir = backend->dir;
    int status = jayi_dir_lock(dir, JAYI_LOCK_TOTALS, error);
    if (status != JAY_OK) return status;
    status = jayi_table_load(dir, &table, error);
    if (status == JAY_OK && (table.unknown > 0 || !has_room(&table, more_items, more_bytes)))
        status = JAYI_NO_ROOM;
    if (status == JAY_OK) {
        record->state = JAYI_LEAF_DIRTY;
        record->items += more_items;
        record->bytes += more_bytes;
        status = jayi_table_write(dir, leaf, record, error);
    }
    jayi_dir_unlock(dir, JAYI_LOCK_TOTALS);
    return status;
}

static int load_steadily(const jay_backend *backend, jayi_table *ret_table, jay_error *error) {
    int status = jayi_dir_lock(backend->dir, JAYI_LOCK_TOTALS, error);
    if (status != JAY_OK) return status;
    status = jayi_table_load(backend->dir, ret_table, error);
    jayi_dir_unlock(backend->dir, JAYI_LOCK_TOTALS);
    return status;
}

int jayi_room_totals(const jay_backend *backend, jayi_table *ret_table, jay_error *error) {
    int status = load_steadily(backend, ret_table, error);
    if (status != JAY_OK || ret_table->dirty == 0) return status;
    for (uint32_t leaf = 0; leaf < JAYI_LEAVES; leaf++) {
        jayi_leaf_record record;
        if (ret_table->leaves[leaf].state == JAYI_LEAF_CLEAN) continue;
        if (!jayi_dir_try_lock(backend->dir, leaf)) continue; /* someone alive is at work there */
        status = jayi_room_record(backend, leaf, &record, error);
        jayi_dir_unlock(backend->dir, leaf);
        if (status != JAY_OK) return status;
    }
    return load_steadily(backend, ret_table, error);
}

/* ---- eviction ---- */

static uint64_t next_random(jayi_dir_local *local) {
    if (local->random == 0) local->random = (uint64_t)jayi_clock_real_ns() | 1;
    local->random = local->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return local->random >> 33;
}

static int sample_leaf(survey *s, uint32_t leaf, jay_error *error) {
    s->leaf = leaf;
    int status = jayi_dir_lock(s->backend->dir, leaf, error);
    if (status != JAY_OK) return status;
    status = jayi_leaf_open(s->backend, leaf, false, &s->leaf_fd, error);
    if (status == JAY_MISS) s->leaf_fd = -1;
    if (status >= 0) status = look_through(s, error);
    if (s->leaf_fd >= 0) jayi_files.close(s->leaf_fd);
    jayi_dir_unlock(s->backend->dir, leaf);
    return status;
}

/* Fills the pool from some leaves. In the pool's mutex. JAY_STOPPED: it has made room by the way.
 */
static int take_sample(const jay_backend *backend, const jayi_table *table, const jayi_name *spared,
                       jay_error *error) {
    jayi_dir_local *local = backend->dir->local;
    uint64_t seen = 0;
    uint32_t leaves = 0;
    uint32_t first = (uint32_t)next_random(local);
    survey s = {.backend = backend,
                .spared = spared,
                .leaf_fd = -1,
                .pool = local->pool,
                .pool_max = JAYI_POOL,
                .now_ms = jayi_file_now_ms(),
                .drops_spare = table->bytes > table->max_bytes / 8 * 7};
    for (uint32_t i = 0; i < JAYI_LEAVES; i++) {
        uint32_t leaf = (first + i) % JAYI_LEAVES;
        const jayi_leaf_record *known = &table->leaves[leaf];
        if (known->state == JAYI_LEAF_CLEAN && known->items == 0 && known->bytes == 0) continue;
        int status = sample_leaf(&s, leaf, error);
        if (status != JAY_OK) return status;
        seen += s.record.items;
        if (seen >= SAMPLE_ENTRIES || ++leaves == SAMPLE_LEAVES) break;
    }
    /* Those that come last in the pool are the oldest. */
    uint32_t wanted = (uint32_t)(seen / SAMPLE_SHARE) + 1;
    if (s.pool_count > wanted) {
        memmove(local->pool, local->pool + s.pool_count - wanted, wanted * sizeof *local->pool);
        s.pool_count = wanted;
    }
    local->pool_count = s.pool_count;
    return s.expired > 0 ? JAY_STOPPED : JAY_OK;
}

/* Takes the next candidate. JAY_OK, JAY_MISS: there is none, JAY_STOPPED: expired entries went, so
 * that perhaps none is needed, or a failure. */
static int next_candidate(const jay_backend *backend, const jayi_name *spared,
                          jayi_candidate *ret_candidate, jay_error *error) {
    jayi_dir_local *local = backend->dir->local;
    jayi_table table;
    int status = JAY_OK;
    pthread_mutex_lock(&local->pool_lock);
    if (local->pool_count == 0) {
        status = jayi_table_load(backend->dir, &table, error);
        if (status == JAY_OK) status = take_sample(backend, &table, spared, error);
    }
    if (status == JAY_OK && local->pool_count == 0) status = JAY_MISS;
    if (status == JAY_OK) *ret_candidate = local->pool[--local->pool_count];
    pthread_mutex_unlock(&local->pool_lock);
    return status;
}

/* Counts a file that goes over to another leaf, so that the sum is never too small: first where it
 * comes, under the lock of the totals, then where it has been. */
static int begin_move(const jay_backend *backend, uint32_t from, uint32_t to, uint64_t charge,
                      jayi_leaf_record records[2]) {
    int status = jayi_room_record(backend, from, &records[0], NULL);
    if (status == JAY_OK) status = jayi_room_record(backend, to, &records[1], NULL);
    if (status == JAY_OK) status = jayi_dir_lock(backend->dir, JAYI_LOCK_TOTALS, NULL);
    if (status != JAY_OK) return status;
    records[0].state = records[1].state = JAYI_LEAF_DIRTY;
    records[1].bytes += charge;
    status = jayi_table_write(backend->dir, to, &records[1], NULL);
    if (status == JAY_OK) status = jayi_table_write(backend->dir, from, &records[0], NULL);
    jayi_dir_unlock(backend->dir, JAYI_LOCK_TOTALS);
    return status;
}

/* With both locks. Whether the file is the other leaf's spare now. */
static bool move_file(const jay_backend *backend, const jayi_candidate *candidate, int from_fd,
                      uint32_t to, int to_fd, uint64_t charge) {
    jayi_leaf_record records[2];
    struct stat st;
    if (jayi_files.stat_at(to_fd, JAYI_SPARE, &st) == 0) return false; /* it has one */
    if (begin_move(backend, candidate->leaf, to, charge, records) != JAY_OK) return false;
    bool is_moved = jayi_files.move(from_fd, candidate->file, to_fd, JAYI_SPARE) == 0;
    if (is_moved) {
        records[0].items -= records[0].items > 0;
        records[0].bytes -= charge < records[0].bytes ? charge : records[0].bytes;
        records[0].evictions++;
    } else {
        records[1].bytes -= charge;
    }
    records[0].state = records[1].state = JAYI_LEAF_CLEAN;
    jayi_table_write(backend->dir, candidate->leaf, &records[0], NULL);
    jayi_table_write(backend->dir, to, &records[1], NULL);
    return is_moved;
}

/*
 * Evicts a file by handing it over to the leaf that needs one for a new entry: cheaper than to
 * remove one and to make another. Its lock is only tried, since we hold that of the candidate.
 */
static bool hand_over(const jay_backend *backend, const jayi_candidate *candidate, int leaf_fd,
                      const struct stat *st, uint32_t to) {
    int to_fd;
    bool is_done = false;
    if (backend->is_synced || to == candidate->leaf || !jayi_file_is_ours(backend, st) ||
        jayi_file_is_held(st) || st->st_size > JAYI_SPARE_MAX ||
        !jayi_dir_try_lock(backend->dir, to))
        return false;
    if (jayi_leaf_open(backend, to, true, &to_fd, NULL) == JAY_OK) {
        is_done = move_file(backend, candidate, leaf_fd, to, to_fd,
                            jayi_file_charge((uint64_t)st->st_size));
        jayi_files.close(to_fd);
    }
    jayi_dir_unlock(backend->dir, to);
    return is_done;
}

/* Evicts a candidate, if it is still what it was, or lets it go round again. JAY_OK: evicted;
 * JAY_MISS; or a failure. */
static int evict(const jay_backend *backend, const jayi_candidate *candidate, const jayi_name *heir,
                 bool is_strict, jay_error *error) {
    struct stat st;
    int leaf_fd;
    int status = jayi_dir_lock(backend->dir, candidate->leaf, error);
    if (status != JAY_OK) return status;
    status = jayi_leaf_open(backend, candidate->leaf, false, &leaf_fd, error);
    if (status == JAY_OK) {
        status = JAY_MISS;
        if (jayi_files.stat_at(leaf_fd, candidate->file, &st) == 0 &&
            ns_of(&st.st_mtim) == candidate->written_ns) {
            bool was_read = ns_of(&st.st_atim) > candidate->written_ns;
            if (is_strict || !was_read || jayi_files.touch(leaf_fd, candidate->file) != 0) {
                bool is_done =
                    heir != NULL && hand_over(backend, candidate, leaf_fd, &st, heir->leaf);
                status = is_done ? JAY_OK
                                 : jayi_room_remove(backend, candidate->leaf, leaf_fd,
                                                    candidate->file, JAYI_DROP_EVICTED, error);
            }
        }
        jayi_files.close(leaf_fd);
    }
    jayi_dir_unlock(backend->dir, candidate->leaf);
    return status;
}

static int evict_one(const jay_backend *backend, const jayi_name *spared, bool is_inherited,
                     bool is_strict, jay_error *error) {
    jayi_candidate candidate;
    int status = next_candidate(backend, spared, &candidate, error);
    if (status == JAY_STOPPED) return JAY_OK;
    if (status != JAY_OK) return status;
    if (spared != NULL && candidate.leaf == spared->leaf &&
        strcmp(candidate.file, jayi_name_file(spared)) == 0)
        return JAY_MISS;
    return evict(backend, &candidate, is_inherited ? spared : NULL, is_strict, error);
}

int jayi_room_make(const jay_backend *backend, uint64_t more_items, uint64_t more_bytes,
                   const jayi_name *spared, jay_error *error) {
    jayi_table table;
    int fruitless = 0;
    for (int round = 0; round < ROUNDS_MAX && fruitless < FRUITLESS_MAX; round++) {
        int status = jayi_room_totals(backend, &table, error);
        if (status != JAY_OK) return status;
        if (has_room(&table, more_items, more_bytes)) return JAY_OK;
        /* Where bytes are short, a file has to go; where items are, it can be used again. */
        bool is_inherited = has_room(&table, 0, more_bytes);
        /* After a pool full of second chances there is no more mercy. */
        status = evict_one(backend, spared, is_inherited, fruitless > JAYI_POOL, error);
        if (status < 0) return status;
        fruitless = status == JAY_OK ? 0 : fruitless + 1;
    }
    return jay_error_set(error, JAY_E_FULL, 0,
                         "%s is full, and nothing more can be evicted; give a larger max_bytes",
                         backend->dir->path);
}

int jayi_room_evict_some(const jay_backend *backend, const jayi_name *spared, jay_error *error) {
    int evicted = 0;
    for (int round = 0; round < DISK_ROUNDS * 4 && evicted < DISK_ROUNDS; round++) {
        int status = evict_one(backend, spared, false, round > DISK_ROUNDS, error);
        if (status < 0) return status;
        evicted += status == JAY_OK;
    }
    return evicted > 0 ? JAY_OK : JAY_MISS;
}
