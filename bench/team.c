/*
 * team.c - threads that wait for jobs and start each at the same moment.
 *
 * A job is handed over under `lock`; then every member counts itself in at `arrived` and spins
 * until all have, because a condition variable would start the first member a scheduling delay
 * before the last. The spin yields, so that it ends even where there are fewer processors than
 * members.
 *
 * Members that run together are each bound to a processor of their own, because two that share one
 * for a while would measure the scheduler; a member that runs alone goes where there is room.
 */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct member {
    struct bench_team *team;
    pthread_t thread;
    unsigned index;
} member;

struct bench_team {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* a job is there, or the team ends */
    pthread_cond_t done; /* `running` reached 0 */
    uint64_t job_number;
    bench_job *job; /* NULL: the team ends */
    void *arg;
    unsigned active; /* members 0 to active - 1 take part in the job */
    unsigned running;
    _Atomic unsigned arrived;
    unsigned member_count;
    cpu_set_t processors; /* those that this process may use */
    member members[];
};

static void start_together(bench_team *team, unsigned active) {
    atomic_fetch_add(&team->arrived, 1);
    while (atomic_load(&team->arrived) < active) sched_yield();
}

static void choose_processor(const bench_team *team, unsigned index, unsigned active) {
    cpu_set_t one;
    CPU_ZERO(&one);
    unsigned seen = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &team->processors) && seen++ == index) CPU_SET(cpu, &one);
    }
    const bool is_bound = active > 1 && CPU_COUNT(&one) == 1;
    /* Where it is refused, the scheduler decides: rougher figures, but figures. */
    (void)sched_setaffinity(0, sizeof one, is_bound ? &one : &team->processors);
}

static void *member_main(void *arg) {
    member *self = arg;
    bench_team *team = self->team;
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&team->lock);
        while (team->job_number == seen) pthread_cond_wait(&team->wake, &team->lock);
        seen = team->job_number;
        bench_job *job = team->job;
        void *job_arg = team->arg;
        const unsigned active = team->active;
        pthread_mutex_unlock(&team->lock);
        if (job == NULL) return NULL;
        if (self->index >= active) continue;
        choose_processor(team, self->index, active);
        start_together(team, active);
        job(job_arg, self->index);
        pthread_mutex_lock(&team->lock);
        if (--team->running == 0) pthread_cond_signal(&team->done);
        pthread_mutex_unlock(&team->lock);
    }
}

bench_team *bench_team_create(unsigned member_count) {
    bench_team *team = calloc(1, sizeof *team + member_count * sizeof team->members[0]);
    if (team == NULL) goto fail;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    pthread_cond_init(&team->done, NULL);
    team->member_count = member_count;
    (void)sched_getaffinity(0, sizeof team->processors, &team->processors);
    for (unsigned i = 0; i < member_count; i++) {
        team->members[i].team = team;
        team->members[i].index = i;
        if (pthread_create(&team->members[i].thread, NULL, member_main, &team->members[i]) != 0) {
            goto fail;
        }
    }
    return team;
fail:
    fputs("bench: cannot start threads\n", stderr);
    exit(1);
}

static void hand_over(bench_team *team, unsigned active, bench_job *job, void *arg) {
    pthread_mutex_lock(&team->lock);
    team->job = job;
    team->arg = arg;
    team->active = active;
    team->running = active;
    atomic_store(&team->arrived, 0);
    team->job_number++;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

void bench_team_run(bench_team *team, unsigned count, bench_job *job, void *arg) {
    hand_over(team, count, job, arg);
    pthread_mutex_lock(&team->lock);
    while (team->running > 0) pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

void bench_team_destroy(bench_team *team) {
    if (team == NULL) return;
    hand_over(team, 0, NULL, NULL);
    for (unsigned i = 0; i < team->member_count; i++) pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    free(team);
}
