/*
 * stepping.h - a child process that does one operation, instruction by instruction (ptrace).
 */
#ifndef STEPPING_H
#define STEPPING_H

#include "kill_support.h"

/* What a stepped child shows its parent. */
typedef struct step_report {
    volatile int is_done; /* the operation has returned */
    volatile int result;
} step_report;

typedef struct stepper {
    pid_t pid;
    step_report *report;
    uint64_t steps; /* instructions so far */
    uint64_t limit; /* after which it is taken for an endless loop */
} stepper;

/*
 * Forks a child that calls prepare(arg), stops, and is then ready to call operation(arg) step by
 * step. The operation's result is shown in the report.
 */
void step_start(stepper *s, void (*prepare)(void *arg), int (*operation)(void *arg), void *arg);

/* One instruction, or one system call. False: the operation is done. */
bool step_once(stepper *s);

/* Whether the next step may be a system call. */
bool step_is_system_call(const stepper *s);

/* At most `count` steps. False: the operation is done. */
bool step_many(stepper *s, uint64_t count);

/* To the next system call, its entry or its exit. False: the operation is done. */
bool step_system_call(stepper *s);

/* Lets the child run to the end of its operation, at full speed, and waits for it. */
void step_finish(stepper *s);

/* Lets the child run at full speed, and does not wait. Only step_kill may follow. */
void step_let_go(stepper *s);

/* What the child does when its operation is done and step_end is called; it exits with the result.
 * To be set before step_start; NULL, as it is after: nothing. */
extern int (*step_sequel)(void *arg);

/* Lets the child do its sequel, at full speed, and gives its result. The operation must be done. */
int step_end(stepper *s);

/* SIGKILL, where it stands. */
void step_kill(stepper *s);

#endif
