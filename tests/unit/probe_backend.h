/*
 * probe_backend.h - a backend that stores nothing, writes down what the core asks of it, and
 * answers as the test says.
 *
 * There is one probe in a program, `probe`; probe_reset makes it new. Tests with it run on one
 * thread.
 */
#ifndef PROBE_BACKEND_H
#define PROBE_BACKEND_H

#include <jaycache/backend.h>

enum probe_option { PROBE_COUNT, PROBE_ROOM, PROBE_PATIENCE, PROBE_EAGER, PROBE_MODE, PROBE_LABEL };

#define PROBE_OPTION_COUNT 6

/* The value under every key, when probe.has_entry. */
#define PROBE_VALUE "probe's value"

typedef struct probe_state {
    jay_backend_ops ops; /* for jay_options_add_backend; tests may change it before */

    /* What to answer. A negative status comes with an error only if `message` is not NULL; then
     * that error has `error_code`, or the status when that is 0. */
    int open_status;
    int call_status;
    int close_status;
    int has_entry;
    const char *message;
    int error_code;
    int sys_errno;

    /* What happened. */
    int opened;
    int closed;
    int calls;
    int released;
    jay_backend_config config; /* as open saw it; its texts are copied to those below */
    char authority[256];
    char path[256];
    char prefix[1100];
    char label[256];
    jay_option_value values[PROBE_OPTION_COUNT];
    unsigned char key[70000]; /* of the last call */
    size_t key_size;
    jay_write write; /* the last one */
    int64_t ttl_ms;  /* of the last write, touch or inc */
} probe_state;

extern probe_state probe;

/* Forgets everything, and fills in a table with the scheme "probe" and all its functions. */
void probe_reset(void);

#endif
