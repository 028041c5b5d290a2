/*
 * rd_lane.h - the part of a batch that goes to one node.
 *
 * On one server a group of lookups is one MGET; on a node of a cluster, whose keys lie in several
 * slots, and of everything else, it is a row of commands of one key each.
 *
 * Where values are long enough, a group is as many keys as the server sends at once, and a few
 * groups are on their way at a time: the server looks up the next one while the last is received,
 * and what it sends has not yet left its processor's cache. How long values are is learned from
 * earlier batches. Such values stay in the memory in which they arrive (net_inflow.h).
 */
#ifndef JAYI_RD_LANE_H
#define JAYI_RD_LANE_H

#include "backends/redis/rd_nodes.h"

#define RD_NO_ITEM UINT32_MAX
#define RD_LANE_GROUPS 3 /* the most groups on their way */

enum rd_kind { RD_GET, RD_SET, RD_DELETE };

enum rd_mark {
    RD_MARK_PENDING, /* to be dealt; its status, if it has one, is what it came to last */
    RD_MARK_ALONE,   /* to be asked for by itself */
    RD_MARK_DONE
};

typedef struct rd_lane {
    rd_node *node;
    rd_call call;
    uint32_t first, last;          /* its items, by `next` */
    uint32_t to_send;              /* the next item to send ... */
    uint32_t to_read;              /* ... and to hear of, before that one */
    size_t count;                  /* of its items */
    size_t group_max;              /* how many items a group has */
    size_t groups[RD_LANE_GROUPS]; /* of those on their way, the first one's first: its items */
    int group_count;
    int window;        /* how many groups may be on their way */
    size_t a_key;      /* how many bytes a reply to a lookup may have; 0: not known */
    size_t heard;      /* values ... */
    size_t heard_size; /* ... and how long they were together */
    bool is_open;      /* it has a link */
    bool has_heard;
    bool is_refused; /* the link is to be closed: its login holds no more */
    bool was_reused; /* the link had served before */
} rd_lane;

typedef struct rd_batch {
    jay_backend *backend;
    enum rd_kind kind;
    const jay_bytes *keys; /* of RD_GET and RD_DELETE */
    const jay_pair *pairs; /* of RD_SET */
    jay_value *values;     /* of RD_GET */
    int *statuses;
    size_t count;
    int64_t deadline_ms;
    uint64_t edition;     /* of the map by which it was dealt */
    uint32_t *next;       /* of each item, the next one in its lane */
    uint16_t *lane_of;    /* of each item */
    unsigned char *marks; /* of each item, enum rd_mark */
    rd_lane *lanes;
    size_t lane_count;
    bool was_closed; /* in this turn a link turned out to be closed ... */
    bool was_lost;   /* ... a node could not be reached ... */
    bool must_pause; /* ... a node was not ready */
    int pauses;
    bool has_failed;   /* an item has failed for good ... */
    jay_error failure; /* ... the first of them so */
    jay_error passing; /* of an item that is to be dealt anew */
} rd_batch;

/* The key of an item. */
static inline jay_bytes rd_item_key(const rd_batch *batch, uint32_t item) {
    return batch->kind == RD_SET ? batch->pairs[item].key : batch->keys[item];
}

/* What storing an item is. */
static inline jay_write rd_item_write(const rd_batch *batch, uint32_t item) {
    const jay_pair *pair = &batch->pairs[item];
    return (jay_write){.struct_size = sizeof(jay_write),
                       .mode = JAY_WRITE_SET,
                       .key = pair->key.data,
                       .key_size = pair->key.size,
                       .value = pair->value.data,
                       .value_size = pair->value.size,
                       .ttl_ms = pair->ttl_ms};
}

static inline bool rd_lane_awaits(const rd_lane *lane) {
    return lane->is_open && lane->to_read != lane->to_send;
}

/* Gets a link. `may_block`: it is the only lane. */
void jayi_rd_lane_begin(rd_batch *batch, rd_lane *lane, bool may_block);

/* Sends the commands of groups, as many as may be on their way. */
void jayi_rd_lane_send(rd_batch *batch, rd_lane *lane);

/* Reads the replies to a group, and sends what may follow. */
void jayi_rd_lane_read(rd_batch *batch, rd_lane *lane);

/* Gives the link back. */
void jayi_rd_lane_end(const rd_batch *batch, rd_lane *lane);

/* An item has failed; `may_pass`: it stays pending. */
void jayi_rd_item_failed(rd_batch *batch, uint32_t item, int status, bool may_pass);

#endif
