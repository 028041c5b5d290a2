/*
 * url.c - the URL parser. Works in place on a copy; decoding only ever shortens.
 */
#include "core/url.h"

#include <stdbool.h>
#include <string.h>

#include <jaycache/backend.h>

#include "util/memory.h"
#include "util/percent.h"

static int is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static int is_scheme_char(char c) {
    return is_lower(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

static size_t scheme_length(const char *text) {
    if (!is_lower(text[0])) return 0;
    size_t size = 1;
    while (is_scheme_char(text[size])) size++;
    return size;
}

int jayi_scheme_is_valid(const char *scheme) {
    size_t size = scheme_length(scheme);
    return size > 0 && size <= JAYI_SCHEME_MAX && scheme[size] == '\0';
}

/* Decodes %XX in place. %00 is refused: the text is handed on as a C string. */
static int decode(char *text, const char *what, jay_error *error) {
    if (jayi_percent_decode(text)) return JAY_OK;
    return jay_error_set(error, JAY_E_URL, 0,
                         "%.64s holds a '%%' that is not followed by two hexadecimal digits other "
                         "than 00; write a literal '%%' as %%25",
                         what);
}

static int parse_scheme(jayi_url *url, char **rest, jay_error *error) {
    size_t size = scheme_length(*rest), letters = strcspn(*rest, ":/?");
    if (letters <= JAYI_SCHEME_MAX && (*rest)[letters] == ':' &&
        strcspn(*rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") < letters) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "the scheme '%.*s' of the cache URL has capital letters; write it in "
                             "small ones, for example memory: or null:",
                             (int)letters, *rest);
    }
    if (size == 0 || size > JAYI_SCHEME_MAX || (*rest)[size] != ':') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "the cache URL does not begin with a scheme and a colon; write for "
                             "example memory: or null:");
    }
    memcpy(url->scheme, *rest, size);
    url->scheme[size] = '\0';
    *rest += size + 1;
    return JAY_OK;
}

static int add_option(jayi_url *url, char *name, jay_error *error) {
    char *equals = strchr(name, '=');
    if (equals == NULL && name[0] != '\0' && url->authority[0] == '\0') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "option '%.40s' of the cache URL has no value; write it as name=value",
                             name);
    }
    /* Not quoted where there is a host: it may be the rest of a password. */
    if (equals == NULL || equals == name) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "option %zu of the cache URL is not of the form name=value",
                             url->option_count + 1);
    }
    *equals = '\0';
    /* Not quoted: where the host has no '@' and an option has, it may be the rest of a password. */
    bool is_cut = url->authority[0] != '\0' && strchr(url->authority, '@') == NULL;
    if (is_cut && (strchr(equals + 1, '@') != NULL || strchr(name, '@') != NULL)) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "option %zu of the cache URL holds an '@'; write a '?' in a password "
                             "as %%3F, and a literal '@' in an option as %%40",
                             url->option_count + 1);
    }
    int status = decode(name, "an option's name", error);
    if (status == JAY_OK) status = decode(equals + 1, name, error);
    if (status != JAY_OK) return status;
    for (size_t i = 0; i < url->option_count; i++) {
        if (strcmp(url->options[i].name, name) == 0) {
            return jay_error_set(error, JAY_E_URL, 0,
                                 "option '%.40s' stands twice in the cache URL; keep one", name);
        }
    }
    if (url->option_count == JAYI_URL_MAX_OPTIONS) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "the cache URL has more than %d options; move some into "
                             "jay_options",
                             JAYI_URL_MAX_OPTIONS);
    }
    url->options[url->option_count].name = name;
    url->options[url->option_count].value = equals + 1;
    url->option_count++;
    return JAY_OK;
}

static int parse_query(jayi_url *url, char *query, jay_error *error) {
    while (query != NULL && *query != '\0') {
        char *next = strchr(query, '&');
        if (next != NULL) *next++ = '\0';
        int status = add_option(url, query, error);
        if (status != JAY_OK) return status;
        query = next;
    }
    return JAY_OK;
}

/* What follows the scheme. The query goes first, so that a '/' in a value is no path. */
static int parse_rest(jayi_url *url, char *rest, jay_error *error) {
    if (strchr(rest, '#') != NULL) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "a cache URL has no fragment; write a literal '#' as %%23");
    }
    char *query = strchr(rest, '?');
    if (query != NULL) *query++ = '\0';
    url->authority = "";
    url->path = rest;
    if (rest[0] == '/' && rest[1] == '/') {
        /* The authority moves over the slashes, to make room for its NUL. */
        size_t size = strcspn(rest + 2, "/");
        memmove(rest, rest + 2, size);
        rest[size] = '\0';
        url->authority = rest;
        url->path = rest + 2 + size;
    }
    int status = decode((char *)(uintptr_t)url->path, "the path of the cache URL", error);
    return status == JAY_OK ? parse_query(url, query, error) : status;
}

int jayi_url_init(jayi_url *ret_url, const char *url, const jay_allocator *allocator,
                  jay_error *error) {
    size_t size = strnlen(url, JAYI_URL_MAX_BYTES + 1);
    if (size > JAYI_URL_MAX_BYTES) {
        return jay_error_set(error, JAY_E_URL, 0,
                             "the cache URL is longer than %d bytes; move options into jay_options",
                             JAYI_URL_MAX_BYTES);
    }
    ret_url->allocator = allocator;
    ret_url->option_count = 0;
    ret_url->text = jayi_copy_text(allocator, url, size);
    if (ret_url->text == NULL) {
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory to parse the cache URL");
    }
    char *rest = ret_url->text;
    int status = parse_scheme(ret_url, &rest, error);
    if (status == JAY_OK) status = parse_rest(ret_url, rest, error);
    if (status != JAY_OK) jayi_url_deinit(ret_url);
    return status;
}

void jayi_url_deinit(jayi_url *url) {
    jayi_free(url->allocator, url->text);
    url->text = NULL;
}
