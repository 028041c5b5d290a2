/*
 * net_ride.c - requests that go along on another thread's link.
 */
#include "net/net_ride.h"

#include <sched.h>
#include <string.h>

#include "os/bell.h"
#include "os/clock.h"
#include "util/memory.h"

#define RIDERS_MAX 16
#define SEATS_MAX 64
/* How often a thread lets others run before it goes to sleep: being woken costs more. */
#define YIELDS 30
/* How many calls take no seat after a reply that was too long for one. */
#define SEATLESS_CALLS 1000

enum seat_state {
    SEAT_EMPTY,
    SEAT_TAKEN,
    SEAT_QUEUED,
    SEAT_LEADS,
    SEAT_ABOARD,
    SEAT_ABANDONED,
    SEAT_DONE
};

static uint32_t state_of(const jayi_link *seat) {
    return atomic_load_explicit(&seat->seat.state, memory_order_acquire);
}

/* Sets the state that a thread waits for. */
static void change(jayi_link *seat, enum seat_state state) {
    atomic_store(&seat->seat.state, state);
}

/* Wakes who has gone to sleep before the state was changed. */
static void ring(jayi_link *seat) {
    if (atomic_load(&seat->seat.sleeps)) jayi_bell_ring(&seat->seat.state);
}

/* Waits until the state is another. False: the deadline has passed. */
static bool await_change(jayi_link *seat, uint32_t state, int64_t deadline_ms) {
    for (int i = 0; i < YIELDS; i++) {
        sched_yield();
        if (state_of(seat) != state) return true;
    }
    atomic_store(&seat->seat.sleeps, true);
    bool is_in_time = true;
    if (atomic_load(&seat->seat.state) == state)
        is_in_time = jayi_bell_wait(&seat->seat.state, state, deadline_ms);
    atomic_store(&seat->seat.sleeps, false);
    return is_in_time;
}

static void set_state(jayi_link *seat, enum seat_state state) {
    atomic_store_explicit(&seat->seat.state, state, memory_order_release);
}

/* ---- seats ---- */

static jayi_link *make_seat(jayi_pool *pool) {
    if (pool->seat_count == SEATS_MAX) return NULL;
    jayi_link *seat = jayi_alloc(pool->plan.allocator, sizeof *seat);
    if (seat == NULL) return NULL;
    jayi_link_init(seat);
    seat->pool = pool;
    seat->stream.fd = -1;
    seat->is_seat = true;
    /* A call whose ride has failed tries again as on any link that has served before. */
    seat->is_reused = true;
    seat->seat.next_of_all = pool->seats;
    pool->seats = seat;
    pool->seat_count++;
    return seat;
}

jayi_link *jayi_ride_take_seat(jayi_pool *pool) {
    if (pool->plan.measure == NULL) return NULL;
    if (pool->seatless > 0) {
        pool->seatless--;
        return NULL;
    }
    jayi_link *seat = pool->empty;
    if (seat != NULL) {
        pool->empty = seat->seat.next;
    } else {
        seat = make_seat(pool);
    }
    if (seat == NULL) return NULL;
    seat->in_begin = seat->in_end = 0;
    set_state(seat, SEAT_TAKEN);
    pool->seats_taken++;
    return seat;
}

static void empty_seat(jayi_link *seat) {
    set_state(seat, SEAT_EMPTY);
    seat->seat.next = seat->pool->empty;
    seat->pool->empty = seat;
    seat->pool->seats_taken--;
}

void jayi_ride_forget(jayi_pool *pool) {
    pool->queue = pool->queue_end = pool->empty = NULL;
    for (jayi_link *seat = pool->seats; seat != NULL; seat = seat->seat.next_of_all)
        empty_seat(seat);
    pool->seats_taken = 0;
}

void jayi_ride_free_seats(jayi_pool *pool) {
    while (pool->seats != NULL) {
        jayi_link *seat = pool->seats;
        pool->seats = seat->seat.next_of_all;
        jayi_free(pool->plan.allocator, seat);
    }
}

/* ---- the queue; under the lock ---- */

static void push(jayi_pool *pool, jayi_link *seat) {
    seat->seat.next = NULL;
    if (pool->queue == NULL) {
        pool->queue = seat;
    } else {
        pool->queue_end->seat.next = seat;
    }
    pool->queue_end = seat;
    set_state(seat, SEAT_QUEUED);
}

static jayi_link *pop(jayi_pool *pool) {
    jayi_link *seat = pool->queue;
    pool->queue = seat->seat.next;
    return seat;
}

static void take_out(jayi_pool *pool, jayi_link *seat) {
    jayi_link *before = NULL, *at = pool->queue;
    while (at != seat) {
        before = at;
        at = at->seat.next;
    }
    if (before == NULL) {
        pool->queue = seat->seat.next;
    } else {
        before->seat.next = seat->seat.next;
    }
    if (pool->queue_end == seat) pool->queue_end = before;
}

bool jayi_ride_hand(jayi_pool *pool, jayi_link *carrier) {
    if (pool->queue == NULL) return false;
    jayi_link *seat = pop(pool);
    seat->seat.carrier = carrier;
    change(seat, SEAT_LEADS);
    ring(seat);
    return true;
}

void jayi_ride_fail_queue(jayi_pool *pool) {
    while (pool->queue != NULL) {
        jayi_link *seat = pop(pool);
        seat->seat.status = jayi_pool_refuse(pool, &seat->seat.error);
        change(seat, SEAT_DONE);
        ring(seat);
    }
}

/* ---- trips ---- */

typedef struct trip {
    jayi_pool *pool;
    jayi_link *carrier;
    jayi_link *own; /* the seat of who leads */
    jayi_link *riders[RIDERS_MAX];
    size_t count;
    int64_t deadline_ms;
    jay_error error;
} trip;

/* Takes aboard who leads, and those in the queue who have not much longer to wait than that. */
static void embark(trip *t) {
    jayi_pool *pool = t->pool;
    int64_t latest_ms = t->deadline_ms + pool->plan.call_ms / 8;
    pthread_mutex_lock(&pool->lock);
    t->riders[t->count++] = t->own;
    while (t->count < RIDERS_MAX && pool->queue != NULL &&
           pool->queue->seat.deadline_ms <= latest_ms)
        t->riders[t->count++] = pop(pool);
    for (size_t i = 0; i < t->count; i++) {
        t->riders[i]->seat.status = JAY_OK;
        set_state(t->riders[i], SEAT_ABOARD);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Ends the ride of all. */
static void disembark(trip *t, int status) {
    jayi_link *woken[RIDERS_MAX];
    size_t count = 0;
    pthread_mutex_lock(&t->pool->lock);
    for (size_t i = 0; i < t->count; i++) {
        jayi_link *seat = t->riders[i];
        if (state_of(seat) == SEAT_ABANDONED) {
            empty_seat(seat);
            continue;
        }
        if (status != JAY_OK) {
            seat->seat.status = status;
            seat->seat.error = t->error;
        }
        change(seat, SEAT_DONE);
        if (seat != t->own) woken[count++] = seat;
    }
    pthread_mutex_unlock(&t->pool->lock);
    /* Whoever has gone on meanwhile is rung for nothing; seats are there as long as the pool. */
    for (size_t i = 0; i < count; i++) ring(woken[i]);
}

/* Waits for more of the replies. */
static int fill(trip *t) {
    return jayi_link_fill(t->carrier, t->deadline_ms, false, &t->error);
}

static int garbled(trip *t) {
    char text[160];
    return jay_error_set(&t->error, JAY_E_PROTOCOL, 0,
                         "%s sent a reply that makes no sense; is it the right server?",
                         jayi_address_text(t->pool->plan.address, text, sizeof text));
}

/* Reads bytes off that nobody wants. */
static int drop(trip *t, size_t size) {
    jayi_link *carrier = t->carrier;
    for (;;) {
        size_t have = carrier->in_end - carrier->in_begin;
        if (have > size) have = size;
        carrier->in_begin += have;
        size -= have;
        if (size == 0) return JAY_OK;
        int status = fill(t);
        if (status != JAY_OK) return status;
    }
}

/* Puts the replies of one rider into its seat. */
static int bring(trip *t, size_t index) {
    jayi_link *carrier = t->carrier, *seat = t->riders[index];
    size_t whole = 0; /* of the replies that are known */
    int known = 0;
    for (;;) {
        const char *at = carrier->in + carrier->in_begin;
        size_t have = carrier->in_end - carrier->in_begin;
        int64_t size = 1;
        while (known < seat->replies && whole <= have && size > 0) {
            size = t->pool->plan.measure(at + whole, have - whole);
            if (size < 0) return garbled(t);
            whole += (size_t)size;
            known += size > 0;
        }
        if (whole > seat->in_size) {
            seat->seat.status = JAYI_LINK_NEEDED;
            int status = drop(t, whole);
            if (status != JAY_OK) return status;
            whole = 0;
            if (known < seat->replies) continue;
        }
        if (known == seat->replies && whole <= have) break;
        int status = fill(t);
        if (status != JAY_OK) return status;
    }
    if (whole > 0) memcpy(seat->in, carrier->in + carrier->in_begin, whole);
    carrier->in_begin += whole;
    seat->seat.in_size = whole;
    return JAY_OK;
}

/* One trip; the link is then given back, or ended. */
static void travel(jayi_link *carrier, jayi_link *own, int64_t deadline_ms) {
    trip t = {.pool = carrier->pool, .carrier = carrier, .own = own, .deadline_ms = deadline_ms};
    struct iovec parts[RIDERS_MAX];
    embark(&t);
    for (size_t i = 0; i < t.count; i++)
        parts[i] = (struct iovec){t.riders[i]->out, t.riders[i]->seat.out_size};
    int status = jayi_link_send(carrier, parts, (int)t.count, deadline_ms, &t.error);
    for (size_t i = 0; i < t.count && status == JAY_OK; i++) status = bring(&t, i);
    /* More than was asked for: then it is not sure whose reply was whose. */
    if (status == JAY_OK && carrier->in_begin != carrier->in_end) status = garbled(&t);
    disembark(&t, status);
    if (status == JAY_OK) {
        jayi_link_release(carrier, jayi_clock_coarse_ms());
    } else {
        jayi_link_discard(carrier, status);
    }
}

/* The server has been replaced by one that understands none of what the seats hold. */
static int refuse_dialect(jayi_link *seat, jayi_link *carrier) {
    char text[160];
    jayi_link_release(carrier, jayi_clock_coarse_ms());
    return jay_error_set(&seat->seat.error, JAY_E_UNREACHABLE, 0,
                         "%s has become a server of another version meanwhile; try again",
                         jayi_address_text(seat->pool->plan.address, text, sizeof text));
}

/* Leads with the link that the seat was given. */
static void lead_from(jayi_link *seat, int64_t deadline_ms) {
    jayi_link *carrier = seat->seat.carrier;
    int status = JAY_OK;
    if (carrier == NULL)
        status = jayi_pool_open_link(seat->pool, deadline_ms, &carrier, &seat->seat.error);
    if (status == JAY_OK && carrier->dialect != 0) status = refuse_dialect(seat, carrier);
    if (status != JAY_OK) {
        seat->seat.status = status;
        set_state(seat, SEAT_DONE);
    } else {
        travel(carrier, seat, deadline_ms);
    }
}

/* ---- who sits there ---- */

/* Puts the parts together in the seat's buffer. Whether there is room. */
static bool gather(jayi_link *seat, const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > sizeof seat->out - size) return false;
        char *to = seat->out + size;
        if (parts[i].iov_base != to) memcpy(to, parts[i].iov_base, parts[i].iov_len);
        size += parts[i].iov_len;
    }
    seat->seat.out_size = size;
    return true;
}

int jayi_ride_send(jayi_link *seat, const struct iovec *parts, int count, int64_t deadline_ms,
                   jay_error *error) {
    jayi_pool *pool = seat->pool;
    if (!gather(seat, parts, count)) return JAYI_LINK_NEEDED;
    int status = JAY_OK;
    int64_t now_ms = jayi_clock_coarse_ms();
    seat->seat.deadline_ms = deadline_ms;
    seat->in_begin = seat->in_end = 0;
    pthread_mutex_lock(&pool->lock);
    if (jayi_pool_is_open(pool, now_ms)) {
        status = jayi_pool_refuse(pool, error);
    } else if (jayi_pool_take_free(pool, now_ms, &seat->seat.carrier)) {
        set_state(seat, SEAT_LEADS);
    } else {
        push(pool, seat);
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

int jayi_ride_fill(jayi_link *seat, int64_t deadline_ms, jay_error *error) {
    for (;;) {
        uint32_t state = state_of(seat);
        if (state == SEAT_DONE) break;
        if (state == SEAT_LEADS) {
            lead_from(seat, deadline_ms);
        } else if (state == SEAT_TAKEN) {
            return jay_error_set(error, JAY_E_PROTOCOL, 0,
                                 "the server's reply ends early; is it the right server?");
        } else if (!await_change(seat, state, deadline_ms) && state_of(seat) == state) {
            return jayi_link_late(seat, error);
        }
    }
    set_state(seat, SEAT_TAKEN);
    seat->in_begin = 0;
    seat->in_end = seat->seat.status == JAY_OK ? seat->seat.in_size : 0;
    if (seat->seat.status == JAYI_LINK_NEEDED) {
        pthread_mutex_lock(&seat->pool->lock);
        seat->pool->seatless = SEATLESS_CALLS;
        pthread_mutex_unlock(&seat->pool->lock);
    } else if (seat->seat.status != JAY_OK && error != NULL) {
        *error = seat->seat.error;
    }
    return seat->seat.status;
}

void jayi_ride_leave(jayi_link *seat) {
    jayi_pool *pool = seat->pool;
    pthread_mutex_lock(&pool->lock);
    uint32_t state = state_of(seat);
    jayi_link *carrier = seat->seat.carrier;
    if (state == SEAT_ABOARD) {
        set_state(seat, SEAT_ABANDONED);
    } else {
        if (state == SEAT_QUEUED) take_out(pool, seat);
        empty_seat(seat);
    }
    pthread_mutex_unlock(&pool->lock);
    if (state != SEAT_LEADS) return;
    /* Too late to lead. */
    if (carrier != NULL) {
        jayi_link_release(carrier, jayi_clock_coarse_ms());
    } else {
        jayi_pool_give_up_slot(pool);
    }
}
