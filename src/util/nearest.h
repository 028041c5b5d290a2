/*
 * nearest.h - "did you mean": how far two names are apart.
 */
#ifndef JAYI_NEAREST_H
#define JAYI_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The number of letters to insert, remove, replace or swap with their neighbour, ignoring case and
 * treating '-' as '_', until `a` is `b`. Names longer than 63 bytes are compared by their first 63.
 * Source: optimal string alignment, a restricted Damerau-Levenshtein distance.
 */
size_t jayi_name_distance(const char *a, const char *b);

/* Whether who wrote `a` may have meant `b`: half of the longer one is right. */
bool jayi_name_is_like(const char *a, const char *b);

#endif
