/*
 * file_faults.h - a system call on files that fails, or before which the process dies.
 */
#ifndef FILE_FAULTS_H
#define FILE_FAULTS_H

#include <stdbool.h>

/* From now on the call of that position, counted from 1, fails with `code`; 0: the process ends
 * there, with status 0. Position 0: none does. Until fault_end. */
void fault_begin(int position, int code);
void fault_end(void);

extern bool fault_has_happened;

/*
 * Whole folders are gone through with the same calls for each. fault_learn keeps what has been
 * called since fault_begin; then fault_is_worth says of a position whether fewer than two before it
 * are like it: the same call, after the same eight with the same outcomes. With JAY_TEST_LONG all
 * are worth it.
 */
void fault_learn(void);
bool fault_is_worth(int position);

/* Letters of the calls since fault_begin that matter to what survives: w write, s sync, r rename,
 * x exchange, u unlink. */
extern char fault_trace[512];

#endif
