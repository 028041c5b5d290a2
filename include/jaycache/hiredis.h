/*
 * hiredis.h - a cache from a connection of hiredis that a program has set up already.
 *
 * In a library of its own, libjaycache-hiredis, which links both; the main one needs no hiredis.
 */
#ifndef JAYCACHE_HIREDIS_H
#define JAYCACHE_HIREDIS_H

#include <hiredis/hiredis.h>

#include <jaycache/jaycache.h>

#if defined(__GNUC__)
#define JAY_HIREDIS_API __attribute__((visibility("default")))
#else
#define JAY_HIREDIS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* As `database`: the one that the connection has selected. */
#define JAY_HIREDIS_SELECTED (-1)

/*
 * Opens a cache on the server of `context`: it takes over the address, TCP or unix socket, and the
 * time to connect, and opens connections of its own; so the cache is safe for threads and across
 * fork, which the context is not. The context is no longer needed then. It stays the caller's, who
 * may go on using it or end it with redisFree.
 *   context    connected by a name and port, or by the path of a socket; not by a descriptor of the
 *              caller's, from a source address, or with TLS
 *   login      who to log in as, or NULL. A context keeps neither user nor password, and servers do
 *              not tell them: what was said by AUTH or HELLO has to be said here. Only read during
 *              the call. NULL also leaves it to `options`: password_file, jay_options_set_login.
 *   database   its number, 0 or more; or JAY_HIREDIS_SELECTED: a context does not keep this either,
 *              so the server is asked on the context's own connection (CLIENT INFO, from Redis 6.2
 *              on, and Valkey), which must be a blocking one with no command on its way
 *   options    as for jay_open, or NULL; where they say db or connect_deadline, what comes from the
 *              context counts. What RESP version or name the connection has is not taken over.
 *   ret_cache  on JAY_OK, a handle to be ended with jay_close
 * Returns what jay_open returns; JAY_E_ARGUMENT (context or ret_cache is NULL, no such database);
 * JAY_E_UNSUPPORTED: the context is of a kind that cannot be taken over, or the server does not
 * tell the database; JAY_E_AUTH: it does not because it wants a login, or a right for it;
 * JAY_E_UNREACHABLE: the connection has failed. As jay_open it connects to nothing itself.
 * Threads: the context must not be used by others during the call. Since 0.1.
 */
JAY_HIREDIS_API int jay_redis_from_hiredis(redisContext *context, const jay_login *login,
                                           int database, const jay_options *options,
                                           jay_cache **ret_cache, jay_error *error);

#ifdef __cplusplus
}
#endif

#endif
