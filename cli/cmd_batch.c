/*
 * cmd_batch.c - batch: many commands, one a line, on one open cache.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "input.h"
#include "output.h"
#include "words.h"

/* Runs one line; `c` is a copy of the batch's state, since a line's options are its own. */
static int run_line(cli c, cli_buffer *line, cli_words *words) {
    c.command = NULL;
    if (memchr(line->data, '\0', line->size) != NULL) {
        return cli_usage(&c, "a NUL byte; write it as \\0, and give the command --escapes");
    }
    const char *fault = cli_split_words(line->data, words);
    if (fault != NULL) return cli_usage(&c, "%s", fault);
    if (words->count == 0) return CLI_DONE;
    return cli_run(&c, (int)words->count, words->list);
}

static int open_script(cli *c, const cli_args *args, FILE **ret_in) {
    *ret_in = stdin;
    if (args->file == NULL) return CLI_DONE;
    FILE *in = fopen(args->file, "rb");
    if (in == NULL) return cli_fail(c, "cannot open %s: %s", args->file, strerror(errno));
    *ret_in = in;
    return CLI_DONE;
}

int cli_cmd_batch(cli *c, cli_args *args) {
    FILE *in;
    int worst = open_script(c, args, &in);
    if (worst != CLI_DONE) return worst;
    bool is_person = in == stdin && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    cli_buffer line = {NULL, 0, 0};
    cli_words words = {NULL, 0, 0};
    cli at_line = *c;
    for (;;) {
        if (is_person) fputs("jaycache> ", stderr);
        at_line.batch_line++;
        enum cli_line got = cli_read_line(&at_line, in, &line);
        if (got == CLI_LINE_FAILED) worst = CLI_FAILED;
        if (got != CLI_LINE_READ) break;
        int exit_status = run_line(at_line, &line, &words);
        if (exit_status > worst) worst = exit_status;
        /* A program that writes a line waits for its result. */
        fflush(stdout);
        if (cli_output_failed()) {
            cli_message(&at_line, "nobody takes the results; the lines after this were not run");
            worst = CLI_FAILED;
            break;
        }
    }
    if (is_person) putc('\n', stderr);
    cli_words_deinit(&words);
    cli_buffer_deinit(&line);
    cli_close_input(in);
    return worst;
}
