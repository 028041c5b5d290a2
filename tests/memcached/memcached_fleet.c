/*
 * memcached_fleet.c - real memcached servers for tests.
 *
 * A server writes the port that the kernel gave it into a file named by MEMCACHED_PORT_FILENAME.
 * The waits here have deadlines far beyond what any machine needs.
 */
#include "memcached_fleet.h"

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
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_ROUNDS 3000 /* of 10 ms */

static void die(int status, const char *what) {
    fprintf(stderr, "memcached_fleet: %s\n", what);
    exit(status);
}

void fleet_pause(void) {
    struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

static bool is_installed(void) {
    return access("/usr/bin/memcached", X_OK) == 0 || access("/usr/local/bin/memcached", X_OK) == 0;
}

void fleet_init(fleet *f) {
    memset(f, 0, sizeof *f);
    if (!is_installed()) die(77, "skipped: there is no memcached; on Debian: memcached");
    snprintf(f->dir, sizeof f->dir, "/tmp/jaycache-fleet-XXXXXX");
    if (mkdtemp(f->dir) == NULL) die(1, "no temporary folder can be made");
}

void fleet_add_option(fleet *f, const char *option) {
    if (f->option_count == FLEET_OPTIONS_MAX) die(1, "too many options");
    f->options[f->option_count++] = option;
}

/* ---- TLS ---- */

static void run_shell(const fleet *f, const char *script) {
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(f->dir) != 0) _exit(1);
        execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    if (pid < 0 || !WIFEXITED(state) || WEXITSTATUS(state) != 0) die(1, "making keys failed");
}

void fleet_use_tls(fleet *f) {
    run_shell(f, "exec >openssl.log 2>&1\n"
                 "make() {\n"
                 "  openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1\n"
                 "  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                 "-extfile $1.ext -out $1.pem\n"
                 "}\n"
                 "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 "
                 "-subj /CN=test-authority\n"
                 "echo 'subjectAltName=IP:127.0.0.1,DNS:cache.test' >server.ext\n"
                 "echo 'extendedKeyUsage=clientAuth' >client.ext\n"
                 "make server\nmake client\n");
    f->is_tls = true;
}

/* ---- starting ---- */

/* The child's command line. */
static void run_server(const fleet *f, const fleet_server *server, const char *port_file) {
    static char cert[96], key[96], ca[96], port[16];
    const char *args[32 + FLEET_OPTIONS_MAX];
    size_t n = 0;
    const char *const plain[] = {"memcached", "-U", "0", "-t", "2"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) args[n++] = plain[i];
    if (geteuid() == 0) {
        args[n++] = "-u";
        args[n++] = "root";
    }
    if (server->is_unix) {
        args[n++] = "-s";
        args[n++] = server->address;
    } else {
        snprintf(port, sizeof port, "%d", server->port != 0 ? server->port : -1);
        args[n++] = "-l";
        args[n++] = "127.0.0.1";
        args[n++] = "-p";
        args[n++] = port;
        setenv("MEMCACHED_PORT_FILENAME", port_file, 1);
    }
    if (f->is_tls) {
        snprintf(cert, sizeof cert, "ssl_chain_cert=%s/server.pem", f->dir);
        snprintf(key, sizeof key, "ssl_key=%s/server.key", f->dir);
        snprintf(ca, sizeof ca, "ssl_ca_cert=%s/ca.pem", f->dir);
        const char *const tls[] = {"-Z", "-o", cert, "-o", key, "-o", ca};
        for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++) args[n++] = tls[i];
    }
    for (size_t i = 0; i < f->option_count; i++) args[n++] = f->options[i];
    args[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("memcached", (char *const *)(uintptr_t)args);
    _exit(127);
}

static int read_port(const char *path) {
    char line[64];
    int port = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "TCP INET: ", 10) == 0 && strchr(line, '\n') != NULL)
            port = (int)strtol(line + 10, NULL, 10);
    }
    fclose(file);
    return port;
}

static bool accepts(const fleet_server *server) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(path.sun_path, sizeof path.sun_path, "%.100s", server->address);
    int fd = socket(server->is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failure = server->is_unix ? connect(fd, (const struct sockaddr *)&path, sizeof path)
                                  : connect(fd, (const struct sockaddr *)&host, sizeof host);
    close(fd);
    return failure == 0;
}

static void launch(fleet *f, fleet_server *server) {
    char port_file[96];
    snprintf(port_file, sizeof port_file, "%s/port-%zu", f->dir, (size_t)(server - f->servers));
    unlink(port_file);
    fflush(NULL);
    server->pid = fork();
    if (server->pid < 0) die(1, "fork failed");
    if (server->pid == 0) run_server(f, server, port_file);
    for (int i = 0; i < WAIT_ROUNDS; i++) {
        if (!server->is_unix && server->port == 0) server->port = read_port(port_file);
        if ((server->is_unix || server->port != 0) && accepts(server)) break;
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) die(1, "a server ended at once");
        fleet_pause();
        if (i + 1 == WAIT_ROUNDS) die(1, "a server does not accept connections");
    }
    if (!server->is_unix)
        snprintf(server->address, sizeof server->address, "127.0.0.1:%d", server->port);
}

fleet_server *fleet_start(fleet *f, bool is_unix) {
    if (f->count == FLEET_MAX) die(1, "too many servers");
    fleet_server *server = &f->servers[f->count++];
    *server = (fleet_server){.is_unix = is_unix};
    char path[sizeof f->dir + 16];
    snprintf(path, sizeof path, "%s/%zu.sock", f->dir, f->count);
    if (is_unix) memcpy(server->address, path, sizeof path);
    launch(f, server);
    return server;
}

void fleet_restart(fleet *f, fleet_server *server) {
    if (server->pid == 0) launch(f, server);
}

/* ---- signals ---- */

void fleet_kill(fleet_server *server) {
    if (server->pid == 0) return;
    kill(server->pid, SIGKILL);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) continue;
    server->pid = 0;
    server->is_stopped = false;
    if (server->is_unix) unlink(server->address);
}

void fleet_stop(fleet_server *server) {
    if (server->pid == 0 || server->is_stopped) return;
    kill(server->pid, SIGSTOP);
    int state = 0;
    while (waitpid(server->pid, &state, WUNTRACED) < 0 && errno == EINTR) continue;
    server->is_stopped = true;
}

void fleet_continue(fleet_server *server) {
    if (server->pid != 0 && server->is_stopped) kill(server->pid, SIGCONT);
    server->is_stopped = false;
}

/* ---- the rest ---- */

void fleet_addresses(const fleet *f, char *text, size_t capacity) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < f->count; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", i > 0 ? "," : "",
                                 f->servers[i].address);
        if (used >= capacity) die(1, "the addresses are too long");
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info, (void)type, (void)at;
    return remove(path);
}

void fleet_deinit(fleet *f) {
    for (size_t i = 0; i < f->count; i++) fleet_kill(&f->servers[i]);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
