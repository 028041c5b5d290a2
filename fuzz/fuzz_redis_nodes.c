/*
 * fuzz_redis_nodes.c - any bytes as what a cluster's nodes or sentinels say: maps of slots, names
 * of masters and replicas, redirections.
 *
 * The first byte of the input chooses between clusters and sentinels, and a call. The rest is what
 * the connections hear, one after the other, each up to the next NUL: all that a server will say on
 * it, whatever it is asked. When it is used up, nobody can be reached. Redirections are read as
 * text by themselves, too.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "fuzz_input.h"
#include "wire/redis_slot.h"

#define CONNECTIONS_MAX 32

typedef struct script {
    const char *at, *end;
    int peers[CONNECTIONS_MAX];
    size_t count;
} script;

/* ---- redirections ---- */

static void read_place(const char *data, size_t size) {
    jayi_redis_place place, again;
    /* In memory of its own, so that a look past the end is seen. */
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) return;
    memcpy(copy, data, size);
    if (jayi_redis_place_parse(copy, size, &place)) {
        fuzz_require(place.slot < JAYI_REDIS_SLOTS && place.port > 0);
        fuzz_require(place.host >= copy && place.host + place.host_size < copy + size);
        fuzz_require(memchr(place.host, ' ', place.host_size) == NULL);
        /* What stands behind the address changes nothing. */
        const char *stop = memchr(place.host, ' ', (size_t)(copy + size - place.host));
        size_t whole = stop != NULL ? (size_t)(stop - copy) : size;
        fuzz_require(jayi_redis_place_parse(copy, whole, &again));
        fuzz_require(again.slot == place.slot && again.port == place.port);
        fuzz_require(again.host == place.host && again.host_size == place.host_size);
    }
    free(copy);
}

/* ---- servers ---- */

static int dial(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                jay_error *error) {
    script *s = arg;
    int ends[2];
    (void)timeout_ms, (void)error;
    fuzz_require(host[0] != '\0' && strlen(host) <= 255);
    fuzz_require(port >= 1 && port <= UINT16_MAX);
    if (s->at == s->end || s->count == CONNECTIONS_MAX) return JAY_E_UNREACHABLE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return JAY_E_UNREACHABLE;
    const char *stop = memchr(s->at, '\0', (size_t)(s->end - s->at));
    size_t size = (size_t)((stop != NULL ? stop : s->end) - s->at);
    (void)!send(ends[1], s->at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(ends[1], SHUT_WR);
    s->peers[s->count++] = ends[1];
    s->at = stop != NULL ? stop + 1 : s->end;
    *ret_fd = ends[0];
    return JAY_OK;
}

static int see(void *arg, const jay_entry_info *entry) {
    (void)arg;
    fuzz_require(entry->key_size > 0);
    return 0;
}

static void call(jay_cache *cache, int which) {
    static const jay_bytes keys[] = {{"a", 1}, {"b", 1}, {"{a}c", 4}};
    jay_value views[3] = {JAY_VALUE_INIT, JAY_VALUE_INIT, JAY_VALUE_INIT};
    int statuses[3];
    switch (which) {
    case 0:
        fuzz_require(jay_get(cache, "a", 1, &views[0], NULL) != JAY_EXISTS);
        break;
    case 1:
        (void)jay_get_many(cache, keys, 3, views, statuses, NULL);
        for (int i = 0; i < 3; i++)
            fuzz_require((statuses[i] == JAY_OK) == (views[i].data != NULL));
        break;
    case 2:
        (void)jay_iterate(cache, see, NULL, NULL);
        break;
    default:
        (void)jay_set(cache, "a", 1, "value", 5, 0, NULL);
        break;
    }
    jay_values_release(views, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    /* No greeting, and as little waiting as there can be. */
    static const char options[] =
        "protocol=2&client_name=&deadline=10ms&retry=1ms&connections=1&prefix=p:";
    if (size < 2 || size > 65536) return 0;
    const char *data = (const char *)bytes + 1;
    script s = {.at = data, .end = data + size - 1};
    char url[256];
    jay_cache *cache = NULL;
    jay_options *setting = NULL;
    read_place(data, size - 1);
    snprintf(url, sizeof url, "%s?%s&read_from=%s",
             (bytes[0] & 1) != 0 ? "redis+sentinel://127.0.0.1:1/m" : "redis+cluster://127.0.0.1:1",
             options, (bytes[0] & 2) != 0 ? "replica" : "master");
    fuzz_require(jay_options_create(NULL, &setting) == JAY_OK);
    fuzz_require(jay_options_set_dialler(setting, dial, &s) == JAY_OK);
    fuzz_require(jay_open(url, setting, &cache, NULL) == JAY_OK);
    jay_options_destroy(setting);
    for (int i = 0; i < 2; i++) call(cache, bytes[0] >> 2 & 3);
    (void)jay_close(cache);
    for (size_t i = 0; i < s.count; i++) close(s.peers[i]);
    return 0;
}
