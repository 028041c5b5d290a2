/*
 * rd_scan.c - what concerns the whole database or a prefix: clear, iterate, statistics.
 *
 * Both walk by SCAN, a batch of keys at a time, one master after another; each batch has a link and
 * the deadline of a call, and no link is held while the caller's function runs.
 *
 * A key whose slot moves from one master to another during the walk may be met on both, or on
 * neither. So a clear that finds the slots dealt otherwise at its end than at its begin walks
 * again.
 */
#include <stdio.h>
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "os/clock.h"
#include "util/checked.h"
#include "util/decimal.h"
#include "util/memory.h"

#define SCAN_COUNT "500"
#define CURSOR_MAX 20 /* digits */
#define BATCHES_MAX 100000000
#define BATCH_BYTES_MAX ((size_t)1 << 30)
#define INFO_MAX (1 << 20)
#define CLEAR_WALKS_MAX 4

typedef struct scan_key {
    size_t offset; /* in `bytes` */
    size_t size;
    int64_t value_size; /* -1: not a string, or gone */
    int64_t rest_ms;    /* as PTTL has it */
} scan_key;

typedef struct scan {
    jay_backend *backend;
    rd_node *node; /* that is walked over */
    bool found;    /* a key, in this walk */
    char *pattern;
    size_t pattern_size;
    char cursor[CURSOR_MAX];
    size_t cursor_size;
    char *bytes;
    size_t used, room;
    scan_key *keys;
    size_t count, key_room;
} scan;

/* ---- begin and end ---- */

/* The pattern of a prefix: what SCAN would take for a wildcard is escaped. */
static int scan_init(scan *s, jay_backend *backend, const void *prefix, size_t prefix_size,
                     jay_error *error) {
    *s = (scan){.backend = backend};
    s->pattern = jayi_alloc(&backend->allocator, 2 * prefix_size + 1);
    if (s->pattern == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a scan");
    for (size_t i = 0; i < prefix_size; i++) {
        char byte = ((const char *)prefix)[i];
        if (byte != '\0' && strchr("*?[]\\", byte) != NULL) s->pattern[s->pattern_size++] = '\\';
        s->pattern[s->pattern_size++] = byte;
    }
    s->pattern[s->pattern_size++] = '*';
    return JAY_OK;
}

static void scan_begin(scan *s, rd_node *node) {
    s->node = node;
    s->cursor[0] = '0';
    s->cursor_size = 1;
}

static void scan_deinit(scan *s) {
    jayi_free(&s->backend->allocator, s->pattern);
    jayi_free(&s->backend->allocator, s->bytes);
    jayi_free(&s->backend->allocator, s->keys);
}

/* ---- a batch of keys ---- */

static int no_room(const rd_call *call) {
    return jay_error_set(call->error, JAY_E_NO_MEMORY, 0, "no memory for a batch of keys");
}

static int reserve_keys(rd_call *call, scan *s, size_t count) {
    if (count <= s->key_room) return JAY_OK;
    size_t size;
    if (!jayi_mul_size(count, sizeof *s->keys, &size)) return no_room(call);
    scan_key *keys = jayi_realloc(&s->backend->allocator, s->keys, size);
    if (keys == NULL) return no_room(call);
    s->keys = keys;
    s->key_room = count;
    return JAY_OK;
}

static int reserve_bytes(rd_call *call, scan *s, size_t size) {
    size_t wanted;
    if (!jayi_add_size(s->used, size, &wanted) || wanted > BATCH_BYTES_MAX) return no_room(call);
    if (wanted <= s->room) return JAY_OK;
    if (wanted < 2 * s->room) wanted = 2 * s->room;
    char *bytes = jayi_realloc(&s->backend->allocator, s->bytes, wanted);
    if (bytes == NULL) return no_room(call);
    s->bytes = bytes;
    s->room = wanted;
    return JAY_OK;
}

static int read_key(rd_call *call, scan *s) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_STRING) return jayi_rd_unexpected(call, &head);
    status = reserve_bytes(call, s, (size_t)head.number);
    if (status == JAY_OK && s->count == s->key_room)
        status = reserve_keys(call, s, s->key_room > 0 ? 2 * s->key_room : 1024);
    if (status != JAY_OK) return status;
    s->found = true;
    s->keys[s->count++] = (scan_key){.offset = s->used, .size = (size_t)head.number};
    status = jayi_rd_take(call, &head, s->bytes + s->used);
    s->used += (size_t)head.number;
    return status;
}

/* The cursor is the server's own, but must be a number, for it is sent back. */
static int read_cursor(rd_call *call, scan *s) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_STRING || head.number < 1 || head.number > CURSOR_MAX)
        return jayi_rd_unexpected(call, &head);
    s->cursor_size = (size_t)head.number;
    status = jayi_rd_take(call, &head, s->cursor);
    for (size_t i = 0; status == JAY_OK && i < s->cursor_size; i++) {
        if (s->cursor[i] < '0' || s->cursor[i] > '9')
            return jay_error_set(call->error, JAY_E_PROTOCOL, 0,
                                 "the server's cursor is no number");
    }
    return status;
}

/* Asks for the next batch; is_clean when it has been read whole. */
static int scan_next(rd_call *call, scan *s) {
    char cursor[CURSOR_MAX];
    memcpy(cursor, s->cursor, s->cursor_size);
    const jay_bytes words[] = {RD_WORD("SCAN"),  {cursor, s->cursor_size},
                               RD_WORD("MATCH"), {s->pattern, s->pattern_size},
                               RD_WORD("COUNT"), RD_WORD(SCAN_COUNT)};
    jayi_resp_head head;
    s->used = s->count = 0;
    int status = jayi_rd_run(call, words, 6, false, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_ARRAY || head.number != 2) return jayi_rd_unexpected(call, &head);
    status = read_cursor(call, s);
    if (status == JAY_OK) status = jayi_rd_read(call, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_ARRAY) return jayi_rd_unexpected(call, &head);
    for (int64_t i = 0; i < head.number && status == JAY_OK; i++) status = read_key(call, s);
    call->is_clean = status == JAY_OK;
    return status;
}

static bool scan_is_over(const scan *s) {
    return s->cursor_size == 1 && s->cursor[0] == '0';
}

/* ---- masters ---- */

typedef struct masters {
    jay_backend *backend;
    rd_node *nodes[RD_NODES_MAX];
    size_t count;
    uint64_t edition, deals;
} masters;

static int64_t deadline_of(const jay_backend *backend) {
    return jayi_clock_coarse_ms() + backend->call_ms;
}

static int masters_acquire(masters *all, jay_backend *backend, jay_error *error) {
    all->backend = backend;
    if (backend->layout != RD_ONE)
        return jayi_rd_masters(backend, deadline_of(backend), all->nodes, &all->count,
                               &all->edition, &all->deals, error);
    all->nodes[0] = backend->server;
    all->count = 1;
    all->edition = all->deals = 0;
    return JAY_OK;
}

static void masters_release(masters *all) {
    for (size_t i = 0; i < all->count && all->backend->layout != RD_ONE; i++)
        jayi_rd_node_release(all->nodes[i]);
}

/* ---- clear ---- */

static int unlink_together(rd_call *call, const scan *s) {
    jayi_resp_head head;
    jayi_rd_put_command(call, s->count + 1);
    RD_PUT(call, "UNLINK");
    for (size_t i = 0; i < s->count; i++)
        jayi_rd_put_word(call, s->bytes + s->keys[i].offset, s->keys[i].size);
    int status = jayi_rd_flush(call);
    if (status == JAY_OK) status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    call->is_clean = head.type == JAYI_RESP_INTEGER || head.type == JAYI_RESP_ERROR;
    return head.type == JAYI_RESP_INTEGER ? JAY_OK : jayi_rd_unexpected(call, &head);
}

/* In a cluster keys go one by one, for they lie in several slots, and follow redirections. */
static int unlink_each(const scan *s, jay_error *error) {
    const jay_allocator *allocator = &s->backend->allocator;
    jay_bytes *keys = jayi_calloc(allocator, s->count, sizeof *keys);
    int *statuses = jayi_calloc(allocator, s->count, sizeof *statuses);
    int status = JAY_OK;
    if (keys == NULL || statuses == NULL) {
        status = jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a batch of keys");
    } else {
        for (size_t i = 0; i < s->count; i++) {
            keys[i] = (jay_bytes){s->bytes + s->keys[i].offset, s->keys[i].size};
            statuses[i] = JAY_OK;
        }
        jayi_rd_delete_many(s->backend, keys, s->count, statuses, error);
        for (size_t i = 0; i < s->count && status == JAY_OK; i++)
            if (statuses[i] < 0) status = statuses[i];
    }
    jayi_free(allocator, keys);
    jayi_free(allocator, statuses);
    return status;
}

static int flush_node(rd_node *node, jay_error *error) {
    const jay_bytes words[] = {RD_WORD("FLUSHDB"), RD_WORD("ASYNC")};
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin_at(&call, node, deadline_of(node->backend), error);
    if (status != JAY_OK) return status;
    status = jayi_rd_run(&call, words, 2, false, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_TEXT) status = jayi_rd_unexpected(&call, &head);
    return jayi_rd_end(&call, status);
}

static int clear_batch(scan *s, jay_error *error) {
    rd_call call;
    bool is_cluster = s->backend->layout == RD_CLUSTER;
    int status = jayi_rd_begin_at(&call, s->node, deadline_of(s->backend), error);
    if (status != JAY_OK) return status;
    status = scan_next(&call, s);
    if (status == JAY_OK && s->count > 0 && !is_cluster) status = unlink_together(&call, s);
    status = jayi_rd_end(&call, status);
    return status == JAY_OK && s->count > 0 && is_cluster ? unlink_each(s, error) : status;
}

static int too_many(jay_error *error) {
    return jay_error_set(error, JAY_E_BUSY, 0, "the server's SCAN does not end; try later");
}

static int clear_node(scan *s, rd_node *node, jay_error *error) {
    int status = JAY_OK;
    if (s->pattern_size == 1) return flush_node(node, error);
    scan_begin(s, node);
    for (int i = 0; status == JAY_OK; i++) {
        status = i < BATCHES_MAX ? clear_batch(s, error) : too_many(error);
        if (scan_is_over(s)) break;
    }
    return status;
}

/* Whether a slot is on its way from or to a node: then its own line of CLUSTER NODES says so. */
static bool is_moving(rd_node *node) {
    const jay_bytes words[] = {RD_WORD("CLUSTER"), RD_WORD("NODES")};
    rd_call call;
    jayi_resp_head head;
    rd_block *text = NULL;
    int status = jayi_rd_begin_at(&call, node, deadline_of(node->backend), NULL);
    if (status != JAY_OK) return true;
    status = jayi_rd_run(&call, words, 2, false, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_STRING)
        status = jayi_rd_unexpected(&call, &head);
    if (status == JAY_OK) status = jayi_rd_take_block(&call, &head, &text);
    call.is_clean = call.is_clean || status == JAY_OK;
    status = jayi_rd_end(&call, status);
    bool result = status != JAY_OK || text == NULL || strstr(text->bytes, " [") != NULL;
    jayi_block_release(&node->backend->blocks, text);
    return result;
}

/* Whether a walk over the masters has to be made again: keys may have gone from one that was not
 * yet walked over to one that was. */
static bool must_walk_again(const scan *s, const masters *all) {
    jay_backend *backend = s->backend;
    masters now;
    /* What the slots are now, not a moment ago. */
    if (!jayi_rd_refresh_now(backend, all->edition, deadline_of(backend), NULL)) return true;
    if (masters_acquire(&now, backend, NULL) != JAY_OK) return true;
    bool again = now.deals != all->deals;
    for (size_t i = 0; i < now.count && s->found && !again; i++) again = is_moving(now.nodes[i]);
    masters_release(&now);
    return again;
}

static int clear_masters(scan *s, bool *ret_again, jay_error *error) {
    masters all;
    int status = masters_acquire(&all, s->backend, error);
    if (status != JAY_OK) return status;
    s->found = s->pattern_size == 1;
    for (size_t i = 0; i < all.count && status == JAY_OK; i++)
        status = clear_node(s, all.nodes[i], error);
    /* A node that has failed may have been replaced. */
    bool may_again = status == JAY_OK || status == JAY_E_UNREACHABLE || status == JAY_E_SERVER;
    if (s->backend->layout == RD_SENTINEL)
        *ret_again = may_again && status != JAY_OK &&
                     jayi_rd_refresh(s->backend, all.edition, deadline_of(s->backend), NULL);
    else
        *ret_again = may_again && s->backend->layout == RD_CLUSTER && must_walk_again(s, &all);
    masters_release(&all);
    return status;
}

int jayi_rd_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error) {
    scan s;
    int status = scan_init(&s, backend, prefix, prefix_size, error);
    if (status != JAY_OK) return status;
    bool again = true;
    for (int i = 0; again && i < CLEAR_WALKS_MAX; i++) status = clear_masters(&s, &again, error);
    scan_deinit(&s);
    if (status != JAY_OK || !again) return status;
    return jay_error_set(error, JAY_E_BUSY, 0,
                         "the cluster's slots kept moving meanwhile, and entries may be left in "
                         "them; clear again when they are at rest");
}

/* ---- iterate ---- */

static int read_measure(rd_call *call, int64_t *ret_number) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    *ret_number = -2;
    if (head.type == JAYI_RESP_INTEGER) *ret_number = head.number;
    /* No value, or moved to another node: not for this walk to show. */
    bool is_elsewhere = call->backend->layout == RD_CLUSTER &&
                        (jayi_rd_says(&head, "MOVED") || jayi_rd_says(&head, "ASK"));
    if (is_elsewhere || jayi_rd_says(&head, "WRONGTYPE")) return JAY_OK;
    return head.type == JAYI_RESP_INTEGER ? JAY_OK : jayi_rd_unexpected(call, &head);
}

/* Asks how long the values are and what is left of their time. PTTL comes last: so an entry that it
 * finds was there for the length as well. */
static int measure_keys(rd_call *call, scan *s) {
    for (size_t i = 0; i < s->count; i++) {
        const char *key = s->bytes + s->keys[i].offset;
        jayi_rd_put_command(call, 2);
        RD_PUT(call, "STRLEN");
        jayi_rd_put_word(call, key, s->keys[i].size);
        jayi_rd_put_command(call, 2);
        RD_PUT(call, "PTTL");
        jayi_rd_put_word(call, key, s->keys[i].size);
    }
    int status = jayi_rd_flush(call);
    for (size_t i = 0; i < s->count && status == JAY_OK; i++) {
        status = read_measure(call, &s->keys[i].value_size);
        if (status == JAY_OK) status = read_measure(call, &s->keys[i].rest_ms);
    }
    call->is_clean = status == JAY_OK;
    return status;
}

static int show_keys(const scan *s, size_t prefix_size, jay_iterate_fn *fn, void *arg) {
    for (size_t i = 0; i < s->count; i++) {
        const scan_key *key = &s->keys[i];
        bool is_ours = key->value_size >= 0 && key->rest_ms >= -1 && key->size > prefix_size &&
                       key->size - prefix_size <= JAY_KEY_MAX_BYTES;
        if (!is_ours) continue;
        jay_entry_info entry = {.key = s->bytes + key->offset,
                                .key_size = key->size,
                                .value_size = (size_t)key->value_size,
                                .ttl_ms = key->rest_ms == -1  ? JAY_TTL_FOREVER
                                          : key->rest_ms == 0 ? 1
                                                              : key->rest_ms,
                                .heat = -1,
                                .size_bytes = -1};
        if (fn(arg, &entry) != 0) return JAY_STOPPED;
    }
    return JAY_OK;
}

static int iterate_batch(scan *s, jay_error *error) {
    rd_call call;
    int status = jayi_rd_begin_at(&call, s->node, deadline_of(s->backend), error);
    if (status != JAY_OK) return status;
    status = scan_next(&call, s);
    if (status == JAY_OK && s->count > 0) status = measure_keys(&call, s);
    return jayi_rd_end(&call, status);
}

static int iterate_node(scan *s, rd_node *node, size_t prefix_size, jay_iterate_fn *fn, void *arg,
                        jay_error *error) {
    int status = JAY_OK;
    scan_begin(s, node);
    for (int i = 0; status == JAY_OK; i++) {
        status = i < BATCHES_MAX ? iterate_batch(s, error) : too_many(error);
        if (status == JAY_OK) status = show_keys(s, prefix_size, fn, arg);
        if (scan_is_over(s)) break;
    }
    return status;
}

int jayi_rd_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                    jay_iterate_fn *fn, void *arg, jay_error *error) {
    scan s;
    masters all;
    int status = scan_init(&s, backend, prefix, prefix_size, error);
    if (status != JAY_OK) return status;
    status = masters_acquire(&all, backend, error);
    if (status == JAY_OK) {
        for (size_t i = 0; i < all.count && status == JAY_OK; i++)
            status = iterate_node(&s, all.nodes[i], prefix_size, fn, arg, error);
        masters_release(&all);
    }
    scan_deinit(&s);
    return status;
}

/* ---- statistics ---- */

/* The number in a line "name:number" of INFO, or -1. */
static int64_t info_number(const char *info, const char *name) {
    const char *at = strstr(info, name);
    int64_t number = -1;
    /* Other fields may end with that name. */
    while (at != NULL && at > info && at[-1] != '\n') at = strstr(at + 1, name);
    if (at == NULL) return -1;
    at += strlen(name);
    return jayi_decimal_parse(at, strcspn(at, "\r\n"), &number) && number >= 0 ? number : -1;
}

/* Sums up over the masters, as far as they tell. */
static void add_number(int64_t *sum, int64_t number) {
    if (*sum < 0 || number < 0 || __builtin_add_overflow(*sum, number, sum)) *sum = -1;
}

/* Adds what INFO tells; a user who may not ask for it goes without. */
static int read_info(rd_call *call, jay_stats *stats) {
    const jay_bytes words[] = {RD_WORD("INFO")};
    jayi_resp_head head;
    rd_block *info = NULL;
    int status = jayi_rd_run(call, words, 1, false, &head);
    if (status == JAY_OK && jayi_rd_says(&head, "NOPERM"))
        stats->bytes = stats->evictions = stats->expiries = stats->max_bytes = -1;
    if (status != JAY_OK || jayi_rd_says(&head, "NOPERM")) return status;
    if (head.type != JAYI_RESP_STRING || head.number > INFO_MAX)
        return jayi_rd_unexpected(call, &head);
    status = jayi_rd_take_block(call, &head, &info);
    if (status != JAY_OK) return status;
    call->is_clean = true;
    add_number(&stats->bytes, info_number(info->bytes, "used_memory:"));
    add_number(&stats->evictions, info_number(info->bytes, "evicted_keys:"));
    add_number(&stats->expiries, info_number(info->bytes, "expired_keys:"));
    add_number(&stats->max_bytes, info_number(info->bytes, "maxmemory:"));
    jayi_block_release(&call->backend->blocks, info);
    return JAY_OK;
}

static int add_node(rd_node *node, jay_stats *stats, jay_error *error) {
    const jay_bytes words[] = {RD_WORD("DBSIZE")};
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin_at(&call, node, deadline_of(node->backend), error);
    if (status != JAY_OK) return status;
    status = jayi_rd_run(&call, words, 1, false, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_INTEGER)
        status = jayi_rd_unexpected(&call, &head);
    if (status == JAY_OK) add_number(&stats->items, head.number);
    if (status == JAY_OK) status = read_info(&call, stats);
    return jayi_rd_end(&call, status);
}

int jayi_rd_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    masters all;
    jay_stats sums = *stats;
    int status = masters_acquire(&all, backend, error);
    if (status != JAY_OK) return rd_read_status(backend, status) == JAY_MISS ? JAY_OK : status;
    sums.items = sums.bytes = sums.evictions = sums.expiries = sums.max_bytes = sums.max_items = 0;
    for (size_t i = 0; i < all.count && status == JAY_OK; i++)
        status = add_node(all.nodes[i], &sums, error);
    masters_release(&all);
    if (status == JAY_OK) *stats = sums;
    return rd_read_status(backend, status) == JAY_MISS ? JAY_OK : status;
}
