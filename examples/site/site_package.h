/*
 * site_package.h - what the pages about one package share.
 */
#ifndef SITE_PACKAGE_H
#define SITE_PACKAGE_H

#include "site_fragments.h"
#include "site_page.h"

/* Which package a fragment is about. */
typedef struct site_subject {
    const char *name;
    int64_t id;
} site_subject;

/* What is said of a kind of dependency: "Depends on", and of its reverse: "needed by". */
const char *site_kind_text(int kind);
const char *site_kind_reverse_text(int kind);

/* The reverse dependencies on a package's page: a site_make_fn, whose arg is a site_subject. */
void site_reverse_make(site_visit *visit, const void *arg, site_buf *out);

/* Puts a long description as "blocks": each has `para`, `pre`, or `items`. */
void site_put_description(site_model *model, const char *description);

#endif
