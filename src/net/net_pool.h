/*
 * net_pool.h - the connections to one server: shared by all threads, opened when needed, bounded;
 * and the breaker that leaves a server alone while it does not answer.
 *
 * A call acquires a link, has it for itself, and gives it back with jayi_link_release when every
 * byte of its replies has been read, or else ends it with jayi_link_discard: so what one call
 * has left unread never reaches another.
 *
 * The breaker opens when a connect fails, or when two calls in a row have timed out. While it is
 * open calls fail at once; after a pause, which doubles each time and is spread at random, one call
 * is let through as a probe. Its success closes the breaker.
 *
 * Where threads are more than links, requests go along with others': net_ride.h. A call that must
 * have a link for itself waits for one. A link that is given back goes to whoever comes first,
 * which often is the thread that has just used it: it goes on without a switch, and at most as many
 * waiters are woken at a time as there are free links. A waiter that has been woken in vain several
 * times goes first.
 *
 * Fork: a child closes its copies of the descriptors and begins with no connections. The locks are
 * held for moments only, never while waiting for a server; fork waits for them.
 */
#ifndef JAYI_NET_POOL_H
#define JAYI_NET_POOL_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "net/net_stream.h"
#include "util/slab.h"

#define JAYI_LINK_IN_BYTES 65536
#define JAYI_LINK_OUT_BYTES 65536

/* What jayi_link_send or _fill return on a seat when the call needs a link for itself; what was
 * sent has been answered, if it was sent at all. */
#define JAYI_LINK_NEEDED 100

struct jayi_pool;

/* A seat: a link without a socket (net_ride.h). */
typedef struct jayi_seat {
    _Atomic uint32_t state; /* of net_ride.c; who sits there sleeps on it */
    int status;             /* how the ride ended */
    jay_error error;
    _Atomic bool sleeps; /* who sits there has to be rung */
    size_t out_size;     /* bytes of the request, in `out` */
    size_t in_size;      /* bytes of the replies, in `in` */
    int64_t deadline_ms;
    struct jayi_link *carrier; /* to lead with; NULL: one is to be opened */
    struct jayi_link *next;    /* in the queue, or among the empty ones */
    struct jayi_link *next_of_all;
} jayi_seat;

typedef struct jayi_link {
    jayi_stream stream;
    struct jayi_pool *pool;
    struct jayi_link *next_idle;
    struct jayi_link *next, *previous; /* all links of the pool */
    int64_t idle_since_ms;
    bool is_in_use;
    bool was_awaited; /* who has it had to wait for it */
    bool is_reused;   /* it has served a call before: the server may have closed it since */
    bool is_seat;
    bool is_outdated; /* to be closed when it is given back: its login holds no more */
    int replies;      /* how many the request of the next send has; for seats */
    int dialect;      /* the protocol's: what its greeting has found out; only 0 is ridden */
    jayi_seat seat;
    char *in; /* bytes received and not yet taken: in own_in, or in a slab (net_inflow.h) */
    size_t in_begin, in_end, in_size;
    jayi_slab *slab; /* NULL: none */
    jayi_blocks *slab_blocks;
    size_t slab_expected; /* of bytes to come, for how large the next slab has to be */
    char own_in[JAYI_LINK_IN_BYTES];
    char out[JAYI_LINK_OUT_BYTES]; /* for the protocol to compose in */
} jayi_link;

/* Makes an empty link of new memory. */
static inline void jayi_link_init(jayi_link *link) {
    memset(link, 0, offsetof(jayi_link, own_in));
    link->in = link->own_in;
    link->in_size = sizeof link->own_in;
}

/* What a protocol does on a new connection: log in, find out what it speaks. */
typedef int jayi_greet_fn(void *arg, jayi_link *link, int64_t deadline_ms, jay_error *error);

/* The length of the whole reply that begins here, which may not have arrived whole; 0: not known
 * yet; -1: it is none. */
typedef int64_t jayi_measure_fn(const char *data, size_t size);

typedef struct jayi_pool_plan {
    const jayi_address *address; /* must outlive the pool */
    const struct jayi_tls *tls;  /* NULL: plain; must outlive the pool */
    jayi_dialler dialler;
    const jay_allocator *allocator;
    jayi_greet_fn *greet; /* may be NULL */
    void *greet_arg;
    jayi_measure_fn *measure; /* NULL: there are no seats */
    int max_links;
    int64_t connect_ms; /* the most that a connect takes, greeting included */
    int64_t call_ms;    /* the most that a call takes */
    int64_t retry_ms;   /* the first pause of the breaker */
} jayi_pool_plan;

typedef struct jayi_pool {
    jayi_pool_plan plan;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t freed;
    jayi_link *idle; /* the last one used first: the others may grow old and be closed */
    jayi_link *all;
    jayi_link *orphans; /* a parent's, whose memory is left to free */
    int open_count;
    int in_use;  /* of them, or of the slots to open them in */
    int crowded; /* so many calls to come use a quarter of the links, and seats */
    int waiting;
    int woken;        /* waiters that have been signalled and have not run yet */
    int hungry;       /* waiters whose turn it is before that of newcomers */
    jayi_link *seats; /* all of them, kept to the end */
    jayi_link *empty; /* those that nobody has */
    jayi_link *queue; /* those whose requests wait for a link, the first first */
    jayi_link *queue_end;
    int seat_count;
    int seats_taken;
    int seatless;   /* so many calls take no seat: replies have been long */
    bool seat_went; /* the last link that was free went to a seat, not to a waiter */
    bool is_ridden; /* the last link that was opened can carry what others send */
    int strikes;    /* failures in a row; the breaker is open from JAYI_STRIKES_OUT on */
    int pauses;     /* how often it has opened in a row */
    bool is_probing;
    int64_t retry_at_ms;
    uint64_t random;
    struct jayi_pool *next, *previous; /* all pools of the process, for fork */
} jayi_pool;

int jayi_pool_init(jayi_pool *pool, const jayi_pool_plan *plan, jay_error *error);
void jayi_pool_deinit(jayi_pool *pool);

/* A link, or in a crowd a seat, for one call whose requests have few and short replies. It is used
 * like a link: send with `replies` set, then fill and read, as often as need be. */
int jayi_link_board(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, jayi_link **ret_link,
                    jay_error *error);

/* A link for one call. Else JAY_E_UNREACHABLE, JAY_E_TIMEOUT, JAY_E_NO_MEMORY, JAY_E_AUTH ... */
int jayi_link_acquire(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, jayi_link **ret_link,
                      jay_error *error);
void jayi_link_release(jayi_link *link, int64_t now_ms);

/* Ends a link after a failure: `status` says which, for the breaker. After JAY_E_AUTH on a link
 * that has served before, or on a seat, which may have been on any, all links of now are closed:
 * they have the same login. */
void jayi_link_discard(jayi_link *link, int status);

/* Has the program say who to log in as on a link; *ret_login is all NUL bytes before. */
int jayi_link_ask_login(const jayi_link *link, jay_login_fn *ask, void *arg, jay_login *ret_login,
                        jay_error *error);

/* Whether calls to this server fail at once now. */
bool jayi_pool_is_out(jayi_pool *pool, int64_t now_ms);

/* ---- bytes ---- */

/*
 * Receives more bytes behind those that are there, waiting if need be. JAY_OK, JAY_E_TIMEOUT,
 * JAY_E_UNREACHABLE, or JAY_E_PROTOCOL when the buffer is full. `may_block`: the deadline is a
 * whole call_ms away, so that the socket's own timeout will do.
 */
int jayi_link_fill(jayi_link *link, int64_t deadline_ms, bool may_block, jay_error *error);

/* The same until so many bytes are there, which must have room in the buffer. */
int jayi_link_gather(jayi_link *link, size_t size, int64_t deadline_ms, bool may_block,
                     jay_error *error);

/* Takes exactly `size` bytes, from the buffer first. */
int jayi_link_read(jayi_link *link, void *to, size_t size, int64_t deadline_ms, jay_error *error);

/* Sends all of the parts, which are used up. */
int jayi_link_send(jayi_link *link, struct iovec *parts, int count, int64_t deadline_ms,
                   jay_error *error);

/* The failure of a link's stream, or of a deadline; names the server. */
int jayi_link_failed(jayi_link *link, jay_error *error);
int jayi_link_late(const jayi_link *link, jay_error *error);

#endif
