/*
 * hitratio_report.h - what bench_hitratio prints: a table with the goals judged, or JSON lines.
 */
#ifndef HITRATIO_REPORT_H
#define HITRATIO_REPORT_H

#include <stdio.h>

#include "hitratio_replay.h"

#define HITRATIO_MAX_POLICIES 16

/* A policy's name, simulated or "jaycache" for the library; what one run gave, or several. */
typedef struct hitratio_column {
    char name[16];
    const sim_policy *policy; /* NULL: the library */
    hitratio_result median;
    hitratio_result min;
    hitratio_result max;
    int runs;
} hitratio_column;

/* One trace under one bound. */
typedef struct hitratio_cell {
    const char *trace_name;
    const char *percent; /* as the user wrote it */
    hitratio_bound bound;
    size_t column_count;
    hitratio_column *columns;
} hitratio_cell;

/* The line over a table of cells of one trace and one kind of bound. */
void hitratio_print_head(FILE *out, const hitratio_cell *cell);

/* One line of that table, or two: objects and bytes. */
void hitratio_print_row(FILE *out, const hitratio_cell *cell);

/* One JSON object a figure. */
void hitratio_print_json(FILE *out, const hitratio_cell *cell);

/* What the goals are, for under the tables. */
void hitratio_print_goals(FILE *out);

#endif
