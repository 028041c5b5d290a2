/*
 * rd_state.h - what the files of this backend share: its state, and a call on the server.
 *
 * A call acquires a link, writes commands (jayi_rd_put...), sends them (jayi_rd_flush), and reads
 * the replies in the same order. jayi_rd_end gives the link back when the last byte of the last
 * reply has been read, which is_clean says, and else closes it.
 */
#ifndef JAYI_RD_STATE_H
#define JAYI_RD_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <jaycache/backend.h>

#include "net/net_pool.h"
#include "net/net_tls.h"
#include "util/blocks.h"
#include "util/digest.h"
#include "util/wide_hash.h"
#include "wire/resp.h"

#define RD_VALUE_MAX ((uint64_t)512 << 20) /* the longest string that a server holds by default */
#define RD_PARTS 64
#define RD_WORDS 8

#define RD_HOST_MAX 255 /* the longest name of a host */
#define RD_NODES_MAX 1024

enum rd_layout {
    RD_ONE,      /* one server */
    RD_SENTINEL, /* a master and its replicas, which sentinels tell */
    RD_CLUSTER   /* masters that share the slots, each with its replicas */
};

enum rd_role { RD_MASTER, RD_REPLICA, RD_WATCHER };

/* A server with its connections. */
typedef struct rd_node {
    jayi_pool pool;
    jayi_address address;
    struct jay_backend *backend;
    enum rd_role role;
    _Atomic uint32_t bytes_a_key; /* how long replies to lookups have been; 0: not known */
    int users;                    /* maps and calls that hold it; under the lock of the nodes */
    struct rd_node *next;
    char host[]; /* of the address */
} rd_node;

/* Who has which slot: 1 + a place in `held`, or 0. Behind a sentinel there is one slot. */
typedef struct rd_map {
    size_t slot_count;
    size_t held_count;
    rd_node *held[RD_NODES_MAX];
    uint16_t *masters; /* behind the struct */
    uint16_t *readers; /* who is read from */
} rd_map;

/* The nodes of a cluster, or behind sentinels. */
typedef struct rd_nodes {
    pthread_mutex_t lock; /* guards what follows; held for moments, and with no other lock */
    pthread_cond_t settled;
    rd_node *first;   /* all nodes */
    rd_map *map;      /* NULL: none yet */
    uint64_t edition; /* of the map: grows with each new one, and with each patch */
    uint64_t deals;   /* grows when a slot gets another master */
    bool is_refreshing;
    int64_t asked_at_ms; /* when the last refresh began */
    atomic_bool is_suspect;
    struct rd_nodes *next, *previous; /* those of the process, for fork */
} rd_nodes;

/* What is in a view's reserved words: its pin is a slab, else a block. */
enum { RD_VIEW_IN_SLAB };

/* A value in memory; a view's pin. */
typedef struct rd_block {
    size_t size;
    uint64_t version;
    char bytes[]; /* and a NUL */
} rd_block;

#define RD_RECENT 64
#define RD_RECENT_SIZE_MAX 8192

struct jay_backend {
    jay_allocator allocator;
    jayi_blocks blocks;                    /* of values */
    _Atomic(rd_block *) recent[RD_RECENT]; /* by version (rd_recent.c) */
    enum rd_layout layout;
    jayi_address *addresses; /* the server, or seeds of a cluster, or sentinels */
    size_t address_count;
    rd_node *server; /* of RD_ONE */
    rd_node **seeds; /* else: one an address */
    rd_nodes nodes;
    bool has_nodes;
    bool reads_replicas;
    jayi_tls *tls;
    char *user;          /* "": none given */
    char *password;      /* NULL: none given */
    char *password_file; /* NULL: none; read at every connect */
    char *sentinel_password_file;
    char *master_name; /* what the sentinels call it */
    char *client_name;
    int64_t database;
    int protocol;            /* 2 or 3 */
    jay_login_fn *ask_login; /* NULL: not by function */
    void *login_arg;
    bool misses_outages;
    int64_t call_ms;
    jayi_pool_plan plan; /* of each node, but for its address */
};

typedef struct rd_call {
    jay_backend *backend;
    jayi_link *link; /* NULL: it is lost */
    rd_node *node;   /* whose link it is; NULL: the caller's */
    jay_error *error;
    int64_t now_ms;
    int64_t deadline_ms;
    int slot;         /* of the key; -1: this node and no other will do */
    int turns;        /* how often it went on after a failure or a refusal */
    int pauses;       /* how often it paused before */
    uint64_t edition; /* of the map by which it was routed */
    bool reads;       /* it may go to a replica */
    bool is_asking;   /* the next command needs ASKING before it */
    bool may_block;   /* nothing has been waited for yet */
    bool may_ride;    /* the link may be a seat (net_ride.h) */
    bool is_clean;    /* no reply is on its way */
    int write_status;
    char *written; /* what goes out next of the link's buffer ... */
    char *at;      /* ... up to here, behind the parts */
    int part_count;
    struct iovec parts[RD_PARTS + 1];
} rd_call;

/* Begins a call about a key, on the server that has it; to be ended with jayi_rd_end on JAY_OK. In
 * a crowd its link is a seat: only jayi_rd_run sends there. */
int jayi_rd_begin(rd_call *call, jay_backend *backend, jay_bytes key, bool reads, jay_error *error);

/* Begins a call on a node, which must stay; to be ended with jayi_rd_end on JAY_OK. */
int jayi_rd_begin_at(rd_call *call, rd_node *node, int64_t deadline_ms, jay_error *error);

/* Begins a call on a link that the caller has; not to be ended. */
void jayi_rd_begin_on(rd_call *call, jay_backend *backend, jayi_link *link, int64_t deadline_ms,
                      jay_error *error);

/* Lets go of the node of a call that has no link any more. */
void jayi_rd_leave(rd_call *call, int status);

/* Ends a call, and returns its status. */
int jayi_rd_end(rd_call *call, int status);

/* Writes a part of a command; a long word must stay where it is until jayi_rd_flush. Failures are
 * that one's to tell. */
void jayi_rd_put_command(rd_call *call, size_t count);
void jayi_rd_put_word(rd_call *call, const void *word, size_t size);
#define RD_PUT(call, literal) jayi_rd_put_word((call), (literal), sizeof(literal) - 1)

/* Sends what has been written. */
int jayi_rd_flush(rd_call *call);

/* Reads the head of the next reply. */
int jayi_rd_read(rd_call *call, jayi_resp_head *ret_head);

/* Takes the bytes that a head announced, into room for them; or drops them. */
int jayi_rd_take(rd_call *call, const jayi_resp_head *head, void *to);
int jayi_rd_skip(rd_call *call, const jayi_resp_head *head);

/* A name in a reply. */
typedef struct rd_text {
    size_t size; /* 0: null, or no name */
    char bytes[RD_HOST_MAX];
} rd_text;

/* Reads a reply that should be a name; what is none is dropped. */
int jayi_rd_read_text(rd_call *call, rd_text *ret_text);

/* A reply makes no sense: says so; the connection is of no use any more. */
int jayi_rd_garbled(rd_call *call);

/* Drops all that belongs to a reply. */
int jayi_rd_skip_reply(rd_call *call, const jayi_resp_head *head);

/* Sends one command and reads the head of its reply; again on another link when one that has served
 * before turns out to be closed, unless `is_once`, or when a seat is too small, and where a
 * redirection points, or after a refusal that may pass. is_clean when the head is all of it. */
int jayi_rd_run(rd_call *call, const jay_bytes *words, size_t count, bool is_once,
                jayi_resp_head *ret_head);

/* The failure that a reply stands for: the server's refusal, or a reply that makes no sense. */
int jayi_rd_unexpected(rd_call *call, const jayi_resp_head *head);

/* Whether an error reply begins with a word. */
bool jayi_rd_says(const jayi_resp_head *head, const char *word);

/* Whether a call that lost its link can be made anew on another one. */
bool jayi_rd_may_repeat(const rd_call *call, int status, int attempt);

/* Begins to write anew, on the link that the call has now. */
void jayi_rd_reset(rd_call *call);

/* A word from a constant of the source. */
#define RD_WORD(literal) ((jay_bytes){(literal), sizeof(literal) - 1})

/* What a new connection begins with: log in, choose the protocol, name and database. */
int jayi_rd_greet(void *arg, jayi_link *link, int64_t deadline_ms, jay_error *error);

/* Reads a password file anew; *ret_text is the allocator's. */
int jayi_rd_read_password(const jay_backend *backend, const char *path, char **ret_text,
                          jay_error *error);

/* Runs a command and drops its reply; the head of an error is left to look at. */
int jayi_rd_ask(rd_call *call, const jay_bytes *words, size_t count, jayi_resp_head *ret_head);

/* The version of a value: the same for the same bytes. */
static inline uint64_t rd_version_of(const void *value, size_t size) {
    uint64_t version = jayi_wide_hash(value, size, 0);
    return version != 0 ? version : 1;
}

/* Whether a read that failed so is to look like a miss. */
static inline int rd_read_status(const jay_backend *backend, int status) {
    bool is_outage = status == JAY_E_UNREACHABLE || status == JAY_E_TIMEOUT;
    return is_outage && backend->misses_outages ? JAY_MISS : status;
}

/* Reads the string that a head announced into a new block, for jayi_rd_recent_keep one day. */
int jayi_rd_take_block(rd_call *call, const jayi_resp_head *head, rd_block **ret_block);

/* Fills a view from such a block. */
void jayi_rd_fill_value(jay_value *value, rd_block *block);

/* Releases a block, whose value cas may be about next. */
void jayi_rd_recent_keep(jay_backend *backend, rd_block *block);

/* The SHA-1 of a value that had a version, if it was read lately. */
bool jayi_rd_recent_digest(jay_backend *backend, uint64_t version,
                           char digits[2 * JAYI_SHA1_BYTES]);
void jayi_rd_block_digest(const rd_block *block, char digits[2 * JAYI_SHA1_BYTES]);

/* Releases all that is kept. */
void jayi_rd_recent_clear(jay_backend *backend);

/* Puts the SET of a write. */
void jayi_rd_put_set(rd_call *call, const jay_write *write);

/* ---- the table's functions, by file ---- */

/* rd_ops.c */
int jayi_rd_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                jay_error *error);
void jayi_rd_release(jay_backend *backend, jay_value *value);
int jayi_rd_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                     size_t capacity, size_t *ret_size, jay_error *error);
int jayi_rd_write(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_rd_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_rd_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_rd_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                jay_error *error);

/* rd_atomic.c */
int jayi_rd_cas(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_rd_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                  jay_error *error);
int jayi_rd_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                int64_t ttl_ms, int64_t *ret_number, jay_error *error);

/* rd_batch.c */
void jayi_rd_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error);
void jayi_rd_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                      jay_error *error);
void jayi_rd_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                         jay_error *error);

/* rd_scan.c */
int jayi_rd_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error);
int jayi_rd_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                    jay_iterate_fn *fn, void *arg, jay_error *error);
int jayi_rd_stats(jay_backend *backend, jay_stats *stats, jay_error *error);

#endif
