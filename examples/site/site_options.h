/*
 * site_options.h - the command line of jaycache-site.
 */
#ifndef SITE_OPTIONS_H
#define SITE_OPTIONS_H

#include <stdint.h>

typedef struct site_options {
    const char *listen;    /* address, or NULL: the default, or any port if that is taken */
    const char *cache;     /* URL, or NULL: the default, by workers */
    const char *records;   /* a file, or NULL: the machine's own */
    char *db;              /* to be freed */
    unsigned threads;      /* of each process */
    unsigned workers;      /* processes that serve; 0: this one does, alone */
    int64_t print_popular; /* only print so many packages' names; 0: serve */
} site_options;

/*
 * Reads the command line. Returns 1 with options; 0 when the program has said what was asked
 * (--help); -1 after saying on stderr what is wrong.
 */
int site_options_read(int argc, char **argv, site_options *ret_options);
void site_options_free(site_options *options);

#endif
