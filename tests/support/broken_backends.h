/*
 * broken_backends.h - the two halves of the list of broken backends, for broken_backends.c alone.
 */
#ifndef BROKEN_BACKENDS_H
#define BROKEN_BACKENDS_H

#include "support_backends.h"

extern const broken_backend broken_values[];
extern const size_t broken_values_count;
extern const broken_backend broken_rules[];
extern const size_t broken_rules_count;

#endif
