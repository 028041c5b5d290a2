/*
 * redis_server.c - real Redis servers for tests.
 *
 * Redis does not tell which port the kernel gave it, so one is picked beforehand by binding a
 * socket, which stays: Redis may bind there as well (SO_REUSEADDR, and the socket does not listen),
 * and the kernel gives the port to nobody else, also while the server is down. The waits here have
 * deadlines far beyond what any machine needs.
 */
#include "redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_ROUNDS 3000 /* of 10 ms */
#define PORT_ATTEMPTS 20

static void die(int status, const char *what) {
    fprintf(stderr, "redis_server: %s\n", what);
    exit(status);
}

static void pause_shortly(void) {
    struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

void redis_server_init(redis_server *server) {
    memset(server, 0, sizeof *server);
    server->held[0] = server->held[1] = -1;
    if (access("/usr/bin/redis-server", X_OK) != 0 &&
        access("/usr/local/bin/redis-server", X_OK) != 0)
        die(77, "skipped: there is no redis-server; on Debian: redis-server");
    snprintf(server->dir, sizeof server->dir, "/tmp/jaycache-redis-XXXXXX");
    if (mkdtemp(server->dir) == NULL) die(1, "no temporary folder can be made");
    snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server->dir);
}

void redis_server_add_option(redis_server *server, const char *option) {
    if (server->option_count == REDIS_OPTIONS_MAX) die(1, "too many options");
    server->options[server->option_count++] = option;
}

void redis_server_use_tls(redis_server *server) {
    static const char script[] =
        "exec >openssl.log 2>&1\n"
        "new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
        "openssl req -x509 $new -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority\n"
        "echo 'subjectAltName=IP:127.0.0.1' >server.ext\n"
        "openssl req $new -keyout server.key -out server.csr -subj /CN=server\n"
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile server.ext -out server.pem\n";
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(server->dir) != 0) _exit(1);
        execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    if (pid < 0 || !WIFEXITED(state) || WEXITSTATUS(state) != 0) die(1, "making keys failed");
    server->is_tls = true;
    memcpy(server->keys_dir, server->dir, sizeof server->keys_dir);
}

void redis_server_resemble(redis_server *server, const redis_server *other) {
    server->is_tls = other->is_tls;
    memcpy(server->keys_dir, other->keys_dir, sizeof server->keys_dir);
    for (size_t i = 0; i < other->option_count; i++)
        redis_server_add_option(server, other->options[i]);
}

/* ---- starting ---- */

static int pick_port(int *held) {
    struct sockaddr_in host = {.sin_family = AF_INET};
    socklen_t size = sizeof host;
    const int yes = 1;
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (*held >= 0) close(*held);
    *held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setsockopt(*held, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(*held, (const struct sockaddr *)&host, sizeof host) != 0 ||
        getsockname(*held, (struct sockaddr *)&host, &size) != 0)
        die(1, "the kernel gives no port");
    return ntohs(host.sin_port);
}

void redis_server_reserve(redis_server *server) {
    server->port = pick_port(&server->held[0]);
    if (server->is_cluster) server->bus_port = pick_port(&server->held[1]);
}

/* The child's command line. */
static void run_server(const redis_server *server) {
    char port[16], bus_port[16], config[96], cert[96], key[96], ca[96];
    const char *args[64 + REDIS_OPTIONS_MAX];
    size_t n = 0;
    snprintf(bus_port, sizeof bus_port, "%d", server->bus_port);
    snprintf(config, sizeof config, "%s/config", server->dir);
    snprintf(port, sizeof port, "%d", server->port);
    args[n++] = "redis-server";
    if (server->is_sentinel) args[n++] = config;
    const char *const plain[] = {"--bind",       "127.0.0.1",
                                 "--unixsocket", server->socket,
                                 "--save",       "",
                                 "--appendonly", "no",
                                 "--dir",        server->dir,
                                 "--logfile",    "server.log",
                                 "--port",       server->is_tls ? "0" : port};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) args[n++] = plain[i];
    if (server->is_tls) {
        snprintf(cert, sizeof cert, "%s/server.pem", server->keys_dir);
        snprintf(key, sizeof key, "%s/server.key", server->keys_dir);
        snprintf(ca, sizeof ca, "%s/ca.pem", server->keys_dir);
        /* Among each other they use it as well. */
        const char *const tls[] = {"--tls-port",         port, "--tls-cert-file",    cert,
                                   "--tls-key-file",     key,  "--tls-ca-cert-file", ca,
                                   "--tls-auth-clients", "no", "--tls-replication",  "yes",
                                   "--tls-cluster",      "yes"};
        for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++) args[n++] = tls[i];
    }
    const char *const cluster[] = {"--cluster-enabled", "yes", "--cluster-port", bus_port};
    for (size_t i = 0; i < 4 && server->is_cluster; i++) args[n++] = cluster[i];
    for (size_t i = 0; i < server->option_count; i++) args[n++] = server->options[i];
    if (server->is_sentinel) args[n++] = "--sentinel";
    args[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("redis-server", (char *const *)(uintptr_t)args);
    _exit(127);
}

static bool accepts(const redis_server *server, bool is_unix) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(path.sun_path, sizeof path.sun_path, "%.100s", server->socket);
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failure = is_unix ? connect(fd, (const struct sockaddr *)&path, sizeof path)
                          : connect(fd, (const struct sockaddr *)&host, sizeof host);
    close(fd);
    return failure == 0;
}

/* Whether it runs; false when it ended at once. */
static bool launch(redis_server *server) {
    fflush(NULL);
    server->pid = fork();
    if (server->pid < 0) die(1, "fork failed");
    if (server->pid == 0) run_server(server);
    for (int i = 0; i < WAIT_ROUNDS; i++) {
        if (accepts(server, true) && accepts(server, false)) return true;
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            return false;
        }
        pause_shortly();
    }
    die(1, "the server does not accept connections");
    return false;
}

void redis_server_start(redis_server *server) {
    bool is_first = server->port == 0;
    if (server->pid != 0) return;
    for (int i = 0; i < PORT_ATTEMPTS; i++) {
        if (is_first) redis_server_reserve(server);
        if (launch(server)) return;
    }
    die(1, "the server ended at once");
}

/* ---- saying ---- */

typedef struct listener {
    int fd;
    size_t begin, end;
    char bytes[4096];
    char *reply;
    size_t used, capacity;
} listener;

static int next_byte(listener *l) {
    if (l->begin == l->end) {
        ssize_t got = recv(l->fd, l->bytes, sizeof l->bytes, 0);
        if (got <= 0) return -1;
        l->begin = 0;
        l->end = (size_t)got;
    }
    return (unsigned char)l->bytes[l->begin++];
}

static void note_byte(listener *l, int byte) {
    if (l->used + 1 < l->capacity) l->reply[l->used++] = (char)byte;
    l->reply[l->used] = '\0';
}

/* Reads a line, without its end. */
static bool hear_line(listener *l, char *line, size_t capacity) {
    size_t used = 0;
    int byte;
    while ((byte = next_byte(l)) >= 0 && byte != '\n') {
        if (byte != '\r' && used + 1 < capacity) line[used++] = (char)byte;
    }
    line[used] = '\0';
    return byte == '\n';
}

static bool hear(listener *l) {
    char line[2048];
    if (!hear_line(l, line, sizeof line)) return false;
    long count = strtol(line + 1, NULL, 10);
    if (line[0] == '*') {
        for (long i = 0; i < count; i++) {
            if (i > 0) note_byte(l, '\n');
            if (!hear(l)) return false;
        }
        return true;
    }
    if (line[0] != '$') {
        for (const char *at = line; *at != '\0'; at++) note_byte(l, *at);
        return true;
    }
    for (long i = 0; i < count + 2 && count >= 0; i++) {
        int byte = next_byte(l);
        if (byte < 0) return false;
        if (i < count) note_byte(l, byte);
    }
    return true;
}

bool redis_server_say(const redis_server *server, const char *line, char *reply, size_t capacity) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    const struct timeval most = {.tv_sec = WAIT_ROUNDS / 100};
    snprintf(path.sun_path, sizeof path.sun_path, "%.100s", server->socket);
    listener l = {
        .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .reply = reply, .capacity = capacity};
    reply[0] = '\0';
    setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    bool is_said = connect(l.fd, (const struct sockaddr *)&path, sizeof path) == 0 &&
                   send(l.fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) &&
                   send(l.fd, "\r\n", 2, MSG_NOSIGNAL) == 2;
    bool is_heard = is_said && hear(&l);
    close(l.fd);
    return is_heard;
}

/* ---- signals ---- */

void redis_server_kill(redis_server *server) {
    if (server->pid == 0) return;
    kill(server->pid, SIGKILL);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) continue;
    server->pid = 0;
    server->is_stopped = false;
    unlink(server->socket);
}

void redis_server_stop(redis_server *server) {
    if (server->pid == 0 || server->is_stopped) return;
    kill(server->pid, SIGSTOP);
    int state = 0;
    while (waitpid(server->pid, &state, WUNTRACED) < 0 && errno == EINTR) continue;
    server->is_stopped = true;
}

void redis_server_continue(redis_server *server) {
    if (server->pid != 0 && server->is_stopped) kill(server->pid, SIGCONT);
    server->is_stopped = false;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info, (void)type, (void)at;
    return remove(path);
}

void redis_server_deinit(redis_server *server) {
    redis_server_kill(server);
    for (size_t i = 0; i < 2; i++)
        if (server->held[i] >= 0) close(server->held[i]);
    nftw(server->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
