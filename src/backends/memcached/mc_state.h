/*
 * mc_state.h - what the files of this backend share: its state, and a call on one key.
 *
 * A call picks the server of its key, acquires a link to it, and runs commands on it (jayi_mc_run),
 * one after another; jayi_mc_end gives the link back if every byte of the replies has been read.
 *
 * Generations. A cache with a prefix can be cleared without touching others: its keys go to the
 * server as prefix, generation, ':' and the rest, and clear gives each server a new generation. A
 * handle remembers the last one it saw; each command is sent together with a look at the
 * current one, and when that has changed, the command is sent anew under it. So what a reported
 * clear has removed is never seen again, at no further round trip. What was done under the old
 * generation nobody sees.
 */
#ifndef JAYI_MC_STATE_H
#define JAYI_MC_STATE_H

#include <stdatomic.h>

#include <jaycache/backend.h>

#include "backends/memcached/mc_envelope.h"
#include "backends/memcached/mc_ring.h"
#include "net/net_pool.h"
#include "net/net_tls.h"
#include "util/blocks.h"
#include "wire/memcached_text.h"

#define MC_VALUE_MAX ((uint64_t)1 << 30) /* no server holds more in one item */
#define MC_ATTEMPTS 1000                 /* of compare-and-set */
#define MC_GENERATION_DIGITS 16
#define MC_INLINE_KEY 512
#define MC_LOGIN_MAX 500

/* What a link speaks, as its greeting has found out or an option says. The first alone is ridden:
 * see net_pool.h. */
enum mc_dialect { MC_META, MC_CLASSIC, MC_DIALECTS };

typedef struct mc_server {
    jayi_pool pool;
    _Atomic uint64_t generation;  /* as last seen; 0: not yet */
    _Atomic uint32_t bytes_a_key; /* in the replies to the last batch of lookups */
} mc_server;

struct jay_backend {
    jay_allocator allocator;
    jayi_address *addresses;
    size_t server_count;
    size_t ready_count; /* servers that have been initialised */
    mc_server *servers;
    mc_ring ring;
    jayi_blocks blocks;
    jayi_tls *tls;
    char *login;             /* "user password", or NULL */
    jay_login_fn *ask_login; /* goes before that; NULL: none */
    void *ask_login_arg;
    size_t prefix_size;
    jayi_mc_key generation_keys[MC_DIALECTS];
    bool is_classic; /* every server is taken to be, and not asked */
    bool has_generations;
    bool misses_outages;
    bool flushes;
    size_t item_max; /* what fits one item; larger values go in parts; 0: are refused */
    bool fails_over;
    int64_t call_ms;
    /* With replicas=N there are N + 1 of these, which share their servers: one for each place of a
     * key on the circle (mc_replicas.c). */
    size_t place;
    struct jay_backend *next_place; /* NULL: this is the last one */
    uint64_t version_mark;          /* of the place, in versions of its entries */
};

/* ---- a call ---- */

typedef struct mc_call {
    jay_backend *backend;
    mc_server *server;
    jayi_link *link;
    jay_error *error;
    int64_t now_ms;
    int64_t deadline_ms;
    const void *raw; /* the key, with its generation where there is one */
    size_t raw_size;
    uint64_t generation;
    char *allocated;
    bool may_block;        /* nothing has been waited for yet */
    bool is_clean;         /* no reply is on its way */
    bool skips_generation; /* the key holds for all of them */
    bool is_classic;       /* the dialect of its link */
    jayi_mc_key key;
    char room[MC_INLINE_KEY];
} mc_call;

enum mc_kind { MC_GET, MC_STORE, MC_DELETE, MC_TOUCH, MC_ADD };

/* One command on the key of a call. */
typedef struct mc_command {
    enum mc_kind kind;
    bool is_once;          /* may not be sent again when a connection breaks */
    const char *flags;     /* of MC_GET */
    jayi_mc_store store;   /* of MC_STORE; of MC_TOUCH its exptime; of MC_DELETE its cas */
    int64_t delta;         /* of MC_ADD, with the cas in store */
    struct iovec parts[3]; /* of MC_STORE: what the value is made of */
} mc_command;

/* Begins a call, to be ended with jayi_mc_end on JAY_OK. */
int jayi_mc_begin(mc_call *call, jay_backend *backend, const void *key, size_t key_size,
                  jay_error *error);

/* Ends a call, and returns its status. */
int jayi_mc_end(mc_call *call, int status);

/* Runs a command and reads the head of its reply. A value is left on the link, to be taken by
 * jayi_mc_take_value or jayi_mc_skip_value; else is_clean. */
int jayi_mc_run(mc_call *call, const mc_command *command, jayi_mc_reply *ret_reply);

/* Takes the value that a reply announced, into room for its value_size bytes. */
int jayi_mc_take_value(mc_call *call, const jayi_mc_reply *reply, void *to);
int jayi_mc_skip_value(mc_call *call, const jayi_mc_reply *reply);

/* The failure that a reply stands for: the server's refusal, or a reply that makes no sense. */
int jayi_mc_refused(const jayi_mc_reply *reply, jay_error *error);

/* Writes the key of a generation: into `room` of raw_size + MC_GENERATION_DIGITS + 1 bytes. */
void jayi_mc_put_generation(const jay_backend *backend, const void *key, size_t key_size,
                            uint64_t generation, char *room);

/* The key that a server's generation lies under. */
static inline const jayi_mc_key *mc_generation_key(const jay_backend *backend, bool is_classic) {
    return &backend->generation_keys[is_classic ? MC_CLASSIC : MC_META];
}

/* A key in a dialect. */
static inline void mc_key_encode(bool is_classic, const void *raw, size_t raw_size,
                                 jayi_mc_key *ret_key) {
    if (is_classic) {
        jayi_mc_text_key_encode(raw, raw_size, ret_key);
    } else {
        jayi_mc_key_encode(raw, raw_size, ret_key);
    }
}

/* A value for the generation key; never 0. */
uint64_t jayi_mc_new_generation(void);

#define MC_GENERATION_GET " v"

/* The look at a server's generation that goes before a command: the bytes composed. */
static inline size_t mc_compose_generation_get(char *out, const jay_backend *backend,
                                               bool is_classic) {
    const jayi_mc_key *key = mc_generation_key(backend, is_classic);
    return is_classic ? jayi_mc_text_compose_get(out, key)
                      : jayi_mc_compose_get(out, key, MC_GENERATION_GET);
}

/* A store, up to the value: the bytes composed. */
static inline size_t mc_compose_store(bool is_classic, char *out, const jayi_mc_key *key,
                                      const jayi_mc_store *store) {
    return is_classic ? jayi_mc_text_compose_store(out, key, store)
                      : jayi_mc_compose_store(out, key, store);
}

/* The generation that the value of its key says, or 0. */
uint64_t jayi_mc_parse_generation(const char *digits, size_t size);
void jayi_mc_format_generation(uint64_t generation, char digits[MC_GENERATION_DIGITS]);

/* Which server a key is on, with failover where asked for. */
mc_server *jayi_mc_server_of(jay_backend *backend, const void *key, size_t key_size,
                             int64_t now_ms);

/* Whether a login is "user password", printable and not too long. */
bool jayi_mc_login_is_good(const char *login);

/* What a new connection begins with: log in, and find out what the server speaks. */
int jayi_mc_greet(void *arg, jayi_link *link, int64_t deadline_ms, jay_error *error);

/* ---- times ---- */

typedef struct mc_expiry {
    int64_t exptime;     /* for the server */
    int64_t deadline_ms; /* for the envelope, where the server cannot tell; else 0 */
} mc_expiry;

/* An entry lives for at least the time asked for, and less than two seconds longer. */
mc_expiry jayi_mc_expiry_of(int64_t ttl_ms);

/* The time that keeps an expiry of so many seconds from now; -1: never. */
int64_t jayi_mc_exptime_of_rest(int64_t rest_s);

/* What a server's remaining seconds say about the time asked for. */
int64_t jayi_mc_ttl_of_rest(int64_t rest_s);

/* ---- values ---- */

/* What a view's `reserved` has. */
enum { MC_VIEW_FLAGS, MC_VIEW_IN_SLAB };

/* A value as it lies on the server, and where what was stored is in it. */
typedef struct mc_found {
    char *block; /* the allocator's */
    const char *data;
    size_t size;
    uint32_t flags;
    uint64_t cas;
    uint64_t version;    /* that readers are to see: the cas, unless a touch has changed that */
    int64_t rest_s;      /* when asked for, and the server can tell */
    int64_t deadline_ms; /* 0: none */
    mc_envelope envelope;
    bool has_envelope;
} mc_found;

/* Looks the call's key up. JAY_OK: ret_found->block is the caller's to free. `flags`: " v f c". */
int jayi_mc_find(mc_call *call, const char *flags, mc_found *ret_found);

/* Checks an envelope against a key. JAY_OK, JAY_MISS (it is of another key, or over), or
 * JAY_E_CORRUPT. */
int jayi_mc_open_envelope(mc_found *found, const void *raw, size_t raw_size, jay_error *error);

/* Stores a value under the call's key, in parts if need be: the status of the write. `version`:
 * what readers are to see; 0: a new one. */
int jayi_mc_put(mc_call *call, const jay_write *write, uint64_t version);

/* Where and how a value is stored. */
typedef struct mc_place {
    const void *raw; /* the key */
    size_t raw_size;
    const jayi_mc_key *key;
    bool is_classic;
    uint64_t stamp;   /* 0: the value goes along, else it is in parts */
    uint64_t version; /* 0: the server's cas */
} mc_place;

/* Builds the command for a value. `header` has MC_ENVELOPE_MAX of room and must live as long as the
 * command. */
void jayi_mc_store_command(const mc_place *place, const jay_write *write, unsigned char *header,
                           mc_command *ret_command);

/* ---- values in parts (mc_parts.c) ---- */

/* Whether a value is to be stored in parts. */
bool jayi_mc_needs_parts(const jay_backend *backend, size_t raw_size, size_t value_size);

/* Stores the parts of a value, under a stamp that no other value has. */
int jayi_mc_scatter(mc_call *call, const jay_write *write, uint64_t *ret_stamp);

/* Replaces a block that has only an envelope by one with the whole value. JAY_MISS when a part is
 * gone. */
int jayi_mc_gather(mc_call *call, mc_found *found);

/* ---- the table's functions, by file ---- */

/* mc_ops.c */
int jayi_mc_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                jay_error *error);
void jayi_mc_release(jay_backend *backend, jay_value *value);
int jayi_mc_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                     size_t capacity, size_t *ret_size, jay_error *error);
int jayi_mc_write(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_mc_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_mc_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_mc_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                jay_error *error);
int jayi_mc_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                  jay_error *error);

/* mc_batch.c */
void jayi_mc_get_many(jay_backend *backend, const jay_bytes *keys, size_t count,
                      jay_value *ret_values, int *statuses, jay_error *error);
void jayi_mc_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                      jay_error *error);
void jayi_mc_set_many_flags(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                            size_t count, int *statuses, jay_error *error);
void jayi_mc_delete_many(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                         jay_error *error);

/* mc_counter.c */
int jayi_mc_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                int64_t ttl_ms, int64_t *ret_number, jay_error *error);

/* mc_replicas.c */

/* Makes the further places of a backend whose servers are ready. */
int jayi_mc_make_places(jay_backend *backend, size_t replicas, jay_error *error);
void jayi_mc_free_places(jay_backend *backend);

/* Each does at the further places what has been done at the first one, or could not be, which came
 * to `status`, and returns what it all comes to. */
int jayi_mc_write_copies(jay_backend *backend, const jay_write *write, int status,
                         jay_error *error);
int jayi_mc_erase_copies(jay_backend *backend, const void *key, size_t key_size, int status,
                         jay_error *error);
int jayi_mc_touch_copies(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                         int status, jay_error *error);
int jayi_mc_inc_copies(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                       int64_t ttl_ms, int64_t *ret_number, int status, jay_error *error);
void jayi_mc_get_many_elsewhere(jay_backend *backend, const jay_bytes *keys, size_t count,
                                jay_value *ret_values, int *statuses, jay_error *error);
void jayi_mc_set_many_copies(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                             size_t count, int *statuses, jay_error *error);
void jayi_mc_delete_many_copies(jay_backend *backend, const jay_bytes *keys, size_t count,
                                int *statuses, jay_error *error);

/* What those are made of: the same on the servers of one place. */
int jayi_mc_write_at(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_mc_erase_at(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_mc_touch_at(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                     jay_error *error);
int jayi_mc_inc_at(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                   int64_t ttl_ms, int64_t *ret_number, jay_error *error);
void jayi_mc_get_many_at(jay_backend *backend, const jay_bytes *keys, size_t count,
                         jay_value *ret_values, int *statuses, jay_error *error);
void jayi_mc_set_many_at(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                         size_t count, int *statuses, jay_error *error);
void jayi_mc_delete_many_at(jay_backend *backend, const jay_bytes *keys, size_t count,
                            int *statuses, jay_error *error);

/* mc_whole.c */
int jayi_mc_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error);
int jayi_mc_stats(jay_backend *backend, jay_stats *stats, jay_error *error);

static inline bool mc_is_outage(int status) {
    return status == JAY_E_UNREACHABLE || status == JAY_E_TIMEOUT;
}

/* Whether a read that failed so is to look like a miss. */
static inline int mc_read_status(const jay_backend *backend, int status) {
    if (status >= 0) return status;
    return mc_is_outage(status) && backend->misses_outages ? JAY_MISS : status;
}

/* Whether a read that came to this goes on at the next place: *backend is then that. */
static inline bool mc_goes_on(jay_backend **backend, int status) {
    if (status >= 0 || !mc_is_outage(status) || (*backend)->next_place == NULL) return false;
    *backend = (*backend)->next_place;
    return true;
}

#endif
