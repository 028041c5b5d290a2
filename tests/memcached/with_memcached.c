/*
 * with_memcached.c - runs a command while memcached servers run.
 *
 *     with_memcached [--unix] [--tls] [--servers N] [--option OPTION]... -- COMMAND ARGUMENT...
 *
 * In the arguments @SERVERS@ stands for the servers' addresses, and @DIR@ for their folder. Ends
 * with the command's exit status.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memcached_fleet.h"

#define ARGUMENT_MAX 4096

static fleet servers;

static int usage(void) {
    fputs("usage: with_memcached [--unix] [--tls] [--servers N] [--option OPTION]... -- COMMAND\n",
          stderr);
    return 2;
}

/* A copy of an argument with its placeholders filled in. */
static char *fill_in(const char *argument, const char *addresses, const char *dir) {
    char *text = calloc(1, ARGUMENT_MAX);
    size_t used = 0;
    while (text != NULL && *argument != '\0' && used + 1024 < ARGUMENT_MAX) {
        const char *with = NULL;
        if (strncmp(argument, "@SERVERS@", 9) == 0) with = addresses;
        if (strncmp(argument, "@DIR@", 5) == 0) with = dir;
        if (with == NULL) {
            text[used++] = *argument++;
            continue;
        }
        used += (size_t)snprintf(text + used, ARGUMENT_MAX - used, "%s", with);
        argument += with == dir ? 5 : 9;
    }
    return text;
}

static int run(char **command) {
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

int main(int argc, char **argv) {
    int count = 1, i = 1;
    bool is_unix = false, is_tls = false;
    fleet_init(&servers);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--unix") == 0) {
            is_unix = true;
        } else if (strcmp(argv[i], "--tls") == 0) {
            is_tls = true;
        } else if (strcmp(argv[i], "--servers") == 0 && i + 1 < argc) {
            count = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--option") == 0 && i + 1 < argc) {
            fleet_add_option(&servers, argv[++i]);
        } else {
            return usage();
        }
    }
    if (i + 1 >= argc || count < 1 || count > FLEET_MAX) return usage();
    if (is_tls) fleet_use_tls(&servers);
    for (int n = 0; n < count; n++) (void)fleet_start(&servers, is_unix);
    char addresses[1024];
    fleet_addresses(&servers, addresses, sizeof addresses);
    char **command = argv + i + 1;
    for (char **at = command; *at != NULL; at++) *at = fill_in(*at, addresses, servers.dir);
    int status = run(command);
    fleet_deinit(&servers);
    return status;
}
