/*
 * cmd_list.c - list: the live entries, as a table or as one JSON object a line.
 *
 * Unsorted entries are written as they come. Sorted ones are collected first; with --limit the
 * array stops growing at a few times the limit: whenever it is full, all but the best are thrown
 * away.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "output.h"
#include "progress.h"
#include "text.h"

typedef struct item {
    jay_entry_info info;
    unsigned char key[]; /* what info.key points to */
} item;

typedef int compare_fn(const void *a, const void *b);

typedef struct listing {
    const cli *c;
    int64_t limit;       /* 0: none */
    compare_fn *compare; /* NULL: unsorted */
    bool is_reverse;
    item **items;
    size_t count;
    size_t capacity;
    int64_t written;
    bool is_out_of_memory;
    atomic_llong seen; /* for the progress */
} listing;

/* -1, 0 or 1, as qsort wants it. */
static int order_of(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static const jay_entry_info *info_of(const void *element) {
    return &(*(item *const *)element)->info;
}

static int compare_key(const void *a, const void *b) {
    const jay_entry_info *x = info_of(a);
    const jay_entry_info *y = info_of(b);
    size_t shorter = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(x->key, y->key, shorter);
    return order != 0 ? order : order_of((int64_t)x->key_size, (int64_t)y->key_size);
}

static int compare_size(const void *a, const void *b) {
    int order = order_of((int64_t)info_of(b)->value_size, (int64_t)info_of(a)->value_size);
    return order != 0 ? order : compare_key(a, b);
}

static int compare_ttl(const void *a, const void *b) {
    int64_t x = info_of(a)->ttl_ms;
    int64_t y = info_of(b)->ttl_ms;
    int order =
        order_of(x == JAY_TTL_FOREVER ? INT64_MAX : x, y == JAY_TTL_FOREVER ? INT64_MAX : y);
    return order != 0 ? order : compare_key(a, b);
}

static int compare_heat(const void *a, const void *b) {
    int order = order_of(info_of(b)->heat, info_of(a)->heat);
    return order != 0 ? order : compare_key(a, b);
}

static compare_fn *comparison(int64_t sort) {
    static compare_fn *const all[] = {NULL, compare_size, compare_ttl, compare_heat, compare_key};
    return all[sort];
}

static void write_known(cli_json *j, const char *name, int64_t number) {
    if (number < 0)
        cli_json_null(j, name);
    else
        cli_json_int(j, name, number);
}

static void write_json(const jay_entry_info *entry) {
    cli_json j = {stdout, false};
    cli_json_begin(&j, NULL, '{');
    cli_json_bytes(&j, "key", entry->key, entry->key_size);
    cli_json_int(&j, "size", (int64_t)entry->value_size);
    if (entry->ttl_ms == JAY_TTL_FOREVER)
        cli_json_null(&j, "ttl_ms");
    else
        cli_json_int(&j, "ttl_ms", entry->ttl_ms);
    write_known(&j, "heat", entry->heat);
    write_known(&j, "size_bytes", entry->size_bytes);
    cli_json_end(&j, '}');
    putchar('\n');
}

/* The key comes last: it is the one column of any length. */
static void write_row(const jay_entry_info *entry) {
    char ttl[48];
    char heat[24] = "-";
    cli_format_ttl(entry->ttl_ms, ttl, sizeof ttl);
    if (entry->heat >= 0) snprintf(heat, sizeof heat, "%" PRId64, entry->heat);
    printf("%10zu %9s %6s  ", entry->value_size, ttl, heat);
    cli_write_escaped(stdout, entry->key, entry->key_size);
    putchar('\n');
}

static void write_entry(listing *l, const jay_entry_info *entry) {
    if (l->c->is_json)
        write_json(entry);
    else
        write_row(entry);
    l->written++;
}

static void drop_items(listing *l, size_t first) {
    for (size_t i = first; i < l->count; i++) free(l->items[i]);
    if (first < l->count) l->count = first;
}

/* Sorts what is held, and keeps no more than the limit. */
static void sort_items(listing *l) {
    if (l->count == 0) return;
    qsort(l->items, l->count, sizeof(item *), l->compare);
    for (size_t i = 0; l->is_reverse && i < l->count / 2; i++) {
        item *swapped = l->items[i];
        l->items[i] = l->items[l->count - 1 - i];
        l->items[l->count - 1 - i] = swapped;
    }
    if (l->limit > 0 && (uint64_t)l->limit < l->count) drop_items(l, (size_t)l->limit);
}

static bool has_room(listing *l) {
    if (l->count < l->capacity) return true;
    if (l->limit > 0 && l->count / 2 >= (uint64_t)l->limit) {
        sort_items(l);
        return true;
    }
    size_t capacity = l->capacity == 0 ? 1024 : l->capacity * 2;
    item **items = realloc(l->items, capacity * sizeof(item *));
    if (items == NULL) return false;
    l->items = items;
    l->capacity = capacity;
    return true;
}

static bool keep_entry(listing *l, const jay_entry_info *entry) {
    if (!has_room(l)) return false;
    item *kept = malloc(sizeof *kept + entry->key_size);
    if (kept == NULL) return false;
    kept->info = *entry;
    memcpy(kept->key, entry->key, entry->key_size);
    kept->info.key = kept->key;
    l->items[l->count++] = kept;
    return true;
}

static int take_entry(void *arg, const jay_entry_info *entry) {
    listing *l = arg;
    atomic_fetch_add_explicit(&l->seen, 1, memory_order_relaxed);
    if (l->compare != NULL) {
        l->is_out_of_memory = !keep_entry(l, entry);
        return l->is_out_of_memory;
    }
    write_entry(l, entry);
    return (l->limit > 0 && l->written >= l->limit) || cli_output_failed();
}

static void describe(void *arg, char *text, size_t capacity) {
    listing *l = arg;
    snprintf(text, capacity, "%lld entries", atomic_load_explicit(&l->seen, memory_order_relaxed));
}

/* Rows that a terminal shows as they come are progress enough. */
static bool shows_rows(const listing *l) {
    return l->compare == NULL && isatty(STDOUT_FILENO);
}

int cli_cmd_list(cli *c, cli_args *args) {
    listing l = {.c = c,
                 .limit = args->limit,
                 .compare = comparison(args->sort),
                 .is_reverse = args->is_reverse != 0};
    if (l.is_reverse && l.compare == NULL) {
        return cli_usage(c, "--reverse needs --sort BY: entries have no order of their own");
    }
    if (!c->is_json) printf("%10s %9s %6s  %s\n", "SIZE", "TTL", "HEAT", "KEY");
    cli_result result = {.kind = CLI_RESULT_NUMBER, .number_name = "entries"};
    cli_progress progress = {.is_running = false};
    if (!shows_rows(&l)) cli_progress_start(&progress, describe, &l);
    result.status = jay_iterate(c->cache, take_entry, &l, &result.error);
    cli_progress_stop(&progress);
    if (result.status == JAY_STOPPED) result.status = JAY_OK;
    if (l.compare != NULL && !l.is_out_of_memory) sort_items(&l);
    for (size_t i = 0; i < l.count && !cli_output_failed(); i++) write_entry(&l, &l.items[i]->info);
    drop_items(&l, 0);
    free(l.items);
    if (l.is_out_of_memory) return cli_fail(c, "no memory to sort so many entries; use --limit");
    result.number = l.written;
    /* Outside of a batch nothing has to mark the end of the list. */
    if (result.status == JAY_OK && c->batch_line == 0) return CLI_DONE;
    return cli_report(c, &result);
}
