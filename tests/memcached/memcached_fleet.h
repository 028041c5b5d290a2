/*
 * memcached_fleet.h - real memcached servers for tests: each in a process of its own, on a port
 * that the kernel picks or on a unix socket in a temporary folder; they end with the program that
 * started them.
 */
#ifndef JAY_MEMCACHED_FLEET_H
#define JAY_MEMCACHED_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FLEET_MAX 8
#define FLEET_OPTIONS_MAX 24

typedef struct fleet_server {
    pid_t pid; /* 0: not running */
    bool is_unix;
    bool is_stopped;
    int port;
    char address[160]; /* as a cache URL takes it: "127.0.0.1:PORT" or a path */
} fleet_server;

typedef struct fleet {
    char dir[64];
    size_t count;
    fleet_server servers[FLEET_MAX];
    const char *options[FLEET_OPTIONS_MAX]; /* further options of the servers */
    size_t option_count;
    bool is_tls;
} fleet;

/* Each ends the program with a message when it fails; where there is no memcached, with status 77,
 * by which ctest sees that the test was skipped. */
void fleet_init(fleet *f);
void fleet_add_option(fleet *f, const char *option);

/* Makes an authority and certificates of server and client in the folder, for servers that are
 * started from now on: ca.pem, server.pem, client.pem, each with its .key. */
void fleet_use_tls(fleet *f);

/* Starts one more server. */
fleet_server *fleet_start(fleet *f, bool is_unix);

/* Starts a server that has ended again at its address. */
void fleet_restart(fleet *f, fleet_server *server);

void fleet_kill(fleet_server *server);
void fleet_stop(fleet_server *server);     /* SIGSTOP */
void fleet_continue(fleet_server *server); /* SIGCONT */

/* Waits 10 ms. */
void fleet_pause(void);

/* "a,b,c" of all servers. */
void fleet_addresses(const fleet *f, char *text, size_t capacity);

/* Ends all servers and removes the folder. */
void fleet_deinit(fleet *f);

#endif
