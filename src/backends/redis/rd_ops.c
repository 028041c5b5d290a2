/*
 * rd_ops.c - the table's functions on one key that are one command each.
 */
#include <string.h>

#include "backends/redis/rd_state.h"
#include "util/decimal.h"
#include "util/memory.h"

void jayi_rd_fill_value(jay_value *value, rd_block *block) {
    value->data = block->bytes;
    value->size = block->size;
    value->version = block->version;
    value->pin = block;
    value->reserved[RD_VIEW_IN_SLAB] = false;
}

/* ---- reading ---- */

/* Runs GET: JAY_OK when a string follows. */
static inline int find(rd_call *call, const void *key, size_t key_size, jayi_resp_head *ret_head) {
    const jay_bytes words[] = {RD_WORD("GET"), {key, key_size}};
    int status = jayi_rd_run(call, words, 2, false, ret_head);
    if (status != JAY_OK) return status;
    if (ret_head->type == JAYI_RESP_NULL) return JAY_MISS;
    return ret_head->type == JAYI_RESP_STRING ? JAY_OK : jayi_rd_unexpected(call, ret_head);
}

/* After a string: whether the link can be kept, which it can when all has been read. */
static int note_read(rd_call *call, int status) {
    call->is_clean = status == JAY_OK || status == JAY_E_NO_MEMORY;
    return status;
}

int jayi_rd_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                jay_error *error) {
    rd_call call;
    jayi_resp_head head;
    rd_block *block = NULL;
    int status = jayi_rd_begin(&call, backend, (jay_bytes){key, key_size}, true, error);
    if (status != JAY_OK) return rd_read_status(backend, status);
    status = find(&call, key, key_size, &head);
    if (status == JAY_OK) status = note_read(&call, jayi_rd_take_block(&call, &head, &block));
    status = jayi_rd_end(&call, status);
    if (block != NULL) jayi_rd_fill_value(ret_value, block);
    return rd_read_status(backend, status);
}

void jayi_rd_release(jay_backend *backend, jay_value *value) {
    if (value->reserved[RD_VIEW_IN_SLAB] != 0) {
        jayi_slab_unpin(&backend->blocks, value->pin);
    } else {
        jayi_rd_recent_keep(backend, value->pin);
    }
}

int jayi_rd_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                     size_t capacity, size_t *ret_size, jay_error *error) {
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin(&call, backend, (jay_bytes){key, key_size}, true, error);
    if (status != JAY_OK) return rd_read_status(backend, status);
    status = find(&call, key, key_size, &head);
    bool fits = status == JAY_OK && (uint64_t)head.number <= capacity;
    if (status == JAY_OK)
        status = note_read(&call,
                           fits ? jayi_rd_take(&call, &head, buffer) : jayi_rd_skip(&call, &head));
    status = jayi_rd_end(&call, status);
    if (status != JAY_OK) return rd_read_status(backend, status);
    *ret_size = (size_t)head.number;
    return fits ? JAY_OK : JAY_BUFFER_TOO_SMALL;
}

/* Runs a command of two words, the second of which is a key, that answers with a number. */
static int run_number(jay_backend *backend, const jay_bytes words[2], bool reads,
                      int64_t *ret_number, jay_error *error) {
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin(&call, backend, words[1], reads, error);
    if (status != JAY_OK) return status;
    status = jayi_rd_run(&call, words, 2, false, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_INTEGER)
        status = jayi_rd_unexpected(&call, &head);
    if (status == JAY_OK) *ret_number = head.number;
    return jayi_rd_end(&call, status);
}

int jayi_rd_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    const jay_bytes words[] = {RD_WORD("EXISTS"), {key, key_size}};
    int64_t number = 0;
    int status = run_number(backend, words, true, &number, error);
    if (status == JAY_OK && number == 0) status = JAY_MISS;
    return rd_read_status(backend, status);
}

int jayi_rd_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                jay_error *error) {
    const jay_bytes words[] = {RD_WORD("PTTL"), {key, key_size}};
    int64_t number = 0;
    int status = run_number(backend, words, true, &number, error);
    if (status != JAY_OK) return rd_read_status(backend, status);
    if (number < -1) return JAY_MISS;
    *ret_ttl_ms = number == -1 ? JAY_TTL_FOREVER : number > 0 ? number : 1;
    return JAY_OK;
}

int jayi_rd_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    const jay_bytes words[] = {RD_WORD("UNLINK"), {key, key_size}};
    int64_t number = 0;
    int status = run_number(backend, words, false, &number, error);
    return status == JAY_OK && number == 0 ? JAY_MISS : status;
}

/* ---- writing ---- */

/* The words of a write; `digits` has JAYI_DECIMAL_MAX bytes of room. */
static size_t set_words(const jay_write *write, char *digits, jay_bytes words[RD_WORDS]) {
    size_t count = 0;
    words[count++] = RD_WORD("SET");
    words[count++] = (jay_bytes){write->key, write->key_size};
    words[count++] = (jay_bytes){write->value, write->value_size};
    if (write->mode == JAY_WRITE_ADD) words[count++] = RD_WORD("NX");
    if (write->mode == JAY_WRITE_REPLACE || write->mode == JAY_WRITE_CAS)
        words[count++] = RD_WORD("XX");
    if (write->ttl_ms != JAY_TTL_FOREVER) {
        words[count++] = RD_WORD("PX");
        words[count++] = (jay_bytes){digits, jayi_decimal_format(write->ttl_ms, digits)};
    }
    return count;
}

void jayi_rd_put_set(rd_call *call, const jay_write *write) {
    char digits[JAYI_DECIMAL_MAX];
    jay_bytes words[RD_WORDS];
    size_t count = set_words(write, digits, words);
    jayi_rd_put_command(call, count);
    for (size_t i = 0; i < count; i++) jayi_rd_put_word(call, words[i].data, words[i].size);
}

int jayi_rd_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    if (write->value_size > RD_VALUE_MAX)
        return jay_error_set(error, JAY_E_TOO_BIG, 0, "a value of %zu bytes is over 512 MiB",
                             write->value_size);
    if (write->mode == JAY_WRITE_CAS) return jayi_rd_cas(backend, write, error);
    rd_call call;
    jayi_resp_head head;
    char digits[JAYI_DECIMAL_MAX];
    jay_bytes words[RD_WORDS];
    size_t count = set_words(write, digits, words);
    int status = jayi_rd_begin(&call, backend, words[1], false, error);
    if (status != JAY_OK) return status;
    status = jayi_rd_run(&call, words, count, write->mode != JAY_WRITE_SET, &head);
    if (status == JAY_OK && head.type == JAYI_RESP_NULL && write->mode != JAY_WRITE_SET) {
        status = write->mode == JAY_WRITE_ADD ? JAY_EXISTS : JAY_MISS;
    } else if (status == JAY_OK && head.type != JAYI_RESP_TEXT) {
        status = jayi_rd_unexpected(&call, &head);
    }
    return jayi_rd_end(&call, status);
}
