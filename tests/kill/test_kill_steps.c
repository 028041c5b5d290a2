/*
 * test_kill_steps.c - SIGKILL at every instruction of every operation.
 *
 *     test_kill_steps GROUP [PART]   sparse, full or special; of these, names with PART in them
 *
 * A child is stepped through an operation while the test films the region (film.h). Then each frame
 * is put back, with the child dead, and this process, which has had the region open all the while,
 * looks at it. Some more children are really killed somewhere in the operation. The short form
 * looks at some frames of each operation, in worlds chosen at random; the long one at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "film.h"
#include "scenes.h"

#define CHURNS 14
#define FRAMES_WANTED 20.0 /* of an operation, in the short form */

/* What may be there, key by key: as before the operation, or as after it. */
typedef struct verdicts {
    world_state before;
    world_state after;
    world_state last; /* what readers of the frame before saw */
} verdicts;

static unsigned long looked_at, killed, filmed_frames;
static const char *only; /* part of the name of the scenes wanted; NULL: all */

/* Fails unless `now` is a state between; and one not before `then`, if that is given. */
static void check_between(const world *w, const verdicts *v, const world_state *then,
                          const world_state *now, const char *when) {
    for (unsigned i = 0; i < w->key_count; i++) {
        uint64_t value = now->values[i];
        KILL_CHECK(value == v->before.values[i] || value == v->after.values[i], "%s, %s is %s",
                   when, w->keys[i].name, value == 0 ? "lost" : "neither old nor new");
        KILL_CHECK(then == NULL || value == then->values[i] || value == v->after.values[i],
                   "%s, %s is old again, after readers have seen the new", when, w->keys[i].name);
    }
}

/* The survivor's next operation, or that of another process that just comes. */
static void nudge(world *w, unsigned number) {
    if (number % 8 != 7) {
        int status = scene_nudge(w, number);
        KILL_CHECK(status == JAY_MISS, "the next operation (%u) gives %s", number % SCENE_NUDGES,
                   jay_status_name(status));
        return;
    }
    pid_t pid = kill_fork();
    if (pid == 0) _exit(scene_nudge(w, number) == JAY_MISS ? 0 : 1);
    kill_join(pid);
}

/* Stores and removes entries of many sizes, so that what is free is used. */
static void churn(world *w) {
    static unsigned char bytes[WORLD_VALUE_MAX];
    char key[40];
    for (unsigned i = 0; i < CHURNS; i++) {
        size_t size = i == 3 ? 7000 : (i * 67 + 40) % 700;
        snprintf(key, sizeof key, "churn-%u", i % 5);
        world_value(bytes, key, i, size);
        int status = jay_set(w->cache, key, strlen(key), bytes, size, JAY_TTL_FOREVER, NULL);
        /* What views hold may stand in the way of a large one. */
        bool may_be_full = w->view_count > 0 && size > 1000;
        KILL_CHECK(status == JAY_OK || (status == JAY_E_FULL && may_be_full),
                   "storing %zu bytes afterwards gives %s", size, jay_status_name(status));
        if (i % 4 == 2) jay_delete_str(w->cache, key);
    }
}

static void check_probe(world *w) {
    jay_value value;
    int status = jay_set_str(w->cache, "probe", "is stored", JAY_TTL_FOREVER);
    KILL_CHECK(status == JAY_OK, "set afterwards gives %s", jay_status_name(status));
    KILL_CHECK(jay_get_str(w->cache, "probe", &value) == JAY_OK && value.size == 9 &&
                   memcmp(value.data, "is stored", 9) == 0,
               "what was set afterwards is not there");
    jay_value_release(&value);
    KILL_CHECK(jay_delete_str(w->cache, "probe") == JAY_OK, "it cannot be deleted");
}

/* Looks at the region as a dead process has left it. */
static void check_remains(world *w, verdicts *v, unsigned number, bool is_in_order) {
    world_state seen, found, later;
    world_read(w, &seen);
    check_between(w, v, is_in_order ? &v->last : NULL, &seen, "before recovery");
    v->last = seen;
    world_check_views(w);
    nudge(w, number);
    world_read(w, &found);
    check_between(w, v, &seen, &found, "after recovery");
    world_check_counts(w, &found);
    world_audit(w);
    check_probe(w);
    world_read(w, &later);
    if (!w->is_full)
        KILL_CHECK(memcmp(&later, &found, sizeof later) == 0, "an entry is lost later");
    churn(w);
    world_audit(w);
    world_check_views(w);
    looked_at++;
}

static void check_frames(world *w, film *f, verdicts *v, const char *what) {
    double share = kill_is_long() ? 1 : FRAMES_WANTED / (double)f->frame_count;
    film_rewind(f, w);
    v->last = v->before;
    for (size_t frame = 0; frame < f->frame_count; frame++) {
        bool is_last = frame + 1 == f->frame_count;
        if (!is_last && (double)kill_below(1000000) >= share * 1e6) continue;
        kill_about(60, "%s, frame %zu of %zu", what, frame, f->frame_count);
        film_show(f, w, frame);
        check_remains(w, v, (unsigned)frame, true);
    }
    filmed_frames += f->frame_count;
}

static void check_kills(world *w, scene_call *call, verdicts *v, uint64_t steps, const char *what,
                        int count) {
    for (int i = 0; i < count; i++) {
        stepper s;
        uint64_t at = kill_below(steps + 1);
        kill_about(60, "%s, killed after %llu of %llu steps", what, (unsigned long long)at,
                   (unsigned long long)steps);
        world_restore(w);
        step_start(&s, scene_prepare, scene_act, call);
        step_many(&s, at);
        step_kill(&s);
        check_remains(w, v, (unsigned)kill_below(1000), false);
        killed++;
    }
}

/* The recovery of a frame is an operation, too, and its process can be killed. */
static void check_recovery(world *w, film *f, const verdicts *outer, const char *what);

static void run_scene(const scene *s, const scene_world *kind, bool has_sequel) {
    world w;
    film f;
    verdicts v;
    char what[160];
    snprintf(what, sizeof what, "%s (%s)", s->name, s->options != NULL ? "special" : kind->name);
    kill_about(60, "%s", what);
    int64_t start_ns = kill_now_ns();
    unsigned long looked_before = looked_at;
    scene_build(&w, s, kind);
    scene_call call = {&w, s};
    world_read(&w, &v.before);
    world_seal(&w);
    film_shoot(&f, &w, scene_prepare, scene_act, &call);
    KILL_CHECK(f.result == JAY_OK, "the operation itself gives %s", jay_status_name(f.result));
    world_read(&w, &v.after);
    check_frames(&w, &f, &v, what);
    check_kills(&w, &call, &v, f.steps, what, kill_is_long() ? 10 : 1);
    if (has_sequel) check_recovery(&w, &f, &v, what);
    world_restore(&w);
    world_destroy(&w);
    printf("%-60s %7llu steps %6zu states %6lu looked at %6lld ms\n", what,
           (unsigned long long)f.steps, f.frame_count, looked_at - looked_before,
           (long long)((kill_now_ns() - start_ns) / 1000000));
    film_free(&f);
}

static int recover(world *w) {
    return scene_nudge(w, 0) == JAY_MISS ? JAY_OK : JAY_E_INTERNAL;
}

static void check_recovery(world *w, film *f, const verdicts *outer, const char *what) {
    static const scene recovery = {.name = "recovery", .act = recover};
    char title[200];
    scene_call call = {w, &recovery};
    unsigned char *start = malloc(w->region.region_bytes);
    KILL_CHECK(start != NULL, "no memory for an image");
    memcpy(start, w->start, w->region.region_bytes);
    for (int i = 0; i < (kill_is_long() ? 2 : 1); i++) {
        film g;
        verdicts v = *outer;
        size_t frame = f->frame_count / 5 + kill_below(f->frame_count * 3 / 5 + 1);
        snprintf(title, sizeof title, "recovery from %s at frame %zu", what, frame);
        film_rewind(f, w);
        film_show(f, w, frame);
        memcpy(w->start, w->region.base, w->region.region_bytes);
        world_read(w, &v.before);
        world_restore(w);
        film_shoot(&g, w, scene_prepare, scene_act, &call);
        KILL_CHECK(g.result == JAY_OK, "recovery itself fails");
        world_read(w, &v.after);
        check_between(w, outer, &v.before, &v.after, title);
        check_frames(w, &g, &v, title);
        film_free(&g);
        memcpy(w->start, start, w->region.region_bytes);
    }
    free(start);
}

/* Whether a scene is wanted here and now. `chosen` is the number of a world. */
static bool is_wanted(const scene *s, const scene_world *kind, unsigned number, unsigned chosen) {
    if (only != NULL && strstr(s->name, only) == NULL) return false;
    if (s->is_batch && kind->is_full) return false;
    if (kill_is_long() || only != NULL) return true;
    return number == chosen;
}

static void run_list(bool is_full) {
    for (const scene *s = scene_list; s->name != NULL; s++) {
        unsigned worlds[8], count = 0;
        for (unsigned i = 0; scene_worlds[i].name != NULL; i++) {
            if (scene_worlds[i].is_full != is_full) continue;
            if (s->is_slow && scene_worlds[i].has_views && !kill_is_long()) continue;
            worlds[count++] = i;
        }
        unsigned chosen = worlds[kill_below(count)];
        for (unsigned i = 0; i < count; i++) {
            const scene_world *kind = &scene_worlds[worlds[i]];
            if (is_wanted(s, kind, worlds[i], chosen)) run_scene(s, kind, kill_is_long());
        }
    }
}

/* A region too large to be filmed: children at full speed, killed at some moment. */
static void run_large(const scene *s) {
    static verdicts v;
    world w;
    stepper t;
    kill_about(60, "%s", s->name);
    scene_build(&w, s, NULL);
    scene_call call = {&w, s};
    world_read(&w, &v.before);
    world_seal(&w);
    step_start(&t, scene_prepare, scene_act, &call);
    int64_t start_ns = kill_now_ns();
    step_finish(&t);
    uint64_t taken_us = (uint64_t)(kill_now_ns() - start_ns) / 1000 + 1;
    KILL_CHECK(t.report->result == JAY_OK, "the operation itself gives %s",
               jay_status_name(t.report->result));
    step_kill(&t);
    world_read(&w, &v.after);
    unsigned count = kill_is_long() ? 400 : 15;
    for (unsigned i = 0; i < count; i++) {
        uint64_t after_us = kill_below(taken_us + taken_us / 4);
        kill_about(60, "%s, killed after %llu us", s->name, (unsigned long long)after_us);
        world_restore(&w);
        step_start(&t, scene_prepare, scene_act, &call);
        step_let_go(&t);
        start_ns = kill_now_ns();
        while ((uint64_t)(kill_now_ns() - start_ns) < after_us * 1000) {}
        step_kill(&t);
        check_remains(&w, &v, i, false);
        killed++;
    }
    world_restore(&w);
    world_destroy(&w);
    printf("%-60s %7llu us %u kills\n", s->name, (unsigned long long)taken_us, count);
}

static void run_specials(void) {
    for (const scene *s = scene_specials; s->name != NULL; s++) {
        if (only == NULL || strstr(s->name, only) != NULL) run_scene(s, NULL, true);
    }
    if (only == NULL || strstr(scene_large.name, only) != NULL) run_large(&scene_large);
}

int main(int argc, char **argv) {
    const char *group = argc > 1 ? argv[1] : "";
    only = argc > 2 ? argv[2] : NULL;
    kill_begin("kill_steps");
    if (strcmp(group, "special") == 0) {
        run_specials();
    } else if (strcmp(group, "full") == 0 || strcmp(group, "sparse") == 0) {
        run_list(strcmp(group, "full") == 0);
    } else {
        fputs("usage: test_kill_steps sparse|full|special [part of a name]\n", stderr);
        return 2;
    }
    printf("%lu states filmed, %lu looked at, %lu of them left by a real SIGKILL\n", filmed_frames,
           looked_at, killed);
    return 0;
}
