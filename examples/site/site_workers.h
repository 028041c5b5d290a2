/*
 * site_workers.h - several processes that serve one socket and one cache (--workers).
 *
 * A parent forks them, starts a new one wherever one died, takes the samples of the shared cache,
 * and serves nobody. Nothing that a worker does can stop the others: what they share is the
 * listening socket, the cache, and accounts made of single atomic numbers.
 */
#ifndef SITE_WORKERS_H
#define SITE_WORKERS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct site_app;

enum { SITE_MAX_WORKERS = 64 };

/* What site_workers_run returns in each worker; in the parent 0 or -1, as usual. */
enum { SITE_IS_WORKER = 1 };

typedef struct site_workers site_workers;

/* The account of `count` workers, in memory that processes forked later share; NULL without. */
site_workers *site_workers_create(unsigned count);
void site_workers_destroy(site_workers *workers);

/*
 * Forks app->workers, and looks after them until one of `signals` (SIGINT, SIGTERM; blocked) says
 * stop; then stops them all. Prints `url` once they are on their way. The caller must not have
 * started threads. Returns, in the parent, 0 or -1 after saying why on stderr; in each worker
 * SITE_IS_WORKER, at once: it is to serve, and to end with the program.
 */
int site_workers_run(struct site_app *app, const char *url, const sigset_t *signals);

/* To be called by a worker that serves: from now on, a worker that ends is replaced. */
void site_workers_note_serving(site_workers *workers);

/* Whether this process is a worker with a living parent, who will clean up behind it. */
int site_workers_is_led(const site_workers *workers);

/* How many there should be, how many there are, and how many had to be replaced so far. */
int64_t site_workers_count(const site_workers *workers);
int64_t site_workers_running(const site_workers *workers);
int64_t site_workers_replaced(const site_workers *workers);

#endif
