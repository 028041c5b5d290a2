/*
 * kill_support.c - see kill_support.h.
 */
#include "kill_support.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BEGIN_SECONDS 60

static char about[256] = "the beginning";
static uint64_t random_state;
static pid_t main_pid;
static char names[KILL_NAMES][64];
static unsigned name_count;

static void remove_names(void) {
    if (getpid() != main_pid) return;
    for (unsigned i = 0; i < name_count; i++) jay_shm_remove(names[i], NULL);
}

_Noreturn void kill_fail(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "FAILED at %s: %s\n", about, text);
    if (getpid() == main_pid) exit(1);
    _exit(1);
}

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* The watchdog, or someone who wants the test to end. It makes only calls that a signal handler may
 * make, but for those within jay_shm_remove: it formats names and unlinks files. */
static void on_signal(int number) {
    say(number == SIGALRM ? "FAILED: the watchdog ended the test, which hung at "
                          : "ended by a signal at ");
    say(about);
    say("\n");
    remove_names();
    _exit(1);
}

void kill_about(unsigned seconds, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(about, sizeof about, format, arguments);
    va_end(arguments);
    alarm(seconds);
}

void kill_begin(const char *test) {
    const char *given = getenv("JAY_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10)
                                  : (uint64_t)kill_now_ns() ^ ((uint64_t)getpid() << 32);
    seed %= 1000000000;
    printf("%s: JAY_TEST_SEED=%llu%s\n", test, (unsigned long long)seed,
           kill_is_long() ? ", long" : "");
    fflush(stdout);
    kill_reseed(seed);
    main_pid = getpid();
    atexit(remove_names);
    signal(SIGALRM, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    alarm(BEGIN_SECONDS);
}

bool kill_is_long(void) {
    const char *wish = getenv("JAY_TEST_LONG");
    return wish != NULL && strcmp(wish, "1") == 0;
}

void kill_reseed(uint64_t seed) {
    random_state = seed * 2 + 1;
    for (int i = 0; i < 8; i++) kill_random();
}

uint64_t kill_random(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t mixed = random_state ^ (random_state >> 29);
    mixed *= UINT64_C(0x9E3779B97F4A7C15);
    return mixed ^ (mixed >> 32);
}

uint64_t kill_below(uint64_t bound) {
    return kill_random() % bound;
}

uint64_t kill_hash(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ size;
    uint64_t word;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 32);
}

int64_t kill_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void kill_sleep_us(uint64_t microseconds) {
    struct timespec wanted = {.tv_sec = (time_t)(microseconds / 1000000),
                              .tv_nsec = (int32_t)(microseconds % 1000000 * 1000)};
    nanosleep(&wanted, NULL);
}

const char *kill_name(void) {
    KILL_CHECK(name_count < KILL_NAMES, "the test has too many names");
    snprintf(names[name_count], sizeof names[0], "test-kill-%d-%u", (int)getpid(), name_count);
    return names[name_count++];
}

void *kill_shared_memory(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    KILL_CHECK(memory != MAP_FAILED, "no %zu bytes of memory: %s", size, strerror(errno));
    return memory;
}

pid_t kill_fork(void) {
    pid_t parent = getpid();
    uint64_t child_seed = kill_random();
    fflush(stdout);
    pid_t pid = fork();
    KILL_CHECK(pid >= 0, "cannot fork: %s", strerror(errno));
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    kill_reseed(child_seed);
    return 0;
}

void kill_end(pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status) && !WIFSIGNALED(status)) {}
}

void kill_join(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    KILL_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child process ended with %s %d",
               WIFEXITED(status) ? "status" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}
