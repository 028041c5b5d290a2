/*
 * linear_checker.h - whether what callers saw of one key can be explained.
 *
 * A history is what happened to one key: for each call, when it began and ended, what it wanted and
 * what it gave. It is linearizable when every call can be given a moment between its begin and its
 * end, so that the calls, one after the other in that order, give what they gave (Herlihy and Wing,
 * TOPLAS 12(3), 1990). The key begins absent.
 *
 * Every value that set, add, replace and cas store under a key must be stored there once only, so
 * that a value stands for the call that stored it. Counters are the exception; they are not used
 * with cas.
 */
#ifndef LINEAR_CHECKER_H
#define LINEAR_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINEAR_OPS_MAP(X) \
    X(GET, "get")         \
    X(HAS, "has")         \
    X(SET, "set")         \
    X(ADD, "add")         \
    X(REPLACE, "replace") \
    X(DELETE, "delete")   \
    X(CAS, "cas")         \
    X(INC, "inc")         \
    X(FAILED, "failed") /* a write that failed: the entry is as it was, or gone */

typedef enum linear_op {
#define LINEAR_OP(name, text) LINEAR_##name,
    LINEAR_OPS_MAP(LINEAR_OP)
#undef LINEAR_OP
} linear_op;

typedef struct linear_event {
    int64_t begin_ns; /* a moment before the call */
    int64_t end_ns;   /* a moment after it */
    linear_op op;
    int status;        /* JAY_OK, JAY_MISS, JAY_EXISTS or JAY_CHANGED */
    uint64_t argument; /* the value to store; inc: what to add */
    uint64_t expected; /* cas: the value that was seen with the version */
    uint64_t result;   /* get: the value; inc: the new number */
    uint64_t version;  /* get: that of a view, or 0 */
    uint32_t worker;
    uint32_t key;
} linear_event;

#define LINEAR_OPEN_MAX 32 /* calls that are under way at a time */

typedef enum linear_result { LINEAR_GOOD, LINEAR_BAD, LINEAR_UNDECIDED } linear_result;

/*
 * Checks a history, which is sorted by begin_ns on return. With `may_evict` the key may be lost at
 * any moment: it is absent from then on until it is stored again.
 *   ret_event  on LINEAR_BAD, the call before whose end no explanation is left.
 * LINEAR_UNDECIDED: too many possibilities, or no memory for them, or too many calls at a time.
 */
linear_result linear_check(linear_event *events, size_t count, bool may_evict, size_t *ret_event);

/* Whether no version goes with two values, nor a value with two versions. Sorts the events. */
linear_result linear_check_versions(linear_event *events, size_t count, size_t *ret_event);

const char *linear_op_name(linear_op op);

#endif
