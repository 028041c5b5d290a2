/*
 * shm_kit.h - what the tests of shm: share: names that nobody else has, children that report, and
 * files of regions to look at or to spoil.
 */
#ifndef SHM_KIT_H
#define SHM_KIT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../unit/unit.h"

/* The name of a region of this test program: "test-<pid>-<what>". Good until the next call but 3.
 */
const char *shm_name(const char *what);

/* The path of a region's file, or with ".lock" of its lock. Good until the next call but 3. */
const char *shm_path(const char *what, const char *suffix);

/* jay_open of shm:NAME?options. */
int shm_open_as(const char *what, const char *options, jay_cache **ret_cache, jay_error *error);

/* The same, where it has to succeed. */
jay_cache *shm_must_open(const char *what, const char *options);

/* Removes every region of this program and its children. For setup and teardown. */
int shm_clean(void **state);

/* ---- children ---- */

/* For children, which must not return into cmocka: says what does not hold and ends the process. */
#define CHILD_CHECK(holds) ((holds) ? (void)0 : shm_child_fails(#holds, __FILE__, __LINE__))

_Noreturn void shm_child_fails(const char *what, const char *file, int line);

enum { SHM_SKIPPED = 77 };

/* Starts a child that runs fn and exits with 0. */
pid_t shm_start(void (*fn)(void *arg), void *arg);

/* Waits for a child and returns its exit status; -1 - signal for one that was killed. */
int shm_wait(pid_t child);

/* Both; fails the test unless the child exits with 0, and skips it for SHM_SKIPPED. */
void shm_in_child(void (*fn)(void *arg), void *arg);

/* A gate that children wait at: -1 on failure. */
typedef struct shm_gate {
    int ends[2];
} shm_gate;

void shm_gate_make(shm_gate *gate);
void shm_gate_wait(const shm_gate *gate); /* in a child: until it is opened, or the parent ends */
void shm_gate_open(shm_gate *gate);       /* in the parent: for all, for good */

/* In a child: a mount namespace of its own; ends the child with SHM_SKIPPED, saying why, where that
 * is not permitted. */
void shm_child_own_mounts(void);

#endif
