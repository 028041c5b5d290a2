/*
 * stepping.c - see stepping.h.
 *
 * The child stops itself before and after its operation. In between the parent moves it on; what
 * the child has done in shared memory by then is what SIGKILL would leave.
 */
#include "stepping.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 3000000

int (*step_sequel)(void *arg);

static void run_child(const stepper *s, void (*prepare)(void *arg), int (*operation)(void *arg),
                      void *arg) {
    prepare(arg);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    s->report->result = operation(arg);
    s->report->is_done = 1;
    raise(SIGSTOP);
    _exit(step_sequel != NULL ? step_sequel(arg) : 0);
}

/* Waits until the child stops; the signal, or 0 when it has ended. */
static int wait_for_stop(const stepper *s) {
    int status = 0;
    while (waitpid(s->pid, &status, 0) < 0) KILL_CHECK(errno == EINTR, "a child is lost");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        fprintf(stderr, "skipped: this system does not allow ptrace\n");
        exit(77);
    }
    KILL_CHECK(WIFSTOPPED(status), "a stepped child ended with %s %d",
               WIFEXITED(status) ? "status" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return WSTOPSIG(status);
}

void step_start(stepper *s, void (*prepare)(void *arg), int (*operation)(void *arg), void *arg) {
    *s = (stepper){.report = kill_shared_memory(sizeof *s->report), .limit = STEPS_MAX};
    s->pid = kill_fork();
    if (s->pid == 0) run_child(s, prepare, operation, arg);
    step_sequel = NULL;
    int signal_number = wait_for_stop(s);
    KILL_CHECK(signal_number == SIGSTOP, "a child stopped by signal %d", signal_number);
    ptrace(PTRACE_SETOPTIONS, s->pid, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL);
}

/* Whether a signal came from another process, which is none of the test's. It is not delivered. */
static bool is_from_outside(const stepper *s) {
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, s->pid, NULL, &info) != 0 || info.si_pid == s->pid) return false;
    fprintf(stderr, "process %d sent a signal here, which is ignored\n", (int)info.si_pid);
    return true;
}

static bool move_on(stepper *s, bool by_system_call) {
    if (s->report->is_done) return false;
    KILL_CHECK(s->steps++ < s->limit, "the operation does not end within %llu steps",
               (unsigned long long)s->limit);
    int64_t failed = by_system_call ? ptrace(PTRACE_SYSCALL, s->pid, NULL, NULL)
                                    : ptrace(PTRACE_SINGLESTEP, s->pid, NULL, NULL);
    KILL_CHECK(failed == 0, "ptrace cannot step: %s", strerror(errno));
    int signal_number = wait_for_stop(s);
    if (signal_number == SIGSTOP && is_from_outside(s)) return !s->report->is_done;
    KILL_CHECK(signal_number == SIGTRAP || s->report->is_done,
               "the operation was interrupted by signal %d (%s)", signal_number,
               strsignal(signal_number));
    return !s->report->is_done;
}

bool step_once(stepper *s) {
    return move_on(s, false);
}

bool step_is_system_call(const stepper *s) {
#if defined(__x86_64__)
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, s->pid, NULL, &registers) != 0) return true;
    int64_t code = ptrace(PTRACE_PEEKTEXT, s->pid, (void *)(uintptr_t)registers.rip, NULL);
    return (code & 0xffff) == 0x050f; /* syscall */
#else
    (void)s;
    return true; /* to be on the safe side */
#endif
}

bool step_many(stepper *s, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (!step_once(s)) return false;
    }
    return true;
}

bool step_system_call(stepper *s) {
    return move_on(s, true);
}

void step_let_go(stepper *s) {
    KILL_CHECK(ptrace(PTRACE_CONT, s->pid, NULL, NULL) == 0, "ptrace cannot continue: %s",
               strerror(errno));
}

void step_finish(stepper *s) {
    if (s->report->is_done) return;
    step_let_go(s);
    wait_for_stop(s);
    KILL_CHECK(s->report->is_done, "the operation stopped before its end");
}

int step_end(stepper *s) {
    int status = 0;
    KILL_CHECK(s->report->is_done, "a sequel before the operation is done");
    /* It may not yet have stopped behind the operation. */
    do {
        step_let_go(s);
        while (waitpid(s->pid, &status, 0) < 0) KILL_CHECK(errno == EINTR, "a child is lost");
    } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    KILL_CHECK(WIFEXITED(status), "a child ended with status %#x in its sequel", (unsigned)status);
    munmap(s->report, sizeof *s->report);
    return WEXITSTATUS(status);
}

void step_kill(stepper *s) {
    kill_end(s->pid);
    munmap(s->report, sizeof *s->report);
}
