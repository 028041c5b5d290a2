/*
 * cmd_stats.c - stats, clear.
 */
#include <inttypes.h>

#include "args.h"
#include "output.h"
#include "progress.h"

typedef struct stat_row {
    const char *name;
    const char *text;
    size_t offset;
} stat_row;

static const stat_row rows[] = {
#define ROW(name, text) {#name, text, offsetof(jay_stats, name)},
    JAY_STATS_MAP(ROW)
#undef ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static int64_t number_of(const jay_stats *stats, const stat_row *row) {
    return *(const int64_t *)((const char *)stats + row->offset);
}

/* Hits among all lookups; -1: there were none, or they are not counted. */
static double hit_ratio(const jay_stats *stats) {
    if (stats->hits < 0 || stats->misses < 0) return -1;
    double lookups = (double)stats->hits + (double)stats->misses;
    return lookups > 0 ? (double)stats->hits / lookups : -1;
}

static void write_json(cli *c, const jay_stats *stats) {
    cli_json j = {stdout, false};
    cli_json_begin_result(&j, c, JAY_OK);
    cli_json_text(&j, "scheme", jay_cache_scheme(c->cache));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int64_t number = number_of(stats, &rows[i]);
        if (number < 0)
            cli_json_null(&j, rows[i].name);
        else
            cli_json_int(&j, rows[i].name, number);
    }
    double ratio = hit_ratio(stats);
    if (ratio < 0)
        cli_json_null(&j, "hit_ratio");
    else
        cli_json_real(&j, "hit_ratio", ratio, 4);
    cli_json_end(&j, '}');
    putchar('\n');
}

static void write_row(const char *name, const char *number, const char *text) {
    printf("%-10s %15s  %s\n", name, number, text);
}

static void write_table(const jay_stats *stats) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char number[24] = "-";
        if (number_of(stats, &rows[i]) >= 0) {
            snprintf(number, sizeof number, "%" PRId64, number_of(stats, &rows[i]));
        }
        write_row(rows[i].name, number, rows[i].text);
    }
    char text[24] = "-";
    double ratio = hit_ratio(stats);
    if (ratio >= 0) snprintf(text, sizeof text, "%.4f", ratio);
    write_row("hit ratio", text, "hits among all lookups");
}

int cli_cmd_stats(cli *c, cli_args *args) {
    (void)args;
    jay_stats stats;
    cli_result result = {.kind = CLI_RESULT_NONE};
    result.status = jay_get_stats(c->cache, &stats, sizeof stats, &result.error);
    if (result.status != JAY_OK) return cli_report(c, &result);
    if (c->is_json) {
        write_json(c, &stats);
        return CLI_DONE;
    }
    write_table(&stats);
    return c->batch_line > 0 ? cli_report(c, &result) : CLI_DONE;
}

static void describe_clear(void *arg, char *text, size_t capacity) {
    jay_stats stats;
    if (jay_get_stats(arg, &stats, sizeof stats, NULL) == JAY_OK && stats.items >= 0) {
        snprintf(text, capacity, "clearing, %" PRId64 " entries left", stats.items);
    } else {
        snprintf(text, capacity, "clearing");
    }
}

int cli_cmd_clear(cli *c, cli_args *args) {
    (void)args;
    cli_result result = {.kind = CLI_RESULT_NONE};
    cli_progress progress;
    cli_progress_start(&progress, describe_clear, c->cache);
    result.status = jay_clear(c->cache, &result.error);
    cli_progress_stop(&progress);
    return cli_report(c, &result);
}
