/*
 * memory_cells.c - the table of what is measured, the figures made of it, and the goals.
 *
 * A figure's name is "STORE.CELL.WHAT": "memory.get.100B.zipf.1t.mops" is the speed of the store
 * `memory` in the cell "get.100B.zipf.1t", "....vs_limit" its ratio to the limit in the same cell
 * and round.
 */
#include "memory_bench.h"

#include <stdlib.h>
#include <string.h>

enum { SET_100B, SET_TENTH, SET_1KIB, SET_16KIB };

const mb_set mb_sets[] = {
    [SET_100B] = {.value_bytes = 100, .is_for_all = true, .is_footprint = true},
    [SET_TENTH] = {.value_bytes = 100, .is_tenth = true, .is_for_all = true},
    [SET_1KIB] = {.value_bytes = 1024},
    [SET_16KIB] = {.value_bytes = 16384},
};
const size_t mb_set_count = sizeof mb_sets / sizeof mb_sets[0];

const mb_cell mb_cells[] = {
    {"get.100B.zipf.1t", MB_GET, 0, SET_100B, BENCH_ZIPF, 1},
    {"get.100B.zipf.2t", MB_GET, 0, SET_100B, BENCH_ZIPF, 2},
    {"get.100B.uniform.1t", MB_GET, 0, SET_100B, BENCH_UNIFORM, 1},
    {"get.100B.uniform.2t", MB_GET, 0, SET_100B, BENCH_UNIFORM, 2},
    {"view.100B.zipf.1t", MB_VIEW, 0, SET_100B, BENCH_ZIPF, 1},
    {"view.100B.zipf.2t", MB_VIEW, 0, SET_100B, BENCH_ZIPF, 2},
    {"get_many16.100B.zipf.1t", MB_MANY, 0, SET_100B, BENCH_ZIPF, 1},
    {"get_many16.100B.zipf.2t", MB_MANY, 0, SET_100B, BENCH_ZIPF, 2},
    {"get_many16.100B.uniform.1t", MB_MANY, 0, SET_100B, BENCH_UNIFORM, 1},
    {"mix9505.100B.zipf.1t", MB_MIX, 5, SET_100B, BENCH_ZIPF, 1},
    {"mix9505.100B.zipf.2t", MB_MIX, 5, SET_100B, BENCH_ZIPF, 2},
    {"mix5050.100B.zipf.1t", MB_MIX, 50, SET_100B, BENCH_ZIPF, 1},
    {"mix5050.100B.zipf.2t", MB_MIX, 50, SET_100B, BENCH_ZIPF, 2},
    {"miss_set.100B.zipf.1t", MB_MISS_SET, 0, SET_TENTH, BENCH_ZIPF, 1},
    {"miss_set.100B.zipf.2t", MB_MISS_SET, 0, SET_TENTH, BENCH_ZIPF, 2},
    {"get.1KiB.zipf.1t", MB_GET, 0, SET_1KIB, BENCH_ZIPF, 1},
    {"get.1KiB.zipf.2t", MB_GET, 0, SET_1KIB, BENCH_ZIPF, 2},
    {"get.1KiB.uniform.1t", MB_GET, 0, SET_1KIB, BENCH_UNIFORM, 1},
    {"view.1KiB.zipf.1t", MB_VIEW, 0, SET_1KIB, BENCH_ZIPF, 1},
    {"mix9505.1KiB.zipf.2t", MB_MIX, 5, SET_1KIB, BENCH_ZIPF, 2},
    {"get.16KiB.zipf.1t", MB_GET, 0, SET_16KIB, BENCH_ZIPF, 1},
    {"get.16KiB.zipf.2t", MB_GET, 0, SET_16KIB, BENCH_ZIPF, 2},
    {"view.16KiB.zipf.1t", MB_VIEW, 0, SET_16KIB, BENCH_ZIPF, 1},
    {"view.16KiB.zipf.2t", MB_VIEW, 0, SET_16KIB, BENCH_ZIPF, 2},
};
const size_t mb_cell_count = sizeof mb_cells / sizeof mb_cells[0];
_Static_assert(sizeof mb_cells / sizeof mb_cells[0] <= MB_CELLS_MAX, "raise MB_CELLS_MAX");

const bench_goal mb_goals[] = {
    {"memory.get.100B.zipf.1t.vs_limit", false, 0.80},
    {"memory.get.100B.uniform.1t.vs_limit", false, 0.80},
    {"memory.get.1KiB.zipf.1t.vs_limit", false, 0.85},
    {"memory.get_many16.100B.zipf.1t.vs_get", false, 1.8},
    {"memory.get.100B.zipf.2t.vs_1t", false, 1.9},
    {"memory.get.100B.zipf.1t.vs_best_peer", false, 1.6},
    {"memory.get.100B.zipf.2t.vs_best_peer", false, 1.6},
    {"memory.mix5050.100B.zipf.2t.vs_best_peer", false, 1.3},
    {"memory.view.16KiB.zipf.1t.vs_copy", false, 3},
    {"memory.get.100B.zipf.1t.vs_memcached_unix", false, 200},
    {"memory.bytes_per_item.over_payload", true, 48},
    {"shm.get.100B.zipf.1t.vs_memory", false, 0.95},
    {NULL, false, 0},
};

enum kind {
    VS_STORE,    /* Jaycache against the store `other` in the same cell */
    VS_CELL,     /* any store against itself in the cell `other` */
    VS_BEST_PEER /* Jaycache against the fastest rival in the same cell */
};

/* Ratios that are made of two results of the same round. */
static const struct ratio {
    const char *cell;
    const char *what;
    enum kind kind;
    const char *other;
} ratios[] = {
    {"get.100B.zipf.1t", "vs_limit", VS_STORE, "limit"},
    {"get.100B.uniform.1t", "vs_limit", VS_STORE, "limit"},
    {"get.1KiB.zipf.1t", "vs_limit", VS_STORE, "limit"},
    {"get.16KiB.zipf.1t", "vs_limit", VS_STORE, "limit"},
    {"get.100B.zipf.2t", "vs_limit", VS_STORE, "limit"},
    {"view.100B.zipf.1t", "vs_limit", VS_STORE, "limit"},
    {"get_many16.100B.zipf.1t", "vs_limit", VS_STORE, "limit"},
    {"get_many16.100B.zipf.1t", "vs_get", VS_CELL, "get.100B.zipf.1t"},
    {"get.100B.zipf.2t", "vs_1t", VS_CELL, "get.100B.zipf.1t"},
    {"view.16KiB.zipf.1t", "vs_copy", VS_CELL, "get.16KiB.zipf.1t"},
    {"get.100B.zipf.1t", "vs_best_peer", VS_BEST_PEER, NULL},
    {"get.100B.zipf.2t", "vs_best_peer", VS_BEST_PEER, NULL},
    {"mix9505.100B.zipf.2t", "vs_best_peer", VS_BEST_PEER, NULL},
    {"mix5050.100B.zipf.2t", "vs_best_peer", VS_BEST_PEER, NULL},
    {"miss_set.100B.zipf.2t", "vs_best_peer", VS_BEST_PEER, NULL},
    {"get.100B.zipf.1t", "vs_memcached_unix", VS_STORE, "memcached_unix"},
    {"get.100B.zipf.1t", "vs_memory", VS_STORE, "memory"},
};
static const size_t ratio_count = sizeof ratios / sizeof ratios[0];

typedef struct figure_name {
    char text[160];
} figure_name;

static figure_name name_of(const mb_store *store, const char *cell, const char *what) {
    figure_name name;
    snprintf(name.text, sizeof name.text, "%s.%s.%s", store->name, cell, what);
    return name;
}

static size_t cell_named(const char *name) {
    size_t i = 0;
    while (strcmp(mb_cells[i].name, name) != 0) i++;
    return i;
}

/* ---- planning -------------------------------------------------------------------------------- */

/* Whether the store can run the cell, and is to, when all figures are wanted. */
static bool can_run(const mb_store *store, const mb_cell *cell) {
    const mb_set *set = &mb_sets[cell->set];
    if (set->is_tenth && !store->ops->evicts) return false;
    if (!set->is_for_all && store->ops->is_rival && strncmp(store->name, "rocksdb", 7) != 0) {
        return false;
    }
    if (cell->operation == MB_VIEW) return store->ops->view != NULL;
    if (cell->operation == MB_MANY) return store->ops->view_many != NULL;
    return true;
}

static bool is_wanted(const mb_bench *bench, const mb_store *store, const char *cell,
                      const char *what) {
    return strstr(name_of(store, cell, what).text, bench->options.filter) != NULL;
}

static bool ratio_applies(const struct ratio *ratio, const mb_store *store) {
    if (ratio->kind == VS_CELL) return true;
    if (!store->is_own) return false;
    return ratio->kind == VS_BEST_PEER || strcmp(store->name, ratio->other) != 0;
}

/* Marks the other side of a ratio. */
static void need_other_side(mb_bench *bench, const struct ratio *ratio, mb_store *store) {
    const size_t cell = cell_named(ratio->cell);
    if (ratio->kind == VS_CELL) {
        store->is_needed[cell_named(ratio->other)] = true;
        return;
    }
    for (size_t i = 0; i < bench->store_count; i++) {
        mb_store *other = &bench->stores[i];
        const bool is_other = ratio->kind == VS_BEST_PEER ? other->ops->is_rival
                                                          : strcmp(other->name, ratio->other) == 0;
        if (is_other && can_run(other, &mb_cells[cell])) other->is_needed[cell] = true;
    }
}

static void plan_store(mb_bench *bench, mb_store *store) {
    for (size_t i = 0; i < mb_cell_count; i++) {
        if (can_run(store, &mb_cells[i]) &&
            (is_wanted(bench, store, mb_cells[i].name, "mops") ||
             (mb_sets[mb_cells[i].set].is_tenth &&
              is_wanted(bench, store, mb_cells[i].name, "hit_ratio")))) {
            store->is_needed[i] = true;
        }
    }
    for (size_t i = 0; i < ratio_count; i++) {
        const struct ratio *ratio = &ratios[i];
        const size_t cell = cell_named(ratio->cell);
        if (ratio_applies(ratio, store) && can_run(store, &mb_cells[cell]) &&
            is_wanted(bench, store, ratio->cell, ratio->what)) {
            store->is_needed[cell] = true;
            need_other_side(bench, ratio, store);
        }
    }
    /* The footprint takes no cell, but the store has to be filled: one cell does it. */
    if (is_wanted(bench, store, "bytes_per_item", "over_payload")) {
        store->is_needed[cell_named("get.100B.zipf.1t")] = true;
    }
}

bool mb_cells_plan(mb_bench *bench) {
    bool is_any = false;
    for (size_t i = 0; i < bench->store_count; i++) plan_store(bench, &bench->stores[i]);
    for (size_t i = 0; i < bench->store_count * mb_set_count; i++) {
        is_any = is_any ||
                 mb_store_is_needed(&bench->stores[i / mb_set_count], &mb_sets[i % mb_set_count]);
    }
    return is_any;
}

/* ---- reporting ------------------------------------------------------------------------------- */

/* The rival with the highest median; NULL: none ran. */
static const mb_store *best_peer(const mb_bench *bench, size_t cell) {
    const mb_store *best = NULL;
    double best_median = 0;
    for (size_t i = 0; i < bench->store_count; i++) {
        const mb_store *store = &bench->stores[i];
        if (!store->ops->is_rival || store->runs[cell] == 0) continue;
        const double median = bench_summarize(store->mops[cell], store->runs[cell]).median;
        if (median > best_median) {
            best = store;
            best_median = median;
        }
    }
    return best;
}

static const mb_store *store_named(const mb_bench *bench, const char *name) {
    for (size_t i = 0; i < bench->store_count; i++) {
        if (strcmp(bench->stores[i].name, name) == 0) return &bench->stores[i];
    }
    return NULL;
}

static void report_ratio(mb_bench *bench, const struct ratio *ratio, const mb_store *store) {
    const size_t cell = cell_named(ratio->cell);
    if (!ratio_applies(ratio, store) || !is_wanted(bench, store, ratio->cell, ratio->what)) return;
    const mb_store *other = store;
    size_t other_cell = cell;
    if (ratio->kind == VS_CELL) other_cell = cell_named(ratio->other);
    if (ratio->kind == VS_STORE) other = store_named(bench, ratio->other);
    if (ratio->kind == VS_BEST_PEER) other = best_peer(bench, cell);
    if (other == NULL) return;
    const size_t runs =
        store->runs[cell] < other->runs[other_cell] ? store->runs[cell] : other->runs[other_cell];
    bench_report_add_ratio(bench->report, name_of(store, ratio->cell, ratio->what).text,
                           store->mops[cell], other->mops[other_cell], runs,
                           ratio->kind == VS_BEST_PEER ? other->ops->title : NULL);
}

static void report_footprint(mb_bench *bench, const mb_store *store) {
    if (store->bytes_over_payload < 0) return;
    if (!is_wanted(bench, store, "bytes_per_item", "over_payload")) return;
    bench_report_add(bench->report, name_of(store, "bytes_per_item", "over_payload").text, "bytes",
                     &store->bytes_over_payload, 1, NULL);
}

static void report_speed(mb_bench *bench, const mb_store *store, size_t cell) {
    const char *title = store->is_own ? NULL : store->ops->title;
    if (store->runs[cell] == 0) return;
    if (is_wanted(bench, store, mb_cells[cell].name, "mops")) {
        bench_report_add(bench->report, name_of(store, mb_cells[cell].name, "mops").text, "Mops/s",
                         store->mops[cell], store->runs[cell], title);
    }
    if (mb_sets[mb_cells[cell].set].is_tenth &&
        is_wanted(bench, store, mb_cells[cell].name, "hit_ratio")) {
        bench_report_add(bench->report, name_of(store, mb_cells[cell].name, "hit_ratio").text,
                         "ratio", &store->hit_ratio[cell], 1, title);
    }
}

void mb_cells_report(mb_bench *bench) {
    for (size_t i = 0; i < ratio_count; i++) {
        for (size_t j = 0; j < bench->store_count; j++) {
            report_ratio(bench, &ratios[i], &bench->stores[j]);
        }
    }
    for (size_t i = 0; i < bench->store_count; i++) report_footprint(bench, &bench->stores[i]);
    for (size_t cell = 0; cell < mb_cell_count; cell++) {
        for (size_t i = 0; i < bench->store_count; i++) {
            report_speed(bench, &bench->stores[i], cell);
        }
    }
}
