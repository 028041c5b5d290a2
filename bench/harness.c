/*
 * harness.c - the clock, pages, and figures of every benchmark. The team of threads is in team.c.
 */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int64_t bench_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t round_to_pages(size_t size_bytes) {
    const size_t huge = (size_t)2 << 20;
    return (size_bytes + huge - 1) / huge * huge;
}

void *bench_pages_alloc(size_t size_bytes) {
    void *memory = mmap(NULL, round_to_pages(size_bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "bench: cannot map %zu bytes: %s; try fewer --items\n", size_bytes,
                strerror(errno));
        exit(1);
    }
    /* Advice only: without huge pages the figures are a little lower for everyone. */
    (void)madvise(memory, round_to_pages(size_bytes), MADV_HUGEPAGE);
    return memory;
}

void bench_pages_free(void *memory, size_t size_bytes) {
    if (memory != NULL) munmap(memory, round_to_pages(size_bytes));
}

int64_t bench_resident_bytes(int pid) {
    char path[64];
    if (pid == 0) {
        snprintf(path, sizeof path, "/proc/self/statm");
    } else {
        snprintf(path, sizeof path, "/proc/%d/statm", pid);
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    char line[128];
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    /* All pages, then those resident. */
    char *rest = got != NULL ? strchr(line, ' ') : NULL;
    return rest != NULL ? (int64_t)strtoll(rest, NULL, 10) * sysconf(_SC_PAGESIZE) : -1;
}

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct bench_figure {
    char *name;
    char *unit;
    char *remark;
    bench_summary summary;
} bench_figure;

struct bench_report {
    FILE *out;
    bool is_json;
    const bench_goal *goals;
    bench_figure *figures;
    size_t count;
    size_t capacity;
};

static void *must(void *memory) {
    if (memory == NULL) {
        fputs("bench: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bench_summary bench_summarize(const double *values, size_t count) {
    double *sorted = must(malloc(count * sizeof *sorted));
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    const size_t middle = count / 2;
    bench_summary summary = {
        .median = count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
        .min = sorted[0],
        .max = sorted[count - 1],
        .runs = count,
    };
    free(sorted);
    return summary;
}

bench_report *bench_report_create(FILE *out, bool is_json, const bench_goal *goals) {
    bench_report *report = must(calloc(1, sizeof *report));
    report->out = out;
    report->is_json = is_json;
    report->goals = goals;
    return report;
}

static void print_json(FILE *out, const bench_figure *figure) {
    const bench_summary *s = &figure->summary;
    fprintf(out,
            "{\"figure\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"min\": %.6g, "
            "\"max\": %.6g, \"runs\": %zu}\n",
            figure->name, s->median, figure->unit, s->min, s->max, s->runs);
    fflush(out);
}

void bench_report_add(bench_report *report, const char *name, const char *unit,
                      const double *values, size_t count, const char *remark) {
    if (count == 0) return;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) return; /* JSON has no form for it, and it says nothing */
    }
    if (report->count == report->capacity) {
        report->capacity = report->capacity == 0 ? 64 : report->capacity * 2;
        report->figures =
            must(realloc(report->figures, report->capacity * sizeof *report->figures));
    }
    bench_figure *added = &report->figures[report->count++];
    added->name = must(strdup(name));
    added->unit = must(strdup(unit));
    added->remark = must(strdup(remark == NULL ? "" : remark));
    added->summary = bench_summarize(values, count);
    if (report->is_json) print_json(report->out, added);
}

void bench_report_add_ratio(bench_report *report, const char *name, const double *numerators,
                            const double *denominators, size_t count, const char *remark) {
    double *ratios = must(malloc((count + 1) * sizeof *ratios));
    for (size_t i = 0; i < count; i++) ratios[i] = numerators[i] / denominators[i];
    bench_report_add(report, name, "ratio", ratios, count, remark);
    free(ratios);
}

static const bench_goal *goal_of(const bench_report *report, const char *name) {
    for (const bench_goal *goal = report->goals; goal != NULL && goal->figure != NULL; goal++) {
        if (strcmp(goal->figure, name) == 0) return goal;
    }
    return NULL;
}

static void print_row(const bench_report *report, const bench_figure *figure, int name_width) {
    char goal_text[32] = "", verdict[8] = "";
    const bench_goal *goal = goal_of(report, figure->name);
    if (goal != NULL) {
        const double value = figure->summary.median;
        const bool is_met = goal->at_most ? value <= goal->bound : value >= goal->bound;
        snprintf(goal_text, sizeof goal_text, "%s %g", goal->at_most ? "<=" : ">=", goal->bound);
        snprintf(verdict, sizeof verdict, "%s", is_met ? "met" : "missed");
    }
    fprintf(report->out, "%-*s %10.4g %10.4g %10.4g %5zu  %-11s %8s %-7s %s\n", name_width,
            figure->name, figure->summary.median, figure->summary.min, figure->summary.max,
            figure->summary.runs, figure->unit, goal_text, verdict, figure->remark);
}

static void print_table(const bench_report *report) {
    int name_width = (int)strlen("figure");
    for (size_t i = 0; i < report->count; i++) {
        const int width = (int)strlen(report->figures[i].name);
        if (width > name_width) name_width = width;
    }
    fprintf(report->out, "%-*s %10s %10s %10s %5s  %-11s %8s %-7s %s\n", name_width, "figure",
            "median", "min", "max", "runs", "unit", "goal", "", "remark");
    for (size_t i = 0; i < report->count; i++) print_row(report, &report->figures[i], name_width);
    fflush(report->out);
}

void bench_report_finish(bench_report *report) {
    if (report == NULL) return;
    if (!report->is_json) print_table(report);
    for (size_t i = 0; i < report->count; i++) {
        free(report->figures[i].name);
        free(report->figures[i].unit);
        free(report->figures[i].remark);
    }
    free(report->figures);
    free(report);
}
