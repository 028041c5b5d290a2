/*
 * site_options.c - the command line. See site_options.h.
 */
#include "site_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "site_text.h"
#include "site_workers.h"

static const char usage[] =
    "Usage: jaycache-site [options]\n"
    "\n"
    "Serves the packages that this machine knows as a web site, cached by Jaycache.\n"
    "\n"
    "  --cache URL      which cache to use (default memory:; null: for none; with --workers, one "
    "in\n"
    "                   shared memory, which is removed at the end)\n"
    "  --listen ADDR    where to listen, as in 127.0.0.1:8080 or [::1]:8080 (default\n"
    "                   127.0.0.1:8080 or, when that port is taken, any other)\n"
    "  --port N         listen on 127.0.0.1, port N; 0: any that is free\n"
    "  --records FILE   package records to show (default: those of apt or dpkg)\n"
    "  --db FILE        where to keep them as a database (default:\n"
    "                   $XDG_CACHE_HOME/jaycache-site/packages.db)\n"
    "  --threads N      how many threads answer requests, in each process (default: four a\n"
    "                   processor, divided among the workers)\n"
    "  --workers N      serve from N processes, 1 to 64, that share one socket and one cache; "
    "those\n"
    "                   that die are replaced. With memory: each would have a cache of its own\n"
    "  --print-popular N  print the names of N packages, spread evenly over all that others need,\n"
    "                   the one needed most first, and end: for load tests\n"
    "  --help           this text\n";

/* Makes the directories above a file. */
static int make_parents(char *file) {
    for (char *slash = strchr(file + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(file, 0700) < 0 && errno != EEXIST;
        if (failed) fprintf(stderr, "%s: %s\n", file, strerror(errno));
        *slash = '/';
        if (failed) return -1;
    }
    return 0;
}

/* The place for files that can be made again; each set of records has its own. */
static char *default_db(const char *records) {
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    const char *file = records ? "jaycache-site/own-records.db" : "jaycache-site/packages.db";
    site_buf path = {NULL, 0, 0, 0};
    if (cache && *cache == '/')
        site_buf_format(&path, "%s/%s", cache, file);
    else if (home && *home == '/')
        site_buf_format(&path, "%s/.cache/%s", home, file);
    else
        fprintf(stderr, "neither XDG_CACHE_HOME nor HOME is set: give --db FILE\n");
    if (path.data && make_parents(path.data) < 0) site_buf_free(&path);
    return path.data;
}

static unsigned default_threads(unsigned workers) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = processors < 2 ? 8 : processors > 16 ? 64 : (unsigned)processors * 4;
    if (workers) threads /= workers;
    return threads < 2 ? 2 : threads;
}

static int wrong(const char *option, const char *value) {
    fprintf(stderr, "%s %s: not a number that fits; see --help\n", option, value);
    return -1;
}

static int set_port(const char *value, site_options *options) {
    static char address[32];
    if (strcmp(value, "0") != 0 && !site_parse_number(value, 65535)) return wrong("--port", value);
    snprintf(address, sizeof(address), "127.0.0.1:%s", value);
    options->listen = address;
    return 0;
}

static int set_threads(const char *value, site_options *options) {
    options->threads = (unsigned)site_parse_number(value, 256);
    /* libmicrohttpd makes no pool of one. */
    if (options->threads == 1) options->threads = 2;
    return options->threads ? 0 : wrong("--threads", value);
}

static int set_workers(const char *value, site_options *options) {
    options->workers = (unsigned)site_parse_number(value, SITE_MAX_WORKERS);
    return options->workers ? 0 : wrong("--workers", value);
}

static int set_one(int option, site_options *options) {
    switch (option) {
    case 'c':
        options->cache = optarg;
        return 0;
    case 'l':
        options->listen = optarg;
        return 0;
    case 'p':
        return set_port(optarg, options);
    case 'r':
        options->records = optarg;
        return 0;
    case 'd':
        free(options->db);
        options->db = strdup(optarg);
        return options->db ? 0 : -1;
    case 't':
        return set_threads(optarg, options);
    case 'w':
        return set_workers(optarg, options);
    case 'n':
        options->print_popular = site_parse_number(optarg, 1000000);
        return options->print_popular ? 0 : wrong("--print-popular", optarg);
    default:
        fprintf(stderr, "see jaycache-site --help\n");
        return -1;
    }
}

int site_options_read(int argc, char **argv, site_options *ret_options) {
    static const struct option names[] = {
        {"cache", required_argument, NULL, 'c'},   {"listen", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},    {"records", required_argument, NULL, 'r'},
        {"db", required_argument, NULL, 'd'},      {"threads", required_argument, NULL, 't'},
        {"workers", required_argument, NULL, 'w'}, {"print-popular", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    site_options options = {.cache = NULL};
    int option, result = 1;
    while (result == 1 && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            result = 0;
        } else if (set_one(option, &options) < 0) {
            result = -1;
        }
    }
    if (result == 1 && optind < argc) {
        fprintf(stderr, "'%s' is no option; see jaycache-site --help\n", argv[optind]);
        result = -1;
    }
    if (!options.threads) options.threads = default_threads(options.workers);
    if (result == 1 && !options.db) options.db = default_db(options.records);
    if (result == 1 && !options.db) result = -1;
    if (result != 1) site_options_free(&options);
    *ret_options = options;
    return result;
}

void site_options_free(site_options *options) {
    free(options->db);
    options->db = NULL;
}
