/*
 * wire_faults.h - how late calls come back when their server does not answer as it should.
 *
 * Reports NAME.faults.late_ms.max, the most by which any call was past its deadline, and the same
 * of each fault; below 0, none was. It is a figure and not a test because it measures time: what a
 * call is late by is also what the machine keeps its thread waiting for.
 */
#ifndef JAYCACHE_BENCH_WIRE_FAULTS_H
#define JAYCACHE_BENCH_WIRE_FAULTS_H

#include "wire_bench.h"

/* Stops the benchmark's server for a while and has it go on. */
void wire_faults_run(bench_report *report, size_t rounds);

#endif
