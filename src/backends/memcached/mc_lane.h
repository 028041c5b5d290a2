/*
 * mc_lane.h - the part of a batch that goes to one server.
 *
 * A lane has a link, on which it sends its items' commands and reads their replies, both in the
 * order of the keys and neither waiting for the other. Lookups of plain keys go as `gets key key
 * ...`, MC_GROUP of them a line, which the server answers with a VALUE for each it has and an END;
 * all else goes as one command an item, and on a classic server all lookups as `gets`. Of lookups
 * at most MC_WINDOW are on their way at a time, so that a batch of any size asks the server to hold
 * a bounded number of replies.
 */
#ifndef JAYI_MC_LANE_H
#define JAYI_MC_LANE_H

#include "backends/memcached/mc_inflow.h"
#include "backends/memcached/mc_state.h"

#define MC_GROUP 100
#define MC_WINDOW 1000
#define MC_NO_ITEM UINT32_MAX

enum mc_mark { MC_MARK_TEXT = 1, MC_MARK_LAST = 2, MC_MARK_ALONE = 4 };

typedef struct mc_batch {
    jay_backend *backend;
    enum mc_kind kind;     /* MC_GET, MC_STORE or MC_DELETE */
    const jay_bytes *keys; /* of MC_GET and MC_DELETE */
    const jay_pair *pairs; /* of MC_STORE */
    const uint32_t *flags; /* of MC_STORE; NULL: all 0 */
    jay_value *values;     /* of MC_GET */
    int *statuses;
    size_t count;
    uint32_t *next;       /* of each item, the next one on its server */
    unsigned char *marks; /* of each item, enum mc_mark */
    char *scratch;        /* room for a key with its generation */
    int64_t deadline_ms;
    bool is_single; /* all items are on one server */
} mc_batch;

enum mc_reading { MC_READS_LINES, MC_READS_GENERATION, MC_READS_VALUE, MC_READS_IN_PLACE };

typedef struct mc_lane {
    mc_server *server;
    jayi_link *link; /* NULL: not begun, or over */
    uint32_t first;  /* its items, by `next` */
    uint32_t last;
    uint32_t to_send;  /* the next item to send ... */
    uint32_t to_reply; /* ... and to hear of */
    size_t count;      /* its items ... */
    size_t heard;      /* ... of which so many are heard of, with values of so many bytes */
    size_t heard_bytes;
    size_t on_the_way;
    struct iovec parts[4]; /* what is being sent */
    int part_begin, part_end;
    unsigned char header[MC_ENVELOPE_MAX];
    enum mc_reading reading;
    char *to; /* where the rest of a value goes */
    size_t left;
    jayi_mc_reply reply; /* the head of the value */
    char *block;
    char digits[MC_GENERATION_DIGITS];
    uint64_t generation; /* that the keys have */
    uint64_t current;    /* that the server says */
    bool is_classic;     /* the dialect of the link */
    bool awaits_generation;
    bool has_digits; /* of the generation, whose line END is still to come */
    bool awaits_end; /* all items of a text group are heard of */
    bool has_heard;
    bool was_reused; /* the link had served before */
    bool again;      /* to be run, or once more */
    bool has_run;    /* in this round */
    int status;      /* the first failure */
    jay_error error;
} mc_lane;

/* Begins on a link: to be sent from the first item on. */
void jayi_mc_lane_begin(const mc_batch *batch, mc_lane *lane, jayi_link *link);

/* Sends and receives what can be without waiting. The lane is over when its link is NULL. */
void jayi_mc_lane_move(const mc_batch *batch, mc_lane *lane);

/* Ends a lane that has failed: its remaining items have the status. */
void jayi_mc_lane_fail(const mc_batch *batch, mc_lane *lane, int status);

/* What to poll its descriptor for. */
int jayi_mc_lane_events(const mc_lane *lane);

/* The key of an item. */
static inline jay_bytes mc_item_key(const mc_batch *batch, uint32_t item) {
    return batch->kind == MC_STORE ? batch->pairs[item].key : batch->keys[item];
}

/* The key of an item as the server has it before encoding; good until the next call. */
jay_bytes jayi_mc_item_raw(const mc_batch *batch, const mc_lane *lane, uint32_t item);

#endif
