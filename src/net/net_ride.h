/*
 * net_ride.h - requests that go along on another thread's link.
 *
 * Where calls are more than the links of a pool, waiting for one costs a thread two switches,
 * and the server a read and a write for a single request. So a call gets a seat instead: a link
 * without a socket. What it sends there is queued, and its thread lets others run, and then sleeps.
 * A link that becomes free goes to the first in the queue, who leads: it sends up to RIDERS_MAX of
 * the queue's requests at once, its own first, reads their replies, which come in the same order,
 * puts each into its seat, and wakes its thread.
 *
 *     empty -> taken -> queued -> leads -> aboard -> done -> (taken ...) -> empty
 *                         `-------------->'   `-> abandoned -> empty
 *
 * In a crowd a quarter of the links are used like that: fewer trips with more riders cost least.
 * No request waits in the queue while fewer are in use, and nobody works for others once its own
 * trip is over.
 *
 * A seat belongs to who took it, but while it is aboard to who leads: one whose deadline passes
 * then leaves it behind (abandoned). The riders get their replies when all of them have been read
 * and nothing follows; when a trip fails, the link is closed and each rider has that failure: no
 * reply can reach another's seat (docs/design/riding.md). Replies longer than a seat holds are read
 * and dropped, and their calls told to use a link.
 *
 * All of it under the pool's lock, but for the bytes of seats aboard.
 */
#ifndef JAYI_NET_RIDE_H
#define JAYI_NET_RIDE_H

#include "net/net_pool.h"

/* ---- under the pool's lock ---- */

/* An empty seat, or NULL. */
jayi_link *jayi_ride_take_seat(jayi_pool *pool);

/* Gives a link, or the right to open one (NULL), to the first in the queue. Whether there is one.
 * */
bool jayi_ride_hand(jayi_pool *pool, jayi_link *carrier);

/* Fails all in the queue: the server is left alone. */
void jayi_ride_fail_queue(jayi_pool *pool);

/* In a child of fork: those who sat here are gone. */
void jayi_ride_forget(jayi_pool *pool);

/* ---- not under the lock ---- */

/* As jayi_link_send, jayi_link_fill, and release or discard, on a seat. */
int jayi_ride_send(jayi_link *seat, const struct iovec *parts, int count, int64_t deadline_ms,
                   jay_error *error);
int jayi_ride_fill(jayi_link *seat, int64_t deadline_ms, jay_error *error);
void jayi_ride_leave(jayi_link *seat);

void jayi_ride_free_seats(jayi_pool *pool);

/* ---- what net_pool.c does for it ---- */

/* Opens a link in a slot that has been counted. */
int jayi_pool_open_link(jayi_pool *pool, int64_t deadline_ms, jayi_link **ret_link,
                        jay_error *error);

/* Gives back the right to open one. */
void jayi_pool_give_up_slot(jayi_pool *pool);

/* Under the lock: a link that is idle, or a slot to open one in (*ret_link is then NULL), if the
 * breaker lets calls through. */
bool jayi_pool_take_free(jayi_pool *pool, int64_t now_ms, jayi_link **ret_link);

/* Under the lock: whether the breaker is open; and its failure. */
bool jayi_pool_is_open(const jayi_pool *pool, int64_t now_ms);
int jayi_pool_refuse(const jayi_pool *pool, jay_error *error);

#endif
