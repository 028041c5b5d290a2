/*
 * threads.c - many threads on one handle: nothing is torn, lost or counted twice.
 *
 * Threads report what went wrong by a text; where they meet at a barrier, one that found a fault
 * goes on to the end, so that nobody waits for it in vain.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "contract.h"

#define KEYS 16
#define RACE_ROUNDS 200

/* ---- hammering ---- */

static const char *check_view(const jay_value *view, const char *key, size_t key_size) {
    const char *fault = contract_stamp_fault(view->data, view->size, key, key_size);
    if (fault == NULL && ((const char *)view->data)[view->size] != '\0')
        fault = "no NUL follows a value";
    if (fault == NULL && view->version == 0) fault = "a version is 0";
    return fault;
}

static const char *read_one(jay_cache *cache, const char *key, size_t key_size, int way) {
    unsigned char buffer[STAMP_MAX_BYTES];
    jay_value view = JAY_VALUE_INIT;
    size_t size = 0;
    int status;
    const char *fault = NULL;
    if (way == 0) {
        status = jay_get_into(cache, key, key_size, buffer, sizeof buffer, &size, NULL);
        if (status == JAY_OK) fault = contract_stamp_fault(buffer, size, key, key_size);
    } else {
        status = jay_get(cache, key, key_size, &view, NULL);
        if (status == JAY_OK) fault = check_view(&view, key, key_size);
        /* Looked at again after others have had time to write. */
        if (status == JAY_OK && fault == NULL && way == 2) {
            (void)jay_has(cache, key, key_size, NULL);
            fault = check_view(&view, key, key_size);
        }
        jay_value_release(&view);
    }
    return fault == NULL && status < 0 ? jay_status_text(status) : fault;
}

static const char *read_many(jay_cache *cache, uint32_t random) {
    char names[4][16];
    jay_bytes keys[4];
    jay_value views[4];
    int statuses[4];
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "common%u", (random + i * 5) % KEYS);
        keys[i] = (jay_bytes){names[i], strlen(names[i])};
    }
    int status = jay_get_many(cache, keys, 4, views, statuses, NULL);
    const char *fault = status < 0 ? jay_status_text(status) : NULL;
    for (int i = 0; i < 4; i++) {
        if (statuses[i] == JAY_OK && fault == NULL)
            fault = check_view(&views[i], keys[i].data, keys[i].size);
    }
    jay_values_release(views, 4);
    return fault;
}

static const char *write_one(jay_cache *cache, const char *key, size_t key_size, uint32_t writer,
                             uint64_t sequence) {
    unsigned char buffer[STAMP_MAX_BYTES];
    size_t size = contract_stamp(buffer, key, key_size, writer, sequence);
    int64_t ttl_ms = sequence % 4 == 0 ? 1 : 0;
    int status = JAY_OK;
    switch (sequence % 8) {
    case 0:
    case 1:
    case 2:
        status = jay_set(cache, key, key_size, buffer, size, ttl_ms, NULL);
        break;
    case 3:
        status = jay_add(cache, key, key_size, buffer, size, ttl_ms, NULL);
        break;
    case 4:
        status = jay_replace(cache, key, key_size, buffer, size, ttl_ms, NULL);
        break;
    case 5:
        status = jay_delete(cache, key, key_size, NULL);
        break;
    case 6:
        status = jay_touch(cache, key, key_size, ttl_ms, NULL);
        break;
    default: {
        jay_pair pair = {{key, key_size}, {buffer, size}, ttl_ms};
        status = jay_set_many(cache, &pair, 1, NULL, NULL);
        break;
    }
    }
    return status < 0 && status != JAY_E_UNSUPPORTED ? jay_status_text(status) : NULL;
}

/* A key with one writer is exactly as that one left it. */
static const char *use_own(jay_cache *cache, uint32_t writer, uint64_t sequence) {
    char key[16];
    unsigned char buffer[STAMP_MAX_BYTES];
    snprintf(key, sizeof key, "own%u", writer);
    size_t size = contract_stamp(buffer, key, strlen(key), writer, sequence);
    int status = jay_set(cache, key, strlen(key), buffer, size, 0, NULL);
    if (status != JAY_OK) return jay_status_text(status);
    jay_value view = JAY_VALUE_INIT;
    status = jay_get(cache, key, strlen(key), &view, NULL);
    if (status != JAY_OK) return "a thread does not find what it has just stored";
    bool is_own = view.size == size && memcmp(view.data, buffer, size) == 0;
    jay_value_release(&view);
    return is_own ? NULL : "a thread finds something else than it has just stored";
}

static const char *hammer(void *arg, int number) {
    contract *c = arg;
    int rounds = c->is_long ? 30000 : 1500;
    uint32_t random = (uint32_t)number * 7919u + 1;
    const char *fault = NULL;
    for (int i = 0; i < rounds && fault == NULL; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t dice = random >> 16;
        char key[16];
        snprintf(key, sizeof key, "common%u", dice % KEYS);
        switch (dice / KEYS % 4) {
        case 0:
            fault = write_one(c->cache, key, strlen(key), (uint32_t)number, (uint64_t)i);
            break;
        case 1:
            fault = read_one(c->cache, key, strlen(key), i % 3);
            break;
        case 2:
            fault = i % 4 == 0 ? read_many(c->cache, dice)
                               : read_one(c->cache, key, strlen(key), i % 3);
            break;
        default:
            fault = use_own(c->cache, (uint32_t)number, (uint64_t)i);
            break;
        }
    }
    return fault;
}

static void hammering(contract *c) {
    contract_run_threads(hammer, c, CONTRACT_THREADS);
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

/* With so few entries, views outlive theirs all the time. */
static const char *hammer_tight(void *arg, int number) {
    contract *c = arg;
    const char *fault = NULL;
    for (int i = 0; i < (c->is_long ? 20000 : 1500) && fault == NULL; i++) {
        char key[16];
        snprintf(key, sizeof key, "common%d", (i * 7 + number * 3) % KEYS);
        fault = i % 2 == 0
                    ? write_one(c->cache, key, strlen(key), (uint32_t)number, (uint64_t)i / 2)
                    : read_one(c->cache, key, strlen(key), 2);
        if (i % 100 == 99 && number == 0 && fault == NULL) {
            int status = jay_clear(c->cache, NULL);
            if (status < 0) fault = jay_status_text(status);
        }
    }
    return fault;
}

static void hammering_tight(contract *c) {
    contract_reopen(c, "max_items=4");
    contract_run_threads(hammer_tight, c, CONTRACT_THREADS);
    CHECK(contract_stats(c, c->cache).items <= 4);
}

/* ---- races ---- */

static const char *inc_often(void *arg, int number) {
    contract *c = arg;
    for (int i = 0; i < 1000; i++) {
        int status = number % 4 == 3 ? jay_dec(c->cache, KEY("n"), 1, 0, NULL, NULL)
                                     : jay_inc(c->cache, KEY("n"), 1, 0, NULL, NULL);
        if (status != JAY_OK) return jay_status_text(status);
    }
    return NULL;
}

static void inc_race(contract *c) {
    /* Six threads go up and two go down. */
    contract_run_threads(inc_often, c, CONTRACT_THREADS);
    contract_holds(c, "n", "4000");
}

typedef struct race {
    contract *c;
    int rounds;
    pthread_barrier_t barrier;
    _Atomic int winners;
    _Atomic int wrong_rounds;
    int (*try_it)(contract *c, int round, int number);
} race;

/* All try the same thing at once; exactly one may succeed. */
static const char *run_race(void *arg, int number) {
    race *state = arg;
    const char *fault = NULL;
    for (int i = 0; i < state->rounds; i++) {
        pthread_barrier_wait(&state->barrier);
        int status = state->try_it(state->c, i, number);
        if (status == JAY_OK) atomic_fetch_add(&state->winners, 1);
        if (status < 0) fault = jay_status_text(status);
        pthread_barrier_wait(&state->barrier);
        if (number == 0 && atomic_exchange(&state->winners, 0) != 1)
            atomic_fetch_add(&state->wrong_rounds, 1);
    }
    return fault;
}

static void check_race(contract *c, int (*try_it)(contract *, int, int)) {
    race state = {.c = c, .rounds = RACE_ROUNDS, .try_it = try_it};
    if (pthread_barrier_init(&state.barrier, NULL, CONTRACT_THREADS) != 0)
        fail_msg("no barrier can be made");
    contract_run_threads(run_race, &state, CONTRACT_THREADS);
    pthread_barrier_destroy(&state.barrier);
    int wrong = state.wrong_rounds;
    if (wrong != 0) fail_msg("in %d of %d rounds there was not one winner", wrong, state.rounds);
}

static int try_add(contract *c, int round, int number) {
    char key[16], value[16];
    snprintf(key, sizeof key, "k%d", round);
    snprintf(value, sizeof value, "%d-%d", round, number);
    return jay_add_str(c->cache, key, value, 0);
}

static int try_delete(contract *c, int round, int number) {
    char key[16];
    (void)number;
    snprintf(key, sizeof key, "k%d", round);
    return jay_delete_str(c->cache, key);
}

static void add_race(contract *c) {
    check_race(c, try_add);
}

static void delete_race(contract *c) {
    char key[16];
    for (int i = 0; i < RACE_ROUNDS; i++) {
        snprintf(key, sizeof key, "k%d", i);
        contract_put(c, key, "v", 0);
    }
    check_race(c, try_delete);
}

static const char *cas_often(void *arg, int number) {
    contract *c = arg;
    (void)number;
    int done = 0;
    for (int tries = 0; done < 100; tries++) {
        if (tries > 1000000) return "compare-and-set hardly ever succeeds";
        jay_value view = JAY_VALUE_INIT;
        int status = jay_get(c->cache, KEY("n"), &view, NULL);
        if (status != JAY_OK) return "the counter is gone";
        int sum = 0;
        sscanf(view.data, "%d", &sum);
        uint64_t version = view.version;
        jay_value_release(&view);
        char text[16];
        int size = snprintf(text, sizeof text, "%d", sum + 1);
        status = jay_cas(c->cache, KEY("n"), text, (size_t)size, 0, version, NULL);
        if (status == JAY_OK) done++;
        if (status != JAY_OK && status != JAY_CHANGED) return jay_status_text(status);
    }
    return NULL;
}

static void cas_race(contract *c) {
    contract_put(c, "n", "0", 0);
    contract_run_threads(cas_often, c, CONTRACT_THREADS);
    contract_holds(c, "n", "800");
}

/* One inc after another, new keys each round: the first inc of two at once must not be lost. */
static const char *inc_new_keys(void *arg, int number) {
    contract *c = arg;
    (void)number;
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%d", i);
        int status = jay_inc_str(c->cache, key, 1, NULL);
        if (status != JAY_OK) return jay_status_text(status);
    }
    return NULL;
}

static void inc_new_race(contract *c) {
    contract_run_threads(inc_new_keys, c, CONTRACT_THREADS);
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%d", i);
        contract_holds(c, key, "8");
    }
}

static const contract_test tests[] = {
    {"hammering", hammering, NEED_STORE},
    {"hammering_tight", hammering_tight, NEED_STORE | NEED_MAX_ITEMS | NEED_CLEAR},
    {"inc_race", inc_race, NEED_STORE | NEED_INC},
    {"inc_new_race", inc_new_race, NEED_STORE | NEED_INC},
    {"add_race", add_race, NEED_STORE | NEED_ADD},
    {"delete_race", delete_race, NEED_STORE},
    {"cas_race", cas_race, NEED_STORE | NEED_CAS},
};
CONTRACT_THEME(threads, tests);
