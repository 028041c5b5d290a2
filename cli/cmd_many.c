/*
 * cmd_many.c - get-many, set-many, delete-many.
 *
 * Keys come from the operands, or from lines of a file or standard input; lines are read and sent a
 * chunk at a time, so that any number of them takes a bounded memory. Each line stays in its own
 * buffer until its chunk is done.
 */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "input.h"
#include "output.h"
#include "text.h"

#define CHUNK_COUNT 128
#define CHUNK_MAX_BYTES ((size_t)16 << 20)

typedef struct many {
    cli_buffer lines[CHUNK_COUNT];
    jay_bytes keys[CHUNK_COUNT];
    jay_pair pairs[CHUNK_COUNT];
    jay_value values[CHUNK_COUNT];
    int statuses[CHUNK_COUNT];
    size_t count; /* in this chunk */
    FILE *in;     /* NULL: keys are the operands */
    size_t next_operand;
    size_t line; /* of the input */
    cli_json json;
    int exit_status;
    int64_t done; /* over all chunks */
    int64_t missed;
    int64_t failed;
    int first_failure; /* a status; JAY_OK: none */
} many;

/* Calls the library for one chunk, and shows what came of it. */
typedef void chunk_fn(cli *c, cli_args *args, many *m);

static void worsen(many *m, int exit_status) {
    if (exit_status > m->exit_status) m->exit_status = exit_status;
}

/* A line of set-many: KEY, a tab, VALUE. Before the escapes are decoded, so that a key may hold
 * tabs. */
static bool split_pair(cli *c, const cli_args *args, many *m, cli_buffer *line) {
    char *tab = memchr(line->data, '\t', line->size);
    if (tab == NULL) {
        cli_usage(c,
                  "line %zu of the input has no tab: write KEY, a tab, VALUE; "
                  "%lld before it are stored",
                  m->line, (long long)m->done + (long long)m->count);
        return false;
    }
    size_t key_size = (size_t)(tab - line->data);
    size_t value_size = line->size - key_size - 1;
    *tab = '\0';
    if (!cli_decode_key(c, args, line->data, &key_size)) return false;
    if (!cli_decode_value(c, args, tab + 1, &value_size)) return false;
    m->keys[m->count] = (jay_bytes){line->data, key_size};
    m->pairs[m->count] = (jay_pair){m->keys[m->count], {tab + 1, value_size}, args->ttl_ms};
    return true;
}

/* Fills the next chunk from the lines; false when a line could not be used, which is reported. */
static bool fill_from_lines(cli *c, const cli_args *args, many *m, bool is_pairs) {
    size_t total_bytes = 0;
    while (m->count < CHUNK_COUNT && total_bytes < CHUNK_MAX_BYTES) {
        cli_buffer *line = &m->lines[m->count];
        enum cli_line got = cli_read_line(c, m->in, line);
        if (got == CLI_LINE_END) break;
        m->line++;
        if (got == CLI_LINE_FAILED) {
            worsen(m, CLI_FAILED);
            return false;
        }
        total_bytes += line->size;
        bool is_good = true;
        if (is_pairs) {
            is_good = split_pair(c, args, m, line);
        } else {
            size_t size = line->size;
            is_good = cli_decode_key(c, args, line->data, &size);
            m->keys[m->count] = (jay_bytes){line->data, size};
        }
        if (!is_good) {
            worsen(m, CLI_USAGE);
            return false;
        }
        m->count++;
    }
    return true;
}

static bool fill_from_operands(cli *c, cli_args *args, many *m) {
    while (m->count < CHUNK_COUNT && m->next_operand < args->operand_count) {
        if (!cli_key(c, args, m->next_operand++, &m->keys[m->count])) {
            worsen(m, CLI_USAGE);
            return false;
        }
        m->count++;
    }
    return true;
}

/* Takes note of a chunk's statuses; reports the first failure, whose error is given. */
static void count_statuses(cli *c, many *m, int status, const jay_error *error) {
    if (status < 0) {
        cli_message(c, "%s", error->message);
        if (m->first_failure == JAY_OK) m->first_failure = status;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->statuses[i] == JAY_OK)
            m->done++;
        else if (m->statuses[i] > 0)
            m->missed++;
        else
            m->failed++;
        worsen(m, cli_exit_status(m->statuses[i]));
    }
}

static void write_value(cli *c, many *m, size_t i) {
    const jay_bytes *key = &m->keys[i];
    if (c->is_json) {
        cli_result result = {.status = m->statuses[i],
                             .key = *key,
                             .kind = CLI_RESULT_VALUE,
                             .value = {m->values[i].data, m->values[i].size},
                             .version = m->values[i].version};
        snprintf(result.error.message, sizeof result.error.message, "%s",
                 jay_status_text(result.status));
        cli_json_begin(&m->json, NULL, '{');
        cli_json_text(&m->json, "status", cli_status_word(result.status));
        cli_json_result(&m->json, &result);
        cli_json_end(&m->json, '}');
    } else if (m->statuses[i] == JAY_OK) {
        cli_write_escaped(stdout, key->data, key->size);
        putchar('\t');
        cli_write_escaped(stdout, m->values[i].data, m->values[i].size);
        putchar('\n');
    }
}

static void get_chunk(cli *c, cli_args *args, many *m) {
    (void)args;
    jay_error error;
    int status = jay_get_many(c->cache, m->keys, m->count, m->values, m->statuses, &error);
    count_statuses(c, m, status, &error);
    for (size_t i = 0; i < m->count; i++) write_value(c, m, i);
    jay_values_release(m->values, m->count);
}

static void set_chunk(cli *c, cli_args *args, many *m) {
    (void)args;
    jay_error error;
    int status = jay_set_many(c->cache, m->pairs, m->count, m->statuses, &error);
    count_statuses(c, m, status, &error);
}

static void delete_chunk(cli *c, cli_args *args, many *m) {
    (void)args;
    jay_error error;
    int status = jay_delete_many(c->cache, m->keys, m->count, m->statuses, &error);
    count_statuses(c, m, status, &error);
}

/* Chunk after chunk, until the input ends or cannot be used any more. */
static void run_chunks(cli *c, cli_args *args, many *m, chunk_fn *act) {
    bool is_pairs = act == set_chunk;
    bool is_good = true;
    while (is_good && !cli_output_failed()) {
        m->count = 0;
        is_good =
            m->in != NULL ? fill_from_lines(c, args, m, is_pairs) : fill_from_operands(c, args, m);
        if (m->count == 0) break;
        act(c, args, m);
    }
}

static const char *done_name(chunk_fn *act) {
    if (act == get_chunk) return "found";
    return act == set_chunk ? "stored" : "deleted";
}

static void write_totals(cli *c, many *m, chunk_fn *act) {
    const char *word = m->first_failure != JAY_OK || m->exit_status >= CLI_USAGE ? "error"
                       : m->missed > 0                                           ? "miss"
                                                                                 : "ok";
    if (c->is_json) {
        if (act == get_chunk) cli_json_end(&m->json, ']');
        cli_json_text(&m->json, "status", word);
        if (m->first_failure != JAY_OK) {
            cli_json_text(&m->json, "error", jay_status_name(m->first_failure));
        }
        cli_json_int(&m->json, done_name(act), m->done);
        cli_json_int(&m->json, "missed", m->missed);
        cli_json_int(&m->json, "failed", m->failed);
        cli_json_end(&m->json, '}');
        putchar('\n');
    } else if (c->batch_line > 0) {
        printf("%s %lld of %lld\n", word, (long long)m->done,
               (long long)(m->done + m->missed + m->failed));
    }
}

static int run_many(cli *c, cli_args *args, chunk_fn *act) {
    if (args->operand_count > 0 && args->file != NULL) {
        return cli_usage(c, "keys and --file exclude each other; leave one out");
    }
    many *m = calloc(1, sizeof *m);
    if (m == NULL) return cli_fail(c, "out of memory");
    if (args->operand_count == 0) {
        const char *what = act == set_chunk ? "lines" : "keys";
        m->exit_status = cli_open_input(c, args, what, &m->in);
    }
    if (m->exit_status == CLI_DONE) {
        m->json = (cli_json){stdout, false};
        if (c->is_json) {
            cli_json_begin(&m->json, NULL, '{');
            cli_json_text(&m->json, "command", c->command->name);
            if (act == get_chunk) cli_json_begin(&m->json, "entries", '[');
        }
        c->has_begun = true;
        run_chunks(c, args, m, act);
        write_totals(c, m, act);
    }
    int exit_status = m->exit_status;
    cli_close_input(m->in);
    for (size_t i = 0; i < CHUNK_COUNT; i++) cli_buffer_deinit(&m->lines[i]);
    free(m);
    return exit_status;
}

int cli_cmd_get_many(cli *c, cli_args *args) {
    return run_many(c, args, get_chunk);
}

int cli_cmd_set_many(cli *c, cli_args *args) {
    return run_many(c, args, set_chunk);
}

int cli_cmd_delete_many(cli *c, cli_args *args) {
    return run_many(c, args, delete_chunk);
}
