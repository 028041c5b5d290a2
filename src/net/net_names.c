/*
 * net_names.c - looking up the addresses of a host, and fork.
 *
 * The C library's resolver has locks that know nothing of fork: a child of glibc that was forked
 * while another thread was looking a name up waits for ever in its own first look-up. So who looks
 * up is counted, and fork waits until nobody does. A name server that does not answer keeps a
 * look-up for many seconds; fork does not wait for that one, and such a child has the trouble
 * still. Addresses in numbers need none of those locks.
 */
#include "net/net_names.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "os/clock.h"

/* Global, because fork and the resolver are the process's. The lock is held over fork. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int inside;  /* threads that are looking up */
static int closing; /* forks that wait for them: nobody new comes in */

/* No condition: its waiters would have to be told apart from a child's. */
static void pause_shortly(void) {
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void enter(void) {
    pthread_mutex_lock(&lock);
    while (closing > 0) {
        pthread_mutex_unlock(&lock);
        pause_shortly();
        pthread_mutex_lock(&lock);
    }
    inside++;
    pthread_mutex_unlock(&lock);
}

static void leave(void) {
    pthread_mutex_lock(&lock);
    inside--;
    pthread_mutex_unlock(&lock);
}

int jayi_names_find(const char *host, uint16_t port, struct addrinfo **ret_found) {
    char text[8];
    snprintf(text, sizeof text, "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int failure = getaddrinfo(host, text, &hints, ret_found);
    if (failure != EAI_NONAME) return failure;
    hints.ai_flags = AI_ADDRCONFIG;
    enter();
    failure = getaddrinfo(host, text, &hints, ret_found);
    leave();
    return failure;
}

void jayi_names_before_fork(void) {
    int64_t until_ms = jayi_clock_ms() + JAYI_NAMES_WAIT_MS;
    pthread_mutex_lock(&lock);
    closing++;
    while (inside > 0 && jayi_clock_ms() < until_ms) {
        pthread_mutex_unlock(&lock);
        pause_shortly();
        pthread_mutex_lock(&lock);
    }
}

void jayi_names_after_fork(void) {
    closing--;
    pthread_mutex_unlock(&lock);
}

void jayi_names_in_child(void) {
    inside = closing = 0;
    pthread_mutex_unlock(&lock);
}
