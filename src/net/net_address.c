/*
 * net_address.c - lists of servers.
 */
#include "net/net_address.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "util/memory.h"
#include "util/units.h"

static int malformed(const char *item, const char *what, jay_error *error) {
    return jay_error_set(error, JAY_E_URL, 0,
                         "the server '%.80s' %s; write host:port, [v6]:port or /path, "
                         "each with *weight if need be",
                         item, what);
}

/* A whole text as a number from 1 to `max`. */
static bool parse_count(const char *text, int64_t max, int64_t *ret_number) {
    return jayi_parse_number(JAY_OPTION_INT, text, ret_number) && *ret_number >= 1 &&
           *ret_number <= max;
}

/* Cuts the host off its port: *ret_port is the text behind the colon, or NULL. */
static bool split_host(char *item, char **ret_host, char **ret_port) {
    char *colon;
    *ret_host = item;
    if (item[0] == '[') {
        char *bracket = strchr(item, ']');
        if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':')) return false;
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
        *bracket = '\0';
        *ret_host = item + 1;
    } else {
        colon = strchr(item, ':');
        if (colon != NULL && strchr(colon + 1, ':') != NULL) return false;
    }
    if (colon != NULL) *colon++ = '\0';
    *ret_port = colon;
    return true;
}

static int parse_item(char *item, uint16_t default_port, jayi_address *ret_address,
                      jay_error *error) {
    char *weight = strrchr(item, '*'), *port = NULL, *host = item;
    int64_t number = 1;
    if (weight != NULL) {
        *weight++ = '\0';
        if (!parse_count(weight, JAYI_WEIGHT_MAX, &number))
            return malformed(item, "has a weight that is not 1 to 1000", error);
    }
    ret_address->weight = (uint32_t)number;
    ret_address->is_unix = item[0] == '/';
    ret_address->port = 0;
    if (ret_address->is_unix) {
        struct sockaddr_un room;
        if (strlen(item) >= sizeof room.sun_path)
            return malformed(item, "is longer than the path of a socket may be", error);
    } else {
        if (!split_host(item, &host, &port))
            return malformed(item, "has too many colons, or brackets that do not match", error);
        number = default_port;
        if (port != NULL && !parse_count(port, UINT16_MAX, &number))
            return malformed(item, "has a port that is not 1 to 65535", error);
        ret_address->port = (uint16_t)number;
        if (host[strcspn(host, "/*@ \t\r\n")] != '\0')
            return malformed(item, "has a character that no host has", error);
    }
    ret_address->host = host;
    return host[0] != '\0' ? JAY_OK : malformed(item, "has no name", error);
}

static size_t count_items(const char *text) {
    size_t count = 1;
    for (; *text != '\0'; text++) count += *text == ',';
    return count;
}

int jayi_addresses_parse(const char *text, uint16_t default_port, const jay_allocator *allocator,
                         jayi_address **ret_list, size_t *ret_count, jay_error *error) {
    size_t count = count_items(text), size = strlen(text) + 1;
    if (count > JAYI_ADDRESSES_MAX) {
        return jay_error_set(error, JAY_E_URL, 0, "there are %zu servers, over %d; name fewer",
                             count, JAYI_ADDRESSES_MAX);
    }
    jayi_address *list = jayi_alloc(allocator, count * sizeof *list + size);
    if (list == NULL)
        return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a list of servers");
    char *item = (char *)(list + count);
    memcpy(item, text, size);
    int status = JAY_OK;
    for (size_t i = 0; i < count && status == JAY_OK; i++) {
        char *comma = strchr(item, ',');
        if (comma != NULL) *comma = '\0';
        status = parse_item(item, default_port, &list[i], error);
        if (comma != NULL) item = comma + 1;
    }
    if (status == JAY_OK) {
        *ret_list = list;
        *ret_count = count;
    } else {
        jayi_free(allocator, list);
    }
    return status;
}

const char *jayi_address_text(const jayi_address *address, char *text, size_t capacity) {
    if (address->is_unix) {
        snprintf(text, capacity, "%s", address->host);
    } else {
        bool is_v6 = strchr(address->host, ':') != NULL;
        snprintf(text, capacity, is_v6 ? "[%s]:%u" : "%s:%u", address->host,
                 (unsigned)address->port);
    }
    return text;
}
