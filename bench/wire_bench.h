/*
 * wire_bench.h - what the benchmarks of servers have in common: a server on a unix socket in a
 * temporary folder, a bare socket to it, Jaycache's calls, eight threads, instructions of a get.
 *
 * Every cell runs for a slot in every round, one after another, so that ratios are of runs side by
 * side. The bare loops of a protocol send the same commands as Jaycache, in one write, and take the
 * replies apart as far as every client must: the heads are read and compared, the values counted.
 * They leave a value where it was received; Jaycache gives each of a batch as a view of its own.
 */
#ifndef JAYCACHE_BENCH_WIRE_BENCH_H
#define JAYCACHE_BENCH_WIRE_BENCH_H

#include <sys/types.h>

#include <jaycache/jaycache.h>

#include "harness.h"

#define WIRE_BATCH 100
#define WIRE_KEYS 1000
#define WIRE_BUFFER_BYTES ((size_t)4 << 20)

/* Calls, beginning at a key; how many keys that were. */
typedef uint64_t wire_fn(size_t size, uint64_t at);

enum wire_call { WIRE_GET, WIRE_SET, WIRE_GET_MANY, WIRE_SET_MANY };

typedef struct wire_cell {
    const char *label;
    size_t size;         /* of values, in bytes */
    enum wire_call call; /* Jaycache's */
    wire_fn *raw;
    wire_fn *peer; /* NULL: the peer is not measured */
} wire_cell;

typedef struct wire_plan {
    const char *name;     /* figures begin with it */
    const char *peer;     /* another client's name */
    const char *url_head; /* what comes before the socket's path */
    const bench_goal *goals;
    const wire_cell *cells;
    size_t cell_count;
    void (*exec_server)(const char *dir, const char *socket_path); /* returns on failure only */
    void (*set_up_peer)(const char *socket_path);                  /* or NULL */
    void (*run_more)(bench_report *report, size_t rounds);         /* further figures, or NULL */
} wire_plan;

/* All of it is set up by wire_main. */
typedef struct wire_bench {
    const wire_plan *plan;
    char dir[64];
    char socket_path[96];
    char url[160];
    pid_t server;
    int fd; /* the bare socket */
    jay_cache *cache;
    jay_cache *four, *eight; /* with so many connections */
    bench_team *team;
    char keys[WIRE_KEYS][24];
    size_t key_sizes[WIRE_KEYS];
    char *value;
    char *buffer;  /* what was received */
    char *request; /* what is sent */
    int64_t slot_ns;
    const char *only; /* cells whose names hold this text */
} wire_bench;

extern wire_bench wire;

/* Ends the program. */
_Noreturn void wire_stop(const char *what);

void wire_send(const char *data, size_t size);

/* Receives until what has come, `at_least` so much, ends with `end`, as the whole reply does.
 * Returns how much there is in wire.buffer. */
size_t wire_receive(const char *end, size_t at_least);

/* A number at a place, which moves on behind it. */
size_t wire_number(const char **at);

bool wire_is_wanted(const char *name);

/* Runs calls for a slot: how many keys a second. */
double wire_run_slot(wire_fn *fn, size_t size);

#define WIRE_ROUNDS_MAX 50

int wire_main(const wire_plan *plan, int argc, char **argv);

#endif
