/*
 * cmd_shm.c - shm list, info, remove: the shared memory caches of this machine.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "output.h"

/* What is shown of the caches, and which. */
typedef struct survey {
    const cli *c;
    const char *name; /* NULL: all */
    bool is_table;    /* one line each; else a paragraph */
    int64_t count;
} survey;

static void write_known(cli_json *j, const char *name, int64_t number) {
    if (number < 0)
        cli_json_null(j, name);
    else
        cli_json_int(j, name, number);
}

static void write_json(const jay_shm_info *info) {
    cli_json j = {stdout, false};
    char mode[16];
    snprintf(mode, sizeof mode, "%04o", info->mode);
    cli_json_begin(&j, NULL, '{');
    cli_json_text(&j, "name", info->name);
    cli_json_int(&j, "file_bytes", info->file_bytes);
    cli_json_text(&j, "mode", mode);
    cli_json_int(&j, "owner", info->owner);
    write_known(&j, "items", info->items);
    write_known(&j, "max_bytes", info->max_bytes);
    write_known(&j, "max_items", info->max_items);
    write_known(&j, "created_ms", info->created_ms);
    write_known(&j, "processes", info->processes);
    cli_json_end(&j, '}');
    putchar('\n');
}

/* A number, or "-" when it is not known. */
static const char *known(int64_t number, char text[24]) {
    snprintf(text, 24, "-");
    if (number >= 0) snprintf(text, 24, "%" PRId64, number);
    return text;
}

static const char *date_of(int64_t created_ms, char text[24]) {
    time_t seconds = (time_t)(created_ms / 1000);
    struct tm parts;
    snprintf(text, 24, "-");
    if (created_ms >= 0 && localtime_r(&seconds, &parts) != NULL)
        strftime(text, 24, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

static void write_row(const jay_shm_info *info) {
    char processes[24], items[24], date[24];
    printf("%12" PRId64 " %04o %9s %10s  %-19s  %s%s\n", info->file_bytes, info->mode,
           known(info->processes, processes), known(info->items, items),
           date_of(info->created_ms, date), info->name,
           info->is_usable ? "" : "  (damaged, foreign, or not yours to read)");
}

static void write_paragraph(const jay_shm_info *info) {
    char text[24];
    printf("name       %s\n", info->name);
    printf("url        shm:%s\n", info->name);
    printf("usable     %s\n", info->is_usable ? "yes" : "no: damaged, foreign, or not readable");
    printf("bytes      %" PRId64 "\n", info->file_bytes);
    printf("mode       %04o\n", info->mode);
    printf("owner      %u\n", info->owner);
    printf("items      %s\n", known(info->items, text));
    printf("max_items  %s\n", known(info->max_items, text));
    printf("created    %s\n", date_of(info->created_ms, text));
    printf("processes  %s\n", known(info->processes, text));
}

static int show(void *arg, const jay_shm_info *info) {
    survey *s = arg;
    if (s->name != NULL && strcmp(s->name, info->name) != 0) return 0;
    s->count++;
    if (s->c->is_json) {
        write_json(info);
    } else if (s->is_table) {
        write_row(info);
    } else {
        write_paragraph(info);
    }
    return cli_output_failed();
}

/* Lists all caches, or shows the one of a name. */
static int shm_show(cli *c, const char *name) {
    survey s = {.c = c, .name = name, .is_table = name == NULL};
    cli_result result = {.kind = CLI_RESULT_NONE};
    if (s.is_table && !c->is_json)
        printf("%12s %4s %9s %10s  %-19s  %s\n", "BYTES", "MODE", "PROCESSES", "ITEMS", "CREATED",
               "NAME");
    result.status = jay_shm_list(show, &s, &result.error);
    if (result.status == JAY_STOPPED) result.status = JAY_OK;
    if (result.status == JAY_OK && name != NULL && s.count == 0) result.status = JAY_MISS;
    if (result.status == JAY_OK && c->batch_line == 0) return CLI_DONE;
    return cli_report(c, &result);
}

static int shm_remove(cli *c, const char *name) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    result.status = jay_shm_remove(name, &result.error);
    return cli_report(c, &result);
}

int cli_cmd_shm(cli *c, cli_args *args) {
    const char *verb = args->operands[0];
    const char *name = args->operand_count > 1 ? args->operands[1] : NULL;
    bool is_list = strcmp(verb, "list") == 0;
    bool is_info = strcmp(verb, "info") == 0;
    if (!is_list && !is_info && strcmp(verb, "remove") != 0)
        return cli_usage(c, "there is no '%s'; it is list, info NAME or remove NAME", verb);
    if (is_list && name != NULL) return cli_usage(c, "list takes no name; use info NAME");
    if (is_list) return shm_show(c, NULL);
    if (name == NULL) return cli_usage(c, "%s needs the NAME of shm:NAME", verb);
    return is_info ? shm_show(c, name) : shm_remove(c, name);
}
