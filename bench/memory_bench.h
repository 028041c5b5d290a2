/*
 * memory_bench.h - the parts of bench_memory and how they fit.
 *
 *     bench_memory.c    options, order of things
 *     memory_cells.c    what is measured (cells), and which figures are made of it
 *     memory_stores.c   opens, fills, checks and closes the stores
 *     memory_loops.c    the timed loops
 *
 * A cell is one operation on one kind of data with a number of threads. Cells on the same data form
 * a set: all stores hold the set's data at once, and each round runs every cell on every store, so
 * that any two results of a round can be compared. Between sets everything is closed.
 */
#ifndef JAYCACHE_BENCH_MEMORY_BENCH_H
#define JAYCACHE_BENCH_MEMORY_BENCH_H

#include "harness.h"
#include "peers/peer.h"
#include "workload.h"

enum { MB_THREADS_MAX = 2, MB_STORES_MAX = 24, MB_CELLS_MAX = 48, MB_ROUNDS_MAX = 101 };

enum mb_operation {
    MB_GET,     /* copy the value out */
    MB_VIEW,    /* look at it in place: both ends are read */
    MB_MANY,    /* 16 views at once, each read at both ends */
    MB_MIX,     /* get, or set in write_percent of the cases */
    MB_MISS_SET /* get, and set after a miss, in a store that holds a tenth of the items */
};

typedef struct mb_cell {
    const char *name; /* "get.100B.zipf.1t" */
    enum mb_operation operation;
    unsigned write_percent;
    unsigned set;
    enum bench_distribution distribution;
    unsigned threads;
} mb_cell;

typedef struct mb_set {
    size_t value_bytes;
    bool is_tenth;     /* stores are limited to a tenth of the items */
    bool is_for_all;   /* false: of the rivals only the two of RocksDB take part, to save memory */
    bool is_footprint; /* the memory that stores take is measured with this one */
} mb_set;

extern const mb_cell mb_cells[];
extern const size_t mb_cell_count;
extern const mb_set mb_sets[];
extern const size_t mb_set_count;
extern const bench_goal mb_goals[];

typedef struct mb_store {
    const peer_ops *ops;
    char name[48];  /* begins the names of its figures */
    char url[256];  /* of Jaycache stores */
    bool is_own;    /* a Jaycache store */
    bool is_shared; /* in shared memory under a name of this run, to be removed afterwards */
    bool is_open;
    void *state;
    void *handles[MB_THREADS_MAX];
    bool is_needed[MB_CELLS_MAX];
    double mops[MB_CELLS_MAX][MB_ROUNDS_MAX];
    size_t runs[MB_CELLS_MAX];
    double hit_ratio[MB_CELLS_MAX]; /* of the last run */
    double bytes_over_payload;      /* of one item; negative: not measured */
} mb_store;

typedef struct mb_options {
    bool is_json;
    bool is_quick;
    uint32_t items;
    unsigned rounds;
    unsigned slot_ms;    /* how long a cell runs on a store in one round */
    size_t budget_bytes; /* for the data of all stores that are open at once */
    size_t sequence_steps;
    const char *filter; /* "": everything */
    const char *urls;   /* NULL: memory:, and shm: if the library has it */
    const char *peers;  /* NULL: all */
} mb_options;

typedef struct mb_bench {
    mb_options options;
    bench_report *report;
    bench_team *team;
    mb_store stores[MB_STORES_MAX];
    size_t store_count;
    char scratch[128];
    char tag[64];
    bool is_progress_shown;
    /* Of the set that is open: */
    const mb_set *set;
    uint32_t item_count;
    bench_sequence sequences[2][MB_THREADS_MAX]; /* by distribution and thread */
} mb_bench;

/* Set by SIGINT and SIGTERM: finish, clean up, and leave. */
bool mb_is_interrupted(void);

/* ---- memory_stores.c: all return false after a message on standard error --------------------- */

/* Makes the list of stores. */
bool mb_stores_list(mb_bench *bench);

/* Opens, fills and checks what the set needs, and draws its sequences. Rivals that cannot be opened
 * are named and left out. */
bool mb_set_open(mb_bench *bench, const mb_set *set);
/* Checks the stores once more. */
bool mb_set_check(mb_bench *bench);
void mb_set_close(mb_bench *bench);

/* Whether the store takes part in any cell of the set. */
bool mb_store_is_needed(const mb_store *store, const mb_set *set);

/* ---- memory_cells.c -------------------------------------------------------------------------- */

/* Marks what each store has to run for the figures that are wanted. False: there are none. */
bool mb_cells_plan(mb_bench *bench);
/* Adds the figures of everything that was run. */
void mb_cells_report(mb_bench *bench);

/* ---- memory_loops.c -------------------------------------------------------------------------- */

typedef struct mb_result {
    double mops;
    double hit_ratio;
} mb_result;

/* Runs a cell on a store for `duration_ns`, from the place in the sequences that belongs to
 * `round`. */
bool mb_cell_run(mb_bench *bench, mb_store *store, const mb_cell *cell, unsigned round,
                 int64_t duration_ns, mb_result *ret_result);

#endif
