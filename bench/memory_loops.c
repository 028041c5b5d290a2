/*
 * memory_loops.c - the timed loops, one a kind of operation.
 *
 * A loop goes through the sequence in chunks and looks at the clock after each, so that every store
 * runs for the same time however slow it is. Values read are checked at both ends inside of the
 * loop: that is what a user of the value would touch, and a benchmark that reads wrong values must
 * fail.
 */
#include <stdatomic.h>

#include "memory_bench.h"

enum { CHUNK_STEPS = 256 };

typedef struct mb_lane {
    const peer_ops *ops;
    void *handle;
    const bench_sequence *sequence;
    size_t next; /* place in the sequence, a multiple of CHUNK_STEPS */
    size_t value_bytes;
    unsigned write_percent;
    int64_t duration_ns;
    char *read_buffer;
    char *write_buffer;
    /* results */
    int64_t start_ns;
    int64_t end_ns;
    uint64_t steps;
    uint64_t lookups;
    uint64_t misses;
    uint64_t wrong;
    bool has_failed;
} mb_lane;

/* Kept apart, so that threads do not share a cache line. */
typedef union padded_lane {
    mb_lane lane;
    char padding[(sizeof(mb_lane) + 127) / 128 * 128];
} padded_lane;

typedef void chunk_fn(mb_lane *lane, const bench_step *steps);

typedef struct mb_job {
    padded_lane lanes[MB_THREADS_MAX];
    chunk_fn *chunk;
    _Atomic int64_t deadline_ns; /* 0 until the first thread has started */
} mb_job;

static inline void get_one(mb_lane *lane, const bench_step *step, int *ret_status) {
    size_t size = 0;
    *ret_status = lane->ops->get_into(lane->handle, step->key, step->key_size, lane->read_buffer,
                                      lane->value_bytes, &size);
    lane->lookups++;
    if (*ret_status == PEER_HIT) {
        lane->wrong += size != lane->value_bytes ||
                       !bench_value_ends_match(lane->read_buffer, size, step->item, 0);
    } else if (*ret_status == PEER_MISS) {
        lane->misses++;
    } else {
        lane->has_failed = true;
    }
}

static inline void set_one(mb_lane *lane, const bench_step *step) {
    bench_value_stamp(lane->write_buffer, lane->value_bytes, step->item, 0);
    if (lane->ops->set(lane->handle, step->key, step->key_size, lane->write_buffer,
                       lane->value_bytes) != PEER_HIT) {
        lane->has_failed = true;
    }
}

static void chunk_get(mb_lane *lane, const bench_step *steps) {
    int status;
    for (size_t i = 0; i < CHUNK_STEPS; i++) get_one(lane, &steps[i], &status);
}

static void chunk_mix(mb_lane *lane, const bench_step *steps) {
    int status;
    for (size_t i = 0; i < CHUNK_STEPS; i++) {
        if (steps[i].dice < lane->write_percent) {
            set_one(lane, &steps[i]);
        } else {
            get_one(lane, &steps[i], &status);
        }
    }
}

static void chunk_miss_set(mb_lane *lane, const bench_step *steps) {
    int status;
    for (size_t i = 0; i < CHUNK_STEPS; i++) {
        get_one(lane, &steps[i], &status);
        if (status == PEER_MISS) set_one(lane, &steps[i]);
    }
}

static inline void look_at(mb_lane *lane, const bench_step *step, const peer_view *view) {
    lane->wrong += view->size != lane->value_bytes ||
                   !bench_value_ends_match(view->data, view->size, step->item, 0);
}

static void chunk_view(mb_lane *lane, const bench_step *steps) {
    for (size_t i = 0; i < CHUNK_STEPS; i++) {
        peer_view view;
        const int status = lane->ops->view(lane->handle, steps[i].key, steps[i].key_size, &view);
        if (status == PEER_HIT) {
            look_at(lane, &steps[i], &view);
            lane->ops->release(lane->handle, &view);
        } else if (status == PEER_MISS) {
            lane->misses++;
        } else {
            lane->has_failed = true;
        }
    }
    lane->lookups += CHUNK_STEPS;
}

static void chunk_many(mb_lane *lane, const bench_step *steps) {
    peer_key keys[PEER_BATCH_MAX];
    peer_view views[PEER_BATCH_MAX];
    for (size_t i = 0; i < CHUNK_STEPS; i += PEER_BATCH_MAX) {
        for (size_t j = 0; j < PEER_BATCH_MAX; j++) {
            keys[j].data = steps[i + j].key;
            keys[j].size = steps[i + j].key_size;
        }
        if (lane->ops->view_many(lane->handle, keys, PEER_BATCH_MAX, views) != PEER_HIT) {
            lane->has_failed = true;
            return;
        }
        for (size_t j = 0; j < PEER_BATCH_MAX; j++) {
            if (views[j].data == NULL) {
                lane->misses++;
            } else {
                look_at(lane, &steps[i + j], &views[j]);
            }
        }
        lane->ops->release_many(lane->handle, PEER_BATCH_MAX);
    }
    lane->lookups += CHUNK_STEPS;
}

static chunk_fn *chunk_of(enum mb_operation operation) {
    switch (operation) {
    case MB_VIEW:
        return chunk_view;
    case MB_MANY:
        return chunk_many;
    case MB_MIX:
        return chunk_mix;
    case MB_MISS_SET:
        return chunk_miss_set;
    case MB_GET:
    default:
        return chunk_get;
    }
}

/* All threads end together: one that got a processor late has done less, as it would have outside.
 */
static int64_t agree_on_deadline(mb_job *job, int64_t mine_ns) {
    int64_t agreed_ns = 0;
    if (atomic_compare_exchange_strong(&job->deadline_ns, &agreed_ns, mine_ns)) return mine_ns;
    return agreed_ns;
}

static void run_lane(void *arg, unsigned member) {
    mb_job *job = arg;
    /* A copy on this thread's stack: the counters stay in its own cache lines. */
    mb_lane lane = job->lanes[member].lane;
    lane.start_ns = bench_now_ns();
    const int64_t deadline_ns = agree_on_deadline(job, lane.start_ns + lane.duration_ns);
    do {
        job->chunk(&lane, lane.sequence->steps + lane.next);
        lane.steps += CHUNK_STEPS;
        lane.next += CHUNK_STEPS;
        if (lane.next + CHUNK_STEPS > lane.sequence->count) lane.next = 0;
        lane.end_ns = bench_now_ns();
    } while (lane.end_ns < deadline_ns && !lane.has_failed);
    job->lanes[member].lane = lane;
}

static bool lane_is_good(const mb_store *store, const mb_cell *cell, const mb_lane *lane) {
    if (lane->has_failed) {
        const char *message = store->ops->message == NULL ? "" : store->ops->message(lane->handle);
        fprintf(stderr, "bench: %s failed in %s. %s\n", store->name, cell->name, message);
        return false;
    }
    if (lane->wrong != 0) {
        fprintf(stderr, "bench: %s gave %llu wrong values in %s\n", store->name,
                (unsigned long long)lane->wrong, cell->name);
        return false;
    }
    /* A lookup that misses is cheap: a store that lost its data must not look fast. */
    const bool may_miss =
        cell->operation == MB_MISS_SET || (cell->operation == MB_MIX && store->ops->is_set_split);
    if (!may_miss && lane->misses * 100 > lane->lookups) {
        fprintf(stderr,
                "bench: %s missed %llu of %llu lookups in %s, though it was given room for all\n",
                store->name, (unsigned long long)lane->misses, (unsigned long long)lane->lookups,
                cell->name);
        return false;
    }
    return true;
}

/* Where a round begins: the same for all stores, different for each round and cell, so that no cell
 * finds a store prepared for the very lookups to come. */
static size_t start_of(const bench_sequence *sequence, const mb_cell *cell, unsigned round) {
    const size_t chunks = sequence->count / CHUNK_STEPS;
    const uint64_t place = (uint64_t)round * MB_CELLS_MAX + (uint64_t)(cell - mb_cells);
    return bench_mix(place) % chunks * CHUNK_STEPS;
}

static bool sum_up(const mb_job *job, const mb_store *store, const mb_cell *cell,
                   mb_result *ret_result) {
    uint64_t steps = 0, lookups = 0, misses = 0;
    int64_t start_ns = INT64_MAX, end_ns = 0;
    for (unsigned i = 0; i < cell->threads; i++) {
        const mb_lane *lane = &job->lanes[i].lane;
        if (!lane_is_good(store, cell, lane)) return false;
        steps += lane->steps;
        lookups += lane->lookups;
        misses += lane->misses;
        if (lane->start_ns < start_ns) start_ns = lane->start_ns;
        if (lane->end_ns > end_ns) end_ns = lane->end_ns;
    }
    ret_result->mops = (double)steps * 1e3 / (double)(end_ns - start_ns);
    ret_result->hit_ratio = lookups == 0 ? 0 : 1 - (double)misses / (double)lookups;
    return true;
}

bool mb_cell_run(mb_bench *bench, mb_store *store, const mb_cell *cell, unsigned round,
                 int64_t duration_ns, mb_result *ret_result) {
    static mb_job job; /* too large for the stack's taste, and only one runs at a time */
    memset(&job, 0, sizeof job);
    job.chunk = chunk_of(cell->operation);
    const size_t value_bytes = bench->set->value_bytes;
    const size_t stride = (value_bytes + 127) / 128 * 128 + 128; /* no line is shared */
    char *buffers = bench_pages_alloc(stride * 2 * MB_THREADS_MAX);
    for (unsigned i = 0; i < cell->threads; i++) {
        const bench_sequence *sequence = &bench->sequences[cell->distribution][i];
        mb_lane *lane = &job.lanes[i].lane;
        lane->ops = store->ops;
        lane->handle = store->handles[i];
        lane->sequence = sequence;
        lane->next = start_of(sequence, cell, round);
        lane->value_bytes = value_bytes;
        lane->write_percent = cell->write_percent;
        lane->duration_ns = duration_ns;
        lane->read_buffer = buffers + stride * 2 * i;
        lane->write_buffer = lane->read_buffer + stride;
        bench_value_prepare(lane->read_buffer, value_bytes);
        bench_value_prepare(lane->write_buffer, value_bytes);
    }
    bench_team_run(bench->team, cell->threads, run_lane, &job);
    const bool is_good = sum_up(&job, store, cell, ret_result);
    bench_pages_free(buffers, stride * 2 * MB_THREADS_MAX);
    return is_good;
}
