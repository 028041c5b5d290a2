/*
 * classic_server.h - a memcached of the years before meta commands, for tests: it knows get, gets,
 * set, add, replace, cas, delete, incr, flush_all, version and stats, and answers ERROR to all
 * else, also to each line of a value that follows a command it does not know.
 *
 * Its seconds pass only when a test says so, its replies can be spoilt, and what it holds can be
 * looked at. One thread serves all connections, on a port of the kernel's choice.
 */
#ifndef JAY_CLASSIC_SERVER_H
#define JAY_CLASSIC_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASSIC_KEY_MAX 250
#define CLASSIC_ITEMS_MAX 512
#define CLASSIC_ITEM_BYTES ((size_t)1 << 20)

enum classic_fault {
    CLASSIC_SOUND,
    CLASSIC_OTHER_KEY, /* a VALUE names another key than the one asked for */
    CLASSIC_NO_END,    /* a VALUE has no END behind it, but another line */
    CLASSIC_META,      /* replies are those of meta commands */
    CLASSIC_SPLIT      /* every byte of a reply is sent on its own */
};

typedef struct classic_item {
    char key[CLASSIC_KEY_MAX + 1];
    uint32_t flags;
    int64_t exptime; /* as it was given */
    int64_t ends_s;  /* by the server's clock; 0: never */
    uint64_t cas;
    char *value; /* with a NUL behind it */
    size_t size;
} classic_item;

typedef struct classic_server {
    const char *version;  /* set before the start: "1.4.15" */
    bool knows_mn;        /* set before the start: as early versions of 1.6 */
    int port;             /* that it listens at, on 127.0.0.1 */
    _Atomic int fault;    /* enum classic_fault */
    _Atomic long unknown; /* lines answered with ERROR, but `mn` */
    _Atomic long flushes;
    _Atomic long lookups; /* lines of get or gets */
    _Atomic int is_over;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    int64_t now_s;
    uint64_t last_cas;
    classic_item items[CLASSIC_ITEMS_MAX];
    size_t count;
} classic_server;

/* Starts a thread; 0, or -1 when that cannot be. The structure is all NUL bytes but for what is set
 * before. */
int classic_server_start(classic_server *server);
void classic_server_stop(classic_server *server);

/* Lets seconds pass. */
void classic_server_advance(classic_server *server, int64_t seconds);

/* Stores an item as another client would. */
void classic_server_put(classic_server *server, const char *key, uint32_t flags, int64_t exptime,
                        const char *value);

/* A copy of an item that has not expired, whose value is the caller's to free; false: there is
 * none. */
bool classic_server_find(classic_server *server, const char *key, classic_item *ret_item);

#endif
