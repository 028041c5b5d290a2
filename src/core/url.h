/*
 * url.h - taking a cache URL apart.
 *
 *     scheme ':' [ '//' authority ] [ path ] [ '?' name '=' value { '&' name '=' value } ]
 *
 * Messages quote single names from the URL, never the whole of it: it may hold a password.
 */
#ifndef JAYI_URL_H
#define JAYI_URL_H

#include <jaycache/jaycache.h>

#define JAYI_SCHEME_MAX 23
#define JAYI_URL_MAX_BYTES 8192
#define JAYI_URL_MAX_OPTIONS 64

typedef struct jayi_url_option {
    const char *name;
    const char *value; /* decoded */
} jayi_url_option;

/* All strings point into `text`, a copy of the URL that jayi_url_deinit frees. */
typedef struct jayi_url {
    const jay_allocator *allocator;
    char *text;
    char scheme[JAYI_SCHEME_MAX + 1];
    const char *authority;
    const char *path;
    jayi_url_option options[JAYI_URL_MAX_OPTIONS];
    size_t option_count;
} jayi_url;

/* Whether a text could be a scheme (backend.h gives the rule). */
int jayi_scheme_is_valid(const char *scheme);

/*
 * Parses `url` into *ret_url. On JAY_OK it is to be ended with jayi_url_deinit; on any other status
 * (JAY_E_URL, JAY_E_NO_MEMORY) nothing is left allocated.
 */
int jayi_url_init(jayi_url *ret_url, const char *url, const jay_allocator *allocator,
                  jay_error *error);

void jayi_url_deinit(jayi_url *url);

#endif
