/*
 * progress.h - one line on standard error that says how far long work is.
 */
#ifndef JAYCACHE_CLI_PROGRESS_H
#define JAYCACHE_CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes how far the work is; runs in the progress thread, beside the work. */
typedef void cli_progress_fn(void *arg, char *text, size_t capacity);

typedef struct cli_progress {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    cli_progress_fn *fn;
    void *arg;
    bool is_running; /* the thread exists */
    bool is_stopped; /* under mutex */
} cli_progress;

/*
 * Begins to show progress five times a second, the first time after a fifth of a second; not at all
 * unless standard error is a terminal. To be ended with cli_progress_stop, which removes the line.
 */
void cli_progress_start(cli_progress *p, cli_progress_fn *fn, void *arg);

void cli_progress_stop(cli_progress *p);

#endif
