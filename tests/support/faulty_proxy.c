/*
 * faulty_proxy.c - a proxy that spoils replies.
 */
#include "faulty_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 64
#define CHUNK 4096

typedef struct pair {
    int client;
    int server;
    long passed; /* bytes of replies, in this round */
    int round;
} pair;

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void send_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

/* Passes replies on. Whether the connection goes on. */
static bool pass_replies(faulty_proxy *proxy, pair *p, char *bytes, size_t size) {
    int fault = atomic_load(&proxy->fault), round = atomic_load(&proxy->round);
    if (p->round != round) p->passed = 0;
    p->round = round;
    long position = atomic_load(&proxy->position);
    if (fault == PROXY_SPLIT) {
        for (size_t i = 0; i < size; i++) send_all(p->client, bytes + i, 1);
        return true;
    }
    bool strikes =
        fault != PROXY_NONE && position >= p->passed && position < p->passed + (long)size;
    size_t before = strikes ? (size_t)(position - p->passed) : size;
    p->passed += (long)size;
    if (fault == PROXY_GARBLE && strikes) bytes[before] ^= 0x15;
    if (!strikes || fault == PROXY_GARBLE) {
        send_all(p->client, bytes, size);
        return true;
    }
    send_all(p->client, bytes, before);
    if (fault == PROXY_REPEAT) {
        send_all(p->client, bytes + before, 1);
        send_all(p->client, bytes + before, size - before);
    }
    if (fault == PROXY_HOLD) p->passed = position; /* nothing passes here */
    return fault != PROXY_CLOSE;
}

static void end_pair(pair *p) {
    close(p->client);
    close(p->server);
    p->client = p->server = -1;
}

/* Moves what has arrived on one side. */
static void move(faulty_proxy *proxy, pair *p, bool is_reply) {
    char bytes[CHUNK];
    ssize_t got = recv(is_reply ? p->server : p->client, bytes, sizeof bytes, 0);
    if (got <= 0) {
        end_pair(p);
    } else if (!is_reply) {
        send_all(p->server, bytes, (size_t)got);
    } else if (!pass_replies(proxy, p, bytes, (size_t)got)) {
        end_pair(p);
    }
}

static void accept_pair(faulty_proxy *proxy, pair *pairs) {
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(proxy->to_port);
    int on = 1;
    /* Else what comes in pieces waits for the kernel to put them together. */
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool is_connected = connect(server, (const struct sockaddr *)&to, sizeof to) == 0;
    for (int i = 0; is_connected && client >= 0 && i < PAIRS_MAX; i++) {
        if (pairs[i].client >= 0) continue;
        pairs[i] = (pair){client, server, 0, 0};
        return;
    }
    close(client);
    close(server);
}

static void *run(void *arg) {
    faulty_proxy *proxy = arg;
    pair pairs[PAIRS_MAX];
    struct pollfd polls[2 * PAIRS_MAX + 1];
    for (int i = 0; i < PAIRS_MAX; i++) pairs[i].client = pairs[i].server = -1;
    while (!atomic_load(&proxy->is_over)) {
        polls[2 * PAIRS_MAX] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (int i = 0; i < PAIRS_MAX; i++) {
            polls[2 * i] = (struct pollfd){.fd = pairs[i].client, .events = POLLIN};
            polls[2 * i + 1] = (struct pollfd){.fd = pairs[i].server, .events = POLLIN};
        }
        if (poll(polls, 2 * PAIRS_MAX + 1, 20) <= 0) continue;
        for (int i = 0; i < PAIRS_MAX; i++) {
            if (pairs[i].client >= 0 && polls[2 * i].revents != 0) move(proxy, &pairs[i], false);
            if (pairs[i].client >= 0 && polls[2 * i + 1].revents != 0) move(proxy, &pairs[i], true);
        }
        if (polls[2 * PAIRS_MAX].revents != 0) accept_pair(proxy, pairs);
    }
    for (int i = 0; i < PAIRS_MAX; i++) {
        if (pairs[i].client >= 0) end_pair(&pairs[i]);
    }
    return NULL;
}

int faulty_proxy_start(faulty_proxy *proxy, int to_port) {
    memset(proxy, 0, sizeof *proxy);
    proxy->to_port = to_port;
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 ||
        bind(proxy->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, 64) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        return -1;
    proxy->port = ntohs(address.sin_port);
    return 0;
}

void faulty_proxy_spoil(faulty_proxy *proxy, enum proxy_fault fault, long position) {
    atomic_store(&proxy->fault, PROXY_NONE);
    atomic_store(&proxy->position, position);
    atomic_fetch_add(&proxy->round, 1);
    atomic_store(&proxy->fault, (int)fault);
}

void faulty_proxy_stop(faulty_proxy *proxy) {
    atomic_store(&proxy->is_over, 1);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
}
