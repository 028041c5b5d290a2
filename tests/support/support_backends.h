/*
 * support_backends.h - the backends that only tests have, found by their URL scheme.
 */
#ifndef SUPPORT_BACKENDS_H
#define SUPPORT_BACKENDS_H

#include <jaycache/backend.h>

/* A backend made wrong on purpose. */
typedef struct broken_backend {
    const char *scheme;    /* "broken-cut-at-nul" */
    const char *fault;     /* one sentence, without a full stop */
    const char *caught_by; /* the test of the contract suite that must fail, among others */
    void (*spoil)(jay_backend_ops *ops);
} broken_backend;

/* The broken backends one by one; NULL past the last. */
const broken_backend *broken_backend_at(size_t index);

/*
 * Writes the table of a test backend: mini, reference, or broken-<fault>. Returns 1, or 0 when no
 * such scheme is known. The scheme's text is constant; the table is the caller's.
 */
int support_backend_find(const char *scheme, jay_backend_ops *ret_ops);

#endif
