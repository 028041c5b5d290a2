/*
 * rd_atomic.c - what takes more than one command: counters and touch by script, and cas.
 *
 * A script goes by its SHA-1 (EVALSHA); a server that does not know it yet gets its text (EVAL).
 *
 * Values lie on the server as they are, so an entry's version is a hash of its value that servers
 * do not know. cas has a script compare what there is with a SHA-1, and store. The SHA-1 is that of
 * the value that had the version, when it was read lately (rd_recent.c); else cas looks the value
 * up first: a second round trip, which may go to another node of a cluster; nothing is left behind
 * on the server in between.
 */
#include <string.h>

#include "backends/redis/rd_state.h"
#include "util/decimal.h"
#include "util/digest.h"
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

/* 0: there is no entry; 1: it is another one; 2: done. */
static const script cas_script = {"43fc0b8da2d9f39d0ee9bfb60814c318c1af66ca",
                                  "local v=redis.pcall('GET',KEYS[1]) "
                                  "if type(v)=='table' and v.err then return v end "
                                  "if not v then return 0 end "
                                  "if redis.sha1hex(v)~=ARGV[1] then return 1 end "
                                  "local r "
                                  "if ARGV[3]=='-1' then r=redis.pcall('DEL',KEYS[1]) "
                                  "elseif ARGV[3]=='0' then r=redis.pcall('SET',KEYS[1],ARGV[2]) "
                                  "else r=redis.pcall('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end "
                                  "if type(r)=='table' and r.err then return r end return 2"};

#define SCRIPT_WORDS 7

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
    int status = jayi_rd_begin(&call, backend, (jay_bytes){key, key_size}, false, error);
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
    int status = jayi_rd_begin(&call, backend, name, false, error);
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

/* The SHA-1 of the entry's value, if it has the version. */
static int compare(rd_call *call, jay_bytes key, uint64_t version, char *digits) {
    const jay_bytes words[] = {RD_WORD("GET"), key};
    jayi_resp_head head;
    rd_block *block = NULL;
    int status = jayi_rd_run(call, words, 2, false, &head);
    if (status != JAY_OK) return status;
    if (head.type == JAYI_RESP_NULL) return JAY_MISS;
    if (head.type != JAYI_RESP_STRING) return jayi_rd_unexpected(call, &head);
    status = jayi_rd_take_block(call, &head, &block);
    call->is_clean = status == JAY_OK || status == JAY_E_NO_MEMORY;
    if (status != JAY_OK) return status;
    bool is_same = block->version == version;
    if (is_same) jayi_rd_block_digest(block, digits);
    jayi_rd_recent_keep(call->backend, block);
    return is_same ? JAY_OK : JAY_CHANGED;
}

static int commit(rd_call *call, const jay_write *write, const char *digits) {
    char ttl[JAYI_DECIMAL_MAX];
    int64_t ttl_ms = write->ttl_ms == JAY_TTL_FOREVER ? 0 : write->ttl_ms;
    const jay_bytes args[] = {{digits, 2 * JAYI_SHA1_BYTES},
                              {write->value, write->value_size},
                              {ttl, jayi_decimal_format(ttl_ms, ttl)}};
    jayi_resp_head head;
    int status =
        run_script(call, &cas_script, (jay_bytes){write->key, write->key_size}, args, 3, &head);
    if (status != JAY_OK) return status;
    if (head.type != JAYI_RESP_INTEGER || head.number < 0 || head.number > 2)
        return jayi_rd_unexpected(call, &head);
    static const int statuses[] = {JAY_MISS, JAY_CHANGED, JAY_OK};
    return statuses[head.number];
}

int jayi_rd_cas(jay_backend *backend, const jay_write *write, jay_error *error) {
    const jay_bytes key = {write->key, write->key_size};
    char digits[2 * JAYI_SHA1_BYTES];
    bool is_known = jayi_rd_recent_digest(backend, write->version, digits);
    rd_call call;
    int status = jayi_rd_begin(&call, backend, key, false, error);
    if (status != JAY_OK) return status;
    if (!is_known) status = compare(&call, key, write->version, digits);
    if (status == JAY_OK) status = commit(&call, write, digits);
    return jayi_rd_end(&call, status);
}
