/*
 * bench_file.c - the file backend beside the kernel's own files, LMDB and SQLite.
 *
 *     bench_file [--json] [--items N] [--many N] [--rounds N] [DIRECTORY]
 *
 * DIRECTORY is on the disk to be measured (build/bench-file by default); it is removed afterwards.
 * The other place is memory (/dev/shm). Every store gets the same entries; each round reads and
 * overwrites all of them in a random order, one store after the other. "raw" is the least that one
 * file an entry can cost: openat, read, close; and write aside, rename. At the end a cache of
 * --many entries (a million) is opened, with its index and without.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "file_stores.h"
#include "harness.h"

enum { STORES_MAX = 8, ROUNDS_MAX = 100, VALUE_MAX = 65536, LARGE_SHARE = 10 };

typedef struct bench_cell {
    const char *place; /* "disk" or "tmpfs" */
    const char *path;
    const char *label; /* of the size: "1KiB" */
    size_t value_bytes;
    size_t items;
} bench_cell;

typedef struct bench_series {
    double get[ROUNDS_MAX];
    double set[ROUNDS_MAX];
} bench_series;

static const bench_goal goals[] = {{"file.segments.get.1KiB.disk.vs_raw_file", false, 3},
                                   {"file.segments_mmap.get.1KiB.disk.vs_raw_file", false, 8},
                                   {"file.segments.get.64KiB.disk.vs_raw_file", false, 1.1},
                                   {"file.segments.set.1KiB.tmpfs.vs_raw_rename", false, 5},
                                   {"file.segments.set.1KiB.disk.vs_raw_rename", false, 50},
                                   {"file.files.get.1KiB.disk.vs_raw_file", false, 0.85},
                                   {"file.files.set.1KiB.disk.vs_raw_rename", false, 10},
                                   {"file.segments_mmap.get.1KiB.disk.vs_lmdb", false, 1.3},
                                   {"file.segments.set.1KiB.disk.vs_lmdb_nosync", false, 3},
                                   {"file.segments.open_warm_1M.ms", true, 20},
                                   {"file.segments.open_after_reboot_1M.s", true, 2},
                                   {NULL, false, 0}};

static size_t rounds = 5;
static char value[VALUE_MAX];
static char buffer[VALUE_MAX];

_Noreturn static void stop(const char *what, const char *why) {
    fprintf(stderr, "bench_file: %s: %s\n", what, why);
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

static void remove_all(const char *path) {
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Every number below `items` once, in an order that looks random. */
static size_t shuffled(size_t index, size_t items, size_t round) {
    return (size_t)(((unsigned long long)index * 7919 + round * 104729) % items);
}

static double measure_get(const bench_file_store *type, void *store, const bench_cell *cell,
                          size_t round) {
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < cell->items; i++) {
        size_t key = shuffled(i, cell->items, round);
        if (type->get(store, key, buffer, sizeof buffer) != cell->value_bytes)
            stop(type->name, "an entry is missing");
    }
    return (double)cell->items * 1e9 / (double)(bench_now_ns() - start_ns);
}

static double measure_set(const bench_file_store *type, void *store, const bench_cell *cell,
                          size_t round) {
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < cell->items; i++) {
        size_t key = shuffled(i, cell->items, round);
        memcpy(value, &key, sizeof key);
        if (!type->set(store, key, value, cell->value_bytes)) stop(type->name, "a set failed");
    }
    return (double)cell->items * 1e9 / (double)(bench_now_ns() - start_ns);
}

/* One store beside another, for both kinds of calls. */
static void report_ratio(bench_report *report, const bench_cell *cell,
                         const bench_series series[STORES_MAX], const char *name, const char *peer,
                         const char *get_label, const char *set_label) {
    char figure[120];
    size_t ours = bench_file_store_find(name), theirs = bench_file_store_find(peer);
    if (bench_file_store_at(theirs) == NULL) return; /* not found at configure time */
    snprintf(figure, sizeof figure, "file.%s.get.%s.%s.%s", name, cell->label, cell->place,
             get_label);
    bench_report_add_ratio(report, figure, series[ours].get, series[theirs].get, rounds, NULL);
    snprintf(figure, sizeof figure, "file.%s.set.%s.%s.%s", name, cell->label, cell->place,
             set_label);
    bench_report_add_ratio(report, figure, series[ours].set, series[theirs].set, rounds, NULL);
}

static void report_ratios(bench_report *report, const bench_cell *cell,
                          const bench_series series[STORES_MAX]) {
    static const char *const names[] = {"files", "segments", "segments_mmap"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        report_ratio(report, cell, series, names[i], "raw", "vs_raw_file", "vs_raw_rename");
        report_ratio(report, cell, series, names[i], "lmdb_nosync", "vs_lmdb", "vs_lmdb_nosync");
    }
}

static void report_cell(bench_report *report, const bench_cell *cell,
                        const bench_series series[STORES_MAX]) {
    char figure[120];
    for (size_t i = 0; bench_file_store_at(i) != NULL; i++) {
        const char *name = bench_file_store_at(i)->name;
        snprintf(figure, sizeof figure, "file.%s.get.%s.%s.per_s", name, cell->label, cell->place);
        bench_report_add(report, figure, "1/s", series[i].get, rounds, NULL);
        snprintf(figure, sizeof figure, "file.%s.set.%s.%s.per_s", name, cell->label, cell->place);
        bench_report_add(report, figure, "1/s", series[i].set, rounds, NULL);
    }
    report_ratios(report, cell, series);
}

static void run_cell(bench_report *report, const bench_cell *cell) {
    static bench_series series[STORES_MAX];
    void *open[STORES_MAX] = {NULL};
    remove_all(cell->path);
    if (mkdir(cell->path, 0700) != 0) stop(cell->path, "cannot be made");
    for (size_t i = 0; bench_file_store_at(i) != NULL; i++) {
        const bench_file_store *type = bench_file_store_at(i);
        char path[500];
        snprintf(path, sizeof path, "%s/%s", cell->path, type->name);
        open[i] = mkdir(path, 0700) == 0 ? type->open(path, cell->value_bytes, cell->items) : NULL;
        if (open[i] == NULL) stop(type->name, "cannot be opened");
        measure_set(type, open[i], cell, 0);
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; bench_file_store_at(i) != NULL; i++)
            series[i].get[round] = measure_get(bench_file_store_at(i), open[i], cell, round);
        for (size_t i = 0; bench_file_store_at(i) != NULL; i++)
            series[i].set[round] = measure_set(bench_file_store_at(i), open[i], cell, round);
    }
    for (size_t i = 0; bench_file_store_at(i) != NULL; i++) bench_file_store_at(i)->close(open[i]);
    report_cell(report, cell, series);
    remove_all(cell->path);
}

/* New entries at the limit: each set evicts one. Microseconds of the median and the worst. */
static void run_eviction(bench_report *report, const char *layout, const char *place,
                         const char *path, size_t items) {
    char url[600], figure[120];
    jay_cache *cache = NULL;
    double median[ROUNDS_MAX];
    remove_all(path);
    snprintf(url, sizeof url, "file:%s?layout=%s&max_items=%zu", path, layout, items);
    if (jay_open(url, NULL, &cache, NULL) != JAY_OK) stop(url, "cannot be opened");
    size_t key = 0;
    for (size_t round = 0; round <= rounds; round++) {
        int64_t start_ns = bench_now_ns();
        for (size_t i = 0; i < items; i++) {
            char text[40];
            int size = snprintf(text, sizeof text, "page:/products/%012zu", key++);
            if (jay_set(cache, text, (size_t)size, value, 1024, 0, NULL) != JAY_OK)
                stop(url, "a set failed");
        }
        double taken_us = (double)(bench_now_ns() - start_ns) / 1e3 / (double)items;
        if (round > 0) median[round - 1] = taken_us; /* the first only fills */
    }
    snprintf(figure, sizeof figure, "file.%s.set_evicting.1KiB.%s.us", layout, place);
    bench_report_add(report, figure, "us", median, rounds, "each set evicts another entry");
    jay_close(cache);
    remove_all(path);
}

/* ---- a million entries ---- */

static void fill_many(jay_cache *cache, size_t items) {
    enum { PART = 256 };
    static char keys[PART][40];
    jay_pair pairs[PART];
    for (size_t first = 0; first < items; first += PART) {
        size_t count = items - first < PART ? items - first : PART;
        for (size_t i = 0; i < count; i++) {
            int size = snprintf(keys[i], sizeof keys[i], "page:/products/%012zu", first + i);
            pairs[i] = (jay_pair){{keys[i], (size_t)size}, {value, 1024}, 0};
        }
        if (jay_set_many(cache, pairs, count, NULL, NULL) != JAY_OK) stop("fill", "a set failed");
    }
}

/* Opens a cache and reads one entry, so that it is known to be of use. */
static double open_seconds(const char *url, jay_cache **ret_cache) {
    size_t size = 0;
    int64_t start_ns = bench_now_ns();
    if (jay_open(url, NULL, ret_cache, NULL) != JAY_OK) stop(url, "cannot be opened");
    static const char first[] = "page:/products/000000000001";
    if (jay_get_into(*ret_cache, first, sizeof first - 1, buffer, sizeof buffer, &size, NULL) !=
        JAY_OK)
        stop(url, "an entry is missing");
    return (double)(bench_now_ns() - start_ns) / 1e9;
}

/* Writes everything to the disk and drops it from memory: as after a reboot. */
static int drop_file(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)place;
    int fd = kind == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return 0;
}

static double random_gets(jay_cache *cache, size_t items, size_t count, size_t round) {
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        char text[40];
        size_t size = 0;
        int length = snprintf(text, sizeof text, "page:/products/%012zu",
                              (size_t)(bench_mix(i + round * count) % items));
        if (jay_get_into(cache, text, (size_t)length, buffer, sizeof buffer, &size, NULL) != JAY_OK)
            stop("cold", "an entry is missing");
    }
    return (double)(bench_now_ns() - start_ns) / 1e3 / (double)count;
}

static void run_opening(bench_report *report, const char *path, size_t items) {
    enum { COLD_GETS = 2000 };
    char url[600], index[600];
    double warm_ms[ROUNDS_MAX], reboot_s[ROUNDS_MAX], cold_us[ROUNDS_MAX];
    jay_cache *cache = NULL;
    remove_all(path);
    snprintf(url, sizeof url, "file:%s?layout=segments&max_bytes=%zu", path, items * 1400);
    snprintf(index, sizeof index, "%s/jaycache.index", path);
    if (jay_open(url, NULL, &cache, NULL) != JAY_OK) stop(url, "cannot be opened");
    fill_many(cache, items);
    for (size_t round = 0; round < rounds; round++) {
        jay_close(cache);
        warm_ms[round] = open_seconds(url, &cache) * 1e3;
        jay_close(cache);
        (void)nftw(path, drop_file, 16, FTW_PHYS);
        if (unlink(index) != 0) stop(index, "cannot be removed");
        reboot_s[round] = open_seconds(url, &cache);
        cold_us[round] = random_gets(cache, items, COLD_GETS, round);
    }
    bench_report_add(report, "file.segments.open_warm_1M.ms", "ms", warm_ms, rounds, NULL);
    bench_report_add(report, "file.segments.open_after_reboot_1M.s", "s", reboot_s, rounds,
                     "with nothing in the page cache");
    bench_report_add(report, "file.segments.get_cold_1M.us", "us", cold_us, rounds,
                     "pages that the disk has to bring");
    jay_close(cache);
    remove_all(path);
}

static size_t parse_number(const char *text, size_t max) {
    char *end = NULL;
    unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (number == 0 || number > max || *end != '\0') {
        fputs("Usage: bench_file [--json] [--items 100..1000000] [--many N] [--rounds 1..100]\n    "
              "              [DIRECTORY]\n",
              stderr);
        exit(2);
    }
    return (size_t)number;
}

int main(int argc, char **argv) {
    bool is_json = false;
    size_t items = 10000, many = 1000000;
    const char *disk = "build/bench-file";
    char tmpfs[64];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            is_json = true;
        } else if (strcmp(argv[i], "--items") == 0) {
            items = parse_number(argv[++i], 1000000);
        } else if (strcmp(argv[i], "--many") == 0) {
            many = parse_number(argv[++i], 10000000);
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = parse_number(argv[++i], ROUNDS_MAX);
        } else if (argv[i][0] != '-') {
            disk = argv[i];
        } else {
            parse_number(NULL, 0);
        }
    }
    if (items < 100) parse_number(NULL, 0);
    snprintf(tmpfs, sizeof tmpfs, "/dev/shm/jaycache-bench-%d.d", (int)getpid());
    const bench_cell cells[] = {{"tmpfs", tmpfs, "1KiB", 1024, items},
                                {"disk", disk, "1KiB", 1024, items},
                                {"tmpfs", tmpfs, "64KiB", 65536, items / LARGE_SHARE},
                                {"disk", disk, "64KiB", 65536, items / LARGE_SHARE}};
    bench_report *report = bench_report_create(stdout, is_json, goals);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) run_cell(report, &cells[i]);
    for (int i = 0; i < 2; i++) {
        run_eviction(report, i == 0 ? "files" : "segments", "tmpfs", tmpfs, items / 4);
        run_eviction(report, i == 0 ? "files" : "segments", "disk", disk, items / 4);
    }
    if (many > 0) run_opening(report, disk, many);
    bench_report_finish(report);
    return 0;
}
