/*
 * cmd_fsck.c - fsck: looks through the directory of a file: cache, and repairs it.
 */
#include <inttypes.h>

#include "args.h"
#include "output.h"
#include "progress.h"

typedef struct report_row {
    const char *name;
    const char *text;
    size_t offset;
} report_row;

static const report_row rows[] = {
#define ROW(name, text) {#name, text, offsetof(jay_file_report, name)},
    JAY_FILE_REPORT_MAP(ROW)
#undef ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static int64_t number_of(const jay_file_report *report, const report_row *row) {
    return *(const int64_t *)((const char *)report + row->offset);
}

static void write_json(cli *c, const jay_file_report *report) {
    cli_json j = {stdout, false};
    cli_json_begin_result(&j, c, JAY_OK);
    for (size_t i = 0; i < ROW_COUNT; i++)
        cli_json_int(&j, rows[i].name, number_of(report, &rows[i]));
    cli_json_end(&j, '}');
    putchar('\n');
}

static void describe_check(void *arg, char *text, size_t capacity) {
    (void)arg;
    snprintf(text, capacity, "checking");
}

int cli_cmd_fsck(cli *c, cli_args *args) {
    jay_file_report report;
    cli_result result = {.kind = CLI_RESULT_NONE};
    cli_progress progress;
    cli_progress_start(&progress, describe_check, c->cache);
    result.status =
        jay_file_check(c->cache, args->is_repair != 0, &report, sizeof report, &result.error);
    cli_progress_stop(&progress);
    if (result.status != JAY_OK) return cli_report(c, &result);
    bool has_faults = report.damaged > 0 || report.miscounted > 0;
    bool is_good = !has_faults || args->is_repair != 0;
    if (c->is_json) {
        write_json(c, &report);
    } else {
        for (size_t i = 0; i < ROW_COUNT; i++)
            printf("%-10s %15" PRId64 "  %s\n", rows[i].name, number_of(&report, &rows[i]),
                   rows[i].text);
        if (c->batch_line > 0) return cli_report(c, &result);
    }
    return is_good ? CLI_DONE : CLI_MISS;
}
