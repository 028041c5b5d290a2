/*
 * rd_atomic.c - what takes more than one command: counters and touch by script, and cas.
 *
 * A script goes by its SHA-1 (EVALSHA); a server that does not know it yet gets its text (EVAL).
 *
 * Values lie on the server as they are, so an entry's version is a hash of its value. cas watches
 * the key, reads the value, compares, and stores in a transaction, which the server drops when the
 * key has been touched since: two round trips, and the hash need not be one that servers know.
 */
#include <string.h>

#include "backends/redis/rd_state.h"
#include "util/decimal.h"
#include "util/memory.h"

typedef struct script {
    const char *digest; /* SHA-1 of the text */
    const char *text;
} script;

/* The number comes back as text: as a number it would pass through a double. */
static const script counter_script = {
    "ece98fe1e9ccec01a1053df133bf39338b01e303",
    "if redis.call('EXISTS',KEYS[1])==1 then "
    "local r=redis.pcall('INCRBY',KEYS[1],ARGV[1]) "
    "if type(r)=='table' and r.err then return r end "
    "return redis.call('GET',KEYS[1]) end "
    "if ARGV[2]=='0' then redis.call('SET',KEYS[1],ARGV[1]) "
    "elseif ARGV[2]~='-1' then redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) end "
    "return ARGV[1]"};

static const script persist_script = {
    "35ffa41af43d3f6ed0b487e0bf8db3dc3f1755a1",
    "local n=redis.call('EXISTS',KEYS[1]) redis.call('PERSIST',KEYS[1]) return n"};

#define SCRIPT_WORDS 6

static int run_script(rd_call *call, const script *which, jay_bytes key, const jay_bytes *args,
                      size_t arg_count, jayi_resp_head *ret_head) {
    jay_bytes words[SCRIPT_WORDS] = {
        RD_WORD("EVALSHA"), {which->digest, strlen(which->digest)}, RD_WORD("1"), key};
    for (size_t i = 0; i < arg_count; i++) words[4 + i] = args[i];
    int status = jayi_rd_run(call, words, 4 + arg_count, true, ret_head);
    if (status != JAY_OK || !jayi_rd_says(ret_head, "NOSCRIPT")) return status;
    words[0] = RD_WORD("EVAL");
    words[1] = (jay_bytes){which->text, strlen(which->text)};
    return jayi_rd_run(call, words, 4 + arg_count, true, ret_head);
}

/* ---- counters ---- */

static bool has_words(const jayi_resp_head *head, const char *words) {
    return head->type == JAYI_RESP_ERROR &&
           memmem(head->text, head->text_size, words, strlen(words)) != NULL;
}

static int read_number(rd_call *call, const jayi_resp_head *head, int64_t *ret_number) {
    char text[JAYI_DECIMAL_MAX];
    if (has_words(head, "not an integer"))
        return jay_error_set(call->error, JAY_E_NOT_INTEGER, 0,
                             "the entry's value is not a number");
    if (has_words(head, "overflow"))
        return jay_error_set(call->error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    if (head->type != JAYI_RESP_STRING || head->number > JAYI_DECIMAL_MAX)
        return jayi_rd_unexpected(call, head);
    int64_t number = 0;
    int status = jayi_rd_take(call, head, text);
    if (status != JAY_OK) return status;
    call->is_clean = true;
    if (!jayi_decimal_parse(text, (size_t)head->number, &number))
        return jay_error_set(call->error, JAY_E_PROTOCOL, 0, "the server's number is none");
    *ret_number = number;
    return JAY_OK;
}

int jayi_rd_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    char by[JAYI_DECIMAL_MAX], ttl[JAYI_DECIMAL_MAX];
    if (ttl_ms == JAY_TTL_FOREVER) ttl_ms = 0;
    const jay_bytes args[] = {{by, jayi_decimal_format(delta, by)},
                              {ttl, jayi_decimal_format(ttl_ms, ttl)}};
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin(&call, backend, error);
    if (status != JAY_OK) return status;
    status = run_script(&call, &counter_script, (jay_bytes){key, key_size}, args, 2, &head);
    if (status == JAY_OK) status = read_number(&call, &head, ret_number);
    return jayi_rd_end(&call, status);
}

/* ---- touch ---- */

int jayi_rd_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                  jay_error *error) {
    if (ttl_ms == JAY_TTL_EXPIRED) return jayi_rd_erase(backend, key, key_size, error);
    char ttl[JAYI_DECIMAL_MAX];
    const jay_bytes name = {key, key_size};
    const jay_bytes words[] = {RD_WORD("PEXPIRE"), name, {ttl, jayi_decimal_format(ttl_ms, ttl)}};
    rd_call call;
    jayi_resp_head head;
    int status = jayi_rd_begin(&call, backend, error);
    if (status != JAY_OK) return status;
    /* PERSIST alone does not tell an entry without expiry from none. */
    status = ttl_ms == JAY_TTL_FOREVER ? run_script(&call, &persist_script, name, NULL, 0, &head)
                                       : jayi_rd_run(&call, words, 3, false, &head);
    if (status == JAY_OK && head.type != JAYI_RESP_INTEGER)
        status = jayi_rd_unexpected(&call, &head);
    if (status == JAY_OK && head.number == 0) status = JAY_MISS;
    return jayi_rd_end(&call, status);
}

/* ---- compare and set ---- */

/* Reads the value of the watched key and compares. */
static int compare(rd_call *call, uint64_t version) {
    jayi_resp_head head;
    char *block = NULL;
    int status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_STRING) {
        call->is_clean = head.type == JAYI_RESP_NULL || head.type == JAYI_RESP_ERROR;
        return head.type == JAYI_RESP_NULL ? JAY_MISS : jayi_rd_unexpected(call, &head);
    }
    status = jayi_rd_take_block(call, &head, &block);
    call->is_clean = status == JAY_OK || status == JAY_E_NO_MEMORY;
    if (status != JAY_OK) return status;
    bool is_same = rd_version_of(block, (size_t)head.number) == version;
    jayi_free(&call->backend->allocator, block);
    return is_same ? JAY_OK : JAY_CHANGED;
}

/* Watches the key and compares its version; the server goes on watching. */
static int watch(rd_call *call, const jay_write *write) {
    jayi_resp_head head;
    jayi_rd_put_command(call, 2);
    RD_PUT(call, "WATCH");
    jayi_rd_put_word(call, write->key, write->key_size);
    jayi_rd_put_command(call, 2);
    RD_PUT(call, "GET");
    jayi_rd_put_word(call, write->key, write->key_size);
    int status = jayi_rd_flush(call);
    if (status == JAY_OK) status = jayi_rd_read(call, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_TEXT) return jayi_rd_unexpected(call, &head);
    return compare(call, write->version);
}

/* Nothing is stored: the link must not go on watching. */
static int unwatch(rd_call *call, int status) {
    if (!call->is_clean) return status;
    jayi_resp_head head;
    const jay_bytes words[] = {RD_WORD("UNWATCH")};
    int ended = jayi_rd_run(call, words, 1, true, &head);
    if (ended != JAY_OK || head.type != JAYI_RESP_TEXT) call->is_clean = false;
    return status;
}

/* What EXEC answers: the reply of the command in it, or that the key was touched. */
static int read_exec(rd_call *call, jayi_resp_head *head) {
    int status = jayi_rd_read(call, head);
    if (status != JAY_OK) return status;
    if (head->type == JAYI_RESP_NULL) {
        call->is_clean = true;
        return JAY_CHANGED;
    }
    if (head->type == JAYI_RESP_ERROR) call->is_clean = true;
    if (head->type != JAYI_RESP_ARRAY || head->number != 1) return jayi_rd_unexpected(call, head);
    status = jayi_rd_read(call, head);
    if (status != JAY_OK) return status;
    call->is_clean = !jayi_resp_has_bytes(head) && head->type != JAYI_RESP_ARRAY;
    bool is_missing =
        head->type == JAYI_RESP_NULL || (head->type == JAYI_RESP_INTEGER && head->number == 0);
    if (is_missing) return JAY_MISS;
    if (head->type == JAYI_RESP_TEXT || head->type == JAYI_RESP_INTEGER) return JAY_OK;
    return jayi_rd_unexpected(call, head);
}

static int commit(rd_call *call, const jay_write *write) {
    jayi_resp_head head;
    jayi_rd_put_command(call, 1);
    RD_PUT(call, "MULTI");
    if (write->ttl_ms == JAY_TTL_EXPIRED) {
        jayi_rd_put_command(call, 2);
        RD_PUT(call, "UNLINK");
        jayi_rd_put_word(call, write->key, write->key_size);
    } else {
        jayi_rd_put_set(call, write);
    }
    jayi_rd_put_command(call, 1);
    RD_PUT(call, "EXEC");
    int status = jayi_rd_flush(call), refused = JAY_OK;
    for (int i = 0; i < 2 && status == JAY_OK; i++) {
        status = jayi_rd_read(call, &head);
        if (status != JAY_OK || head.type == JAYI_RESP_TEXT) continue;
        if (head.type != JAYI_RESP_ERROR) return jayi_rd_unexpected(call, &head);
        /* EXEC will only say that there was an error. */
        if (refused == JAY_OK) refused = jayi_rd_unexpected(call, &head);
    }
    if (status != JAY_OK) return status;
    if (refused == JAY_OK) return read_exec(call, &head);
    status = jayi_rd_read(call, &head);
    call->is_clean = status == JAY_OK && head.type == JAYI_RESP_ERROR;
    return refused;
}

int jayi_rd_cas(jay_backend *backend, const jay_write *write, jay_error *error) {
    for (int i = 0;; i++) {
        rd_call call;
        int status = jayi_rd_begin(&call, backend, error);
        if (status != JAY_OK) return status;
        status = watch(&call, write);
        if (status == JAY_OK) return jayi_rd_end(&call, commit(&call, write));
        /* Nothing has been stored yet: a closed connection is no failure. */
        bool again = jayi_rd_may_repeat(&call, status, i);
        status = jayi_rd_end(&call, unwatch(&call, status));
        if (!again) return status;
    }
}
