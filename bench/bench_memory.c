/*
 * bench_memory.c - how fast memory: and shm: are, beside what the machine could do at most and
 * beside other caches, all in one run. See memory_bench.h for the parts.
 *
 *     bench_memory [--json] [--quick] [--items N] [--rounds N] [--filter TEXT] [--url URL,...] ...
 *
 * Ends with 0 when all went well, however slow; 1 when a store failed or gave a wrong value; 2 for
 * wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory_bench.h"

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number) {
    (void)number;
    is_interrupted = 1;
}

bool mb_is_interrupted(void) {
    return is_interrupted != 0;
}

/* ---- options --------------------------------------------------------------------------------- */

static const char usage[] =
    "Usage: bench_memory [options]\n"
    "\n"
    "  --json          one JSON object a line instead of a table\n"
    "  --quick         fewer items and shorter runs: under a minute, and rougher\n"
    "  --items N       items to store (1000000); fewer where they do not fit the budget\n"
    "  --rounds N      rounds, the median of which counts (5)\n"
    "  --slot-ms N     how long each store runs in each round, in milliseconds (180)\n"
    "  --filter TEXT   only figures whose name has TEXT in it\n"
    "  --url URL,...   Jaycache stores to measure (memory:, and shm: where the library has it)\n"
    "  --peers NAME,...  only these of the other caches; 'none' for none\n"
    "  --budget MIB    memory for the data of all stores at a time (4608)\n"
    "  --help\n"
    "\n"
    "10 million items need --budget 24000, or fewer stores: --peers rocksdb_hyperclock.\n";

static bool parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                         uint64_t *ret_number) {
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number < min || number > max) {
        fprintf(stderr, "bench_memory: --%s takes a number from %llu to %llu, not '%s'\n", name,
                (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *ret_number = number;
    return true;
}

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"quick", no_argument, NULL, 'q'},
    {"items", required_argument, NULL, 'i'},
    {"rounds", required_argument, NULL, 'r'},
    {"slot-ms", required_argument, NULL, 's'},
    {"filter", required_argument, NULL, 'f'},
    {"url", required_argument, NULL, 'u'},
    {"peers", required_argument, NULL, 'p'},
    {"budget", required_argument, NULL, 'b'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Numbers that were given; 0: not given, so that --quick may come before or after them. */
typedef struct given_numbers {
    uint64_t items, rounds, slot_ms, budget_mib;
} given_numbers;

/* Returns -1 to go on, else the program's exit status. */
static int parse_one(mb_options *options, given_numbers *given, int letter) {
    bool is_good = true;
    switch (letter) {
    case 'j':
        options->is_json = true;
        break;
    case 'q':
        options->is_quick = true;
        break;
    case 'i':
        is_good = parse_number("items", optarg, 1000, BENCH_ITEMS_MAX, &given->items);
        break;
    case 'r':
        is_good = parse_number("rounds", optarg, 1, MB_ROUNDS_MAX, &given->rounds);
        break;
    case 's':
        is_good = parse_number("slot-ms", optarg, 1, 60000, &given->slot_ms);
        break;
    case 'f':
        options->filter = optarg;
        break;
    case 'u':
        options->urls = optarg;
        break;
    case 'p':
        options->peers = optarg;
        break;
    case 'b':
        is_good = parse_number("budget", optarg, 16, 1 << 24, &given->budget_mib);
        break;
    case 'h':
        fputs(usage, stdout);
        return 0;
    default:
        return 2;
    }
    return is_good ? -1 : 2;
}

static uint64_t choose(uint64_t given, uint64_t otherwise) {
    return given != 0 ? given : otherwise;
}

static int parse_options(int argc, char **argv, mb_options *options) {
    given_numbers given = {0};
    int letter;
    while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        const int status = parse_one(options, &given, letter);
        if (status >= 0) return status;
    }
    if (optind < argc) {
        fprintf(stderr, "bench_memory: what is '%s'? See --help\n", argv[optind]);
        return 2;
    }
    const bool is_quick = options->is_quick;
    options->items = (uint32_t)choose(given.items, is_quick ? 250000 : 1000000);
    options->rounds = (unsigned)choose(given.rounds, 5);
    options->slot_ms = (unsigned)choose(given.slot_ms, is_quick ? 25 : 180);
    options->budget_bytes = (size_t)choose(given.budget_mib, is_quick ? 1024 : 4608) << 20;
    /* Long enough that a run meets the rare items too, and not the same few again and again. */
    const uint64_t steps = (uint64_t)options->items * 2;
    options->sequence_steps = steps < 8192 ? 8192 : steps > 1 << 21 ? 1 << 21 : (size_t)steps;
    return -1;
}

/* ---- running --------------------------------------------------------------------------------- */

static void show_progress(const mb_bench *bench, const mb_cell *cell, unsigned round) {
    if (!bench->is_progress_shown) return;
    fprintf(stderr, "\r\033[Kround %u of %u: %s", round + 1, bench->options.rounds, cell->name);
}

/* Runs a cell on a store for a slot, after a sixth of a slot that does not count: what ran before
 * left the processor's caches full of another store's data. */
static bool run_slot(mb_bench *bench, mb_store *store, const mb_cell *cell, unsigned round) {
    const size_t index = (size_t)(cell - mb_cells);
    const int64_t slot_ns = (int64_t)bench->options.slot_ms * 1000000;
    mb_result result;
    if (!mb_cell_run(bench, store, cell, ~round, slot_ns / 6, &result) ||
        !mb_cell_run(bench, store, cell, round, slot_ns, &result)) {
        return false;
    }
    store->mops[index][store->runs[index]++] = result.mops;
    store->hit_ratio[index] = result.hit_ratio;
    return true;
}

static bool warm_slot(mb_bench *bench, mb_store *store, const mb_cell *cell, unsigned round) {
    const int64_t slot_ns = (int64_t)bench->options.slot_ms * 1000000;
    mb_result result;
    return mb_cell_run(bench, store, cell, round, slot_ns / 3, &result);
}

/* One cell on all stores. Every second round goes the other way, so that no store is always the
 * one after a certain other. */
static bool run_cell(mb_bench *bench, const mb_cell *cell, unsigned round, bool is_warm_up) {
    for (size_t i = 0; i < bench->store_count; i++) {
        mb_store *store = &bench->stores[round % 2 == 0 ? i : bench->store_count - 1 - i];
        if (!store->is_open || !store->is_needed[cell - mb_cells]) continue;
        if (mb_is_interrupted()) return false;
        const bool is_good =
            is_warm_up ? warm_slot(bench, store, cell, round) : run_slot(bench, store, cell, round);
        if (!is_good) return false;
    }
    return true;
}

/* Warms a store up that began empty: until it is full, and its policy knows the popular items. */
static bool warm_tenth(mb_bench *bench) {
    if (!bench->set->is_tenth) return true;
    const unsigned set = (unsigned)(bench->set - mb_sets);
    for (unsigned pass = 0; pass < 4; pass++) {
        for (size_t i = 0; i < mb_cell_count; i++) {
            if (mb_cells[i].set != set || mb_cells[i].threads != 1) continue;
            if (!run_cell(bench, &mb_cells[i], MB_ROUNDS_MAX + pass, true)) return false;
        }
    }
    return true;
}

static bool run_rounds(mb_bench *bench) {
    const unsigned set = (unsigned)(bench->set - mb_sets);
    if (!warm_tenth(bench)) return false;
    for (unsigned round = 0; round <= bench->options.rounds; round++) {
        /* The first is the warm-up. */
        for (size_t i = 0; i < mb_cell_count; i++) {
            if (mb_cells[i].set != set) continue;
            if (round > 0) show_progress(bench, &mb_cells[i], round - 1);
            if (!run_cell(bench, &mb_cells[i], round, round == 0)) return false;
        }
    }
    if (bench->is_progress_shown) fputs("\r\033[K", stderr);
    return true;
}

static bool run_set(mb_bench *bench, const mb_set *set) {
    bool is_needed = false;
    for (size_t i = 0; i < bench->store_count; i++) {
        is_needed = is_needed || mb_store_is_needed(&bench->stores[i], set);
    }
    if (!is_needed) return true;
    const bool is_good = mb_set_open(bench, set) && run_rounds(bench) && mb_set_check(bench);
    mb_set_close(bench);
    return is_good;
}

/* A directory in memory if there is one: what is in it is to be a cache in memory. */
static bool make_scratch(mb_bench *bench) {
    const char *temporary = getenv("TMPDIR");
    const char *const places[] = {"/dev/shm", temporary == NULL ? "/tmp" : temporary, "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(bench->scratch, sizeof bench->scratch, "%s/jaycache-bench-XXXXXX", places[i]);
        if (mkdtemp(bench->scratch) != NULL) return true;
    }
    fprintf(stderr, "bench_memory: no temporary directory: %s\n", strerror(errno));
    return false;
}

static bool run_all(mb_bench *bench) {
    snprintf(bench->tag, sizeof bench->tag, "jaycache-bench-memory-%ld", (long)getpid());
    if (!mb_stores_list(bench)) return false;
    if (!mb_cells_plan(bench)) {
        fprintf(stderr, "bench_memory: no figure has '%s' in its name, or its store is missing\n",
                bench->options.filter);
        return false;
    }
    for (size_t i = 0; i < mb_set_count; i++) {
        if (!run_set(bench, &mb_sets[i])) return false;
    }
    return true;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv) {
    static mb_bench bench;
    bench.options.filter = "";
    const int status = parse_options(argc, argv, &bench.options);
    if (status >= 0) return status;
    handle_signals();
    if (!make_scratch(&bench)) return 1;
    bench.is_progress_shown = isatty(STDERR_FILENO) != 0;
    bench.team = bench_team_create(MB_THREADS_MAX);
    const bool is_good = run_all(&bench);
    bench_team_destroy(bench.team);
    rmdir(bench.scratch);
    if (!is_good) {
        if (mb_is_interrupted()) fputs("\nbench_memory: interrupted\n", stderr);
        return 1;
    }
    bench.report = bench_report_create(stdout, bench.options.is_json, mb_goals);
    mb_cells_report(&bench);
    bench_report_finish(bench.report);
    return 0;
}
