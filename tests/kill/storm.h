/*
 * storm.h - worker processes that do everything at once in one cache, and check all that they read.
 *
 * Every value says whose it is: | check | key hash | writer | sequence | size | filler |. Keys are
 * shared by all, or owned by one worker, who alone writes them. Of an owned key the board, in
 * memory apart from the cache, knows two numbers: no reader may see a sequence below `floor` (an
 * older value was overwritten or deleted, and that call had returned), nor above `started`.
 */
#ifndef STORM_H
#define STORM_H

#include <stdatomic.h>

#include "kill_support.h"

#define STORM_WORKERS 6
#define STORM_OWNED 12
#define STORM_SHARED 60
#define STORM_COUNTERS 4
#define STORM_VALUE_MAX 24000

typedef struct storm_key {
    _Atomic uint64_t started;
    _Atomic uint64_t floor;
} storm_key;

enum storm_count { STORM_HITS, STORM_MISSES, STORM_WRITES, STORM_BUSY, STORM_FULL, STORM_COUNTS };

/* One worker's part of the board; its successor after SIGKILL goes on with it. */
typedef struct storm_slot {
    _Alignas(64) _Atomic int64_t since_ns; /* of the call that runs now; 0: none */
    _Atomic uint32_t call;                 /* which, for messages */
    _Atomic uint64_t counts[STORM_COUNTS];
    storm_key keys[STORM_OWNED];
    char fault[256]; /* why the worker gave up */
} storm_slot;

typedef struct storm_board {
    char url[160];
    storm_slot slots[STORM_WORKERS];
    _Atomic uint64_t counted[STORM_COUNTERS]; /* calls of inc begun */
    _Atomic int is_over;
} storm_board;

/* Works in a slot until the storm is over, or for ever; does not return when something is wrong. */
void storm_work(storm_board *board, unsigned slot);

/* Reads and checks every key; how many were there. */
unsigned storm_check_all(storm_board *board, jay_cache *cache);

#endif
