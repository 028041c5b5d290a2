/*
 * classic_server.c - a memcached without meta commands.
 */
#include "classic_server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 32
#define WORDS_MAX 256
#define LINE_MAX_BYTES 65536
#define RELATIVE_MAX 2592000

typedef struct client {
    int fd; /* -1: none */
    char *in;
    size_t have, capacity;
    char *out; /* replies, until all that has come in is done */
    size_t out_have, out_capacity;
    bool is_broken; /* no memory for a reply */
} client;

/* One command, as far as it is understood. */
typedef struct command {
    char *words[WORDS_MAX];
    size_t count;
    const char *value; /* of a store */
    size_t value_size;
} command;

/* ---- items; under the lock ---- */

static bool is_live(const classic_server *server, const classic_item *item) {
    return item->ends_s == 0 || item->ends_s > server->now_s;
}

static void drop(classic_server *server, classic_item *item) {
    free(item->value);
    *item = server->items[--server->count];
}

static classic_item *find(classic_server *server, const char *key) {
    for (size_t i = 0; i < server->count; i++) {
        classic_item *item = &server->items[i];
        if (strcmp(item->key, key) != 0) continue;
        if (is_live(server, item)) return item;
        drop(server, item);
        return NULL;
    }
    return NULL;
}

/* When an item ends that is given such a time: below zero at once, up to 30 days from now on. */
static int64_t end_of(const classic_server *server, int64_t exptime) {
    if (exptime == 0) return 0;
    if (exptime < 0) return server->now_s;
    return exptime <= RELATIVE_MAX ? server->now_s + exptime : exptime;
}

/* Whether there was room. */
static bool put(classic_server *server, const char *key, uint32_t flags, int64_t exptime,
                const char *value, size_t size) {
    classic_item *item = find(server, key);
    char *copy = malloc(size + 1);
    if (copy == NULL || (item == NULL && server->count == CLASSIC_ITEMS_MAX)) {
        free(copy);
        return false;
    }
    if (item == NULL) {
        item = &server->items[server->count++];
        *item = (classic_item){.flags = 0};
        snprintf(item->key, sizeof item->key, "%s", key);
    }
    memcpy(copy, value, size);
    copy[size] = '\0';
    free(item->value);
    item->value = copy;
    item->size = size;
    item->flags = flags;
    item->exptime = exptime;
    item->ends_s = end_of(server, exptime);
    item->cas = ++server->last_cas;
    return true;
}

/* ---- replies ---- */

static void add_bytes(client *c, const char *bytes, size_t size) {
    if (c->out_capacity - c->out_have < size) {
        size_t capacity = c->out_capacity * 2 + size;
        char *more = realloc(c->out, capacity);
        c->is_broken |= more == NULL;
        if (more == NULL) return;
        c->out = more;
        c->out_capacity = capacity;
    }
    memcpy(c->out + c->out_have, bytes, size);
    c->out_have += size;
}

/* Sends the replies, in one piece or in as many as there are bytes. */
static bool send_replies(classic_server *server, client *c) {
    bool is_split = atomic_load(&server->fault) == CLASSIC_SPLIT;
    size_t done = 0;
    while (done < c->out_have) {
        ssize_t sent = send(c->fd, c->out + done, is_split ? 1 : c->out_have - done, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        done += (size_t)sent;
    }
    c->out_have = 0;
    return !c->is_broken;
}

static void say(client *c, const char *line) {
    add_bytes(c, line, strlen(line));
    add_bytes(c, "\r\n", 2);
}

static void say_value(const classic_server *server, client *c, const classic_item *item,
                      bool has_cas) {
    char line[CLASSIC_KEY_MAX + 100];
    const char *key = item->key;
    if (atomic_load(&server->fault) == CLASSIC_OTHER_KEY) key = "another-key";
    int size =
        has_cas ? snprintf(line, sizeof line, "VALUE %s %u %zu %" PRIu64 "\r\n", key, item->flags,
                           item->size, item->cas)
                : snprintf(line, sizeof line, "VALUE %s %u %zu\r\n", key, item->flags, item->size);
    if (atomic_load(&server->fault) == CLASSIC_META)
        size = snprintf(line, sizeof line, "VA %zu f%u c%" PRIu64 "\r\n", item->size, item->flags,
                        item->cas);
    add_bytes(c, line, (size_t)size);
    add_bytes(c, item->value, item->size);
    add_bytes(c, "\r\n", 2);
}

/* ---- commands; under the lock ---- */

static void run_get(classic_server *server, client *c, const command *cmd) {
    atomic_fetch_add(&server->lookups, 1);
    for (size_t i = 1; i < cmd->count; i++) {
        if (strlen(cmd->words[i]) > CLASSIC_KEY_MAX) {
            say(c, "CLIENT_ERROR bad command line format");
            return;
        }
        const classic_item *item = find(server, cmd->words[i]);
        if (item != NULL) say_value(server, c, item, strcmp(cmd->words[0], "gets") == 0);
    }
    say(c, atomic_load(&server->fault) == CLASSIC_NO_END ? "STORED" : "END");
}

static void run_store(classic_server *server, client *c, const command *cmd) {
    const char *verb = cmd->words[0], *key = cmd->words[1];
    const classic_item *item = find(server, key);
    if (cmd->value_size > CLASSIC_ITEM_BYTES) {
        say(c, "SERVER_ERROR object too large for cache");
    } else if (strcmp(verb, "cas") == 0 && item == NULL) {
        say(c, "NOT_FOUND");
    } else if (strcmp(verb, "cas") == 0 && item->cas != strtoull(cmd->words[5], NULL, 10)) {
        say(c, "EXISTS");
    } else if ((strcmp(verb, "add") == 0 && item != NULL) ||
               (strcmp(verb, "replace") == 0 && item == NULL)) {
        say(c, "NOT_STORED");
    } else if (put(server, key, (uint32_t)strtoul(cmd->words[2], NULL, 10),
                   strtoll(cmd->words[3], NULL, 10), cmd->value, cmd->value_size)) {
        say(c, atomic_load(&server->fault) == CLASSIC_META ? "HD" : "STORED");
    } else {
        say(c, "SERVER_ERROR out of memory storing object");
    }
}

static void run_incr(classic_server *server, client *c, const command *cmd) {
    classic_item *item = find(server, cmd->words[1]);
    char digits[24], *end = NULL;
    if (item == NULL) {
        say(c, "NOT_FOUND");
        return;
    }
    uint64_t number = strtoull(item->value, &end, 10);
    if (end == item->value || *end != '\0') {
        say(c, "CLIENT_ERROR cannot increment or decrement non-numeric value");
        return;
    }
    number += strtoull(cmd->words[2], NULL, 10);
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    int64_t ends_s = item->ends_s, exptime = item->exptime;
    (void)put(server, item->key, item->flags, 0, digits, strlen(digits));
    item->ends_s = ends_s;
    item->exptime = exptime;
    say(c, digits);
}

static void run_delete(classic_server *server, client *c, const command *cmd) {
    classic_item *item = find(server, cmd->words[1]);
    if (item != NULL) drop(server, item);
    say(c, item != NULL ? "DELETED" : "NOT_FOUND");
}

static void run_flush(classic_server *server, client *c) {
    atomic_fetch_add(&server->flushes, 1);
    while (server->count > 0) drop(server, &server->items[0]);
    say(c, "OK");
}

static void run_stats(classic_server *server, client *c) {
    char line[64];
    snprintf(line, sizeof line, "STAT curr_items %zu", server->count);
    say(c, line);
    say(c, "END");
}

static void run_other(classic_server *server, client *c, const command *cmd) {
    char line[64];
    const char *verb = cmd->count > 0 ? cmd->words[0] : "";
    if (strcmp(verb, "version") == 0) {
        snprintf(line, sizeof line, "VERSION %s", server->version);
        say(c, line);
    } else if (strcmp(verb, "mn") == 0) {
        say(c, server->knows_mn ? "MN" : "ERROR");
    } else {
        atomic_fetch_add(&server->unknown, 1);
        say(c, "ERROR");
    }
}

static bool is_store(const command *cmd) {
    const char *verb = cmd->count > 0 ? cmd->words[0] : "";
    if (strcmp(verb, "cas") == 0) return cmd->count == 6;
    return cmd->count == 5 &&
           (strcmp(verb, "set") == 0 || strcmp(verb, "add") == 0 || strcmp(verb, "replace") == 0);
}

static void run(classic_server *server, client *c, const command *cmd) {
    const char *verb = cmd->count > 0 ? cmd->words[0] : "";
    if (cmd->count > 1 && (strcmp(verb, "get") == 0 || strcmp(verb, "gets") == 0)) {
        run_get(server, c, cmd);
    } else if (is_store(cmd)) {
        run_store(server, c, cmd);
    } else if (strcmp(verb, "incr") == 0 && cmd->count == 3) {
        run_incr(server, c, cmd);
    } else if (strcmp(verb, "delete") == 0 && cmd->count == 2) {
        run_delete(server, c, cmd);
    } else if (strcmp(verb, "flush_all") == 0) {
        run_flush(server, c);
    } else if (strcmp(verb, "stats") == 0) {
        run_stats(server, c);
    } else {
        run_other(server, c, cmd);
    }
}

/* ---- connections ---- */

static void split(char *line, command *cmd) {
    char *rest = NULL;
    cmd->count = 0;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (cmd->count < WORDS_MAX) cmd->words[cmd->count++] = word;
    }
}

/* Runs the command at the front of what has come in, if it is whole: its length, 0, or -1 when the
 * connection is to be closed. */
static ssize_t take_command(classic_server *server, client *c) {
    char *newline = c->have > 0 ? memchr(c->in, '\n', c->have) : NULL;
    if (newline == NULL) return c->have > LINE_MAX_BYTES ? -1 : 0;
    size_t used = (size_t)(newline + 1 - c->in);
    size_t line_size = used - (used > 1 && newline[-1] == '\r' ? 2 : 1);
    char *line = strndup(c->in, line_size);
    if (line == NULL) return -1;
    command cmd = {.value = NULL};
    split(line, &cmd);
    bool is_whole = true;
    if (is_store(&cmd)) {
        cmd.value = c->in + used;
        cmd.value_size = strtoul(cmd.words[4], NULL, 10);
        used += cmd.value_size + 2;
        is_whole = c->have >= used;
    }
    if (is_whole && cmd.value != NULL && memcmp(cmd.value + cmd.value_size, "\r\n", 2) != 0) {
        say(c, "CLIENT_ERROR bad data chunk");
    } else if (is_whole) {
        pthread_mutex_lock(&server->lock);
        run(server, c, &cmd);
        pthread_mutex_unlock(&server->lock);
    }
    free(line);
    return is_whole ? (ssize_t)used : 0;
}

static void end_client(client *c) {
    close(c->fd);
    free(c->in);
    free(c->out);
    *c = (client){.fd = -1};
}

/* Reads what has come. Whether the connection goes on. */
static bool receive(client *c) {
    if (c->capacity - c->have < LINE_MAX_BYTES) {
        size_t capacity = c->capacity * 2 + LINE_MAX_BYTES;
        char *more = realloc(c->in, capacity);
        if (more == NULL) return false;
        c->in = more;
        c->capacity = capacity;
    }
    ssize_t got = recv(c->fd, c->in + c->have, c->capacity - c->have, 0);
    if (got > 0) c->have += (size_t)got;
    return got > 0;
}

static void serve(classic_server *server, client *c) {
    ssize_t used = receive(c) ? 0 : -1;
    while (used >= 0 && (used = take_command(server, c)) > 0) {
        c->have -= (size_t)used;
        memmove(c->in, c->in + used, c->have);
    }
    if (used < 0 || !send_replies(server, c)) end_client(c);
}

static void accept_client(const classic_server *server, client *clients) {
    int fd = accept(server->listener, NULL, NULL), on = 1;
    /* Replies are sent in pieces, none of which is to wait for the one before. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0) continue;
        clients[i] = (client){.fd = fd};
        return;
    }
    close(fd);
}

static void *serve_all(void *arg) {
    classic_server *server = arg;
    client clients[CLIENTS_MAX];
    struct pollfd polls[CLIENTS_MAX + 1];
    for (int i = 0; i < CLIENTS_MAX; i++) clients[i] = (client){.fd = -1};
    while (!atomic_load(&server->is_over)) {
        polls[CLIENTS_MAX] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        for (int i = 0; i < CLIENTS_MAX; i++)
            polls[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        if (poll(polls, CLIENTS_MAX + 1, 20) <= 0) continue;
        for (int i = 0; i < CLIENTS_MAX; i++) {
            if (clients[i].fd >= 0 && polls[i].revents != 0) serve(server, &clients[i]);
        }
        if (polls[CLIENTS_MAX].revents != 0) accept_client(server, clients);
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0) end_client(&clients[i]);
    }
    return NULL;
}

/* ---- for tests ---- */

int classic_server_start(classic_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->now_s = time(NULL);
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 ||
        bind(server->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listener, 64) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&server->thread, NULL, serve_all, server) != 0)
        return -1;
    server->port = ntohs(address.sin_port);
    return 0;
}

void classic_server_stop(classic_server *server) {
    atomic_store(&server->is_over, 1);
    pthread_join(server->thread, NULL);
    close(server->listener);
    while (server->count > 0) drop(server, &server->items[0]);
    pthread_mutex_destroy(&server->lock);
}

void classic_server_advance(classic_server *server, int64_t seconds) {
    pthread_mutex_lock(&server->lock);
    server->now_s += seconds;
    pthread_mutex_unlock(&server->lock);
}

void classic_server_put(classic_server *server, const char *key, uint32_t flags, int64_t exptime,
                        const char *value) {
    pthread_mutex_lock(&server->lock);
    (void)put(server, key, flags, exptime, value, strlen(value));
    pthread_mutex_unlock(&server->lock);
}

bool classic_server_find(classic_server *server, const char *key, classic_item *ret_item) {
    pthread_mutex_lock(&server->lock);
    const classic_item *item = find(server, key);
    bool is_found = item != NULL;
    if (is_found) {
        *ret_item = *item;
        ret_item->value = malloc(item->size + 1);
        is_found = ret_item->value != NULL;
        if (is_found) memcpy(ret_item->value, item->value, item->size + 1);
    }
    pthread_mutex_unlock(&server->lock);
    return is_found;
}
