/*
 * redis_nodes.h - a batch over the nodes of a Redis cluster.
 */
#ifndef JAYCACHE_BENCH_REDIS_NODES_H
#define JAYCACHE_BENCH_REDIS_NODES_H

#include "harness.h"

/* Starts a cluster of three masters on the loopback, measures, and ends it. */
void redis_nodes_run(bench_report *report, size_t rounds);

#endif
