/*
 * seg_batch.c - set_many for layout=segments: many records with one write.
 */
#include <string.h>

#include "backends/file/seg_log.h"
#include "backends/file/seg_ops.h"
#include "util/memory.h"

#define GROUP 256
#define GROUP_BYTES (1u << 18) /* more is written pair by pair: there is little to gain */

/* A pair on its way. */
typedef struct item {
    size_t pair;
    uint32_t at; /* in the bytes of the group */
    uint64_t deadline_ms;
} item;

typedef struct group {
    const jay_pair *pairs;
    int *statuses;
    size_t first; /* pair not yet looked at */
    size_t count; /* of pairs */
    unsigned char *bytes;
    uint32_t size;
    uint32_t item_count;
    item items[GROUP];
} group;

/* Composes a pair's record behind those that are there, but for its position. */
static void compose(group *g, size_t index, uint64_t seed) {
    const jay_pair *pair = &g->pairs[index];
    item *it = &g->items[g->item_count++];
    int64_t date_ms;
    *it = (item){.pair = index, .at = g->size};
    jayi_seg_deadlines(pair->ttl_ms, &date_ms, &it->deadline_ms);
    jayi_record record = {.kind = JAYI_RECORD_VALUE,
                          .hash = jayi_key_hash_of(pair->key.data, pair->key.size, seed),
                          .deadline_ms = date_ms,
                          .key_size = (uint32_t)pair->key.size,
                          .value_size = (uint32_t)pair->value.size,
                          .body_check = jayi_body_check(pair->key.data, pair->key.size,
                                                        pair->value.data, pair->value.size, seed)};
    unsigned char *at = g->bytes + g->size;
    uint32_t bytes = jayi_record_bytes(pair->key.size, pair->value.size);
    size_t used = sizeof record + pair->key.size + pair->value.size;
    memcpy(at, &record, sizeof record);
    memcpy(at + sizeof record, pair->key.data, pair->key.size);
    if (pair->value.size > 0)
        memcpy(at + sizeof record + pair->key.size, pair->value.data, pair->value.size);
    memset(at + used, 0, bytes - used);
    g->size += bytes;
}

/* Takes the next pairs, as many as go together. A single one that is too large stays. */
static void fill(group *g, const jayi_seg *seg) {
    uint32_t most = seg->store->segment_bytes / 2;
    if (most > GROUP_BYTES) most = GROUP_BYTES;
    g->size = g->item_count = 0;
    for (; g->first < g->count && g->item_count < GROUP; g->first++) {
        const jay_pair *pair = &g->pairs[g->first];
        if (g->statuses[g->first] != JAY_OK) continue;
        uint64_t bytes = (uint64_t)JAYI_RECORD_HEADER + pair->key.size + pair->value.size;
        if (bytes + JAYI_RECORD_STEP > most - g->size) break;
        compose(g, g->first, seg->store->seed);
    }
}

/* Puts the records in their places and writes them. */
static int write_group(group *g, const jayi_seg *seg, jay_error *error) {
    jayi_position position;
    int status = jayi_log_claim(seg, g->size, &position, error);
    if (status != JAY_OK) return status;
    for (uint32_t i = 0; i < g->item_count; i++) {
        jayi_record record;
        unsigned char *at = g->bytes + g->items[i].at;
        memcpy(&record, at, sizeof record);
        record.position = record.version = position + g->items[i].at;
        jayi_record_seal(&record, seg->store->seed);
        memcpy(at, &record, sizeof record);
    }
    struct iovec part = {g->bytes, g->size};
    return jayi_log_write(seg, position, &part, 1, error);
}

static int publish_item(const group *g, uint32_t index, const jayi_seg *seg, jay_error *error) {
    jayi_record record;
    memcpy(&record, g->bytes + g->items[index].at, sizeof record);
    return jayi_seg_publish(seg, &record, g->items[index].deadline_ms, error);
}

static int set_one(jay_backend *backend, const jay_pair *pair, jay_error *error) {
    const jay_write write = {.struct_size = sizeof write,
                             .mode = JAY_WRITE_SET,
                             .key = pair->key.data,
                             .key_size = pair->key.size,
                             .value = pair->value.data,
                             .value_size = pair->value.size,
                             .ttl_ms = pair->ttl_ms};
    return jayi_seg_write(backend, &write, error);
}

/* Keeps the first failure. */
static void set_singly(jay_backend *backend, group *g, size_t pair, jay_error *error) {
    jay_error once = {.code = JAY_OK};
    g->statuses[pair] = set_one(backend, &g->pairs[pair], &once);
    if (g->statuses[pair] < 0 && error != NULL && error->code == JAY_OK) *error = once;
}

/* Whatever does not go as it usually does is done again, pair by pair. */
static void set_group(jay_backend *backend, group *g, const jayi_seg *seg, jay_error *error) {
    int status = write_group(g, seg, NULL);
    for (uint32_t i = 0; i < g->item_count; i++) {
        if (status == JAY_OK && publish_item(g, i, seg, NULL) == JAY_OK) continue;
        /* Later ones of the same key have to come later again. */
        for (uint32_t j = i; j < g->item_count; j++)
            set_singly(backend, g, g->items[j].pair, error);
        return;
    }
}

void jayi_seg_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                       jay_error *error) {
    jayi_seg seg;
    group *g = jayi_calloc(&backend->allocator, 1, sizeof *g);
    unsigned char *bytes = jayi_alloc(&backend->allocator, GROUP_BYTES);
    group none = {.count = 0};
    if (g == NULL || bytes == NULL) {
        jayi_free(&backend->allocator, g);
        g = &none;
    }
    *g = (group){.pairs = pairs, .statuses = statuses, .count = count, .bytes = bytes};
    jayi_dir_look(backend->dir, false);
    jayi_seg_enter(backend, &seg);
    while (g->first < count) {
        if (g != &none) fill(g, &seg);
        if (g->item_count > 0) {
            set_group(backend, g, &seg, error);
        } else if (g->first < count) {
            if (statuses[g->first] == JAY_OK) set_singly(backend, g, g->first, error);
            g->first++;
        }
    }
    jayi_seg_leave(&seg);
    jayi_seg_tend(backend);
    jayi_free(&backend->allocator, bytes);
    if (g != &none) jayi_free(&backend->allocator, g);
}
