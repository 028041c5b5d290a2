/*
 * crowd.c - threads that use one cache at once.
 */
#include "crowd.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX 128
#define TRIES 3000 /* of 10 ms */

typedef struct member {
    jay_cache *cache;
    int number, rounds;
    enum crowd_damage damage;
    crowd_result result;
    pthread_t thread;
} member;

static void name_key(int number, char key[16]) {
    snprintf(key, 16, "crowd%d", number);
}

/* The key, over and over; each member's value has a length of its own. */
static size_t value_of(int number, char value[VALUE_MAX]) {
    char key[16];
    name_key(number, key);
    size_t size = 17 + 13 * (size_t)number, key_size = strlen(key);
    for (size_t i = 0; i < size; i++) value[i] = key[i % key_size];
    return size;
}

static bool is_own(const member *m, const jay_value *view) {
    char wanted[VALUE_MAX];
    const char *found = view->data;
    size_t size = value_of(m->number, wanted), others = 0;
    if (view->size != size) return false;
    for (size_t i = 0; i < size; i++) others += found[i] != wanted[i];
    return others <= (m->damage == CROWD_INTACT ? 0 : 1);
}

static void *run_member(void *arg) {
    member *m = arg;
    char key[16];
    name_key(m->number, key);
    for (int i = 0; i < m->rounds; i++) {
        int64_t ttl_ms = 1;
        jay_value view = JAY_VALUE_INIT;
        if (jay_get_str(m->cache, key, &view) == JAY_OK) {
            m->result.found++;
            m->result.wrong += !is_own(m, &view);
        }
        jay_value_release(&view);
        bool says_none = jay_has_str(m->cache, "none") == JAY_OK;
        m->result.wrong += says_none && m->damage != CROWD_DIGITS;
        (void)jay_ttl(m->cache, key, strlen(key), &ttl_ms, NULL);
    }
    return NULL;
}

bool crowd_prepare(jay_cache *cache) {
    const struct timespec moment = {.tv_nsec = 10000000};
    int number = 0;
    for (int i = 0; i < TRIES && number < CROWD_MEMBERS; i++) {
        char key[16], value[VALUE_MAX];
        name_key(number, key);
        size_t size = value_of(number, value);
        if (jay_set(cache, key, strlen(key), value, size, 0, NULL) == JAY_OK) {
            number++;
        } else {
            nanosleep(&moment, NULL);
        }
    }
    return number == CROWD_MEMBERS;
}

crowd_result crowd_run(jay_cache *cache, int rounds, enum crowd_damage damage) {
    member members[CROWD_MEMBERS];
    crowd_result all = {0, 0};
    int started = 0;
    for (; started < CROWD_MEMBERS; started++) {
        member *m = &members[started];
        *m = (member){.cache = cache, .number = started, .rounds = rounds, .damage = damage};
        if (pthread_create(&m->thread, NULL, run_member, m) != 0) break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
        all.found += members[i].result.found;
        all.wrong += members[i].result.wrong;
    }
    return all;
}

crowd_result crowd_endure(jay_cache *cache, faulty_proxy *proxy, const crowd_fault *faults,
                          size_t count, long first, long last) {
    crowd_result all = {0, 0};
    for (size_t i = 0; i < count; i++) {
        for (long position = first; position < last; position += faults[i].step) {
            bool is_ready = crowd_prepare(cache);
            faulty_proxy_spoil(proxy, faults[i].fault, position);
            crowd_result now = {0, 1};
            if (is_ready) now = crowd_run(cache, 4, faults[i].damage);
            faulty_proxy_spoil(proxy, PROXY_NONE, 0);
            all.found += now.found;
            all.wrong += now.wrong;
            if (now.wrong == 0) continue;
            fprintf(stderr, "%s fault %d at %ld\n",
                    is_ready ? "wrong replies after" : "nothing can be stored before",
                    (int)faults[i].fault, position);
            return all;
        }
    }
    return all;
}
