/*
 * test_kill_readers.c - readers that are half-way when a writer dies, and readers that die.
 *
 *  1. A reader has looked at an entry and not yet used it. A writer overwrites or deletes the entry
 *     and is killed somewhere on the way. The survivor rebuilds the shard and uses the memory anew.
 *     Then the reader goes on: it must give the old value or the new one (or a miss, if that is the
 *     new state), and its view must stay as it is.
 *  2. A reader is killed when it has just noted a view of an entry that has gone meanwhile. When
 *  the
 *     shard is rebuilt later, that note must do no harm.
 *  3. Processes are killed that hold views of all they may. Their memory can be used again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/pins.h"
#include "film.h"
#include "scenes.h"

#define VALUE_BYTES 9000
#define TRIES 5
#define OPTIONS "max_bytes=96k&max_processes=6"

static unsigned char bytes[WORLD_VALUE_MAX];

/* What a reading child found: 0 a miss, 1 the old value, 2 the new one, 3 something else. */
enum { GONE, OLD, NEW, WRONG };

static int what_is(const void *data, size_t size) {
    static unsigned char expected[VALUE_BYTES];
    for (unsigned generation = 0; generation < 2; generation++) {
        world_value(expected, "subject", generation, VALUE_BYTES);
        if (size == VALUE_BYTES && memcmp(data, expected, size) == 0)
            return generation == 0 ? OLD : NEW;
    }
    return WRONG;
}

/* ---- what the children do ---- */

static size_t copied_size;
static int copy_status;
static jay_value view;
static int view_status;

static int read_copy(void *arg) {
    world *w = ((scene_call *)arg)->w;
    copy_status = jay_get_into(w->cache, "subject", 7, bytes, sizeof bytes, &copied_size, NULL);
    return 0;
}

static int judge_copy(void *arg) {
    (void)arg;
    if (copy_status == JAY_MISS) return GONE;
    return copy_status == JAY_OK ? what_is(bytes, copied_size) : WRONG;
}

static int take_view(void *arg) {
    world *w = ((scene_call *)arg)->w;
    view_status = jay_get_str(w->cache, "subject", &view);
    return 0;
}

static int judge_view(void *arg) {
    (void)arg;
    if (view_status == JAY_MISS) return GONE;
    int found = view_status == JAY_OK ? what_is(view.data, view.size) : WRONG;
    jay_value_release(&view);
    return found;
}

static int overwrite(void *arg) {
    world *w = ((scene_call *)arg)->w;
    world_value(bytes, "subject", 1, VALUE_BYTES);
    return jay_set(w->cache, "subject", 7, bytes, VALUE_BYTES, WORLD_LONG_TTL_MS, NULL);
}

static int erase(void *arg) {
    world *w = ((scene_call *)arg)->w;
    return jay_delete_str(w->cache, "subject");
}

/* ---- 1: readers half-way ---- */

typedef struct plot {
    world w;
    film f;
    scene_call call;
    unsigned char *before_reader; /* the region before the reader joined */
    uint32_t reader_token;
    size_t change; /* the frame in which readers first see the new state */
    bool is_delete;
} plot;

static uint32_t token_of_row(const plot *p, unsigned row) {
    return atomic_load(&p->w.region.rows[row].token);
}

static int look(const plot *p) {
    size_t size;
    int status = jay_get_into(p->w.cache, "subject", 7, bytes, sizeof bytes, &size, NULL);
    return status == JAY_OK ? what_is(bytes, size) : GONE;
}

/* Films the writer while a reader, stopped before its first step, has row 1. */
static void make_plot(plot *p, bool is_delete) {
    stepper reader;
    memset(p, 0, sizeof *p);
    p->is_delete = is_delete;
    p->call = (scene_call){&p->w, NULL};
    world_create(&p->w, OPTIONS);
    for (unsigned i = 0; i < 6; i++) {
        char key[16];
        snprintf(key, sizeof key, "around-%u", i);
        world_set(&p->w, key, 0, 50 + 300 * i, JAY_TTL_FOREVER);
        if (i == 3) world_set(&p->w, "subject", 0, VALUE_BYTES, WORLD_LONG_TTL_MS);
    }
    p->before_reader = malloc(p->w.region.region_bytes);
    KILL_CHECK(p->before_reader != NULL, "no memory");
    memcpy(p->before_reader, p->w.region.base, p->w.region.region_bytes);
    step_start(&reader, scene_prepare, read_copy, &p->call);
    world_seal(&p->w);
    p->reader_token = token_of_row(p, 1);
    film_shoot(&p->f, &p->w, scene_prepare, is_delete ? erase : overwrite, &p->call);
    KILL_CHECK(p->f.result == JAY_OK, "the writer itself fails");
    film_rewind(&p->f, &p->w);
    while (p->change < p->f.frame_count) {
        film_show(&p->f, &p->w, p->change);
        if (look(p) != OLD) break;
        p->change++;
    }
    KILL_CHECK(p->change > 0 && p->change < p->f.frame_count, "the writer changes nothing");
    step_kill(&reader);
}

static void end_plot(plot *p) {
    memcpy(p->w.region.base, p->before_reader, p->w.region.region_bytes);
    world_destroy(&p->w);
    film_free(&p->f);
    free(p->before_reader);
}

/* A reader that has joined as row 1, in the region as it was before the writer came. */
static void start_reader(plot *p, stepper *reader, bool with_view) {
    memcpy(p->w.region.base, p->before_reader, p->w.region.region_bytes);
    step_sequel = with_view ? judge_view : judge_copy;
    step_start(reader, scene_prepare, with_view ? take_view : read_copy, &p->call);
    KILL_CHECK(token_of_row(p, 1) == p->reader_token, "the reader is not who it was");
}

/* Rebuilds the shard, and writes over what was freed: after two large values the smaller ones fit
 * there best. Nothing is evicted and no bucket split, which would warn the reader. */
static void recover_and_reuse(plot *p) {
    static const size_t sizes[] = {20000, 20000, 4300, 4300, 4300};
    char key[16];
    KILL_CHECK(scene_nudge(&p->w, 0) == JAY_MISS, "the next operation fails");
    memset(bytes, 0xEE, sizeof bytes);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(key, sizeof key, "reuse-%u", i);
        int status = jay_set(p->w.cache, key, strlen(key), bytes, sizes[i], JAY_TTL_FOREVER, NULL);
        KILL_CHECK(status == JAY_OK || status == JAY_E_FULL, "set gives %s",
                   jay_status_name(status));
    }
    world_audit(&p->w);
}

/* `at`: how far the reader is when the writer dies; `more`: how far when its memory is reused. */
static void try_reader(plot *p, bool with_view, size_t frame, uint64_t at, uint64_t more) {
    stepper reader;
    kill_about(60,
               "a reader of %s at step %llu, a writer (%s) dead at frame %zu of %zu, the shard "
               "rebuilt %llu steps later",
               with_view ? "a view" : "a copy", (unsigned long long)at,
               p->is_delete ? "delete" : "set", frame, p->f.frame_count, (unsigned long long)more);
    start_reader(p, &reader, with_view);
    step_many(&reader, at);
    bool is_pinned = jayi_row_has_pins(&p->w.region, &p->w.region.rows[1]);
    if (is_pinned || reader.report->is_done) {
        /* The writer would have seen its pin; the film was made without. */
        step_kill(&reader);
        return;
    }
    /* What the reader has written to its own row is no part of the film. */
    jayi_row *row = &p->w.region.rows[1];
    uint32_t pin_high = atomic_load(&row->pin_high);
    film_rewind(&p->f, &p->w);
    film_show(&p->f, &p->w, frame);
    atomic_store(&row->pin_high, pin_high);
    if (more > 0) step_many(&reader, more);
    recover_and_reuse(p);
    while (step_once(&reader)) {}
    int found = step_end(&reader);
    bool is_fine = found == OLD || found == (p->is_delete ? GONE : NEW);
    /* What was stored meanwhile may have evicted it. */
    KILL_CHECK(is_fine || found == GONE, "the reader gives what nobody stored");
    world_audit(&p->w);
}

static uint64_t steps_of_reader(plot *p, bool with_view) {
    stepper reader;
    start_reader(p, &reader, with_view);
    while (step_once(&reader)) {}
    uint64_t steps = reader.steps;
    KILL_CHECK(step_end(&reader) == OLD, "the reader fails by itself");
    return steps;
}

static void run_half_way(bool is_delete, bool with_view) {
    plot p;
    kill_about(60, "readers half-way");
    make_plot(&p, is_delete);
    uint64_t steps = steps_of_reader(&p, with_view);
    unsigned long tries = 0;
    /* The slot is changed in the frame `change`, and the bucket's version in the next. */
    for (size_t frame = p.change - 1; frame < p.f.frame_count && frame < p.change + 4; frame++) {
        uint64_t count = kill_is_long() ? steps : frame == p.change ? 4 * TRIES : TRIES;
        for (uint64_t i = 0; i < count; i++, tries++) {
            uint64_t at = kill_is_long() ? i : steps / 4 + kill_below(steps - steps / 4);
            try_reader(&p, with_view, frame, at, i % 2 == 0 ? 0 : kill_below(40));
        }
    }
    end_plot(&p);
    printf("%s by readers of %s: %lu tries, a read takes %llu steps\n",
           is_delete ? "delete" : "set", with_view ? "views" : "copies", tries,
           (unsigned long long)steps);
}

/* ---- 2: readers that die with a note of what has gone ---- */

static void store_some(world *w, unsigned round) {
    char key[24];
    for (unsigned i = 0; i < 24; i++) {
        size_t size = kill_below(4) == 0 ? kill_below(3000) : kill_below(200);
        snprintf(key, sizeof key, "some-%u", (unsigned)kill_below(12));
        world_value(bytes, key, round + i, size);
        if (kill_below(3) == 0) {
            jay_delete_str(w->cache, key);
        } else {
            jay_set(w->cache, key, strlen(key), bytes, size, JAY_TTL_FOREVER, NULL);
        }
    }
}

static int store_and_erase(void *arg) {
    world *w = ((scene_call *)arg)->w;
    return jay_set_str(w->cache, "dying", "words", JAY_TTL_FOREVER);
}

/* Kills a process that holds the shard's lock. */
static void leave_locked(world *w, scene_call *call) {
    stepper writer;
    step_start(&writer, scene_prepare, store_and_erase, call);
    while (step_once(&writer) && atomic_load(&w->region.shards[0].lock) == 0) {}
    step_many(&writer, 30 + kill_below(120));
    step_kill(&writer);
}

static bool has_pin(const world *w, unsigned row) {
    return jayi_row_has_pins(&w->region, &w->region.rows[row]);
}

static unsigned try_dead_note(uint64_t at, unsigned round) {
    static world w;
    stepper reader;
    scene_call call = {&w, NULL};
    world_create(&w, OPTIONS);
    store_some(&w, round);
    world_set(&w, "subject", 0, 100 + kill_below(200), JAY_TTL_FOREVER);
    store_some(&w, round + 1);
    step_start(&reader, scene_prepare, take_view, &call);
    step_many(&reader, at);
    bool is_early = !reader.report->is_done && !has_pin(&w, 1);
    if (is_early) {
        jay_delete_str(w.cache, "subject");
        store_some(&w, round + 2);
        while (!has_pin(&w, 1) && step_once(&reader)) {}
        is_early = !reader.report->is_done;
        step_many(&reader, kill_below(12));
    }
    step_kill(&reader);
    for (unsigned i = 0; is_early && i < 4; i++) {
        store_some(&w, round + 3 + i);
        leave_locked(&w, &call);
        KILL_CHECK(scene_nudge(&w, i) == JAY_MISS, "the next operation fails");
        world_audit(&w);
    }
    jay_stats stats;
    KILL_CHECK(jay_get_stats(w.cache, &stats, sizeof stats, NULL) == JAY_OK, "no statistics");
    KILL_CHECK(stats.resets == 0, "%lld resets", (long long)stats.resets);
    world_destroy(&w);
    return is_early ? 1 : 0;
}

static void run_dead_notes(void) {
    unsigned noted = 0, tries = kill_is_long() ? 240 : 40;
    for (unsigned i = 0; i < tries; i++) {
        uint64_t at = 250 + kill_below(300);
        kill_about(60, "a reader dead with a note, step %llu", (unsigned long long)at);
        noted += try_dead_note(at, i * 10);
    }
    printf("readers killed with a note: %u of %u tries\n", noted, tries);
}

/* ---- 3: views of the dead ---- */

#define HOLDERS 3
#define HELD 16
#define HELD_BYTES 4800

/* From another entry on in each process, so that together they hold all. */
static void hold_all(world *w, unsigned first) {
    jay_value value;
    for (unsigned i = 0; i < HELD; i++) {
        char key[16];
        snprintf(key, sizeof key, "held-%u", (first + i) % HELD);
        jay_get_str(w->cache, key, &value); /* kept for ever, or refused: enough is held */
    }
}

/* Three processes with views of all they may have at once; then they are killed. */
static void kill_holders(world *w) {
    pid_t pids[HOLDERS];
    volatile int *ready = kill_shared_memory(sizeof *ready * HOLDERS);
    for (unsigned i = 0; i < HOLDERS; i++) {
        pids[i] = kill_fork();
        if (pids[i] != 0) continue;
        hold_all(w, i * HELD / HOLDERS);
        ready[i] = 1;
        for (;;) pause();
    }
    for (unsigned i = 0; i < HOLDERS; i++) {
        while (!ready[i]) kill_sleep_us(200);
    }
    for (unsigned i = 0; i < HOLDERS; i++) kill_end(pids[i]);
}

static void run_dead_views(void) {
    static world w;
    char key[16];
    kill_about(60, "views of dead processes");
    world_create(&w, OPTIONS);
    for (unsigned i = 0; i < HELD; i++) {
        snprintf(key, sizeof key, "held-%u", i);
        world_set(&w, key, 0, HELD_BYTES, JAY_TTL_FOREVER);
    }
    kill_holders(&w);
    for (unsigned i = 0; i < 3 * HELD; i++) {
        snprintf(key, sizeof key, "after-%u", i % HELD);
        world_set(&w, key, i, 3 * HELD_BYTES, JAY_TTL_FOREVER);
    }
    for (unsigned row = 1; row < w.region.row_count; row++)
        KILL_CHECK(!has_pin(&w, row), "row %u, of a dead process, still holds views", row);
    world_audit(&w);
    world_destroy(&w);
    printf("memory that dead processes had in view was used again\n");
}

int main(void) {
    kill_begin("kill_readers");
    run_dead_views();
    run_dead_notes();
    for (int i = 0; i < 4; i++) run_half_way(i % 2 == 1, i / 2 == 1);
    return 0;
}
