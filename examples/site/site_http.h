/*
 * site_http.h - HTTP: listening, requests in, answers out.
 */
#ifndef SITE_HTTP_H
#define SITE_HTTP_H

#include "site.h"

typedef struct site_server site_server;

/*
 * Opens a listening socket on `address` ("127.0.0.1:8080", "[::1]:0"; port 0: any). With
 * `or_any_port`, a port that is taken is replaced by one that the system picks. Returns the socket,
 * or -1 after saying why on stderr; and the URL to open, which is to be freed.
 *
 * It is apart from site_server_start so that several processes can serve one socket.
 */
int site_listen(const char *address, int or_any_port, char **ret_url);

/* Serves the socket by `threads` threads, until site_server_stop. The socket stays the caller's. */
site_server *site_server_start(site_app *app, int socket, unsigned threads);
void site_server_stop(site_server *server);

#endif
