/*
 * hitratio_report.c - see hitratio_report.h.
 *
 * Figures are named
 *     hitratio.TRACE.PERCENT.POLICY              items counted: requests found
 *     hitratio_bytes.TRACE.PERCENT.POLICY        bytes counted: requests found
 *     hitratio_bytes_bytes.TRACE.PERCENT.POLICY  bytes counted: bytes found
 * in percent; and where all that a goal needs was run, in percentage points,
 *     hitratio.TRACE.PERCENT.over_best                  over the best of the four rivals
 *     hitratio_bytes.TRACE.PERCENT.over_s3fifo
 *     hitratio_bytes_bytes.TRACE.PERCENT.over_s3fifo
 */
#include "hitratio_report.h"

#include <inttypes.h>
#include <string.h>

/* In percentage points. */
#define ITEMS_GOAL (-0.5)
#define BYTES_OBJECT_GOAL 2.0
#define BYTES_BYTE_GOAL (-1.2)

static const hitratio_column *find(const hitratio_cell *cell, const char *name) {
    for (size_t i = 0; i < cell->column_count; i++) {
        if (strcmp(cell->columns[i].name, name) == 0) {
            return &cell->columns[i];
        }
    }
    return NULL;
}

/* How far the library is over the best rival; false if one of them was not run. */
static bool over_best(const hitratio_cell *cell, double *ret_points) {
    static const char *const rivals[] = {"lru", "s3fifo", "wtinylfu", "arc"};
    const hitratio_column *own = find(cell, "jaycache");
    double best = 0;
    for (size_t i = 0; i < sizeof(rivals) / sizeof(rivals[0]); i++) {
        const hitratio_column *rival = find(cell, rivals[i]);
        if (rival == NULL || own == NULL) {
            return false;
        }
        best = rival->median.hits > best ? rival->median.hits : best;
    }
    *ret_points = own->median.hits - best;
    return true;
}

static bool over_s3fifo(const hitratio_cell *cell, hitratio_result *ret_points) {
    const hitratio_column *own = find(cell, "jaycache");
    const hitratio_column *rival = find(cell, "s3fifo");
    if (own == NULL || rival == NULL) {
        return false;
    }
    ret_points->hits = own->median.hits - rival->median.hits;
    ret_points->byte_hits = own->median.byte_hits - rival->median.byte_hits;
    return true;
}

void hitratio_print_head(FILE *out, const hitratio_cell *cell) {
    fprintf(out, "\n%s, bound in %s; percent found\n", cell->trace_name,
            cell->bound.in_bytes ? "bytes" : "items");
    fprintf(out, "%7s %12s %8s", "percent", cell->bound.in_bytes ? "bytes" : "items", "of");
    for (size_t i = 0; i < cell->column_count; i++) {
        fprintf(out, " %9s", cell->columns[i].name);
    }
    fprintf(out, "   %s\n", cell->bound.in_bytes ? "over s3fifo" : "over best");
}

static void print_start(FILE *out, const hitratio_cell *cell, const char *unit) {
    fprintf(out, "%7s %12" PRIu64 " %8s", cell->percent, cell->bound.capacity, unit);
}

static void print_verdict(FILE *out, double points, double goal) {
    fprintf(out, "   %+6.2f %s", points, points >= goal ? "met" : "MISSED");
}

void hitratio_print_row(FILE *out, const hitratio_cell *cell) {
    double points;
    hitratio_result result;
    print_start(out, cell, "requests");
    for (size_t i = 0; i < cell->column_count; i++) {
        fprintf(out, " %9.2f", cell->columns[i].median.hits);
    }
    if (!cell->bound.in_bytes && over_best(cell, &points)) {
        print_verdict(out, points, ITEMS_GOAL);
    }
    if (cell->bound.in_bytes) {
        bool judged = over_s3fifo(cell, &result);
        if (judged) {
            print_verdict(out, result.hits, BYTES_OBJECT_GOAL);
        }
        fputc('\n', out);
        print_start(out, cell, "bytes");
        for (size_t i = 0; i < cell->column_count; i++) {
            fprintf(out, " %9.2f", cell->columns[i].median.byte_hits);
        }
        if (judged) {
            print_verdict(out, result.byte_hits, BYTES_BYTE_GOAL);
        }
    }
    fputc('\n', out);
}

static void print_text(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
}

static void print_figure(FILE *out, const hitratio_cell *cell, const char *family, const char *name,
                         const double numbers[3], const char *unit, int runs) {
    fprintf(out, "{\"figure\": \"%s.", family);
    print_text(out, cell->trace_name);
    fprintf(out, ".%s.%s\", \"value\": %.4f, \"unit\": \"%s\", \"min\": %.4f, \"max\": %.4f, ",
            cell->percent, name, numbers[0], unit, numbers[1], numbers[2]);
    fprintf(out, "\"runs\": %d}\n", runs);
}

static void print_points(FILE *out, const hitratio_cell *cell, const char *family, const char *name,
                         double points) {
    const double numbers[3] = {points, points, points};
    int runs = 1;
    for (size_t i = 0; i < cell->column_count; i++) {
        runs = cell->columns[i].runs > runs ? cell->columns[i].runs : runs;
    }
    print_figure(out, cell, family, name, numbers, "points", runs);
}

void hitratio_print_json(FILE *out, const hitratio_cell *cell) {
    const char *family = cell->bound.in_bytes ? "hitratio_bytes" : "hitratio";
    for (size_t i = 0; i < cell->column_count; i++) {
        const hitratio_column *column = &cell->columns[i];
        const double hits[3] = {column->median.hits, column->min.hits, column->max.hits};
        const double bytes[3] = {column->median.byte_hits, column->min.byte_hits,
                                 column->max.byte_hits};
        print_figure(out, cell, family, column->name, hits, "percent", column->runs);
        if (cell->bound.in_bytes) {
            print_figure(out, cell, "hitratio_bytes_bytes", column->name, bytes, "percent",
                         column->runs);
        }
    }
    double points;
    hitratio_result result;
    if (!cell->bound.in_bytes && over_best(cell, &points)) {
        print_points(out, cell, family, "over_best", points);
    }
    if (cell->bound.in_bytes && over_s3fifo(cell, &result)) {
        print_points(out, cell, family, "over_s3fifo", result.hits);
        print_points(out, cell, "hitratio_bytes_bytes", "over_s3fifo", result.byte_hits);
    }
}

void hitratio_print_goals(FILE *out) {
    fprintf(
        out,
        "\nGoals, in percentage points. Bound in items: at least %.1f against the best of lru,\n"
        "s3fifo, wtinylfu and arc. Bound in bytes, against s3fifo: at least %+.1f requests\n"
        "found, and %.1f bytes found.\n",
        ITEMS_GOAL, BYTES_OBJECT_GOAL, BYTES_BYTE_GOAL);
}
