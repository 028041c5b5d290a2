/*
 * progress.c - one line on standard error that says how far long work is.
 *
 * A thread draws it, since the work may be a single call of the library (clear). Progress is a
 * comfort: where the thread cannot be had, the work goes on without it.
 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 200000000L

static void wait_period(cli_progress *p) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PERIOD_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&p->stopped, &p->mutex, &until);
}

static void *draw(void *arg) {
    cli_progress *p = arg;
    bool is_drawn = false;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        if (!p->is_stopped) wait_period(p);
        if (p->is_stopped) break;
        pthread_mutex_unlock(&p->mutex);
        char text[80] = "";
        p->fn(p->arg, text, sizeof text);
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
        is_drawn = true;
        pthread_mutex_lock(&p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
    if (is_drawn) fputs("\r\033[K", stderr);
    return NULL;
}

static bool is_wanted(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void cli_progress_start(cli_progress *p, cli_progress_fn *fn, void *arg) {
    p->fn = fn;
    p->arg = arg;
    p->is_stopped = false;
    p->is_running = false;
    if (!is_wanted()) return;
    if (pthread_mutex_init(&p->mutex, NULL) != 0) return;
    if (pthread_cond_init(&p->stopped, NULL) != 0) {
        pthread_mutex_destroy(&p->mutex);
        return;
    }
    p->is_running = pthread_create(&p->thread, NULL, draw, p) == 0;
    if (!p->is_running) {
        pthread_cond_destroy(&p->stopped);
        pthread_mutex_destroy(&p->mutex);
    }
}

void cli_progress_stop(cli_progress *p) {
    if (!p->is_running) return;
    pthread_mutex_lock(&p->mutex);
    p->is_stopped = true;
    pthread_cond_signal(&p->stopped);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->stopped);
    pthread_mutex_destroy(&p->mutex);
    p->is_running = false;
}
