/*
 * net_options.h - the options that every backend with servers has, and those of TLS: their rows,
 * and what they come to.
 *
 * A table begins with JAYI_NET_ROWS and, for a scheme with TLS, ends with
 * JAYI_TLS_ROWS(first), where `first` is the index of the first of them:
 *
 *     static const jay_option_info options[] = {JAYI_NET_ROWS, [MINE] = ..., JAYI_TLS_ROWS(TLS)};
 */
#ifndef JAYI_NET_OPTIONS_H
#define JAYI_NET_OPTIONS_H

#include "net/net_pool.h"
#include "util/option_table.h"

enum jayi_net_option {
    JAYI_NET_CONNECTIONS,
    JAYI_NET_DEADLINE,
    JAYI_NET_CONNECT_DEADLINE,
    JAYI_NET_RETRY,
    JAYI_NET_OUTAGE,
    JAYI_NET_OPTIONS
};

#define JAYI_NET_ROWS                                                                             \
    [JAYI_NET_CONNECTIONS] =                                                                      \
        JAYI_OPTION_ROW("connections", JAY_OPTION_INT, "8", 1, 1024,                              \
                        "max_connections pool pool_size max_pool_size",                           \
                        "the most connections to one server, shared by all threads"),             \
    [JAYI_NET_DEADLINE] = JAYI_OPTION_ROW("deadline", JAY_OPTION_DURATION, "2s", 1, 3600000,      \
                                          "socket_timeout receive_timeout send_timeout",          \
                                          "the most time that one call may take"),                \
    [JAYI_NET_CONNECT_DEADLINE] =                                                                 \
        JAYI_OPTION_ROW("connect_deadline", JAY_OPTION_DURATION, "1s", 1, 3600000,                \
                        "connect_timeout socket_connect_timeout",                                 \
                        "the most of it that connecting to a server may take"),                   \
    [JAYI_NET_RETRY] = JAYI_OPTION_ROW(                                                           \
        "retry", JAY_OPTION_DURATION, "500ms", 1, 3600000,                                        \
        "retry_timeout dead_retry dead_timeout",                                                  \
        "how long a server that does not answer is left alone at first; each further time twice " \
        "as long, up to 32 times"),                                                               \
    [JAYI_NET_OUTAGE] =                                                                           \
        JAYI_OPTION_ROW("outage", JAY_OPTION_TEXT, "error", 1, 8, "ignore_exc on_error",          \
                        "what reading from a server that does not answer is: error or miss")

enum jayi_tls_option {
    JAYI_TLS_VERIFY,
    JAYI_TLS_CA,
    JAYI_TLS_CERT,
    JAYI_TLS_KEY,
    JAYI_TLS_NAME,
    JAYI_TLS_OPTIONS
};

#define JAYI_TLS_ROWS(first)                                                                       \
    [(first) +                                                                                     \
        JAYI_TLS_VERIFY] = JAYI_OPTION_ROW("tls_verify", JAY_OPTION_BOOL, "yes", 0, 1,             \
                                           "ssl_verify verify", "check the server's certificate"), \
        [(first) + JAYI_TLS_CA] =                                                                  \
            JAYI_OPTION_ROW("tls_ca", JAY_OPTION_TEXT, "", 0, 4096, "ssl_ca_certs cafile ca",      \
                            "a PEM file of the authorities to trust instead of the system's"),     \
        [(first) + JAYI_TLS_CERT] =                                                                \
            JAYI_OPTION_ROW("tls_cert", JAY_OPTION_TEXT, "", 0, 4096, "ssl_certfile cert",         \
                            "a PEM file with this client's certificate"),                          \
        [(first) + JAYI_TLS_KEY] =                                                                 \
            JAYI_OPTION_ROW("tls_key", JAY_OPTION_TEXT, "", 0, 4096, "ssl_keyfile key",            \
                            "a PEM file with its key, where that is not in tls_cert"),             \
        [(first) + JAYI_TLS_NAME] =                                                                \
            JAYI_OPTION_ROW("tls_name", JAY_OPTION_TEXT, "", 0, 253, "server_hostname sni",        \
                            "the name in the server's certificate, where it is not its host's")

/*
 * What the options of JAYI_NET_ROWS and the program's dialler come to: the times, max_links and
 * dialler of *plan are set, and its other fields left alone. `options` is the table. JAY_OK or
 * JAY_E_OPTION_VALUE.
 */
int jayi_net_take_options(const jay_backend_config *config, const jay_option_info *options,
                          jayi_pool_plan *plan, bool *ret_misses_outages, jay_error *error);

/*
 * Makes what TLS needs from the values of JAYI_TLS_ROWS, of which `values` is the first. Unix
 * sockets have no name to be verified; so one must be given. On JAY_OK *ret_tls goes to
 * jayi_tls_destroy one day.
 */
int jayi_net_take_tls(const jay_option_value *values, const jayi_address *addresses, size_t count,
                      const jay_allocator *allocator, struct jayi_tls **ret_tls, jay_error *error);

#endif
