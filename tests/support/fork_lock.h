/*
 * fork_lock.h - a mutex that is free again in a forked child.
 *
 * The handlers of pthread_atfork take every such lock before a fork, the newest first, and drop
 * them after it, in both processes. A thread that takes a second one while it holds a first takes
 * them in that order, too, and holds none while it makes or ends one: so nothing can deadlock.
 */
#ifndef FORK_LOCK_H
#define FORK_LOCK_H

#include <pthread.h>

typedef struct fork_lock {
    pthread_mutex_t mutex;
    struct fork_lock *next;
    struct fork_lock *previous;
} fork_lock;

void fork_lock_init(fork_lock *lock);
void fork_lock_deinit(fork_lock *lock);

static inline void fork_lock_take(fork_lock *lock) {
    pthread_mutex_lock(&lock->mutex);
}

static inline void fork_lock_drop(fork_lock *lock) {
    pthread_mutex_unlock(&lock->mutex);
}

#endif
