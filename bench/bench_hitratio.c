/*
 * bench_hitratio.c - replays request traces through the library, and beside it through
 * simulators of other policies, at several sizes of the cache.
 *
 * The library runs with max_items, and for traces with sizes also with max_bytes; sizes of the
 * cache are percentages of the trace's distinct ids, or of their bytes (each id's first size).
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitratio_report.h"

#define MAX_PERCENTS 32
#define MAX_RUNS 101

static const char usage[] =
    "usage: bench_hitratio [OPTION]... FILE...\n"
    "Replays traces (a request a line: 'id' or 'id size'; plain or xz) and prints hit ratios.\n"
    "  --json                     one JSON object a figure instead of tables\n"
    "  --percent LIST             sizes of the cache: percent of the distinct ids, and of their\n"
    "                             bytes (0.5,2,10,30)\n"
    "  --policies LIST            of jaycache (the library), fifo, lru, s3fifo, arc, wtinylfu,\n"
    "                             gdsf, belady (all but fifo)\n"
    "  --bound items|bytes        only runs with this bound (both, bytes for traces with sizes)\n"
    "  --url-template URL         the library's, for runs bound in items (memory:?max_items=%N)\n"
    "  --bytes-url-template URL   the same for runs bound in bytes (memory:?max_bytes=%N)\n"
    "  --overhead BYTES           what simulators charge an item beyond its size, since the\n"
    "                             library's bound covers keys and its own records (56)\n"
    "  --runs N                   of the library, whose hashing differs from run to run (1)\n";

typedef struct settings {
    bool json;
    bool items;
    bool bytes;
    const char *percents[MAX_PERCENTS];
    size_t percent_count;
    hitratio_column columns[HITRATIO_MAX_POLICIES];
    size_t column_count;
    const char *items_url;
    const char *bytes_url;
    uint64_t item_overhead;
    int runs;
    char **files;
    int file_count;
} settings;

static bool complain(const char *option, const char *value) {
    fprintf(stderr, "bench_hitratio: %s: '%s' is not valid\n%s", option, value, usage);
    return false;
}

/* A percentage above 0 and up to 100; 0 for anything else. */
static double parse_percent(const char *text) {
    char *end;
    if (text[0] < '0' || text[0] > '9' || strspn(text, "0123456789.") != strlen(text)) {
        return 0;
    }
    double percent = strtod(text, &end);
    return *end == '\0' && percent > 0 && percent <= 100 ? percent : 0;
}

static bool parse_whole(const char *text, uint64_t max, uint64_t *ret_number) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* Cuts the list up in place, since it comes from argv or is an array of our own. */
static bool set_percents(settings *set, char *list) {
    set->percent_count = 0;
    for (char *rest = list, *word; (word = strsep(&rest, ",")) != NULL;) {
        if (set->percent_count == MAX_PERCENTS || parse_percent(word) <= 0) {
            return complain("--percent", word);
        }
        set->percents[set->percent_count] = word;
        set->percent_count++;
    }
    return true;
}

static bool set_policies(settings *set, const char *list) {
    set->column_count = 0;
    for (const char *word = list; word != NULL;) {
        size_t size = strcspn(word, ",");
        bool is_library = size == strlen("jaycache") && memcmp(word, "jaycache", size) == 0;
        const sim_policy *policy = sim_policy_find(word, size);
        if ((policy == NULL && !is_library) || set->column_count == HITRATIO_MAX_POLICIES) {
            return complain("--policies", word);
        }
        hitratio_column *column = &set->columns[set->column_count];
        *column = (hitratio_column){.policy = policy};
        snprintf(column->name, sizeof(column->name), "%.*s", (int)size, word);
        set->column_count++;
        word = word[size] == ',' ? word + size + 1 : NULL;
    }
    return true;
}

static bool set_bound(settings *set, const char *value) {
    set->items = strcmp(value, "items") == 0;
    set->bytes = strcmp(value, "bytes") == 0;
    return set->items || set->bytes || complain("--bound", value);
}

static bool set_number(const char *option, const char *value, uint64_t min, uint64_t max,
                       uint64_t *ret_number) {
    if (!parse_whole(value, max, ret_number) || *ret_number < min) {
        return complain(option, value);
    }
    return true;
}

static bool set_option(settings *set, const char *option, char *value) {
    uint64_t number = 0;
    if (strcmp(option, "--percent") == 0) {
        return set_percents(set, value);
    }
    if (strcmp(option, "--policies") == 0) {
        return set_policies(set, value);
    }
    if (strcmp(option, "--bound") == 0) {
        return set_bound(set, value);
    }
    if (strcmp(option, "--url-template") == 0) {
        set->items_url = value;
        return true;
    }
    if (strcmp(option, "--bytes-url-template") == 0) {
        set->bytes_url = value;
        return true;
    }
    if (strcmp(option, "--overhead") == 0) {
        return set_number(option, value, 0, 65536, &set->item_overhead);
    }
    if (strcmp(option, "--runs") == 0) {
        bool good = set_number(option, value, 1, MAX_RUNS, &number);
        set->runs = (int)number;
        return good;
    }
    fprintf(stderr, "bench_hitratio: no such option: %s\n%s", option, usage);
    return false;
}

/* Options may come between files. Returns false when the program should not go on. */
static bool parse_arguments(settings *set, int argc, char **argv) {
    set->files = argv;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            set->files[set->file_count] = argv[i];
            set->file_count++;
        } else if (strcmp(argv[i], "--json") == 0) {
            set->json = true;
        } else if (i + 1 == argc) {
            fprintf(stderr, "bench_hitratio: %s: no such option, or its value is missing\n%s",
                    argv[i], usage);
            return false;
        } else {
            if (!set_option(set, argv[i], argv[i + 1])) {
                return false;
            }
            i++;
        }
    }
    if (set->file_count == 0) {
        fprintf(stderr, "bench_hitratio: no trace was named\n%s", usage);
        return false;
    }
    return true;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void summarise(double *values, int count, double *ret_median, double *ret_min,
                      double *ret_max) {
    qsort(values, (size_t)count, sizeof(*values), by_value);
    *ret_median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    *ret_min = values[0];
    *ret_max = values[count - 1];
}

/* Runs one policy in one cell; the library as often as wanted. */
static bool run_column(const settings *set, const hitratio_trace *trace,
                       const hitratio_bound *bound, hitratio_column *column, char *error) {
    double hits[MAX_RUNS];
    double byte_hits[MAX_RUNS];
    column->runs = column->policy != NULL ? 1 : set->runs;
    for (int i = 0; i < column->runs; i++) {
        hitratio_result result;
        bool done = column->policy != NULL
                        ? hitratio_simulate(trace, column->policy, bound, &result, error)
                        : hitratio_replay(trace, bound, &result, error);
        if (!done) {
            return false;
        }
        hits[i] = result.hits;
        byte_hits[i] = result.byte_hits;
    }
    summarise(hits, column->runs, &column->median.hits, &column->min.hits, &column->max.hits);
    summarise(byte_hits, column->runs, &column->median.byte_hits, &column->min.byte_hits,
              &column->max.byte_hits);
    return true;
}

static bool run_cell(settings *set, const hitratio_trace *trace, hitratio_cell *cell, char *error) {
    for (size_t i = 0; i < cell->column_count; i++) {
        if (!run_column(set, trace, &cell->bound, &cell->columns[i], error)) {
            return false;
        }
    }
    if (set->json) {
        hitratio_print_json(stdout, cell);
    } else {
        hitratio_print_row(stdout, cell);
    }
    fflush(stdout);
    return true;
}

static uint64_t share(double percent, uint64_t whole) {
    /* A hair more, since 0.7 % of 1,000 must be 7 however 0.7 is rounded. */
    double part = floor(percent * (double)whole / 100 + 1e-9);
    return part < 1 ? 1 : (uint64_t)part;
}

static bool run_bound(settings *set, const hitratio_trace *trace, const char *trace_name,
                      bool in_bytes, char *error) {
    hitratio_cell cell = {
        .trace_name = trace_name, .column_count = set->column_count, .columns = set->columns};
    for (size_t i = 0; i < set->percent_count; i++) {
        uint64_t whole = in_bytes ? trace->distinct_bytes : trace->id_count;
        cell.percent = set->percents[i];
        cell.bound = (hitratio_bound){.in_bytes = in_bytes,
                                      .capacity = share(parse_percent(cell.percent), whole),
                                      .item_overhead = set->item_overhead,
                                      .url_pattern = in_bytes ? set->bytes_url : set->items_url};
        if (i == 0 && !set->json) {
            hitratio_print_head(stdout, &cell);
        }
        if (!run_cell(set, trace, &cell, error)) {
            return false;
        }
    }
    return true;
}

static void cut_ending(char *name, const char *ending) {
    size_t size = strlen(name);
    size_t cut = strlen(ending);
    if (size > cut && strcmp(name + size - cut, ending) == 0) {
        name[size - cut] = '\0';
    }
}

/* The file's name without folders and endings, as figures use it. */
static void name_trace(const char *path, char *name, size_t name_size) {
    const char *slash = strrchr(path, '/');
    snprintf(name, name_size, "%s", slash != NULL ? slash + 1 : path);
    cut_ending(name, ".xz");
    cut_ending(name, ".txt");
}

static bool run_file(settings *set, const char *path, char *error) {
    char name[128];
    hitratio_trace trace;
    name_trace(path, name, sizeof(name));
    if (!hitratio_trace_load(path, &trace, error)) {
        return false;
    }
    bool has_sizes = trace.sizes != NULL;
    bool done = !set->items || run_bound(set, &trace, name, false, error);
    if (done && set->bytes && has_sizes) {
        done = run_bound(set, &trace, name, true, error);
    }
    hitratio_trace_deinit(&trace);
    return done;
}

int main(int argc, char **argv) {
    char percents[] = "0.5,2,10,30";
    char error[HITRATIO_ERROR_SIZE];
    settings set = {.items = true,
                    .bytes = true,
                    .items_url = "memory:?max_items=%N",
                    .bytes_url = "memory:?max_bytes=%N",
                    .item_overhead = 56,
                    .runs = 1};
    if (!set_percents(&set, percents) ||
        !set_policies(&set, "jaycache,lru,s3fifo,arc,wtinylfu,gdsf,belady") ||
        !parse_arguments(&set, argc, argv)) {
        return 2;
    }
    for (int i = 0; i < set.file_count; i++) {
        if (!run_file(&set, set.files[i], error)) {
            fprintf(stderr, "bench_hitratio: %s\n", error);
            return 1;
        }
    }
    if (!set.json) {
        hitratio_print_goals(stdout);
    }
    return 0;
}
