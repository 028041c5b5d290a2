/*
 * site_main.c - jaycache-site: a web site over the machine's package records, cached by Jaycache.
 *
 * Start-up has two halves, so that more than one process can serve: first what they share - the
 * database on the disk, the listening socket, the cache, the secret; then what each has for itself
 * - its connections to the database, its threads (serve). With --workers, a parent forks between
 * the two (site_workers.h), and the cache is by default one in shared memory that belongs to this
 * run: made for it, and removed after it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "site.h"
#include "site_http.h"
#include "site_import.h"
#include "site_options.h"
#include "site_template.h"
#include "site_visitors.h"

static void print_log(void *arg, int level, const char *message) {
    (void)arg;
    fprintf(stderr, "%s: %s\n", level == JAY_LOG_ERROR ? "cache error" : "cache warning", message);
}

/*
 * Opens the site's cache, and the null: cache that stands in for it. The prefix sets the site's
 * entries apart from those of others in the same store; the URL can give another.
 */
static int open_caches(site_app *app, const char *url) {
    jay_options *options = NULL;
    jay_error error = {.message = "out of memory"};
    int status = jay_options_create(NULL, &options);
    if (status == JAY_OK) status = jay_options_set_text(options, "prefix", "site:");
    if (status == JAY_OK) status = jay_options_set_log(options, print_log, NULL, JAY_LOG_WARNING);
    if (status == JAY_OK) status = jay_open(url, options, &app->cache, &error);
    if (status == JAY_OK) status = jay_open("null:", NULL, &app->no_cache, &error);
    jay_options_destroy(options);
    if (status == JAY_OK) return 0;
    fprintf(stderr, "opening the cache %s: %s\n", url, error.message);
    return -1;
}

static int close_caches(site_app *app) {
    int status = app->cache ? jay_close(app->cache) : JAY_OK;
    if (status != JAY_OK) fprintf(stderr, "closing the cache: %s\n", jay_status_text(status));
    if (app->no_cache) jay_close(app->no_cache);
    return status == JAY_OK ? 0 : -1;
}

/* SIGINT and SIGTERM are waited for, not handled; threads started later inherit the mask. */
static void block_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a visitor who hangs up is no reason to stop */
}

/* Waits until a signal says stop; meanwhile takes a sample every second, if that is our part. */
static void wait_for_end(site_sampler *own_sampler, const sigset_t *set) {
    int64_t next_us = site_now_us();
    for (;;) {
        int64_t now_us = site_now_us();
        if (now_us >= next_us) {
            if (own_sampler) site_sampler_tick(own_sampler);
            next_us += 1000000;
            if (next_us <= now_us) next_us = now_us + 1000000;
        }
        int64_t left_us = next_us - site_now_us();
        if (left_us < 0) left_us = 0;
        struct timespec left = {left_us / 1000000, left_us % 1000000 * 1000};
        int number = sigtimedwait(set, NULL, &left);
        if (number == SIGINT || number == SIGTERM) return;
    }
}

static void wait_while_serving(site_app *app, const char *url, const sigset_t *signals,
                               site_sampler *own_sampler) {
    if (app->workers) {
        site_workers_note_serving(app->workers);
    } else {
        printf("listening on %s\n", url);
        fflush(stdout);
    }
    wait_for_end(own_sampler, signals);
    if (!app->workers && isatty(STDERR_FILENO)) fputs("\nstopping\n", stderr);
}

/* Serves until told to stop: what each serving process does for itself. */
static int serve(site_app *app, const site_options *options, int socket, const char *url,
                 const sigset_t *signals) {
    int result = -1;
    site_sampler *own_sampler = app->sampler ? NULL : site_sampler_create(app->cache);
    if (own_sampler) app->sampler = own_sampler;
    app->store = site_store_open(options->db);
    site_server *server = NULL;
    if (app->store && app->sampler) {
        server = site_server_start(app, socket, options->threads);
        if (!server) fprintf(stderr, "the HTTP server does not start\n");
    }
    if (server) {
        wait_while_serving(app, url, signals, own_sampler);
        site_store_stop(app->store);
        result = 0;
    }
    site_server_stop(server);
    site_store_close(app->store);
    if (own_sampler) {
        site_sampler_destroy(own_sampler);
        app->sampler = NULL;
    }
    return result;
}

/* Serves in workers: returns in the parent and in each of them, once it is done. */
static int serve_in_workers(site_app *app, const site_options *options, int socket, const char *url,
                            const sigset_t *signals) {
    /* Makes the visitors' database before anyone could make it twice, and shows that all is well.
     * A connection must not be taken through fork. */
    site_store *store = site_store_open(options->db);
    if (!store) return -1;
    site_store_close(store);
    const char *scheme = jay_cache_scheme(app->cache);
    app->cache_is_private = strcmp(scheme, "memory") == 0 || strcmp(scheme, "simple") == 0;
    /* The parent samples a cache that it shares; of one that it does not, it would know nothing. */
    if (!app->cache_is_private) app->sampler = site_sampler_create(app->cache);
    int result = site_workers_run(app, url, signals);
    if (result == SITE_IS_WORKER) result = serve(app, options, socket, url, signals);
    site_sampler_destroy(app->sampler);
    app->sampler = NULL;
    return result;
}

/* Opens what all serving processes share, and serves. */
static int open_and_serve(site_app *app, const site_options *options, const char *cache_url,
                          const sigset_t *signals) {
    char *url = NULL;
    if (open_caches(app, cache_url) < 0) return -1;
    int socket = site_listen(options->listen ? options->listen : "127.0.0.1:8080",
                             options->listen == NULL, &url);
    if (socket < 0) return -1;
    int result = app->workers ? serve_in_workers(app, options, socket, url, signals)
                              : serve(app, options, socket, url, signals);
    close(socket);
    free(url);
    return result;
}

/* Removes a cache in shared memory. */
static int remove_shared(const char *name) {
    jay_error error;
    if (jay_shm_remove(name, &error) >= 0) return 0;
    fprintf(stderr, "removing the cache shm:%s: %s\n", name, error.message);
    return -1;
}

/*
 * Serves with the cache asked for. One that is our own goes with the last who is in charge: the
 * parent, or when that was killed, the workers, each of which tries.
 */
static int serve_with_cache(site_app *app, const site_options *options, const sigset_t *signals) {
    char own_url[64];
    const char *own_name = own_url + strlen("shm:");
    const char *url = options->cache ? options->cache : "memory:";
    int is_own = options->workers && !options->cache;
    if (options->workers) app->workers = site_workers_create(options->workers);
    if (options->workers && !app->workers) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    snprintf(own_url, sizeof(own_url), "shm:jaycache-site-%ld", (long)getpid());
    if (is_own) url = own_url;
    /* A run of the same number that was killed with all its workers may have left one. */
    int result = is_own ? remove_shared(own_name) : 0;
    if (result == 0) result = open_and_serve(app, options, url, signals);
    if (close_caches(app) < 0) result = -1;
    if (is_own && !site_workers_is_led(app->workers) && remove_shared(own_name) < 0) result = -1;
    site_workers_destroy(app->workers);
    return result;
}

static int run(const site_options *options) {
    site_app app = {.cache = NULL};
    sigset_t signals;
    int result = -1;
    block_signals(&signals);
    if (site_secret_make(app.secret) < 0)
        fprintf(stderr, "the system has no random numbers\n");
    else if (site_templates_load() == 0 && site_import(options->db, options->records) == 0)
        result = options->print_popular
                     ? site_store_print_popular(options->db, options->print_popular)
                     : serve_with_cache(&app, options, &signals);
    site_templates_free();
    return result;
}

int main(int argc, char **argv) {
    site_options options;
    int status = site_options_read(argc, argv, &options);
    if (status <= 0) return status < 0 ? 2 : 0;
    status = run(&options);
    site_options_free(&options);
    return status < 0 ? 1 : 0;
}
