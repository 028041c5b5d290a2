/*
 * cmd_read.c - get, has, ttl.
 */
#include "args.h"
#include "output.h"

int cli_cmd_get(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_VALUE};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    jay_value value = JAY_VALUE_INIT;
    result.status = jay_get(c->cache, result.key.data, result.key.size, &value, &result.error);
    result.value = (jay_bytes){value.data, value.size};
    result.version = value.version;
    int exit_status = cli_report(c, &result);
    jay_value_release(&value);
    return exit_status;
}

int cli_cmd_has(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    result.status = jay_has(c->cache, result.key.data, result.key.size, &result.error);
    return cli_report(c, &result);
}

int cli_cmd_ttl(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_TTL};
    if (!cli_key(c, args, 0, &result.key)) return CLI_USAGE;
    result.status =
        jay_ttl(c->cache, result.key.data, result.key.size, &result.number, &result.error);
    return cli_report(c, &result);
}
