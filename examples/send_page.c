/*
 * send_page.c - sends a cached page straight from its file: the kernel copies it from its page
 * cache into the socket, and the program never has it in its memory. jay_file_path gives the
 * descriptor; the page stays what it is while that is open, even if somebody stores a new one.
 */
#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
#include <ftw.h>
#include <jaycache/jaycache.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGE_BYTES = 20000 };

/* Sends the page of a key; 0, or -1 when it is not there or cannot be sent. */
static int send_page(jay_cache *cache, const char *key, int socket_fd) {
    jay_file_place place;
    if (jay_file_path(cache, key, strlen(key), &place, sizeof place, NULL) != JAY_OK) return -1;

    /* Somebody rebuilds the page while we are at it: what we send is still the old one, whole. */
    jay_set_str(cache, key, "another page", JAY_TTL_DEFAULT);

    char head[100];
    int head_size =
        snprintf(head, sizeof head, "Content-Length: %lld\r\n\r\n", (long long)place.size);
    int result = send(socket_fd, head, (size_t)head_size, MSG_NOSIGNAL) == head_size ? 0 : -1;
    off_t at = (off_t)place.offset;
    off_t end = at + (off_t)place.size;
    while (result == 0 && at < end) {
        if (sendfile(socket_fd, place.fd, &at, (size_t)(end - at)) <= 0) result = -1;
    }
    close(place.fd);
    return result;
}

/* The other end of the connection: whether what comes is a page of PAGE_BYTES times 'p'. */
static int receive_page(int socket_fd) {
    static char bytes[PAGE_BYTES + 100];
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < sizeof bytes) {
        got = recv(socket_fd, bytes + size, sizeof bytes - size, 0);
        if (got > 0) size += (size_t)got;
    }
    if (size < PAGE_BYTES) return 0;
    const char *page = bytes + size - PAGE_BYTES;
    printf("received %zu bytes; the page begins with %.8s\n", size, page);
    for (size_t i = 0; i < PAGE_BYTES; i++) {
        if (page[i] != 'p') return 0;
    }
    return strncmp(bytes, "Content-Length: 20000\r\n\r\n", 25) == 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

int main(void) {
    char folder[] = "/tmp/jaycache-send-page.XXXXXX", url[100];
    static char page[PAGE_BYTES];
    jay_cache *cache;
    jay_error error;
    int ends[2], is_right = 0;
    memset(page, 'p', sizeof page);
    if (mkdtemp(folder) == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
    snprintf(url, sizeof url, "file:%s/cache?layout=files", folder);
    if (jay_open(url, NULL, &cache, &error) != JAY_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    if (jay_set(cache, "page:/", 6, page, sizeof page, 60000, NULL) == JAY_OK &&
        send_page(cache, "page:/", ends[0]) == 0) {
        close(ends[0]);
        is_right = receive_page(ends[1]);
    }
    close(ends[1]);
    int is_closed = jay_close(cache) == JAY_OK;
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return is_right && is_closed ? 0 : 1;
}
