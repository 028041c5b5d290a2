/*
 * harness.h - what every benchmark here shares: figures, the clock, and a team of threads.
 *
 * A figure is a name, a unit and the values of several rounds; it is reported as their median with
 * the smallest and the largest. A ratio is taken round by round, from runs that were interleaved,
 * and only then is the median taken: machines drift, and pairs drift together.
 *
 * Reports have two forms. JSON is one object a line, printed as soon as the figure is known:
 *     {"figure": "memory.get.100B.zipf.1t.mops", "value": 5.1, "unit": "Mops/s",
 *      "min": 4.9, "max": 5.2, "runs": 5}
 * (without the line break). The table is printed at the end, with a goal and a remark where there
 * is one.
 *
 * Nothing here is thread-safe but bench_now_ns and the inside of bench_team_run.
 */
#ifndef JAYCACHE_BENCH_HARNESS_H
#define JAYCACHE_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- clock and small tools ------------------------------------------------------------------- */

/* Monotonic time in nanoseconds. */
int64_t bench_now_ns(void);

/* A good mixer of 64 bits, used for everything that must be the same in every run. */
static inline uint64_t bench_mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Memory of whole pages, zeroed, on huge pages where the kernel grants them. Ends the program when
 * there is none, since no benchmark can go on then. */
void *bench_pages_alloc(size_t size_bytes);
void bench_pages_free(void *memory, size_t size_bytes);

/* Resident bytes of a process; pid 0 is this one. -1: not known. */
int64_t bench_resident_bytes(int pid);

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct bench_goal {
    const char *figure;
    bool at_most; /* false: at least */
    double bound;
} bench_goal;

typedef struct bench_summary {
    double median;
    double min;
    double max;
    size_t runs;
} bench_summary;

/* Sums up `count` values, 1 or more. `values` is left as it was. */
bench_summary bench_summarize(const double *values, size_t count);

typedef struct bench_report bench_report;

/* `goals` end with a NULL figure, may be NULL, and are not copied. */
bench_report *bench_report_create(FILE *out, bool is_json, const bench_goal *goals);

/* Prints the table, unless the form is JSON, and ends the report. */
void bench_report_finish(bench_report *report);

/* Adds a figure. `remark` may be NULL; it shows in the table only. Figures without values are left
 * out. */
void bench_report_add(bench_report *report, const char *figure, const char *unit,
                      const double *values, size_t count, const char *remark);

/* Adds the round-by-round ratio of two series of the same length. */
void bench_report_add_ratio(bench_report *report, const char *figure, const double *numerators,
                            const double *denominators, size_t count, const char *remark);

/* ---- a team of threads ----------------------------------------------------------------------- */

/*
 * Threads that live as long as the team, so that what stores keep for each thread stays warm.
 * A job starts on all its members at the same moment.
 */
typedef struct bench_team bench_team;
typedef void bench_job(void *arg, unsigned member);

bench_team *bench_team_create(unsigned member_count);
void bench_team_destroy(bench_team *team);

/* Runs `job` on members 0 to count - 1 and returns when all have ended. */
void bench_team_run(bench_team *team, unsigned count, bench_job *job, void *arg);

#ifdef __cplusplus
}
#endif

#endif
