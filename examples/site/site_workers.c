/*
 * site_workers.c - the parent of the serving processes. See site_workers.h.
 *
 * The parent has one thread, and signals wake it: SIGCHLD when a worker ended, SIGINT and SIGTERM
 * to stop. A place in its list is started at most once a second, so that a worker that dies at
 * once, again and again, does not keep the machine busy. Should the parent be killed, the kernel
 * sends the workers SIGTERM.
 */
#include "site_workers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define START_INTERVAL_US ((int64_t)1000 * 1000)
#define SAMPLE_INTERVAL_US ((int64_t)1000 * 1000)
#define LOOK_INTERVAL_US ((int64_t)50 * 1000) /* while something is awaited */
#define STOP_LIMIT_US ((int64_t)10 * 1000 * 1000)

/* In shared memory. Only the parent writes, but for is_serving. */
struct site_workers {
    unsigned count;
    pid_t parent;
    atomic_int_least64_t running;
    atomic_int_least64_t replaced;
    atomic_int is_serving; /* once one worker has got so far */
};

typedef struct place {
    pid_t pid; /* 0: nobody */
    int64_t started_us;
} place;

/* What the parent alone knows. */
typedef struct crew_state {
    site_workers *workers;
    place places[SITE_MAX_WORKERS];
    int has_given_up;
} crew_state;

site_workers *site_workers_create(unsigned count) {
    site_workers *workers =
        mmap(NULL, sizeof(*workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (workers == MAP_FAILED) return NULL;
    workers->count = count;
    workers->parent = getpid();
    return workers;
}

void site_workers_destroy(site_workers *workers) {
    if (workers) munmap(workers, sizeof(*workers));
}

void site_workers_note_serving(site_workers *workers) {
    atomic_store(&workers->is_serving, 1);
}

int site_workers_is_led(const site_workers *workers) {
    return getppid() == workers->parent;
}

int64_t site_workers_count(const site_workers *workers) {
    return workers->count;
}

int64_t site_workers_running(const site_workers *workers) {
    return atomic_load(&workers->running);
}

int64_t site_workers_replaced(const site_workers *workers) {
    return atomic_load(&workers->replaced);
}

/* ---- starting -------------------------------------------------------------------------------- */

/* Sees to it that a worker does not outlive its parent, also one that has died meanwhile. */
static void follow_parent(const site_workers *workers) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!site_workers_is_led(workers)) kill(getpid(), SIGTERM);
}

/* Starts a worker wherever one is missing and may be started. SITE_IS_WORKER in the worker. */
static int start_missing(crew_state *crew) {
    site_workers *workers = crew->workers;
    int64_t now_us = site_now_us();
    for (unsigned i = 0; i < workers->count; i++) {
        place *at = &crew->places[i];
        if (at->pid || (at->started_us && now_us < at->started_us + START_INTERVAL_US)) continue;
        fflush(NULL); /* what is in a buffer now would be written by both */
        pid_t pid = fork();
        if (pid == 0) {
            follow_parent(workers);
            return SITE_IS_WORKER;
        }
        if (pid < 0) fprintf(stderr, "starting a worker: %s\n", strerror(errno));
        if (pid > 0 && at->started_us) atomic_fetch_add(&workers->replaced, 1);
        if (pid > 0) atomic_fetch_add(&workers->running, 1);
        at->pid = pid > 0 ? pid : 0;
        at->started_us = now_us;
    }
    return 0;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void say_why(pid_t pid, int status) {
    if (WIFSIGNALED(status))
        fprintf(stderr, "worker %ld was ended by signal %d (%s)\n", (long)pid, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "worker %ld ended with status %d\n", (long)pid, WEXITSTATUS(status));
}

/* Takes note of the workers that have ended. Returns how many are left. */
static unsigned reap(crew_state *crew, int is_expected) {
    unsigned left = 0;
    for (unsigned i = 0; i < crew->workers->count; i++) {
        place *at = &crew->places[i];
        int status = 0;
        if (!at->pid) continue;
        if (waitpid(at->pid, &status, WNOHANG) != at->pid) {
            left++;
            continue;
        }
        int has_failed = WIFEXITED(status) && WEXITSTATUS(status) != 0;
        if (!is_expected || !WIFEXITED(status) || has_failed) say_why(at->pid, status);
        /* What none could do so far, the next will not be able to, either. */
        if (has_failed && !atomic_load(&crew->workers->is_serving)) crew->has_given_up = 1;
        atomic_fetch_sub(&crew->workers->running, 1);
        at->pid = 0;
    }
    return left;
}

static void signal_all(const crew_state *crew, int number) {
    for (unsigned i = 0; i < crew->workers->count; i++)
        if (crew->places[i].pid) kill(crew->places[i].pid, number);
}

static int wait_for(const sigset_t *signals, int64_t time_us) {
    if (time_us < 0) time_us = 0;
    struct timespec left = {time_us / 1000000, time_us % 1000000 * 1000};
    return sigtimedwait(signals, NULL, &left);
}

/* Asks all to stop, also those that someone had stopped from running; kills those that do not. */
static int stop_all(crew_state *crew) {
    sigset_t child;
    int64_t limit_us = site_now_us() + STOP_LIMIT_US;
    int result = 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    /* In this order: a process that is about to end may be under a tracer, such as the search for
     * leaks at its end, which SIGCONT would disturb. */
    signal_all(crew, SIGCONT);
    signal_all(crew, SIGTERM);
    while (reap(crew, 1)) {
        if (site_now_us() > limit_us) {
            fprintf(stderr, "workers that do not stop are killed\n");
            signal_all(crew, SIGKILL);
            limit_us = INT64_MAX;
            result = -1;
        }
        wait_for(&child, LOOK_INTERVAL_US);
    }
    return result;
}

/* ---- the parent ------------------------------------------------------------------------------ */

static int has_missing(const crew_state *crew) {
    for (unsigned i = 0; i < crew->workers->count; i++)
        if (!crew->places[i].pid) return 1;
    return 0;
}

static int64_t sample_when_due(site_sampler *sampler, int64_t next_us) {
    int64_t now_us = site_now_us();
    if (now_us < next_us) return next_us;
    if (sampler) site_sampler_tick(sampler);
    return now_us + SAMPLE_INTERVAL_US;
}

int site_workers_run(site_app *app, const char *url, const sigset_t *signals) {
    crew_state crew = {.workers = app->workers};
    sigset_t awaited = *signals, child;
    int64_t next_us = 0;
    int number = 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigaddset(&awaited, SIGCHLD);
    signal(SIGCHLD, SIG_DFL); /* ignored, workers would vanish without being waited for */
    sigprocmask(SIG_BLOCK, &child, NULL);
    if (start_missing(&crew) == SITE_IS_WORKER) return SITE_IS_WORKER;
    printf("listening on %s\n", url);
    fflush(stdout);
    while (number != SIGINT && number != SIGTERM && !crew.has_given_up) {
        next_us = sample_when_due(app->sampler, next_us);
        reap(&crew, 0);
        if (!crew.has_given_up && start_missing(&crew) == SITE_IS_WORKER) return SITE_IS_WORKER;
        number =
            wait_for(&awaited, has_missing(&crew) ? LOOK_INTERVAL_US : next_us - site_now_us());
    }
    if (isatty(STDERR_FILENO)) fputs("\nstopping\n", stderr);
    if (crew.has_given_up) fprintf(stderr, "no worker could start to serve\n");
    return stop_all(&crew) < 0 || crew.has_given_up ? -1 : 0;
}
