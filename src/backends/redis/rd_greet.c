/*
 * rd_greet.c - what a new connection begins with: login, protocol, name, database.
 *
 * HELLO does the first three at once. A server that does not know it (Redis before 6), or refuses
 * it, gets AUTH and CLIENT SETNAME, and answers in RESP2.
 */
#include <stdio.h>
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "util/decimal.h"
#include "util/memory.h"

#define PASSWORD_MAX 4096

int jayi_rd_read_password(const jay_backend *backend, const char *path, char **ret_text,
                          jay_error *error) {
    char line[PASSWORD_MAX + 8] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "password_file '%.100s' cannot be read; does it exist?", path);
    bool is_read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    if (!is_read || line[0] == '\0' || strlen(line) > PASSWORD_MAX) {
        explicit_bzero(line, sizeof line);
        return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                             "password_file '%.100s' must begin with a line password or "
                             "user:password",
                             path);
    }
    *ret_text = jayi_copy_text(&backend->allocator, line, strlen(line));
    explicit_bzero(line, sizeof line);
    return *ret_text != NULL ? JAY_OK
                             : jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a login");
}

typedef struct login {
    const char *user;
    const char *password; /* NULL: none */
} login;

int jayi_rd_ask(rd_call *call, const jay_bytes *words, size_t count, jayi_resp_head *ret_head) {
    int status = jayi_rd_run(call, words, count, true, ret_head);
    if (status == JAY_OK && ret_head->type != JAYI_RESP_ERROR)
        status = jayi_rd_skip_reply(call, ret_head);
    return status;
}

static jay_bytes word_of(const char *text) {
    return (jay_bytes){text, strlen(text)};
}

/* *ret_is_done is false when the server does not take HELLO. */
static int say_hello(rd_call *call, const login *who, bool *ret_is_done) {
    jay_bytes words[7] = {RD_WORD("HELLO"), RD_WORD("3")};
    size_t count = 2;
    if (who->password != NULL) {
        words[count++] = RD_WORD("AUTH");
        words[count++] = who->user[0] != '\0' ? word_of(who->user) : RD_WORD("default");
        words[count++] = word_of(who->password);
    }
    if (call->backend->client_name[0] != '\0') {
        words[count++] = RD_WORD("SETNAME");
        words[count++] = word_of(call->backend->client_name);
    }
    jayi_resp_head head;
    int status = jayi_rd_ask(call, words, count, &head);
    *ret_is_done = true;
    if (status != JAY_OK || head.type != JAYI_RESP_ERROR) return status;
    if (jayi_rd_says(&head, "WRONGPASS") || jayi_rd_says(&head, "NOAUTH") ||
        jayi_rd_says(&head, "LOADING"))
        return jayi_rd_unexpected(call, &head);
    *ret_is_done = false;
    return JAY_OK;
}

static int log_in(rd_call *call, const login *who) {
    jayi_resp_head head;
    jay_bytes words[3] = {RD_WORD("AUTH")};
    size_t count = 1;
    if (who->user[0] != '\0') words[count++] = word_of(who->user);
    words[count++] = word_of(who->password);
    int status = jayi_rd_ask(call, words, count, &head);
    if (status != JAY_OK || head.type != JAYI_RESP_ERROR) return status;
    return jay_error_set(call->error, JAY_E_AUTH, 0,
                         "the server refused the login; are user and password right?");
}

/* AUTH and CLIENT SETNAME; the name is a help to people, and a server may do without. */
static int introduce(rd_call *call, const login *who) {
    jayi_resp_head head;
    int status = who->password != NULL ? log_in(call, who) : JAY_OK;
    if (status != JAY_OK || call->backend->client_name[0] == '\0') return status;
    const jay_bytes words[] = {RD_WORD("CLIENT"), RD_WORD("SETNAME"),
                               word_of(call->backend->client_name)};
    return jayi_rd_ask(call, words, 3, &head);
}

static int select_database(rd_call *call) {
    char digits[JAYI_DECIMAL_MAX];
    const jay_bytes words[] = {RD_WORD("SELECT"),
                               {digits, jayi_decimal_format(call->backend->database, digits)}};
    jayi_resp_head head;
    int status = jayi_rd_ask(call, words, 2, &head);
    if (status != JAY_OK || head.type != JAYI_RESP_ERROR) return status;
    return jayi_rd_unexpected(call, &head);
}

static int greet_as(rd_call *call, const rd_node *node, const login *who) {
    bool is_done = false, is_watcher = node->role == RD_WATCHER;
    jay_backend *backend = node->backend;
    int status = backend->protocol == 3 && !is_watcher ? say_hello(call, who, &is_done) : JAY_OK;
    if (status == JAY_OK && !is_done) status = introduce(call, who);
    if (status != JAY_OK || is_watcher) return status;
    if (backend->database != 0) status = select_database(call);
    if (status == JAY_OK && backend->layout == RD_SENTINEL) status = jayi_rd_check_role(call, node);
    if (status == JAY_OK && backend->layout == RD_CLUSTER && node->role == RD_REPLICA) {
        jayi_resp_head head;
        const jay_bytes words[] = {RD_WORD("READONLY")};
        status = jayi_rd_ask(call, words, 1, &head);
    }
    return status;
}

/* The login for a node; *ret_text is to be wiped and freed. */
static int find_login(const rd_node *node, const jayi_link *link, jay_login *asked, login *ret_who,
                      char **ret_text, jay_error *error) {
    const jay_backend *backend = node->backend;
    bool is_watcher = node->role == RD_WATCHER;
    const char *path = is_watcher ? backend->sentinel_password_file : backend->password_file;
    *ret_who = (login){.user = is_watcher ? "" : backend->user,
                       .password = is_watcher ? NULL : backend->password};
    if (backend->ask_login != NULL && !is_watcher) {
        int status =
            jayi_link_ask_login(link, backend->ask_login, backend->login_arg, asked, error);
        bool is_any = asked->user[0] != '\0' || asked->password[0] != '\0';
        *ret_who = (login){.user = asked->user, .password = is_any ? asked->password : NULL};
        return status;
    }
    if (path == NULL || ret_who->password != NULL) return JAY_OK;
    int status = jayi_rd_read_password(backend, path, ret_text, error);
    if (status != JAY_OK) return status;
    char *colon = strchr(*ret_text, ':');
    ret_who->password = *ret_text;
    if (colon == NULL) return JAY_OK;
    *colon = '\0';
    ret_who->user = *ret_text;
    ret_who->password = colon + 1;
    return JAY_OK;
}

int jayi_rd_greet(void *arg, jayi_link *link, int64_t deadline_ms, jay_error *error) {
    const rd_node *node = arg;
    jay_backend *backend = node->backend;
    rd_call call;
    login who;
    jay_login asked = {.user = ""};
    char *text = NULL;
    int status = find_login(node, link, &asked, &who, &text, error);
    jayi_rd_begin_on(&call, backend, link, deadline_ms, error);
    if (status == JAY_OK) status = greet_as(&call, node, &who);
    explicit_bzero(&asked, sizeof asked);
    if (text != NULL && who.password != text)
        explicit_bzero((char *)(uintptr_t)who.password, strlen(who.password));
    if (text != NULL) explicit_bzero(text, strlen(text));
    jayi_free(&backend->allocator, text);
    /* It held the login. */
    explicit_bzero(link->out, PASSWORD_MAX * 2);
    return status;
}
