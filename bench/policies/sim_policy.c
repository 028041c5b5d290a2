/*
 * sim_policy.c - the list of simulated policies.
 */
#include "sim_policy.h"

#include <string.h>

static const sim_policy *const policies[] = {&sim_fifo,     &sim_lru,  &sim_s3fifo, &sim_arc,
                                             &sim_wtinylfu, &sim_gdsf, &sim_belady};

const sim_policy *sim_policy_at(size_t index) {
    return index < sizeof(policies) / sizeof(policies[0]) ? policies[index] : NULL;
}

const sim_policy *sim_policy_find(const char *name, size_t name_size) {
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strlen(policies[i]->name) == name_size &&
            memcmp(policies[i]->name, name, name_size) == 0) {
            return policies[i];
        }
    }
    return NULL;
}
