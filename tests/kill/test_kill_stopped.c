/*
 * test_kill_stopped.c - a writer that stops, for example by SIGSTOP, somewhere in an operation.
 *
 * It is alive, so nobody may take its lock. Readers go on. Others who write to its shard succeed or
 * are told JAY_E_BUSY; other shards are not concerned. When it goes on, all is as if it had been
 * slow.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/index.h"
#include "scenes.h"
#include "stepping.h"
#include "util/hash.h"

#define TRIES 40
#define LOCKED_WANTED 2 /* of an operation: each costs the library's time limit */

static unsigned long stopped_with_lock, stopped_without, busy;

static const char *operation; /* that is stopped */

static void check_present(const world *w, const world_state *before, const world_state *now) {
    if (strcmp(operation, "clear") == 0) return;
    for (unsigned i = 0; i < w->key_count; i++) {
        KILL_CHECK(now->values[i] != 0 || before->values[i] == 0 ||
                       strcmp(w->keys[i].name, "subject") == 0 ||
                       strcmp(w->keys[i].name, "big") == 0,
                   "%s is lost", w->keys[i].name);
    }
}

/* What others see and can do while the writer stands still. */
static void look_meanwhile(world *w, const world_state *before, bool is_locked) {
    world_state now;
    world_read(w, &now);
    check_present(w, before, &now);
    world_check_views(w);
    int status = jay_set_str(w->cache, "beside", "set by another", JAY_TTL_FOREVER);
    KILL_CHECK(status == JAY_OK || (status == JAY_E_BUSY && is_locked),
               "set by another gives %s, the lock is %s", jay_status_name(status),
               is_locked ? "held" : "free");
    if (status == JAY_E_BUSY) busy++;
}

static void check_afterwards(world *w, const world_state *before) {
    world_state now;
    jay_value value;
    world_read(w, &now);
    check_present(w, before, &now);
    world_check_counts(w, &now);
    world_audit(w);
    KILL_CHECK(jay_set_str(w->cache, "beside", "set afterwards", JAY_TTL_FOREVER) == JAY_OK,
               "set fails after the writer went on");
    KILL_CHECK(jay_get_str(w->cache, "beside", &value) == JAY_OK &&
                   memcmp(value.data, "set afterwards", 15) == 0,
               "what was set afterwards is not there");
    jay_value_release(&value);
    world_check_views(w);
}

static uint64_t count_steps(world *w, scene_call *call) {
    stepper s;
    world_restore(w);
    step_start(&s, scene_prepare, scene_act, call);
    while (step_once(&s)) {}
    step_kill(&s);
    return s.steps;
}

static void run_scene(const scene *s) {
    static world w;
    static world_state before;
    operation = s->name;
    kill_about(60, "%s", s->name);
    scene_build(&w, s, &scene_worlds[1]);
    world_know(&w, "beside");
    scene_call call = {&w, s};
    world_read(&w, &before);
    uint64_t steps = count_steps(&w, &call);
    unsigned locked = 0, wanted = kill_is_long() ? 30 : LOCKED_WANTED;
    for (unsigned i = 0; i < TRIES && locked < wanted; i++) {
        stepper t;
        uint64_t at = kill_below(steps);
        kill_about(60, "%s, stopped after %llu of %llu steps", s->name, (unsigned long long)at,
                   (unsigned long long)steps);
        world_restore(&w);
        step_start(&t, scene_prepare, scene_act, &call);
        step_many(&t, at);
        bool is_locked = atomic_load(&w.region.shards[0].lock) != 0;
        look_meanwhile(&w, &before, is_locked);
        step_finish(&t);
        KILL_CHECK(t.report->result == JAY_OK, "the writer's operation gives %s",
                   jay_status_name(t.report->result));
        check_afterwards(&w, &before);
        step_kill(&t);
        locked += is_locked;
        stopped_with_lock += is_locked;
        stopped_without += !is_locked;
    }
    world_restore(&w);
    world_destroy(&w);
}

/* ---- other shards ---- */

static int set_subject(void *arg) {
    world *w = ((scene_call *)arg)->w;
    return jay_set_str(w->cache, "subject", "of a shard", JAY_TTL_FOREVER);
}

static uint32_t shard_of(const world *w, const char *key) {
    return jayi_shard_of(&w->region, jayi_hash(key, strlen(key), w->region.seed));
}

static void run_shards(void) {
    static world w;
    stepper t;
    char key[24];
    kill_about(60, "other shards");
    world_create(&w, "max_bytes=40m&max_processes=4");
    KILL_CHECK(w.region.shard_count > 1, "the region has one shard");
    jayi_shard *shard = &w.region.shards[shard_of(&w, "subject")];
    scene_call call = {&w, NULL};
    unsigned others = 0;
    world_set(&w, "subject", 0, 100, JAY_TTL_FOREVER);
    step_start(&t, scene_prepare, set_subject, &call);
    while (step_once(&t) && atomic_load(&shard->lock) == 0) {}
    KILL_CHECK(!t.report->is_done, "the writer takes no lock");
    for (unsigned i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "other-%u", i);
        if (&w.region.shards[shard_of(&w, key)] == shard) continue;
        KILL_CHECK(jay_set_str(w.cache, key, key, JAY_TTL_FOREVER) == JAY_OK,
                   "a set in another shard fails");
        others++;
    }
    KILL_CHECK(others > 50, "too few keys are of other shards");
    step_finish(&t);
    KILL_CHECK(t.report->result == JAY_OK, "the writer's operation fails");
    step_kill(&t);
    world_audit(&w);
    world_destroy(&w);
    printf("%u sets in other shards meanwhile\n", others);
}

/* ---- a process that stops while it opens the cache ---- */

static int open_again(void *arg) {
    world *w = ((scene_call *)arg)->w;
    return jay_open(w->url, NULL, &w->cache, NULL);
}

static void leave(void *arg) {
    world *w = ((scene_call *)arg)->w;
    KILL_CHECK(jay_close(w->cache) == JAY_OK, "the child cannot close the cache");
}

/* Another process opens, sets and closes, or is told BUSY. */
static void open_meanwhile(world *w) {
    pid_t pid = kill_fork();
    if (pid != 0) {
        kill_join(pid);
        return;
    }
    leave(&(scene_call){w, NULL});
    int status = jay_open(w->url, NULL, &w->cache, NULL); /* waits some seconds for BUSY */
    bool is_fine = status == JAY_E_BUSY;
    if (status == JAY_OK) {
        is_fine = jay_set_str(w->cache, "beside", "opened", JAY_TTL_FOREVER) == JAY_OK &&
                  jay_close(w->cache) == JAY_OK;
    }
    _exit(is_fine ? 0 : 1);
}

static void run_opening(void) {
    static world w;
    world_create(&w, "max_bytes=64k&max_processes=6");
    scene_call call = {&w, NULL};
    for (unsigned calls = 1 + (unsigned)kill_below(30); calls < 200;
         calls += kill_is_long() ? 3 : 45) {
        stepper t;
        kill_about(60, "a process stopped at system call %u while it opens", calls);
        step_start(&t, leave, open_again, &call);
        for (unsigned i = 0; i < calls && step_system_call(&t); i++) {}
        bool is_done = t.report->is_done;
        KILL_CHECK(jay_set_str(w.cache, "beside", "x", JAY_TTL_FOREVER) == JAY_OK,
                   "set fails while another opens");
        open_meanwhile(&w);
        step_finish(&t);
        KILL_CHECK(t.report->result == JAY_OK, "the opening gives %s",
                   jay_status_name(t.report->result));
        step_kill(&t);
        if (is_done) break;
    }
    world_audit(&w);
    world_destroy(&w);
}

static bool is_wanted(const scene *s) {
    static const char *const names[] = {"set a new key", "set, larger", "delete", "clear"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(s->name, names[i]) == 0) return true;
    }
    return kill_is_long() && s->stage == NULL && !s->is_batch && strcmp(s->name, "open") != 0 &&
           strcmp(s->name, "close") != 0;
}

int main(void) {
    kill_begin("kill_stopped");
    run_shards();
    run_opening();
    for (const scene *s = scene_list; s->name != NULL; s++) {
        if (is_wanted(s)) run_scene(s);
    }
    printf("stopped %lu times with the lock held, %lu without; others were told BUSY %lu times\n",
           stopped_with_lock, stopped_without, busy);
    return 0;
}
