/*
 * faulty_proxy.h - stands between a client and a server, and spoils one byte of the replies.
 *
 * The fault strikes when so many bytes of replies have passed on a connection since
 * faulty_proxy_spoil. Then: the byte is held back for good, the connection is closed, the byte is
 * changed (GARBLE: a digit to none; DIGIT: a digit to another one), or it is sent twice. Or every
 * byte is sent on its own.
 */
#ifndef JAY_FAULTY_PROXY_H
#define JAY_FAULTY_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

enum proxy_fault {
    PROXY_NONE,
    PROXY_HOLD,
    PROXY_CLOSE,
    PROXY_GARBLE,
    PROXY_DIGIT,
    PROXY_REPEAT,
    PROXY_SPLIT
};

typedef struct faulty_proxy {
    int port; /* that it listens at, on 127.0.0.1 */
    int to_port;
    int listener;
    _Atomic int fault; /* enum proxy_fault */
    _Atomic long position;
    _Atomic int round; /* counts the calls of faulty_proxy_spoil */
    _Atomic int is_over;
    pthread_t thread;
} faulty_proxy;

/* Starts a thread; 0, or -1 when that cannot be. */
int faulty_proxy_start(faulty_proxy *proxy, int to_port);
void faulty_proxy_spoil(faulty_proxy *proxy, enum proxy_fault fault, long position);
void faulty_proxy_stop(faulty_proxy *proxy);

#endif
