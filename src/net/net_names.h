/*
 * net_names.h - looking up the addresses of a host, and fork.
 */
#ifndef JAYI_NET_NAMES_H
#define JAYI_NET_NAMES_H

#include <netdb.h>
#include <stdint.h>

/* What getaddrinfo says; *ret_found goes to freeaddrinfo. */
int jayi_names_find(const char *host, uint16_t port, struct addrinfo **ret_found);

/*
 * For the handlers of fork, before any other lock is taken: waits until no thread is looking a name
 * up, for JAYI_NAMES_WAIT_MS at most, and keeps all out; lets them in again; makes the child's.
 */
#define JAYI_NAMES_WAIT_MS 1000
void jayi_names_before_fork(void);
void jayi_names_after_fork(void);
void jayi_names_in_child(void);

#endif
