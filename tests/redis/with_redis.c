/*
 * with_redis.c - runs a command while Redis servers run.
 *
 *     with_redis [--cluster|--sentinels] [--tls] [--option WORD]... -- COMMAND ARGUMENT...
 *
 * In the arguments @TCP@ stands for the server's host and port, @SOCKET@ for the path of its
 * socket, @DIR@ for its folder, and @NODES@ for the nodes of a cluster, or the sentinels. Ends with
 * the command's exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_group.h"

#define ARGUMENT_MAX 4096

static redis_server server;
static redis_group group;

static int usage(void) {
    fputs("usage: with_redis [--tls] [--cluster|--sentinels] [--option WORD]... -- COMMAND "
          "ARGUMENT...\n",
          stderr);
    return 2;
}

/* A copy of an argument with its placeholders filled in. */
static char *fill_in(const char *argument) {
    char tcp[32], *text = calloc(1, ARGUMENT_MAX);
    size_t used = 0;
    snprintf(tcp, sizeof tcp, "127.0.0.1:%d", server.port);
    const struct {
        const char *name, *value;
    } places[] = {{"@TCP@", tcp},
                  {"@SOCKET@", server.socket},
                  {"@DIR@", server.dir},
                  {"@NODES@", group.nodes}};
    while (text != NULL && *argument != '\0' && used + sizeof group.nodes < ARGUMENT_MAX) {
        size_t skipped = 0;
        for (size_t i = 0; i < sizeof places / sizeof places[0] && skipped == 0; i++) {
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
    bool is_tls = false, is_cluster = false, is_watched = false;
    redis_server_init(&server);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--tls") == 0) {
            is_tls = true;
        } else if (strcmp(argv[i], "--cluster") == 0) {
            is_cluster = true;
        } else if (strcmp(argv[i], "--sentinels") == 0) {
            is_watched = true;
        } else if (strcmp(argv[i], "--option") == 0 && i + 1 < argc) {
            redis_server_add_option(&server, argv[++i]);
        } else {
            return usage();
        }
    }
    if (i + 1 >= argc) return usage();
    if (is_tls) redis_server_use_tls(&server);
    group.model = &server;
    /* None is to be replaced: a machine may be slow. */
    if (is_cluster) redis_group_start_cluster(&group, "30000");
    if (is_watched) redis_group_start_sentinels(&group, "30000");
    if (!is_cluster && !is_watched) redis_server_start(&server);
    char **command = argv + i + 1;
    for (char **at = command; *at != NULL; at++) *at = fill_in(*at);
    int status = run(command);
    redis_group_end(&group);
    redis_server_deinit(&server);
    return status;
}
