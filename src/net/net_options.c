/*
 * net_options.c - what the options of backends with servers come to.
 */
#include "net/net_options.h"

#include "net/net_tls.h"

int jayi_net_take_options(const jay_backend_config *config, const jay_option_info *options,
                          jayi_pool_plan *plan, bool *ret_misses_outages, jay_error *error) {
    const jay_option_value *values = config->values;
    int word = 0;
    plan->max_links = (int)values[JAYI_NET_CONNECTIONS].number;
    plan->call_ms = values[JAYI_NET_DEADLINE].number;
    plan->connect_ms = values[JAYI_NET_CONNECT_DEADLINE].number;
    plan->retry_ms = values[JAYI_NET_RETRY].number;
    plan->dialler = (jayi_dialler){config->dial, config->dial_arg};
    int status = jayi_option_word(&options[JAYI_NET_OUTAGE], &values[JAYI_NET_OUTAGE], "error miss",
                                  &word, error);
    *ret_misses_outages = word == 1;
    return status;
}

int jayi_net_take_tls(const jay_option_value *values, const jayi_address *addresses, size_t count,
                      const jay_allocator *allocator, jayi_tls **ret_tls, jay_error *error) {
    jayi_tls_plan plan = {.ca = values[JAYI_TLS_CA].text,
                          .cert = values[JAYI_TLS_CERT].text,
                          .key = values[JAYI_TLS_KEY].text,
                          .name = values[JAYI_TLS_NAME].text,
                          .verify = values[JAYI_TLS_VERIFY].number != 0};
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].is_unix && plan.verify && plan.name[0] == '\0')
            return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                                 "the certificate of a unix socket has no host to be checked "
                                 "against; give its name with tls_name");
    }
    return jayi_tls_create(&plan, allocator, ret_tls, error);
}
