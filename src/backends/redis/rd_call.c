/*
 * rd_call.c - a call on the server: its link, commands, and the heads and bytes of replies.
 */
#include <stdio.h>
#include <string.h>

#include "backends/redis/rd_nodes.h"
#include "os/clock.h"
#include "util/memory.h"

/* Words up to this are copied into the buffer; longer ones are sent from where they are. */
#define COPY_MAX 4096
#define PUSHES_MAX 1000
/* A command up to this is composed as one piece. */
#define PIECE_MAX 8192

/* ---- begin and end ---- */

void jayi_rd_reset(rd_call *call) {
    call->write_status = JAY_OK;
    call->part_count = 0;
    call->is_clean = true;
    if (call->link != NULL) call->written = call->at = call->link->out;
}

void jayi_rd_begin_on(rd_call *call, jay_backend *backend, jayi_link *link, int64_t deadline_ms,
                      jay_error *error) {
    call->backend = backend;
    call->link = link;
    call->node = NULL;
    call->error = error;
    call->deadline_ms = deadline_ms;
    call->slot = -1;
    call->may_block = false;
    call->is_asking = call->may_ride = false;
    jayi_rd_reset(call);
}

int jayi_rd_end(rd_call *call, int status) {
    if (call->link != NULL) {
        /* Bytes that nobody asked for would be the next call's reply. */
        bool is_empty = call->link->in_begin == call->link->in_end;
        if (call->is_clean && is_empty) {
            jayi_link_release(call->link, call->now_ms);
        } else {
            jayi_link_discard(call->link, status);
        }
        call->link = NULL;
    }
    if (call->backend->layout != RD_ONE) jayi_rd_leave(call, status);
    return status;
}

bool jayi_rd_may_repeat(const rd_call *call, int status, int attempt) {
    return status == JAY_E_UNREACHABLE && call->link != NULL && call->link->is_reused &&
           attempt <= call->link->pool->plan.max_links;
}

/* ---- sending ---- */

/* Closes the stretch of the buffer that has been written. */
static void end_stretch(rd_call *call) {
    if (call->at == call->written) return;
    call->parts[call->part_count++] =
        (struct iovec){call->written, (size_t)(call->at - call->written)};
    call->written = call->at;
}

int jayi_rd_flush(rd_call *call) {
    end_stretch(call);
    int status = call->write_status;
    /* What takes several sends may have taken a while. */
    if (call->part_count > 1) call->may_block = false;
    if (status == JAY_OK && call->part_count > 0) {
        call->is_clean = false;
        status = jayi_link_send(call->link, call->parts, call->part_count, call->deadline_ms,
                                call->error);
    }
    call->write_status = JAY_OK;
    call->part_count = 0;
    call->written = call->at = call->link->out;
    return status;
}

/* Sends early when there is no room for one more word. */
static void make_room(rd_call *call, size_t size) {
    size_t left = (size_t)(call->link->out + sizeof call->link->out - call->at);
    if (left >= size && call->part_count + 3 <= RD_PARTS) return;
    int status = jayi_rd_flush(call);
    call->may_block = false;
    call->write_status = status;
}

void jayi_rd_put_command(rd_call *call, size_t count) {
    make_room(call, JAYI_RESP_HEAD_MAX);
    call->at = jayi_resp_put_command(call->at, count);
}

void jayi_rd_put_word(rd_call *call, const void *word, size_t size) {
    bool copies = size <= COPY_MAX;
    make_room(call, JAYI_RESP_HEAD_MAX + 2 + (copies ? size : 0));
    if (copies) {
        call->at = jayi_resp_put_word(call->at, word, size);
        return;
    }
    call->at = jayi_resp_put_size(call->at, size);
    end_stretch(call);
    call->parts[call->part_count++] = (struct iovec){(void *)(uintptr_t)word, size};
    *call->at++ = '\r';
    *call->at++ = '\n';
}

/* ---- receiving ---- */

int jayi_rd_garbled(rd_call *call) {
    char text[160];
    call->is_clean = false;
    jayi_address_text(call->link->pool->plan.address, text, sizeof text);
    return jay_error_set(call->error, JAY_E_PROTOCOL, 0,
                         "%s sent a reply that makes no sense; is it a Redis server?", text);
}

static inline int read_any(rd_call *call, jayi_resp_head *ret_head) {
    jayi_link *link = call->link;
    for (;;) {
        size_t have = link->in_end - link->in_begin;
        int used = have > 0 ? jayi_resp_parse(link->in + link->in_begin, have, ret_head) : 0;
        if (used < 0) return jayi_rd_garbled(call);
        if (used > 0) {
            link->in_begin += (size_t)used;
            return JAY_OK;
        }
        int status = jayi_link_fill(link, call->deadline_ms, call->may_block, call->error);
        call->may_block = false;
        if (status != JAY_OK) return status;
    }
}

/* Drops the bytes of a string, without a word on whether more is to come. */
static int drop_bytes(rd_call *call, const jayi_resp_head *head) {
    char scrap[4096];
    int64_t left = head->number + 2;
    int status = JAY_OK;
    while (left > 0 && status == JAY_OK) {
        size_t size = left < (int64_t)sizeof scrap ? (size_t)left : sizeof scrap;
        status = jayi_link_read(call->link, scrap, size, call->deadline_ms, call->error);
        left -= (int64_t)size;
    }
    return status;
}

static int drop_walk(rd_call *call, jayi_resp_walk *walk) {
    while (!jayi_resp_walk_is_over(walk)) {
        jayi_resp_head head;
        int status = read_any(call, &head);
        if (status != JAY_OK) return status;
        if (!jayi_resp_walk_step(walk, &head)) return jayi_rd_garbled(call);
        if (jayi_resp_has_bytes(&head)) status = drop_bytes(call, &head);
        if (status != JAY_OK) return status;
        /* Many small replies take time, too. */
        if (jayi_clock_coarse_ms() >= call->deadline_ms)
            return jayi_link_late(call->link, call->error);
    }
    return JAY_OK;
}

int jayi_rd_read(rd_call *call, jayi_resp_head *ret_head) {
    for (int i = 0; i < PUSHES_MAX; i++) {
        int status = read_any(call, ret_head);
        if (status != JAY_OK) return status;
        if (ret_head->type != JAYI_RESP_PUSH && ret_head->type != JAYI_RESP_ATTRIBUTE)
            return JAY_OK;
        jayi_resp_walk walk;
        jayi_resp_walk_begin(&walk, ret_head->number);
        status = drop_walk(call, &walk);
        if (status != JAY_OK) return status;
    }
    return jayi_rd_garbled(call);
}

int jayi_rd_take(rd_call *call, const jayi_resp_head *head, void *to) {
    char end[2];
    jayi_link *link = call->link;
    size_t size = (size_t)head->number;
    const char *at = link->in + link->in_begin;
    /* The usual case: it has arrived whole. */
    if (size + 2 <= link->in_end - link->in_begin && memcmp(at + size, "\r\n", 2) == 0) {
        if (size > 0) memcpy(to, at, size);
        link->in_begin += size + 2;
        return JAY_OK;
    }
    int status = jayi_link_read(link, to, size, call->deadline_ms, call->error);
    if (status == JAY_OK)
        status = jayi_link_read(call->link, end, 2, call->deadline_ms, call->error);
    if (status == JAY_OK && memcmp(end, "\r\n", 2) != 0) return jayi_rd_garbled(call);
    return status;
}

int jayi_rd_read_text(rd_call *call, rd_text *ret_text) {
    jayi_resp_head head;
    int status = jayi_rd_read(call, &head);
    ret_text->size = 0;
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_STRING || head.number > RD_HOST_MAX)
        return jayi_rd_skip_reply(call, &head);
    status = jayi_rd_take(call, &head, ret_text->bytes);
    if (status == JAY_OK) ret_text->size = (size_t)head.number;
    return status;
}

int jayi_rd_skip(rd_call *call, const jayi_resp_head *head) {
    return drop_bytes(call, head);
}

int jayi_rd_skip_reply(rd_call *call, const jayi_resp_head *head) {
    if (jayi_resp_has_bytes(head)) return drop_bytes(call, head);
    jayi_resp_walk walk;
    jayi_resp_walk_begin(&walk, head->type == JAYI_RESP_ARRAY ? head->number : 0);
    return drop_walk(call, &walk);
}

int jayi_rd_take_block(rd_call *call, const jayi_resp_head *head, rd_block **ret_block) {
    size_t size = (size_t)head->number;
    if ((uint64_t)head->number > 2 * RD_VALUE_MAX) return jayi_rd_garbled(call);
    rd_block *block = jayi_block_acquire(&call->backend->blocks, sizeof *block + size + 1);
    if (block == NULL) {
        /* The value is read all the same, so that the connection can be kept. */
        int skipped = jayi_rd_skip(call, head);
        return skipped != JAY_OK ? skipped
                                 : jay_error_set(call->error, JAY_E_NO_MEMORY, 0,
                                                 "no memory for a value of %zu bytes", size);
    }
    int status = jayi_rd_take(call, head, block->bytes);
    if (status != JAY_OK) {
        jayi_block_release(&call->backend->blocks, block);
        return status;
    }
    block->bytes[size] = '\0';
    block->size = size;
    block->version = rd_version_of(block->bytes, size);
    *ret_block = block;
    return JAY_OK;
}

/* ---- errors ---- */

bool jayi_rd_says(const jayi_resp_head *head, const char *word) {
    size_t size = strlen(word);
    return head->type == JAYI_RESP_ERROR && head->text_size >= size &&
           memcmp(head->text, word, size) == 0 &&
           (head->text_size == size || head->text[size] == ' ');
}

static const struct {
    const char *word;
    int status;
    const char *advice;
} refusals[] = {
    {"WRONGTYPE", JAY_E_SERVER, "the key holds a list, set or the like; delete it first"},
    {"NOAUTH", JAY_E_AUTH, "put user:password@ before the server's name"},
    {"WRONGPASS", JAY_E_AUTH, "are user and password right?"},
    {"NOPERM", JAY_E_AUTH, "give the user the right to it (ACL SETUSER)"},
    {"OOM", JAY_E_FULL, "raise maxmemory, or set a maxmemory-policy that evicts"},
    {"LOADING", JAY_E_BUSY, "the server is starting; try later"},
    {"BUSY", JAY_E_BUSY, "a script is running there; try later"},
    {"TRYAGAIN", JAY_E_BUSY, "try later"},
    {"MASTERDOWN", JAY_E_BUSY, "the replica has no master; try later"},
    {"READONLY", JAY_E_SERVER, "this is a replica; name the master, or the sentinels"},
    {"MOVED", JAY_E_SERVER, "this is a cluster's node; write redis+cluster://"},
    {"ASK", JAY_E_SERVER, "this is a cluster's node; write redis+cluster://"},
    {"CLUSTERDOWN", JAY_E_BUSY, "the cluster has lost nodes; see CLUSTER INFO"},
    {"MISCONF", JAY_E_SERVER, "the server cannot write its snapshot; see its log"},
};

int jayi_rd_unexpected(rd_call *call, const jayi_resp_head *head) {
    if (head->type != JAYI_RESP_ERROR) return jayi_rd_garbled(call);
    /* The login has been changed: a new connection has the new one. */
    if (jayi_rd_says(head, "NOAUTH")) call->is_clean = false;
    int size = head->text_size < 120 ? (int)head->text_size : 120;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (jayi_rd_says(head, refusals[i].word))
            return jay_error_set(call->error, refusals[i].status, 0, "the server refused: %.*s; %s",
                                 size, head->text, refusals[i].advice);
    }
    return jay_error_set(call->error, JAY_E_SERVER, 0, "the server refused: %.*s; see its log",
                         size, head->text);
}

/* ---- one command ---- */

/* Sends a command: as one piece if it is short; on a seat it must be. */
static int send_command(rd_call *call, const jay_bytes *words, size_t count) {
    jayi_link *link = call->link;
    size_t room = link->is_seat ? sizeof link->out : PIECE_MAX, need = JAYI_RESP_HEAD_MAX;
    for (size_t i = 0; i < count && need <= room; i++) {
        need += JAYI_RESP_HEAD_MAX + 2;
        need = words[i].size <= room ? need + words[i].size : room + 1;
    }
    if (need <= room && !call->is_asking) {
        char *at = jayi_resp_put_command(link->out, count);
        for (size_t i = 0; i < count; i++)
            at = jayi_resp_put_word(at, words[i].data, words[i].size);
        struct iovec piece = {link->out, (size_t)(at - link->out)};
        link->replies = 1;
        call->is_clean = false;
        return jayi_link_send(link, &piece, 1, call->deadline_ms, call->error);
    }
    if (link->is_seat) return JAYI_LINK_NEEDED;
    if (call->is_asking) {
        jayi_rd_put_command(call, 1);
        RD_PUT(call, "ASKING");
    }
    jayi_rd_put_command(call, count);
    for (size_t i = 0; i < count; i++) jayi_rd_put_word(call, words[i].data, words[i].size);
    return jayi_rd_flush(call);
}

static int exchange(rd_call *call, const jay_bytes *words, size_t count, jayi_resp_head *ret_head) {
    int status = send_command(call, words, count);
    if (status == JAY_OK && call->is_asking) status = jayi_rd_read(call, ret_head);
    if (status == JAY_OK) status = jayi_rd_read(call, ret_head);
    if (status == JAY_OK)
        call->is_clean = !jayi_resp_has_bytes(ret_head) &&
                         (ret_head->type != JAYI_RESP_ARRAY || ret_head->number == 0);
    return status;
}

int jayi_rd_run(rd_call *call, const jay_bytes *words, size_t count, bool is_once,
                jayi_resp_head *ret_head) {
    for (;;) {
        int status = exchange(call, words, count, ret_head);
        if (status == JAY_OK && ret_head->type != JAYI_RESP_ERROR) {
            call->is_asking = false;
            return JAY_OK;
        }
        if (!jayi_rd_goes_on(call, &status, ret_head, is_once)) return status;
    }
}
