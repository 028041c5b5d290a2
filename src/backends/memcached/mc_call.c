/*
 * mc_call.c - a call on one key: its server, its link, commands and the heads of their replies.
 */
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "os/clock.h"
#include "os/random.h"
#include "util/memory.h"

/* Values up to this are copied behind their command: one buffer is sent faster than several. */
#define COPY_MAX 4096
#define GENERATION_TRIES 8
/* What the usual call has no need of, kept out of its way. */
#define SELDOM static __attribute__((noinline, cold))

/* ---- generations ---- */

static const char hex_digits[] = "0123456789abcdef";

void jayi_mc_format_generation(uint64_t generation, char digits[MC_GENERATION_DIGITS]) {
    for (size_t i = 0; i < MC_GENERATION_DIGITS; i++)
        digits[i] = hex_digits[generation >> (60 - 4 * i) & 15];
}

uint64_t jayi_mc_parse_generation(const char *digits, size_t size) {
    uint64_t generation = 0;
    if (size != MC_GENERATION_DIGITS) return 0;
    for (size_t i = 0; i < size; i++) {
        const char *place = digits[i] != '\0' ? strchr(hex_digits, digits[i]) : NULL;
        if (place == NULL) return 0;
        generation = generation << 4 | (uint64_t)(place - hex_digits);
    }
    return generation;
}

/* At random: one that has been lost with its server must never come again. */
uint64_t jayi_mc_new_generation(void) {
    uint64_t generation = jayi_random_seed();
    return generation != 0 ? generation : 1;
}

void jayi_mc_put_generation(const jay_backend *backend, const void *key, size_t key_size,
                            uint64_t generation, char *room) {
    size_t prefix_size = backend->prefix_size;
    memcpy(room, key, prefix_size);
    jayi_mc_format_generation(generation, room + prefix_size);
    room += prefix_size + MC_GENERATION_DIGITS;
    *room++ = ':';
    memcpy(room, (const char *)key + prefix_size, key_size - prefix_size);
}

static bool checks_generation(const mc_call *call) {
    return call->backend->has_generations && !call->skips_generation;
}

/* Moves the call's key to another generation, in place. */
static void set_generation(mc_call *call, uint64_t generation) {
    char *raw = call->allocated != NULL ? call->allocated : call->room;
    jayi_mc_format_generation(generation, raw + call->backend->prefix_size);
    call->generation = generation;
    mc_key_encode(call->is_classic, call->raw, call->raw_size, &call->key);
}

/* ---- begin and end ---- */

mc_server *jayi_mc_server_of(jay_backend *backend, const void *key, size_t key_size,
                             int64_t now_ms) {
    if (backend->server_count == 1) return backend->servers;
    mc_server *first =
        &backend->servers[jayi_mc_ring_find(&backend->ring, key, key_size, backend->place)];
    if (!backend->fails_over || !jayi_pool_is_out(&first->pool, now_ms)) return first;
    for (size_t skip = 1; skip < backend->server_count; skip++) {
        mc_server *next = &backend->servers[jayi_mc_ring_find(&backend->ring, key, key_size, skip)];
        if (!jayi_pool_is_out(&next->pool, now_ms)) return next;
    }
    return first;
}

/* Sets the call's key up: as it is, or with room for its generation. */
static int begin_key(mc_call *call, const void *key, size_t key_size) {
    jay_backend *backend = call->backend;
    call->allocated = NULL;
    call->raw = key;
    call->raw_size = key_size;
    call->generation = 0;
    if (backend->has_generations) {
        call->raw_size = key_size + MC_GENERATION_DIGITS + 1;
        if (call->raw_size > sizeof call->room) {
            call->allocated = jayi_alloc(&backend->allocator, call->raw_size);
            if (call->allocated == NULL)
                return jay_error_set(call->error, JAY_E_NO_MEMORY, 0, "no memory for a long key");
        }
        char *raw = call->allocated != NULL ? call->allocated : call->room;
        call->generation = atomic_load(&call->server->generation);
        jayi_mc_put_generation(backend, key, key_size, call->generation, raw);
        call->raw = raw;
    }
    mc_key_encode(call->is_classic, call->raw, call->raw_size, &call->key);
    return JAY_OK;
}

int jayi_mc_begin(mc_call *call, jay_backend *backend, const void *key, size_t key_size,
                  jay_error *error) {
    call->backend = backend;
    call->error = error;
    call->now_ms = jayi_clock_coarse_ms();
    call->deadline_ms = call->now_ms + backend->call_ms;
    call->server = jayi_mc_server_of(backend, key, key_size, call->now_ms);
    call->is_clean = true;
    call->skips_generation = false;
    int status =
        jayi_link_board(&call->server->pool, call->now_ms, call->deadline_ms, &call->link, error);
    if (status != JAY_OK) return status;
    /* A link that was taken, not waited for. */
    call->may_block = call->link->is_reused && !call->link->was_awaited;
    call->is_classic = call->link->dialect == MC_CLASSIC;
    status = begin_key(call, key, key_size);
    if (status != JAY_OK) jayi_link_release(call->link, call->now_ms);
    return status;
}

int jayi_mc_end(mc_call *call, int status) {
    if (call->link != NULL) {
        /* Bytes that nobody asked for would be the next call's reply. */
        bool is_empty = call->link->in_begin == call->link->in_end;
        if (call->is_clean && is_empty) {
            jayi_link_release(call->link, call->now_ms);
        } else {
            jayi_link_discard(call->link, status);
        }
    }
    if (call->allocated != NULL) jayi_free(&call->backend->allocator, call->allocated);
    return status;
}

/* ---- sending ---- */

SELDOM size_t compose_classic(char *out, const jayi_mc_key *key, const mc_command *command) {
    switch (command->kind) {
    case MC_STORE:
        return jayi_mc_text_compose_store(out, key, &command->store);
    case MC_DELETE:
        return jayi_mc_text_compose_delete(out, key, command->store.cas);
    case MC_ADD:
        return jayi_mc_text_compose_add(out, key, (uint64_t)command->delta);
    default:
        return jayi_mc_text_compose_get(out, key);
    }
}

static size_t compose(char *out, bool is_classic, const jayi_mc_key *key,
                      const mc_command *command) {
    if (is_classic) return compose_classic(out, key, command);
    switch (command->kind) {
    case MC_GET:
        return jayi_mc_compose_get(out, key, command->flags);
    case MC_STORE:
        return jayi_mc_compose_store(out, key, &command->store);
    case MC_DELETE:
        return jayi_mc_compose_delete(out, key, command->store.cas);
    case MC_TOUCH:
        return jayi_mc_compose_touch(out, key, command->store.exptime);
    default:
        return jayi_mc_compose_add(out, key, command->delta, command->store.cas);
    }
}

static int send_command(mc_call *call, const mc_command *command) {
    jayi_link *link = call->link;
    char *out = link->out;
    link->replies = 1;
    if (checks_generation(call)) {
        out += mc_compose_generation_get(out, call->backend, call->is_classic);
        link->replies = 2;
    }
    out += compose(out, call->is_classic, &call->key, command);
    struct iovec parts[5] = {{link->out, 0}};
    int count = 1;
    if (command->kind == MC_STORE) {
        bool copies = command->store.value_size <= COPY_MAX;
        for (size_t i = 0; i < 3; i++) {
            if (command->parts[i].iov_len == 0) continue;
            if (copies) {
                memcpy(out, command->parts[i].iov_base, command->parts[i].iov_len);
                out += command->parts[i].iov_len;
            } else {
                parts[count++] = command->parts[i];
            }
        }
        if (copies) {
            memcpy(out, "\r\n", 2);
            out += 2;
        } else {
            static const char line_end[] = "\r\n";
            parts[count++] = (struct iovec){(void *)(uintptr_t)line_end, 2};
        }
    }
    parts[0].iov_len = (size_t)(out - link->out);
    /* What takes several sends may have taken a while. */
    if (count > 1) call->may_block = false;
    call->is_clean = false;
    return jayi_link_send(link, parts, count, call->deadline_ms, call->error);
}

/* ---- receiving ---- */

static int garbled(const mc_call *call) {
    char text[160];
    jayi_address_text(call->server->pool.plan.address, text, sizeof text);
    return jay_error_set(call->error, JAY_E_PROTOCOL, 0,
                         "%s sent a reply that makes no sense; is it a memcached server?", text);
}

/* Reads the head of the next reply, in either dialect; `key` is for the classic one. */
static inline int read_in(mc_call *call, bool is_classic, const jayi_mc_key *key,
                          jayi_mc_reply *ret_reply) {
    jayi_link *link = call->link;
    for (;;) {
        const char *at = link->in + link->in_begin;
        size_t have = link->in_end - link->in_begin;
        int used = 0;
        if (have > 0)
            used = is_classic ? jayi_mc_text_parse(at, have, key, ret_reply)
                              : jayi_mc_parse(at, have, ret_reply);
        if (used < 0) return garbled(call);
        if (used > 0) {
            link->in_begin += (size_t)used;
            if (ret_reply->has_value && ret_reply->value_size > MC_VALUE_MAX) return garbled(call);
            return JAY_OK;
        }
        int status = jayi_link_fill(link, call->deadline_ms, call->may_block, call->error);
        call->may_block = false;
        if (status != JAY_OK) return status;
    }
}

SELDOM int read_classic_head(mc_call *call, const jayi_mc_key *key, jayi_mc_reply *ret_reply) {
    return read_in(call, true, key, ret_reply);
}

/* Reads the head of the next reply, which is to a command on a key. */
static int read_head(mc_call *call, const jayi_mc_key *key, jayi_mc_reply *ret_reply) {
    if (call->is_classic) return read_classic_head(call, key, ret_reply);
    return read_in(call, false, NULL, ret_reply);
}

/* What is behind a value: the end of its line, on classic servers a line END. */
static int take_value_end(mc_call *call, const jayi_mc_reply *reply) {
    static const char wanted[] = "\r\nEND\r\n";
    char end[sizeof wanted - 1];
    size_t size = reply->has_end ? sizeof end : 2;
    int status = jayi_link_read(call->link, end, size, call->deadline_ms, call->error);
    if (status == JAY_OK && memcmp(end, wanted, size) != 0) return garbled(call);
    return status;
}

SELDOM int take_value_in_pieces(mc_call *call, const jayi_mc_reply *reply, void *to) {
    int status =
        jayi_link_read(call->link, to, (size_t)reply->value_size, call->deadline_ms, call->error);
    if (status == JAY_OK) status = take_value_end(call, reply);
    call->is_clean = status == JAY_OK;
    return status;
}

int jayi_mc_take_value(mc_call *call, const jayi_mc_reply *reply, void *to) {
    jayi_link *link = call->link;
    size_t size = (size_t)reply->value_size;
    const char *at = link->in + link->in_begin;
    /* The usual case: it has arrived whole. */
    if (!reply->has_end && size + 2 <= link->in_end - link->in_begin &&
        memcmp(at + size, "\r\n", 2) == 0) {
        if (size > 0) memcpy(to, at, size);
        link->in_begin += size + 2;
        call->is_clean = true;
        return JAY_OK;
    }
    return take_value_in_pieces(call, reply, to);
}

int jayi_mc_skip_value(mc_call *call, const jayi_mc_reply *reply) {
    char scrap[4096];
    uint64_t left = reply->value_size;
    int status = JAY_OK;
    while (left > 0 && status == JAY_OK) {
        size_t size = left < sizeof scrap ? (size_t)left : sizeof scrap;
        status = jayi_link_read(call->link, scrap, size, call->deadline_ms, call->error);
        left -= size;
    }
    if (status == JAY_OK) status = take_value_end(call, reply);
    call->is_clean = status == JAY_OK;
    return status;
}

/* A server's own words, as far as they can be shown. */
static void copy_words(const jayi_mc_reply *reply, char *to, size_t capacity) {
    size_t size = reply->text_size < capacity - 1 ? reply->text_size : capacity - 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)reply->text[i];
        to[i] = (char)(byte >= ' ' && byte < 0x7f ? byte : '?');
    }
    to[size] = '\0';
}

int jayi_mc_refused(const jayi_mc_reply *reply, jay_error *error) {
    char words[100];
    copy_words(reply, words, sizeof words);
    if (reply->code == JAYI_MC_SERVER_ERROR && strncmp(words, "object too large", 16) == 0)
        return jay_error_set(error, JAY_E_TOO_BIG, 0,
                             "the value is larger than the server takes; raise its -I, or open "
                             "the cache with big=split");
    if (reply->code == JAYI_MC_SERVER_ERROR && strncmp(words, "out of memory", 13) == 0)
        return jay_error_set(error, JAY_E_FULL, 0, "the server is out of memory: %s; raise its -m",
                             words);
    if (reply->code == JAYI_MC_CLIENT_ERROR && strncmp(words, "unauthenticated", 15) == 0)
        return jay_error_set(error, JAY_E_AUTH, 0,
                             "the server wants a login; put user:password@ before its name");
    if (reply->code == JAYI_MC_ERROR || reply->code == JAYI_MC_CLIENT_ERROR ||
        reply->code == JAYI_MC_SERVER_ERROR)
        return jay_error_set(error, JAY_E_SERVER, 0, "the server refused: %s; see its log",
                             words[0] != '\0' ? words : "no reason given");
    return jay_error_set(error, JAY_E_PROTOCOL, 0,
                         "the server sent the reply to another command; is it memcached?");
}

/* Whether the server goes on with the next command after this reply. After a complaint about a
 * command it may take what follows for another one. */
static bool is_in_step(const jayi_mc_reply *reply) {
    return reply->code != JAYI_MC_ERROR && reply->code != JAYI_MC_CLIENT_ERROR;
}

/* ---- the generation of a server ---- */

/* Agrees on a generation with a server that has none: whoever adds one first has made it. */
static int add_generation(mc_call *call) {
    const jayi_mc_key *key = mc_generation_key(call->backend, call->is_classic);
    char digits[MC_GENERATION_DIGITS];
    jayi_mc_reply reply;
    jayi_mc_store store = {.value_size = sizeof digits, .mode = JAYI_MC_ADD};
    jayi_mc_format_generation(jayi_mc_new_generation(), digits);
    size_t size = mc_compose_store(call->is_classic, call->link->out, key, &store);
    struct iovec parts[3] = {
        {call->link->out, size}, {digits, sizeof digits}, {(void *)(uintptr_t) "\r\n", 2}};
    call->is_clean = false;
    call->link->replies = 1;
    int status = jayi_link_send(call->link, parts, 3, call->deadline_ms, call->error);
    if (status == JAY_OK) status = read_head(call, key, &reply);
    if (status == JAYI_LINK_NEEDED) status = garbled(call);
    if (status != JAY_OK) return status;
    call->is_clean = is_in_step(&reply);
    bool is_there = reply.code == JAYI_MC_HD || reply.code == JAYI_MC_NS;
    return is_there ? JAY_OK : jayi_mc_refused(&reply, call->error);
}

/* Reads what the server says its generation is; 0: it has none. */
static int read_generation(mc_call *call, uint64_t *ret_generation) {
    jayi_mc_reply reply;
    char digits[MC_GENERATION_DIGITS];
    int status = read_head(call, mc_generation_key(call->backend, call->is_classic), &reply);
    if (status != JAY_OK) return status;
    *ret_generation = 0;
    if (reply.code == JAYI_MC_EN) return JAY_OK;
    if (reply.code != JAYI_MC_VA) return jayi_mc_refused(&reply, call->error);
    if (reply.value_size != sizeof digits) return jayi_mc_skip_value(call, &reply);
    status = jayi_mc_take_value(call, &reply, digits);
    call->is_clean = false;
    if (status == JAY_OK) *ret_generation = jayi_mc_parse_generation(digits, sizeof digits);
    return status;
}

/* ---- commands ---- */

/* A classic lookup brings the value, wanted or not. */
SELDOM int drop_unwanted(mc_call *call, const mc_command *command, jayi_mc_reply *reply) {
    bool is_wanted = command->kind == MC_GET && strncmp(command->flags, " v", 2) == 0;
    if (!reply->has_value || is_wanted) return JAY_OK;
    reply->code = JAYI_MC_HD;
    reply->has_value = false;
    return jayi_mc_skip_value(call, reply);
}

/* Sends a command and reads the head of its reply; *ret_generation is the server's. */
static int exchange(mc_call *call, const mc_command *command, uint64_t *ret_generation,
                    jayi_mc_reply *ret_reply) {
    *ret_generation = call->generation;
    int status = send_command(call, command);
    if (status != JAY_OK) return status;
    if (checks_generation(call)) status = read_generation(call, ret_generation);
    if (status == JAY_OK) status = read_head(call, &call->key, ret_reply);
    /* No reply to what must not be sent twice is so long. */
    if (status == JAYI_LINK_NEEDED && command->is_once) status = garbled(call);
    if (status != JAY_OK) return status;
    call->is_clean = !ret_reply->has_value && is_in_step(ret_reply);
    return call->is_classic ? drop_unwanted(call, command, ret_reply) : JAY_OK;
}

/* The server has been replaced by one that has the same keys in another form. */
static int refuse_other(mc_call *call) {
    char text[160];
    jayi_address_text(call->server->pool.plan.address, text, sizeof text);
    return jay_error_set(call->error, JAY_E_UNREACHABLE, 0,
                         "%s has become a memcached of another version meanwhile; try again", text);
}

/* Another link, when one that has served before turns out to be closed. */
static int exchange_again(mc_call *call, const mc_command *command, uint64_t *ret_generation,
                          jayi_mc_reply *ret_reply) {
    for (int i = 0;; i++) {
        int status = exchange(call, command, ret_generation, ret_reply);
        bool may_retry = status == JAY_E_UNREACHABLE && call->link->is_reused &&
                         !command->is_once && i <= call->server->pool.plan.max_links;
        if (!may_retry && status != JAYI_LINK_NEEDED) return status;
        jayi_link_discard(call->link, status);
        call->link = NULL;
        call->may_block = false;
        status = jayi_link_acquire(&call->server->pool, call->now_ms, call->deadline_ms,
                                   &call->link, call->error);
        if (status != JAY_OK) return status;
        call->is_clean = true;
        if (call->is_classic != (call->link->dialect == MC_CLASSIC)) return refuse_other(call);
    }
}

int jayi_mc_run(mc_call *call, const mc_command *command, jayi_mc_reply *ret_reply) {
    for (int i = 0; i < GENERATION_TRIES; i++) {
        uint64_t generation;
        int status = exchange_again(call, command, &generation, ret_reply);
        if (status != JAY_OK || !checks_generation(call)) return status;
        if (generation == call->generation && generation != 0) return JAY_OK;
        if (ret_reply->has_value) status = jayi_mc_skip_value(call, ret_reply);
        if (status == JAY_OK && !call->is_clean) return jayi_mc_refused(ret_reply, call->error);
        if (status == JAY_OK && generation == 0) status = add_generation(call);
        if (status != JAY_OK) return status;
        if (generation == 0) continue;
        atomic_store(&call->server->generation, generation);
        set_generation(call, generation);
    }
    return jay_error_set(call->error, JAY_E_BUSY, 0,
                         "the cache is being cleared again and again; try later");
}
