/*
 * broken_backends.c - finds the backends that only tests have.
 */
#include "broken_backends.h"

#include <string.h>

#include "mini_backend.h"
#include "reference_backend.h"

const broken_backend *broken_backend_at(size_t index) {
    if (index < broken_values_count) return &broken_values[index];
    index -= broken_values_count;
    return index < broken_rules_count ? &broken_rules[index] : NULL;
}

int support_backend_find(const char *scheme, jay_backend_ops *ret_ops) {
    const jay_backend_ops *const whole[] = {&mini_backend, &reference_backend};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (strcmp(whole[i]->scheme, scheme) != 0) continue;
        *ret_ops = *whole[i];
        return 1;
    }
    for (size_t i = 0; broken_backend_at(i) != NULL; i++) {
        const broken_backend *broken = broken_backend_at(i);
        if (strcmp(broken->scheme, scheme) != 0) continue;
        *ret_ops = reference_backend;
        ret_ops->scheme = broken->scheme;
        ret_ops->help = broken->fault;
        broken->spoil(ret_ops);
        return 1;
    }
    return 0;
}
