/*
 * site_listen.c - the listening socket. See site_http.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "site_http.h"

/* Takes "host:port" apart; the host of "[::1]:80" is without brackets. Returns 0 or -1. */
static int split_address(const char *address, char host[64], char port[8]) {
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address) return -1;
    size_t host_size = (size_t)(colon - address);
    if (address[0] == '[' && colon[-1] == ']') {
        address++;
        host_size -= 2;
    }
    if (host_size == 0 || host_size >= 64 || strlen(colon + 1) >= 8) return -1;
    memcpy(host, address, host_size);
    host[host_size] = '\0';
    snprintf(port, 8, "%s", colon + 1);
    return strcmp(port, "0") == 0 || (site_parse_number(port, 65535) > 0) ? 0 : -1;
}

static int bind_socket(const struct addrinfo *info) {
    int yes = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, 511) < 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static void clear_port(struct addrinfo *info) {
    union {
        struct sockaddr *any;
        struct sockaddr_in *v4;
        struct sockaddr_in6 *v6;
    } address = {info->ai_addr};
    if (info->ai_family == AF_INET6)
        address.v6->sin6_port = 0;
    else
        address.v4->sin_port = 0;
}

static char *make_url(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    } bound;
    socklen_t size = sizeof(bound);
    char host[64], port[8];
    site_buf url = {NULL, 0, 0, 0};
    if (getsockname(fd, &bound.any, &size) < 0 ||
        getnameinfo(&bound.any, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    site_buf_format(&url, strchr(host, ':') ? "http://[%s]:%s/" : "http://%s:%s/", host, port);
    return url.data;
}

int site_listen(const char *address, int or_any_port, char **ret_url) {
    char host[64], port[8];
    struct addrinfo *info = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    if (split_address(address, host, port) < 0 || getaddrinfo(host, port, &hints, &info) != 0) {
        fprintf(stderr,
                "'%s' is no address to listen on; give a number and a port, as in "
                "127.0.0.1:8080 or [::1]:8080\n",
                address);
        return -1;
    }
    int fd = bind_socket(info);
    if (fd < 0 && errno == EADDRINUSE && or_any_port) {
        clear_port(info);
        fd = bind_socket(info);
    }
    if (fd < 0) fprintf(stderr, "listening on %s: %s\n", address, strerror(errno));
    freeaddrinfo(info);
    *ret_url = fd < 0 ? NULL : make_url(fd);
    if (fd >= 0 && !*ret_url) {
        fprintf(stderr, "listening on %s: its own address cannot be told\n", address);
        close(fd);
        fd = -1;
    }
    return fd;
}
