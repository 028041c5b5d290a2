/*
 * peer_memcached.c - a memcached server of this run's own, on a unix socket, one connection a
 * thread.
 *
 * The server is started in the scratch directory when the store is opened and ended when it is
 * closed; should the benchmark die, the kernel ends it. The meta protocol is written here by hand,
 * with as few system calls as there can be: one write and, nearly always, one read for a request or
 * a batch.
 *
 *     get     "mg KEY v\r\n"           ->  "VA SIZE\r\n" value "\r\n"   or   "EN\r\n"
 *     set     "ms KEY SIZE\r\n" value "\r\n"   ->  "HD\r\n"
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

enum { REPLY_BYTES = 64 * 1024 * 17, DEADLINE_MS = 10000, KEY_ROOM_BYTES = 320 };

typedef struct store {
    pid_t server;
    struct sockaddr_un address;
} store;

typedef struct handle {
    int socket;
    char *request; /* REPLY_BYTES long, like the reply */
    char *reply;
    size_t reply_used; /* bytes of the reply that were taken */
    size_t reply_size; /* bytes of the reply that are there */
    char message[96];
} handle;

/* ---- the server ------------------------------------------------------------------------------ */

static void run_server(const store *self, const char *megabytes, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    char *const arguments[] = {
        (char *)(uintptr_t)BENCH_MEMCACHED, (char *)(uintptr_t) "-s",
        (char *)(uintptr_t)self->address.sun_path, (char *)(uintptr_t) "-m",
        (char *)(uintptr_t)megabytes, (char *)(uintptr_t) "-t", (char *)(uintptr_t) "2",
        (char *)(uintptr_t) "-a", (char *)(uintptr_t) "0700",
        /* It refuses to be root unless it is told a user; else it ignores this. */
        (char *)(uintptr_t) "-u", (char *)(uintptr_t) "root", NULL};
    execv(BENCH_MEMCACHED, arguments);
    _exit(127);
}

static void sleep_ms(int ms) {
    const struct timespec pause = {.tv_nsec = ms * 1000000L};
    nanosleep(&pause, NULL);
}

static int connect_to(const store *self) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr *)&self->address, sizeof self->address) == 0) return fd;
    close(fd);
    return -1;
}

static bool wait_until_it_answers(const store *self) {
    for (int waited_ms = 0; waited_ms < DEADLINE_MS; waited_ms += 5) {
        const int fd = connect_to(self);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (waitpid(self->server, NULL, WNOHANG) == self->server) return false;
        sleep_ms(5);
    }
    return false;
}

static void memcached_close(void *state) {
    store *self = state;
    if (self->server > 0 && kill(self->server, SIGTERM) == 0) {
        int waited_ms = 0;
        while (waitpid(self->server, NULL, WNOHANG) == 0) {
            if (waited_ms++ == DEADLINE_MS) kill(self->server, SIGKILL);
            sleep_ms(1);
        }
    }
    unlink(self->address.sun_path);
    free(self);
}

static void *memcached_open(const peer_config *config, peer_error *error) {
    store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return NULL;
    }
    self->address.sun_family = AF_UNIX;
    const int length =
        snprintf(self->address.sun_path, sizeof self->address.sun_path, "%s/mc", config->scratch);
    if (length < 0 || (size_t)length >= sizeof self->address.sun_path) {
        snprintf(error->message, sizeof error->message, "%s: too long for a socket's name",
                 config->scratch);
        free(self);
        return NULL;
    }
    char megabytes[32];
    snprintf(megabytes, sizeof megabytes, "%zu", (config->capacity_bytes >> 20) * 2 + 128);
    const pid_t parent = getpid();
    self->server = fork();
    if (self->server == 0) run_server(self, megabytes, parent);
    if (self->server < 0 || !wait_until_it_answers(self)) {
        snprintf(error->message, sizeof error->message,
                 BENCH_MEMCACHED " does not answer on %s; does it run by hand?",
                 self->address.sun_path);
        memcached_close(self);
        return NULL;
    }
    return self;
}

static int memcached_process(void *state) {
    return (int)((store *)state)->server;
}

/* ---- the connection -------------------------------------------------------------------------- */

static void memcached_detach(void *state, void *arg) {
    handle *self = arg;
    (void)state;
    if (self->socket >= 0) close(self->socket);
    free(self->request);
    free(self->reply);
    free(self);
}

static void *memcached_attach(void *state, peer_error *error) {
    handle *self = calloc(1, sizeof *self);
    if (self == NULL) goto no_memory;
    self->socket = connect_to(state);
    self->request = malloc(REPLY_BYTES);
    self->reply = malloc(REPLY_BYTES);
    if (self->socket >= 0 && self->request != NULL && self->reply != NULL) return self;
    snprintf(error->message, sizeof error->message, "no connection to memcached: %s",
             strerror(errno));
    memcached_detach(state, self);
    return NULL;
no_memory:
    snprintf(error->message, sizeof error->message, "out of memory");
    return NULL;
}

static bool fail(handle *self, const char *what) {
    snprintf(self->message, sizeof self->message, "memcached: %s", what);
    return false;
}

static bool send_all(handle *self, size_t size) {
    for (size_t sent = 0; sent < size;) {
        const ssize_t count = send(self->socket, self->request + sent, size - sent, MSG_NOSIGNAL);
        if (count <= 0) return fail(self, "writing failed");
        sent += (size_t)count;
    }
    self->reply_used = self->reply_size = 0;
    return true;
}

/* Makes at least `size` bytes of the reply be there that were not taken yet. */
static bool receive(handle *self, size_t size) {
    while (self->reply_size - self->reply_used < size) {
        if (self->reply_size == REPLY_BYTES) return fail(self, "the reply is too long");
        const ssize_t count =
            recv(self->socket, self->reply + self->reply_size, REPLY_BYTES - self->reply_size, 0);
        if (count <= 0) return fail(self, "the connection ended");
        self->reply_size += (size_t)count;
    }
    return true;
}

/* Takes one line; it stays where it is, its end replaced by a NUL. */
static char *take_line(handle *self) {
    size_t looked_at = 0;
    for (;;) {
        if (!receive(self, looked_at + 1)) return NULL;
        char *line = self->reply + self->reply_used;
        const size_t there = self->reply_size - self->reply_used;
        char *end = memchr(line + looked_at, '\n', there - looked_at);
        if (end != NULL) {
            *end = '\0';
            self->reply_used = (size_t)(end - self->reply) + 1;
            return line;
        }
        looked_at = there;
    }
}

/* Takes the reply to one mg. */
static int take_value(handle *self, peer_view *ret_view) {
    const char *line = take_line(self);
    ret_view->data = NULL;
    ret_view->size = 0;
    if (line == NULL) return PEER_FAILED;
    if (strncmp(line, "EN", 2) == 0) return PEER_MISS;
    if (strncmp(line, "VA ", 3) != 0) {
        fail(self, "an unknown reply to a get");
        return PEER_FAILED;
    }
    const size_t size = (size_t)strtoul(line + 3, NULL, 10);
    if (size > REPLY_BYTES || !receive(self, size + 2)) return PEER_FAILED;
    ret_view->data = self->reply + self->reply_used;
    ret_view->size = size;
    self->reply_used += size + 2;
    return PEER_HIT;
}

static size_t compose_get(char *request, const void *key, size_t key_size) {
    char *end = request;
    memcpy(end, "mg ", 3);
    end += 3;
    memcpy(end, key, key_size);
    end += key_size;
    memcpy(end, " v\r\n", 4);
    return (size_t)(end - request) + 4;
}

static int memcached_get_into(void *arg, const void *key, size_t key_size, void *buffer,
                              size_t capacity, size_t *ret_size) {
    handle *self = arg;
    peer_view view;
    if (!send_all(self, compose_get(self->request, key, key_size))) return PEER_FAILED;
    const int status = take_value(self, &view);
    if (status != PEER_HIT) return status;
    if (view.size > capacity) return PEER_FAILED;
    memcpy(buffer, view.data, view.size);
    *ret_size = view.size;
    return PEER_HIT;
}

static int memcached_view_many(void *arg, const peer_key *keys, size_t count,
                               peer_view *ret_views) {
    handle *self = arg;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += compose_get(self->request + size, keys[i].data, keys[i].size);
    }
    if (!send_all(self, size)) return PEER_FAILED;
    for (size_t i = 0; i < count; i++) {
        if (take_value(self, &ret_views[i]) == PEER_FAILED) return PEER_FAILED;
    }
    return PEER_HIT;
}

static void memcached_release_many(void *arg, size_t count) {
    (void)arg;
    (void)count;
}

/* Sends the sets that are composed and takes their replies. */
static int finish_sets(handle *self, size_t size, size_t count) {
    if (!send_all(self, size)) return PEER_FAILED;
    for (size_t i = 0; i < count; i++) {
        const char *line = take_line(self);
        if (line == NULL) return PEER_FAILED;
        if (strncmp(line, "HD", 2) != 0) {
            snprintf(self->message, sizeof self->message, "memcached: a set was answered by %.40s",
                     line);
            return PEER_FAILED;
        }
    }
    return PEER_HIT;
}

/* Composes sets until the request is full; replies are a few bytes each, so that they cannot block.
 */
static int memcached_load(void *arg, const peer_pair *pairs, size_t count) {
    handle *self = arg;
    size_t size = 0, composed = 0;
    for (size_t i = 0; i < count; i++) {
        const peer_pair *pair = &pairs[i];
        if (pair->key.size + pair->value.size + KEY_ROOM_BYTES > REPLY_BYTES) {
            fail(self, "the value is too long for this client");
            return PEER_FAILED;
        }
        if (size + pair->key.size + pair->value.size + KEY_ROOM_BYTES > REPLY_BYTES) {
            if (finish_sets(self, size, composed) != PEER_HIT) return PEER_FAILED;
            size = composed = 0;
        }
        size +=
            (size_t)snprintf(self->request + size, KEY_ROOM_BYTES, "ms %.*s %zu\r\n",
                             (int)pair->key.size, (const char *)pair->key.data, pair->value.size);
        memcpy(self->request + size, pair->value.data, pair->value.size);
        memcpy(self->request + size + pair->value.size, "\r\n", 2);
        size += pair->value.size + 2;
        composed++;
    }
    return finish_sets(self, size, composed);
}

static int memcached_set(void *arg, const void *key, size_t key_size, const void *value,
                         size_t value_size) {
    const peer_pair pair = {{key, key_size}, {value, value_size}};
    return memcached_load(arg, &pair, 1);
}

static const char *memcached_message(void *arg) {
    return ((handle *)arg)->message;
}

const peer_ops peer_memcached = {
    .name = "memcached_unix",
    .title = "memcached, unix socket",
    .is_rival = true,
    .open = memcached_open,
    .close = memcached_close,
    .attach = memcached_attach,
    .detach = memcached_detach,
    .get_into = memcached_get_into,
    .set = memcached_set,
    .view_many = memcached_view_many,
    .release_many = memcached_release_many,
    .load = memcached_load,
    .process = memcached_process,
    .message = memcached_message,
};
