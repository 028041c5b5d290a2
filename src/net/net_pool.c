/*
 * net_pool.c - connections of one server, and its breaker.
 */
#include "net/net_inflow.h"
#include "net/net_ride.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/net_names.h"
#include "net/net_tls.h"
#include "os/clock.h"
#include "os/random.h"
#include "util/memory.h"

#define JAYI_STRIKES_OUT 2
#define PAUSE_DOUBLINGS 5
/* A connection that has been idle for longer is looked at before it is used. */
#define FRESH_MS 1000
#define ADDRESS_TEXT 160
/* A waiter that has been woken so often in vain goes before newcomers. */
#define VAIN_WAKES_MAX 50
/* How many calls are made as in a crowd after there has been one. */
#define CROWDED_CALLS 64

/* ---- fork ---- */

/*
 * The pools of this process. Global, because fork calls handlers without an argument; fork takes
 * this lock, then that of each pool, so that a child finds all lists whole, and then waits for
 * those who are inside of OpenSSL, which takes none of ours. First of all it waits for those who
 * look up names.
 */
static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static jayi_pool *pools;
static pthread_once_t pools_once = PTHREAD_ONCE_INIT;
static int pools_failure;

static void before_fork(void) {
    /* May take a while, and who looks a name up takes none of our locks. */
    jayi_names_before_fork();
    pthread_mutex_lock(&pools_lock);
    for (jayi_pool *pool = pools; pool != NULL; pool = pool->next) pthread_mutex_lock(&pool->lock);
    jayi_tls_before_fork();
}

static void unlock_all(void) {
    for (jayi_pool *pool = pools; pool != NULL; pool = pool->next)
        pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pools_lock);
}

static void in_parent(void) {
    jayi_tls_after_fork();
    unlock_all();
    jayi_names_after_fork();
}

static void init_condition(jayi_pool *pool) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* The connections are the parent's: the child only closes its copies. */
static void forget_links(jayi_pool *pool) {
    for (jayi_link *link = pool->all; link != NULL; link = link->next) {
        if (link->stream.fd >= 0) close(link->stream.fd);
        link->stream.fd = -1;
        link->next_idle = NULL;
    }
    pool->orphans = pool->all;
    pool->all = pool->idle = NULL;
    pool->open_count = pool->in_use = pool->waiting = pool->woken = pool->hungry = 0;
    pool->is_probing = false;
    jayi_ride_forget(pool);
    init_condition(pool);
}

static void in_child(void) {
    jayi_tls_in_child();
    for (jayi_pool *pool = pools; pool != NULL; pool = pool->next) {
        /* A child of a child may come before its parent has freed anything. */
        if (pool->orphans == NULL) forget_links(pool);
    }
    unlock_all();
    jayi_names_in_child();
}

static void install_handlers(void) {
    pools_failure = pthread_atfork(before_fork, in_parent, in_child);
}

static void free_link(jayi_link *link, bool is_orphan) {
    /* A TLS session that another thread of the parent was using may be in any state: it is lost. */
    if (is_orphan && link->is_in_use) link->stream.tls = NULL;
    jayi_link_end_slabs(link);
    jayi_stream_close(&link->stream);
    jayi_free(link->pool->plan.allocator, link);
}

static void free_orphans(jayi_pool *pool) {
    while (pool->orphans != NULL) {
        jayi_link *link = pool->orphans;
        pool->orphans = link->next;
        free_link(link, true);
    }
}

/* ---- pools ---- */

int jayi_pool_init(jayi_pool *pool, const jayi_pool_plan *plan, jay_error *error) {
    pthread_once(&pools_once, install_handlers);
    if (pools_failure != 0)
        return jay_error_set(error, JAY_E_NO_MEMORY, pools_failure,
                             "no memory to prepare for fork");
    *pool = (jayi_pool){.plan = *plan, .random = jayi_random_seed() | 1};
    pthread_mutex_init(&pool->lock, NULL);
    init_condition(pool);
    pthread_mutex_lock(&pools_lock);
    pool->next = pools;
    if (pools != NULL) pools->previous = pool;
    pools = pool;
    pthread_mutex_unlock(&pools_lock);
    return JAY_OK;
}

void jayi_pool_deinit(jayi_pool *pool) {
    pthread_mutex_lock(&pools_lock);
    if (pool->next != NULL) pool->next->previous = pool->previous;
    if (pool->previous != NULL) pool->previous->next = pool->next;
    if (pools == pool) pools = pool->next;
    pthread_mutex_unlock(&pools_lock);
    free_orphans(pool);
    while (pool->all != NULL) {
        jayi_link *link = pool->all;
        pool->all = link->next;
        free_link(link, false);
    }
    jayi_ride_free_seats(pool);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
}

/* ---- the breaker; under the lock ---- */

bool jayi_pool_is_open(const jayi_pool *pool, int64_t now_ms) {
    return pool->strikes >= JAYI_STRIKES_OUT && (pool->is_probing || now_ms < pool->retry_at_ms);
}

bool jayi_pool_is_out(jayi_pool *pool, int64_t now_ms) {
    pthread_mutex_lock(&pool->lock);
    bool result = jayi_pool_is_open(pool, now_ms);
    pthread_mutex_unlock(&pool->lock);
    return result;
}

static void strike(jayi_pool *pool, int strikes) {
    pool->is_probing = false;
    pool->strikes += strikes;
    if (pool->strikes < JAYI_STRIKES_OUT) return;
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 7;
    pool->random ^= pool->random << 17;
    int64_t pause_ms = pool->plan.retry_ms << pool->pauses;
    /* Three quarters to five quarters, so that many clients do not come back together. */
    pause_ms = pause_ms * 3 / 4 + (int64_t)(pool->random % (uint64_t)(pause_ms / 2 + 1));
    pool->retry_at_ms = jayi_clock_ms() + pause_ms;
    if (pool->pauses < PAUSE_DOUBLINGS) pool->pauses++;
    pthread_cond_broadcast(&pool->freed);
    jayi_ride_fail_queue(pool);
}

int jayi_pool_refuse(const jayi_pool *pool, jay_error *error) {
    char text[ADDRESS_TEXT];
    return jay_error_set(error, JAY_E_UNREACHABLE, 0,
                         "%s has not answered and is left alone for a while; is it up?",
                         jayi_address_text(pool->plan.address, text, sizeof text));
}

/* ---- links ---- */

/* Wakes a waiter, unless one that was woken before is still to run. Under the lock. */
static void wake_waiter(jayi_pool *pool) {
    /* Which of the waiters is hungry only they know. */
    if (pool->hungry > 0) pthread_cond_broadcast(&pool->freed);
    if (pool->waiting == 0 || pool->woken > 0 || pool->hungry > 0) return;
    pool->woken++;
    pthread_cond_signal(&pool->freed);
}

/* The idle link that was used last. Under the lock. */
static jayi_link *pop_idle(jayi_pool *pool) {
    jayi_link *link = pool->idle;
    pool->idle = link->next_idle;
    link->is_in_use = true;
    pool->in_use++;
    return link;
}

/* Takes an idle link, or a slot for a new one (*ret_link is then NULL). Under the lock. */
static bool take_idle(jayi_pool *pool, jayi_link **ret_link) {
    if (pool->idle == NULL && pool->open_count >= pool->plan.max_links) return false;
    *ret_link = NULL;
    if (pool->idle != NULL) {
        *ret_link = pop_idle(pool);
    } else {
        pool->open_count++;
        pool->in_use++;
    }
    if (pool->strikes >= JAYI_STRIKES_OUT) pool->is_probing = true;
    return true;
}

/* Whether so many links are in use that a crowd's requests rather go together: a few that carry
 * many are faster than many that carry few. */
static bool is_busy(const jayi_pool *pool) {
    return pool->in_use >= (pool->plan.max_links + 3) / 4;
}

/* A link or a slot has become free: whose turn is it? Those in the queue, and those who wait for a
 * link of their own, by turns. Under the lock. */
static void wake_next(jayi_pool *pool) {
    bool waits = pool->waiting > 0 && pool->seat_went;
    jayi_link *link = NULL;
    pool->seat_went = false;
    if (pool->queue != NULL && !waits && !is_busy(pool) && take_idle(pool, &link)) {
        pool->seat_went = jayi_ride_hand(pool, link);
    } else {
        wake_waiter(pool);
    }
}

static void unlist(jayi_link *link) {
    jayi_pool *pool = link->pool;
    if (link->next != NULL) link->next->previous = link->previous;
    if (link->previous != NULL) link->previous->next = link->next;
    if (pool->all == link) pool->all = link->next;
    pool->open_count--;
    pool->in_use--;
}

static void give_up_slot(jayi_pool *pool, int strikes) {
    pthread_mutex_lock(&pool->lock);
    pool->open_count--;
    pool->in_use--;
    if (strikes > 0) strike(pool, strikes);
    if (strikes == 0) pool->is_probing = false;
    wake_next(pool);
    pthread_mutex_unlock(&pool->lock);
}

void jayi_pool_give_up_slot(jayi_pool *pool) {
    give_up_slot(pool, 0);
}

/* Makes a link in the slot that the caller has counted. */
int jayi_pool_open_link(jayi_pool *pool, int64_t deadline_ms, jayi_link **ret_link,
                        jay_error *error) {
    const jayi_pool_plan *plan = &pool->plan;
    jayi_link *link = jayi_alloc(plan->allocator, sizeof *link);
    if (link == NULL) {
        give_up_slot(pool, 0);
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a connection");
    }
    jayi_link_init(link);
    link->pool = pool;
    link->is_in_use = true;
    int64_t until = jayi_clock_ms() + plan->connect_ms;
    if (until > deadline_ms) until = deadline_ms;
    int status = jayi_stream_connect(&link->stream, plan->address, plan->dialler, plan->tls, until,
                                     plan->call_ms / 2 + 1, error);
    if (status != JAY_OK) {
        jayi_free(plan->allocator, link);
        give_up_slot(pool, status == JAY_E_UNREACHABLE ? JAYI_STRIKES_OUT : 0);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    link->next = pool->all;
    if (pool->all != NULL) pool->all->previous = link;
    pool->all = link;
    pthread_mutex_unlock(&pool->lock);
    if (plan->greet != NULL) status = plan->greet(plan->greet_arg, link, until, error);
    if (status != JAY_OK) {
        jayi_link_discard(link, status);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    pool->is_ridden = link->dialect == 0;
    pthread_mutex_unlock(&pool->lock);
    *ret_link = link;
    return JAY_OK;
}

/* Waits until a link is free. Whether one may be, in time; under the lock. */
static bool await_link(jayi_pool *pool, int64_t deadline_ms) {
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                             .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    pool->waiting++;
    int failure = pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
    pool->waiting--;
    /* Perhaps it was another's wake that has been taken; then that one is woken by who comes next.
     */
    if (pool->woken > 0) pool->woken--;
    return failure != ETIMEDOUT;
}

static int refuse_late(const jayi_pool *pool, jay_error *error) {
    char text[ADDRESS_TEXT];
    return jay_error_set(error, JAY_E_TIMEOUT, ETIMEDOUT,
                         "all %d connections to %s were busy until the deadline; raise connections",
                         pool->plan.max_links,
                         jayi_address_text(pool->plan.address, text, sizeof text));
}

bool jayi_pool_take_free(jayi_pool *pool, int64_t now_ms, jayi_link **ret_link) {
    return pool->hungry == 0 && !is_busy(pool) && !jayi_pool_is_open(pool, now_ms) &&
           take_idle(pool, ret_link);
}

/* Whether calls are, or were shortly, more than links. */
static bool is_crowd(jayi_pool *pool) {
    if (pool->in_use + pool->seats_taken >= pool->plan.max_links) {
        pool->crowded = CROWDED_CALLS;
    } else if (pool->crowded > 0) {
        pool->crowded--;
    }
    return pool->crowded > 0;
}

/* Takes a link, a slot for a new one (*ret_link is then NULL), or a seat; under the lock. */
static int take_link(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, bool may_ride,
                     jayi_link **ret_link, jay_error *error) {
    int wakes = 0, status = JAY_OK;
    for (;;) {
        bool may_take = pool->hungry == 0 || wakes > VAIN_WAKES_MAX;
        if (jayi_pool_is_open(pool, now_ms)) {
            status = jayi_pool_refuse(pool, error);
            break;
        }
        if (may_ride && pool->is_ridden && wakes == 0 && is_crowd(pool) && is_busy(pool)) {
            *ret_link = jayi_ride_take_seat(pool);
            if (*ret_link != NULL) return JAY_OK;
        }
        if (may_take && take_idle(pool, ret_link)) {
            if (*ret_link != NULL) (*ret_link)->was_awaited = wakes > 0;
            break;
        }
        if (!await_link(pool, deadline_ms)) {
            status = refuse_late(pool, error);
            break;
        }
        now_ms = jayi_clock_ms();
        if (++wakes == VAIN_WAKES_MAX + 1) pool->hungry++;
    }
    if (wakes > VAIN_WAKES_MAX) pool->hungry--;
    /* There may be another one free, whose waker has woken nobody. */
    if (pool->idle != NULL || pool->queue != NULL) wake_next(pool);
    return status;
}

/* Whether there is an idle link and nobody to mind; the usual case. */
static bool is_quiet(const jayi_pool *pool) {
    return pool->idle != NULL && pool->strikes == 0 && pool->hungry == 0 && pool->crowded == 0 &&
           pool->in_use + pool->seats_taken < pool->plan.max_links;
}

static int acquire(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, bool may_ride,
                   jayi_link **ret_link, jay_error *error) {
    for (;;) {
        jayi_link *link = NULL;
        pthread_mutex_lock(&pool->lock);
        if (pool->orphans != NULL) free_orphans(pool);
        int status = JAY_OK;
        if (is_quiet(pool)) {
            link = pop_idle(pool);
            link->was_awaited = false;
        } else {
            status = take_link(pool, now_ms, deadline_ms, may_ride, &link, error);
        }
        pthread_mutex_unlock(&pool->lock);
        if (status != JAY_OK) return status;
        if (link == NULL) {
            return jayi_pool_open_link(pool, deadline_ms, ret_link, error);
        }
        bool is_old = now_ms - link->idle_since_ms > FRESH_MS;
        if (link->is_seat || !is_old || !jayi_stream_is_stale(&link->stream)) {
            *ret_link = link;
            return JAY_OK;
        }
        jayi_link_discard(link, JAY_OK);
    }
}

int jayi_link_acquire(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, jayi_link **ret_link,
                      jay_error *error) {
    return acquire(pool, now_ms, deadline_ms, false, ret_link, error);
}

int jayi_link_board(jayi_pool *pool, int64_t now_ms, int64_t deadline_ms, jayi_link **ret_link,
                    jay_error *error) {
    return acquire(pool, now_ms, deadline_ms, true, ret_link, error);
}

/* Under the lock. */
static void make_idle(jayi_link *link) {
    jayi_pool *pool = link->pool;
    link->is_in_use = false;
    link->next_idle = pool->idle;
    pool->idle = link;
    pool->in_use--;
}

void jayi_link_release(jayi_link *link, int64_t now_ms) {
    jayi_pool *pool = link->pool;
    if (link->is_seat) {
        jayi_ride_leave(link);
        return;
    }
    link->idle_since_ms = now_ms;
    link->is_reused = true;
    pthread_mutex_lock(&pool->lock);
    if (link->is_outdated) {
        pthread_mutex_unlock(&pool->lock);
        jayi_link_discard(link, JAY_OK);
        return;
    }
    pool->strikes = pool->pauses = 0;
    pool->is_probing = false;
    make_idle(link);
    if (pool->queue != NULL || pool->waiting > 0) wake_next(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* Closes the idle links, and has those in use closed when they are given back. */
static void outdate_links(jayi_pool *pool) {
    jayi_link *closed = NULL;
    pthread_mutex_lock(&pool->lock);
    while (pool->idle != NULL) {
        jayi_link *link = pop_idle(pool);
        unlist(link);
        link->next_idle = closed;
        closed = link;
    }
    for (jayi_link *link = pool->all; link != NULL; link = link->next) link->is_outdated = true;
    wake_next(pool);
    pthread_mutex_unlock(&pool->lock);
    while (closed != NULL) {
        jayi_link *link = closed;
        closed = link->next_idle;
        free_link(link, false);
    }
}

void jayi_link_discard(jayi_link *link, int status) {
    jayi_pool *pool = link->pool;
    if (link->is_seat) {
        jayi_ride_leave(link);
        if (status == JAY_E_AUTH) outdate_links(pool);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    unlist(link);
    if (status == JAY_E_TIMEOUT) {
        strike(pool, 1);
    } else if (status == JAY_E_UNREACHABLE && !link->is_reused) {
        strike(pool, JAYI_STRIKES_OUT);
    } else {
        pool->is_probing = false;
    }
    wake_next(pool);
    pthread_mutex_unlock(&pool->lock);
    /* What it logged in with has been taken back: that of the others is the same. */
    if (status == JAY_E_AUTH && link->is_reused) outdate_links(pool);
    free_link(link, false);
}

int jayi_link_ask_login(const jayi_link *link, jay_login_fn *ask, void *arg, jay_login *ret_login,
                        jay_error *error) {
    const jayi_address *address = link->pool->plan.address;
    jay_error own = {.code = JAY_OK};
    int status = ask(arg, address->host, address->port, ret_login, &own);
    /* Whatever it wrote, they are texts. */
    ret_login->user[sizeof ret_login->user - 1] = '\0';
    ret_login->password[sizeof ret_login->password - 1] = '\0';
    own.message[sizeof own.message - 1] = '\0';
    if (status == JAY_OK) return JAY_OK;
    if (status < 0 && own.code == status)
        return jay_error_set(error, status, own.sys_errno, "%s", own.message);
    return jay_error_set(error, JAY_E_AUTH, 0, "the program's login function failed: %s",
                         jay_status_text(status));
}

/* ---- bytes ---- */

int jayi_link_failed(jayi_link *link, jay_error *error) {
    char text[ADDRESS_TEXT];
    int failure = link->stream.sys_errno;
    jayi_address_text(link->pool->plan.address, text, sizeof text);
    if (failure == 0)
        return jay_error_set(error, JAY_E_UNREACHABLE, 0,
                             "%s closed the connection; was it restarted?", text);
    return jay_error_set(error, JAY_E_UNREACHABLE, failure,
                         "the connection to %s failed: %s; was the server restarted?", text,
                         strerrordesc_np(failure));
}

int jayi_link_late(const jayi_link *link, jay_error *error) {
    char text[ADDRESS_TEXT];
    return jay_error_set(error, JAY_E_TIMEOUT, ETIMEDOUT,
                         "%s did not answer within %lld ms; is it overloaded, or the deadline too "
                         "short?",
                         jayi_address_text(link->pool->plan.address, text, sizeof text),
                         (long long)link->pool->plan.call_ms);
}

static int refuse_flood(const jayi_link *link, jay_error *error) {
    char text[ADDRESS_TEXT];
    return jay_error_set(error, JAY_E_PROTOCOL, 0,
                         "%s sent a longer line than the protocol has; is it the right server?",
                         jayi_address_text(link->pool->plan.address, text, sizeof text));
}

/* Makes room at the end of the buffer, such that `whole` bytes of what is there and comes fit. */
static int make_room(jayi_link *link, size_t whole, jay_error *error) {
    if (link->slab != NULL) return jayi_inflow_make_room(link, whole, error);
    if (link->in_end == link->in_size && link->in_begin > 0) {
        memmove(link->in, link->in + link->in_begin, link->in_end - link->in_begin);
        link->in_end -= link->in_begin;
        link->in_begin = 0;
    }
    return link->in_end < link->in_size ? JAY_OK : refuse_flood(link, error);
}

/* How much is read behind a long value: the head of the next reply, and not much of its value,
 * which would have to be copied. */
#define BEHIND_BYTES 1024

/* Reads without looking at what is there; what comes behind goes into the buffer. */
static int read_past(jayi_link *link, void *to, size_t size, bool may_block, size_t *ret_got,
                     jay_error *error) {
    if (link->slab == NULL || jayi_slab_is_free(link->slab)) link->in_begin = link->in_end = 0;
    size_t behind = link->in_size - link->in_end;
    if (behind > BEHIND_BYTES && size >= BEHIND_BYTES) behind = BEHIND_BYTES;
    const struct iovec parts[2] = {{to, size}, {link->in + link->in_end, behind}};
    ssize_t got = jayi_stream_read_parts(&link->stream, parts, behind > 0 ? 2 : 1, may_block);
    if (got == JAYI_IO_FAILED) return jayi_link_failed(link, error);
    *ret_got = (size_t)got < size ? (size_t)got : size;
    link->in_end += (size_t)got - *ret_got;
    return JAY_OK;
}

/* Takes up to `size` bytes out of the buffer. */
static size_t take_buffered(jayi_link *link, void *to, size_t size) {
    size_t have = link->in_end - link->in_begin;
    if (have > size) have = size;
    if (have > 0) memcpy(to, link->in + link->in_begin, have);
    link->in_begin += have;
    return have;
}

/* Whether the socket's own timeout, half of a call's time, ends before the deadline: then one
 * system call waits and reads. */
static bool may_wait_there(const jayi_link *link, int64_t left_ms) {
    return left_ms - JAYI_CLOCK_COARSE_LAG_MS > link->pool->plan.call_ms / 2;
}

/* Receives once, with room for `whole` bytes from those on that are there. On the way of every
 * reply, so in one piece with who calls. */
static inline __attribute__((always_inline)) int
fill(jayi_link *link, size_t whole, int64_t deadline_ms, bool may_block, jay_error *error) {
    if (link->slab == NULL && link->in_begin == link->in_end) {
        link->in_begin = link->in_end = 0;
    } else {
        int status = make_room(link, whole, error);
        if (status != JAY_OK) return status;
    }
    char *to = link->in + link->in_end;
    size_t room = link->in_size - link->in_end;
    if (!may_block) may_block = may_wait_there(link, deadline_ms - jayi_clock_coarse_ms());
    ssize_t got = may_block ? jayi_stream_read_first(&link->stream, to, room)
                            : jayi_stream_read(&link->stream, to, room);
    while (got == JAYI_IO_AGAIN) {
        if (!jayi_stream_wait(&link->stream, POLLIN, deadline_ms))
            return jayi_link_late(link, error);
        got = jayi_stream_read(&link->stream, to, room);
    }
    if (got == JAYI_IO_FAILED) return jayi_link_failed(link, error);
    link->in_end += (size_t)got;
    return JAY_OK;
}

int jayi_link_fill(jayi_link *link, int64_t deadline_ms, bool may_block, jay_error *error) {
    if (link->is_seat) return jayi_ride_fill(link, deadline_ms, error);
    return fill(link, link->in_end - link->in_begin + 1, deadline_ms, may_block, error);
}

int jayi_link_gather(jayi_link *link, size_t size, int64_t deadline_ms, bool may_block,
                     jay_error *error) {
    while (link->in_end - link->in_begin < size) {
        /* Bytes that keep dripping do not move the deadline. */
        if (jayi_clock_coarse_ms() >= deadline_ms) return jayi_link_late(link, error);
        int status = fill(link, size, deadline_ms, may_block, error);
        if (status != JAY_OK) return status;
        may_block = false;
    }
    return JAY_OK;
}

int jayi_link_read(jayi_link *link, void *to, size_t size, int64_t deadline_ms, jay_error *error) {
    char *at = to;
    size_t got = take_buffered(link, at, size);
    at += got;
    size -= got;
    /* A whole reply lies in a seat at once: there is no more of it. */
    if (size > 0 && link->is_seat) return jayi_ride_fill(link, deadline_ms, error);
    while (size > 0) {
        /* Bytes that keep dripping do not move the deadline. */
        int64_t left_ms = deadline_ms - jayi_clock_coarse_ms();
        if (left_ms <= 0) return jayi_link_late(link, error);
        int status = read_past(link, at, size, may_wait_there(link, left_ms), &got, error);
        if (status != JAY_OK) return status;
        if (got == 0 && !jayi_stream_wait(&link->stream, POLLIN, deadline_ms))
            return jayi_link_late(link, error);
        at += got;
        size -= got;
    }
    return JAY_OK;
}

/* Drops `sent` bytes from the front of the parts. */
static void advance(struct iovec **parts, int *count, size_t sent) {
    while (*count > 0 && sent >= (*parts)->iov_len) {
        sent -= (*parts)->iov_len;
        ++*parts;
        --*count;
    }
    if (*count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + sent;
        (*parts)->iov_len -= sent;
    }
}

int jayi_link_send(jayi_link *link, struct iovec *parts, int count, int64_t deadline_ms,
                   jay_error *error) {
    if (link->is_seat) return jayi_ride_send(link, parts, count, deadline_ms, error);
    while (count > 0) {
        ssize_t sent = jayi_stream_write(&link->stream, parts, count);
        if (sent == JAYI_IO_FAILED) return jayi_link_failed(link, error);
        if (sent == JAYI_IO_AGAIN && !jayi_stream_wait(&link->stream, POLLOUT, deadline_ms))
            return jayi_link_late(link, error);
        advance(&parts, &count, (size_t)sent);
    }
    return JAY_OK;
}
