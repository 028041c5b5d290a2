/*
 * resp.h - the protocol of Redis (RESP2 and RESP3): composes commands and reads the heads of
 * replies.
 *
 * Nothing here reads or writes a socket. A command is an array of strings, each with its length
 * before it, so no byte of a key or value can end it or begin another. A reply is a head, which is
 * one line read from the front of whatever bytes have arrived; a string's bytes and "\r\n" follow
 * it, or the replies that an aggregate holds.
 */
#ifndef JAYI_RESP_H
#define JAYI_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JAYI_RESP_LINE_MAX 16384 /* a longer line is no reply */
#define JAYI_RESP_DEPTH_MAX 8
#define JAYI_RESP_HEAD_MAX 23 /* "$18446744073709551615\r\n" */
#define JAYI_RESP_STRING_MAX ((int64_t)1 << 32)
#define JAYI_RESP_MEASURED_MAX 100
#define JAYI_RESP_COUNT_MAX ((int64_t)1 << 28)

enum jayi_resp_type {
    JAYI_RESP_TEXT,       /* +OK: text */
    JAYI_RESP_ERROR,      /* -ERR words: text */
    JAYI_RESP_INTEGER,    /* :5: number */
    JAYI_RESP_OTHER,      /* a double, boolean or big number: text */
    JAYI_RESP_NULL,       /* also the null string and the null array of RESP2 */
    JAYI_RESP_STRING,     /* $5: so many bytes and "\r\n" follow */
    JAYI_RESP_LONG_ERROR, /* !5: the same, and they are an error */
    JAYI_RESP_ARRAY,      /* so many replies follow; those of a map count each */
    JAYI_RESP_PUSH,       /* the same, and it answers no command */
    JAYI_RESP_ATTRIBUTE   /* the same, and the reply itself comes behind them */
};

typedef struct jayi_resp_head {
    enum jayi_resp_type type;
    int64_t number;   /* of an integer; else how much follows */
    const char *text; /* what is behind the first byte, as long as the bytes stay put */
    size_t text_size;
} jayi_resp_head;

/* Reads a head: the bytes used, 0 when more are needed, or -1 for what is no reply. */
int jayi_resp_parse(const char *bytes, size_t size, jayi_resp_head *ret_head);

/* Whether so many bytes and "\r\n" follow a head. */
static inline bool jayi_resp_has_bytes(const jayi_resp_head *head) {
    return head->type == JAYI_RESP_STRING || head->type == JAYI_RESP_LONG_ERROR;
}

/* Where a reader is in a reply: how many replies are still to come at each depth. */
typedef struct jayi_resp_walk {
    int depth;
    int64_t left[JAYI_RESP_DEPTH_MAX + 1];
} jayi_resp_walk;

/* To be read: `count` replies. */
void jayi_resp_walk_begin(jayi_resp_walk *walk, int64_t count);

/* Takes note of a head. False: it is nested too deep. */
bool jayi_resp_walk_step(jayi_resp_walk *walk, const jayi_resp_head *head);

static inline bool jayi_resp_walk_is_over(const jayi_resp_walk *walk) {
    return walk->depth < 0;
}

/*
 * The length of the whole reply at the front of some bytes, of which not all may have arrived, with
 * what comes before it and answers nothing; 0 when that is not known yet. -1 when it is no reply,
 * or one with too many parts for the reply to a command on one key.
 */
int64_t jayi_resp_measure(const char *bytes, size_t size);

/* Each writes at `out` and returns where it ended: the begin of a command of `count` words or of a
 * word of `size` bytes (up to JAYI_RESP_HEAD_MAX bytes), and whole words. */
char *jayi_resp_put_command(char *out, size_t count);
char *jayi_resp_put_size(char *out, size_t size);
char *jayi_resp_put_word(char *out, const void *word, size_t size);
char *jayi_resp_put_number(char *out, int64_t number);

/* A word that is a constant of the source. */
#define JAYI_RESP_PUT(out, literal) jayi_resp_put_word((out), (literal), sizeof(literal) - 1)

#endif
