/*
 * redis_server.h - real Redis servers for tests: each in a process of its own, on a unix socket in
 * a temporary folder and on a port of the loopback that the kernel picks; they end with the program
 * that started them.
 */
#ifndef JAY_REDIS_SERVER_H
#define JAY_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REDIS_OPTIONS_MAX 32

typedef struct redis_server {
    pid_t pid; /* 0: not running */
    bool is_tls;
    bool is_stopped;
    bool is_cluster;  /* a node of one; `bus_port` is picked */
    bool is_sentinel; /* by the file `config` in the folder, which must be there */
    int port;
    int bus_port;
    int held[2]; /* sockets that keep these ports for it; -1: none */
    char dir[64];
    char keys_dir[64]; /* where the keys of TLS are */
    char socket[96];
    const char *options[REDIS_OPTIONS_MAX]; /* further words of the command line */
    size_t option_count;
} redis_server;

/* Each ends the program with a message when it fails; where there is no redis-server, with status
 * 77, by which ctest sees that the test was skipped. */
void redis_server_init(redis_server *server);
void redis_server_add_option(redis_server *server, const char *option);

/* Picks its ports now and not when it starts, and keeps others from taking them. */
void redis_server_reserve(redis_server *server);

/* Makes an authority and the server's certificate in the folder; the port speaks TLS. */
void redis_server_use_tls(redis_server *server);

/* Has a server that was not started yet take options and keys of another, whose folder must stay.
 */
void redis_server_resemble(redis_server *server, const redis_server *other);

/* Starts it, or starts it again at its addresses. */
void redis_server_start(redis_server *server);
void redis_server_kill(redis_server *server);
void redis_server_stop(redis_server *server);     /* SIGSTOP */
void redis_server_continue(redis_server *server); /* SIGCONT */

/*
 * Says a line to it as another client: words with spaces between, quoted where need be. The reply
 * is the line of one that is a line, with its mark ("+OK", ":1"), the bytes of a string, or those
 * of the parts of a list, a line each. False: there is none, within a long time.
 */
bool redis_server_say(const redis_server *server, const char *line, char *reply, size_t capacity);

/* Ends it and removes the folder. */
void redis_server_deinit(redis_server *server);

#endif
