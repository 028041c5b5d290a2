/*
 * with_redis.c - runs a command while a Redis server runs.
 *
 *     with_redis [--tls] [--option WORD]... -- COMMAND ARGUMENT...
 *
 * In the arguments @TCP@ stands for the server's host and port, @SOCKET@ for the path of its
 * socket, and @DIR@ for its folder. Ends with the command's exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_server.h"

#define ARGUMENT_MAX 4096

static redis_server server;

static int usage(void) {
    fputs("usage: with_redis [--tls] [--option WORD]... -- COMMAND ARGUMENT...\n", stderr);
    return 2;
}

/* A copy of an argument with its placeholders filled in. */
static char *fill_in(const char *argument) {
    char tcp[32], *text = calloc(1, ARGUMENT_MAX);
    size_t used = 0;
    snprintf(tcp, sizeof tcp, "127.0.0.1:%d", server.port);
    const struct {
        const char *name, *value;
    } places[] = {{"@TCP@", tcp}, {"@SOCKET@", server.socket}, {"@DIR@", server.dir}};
    while (text != NULL && *argument != '\0' && used + 128 < ARGUMENT_MAX) {
        size_t skipped = 0;
        for (size_t i = 0; i < 3 && skipped == 0; i++) {
            size_t size = strlen(places[i].name);
            if (strncmp(argument, places[i].name, size) != 0) continue;
            skipped = size;
            used += (size_t)snprintf(text + used, ARGUMENT_MAX - used, "%s", places[i].value);
        }
        argument += skipped;
        if (skipped == 0) text[used++] = *argument++;
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
    int i = 1;
    bool is_tls = false;
    redis_server_init(&server);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--tls") == 0) {
            is_tls = true;
        } else if (strcmp(argv[i], "--option") == 0 && i + 1 < argc) {
            redis_server_add_option(&server, argv[++i]);
        } else {
            return usage();
        }
    }
    if (i + 1 >= argc) return usage();
    if (is_tls) redis_server_use_tls(&server);
    redis_server_start(&server);
    char **command = argv + i + 1;
    for (char **at = command; *at != NULL; at++) *at = fill_in(*at);
    int status = run(command);
    redis_server_deinit(&server);
    return status;
}
