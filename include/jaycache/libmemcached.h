/*
 * libmemcached.h - a cache from a client of libmemcached that a program has set up already.
 *
 * In a library of its own, libjaycache-libmemcached, which links both; the main one needs no
 * libmemcached.
 */
#ifndef JAYCACHE_LIBMEMCACHED_H
#define JAYCACHE_LIBMEMCACHED_H

#include <libmemcached/memcached.h>

#include <jaycache/jaycache.h>

#if defined(__GNUC__)
#define JAY_LIBMEMCACHED_API __attribute__((visibility("default")))
#else
#define JAY_LIBMEMCACHED_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens a cache on the servers of `client`: it takes over their names and ports, how keys are
 * spread over them, the prefix of keys, and the time to connect; then the client is no longer
 * needed, and stays the caller's. So both find what the other stores, and the cache is safe for
 * threads, which the client is not.
 *   client     with one server or more, none of them by UDP
 *   weights    one for each server, since libmemcached does not tell what it was given; NULL: all 1
 *   options    as for jay_open; where they set an option that the client sets as well, the client's
 *              counts. Logins (SASL) cannot be read from a client: see jay_options_set_login.
 *   ret_cache  on JAY_OK, a handle to be ended with jay_close.
 * Returns what jay_open returns; JAY_E_ARGUMENT; JAY_E_UNSUPPORTED for what only the client can
 * do: with several servers a distribution other than MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, or modula
 * with the default hash; or a prefix without MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY; a digest of
 * keys; UDP. jay_clear is not possible with a prefix, as keys have no generation there. Since 0.1.
 */
JAY_LIBMEMCACHED_API int jay_memcached_from_libmemcached(memcached_st *client,
                                                         const uint32_t *weights,
                                                         const jay_options *options,
                                                         jay_cache **ret_cache, jay_error *error);

#ifdef __cplusplus
}
#endif

#endif
