/*
 * rejects_broken.c - shows that the contract suite can fail.
 *
 *     contract_rejects_broken SUITE [SCHEME...]
 *
 * Runs the suite on the reference backend, which must pass, and on every broken backend (or those
 * named), each of which must be rejected by an exit status of 1 and by the test that is meant to
 * catch its fault, among others. Prints which tests caught which fault.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support_backends.h"

#define PARALLEL 2
#define DEADLINE_SECONDS 240
#define LISTED_TESTS 4000
#define SHOWN_TESTS 6

/* One run of the suite, its output in an unnamed file. */
typedef struct run {
    const broken_backend *broken; /* NULL: the reference backend */
    pid_t child;                  /* 0: none */
    FILE *output;
    time_t started;
} run;

static time_t now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int start(run *self, const char *suite, const broken_backend *broken) {
    char url[64];
    snprintf(url, sizeof url, "%s:", broken != NULL ? broken->scheme : "reference");
    *self = (run){.broken = broken, .output = tmpfile(), .started = now_seconds()};
    if (self->output == NULL) return 0;
    fflush(stdout);
    self->child = fork();
    if (self->child != 0) return self->child > 0;
    if (dup2(fileno(self->output), 1) >= 0 && dup2(1, 2) >= 0)
        execl(suite, suite, url, (char *)NULL);
    _exit(126);
}

/* Whether the run is over; one that takes too long is ended. */
static int is_over(run *self, int *ret_state) {
    pid_t ended = waitpid(self->child, ret_state, WNOHANG);
    if (ended == self->child) return 1;
    if (now_seconds() - self->started < DEADLINE_SECONDS) return 0;
    kill(self->child, SIGKILL);
    while (waitpid(self->child, ret_state, 0) < 0 && errno == EINTR) continue;
    return 1;
}

/* Adds a name to a space-separated list, once. */
static void add_name(char *list, const char *name, size_t size) {
    char word[64];
    snprintf(word, sizeof word, "%.*s ", (int)(size < 60 ? size : 60), name);
    size_t used = strlen(list);
    if (strstr(list, word) == NULL && used + strlen(word) < LISTED_TESTS)
        memcpy(list + used, word, strlen(word) + 1);
}

/* Lists the tests that cmocka calls failed in a run's output. */
static int list_failed(FILE *output, const char *expected, char *ret_list) {
    static const char mark[] = "[  FAILED  ] ";
    char line[1024];
    int has_expected = 0;
    ret_list[0] = '\0';
    rewind(output);
    while (fgets(line, sizeof line, output) != NULL) {
        const char *name = strstr(line, mark);
        if (name == NULL) continue;
        name += sizeof mark - 1;
        size_t size = strcspn(name, " :\r\n");
        /* Group names and counts are no tests. */
        if (size == 0 || (name[0] >= '0' && name[0] <= '9') || name[size] == ':') continue;
        add_name(ret_list, name, size);
        if (expected != NULL && strlen(expected) == size && strncmp(name, expected, size) == 0)
            has_expected = 1;
    }
    return has_expected;
}

static void copy_output(FILE *output) {
    char line[1024];
    rewind(output);
    while (fgets(line, sizeof line, output) != NULL) fputs(line, stdout);
}

/* Cuts a list after its first names; returns how many more there were. */
static int shorten(char *list) {
    int count = 0, more = 0;
    char *end = NULL;
    for (char *at = list; *at != '\0'; at++) {
        if (*at != ' ') continue;
        if (++count == SHOWN_TESTS) end = at + 1;
        if (count > SHOWN_TESTS) more++;
    }
    if (end != NULL) *end = '\0';
    return more;
}

/* Prints the outcome of a run that is over. Whether it is as it should be. */
static int judge(run *self, int state) {
    char failed[LISTED_TESTS];
    const broken_backend *broken = self->broken;
    int has_expected = list_failed(self->output, broken != NULL ? broken->caught_by : NULL, failed);
    int status = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    int is_right = broken != NULL ? status == 1 && has_expected : status == 0;
    const char *name = broken != NULL ? broken->scheme : "reference";
    if (is_right && broken != NULL) {
        int more = shorten(failed);
        printf("rejected  %-22s %s\n          caught by %s", name, broken->fault, failed);
        if (more > 0) printf("and %d more", more);
        putchar('\n');
    } else if (is_right) {
        printf("passes    %s\n", name);
    } else {
        copy_output(self->output);
        printf("WRONG     %-22s %s\n          exit status %d%s; failed tests: %s%s%s\n", name,
               broken != NULL ? broken->fault : "the backend that keeps the contract", status,
               status < 0 ? " (ended by a signal, or too slow)" : "", failed,
               broken != NULL && !has_expected ? "; not caught by " : "",
               broken != NULL && !has_expected ? broken->caught_by : "");
    }
    fclose(self->output);
    return is_right;
}

static int is_wanted(const broken_backend *broken, int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], broken->scheme) == 0) return 1;
    }
    return argc == 2;
}

/*
 * The next backend to try, counted by *index: first the reference one (NULL), then the broken
 * ones.
 */
static int next_backend(size_t *index, int argc, char **argv, const broken_backend **ret_broken) {
    *ret_broken = NULL;
    if ((*index)++ == 0) return 1;
    while ((*ret_broken = broken_backend_at(*index - 2)) != NULL) {
        if (is_wanted(*ret_broken, argc, argv)) return 1;
        (*index)++;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: contract_rejects_broken SUITE [SCHEME...]\n", stderr);
        return 2;
    }
    run runs[PARALLEL] = {{0}};
    size_t index = 0;
    int right = 0, wrong = 0, running = 0, is_more = 1;
    while (is_more || running > 0) {
        for (int i = 0; i < PARALLEL; i++) {
            int state;
            if (runs[i].child != 0 && is_over(&runs[i], &state)) {
                *(judge(&runs[i], state) ? &right : &wrong) += 1;
                runs[i].child = 0;
                running--;
            }
            const broken_backend *broken;
            if (runs[i].child != 0 || !is_more) continue;
            is_more = next_backend(&index, argc, argv, &broken);
            if (!is_more) continue;
            if (!start(&runs[i], argv[1], broken)) {
                perror("contract_rejects_broken: the suite cannot be started");
                return 2;
            }
            running++;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    printf("contract_rejects_broken: %d backends judged rightly, %d wrongly\n", right, wrong);
    return wrong != 0 || right < 2;
}
