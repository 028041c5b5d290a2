/*
 * memcached_put.h - the pieces that commands of both dialects are composed of. Each returns the
 * place behind what it has written.
 */
#ifndef JAYI_MEMCACHED_PUT_H
#define JAYI_MEMCACHED_PUT_H

#include <string.h>

#include "wire/memcached_meta.h"

static inline char *mc_put_text(char *to, const char *text) {
    /* They are short. */
    while (*text != '\0') *to++ = *text++;
    return to;
}

/* A command of two letters and a space, and the key. */
static inline char *mc_put_key(char *to, const char *command, const jayi_mc_key *key) {
    memcpy(to, command, 3);
    memcpy(to + 3, key->text, key->size);
    return to + 3 + key->size;
}

static inline char *mc_put_unsigned(char *to, uint64_t number) {
    char digits[20];
    size_t size = 0;
    do {
        digits[size++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (size > 0) *to++ = digits[--size];
    return to;
}

#endif
