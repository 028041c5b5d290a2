/*
 * cmd_write.c - set, add, replace, delete, touch, inc, dec.
 */
#include <errno.h>
#include <stdlib.h>

#include "args.h"
#include "input.h"
#include "output.h"

typedef int store_fn(jay_cache *cache, const void *key, size_t key_size, const void *value,
                     size_t value_size, int64_t ttl_ms, jay_error *error);

/* What set, add and replace have in common; `store` NULL: compare and set. */
static int run_store(cli *c, cli_args *args, store_fn *store) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    cli_buffer buffer = {NULL, 0, 0};
    jay_bytes value;
    int exit_status = cli_read_value(c, args, 1, &buffer, &value);
    if (exit_status == CLI_DONE) {
        const jay_bytes *key = &result.key;
        if (store != NULL) {
            result.status = store(c->cache, key->data, key->size, value.data, value.size,
                                  args->ttl_ms, &result.error);
        } else {
            result.status = jay_cas(c->cache, key->data, key->size, value.data, value.size,
                                    args->ttl_ms, args->cas_version, &result.error);
        }
        exit_status = cli_report(c, &result);
    }
    cli_buffer_deinit(&buffer);
    return exit_status;
}

int cli_cmd_set(cli *c, cli_args *args) {
    return run_store(c, args, args->cas_version == 0 ? jay_set : NULL);
}

int cli_cmd_add(cli *c, cli_args *args) {
    return run_store(c, args, jay_add);
}

int cli_cmd_replace(cli *c, cli_args *args) {
    return run_store(c, args, jay_replace);
}

int cli_cmd_delete(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    result.status = jay_delete(c->cache, result.key.data, result.key.size, &result.error);
    return cli_report(c, &result);
}

int cli_cmd_touch(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    result.status =
        jay_touch(c->cache, result.key.data, result.key.size, args->ttl_ms, &result.error);
    return cli_report(c, &result);
}

typedef int count_fn(jay_cache *cache, const void *key, size_t key_size, int64_t delta,
                     int64_t ttl_ms, int64_t *ret_number, jay_error *error);

static int run_count(cli *c, cli_args *args, count_fn *count) {
    int64_t delta = 1;
    if (args->operand_count > 1) {
        const char *text = args->operands[1];
        char *rest;
        errno = 0;
        long long number = strtoll(text, &rest, 10);
        if (errno != 0 || rest == text || rest[0] != '\0') {
            return cli_usage(c, "'%s' is not a signed 64-bit whole number", text);
        }
        delta = number;
    }
    cli_result result = {.kind = CLI_RESULT_NUMBER};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    result.status = count(c->cache, result.key.data, result.key.size, delta, args->ttl_ms,
                          &result.number, &result.error);
    return cli_report(c, &result);
}

int cli_cmd_inc(cli *c, cli_args *args) {
    return run_count(c, args, jay_inc);
}

int cli_cmd_dec(cli *c, cli_args *args) {
    return run_count(c, args, jay_dec);
}
