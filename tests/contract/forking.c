/*
 * forking.c - a forked child goes on using the handle, whatever the parent's threads were doing.
 *
 * The parent waits for a child by asking again and again, up to a deadline far beyond what
 * any machine needs; a child that has not ended by then hangs on a lock that nobody holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

#define CHILD_DEADLINE_MS 120000
#define LOAD_KEYS 8

/* What a child found; its exit status. */
#define FAULTS_MAP(X)                                               \
    X(NONE, "")                                                     \
    X(GET, "the child cannot read an entry from before the fork")   \
    X(TORN, "the child reads a damaged value")                      \
    X(SET, "the child cannot store")                                \
    X(OWN, "the child does not find what it has stored")            \
    X(INC, "the child cannot count")                                \
    X(DELETE, "the child cannot delete")                            \
    X(ITERATE, "the child cannot iterate")                          \
    X(STATS, "the child cannot read statistics")                    \
    X(VIEW, "a view from before the fork has changed in the child") \
    X(CLOSE, "the child cannot close the handle")                   \
    X(OPEN, "the child cannot open the cache")                      \
    X(STREAM, "what the child prints would be written into the cache")

enum fault {
#define FAULT_ENUM(name, text) FAULT_##name,
    FAULTS_MAP(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

static const char *const fault_texts[] = {
#define FAULT_TEXT(name, text) text,
    FAULTS_MAP(FAULT_TEXT)
#undef FAULT_TEXT
};

/* Waits for a child, or ends it when its time is over. NULL, or what went wrong. */
static const char *await_child(pid_t child) {
    if (child < 0) return "fork failed";
    int64_t deadline_ms = contract_now_ms() + CHILD_DEADLINE_MS;
    int state = 0;
    pid_t ended;
    while ((ended = waitpid(child, &state, WNOHANG)) != child) {
        if (ended < 0 && errno != EINTR) return "waiting for the child failed";
        if (contract_now_ms() > deadline_ms) {
            kill(child, SIGKILL);
            while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
            return "the child hangs";
        }
        contract_sleep_ms(1);
    }
    if (!WIFEXITED(state)) return "the child was ended by a signal";
    int fault = WEXITSTATUS(state);
    if (fault == FAULT_NONE) return NULL;
    return fault < FAULT_COUNT ? fault_texts[fault] : "the child ended in an unknown way";
}

static int ignore(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

/* All that a child does; it may fail only by what it returns. */
static enum fault use_in_child(contract *c, int rounds) {
    unsigned char buffer[STAMP_MAX_BYTES];
    for (int i = 0; i < rounds; i++) {
        char key[16];
        snprintf(key, sizeof key, "load%d", i % LOAD_KEYS);
        jay_value view = JAY_VALUE_INIT;
        int status = jay_get_str(c->cache, key, &view);
        if (status < 0) return FAULT_GET;
        if (status == JAY_OK && contract_stamp_fault(view.data, view.size, key, strlen(key)))
            return FAULT_TORN;
        jay_value_release(&view);
        size_t size = contract_stamp(buffer, KEY("child"), 99, (uint64_t)i);
        if (jay_set(c->cache, KEY("child"), buffer, size, 0, NULL) != JAY_OK) return FAULT_SET;
        if (jay_get_str(c->cache, "child", &view) != JAY_OK) return FAULT_OWN;
        if (view.size != size || memcmp(view.data, buffer, size) != 0) return FAULT_OWN;
        jay_value_release(&view);
        if ((c->facts.has & NEED_INC) != 0 && jay_inc_str(c->cache, "sum", 1, NULL) != JAY_OK)
            return FAULT_INC;
        if (jay_delete_str(c->cache, "child") != JAY_OK) return FAULT_DELETE;
    }
    if ((c->facts.has & NEED_ITERATE) != 0 && jay_iterate(c->cache, ignore, NULL, NULL) != JAY_OK)
        return FAULT_ITERATE;
    jay_stats stats;
    return jay_get_stats(c->cache, &stats, sizeof stats, NULL) == JAY_OK ? FAULT_NONE : FAULT_STATS;
}

/* ---- without threads ---- */

static void fork_plain(contract *c) {
    contract_put(c, "k", "before", 0);
    jay_value view = contract_view(c, "k");
    pid_t child = fork();
    if (child == 0) {
        enum fault fault = use_in_child(c, 10);
        jay_value own = JAY_VALUE_INIT;
        if (fault == FAULT_NONE && jay_get_str(c->cache, "k", &own) != JAY_OK) fault = FAULT_GET;
        jay_value_release(&own);
        (void)jay_set_str(c->cache, "k", "after", 0);
        if (memcmp(view.data, "before", 7) != 0) fault = FAULT_VIEW;
        jay_value_release(&view);
        if (fault == FAULT_NONE && jay_close(c->cache) != JAY_OK) fault = FAULT_CLOSE;
        _exit((int)fault);
    }
    const char *fault = await_child(child);
    if (fault != NULL) fail_msg("%s", fault);
    assert_memory_equal(view.data, "before", 7);
    jay_value_release(&view);
    contract_put(c, "k", "still good", 0);
    contract_holds(c, "k", "still good");
}

/* As a daemon that has closed its standard streams and prints all the same. */
static enum fault use_without_streams(contract *c) {
    char url[4096];
    contract_url(c, "", url, sizeof url);
    if (jay_close(c->cache) != JAY_OK) return FAULT_CLOSE;
    for (int fd = 0; fd <= STDERR_FILENO; fd++) close(fd);
    if (jay_open(url, c->options, &c->cache, NULL) != JAY_OK) return FAULT_OPEN;
    enum fault fault = use_in_child(c, 3);
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) fault = FAULT_STREAM;
    }
    return jay_close(c->cache) == JAY_OK ? fault : FAULT_CLOSE;
}

static void fork_without_streams(contract *c) {
    pid_t child = fork();
    if (child == 0) _exit((int)use_without_streams(c));
    const char *fault = await_child(child);
    if (fault != NULL) fail_msg("%s", fault);
}

/* Several handles, some of them closed again, in another order than opened. */
static void fork_many_handles(contract *c) {
    jay_cache *others[5];
    for (int i = 0; i < 5; i++) others[i] = contract_open(c, "");
    static const int closed[] = {1, 4, 0};
    for (int i = 0; i < 3; i++) contract_close(others[closed[i]]);
    for (int round = 0; round < 3; round++) {
        pid_t child = fork();
        if (child == 0) {
            enum fault fault = use_in_child(c, 3);
            int status = jay_set_str(others[2], "k", "v", 0);
            if (status == JAY_OK) status = jay_set_str(others[3], "k", "v", 0);
            if (status != JAY_OK && fault == FAULT_NONE) fault = FAULT_SET;
            _exit((int)fault);
        }
        const char *fault = await_child(child);
        if (fault != NULL) fail_msg("%s", fault);
        if (round == 1) contract_close(others[3]);
        if (round == 1) others[3] = c->cache;
    }
    contract_close(others[2]);
    contract_put(c, "k", "still good", 0);
    contract_holds(c, "k", "still good");
}

/* In private memory, parent and child see their own writes only. */
static void fork_private(contract *c) {
    contract_put(c, "k", "of both", 0);
    contract_put(c, "deleted", "of both", 0);
    pid_t child = fork();
    if (child == 0) {
        bool is_done = jay_set_str(c->cache, "k", "of the child", 0) == JAY_OK &&
                       jay_set_str(c->cache, "new", "of the child", 0) == JAY_OK &&
                       jay_delete_str(c->cache, "deleted") == JAY_OK;
        _exit(is_done ? FAULT_NONE : FAULT_SET);
    }
    const char *fault = await_child(child);
    if (fault != NULL) fail_msg("%s", fault);
    contract_holds(c, "k", "of both");
    contract_holds(c, "deleted", "of both");
    contract_gone(c, "new");
}

/* ---- under load ---- */

typedef struct load {
    contract *c;
    int forks;
    _Atomic bool is_over;
} load;

static const char *fork_often(load *state) {
    contract *c = state->c;
    const char *fault = NULL;
    /* Under a sanitizer a fork takes long; a few are enough then. */
    int64_t enough_ms = contract_now_ms() + (c->is_long ? 60000 : 4000);
    for (int i = 0; i < state->forks && fault == NULL; i++) {
        if (i >= 20 && contract_now_ms() > enough_ms) break;
        char key[16];
        snprintf(key, sizeof key, "load%d", i % LOAD_KEYS);
        jay_value view = JAY_VALUE_INIT;
        (void)jay_get_str(c->cache, key, &view);
        pid_t child = fork();
        if (child == 0) {
            enum fault found = use_in_child(c, 20);
            if (view.data != NULL && contract_stamp_fault(view.data, view.size, key, strlen(key)))
                found = FAULT_VIEW;
            jay_value_release(&view);
            _exit((int)found);
        }
        fault = await_child(child);
        if (view.data != NULL && fault == NULL)
            fault = contract_stamp_fault(view.data, view.size, key, strlen(key));
        jay_value_release(&view);
    }
    atomic_store(&state->is_over, true);
    return fault;
}

/* Keeps the cache busy in every way until the forks are over. */
static const char *load_or_fork(void *arg, int number) {
    load *state = arg;
    jay_cache *cache = state->c->cache;
    if (number == 0) return fork_often(state);
    unsigned char buffer[STAMP_MAX_BYTES];
    const char *fault = NULL;
    for (uint64_t i = 0; fault == NULL && !atomic_load(&state->is_over); i++) {
        char key[16];
        snprintf(key, sizeof key, "load%d", (int)((i + (uint64_t)number) % LOAD_KEYS));
        size_t size = contract_stamp(buffer, key, strlen(key), (uint32_t)number, i);
        int status = jay_set(cache, key, strlen(key), buffer, size, i % 5 == 0 ? 1 : 0, NULL);
        if (status != JAY_OK) fault = jay_status_text(status);
        jay_value view = JAY_VALUE_INIT;
        if (jay_get_str(cache, key, &view) == JAY_OK && fault == NULL)
            fault = contract_stamp_fault(view.data, view.size, key, strlen(key));
        jay_value_release(&view);
        (void)jay_inc_str(cache, "sum", 1, NULL);
        if (i % 4 == 0) (void)jay_iterate(cache, ignore, NULL, NULL);
    }
    return fault;
}

static void fork_under_load(contract *c) {
    load state = {.c = c, .forks = c->is_long ? 1000 : 150};
    /* The more there is to walk through, the longer iterate holds its locks. */
    for (int i = 0; i < 300; i++) {
        char key[24];
        snprintf(key, sizeof key, "filler%d", i);
        contract_put(c, key, "v", 0);
    }
    contract_run_threads(load_or_fork, &state, 4);
    contract_put(c, "k", "still good", 0);
    contract_holds(c, "k", "still good");
    assert_int_equal(contract_stats(c, c->cache).pinned, 0);
}

static const contract_test tests[] = {
    {"fork_plain", fork_plain, NEED_STORE},
    {"fork_without_streams", fork_without_streams, NEED_STORE},
    {"fork_many_handles", fork_many_handles, NEED_STORE},
    {"fork_private", fork_private, NEED_STORE | NEED_PRIVATE_FORK},
    {"fork_under_load", fork_under_load, NEED_STORE},
};
CONTRACT_THEME(forking, tests);
