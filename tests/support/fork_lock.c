/*
 * fork_lock.c - the list of all fork locks, and the handlers that walk it.
 *
 * The list and its mutex are global because pthread_atfork knows no argument.
 */
#include "fork_lock.h"

#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static fork_lock *list;

static void before_fork(void) {
    pthread_mutex_lock(&list_mutex);
    for (fork_lock *lock = list; lock != NULL; lock = lock->next) fork_lock_take(lock);
}

static void after_fork(void) {
    for (fork_lock *lock = list; lock != NULL; lock = lock->next) fork_lock_drop(lock);
    pthread_mutex_unlock(&list_mutex);
}

static void install_handlers(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

void fork_lock_init(fork_lock *lock) {
    pthread_once(&once, install_handlers);
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_mutex_lock(&list_mutex);
    lock->previous = NULL;
    lock->next = list;
    if (list != NULL) list->previous = lock;
    list = lock;
    pthread_mutex_unlock(&list_mutex);
}

void fork_lock_deinit(fork_lock *lock) {
    pthread_mutex_lock(&list_mutex);
    if (lock->previous != NULL) lock->previous->next = lock->next;
    if (lock->previous == NULL) list = lock->next;
    if (lock->next != NULL) lock->next->previous = lock->previous;
    pthread_mutex_unlock(&list_mutex);
    pthread_mutex_destroy(&lock->mutex);
}
