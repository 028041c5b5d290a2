/*
 * redis_fake.c - a server that says what a test wants.
 */
#include "redis_fake.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32

static void require(bool holds) {
    if (holds) return;
    perror("redis_fake");
    exit(1);
}

bool redis_fake_hears(const char *text, size_t size, const char *word) {
    return memmem(text, size, word, strlen(word)) != NULL;
}

/* Answers the commands that have come, which always come whole, and several together where threads
 * are more than connections: each begins with a '*', which is in no word here. Whether the
 * connection goes on. */
static bool reply_to(const redis_fake *fake, int fd) {
    char bytes[8192];
    const char *text = bytes;
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    for (size_t size = (size_t)got, used; size > 0; text += used, size -= used) {
        const char *next = memchr(text + 1, '*', size - 1);
        used = next != NULL ? (size_t)(next - text) : size;
        const char *reply = fake->answer(fake->arg, text, used);
        if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) != (ssize_t)strlen(reply)) return false;
    }
    return true;
}

static void *serve(void *arg) {
    const redis_fake *fake = arg;
    struct pollfd all[CONNECTIONS_MAX] = {{.fd = fake->listener, .events = POLLIN}};
    nfds_t count = 1;
    while (poll(all, count, -1) > 0) {
        for (nfds_t i = count - 1; i > 0; i--) {
            if (all[i].revents == 0 || reply_to(fake, all[i].fd)) continue;
            close(all[i].fd);
            all[i] = all[--count];
        }
        if (all[0].revents == 0) continue;
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0) break;
        const int yes = 1;
        require(count < CONNECTIONS_MAX &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
        all[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    while (--count > 0) close(all[count].fd);
    return NULL;
}

void redis_fake_start(redis_fake *fake, redis_fake_answer *answer, void *arg) {
    struct sockaddr_in host = {.sin_family = AF_INET};
    socklen_t size = sizeof host;
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fake->answer = answer;
    fake->arg = arg;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(bind(fake->listener, (const struct sockaddr *)&host, sizeof host) == 0);
    require(getsockname(fake->listener, (struct sockaddr *)&host, &size) == 0);
    require(listen(fake->listener, CONNECTIONS_MAX) == 0);
    fake->port = ntohs(host.sin_port);
    require(pthread_create(&fake->thread, NULL, serve, fake) == 0);
}

void redis_fake_end(redis_fake *fake) {
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
}
