/*
 * site_visitors.h - who visits, and what they saw lately.
 *
 * A visitor is a random number in a cookie. The history is kept in the store; it is bounded, and
 * nothing is kept for visitors who do not send their cookie back.
 */
#ifndef SITE_VISITORS_H
#define SITE_VISITORS_H

#include <stdint.h>

#include "site_text.h"

struct site_visit;

#define SITE_VISITOR_MAX ((int64_t)1 << 53) /* exact in whatever reads it */

enum { SITE_TOKEN_BYTES = 17 };

/* A new visitor's number; 0 when the system has no random numbers. */
int64_t site_visitor_new(void);

/* Fills `secret` with random bits. Returns 0 or -1. */
int site_secret_make(uint64_t secret[2]);

/* The token that a form must carry to show that this visitor was shown it: 16 digits. */
void site_visitor_token(const struct site_visit *visit, char token[SITE_TOKEN_BYTES]);

/* Whether the visit carries its visitor's token. */
int site_visitor_is_trusted(const struct site_visit *visit);

/* Notes that the visitor sees a package. */
void site_visitor_saw(struct site_visit *visit, const char *package);

/* The name under which the visitor's sidebar is cached: "sidebar_for/user4711". */
void site_sidebar_key(const struct site_visit *visit, char *key, size_t capacity);

/* Makes the sidebar: a site_make_fn. */
void site_sidebar_make(struct site_visit *visit, const void *arg, site_buf *out);

#endif
