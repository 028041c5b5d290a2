/*
 * cmd_bench.c - bench: how many operations a second the cache does from here.
 *
 * Three phases, each bounded by --seconds: store every key once, measure, remove the keys. A thread
 * draws a key and an operation, does it, and goes on until the main thread says stop. The latency
 * of the first operations and then of one in eight is taken: reading the clock twice costs about as
 * much as a hit in memory, and would be most of what is measured.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "histogram.h"
#include "output.h"
#include "progress.h"

#define ENTRY_TTL_MS ((int64_t)600000) /* what an interrupted run leaves goes by itself */
#define KEY_PREFIX "jaycache-bench:"
#define KEY_SIZE (sizeof KEY_PREFIX - 1 + 8)
#define ALWAYS_TIMED 1000
#define BATCH_KEYS 128

enum kind { KIND_GET, KIND_SET, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"get", "set"};

typedef struct tally {
    uint64_t count;
    double per_second;
    cli_histogram latency;
} tally;

typedef struct bench {
    cli *c;
    const cli_args *args;
    const char *value;
    uint64_t get_below; /* a draw of 32 bits below this is a get */
    const char *phase;  /* for the progress: a constant string, set while no progress runs */
    int64_t phase_start_ns;
    double elapsed_s;
    uint64_t hits;
    uint64_t misses;
    atomic_bool is_stopped;
    tally tallies[KIND_COUNT];
    char keys[BATCH_KEYS][KEY_SIZE + 1]; /* one batch of keys to store or delete */
    jay_bytes names[BATCH_KEYS];
    jay_pair pairs[BATCH_KEYS];
} bench;

typedef struct worker {
    bench *b;
    pthread_t thread;
    uint64_t random;
    uint64_t hits;
    uint64_t misses;
    int status;
    jay_error error;
    tally tallies[KIND_COUNT];
} worker;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Marsaglia's xorshift, 64 bits; never 0 when it began otherwise. */
static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* `key` has KEY_SIZE bytes and begins with the prefix; a snprintf would cost more than the hit. */
static void number_key(char *key, uint32_t number) {
    for (size_t i = 0; i < 8; i++) {
        key[KEY_SIZE - 1 - i] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
}

static int do_get(worker *w, const char *key) {
    jay_value value;
    int status = jay_get(w->b->c->cache, key, KEY_SIZE, &value, &w->error);
    if (status == JAY_OK) {
        jay_value_release(&value);
        w->hits++;
    } else if (status == JAY_MISS) {
        w->misses++;
        status = JAY_OK;
    }
    return status;
}

static int do_set(worker *w, const char *key) {
    return jay_set(w->b->c->cache, key, KEY_SIZE, w->b->value, (size_t)w->b->args->size_bytes,
                   ENTRY_TTL_MS, &w->error);
}

static void *work(void *arg) {
    worker *w = arg;
    bench *b = w->b;
    char key[KEY_SIZE + 1] = KEY_PREFIX;
    int64_t begin_ns = now_ns();
    while (w->status == JAY_OK && !atomic_load_explicit(&b->is_stopped, memory_order_relaxed)) {
        uint64_t drawn = draw(&w->random);
        number_key(key, (uint32_t)((drawn >> 32) * (uint64_t)b->args->keys >> 32));
        enum kind kind = (drawn & UINT32_MAX) < b->get_below ? KIND_GET : KIND_SET;
        tally *t = &w->tallies[kind];
        bool is_timed = t->count < ALWAYS_TIMED || t->count % 8 == 0;
        int64_t start_ns = is_timed ? now_ns() : 0;
        w->status = kind == KIND_GET ? do_get(w, key) : do_set(w, key);
        if (is_timed) cli_histogram_add(&t->latency, (uint64_t)(now_ns() - start_ns));
        t->count++;
    }
    double elapsed_s = (double)(now_ns() - begin_ns) / 1e9;
    for (int k = 0; k < KIND_COUNT; k++) {
        w->tallies[k].per_second = (double)w->tallies[k].count / elapsed_s;
    }
    if (w->status != JAY_OK) atomic_store(&b->is_stopped, true);
    return NULL;
}

static void describe(void *arg, char *text, size_t capacity) {
    bench *b = arg;
    snprintf(text, capacity, "%s, %.0f of at most %" PRId64 " s", b->phase,
             (double)(now_ns() - b->phase_start_ns) / 1e9, b->args->seconds);
}

static void begin_phase(bench *b, cli_progress *progress, const char *name) {
    b->phase = name;
    b->phase_start_ns = now_ns();
    cli_progress_start(progress, describe, b);
}

static bool is_phase_over(const bench *b) {
    return now_ns() - b->phase_start_ns >= b->args->seconds * 1000000000;
}

/* Stores (or, with `is_removal`, deletes) every key once, as far as the time allows. */
static int for_all_keys(bench *b, bool is_removal, jay_error *error) {
    int status = JAY_OK;
    for (int64_t next = 0; next < b->args->keys && status >= 0 && !is_phase_over(b);) {
        size_t count = 0;
        for (; count < BATCH_KEYS && next < b->args->keys; count++, next++) {
            memcpy(b->keys[count], KEY_PREFIX, sizeof KEY_PREFIX);
            number_key(b->keys[count], (uint32_t)next);
            b->names[count] = (jay_bytes){b->keys[count], KEY_SIZE};
            b->pairs[count] =
                (jay_pair){b->names[count], {b->value, (size_t)b->args->size_bytes}, ENTRY_TTL_MS};
        }
        status = is_removal ? jay_delete_many(b->c->cache, b->names, count, NULL, error)
                            : jay_set_many(b->c->cache, b->pairs, count, NULL, error);
    }
    return status;
}

static void wait_for_end(bench *b) {
    const struct timespec pause = {0, 20000000};
    while (!is_phase_over(b) && !atomic_load(&b->is_stopped)) nanosleep(&pause, NULL);
    atomic_store(&b->is_stopped, true);
}

static void add_worker(bench *b, const worker *w) {
    b->hits += w->hits;
    b->misses += w->misses;
    for (int k = 0; k < KIND_COUNT; k++) {
        b->tallies[k].count += w->tallies[k].count;
        b->tallies[k].per_second += w->tallies[k].per_second;
        cli_histogram_merge(&b->tallies[k].latency, &w->tallies[k].latency);
    }
}

/* Runs the workers for the time; the first failure of any goes to *error. */
static int measure(bench *b, worker *workers, jay_error *error) {
    size_t wanted = (size_t)b->args->threads;
    size_t count = 0;
    for (; count < wanted; count++) {
        worker *w = &workers[count];
        w->b = b;
        w->random = 0x9E3779B97F4A7C15u * (count + 1);
        if (pthread_create(&w->thread, NULL, work, w) != 0) break;
    }
    if (count < wanted) atomic_store(&b->is_stopped, true);
    wait_for_end(b);
    for (size_t i = 0; i < count; i++) pthread_join(workers[i].thread, NULL);
    b->elapsed_s = (double)(now_ns() - b->phase_start_ns) / 1e9;
    int status = JAY_OK;
    for (size_t i = 0; i < count; i++) {
        add_worker(b, &workers[i]);
        if (status == JAY_OK && workers[i].status != JAY_OK) {
            status = workers[i].status;
            *error = workers[i].error;
        }
    }
    if (status == JAY_OK && count < wanted) {
        status = error->code = JAY_E_NO_MEMORY;
        snprintf(error->message, sizeof error->message,
                 "no more than %zu threads can be started; lower --threads", count);
    }
    return status;
}

static double hit_ratio(const bench *b) {
    uint64_t lookups = b->hits + b->misses;
    return lookups > 0 ? (double)b->hits / (double)lookups : -1;
}

static void write_json(cli *c, const bench *b) {
    cli_json j = {stdout, false};
    cli_json_begin_result(&j, c, JAY_OK);
    cli_json_text(&j, "scheme", jay_cache_scheme(c->cache));
    cli_json_int(&j, "threads", b->args->threads);
    cli_json_int(&j, "keys", b->args->keys);
    cli_json_int(&j, "size", b->args->size_bytes);
    cli_json_real(&j, "get_ratio", b->args->get_ratio, 4);
    cli_json_real(&j, "seconds", b->elapsed_s, 3);
    for (int k = 0; k < KIND_COUNT; k++) {
        const tally *t = &b->tallies[k];
        cli_json_begin(&j, kind_names[k], '{');
        cli_json_int(&j, "count", (int64_t)t->count);
        cli_json_real(&j, "ops_per_s", t->per_second, 0);
        if (t->count == 0) {
            cli_json_null(&j, "p50_us");
            cli_json_null(&j, "p99_us");
        } else {
            cli_json_real(&j, "p50_us", cli_histogram_quantile(&t->latency, 0.5) / 1e3, 3);
            cli_json_real(&j, "p99_us", cli_histogram_quantile(&t->latency, 0.99) / 1e3, 3);
        }
        cli_json_end(&j, '}');
    }
    if (hit_ratio(b) < 0)
        cli_json_null(&j, "hit_ratio");
    else
        cli_json_real(&j, "hit_ratio", hit_ratio(b), 4);
    cli_json_end(&j, '}');
    putchar('\n');
}

static void write_table(cli *c, const bench *b) {
    printf("%s: threads %" PRId64 ", keys %" PRId64 ", value bytes %" PRId64 ", %.1f s\n\n",
           jay_cache_scheme(c->cache), b->args->threads, b->args->keys, b->args->size_bytes,
           b->elapsed_s);
    printf("%-9s %12s %12s %12s\n", "OPERATION", "OPS/S", "P50 US", "P99 US");
    for (int k = 0; k < KIND_COUNT; k++) {
        const tally *t = &b->tallies[k];
        if (t->count == 0) {
            printf("%-9s %12s %12s %12s\n", kind_names[k], "-", "-", "-");
            continue;
        }
        printf("%-9s %12.0f %12.3f %12.3f\n", kind_names[k], t->per_second,
               cli_histogram_quantile(&t->latency, 0.5) / 1e3,
               cli_histogram_quantile(&t->latency, 0.99) / 1e3);
    }
    if (hit_ratio(b) < 0)
        printf("\nhit ratio -\n");
    else
        printf("\nhit ratio %.4f\n", hit_ratio(b));
}

static int run_phases(bench *b, worker *workers, jay_error *error) {
    cli_progress progress;
    begin_phase(b, &progress, "storing the keys");
    int status = for_all_keys(b, false, error);
    bool was_cut_short = is_phase_over(b);
    cli_progress_stop(&progress);
    if (status < 0) return status;
    if (was_cut_short) {
        cli_message(b->c, "not all keys were stored in %" PRId64 " s; the hit ratio shows it",
                    b->args->seconds);
    }
    begin_phase(b, &progress, "measuring");
    status = measure(b, workers, error);
    cli_progress_stop(&progress);
    if (status < 0) return status;
    begin_phase(b, &progress, "removing the keys");
    status = for_all_keys(b, true, error);
    cli_progress_stop(&progress);
    return status;
}

int cli_cmd_bench(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    bench *b = calloc(1, sizeof *b);
    worker *workers = calloc((size_t)args->threads, sizeof *workers);
    char *value = malloc((size_t)args->size_bytes + 1);
    int exit_status;
    if (b == NULL || workers == NULL || value == NULL) {
        exit_status = cli_fail(c, "out of memory");
        goto done;
    }
    memset(value, 'v', (size_t)args->size_bytes);
    b->c = c;
    b->args = args;
    b->value = value;
    b->get_below = (uint64_t)(args->get_ratio * 4294967296.0);
    result.status = run_phases(b, workers, &result.error);
    if (result.status < 0) {
        exit_status = cli_report(c, &result);
        goto done;
    }
    if (c->is_json)
        write_json(c, b);
    else
        write_table(c, b);
    exit_status = CLI_DONE;
    if (c->batch_line > 0 && !c->is_json) {
        result.status = JAY_OK;
        exit_status = cli_report(c, &result);
    }
done:
    free(value);
    free(workers);
    free(b);
    return exit_status;
}
