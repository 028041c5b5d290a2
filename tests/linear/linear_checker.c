/*
 * linear_checker.c - the search for an explanation.
 *
 * It goes through the begins and ends of calls in the order of time and keeps the set of all
 * configurations that are possible up to there: which of the calls under way have happened, and
 * what the key then holds. A call's end strikes out those in which it cannot have happened (Wing
 * and Gong, JPDC 17, 1993; Lowe, "Testing for linearizability", 2017: calls happen as late as they
 * can). The set stays small, because only calls under way are told apart, and equal configurations
 * are kept once.
 */
#include "linear_checker.h"

#include <stdlib.h>
#include <string.h>

#include <jaycache/jaycache.h>

#define CONFIGS_MAX 16384
#define TABLE_SIZE (4 * CONFIGS_MAX)

typedef struct config {
    uint32_t happened; /* a bit for each call under way, by its number among those */
    bool is_there;
    uint64_t value; /* 0 when it is not there */
} config;

typedef struct config_set {
    config *configs;
    uint32_t *table; /* number + 1 of a configuration, by its hash */
    size_t count;
    bool is_full;
} config_set;

typedef struct point {
    int64_t time_ns;
    bool is_end;
    size_t event;
} point;

typedef struct search {
    linear_event *events;
    bool may_evict;
    config_set *now;
    config_set *next;
    const linear_event *open[LINEAR_OPEN_MAX];
} search;

const char *linear_op_name(linear_op op) {
    static const char *const names[] = {
#define LINEAR_NAME(name, text) text,
        LINEAR_OPS_MAP(LINEAR_NAME)
#undef LINEAR_NAME
    };
    return (size_t)op < sizeof names / sizeof names[0] ? names[op] : "?";
}

/* ---- sets of configurations ---- */

static config_set *set_create(void) {
    config_set *set = calloc(1, sizeof *set);
    if (set == NULL) return NULL;
    set->configs = calloc(CONFIGS_MAX, sizeof *set->configs);
    set->table = calloc(TABLE_SIZE, sizeof *set->table);
    return set;
}

static void set_destroy(config_set *set) {
    if (set == NULL) return;
    free(set->configs);
    free(set->table);
    free(set);
}

static size_t table_at(const config *c) {
    uint64_t mixed = (c->value ^ (uint64_t)c->happened << 32 ^ (uint64_t)c->is_there << 63) *
                     UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 40) % TABLE_SIZE;
}

static void set_empty(config_set *set) {
    /* Entry by entry while that is less than the whole. */
    for (size_t i = 0; i < set->count && set->count < TABLE_SIZE / 16; i++) {
        for (size_t at = table_at(&set->configs[i]); set->table[at] != 0;
             at = (at + 1) % TABLE_SIZE)
            set->table[at] = 0;
    }
    if (set->count >= TABLE_SIZE / 16) memset(set->table, 0, TABLE_SIZE * sizeof *set->table);
    set->count = 0;
}

static void set_add(config_set *set, config c) {
    size_t at = table_at(&c);
    for (; set->table[at] != 0; at = (at + 1) % TABLE_SIZE) {
        const config *other = &set->configs[set->table[at] - 1];
        if (other->happened == c.happened && other->is_there == c.is_there &&
            other->value == c.value)
            return;
    }
    if (set->count == CONFIGS_MAX) {
        set->is_full = true;
        return;
    }
    set->configs[set->count++] = c;
    set->table[at] = (uint32_t)set->count;
}

/* ---- what calls do ---- */

static void hold(config *c, uint64_t value) {
    c->is_there = true;
    c->value = value;
}

static void lose(config *c) {
    c->is_there = false;
    c->value = 0;
}

/* A write that stores only under a condition, and says with `refusal` that it did not hold. */
static bool write_if(config *c, const linear_event *e, bool holds, int refusal) {
    if (!holds) return e->status == refusal;
    if (e->status != JAY_OK) return false;
    hold(c, e->argument);
    return true;
}

/* Lets a call happen in a configuration. False: it would have given something else. */
static bool happen(config *c, const linear_event *e) {
    uint64_t sum = (c->is_there ? c->value : 0) + e->argument;
    bool was_there = c->is_there;
    switch (e->op) {
    case LINEAR_GET:
        return c->is_there ? e->status == JAY_OK && e->result == c->value : e->status == JAY_MISS;
    case LINEAR_HAS:
        return e->status == (c->is_there ? JAY_OK : JAY_MISS);
    case LINEAR_SET:
        return write_if(c, e, true, JAY_OK);
    case LINEAR_ADD:
        return write_if(c, e, !c->is_there, JAY_EXISTS);
    case LINEAR_REPLACE:
        return write_if(c, e, c->is_there, JAY_MISS);
    case LINEAR_CAS:
        if (!c->is_there) return e->status == JAY_MISS;
        return write_if(c, e, c->value == e->expected, JAY_CHANGED);
    case LINEAR_DELETE:
        lose(c);
        return e->status == (was_there ? JAY_OK : JAY_MISS);
    case LINEAR_INC:
        if (e->status != JAY_OK || e->result != sum) return false;
        hold(c, sum);
        return true;
    case LINEAR_FAILED:
        return true;
    default:
        return false;
    }
}

/* ---- the search ---- */

static void try_one(search *s, config c, size_t number) {
    const linear_event *e = s->open[number];
    config next = c;
    next.happened |= UINT32_C(1) << number;
    if (happen(&next, e)) set_add(s->now, next);
    if (!c.is_there || !(s->may_evict || e->op == LINEAR_FAILED)) return;
    /* It was lost just before; having been lost earlier comes to the same. */
    lose(&c);
    c.happened |= UINT32_C(1) << number;
    if (happen(&c, e)) set_add(s->now, c);
}

/* Keeps the configurations in which a call has happened; it is not under way any more. */
static void end_call(search *s, size_t number) {
    uint32_t bit = UINT32_C(1) << number;
    /* The set grows meanwhile: all that can follow is tried in turn. */
    for (size_t i = 0; i < s->now->count; i++) {
        config c = s->now->configs[i];
        if (c.happened & bit) continue;
        for (size_t other = 0; other < LINEAR_OPEN_MAX; other++) {
            if (s->open[other] != NULL && !(c.happened >> other & 1)) try_one(s, c, other);
        }
    }
    set_empty(s->next);
    s->next->is_full = s->now->is_full;
    for (size_t i = 0; i < s->now->count; i++) {
        config c = s->now->configs[i];
        if (!(c.happened & bit)) continue;
        c.happened &= ~bit;
        set_add(s->next, c);
    }
    config_set *last = s->now;
    s->now = s->next;
    s->next = last;
    s->open[number] = NULL;
}

static linear_result follow(search *s, const point *points, size_t count, size_t *ret_event) {
    set_add(s->now, (config){0});
    for (size_t i = 0; i < count; i++) {
        const linear_event *e = &s->events[points[i].event];
        size_t number = 0;
        while (number < LINEAR_OPEN_MAX && s->open[number] != (points[i].is_end ? e : NULL))
            number++;
        if (number == LINEAR_OPEN_MAX) return LINEAR_UNDECIDED;
        if (!points[i].is_end) {
            s->open[number] = e;
            continue;
        }
        end_call(s, number);
        if (s->now->is_full) return LINEAR_UNDECIDED;
        if (s->now->count > 0) continue;
        *ret_event = points[i].event;
        return LINEAR_BAD;
    }
    return LINEAR_GOOD;
}

static int compare_events(const void *a, const void *b) {
    const linear_event *one = a, *two = b;
    if (one->begin_ns != two->begin_ns) return one->begin_ns < two->begin_ns ? -1 : 1;
    if (one->end_ns != two->end_ns) return one->end_ns < two->end_ns ? -1 : 1;
    return (one->worker > two->worker) - (one->worker < two->worker);
}

/* Begins before ends of the same moment: then they overlap, which allows more. */
static int compare_points(const void *a, const void *b) {
    const point *one = a, *two = b;
    if (one->time_ns != two->time_ns) return one->time_ns < two->time_ns ? -1 : 1;
    if (one->is_end != two->is_end) return one->is_end ? 1 : -1;
    return (one->event > two->event) - (one->event < two->event);
}

linear_result linear_check(linear_event *events, size_t count, bool may_evict, size_t *ret_event) {
    search s = {
        .events = events, .may_evict = may_evict, .now = set_create(), .next = set_create()};
    point *points = calloc(2 * count + 1, sizeof *points);
    linear_result result = LINEAR_UNDECIDED;
    if (points == NULL || s.now == NULL || s.next == NULL) goto out;
    if (s.now->configs == NULL || s.now->table == NULL) goto out;
    if (s.next->configs == NULL || s.next->table == NULL) goto out;
    qsort(events, count, sizeof *events, compare_events);
    for (size_t i = 0; i < count; i++) {
        points[2 * i] = (point){events[i].begin_ns, false, i};
        points[2 * i + 1] = (point){events[i].end_ns, true, i};
    }
    qsort(points, 2 * count, sizeof *points, compare_points);
    result = follow(&s, points, 2 * count, ret_event);
out:
    free(points);
    set_destroy(s.now);
    set_destroy(s.next);
    return result;
}

/* ---- versions ---- */

static int compare_versions(const void *a, const void *b) {
    const linear_event *one = a, *two = b;
    if (one->version != two->version) return one->version < two->version ? -1 : 1;
    return (one->result > two->result) - (one->result < two->result);
}

static int compare_results(const void *a, const void *b) {
    const linear_event *one = a, *two = b;
    if (one->result != two->result) return one->result < two->result ? -1 : 1;
    return (one->version > two->version) - (one->version < two->version);
}

linear_result linear_check_versions(linear_event *events, size_t count, size_t *ret_event) {
    qsort(events, count, sizeof *events, compare_versions);
    for (size_t i = 1; i < count; i++) {
        *ret_event = i;
        if (events[i].version == 0 || events[i].version != events[i - 1].version) continue;
        if (events[i].result != events[i - 1].result) return LINEAR_BAD;
    }
    qsort(events, count, sizeof *events, compare_results);
    for (size_t i = 1; i < count; i++) {
        *ret_event = i;
        if (events[i].version == 0 || events[i - 1].version == 0) continue;
        if (events[i].result == events[i - 1].result && events[i].version != events[i - 1].version)
            return LINEAR_BAD;
    }
    return LINEAR_GOOD;
}
