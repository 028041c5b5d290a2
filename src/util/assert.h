/*
 * assert.h - internal invariants, checked in debug, test and fuzz builds only.
 *
 * Never for data from callers, sockets, files or shared memory: those are validated.
 */
#ifndef JAYI_ASSERT_H
#define JAYI_ASSERT_H

#ifdef JAY_DEBUG
#include <assert.h>
#define JAY_ASSERT(condition) assert(condition)
#else
#define JAY_ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
