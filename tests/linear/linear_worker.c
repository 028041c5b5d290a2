/*
 * linear_worker.c - making calls at random, and noting them.
 *
 * A value names itself: its number (which says the worker and the call), and bytes that follow from
 * the number, so that a torn or foreign one shows.
 */
#include "linear_worker.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define READY_WAITS 2000000
#define VALUE_MAX 3000
#define BATCH 4

typedef struct worker {
    linear_round *round;
    linear_log *log;
    jay_cache *cache;
    uint32_t number;
    uint64_t random;
    uint64_t next_value;
    uint64_t seen[LINEAR_KEYS]; /* of the last view of each key: value and version, for cas */
    uint64_t seen_version[LINEAR_KEYS];
    jay_value held; /* a view kept for a while */
    uint64_t held_value;
} worker;

static uint64_t next_random(worker *w, uint64_t below) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- values ---- */

static size_t value_size(uint64_t number) {
    uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15) >> 40;
    return 16 + (size_t)(mixed % (number % 16 == 0 ? VALUE_MAX - 16 : 120));
}

static unsigned char value_byte(uint64_t number, size_t at) {
    return (unsigned char)((number ^ number >> 16) * 31 + at * 7);
}

static void make_value(uint64_t number, unsigned char bytes[VALUE_MAX]) {
    size_t size = value_size(number);
    memcpy(bytes, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++) bytes[i] = value_byte(number, i);
}

/* The number of a value, or LINEAR_TORN. */
static uint64_t read_value(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint64_t number;
    if (size < sizeof number) return LINEAR_TORN;
    memcpy(&number, bytes, sizeof number);
    if (size != value_size(number)) return LINEAR_TORN;
    for (size_t i = sizeof number; i < size; i++) {
        if (bytes[i] != value_byte(number, i)) return LINEAR_TORN;
    }
    return number;
}

static bool is_counter(uint32_t key) {
    return key >= LINEAR_REGISTERS;
}

static uint64_t read_any(uint32_t key, const void *data, size_t size) {
    if (!is_counter(key)) return read_value(data, size);
    uint64_t number = 0;
    const unsigned char *digits = data;
    if (size == 0 || size > 18) return LINEAR_TORN;
    for (size_t i = 0; i < size; i++) {
        if (digits[i] < '0' || digits[i] > '9') return LINEAR_TORN;
        number = number * 10 + (uint64_t)(digits[i] - '0');
    }
    return number;
}

/* ---- noting ---- */

static size_t name_key(uint32_t key, char name[32]) {
    return (size_t)snprintf(name, 32, "linear key %u", key);
}

static linear_event event_of(const worker *w, uint32_t key, linear_op op) {
    return (linear_event){.op = op, .key = key, .worker = w->number};
}

static void note(worker *w, linear_event e) {
    if (e.status < 0) {
        /* That a view or a place cannot be had is an answer; a read then tells nothing. */
        if (e.status != JAY_E_FULL && e.status != JAY_E_BUSY) {
            w->log->bad_statuses++;
            w->log->last_bad_status = e.status;
        }
        if (e.op == LINEAR_GET || e.op == LINEAR_HAS) return;
        e.op = LINEAR_FAILED;
    }
    if (w->log->count == LINEAR_EVENTS) {
        w->log->has_overflowed = true;
        return;
    }
    w->log->events[w->log->count++] = e;
}

/* ---- calls ---- */

static void call_get_into(worker *w, uint32_t key) {
    char name[32];
    unsigned char buffer[VALUE_MAX];
    size_t name_size = name_key(key, name), size = 0;
    linear_event e = event_of(w, key, LINEAR_GET);
    e.begin_ns = now_ns();
    e.status = jay_get_into(w->cache, name, name_size, buffer, sizeof buffer, &size, NULL);
    e.end_ns = now_ns();
    if (e.status == JAY_OK) e.result = read_any(key, buffer, size);
    note(w, e);
}

/* What is held must still be what it was; then it is let go. */
static void drop_held(worker *w) {
    if (w->held.data == NULL) return;
    if (read_value(w->held.data, w->held.size) != w->held_value) w->log->changed_views++;
    jay_value_release(&w->held);
}

static void take_seen(worker *w, uint32_t key, linear_event *e, const jay_value *value) {
    e->result = read_any(key, value->data, value->size);
    w->seen[key] = e->result;
    w->seen_version[key] = value->version;
    if (!is_counter(key)) e->version = value->version;
    if (value->version == 0) w->log->zero_versions++;
}

static void call_view(worker *w, uint32_t key) {
    char name[32];
    size_t name_size = name_key(key, name);
    jay_value value = JAY_VALUE_INIT;
    linear_event e = event_of(w, key, LINEAR_GET);
    e.begin_ns = now_ns();
    e.status = jay_get(w->cache, name, name_size, &value, NULL);
    e.end_ns = now_ns();
    if (e.status == JAY_OK) take_seen(w, key, &e, &value);
    note(w, e);
    if (e.status == JAY_OK && !is_counter(key) && next_random(w, 4) == 0) {
        drop_held(w);
        w->held = value;
        w->held_value = e.result;
        return;
    }
    jay_value_release(&value);
}

static void call_get_many(worker *w) {
    char names[BATCH][32];
    jay_bytes keys[BATCH];
    jay_value values[BATCH];
    int statuses[BATCH];
    uint32_t first = (uint32_t)next_random(w, LINEAR_KEYS);
    for (uint32_t i = 0; i < BATCH; i++) {
        keys[i].data = names[i];
        keys[i].size = name_key((first + 3 * i) % LINEAR_KEYS, names[i]);
    }
    int64_t begin_ns = now_ns();
    jay_get_many(w->cache, keys, BATCH, values, statuses, NULL);
    int64_t end_ns = now_ns();
    for (uint32_t i = 0; i < BATCH; i++) {
        uint32_t key = (first + 3 * i) % LINEAR_KEYS;
        linear_event e = event_of(w, key, LINEAR_GET);
        e.begin_ns = begin_ns;
        e.end_ns = end_ns;
        e.status = statuses[i];
        if (e.status == JAY_OK) take_seen(w, key, &e, &values[i]);
        note(w, e);
    }
    jay_values_release(values, BATCH);
}

static void call_write(worker *w, uint32_t key, linear_op op) {
    char name[32];
    unsigned char bytes[VALUE_MAX];
    size_t name_size = name_key(key, name);
    linear_event e = event_of(w, key, op);
    e.argument = w->next_value++;
    e.expected = w->seen[key];
    make_value(e.argument, bytes);
    size_t size = value_size(e.argument);
    int64_t ttl_ms = JAY_TTL_FOREVER;
    e.begin_ns = now_ns();
    if (op == LINEAR_SET) {
        e.status = jay_set(w->cache, name, name_size, bytes, size, ttl_ms, NULL);
    } else if (op == LINEAR_ADD) {
        e.status = jay_add(w->cache, name, name_size, bytes, size, ttl_ms, NULL);
    } else if (op == LINEAR_REPLACE) {
        e.status = jay_replace(w->cache, name, name_size, bytes, size, ttl_ms, NULL);
    } else {
        e.status =
            jay_cas(w->cache, name, name_size, bytes, size, ttl_ms, w->seen_version[key], NULL);
    }
    e.end_ns = now_ns();
    note(w, e);
}

static void call_inc(worker *w, uint32_t key) {
    char name[32];
    size_t name_size = name_key(key, name);
    linear_event e = event_of(w, key, LINEAR_INC);
    int64_t number = 0;
    e.argument = 1 + next_random(w, 3);
    e.begin_ns = now_ns();
    e.status =
        jay_inc(w->cache, name, name_size, (int64_t)e.argument, JAY_TTL_FOREVER, &number, NULL);
    e.end_ns = now_ns();
    e.result = (uint64_t)number;
    note(w, e);
}

static void call_delete(worker *w, uint32_t key) {
    char name[32];
    size_t name_size = name_key(key, name);
    linear_event e = event_of(w, key, LINEAR_DELETE);
    e.begin_ns = now_ns();
    e.status = jay_delete(w->cache, name, name_size, NULL);
    e.end_ns = now_ns();
    note(w, e);
}

static void call_has(worker *w, uint32_t key) {
    char name[32];
    size_t name_size = name_key(key, name);
    linear_event e = event_of(w, key, LINEAR_HAS);
    e.begin_ns = now_ns();
    e.status = jay_has(w->cache, name, name_size, NULL);
    e.end_ns = now_ns();
    note(w, e);
}

/* Stores or removes other keys, which are not looked at. */
static void make_noise(worker *w) {
    char name[40];
    unsigned char bytes[VALUE_MAX];
    uint64_t number = next_random(w, w->round->noise);
    int size = snprintf(name, sizeof name, "noise %llu", (unsigned long long)number);
    make_value(number, bytes);
    if (next_random(w, 5) == 0) {
        jay_delete(w->cache, name, (size_t)size, NULL);
    } else {
        jay_set(w->cache, name, (size_t)size, bytes, value_size(number), JAY_TTL_FOREVER, NULL);
    }
}

static void call_on_counter(worker *w, uint32_t key) {
    uint64_t choice = next_random(w, 20);
    if (choice < 9) {
        call_inc(w, key);
    } else if (choice < 14) {
        call_get_into(w, key);
    } else if (choice < 18) {
        call_view(w, key);
    } else if (choice < 19) {
        call_has(w, key);
    } else {
        call_delete(w, key);
    }
}

static void call_on_register(worker *w, uint32_t key) {
    static const linear_op writes[] = {LINEAR_SET, LINEAR_SET, LINEAR_ADD, LINEAR_REPLACE};
    uint64_t choice = next_random(w, 20);
    if (choice < 5) {
        call_write(w, key, writes[next_random(w, sizeof writes / sizeof writes[0])]);
    } else if (choice < 7) {
        call_view(w, key);
        if (w->seen_version[key] != 0) call_write(w, key, LINEAR_CAS);
    } else if (choice < 12) {
        call_get_into(w, key);
    } else if (choice < 16) {
        call_view(w, key);
    } else if (choice < 17) {
        call_has(w, key);
    } else {
        call_delete(w, key);
    }
}

void linear_work(linear_round *round, uint32_t number, jay_cache *cache) {
    worker w = {.round = round,
                .log = &round->logs[number],
                .cache = cache,
                .number = number,
                .random = round->seed * 1000 + number,
                .next_value = (uint64_t)(number + 1) << 32,
                .held = JAY_VALUE_INIT};
    atomic_fetch_add(&round->ready, 1);
    for (int i = 0; i < READY_WAITS && atomic_load(&round->ready) < round->worker_count; i++)
        sched_yield();
    for (int i = 0; i < LINEAR_CALLS; i++) {
        uint32_t key = (uint32_t)next_random(&w, LINEAR_KEYS);
        if (next_random(&w, 8) == 0) {
            call_get_many(&w);
        } else if (is_counter(key)) {
            call_on_counter(&w, key);
        } else {
            call_on_register(&w, key);
        }
        for (uint64_t noise = next_random(&w, 4); noise > 0; noise--) make_noise(&w);
        if (next_random(&w, 16) == 0) drop_held(&w);
    }
    drop_held(&w);
}
