/*
 * hitratio_trace.h - reads request traces for bench_hitratio.
 *
 * A trace has one request a line, in the order of time: `id`, or `id size_bytes`. An id is any
 * text without white space. Empty lines and lines that start with # are skipped. Files that start
 * as xz files do are decompressed.
 */
#ifndef HITRATIO_TRACE_H
#define HITRATIO_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HITRATIO_ERROR_SIZE 512

/* Sizes above this are refused: sums must not overflow. */
#define HITRATIO_MAX_ITEM_BYTES (INT64_C(1) << 32)

typedef struct hitratio_trace {
    uint32_t *ids;   /* of each request, numbered from 0 by first appearance */
    uint64_t *sizes; /* of each request; NULL for a trace without sizes */
    uint32_t *nexts; /* place of the next request of the same id, or UINT32_MAX */
    uint32_t request_count;
    uint32_t id_count;
    uint64_t distinct_bytes; /* sum over all ids of their first size */
    uint64_t request_bytes;  /* sum over all requests */
} hitratio_trace;

/*
 * Reads a whole file. On failure, writes to `error` what was wrong and where, and returns false.
 * On success, the trace is to be ended with hitratio_trace_deinit.
 */
bool hitratio_trace_load(const char *path, hitratio_trace *ret_trace,
                         char error[HITRATIO_ERROR_SIZE]);

/* The same from text in memory; `path` is for messages. */
bool hitratio_trace_parse(const char *path, const char *text, size_t text_size,
                          hitratio_trace *ret_trace, char error[HITRATIO_ERROR_SIZE]);

void hitratio_trace_deinit(hitratio_trace *trace);

#endif
