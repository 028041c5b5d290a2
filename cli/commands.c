/*
 * commands.c - the table of commands. Help, dispatch and the checks of the manual and the
 * completion all go by it.
 */
#include <string.h>

#include "args.h"
#include "output.h"
#include "text.h"

#define OPT_KEY (CLI_OPT(ESCAPES) | CLI_OPT(HEX))
#define OPT_STORE (OPT_KEY | CLI_OPT(TTL) | CLI_OPT(FILE))
#define OPT_BENCH \
    (CLI_OPT(SECONDS) | CLI_OPT(THREADS) | CLI_OPT(SIZE) | CLI_OPT(KEYS) | CLI_OPT(GET_RATIO))

#define HELP_VALUE                                                               \
    "Without VALUE, or with -, the value is what standard input holds, to its\n" \
    "last byte.\n"
#define HELP_LINES "Without KEY, keys are read from standard input, one a line.\n"

static const cli_command commands[] = {
    {.name = "get",
     .operands = "KEY",
     .summary = "Print a value",
     .help = "Writes the bytes of the value and nothing else. A miss writes nothing and exits\n"
             "with 1.\n",
     .run = cli_cmd_get,
     .options = OPT_KEY,
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "set",
     .operands = "KEY [VALUE]",
     .summary = "Store a value",
     .help = HELP_VALUE
     "With --cas, the value is stored only if the entry is unchanged since get --json\n"
     "showed that version; else the exit status is 1.\n",
     .run = cli_cmd_set,
     .options = OPT_STORE | CLI_OPT(CAS),
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = true},
    {.name = "add",
     .operands = "KEY [VALUE]",
     .summary = "Store a value unless the key is there",
     .help = "If the key is there, it stays as it is and the exit status is 1.\n" HELP_VALUE,
     .run = cli_cmd_add,
     .options = OPT_STORE,
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = true},
    {.name = "replace",
     .operands = "KEY [VALUE]",
     .summary = "Store a value if the key is there",
     .help = "If the key is not there, nothing is stored and the exit status is 1.\n" HELP_VALUE,
     .run = cli_cmd_replace,
     .options = OPT_STORE,
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = true},
    {.name = "delete",
     .operands = "KEY",
     .summary = "Remove an entry",
     .help = "If the key is not there, the exit status is 1.\n",
     .run = cli_cmd_delete,
     .options = OPT_KEY,
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "has",
     .operands = "KEY",
     .summary = "Ask whether a key is there",
     .help = "The exit status is the answer: 0 yes, 1 no. It counts as no hit and no miss.\n",
     .run = cli_cmd_has,
     .options = OPT_KEY,
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "inc",
     .operands = "KEY [DELTA]",
     .summary = "Add to a counter",
     .help =
         "Adds DELTA, or 1, and prints the new number. A missing key begins at 0; --ttl counts\n"
         "only then.\n",
     .run = cli_cmd_inc,
     .options = OPT_KEY | CLI_OPT(TTL),
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = true},
    {.name = "dec",
     .operands = "KEY [DELTA]",
     .summary = "Subtract from a counter",
     .help = "Subtracts DELTA, or 1, and prints the new number. A missing key begins at 0; --ttl\n"
             "counts only then.\n",
     .run = cli_cmd_dec,
     .options = OPT_KEY | CLI_OPT(TTL),
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = true},
    {.name = "touch",
     .operands = "KEY",
     .summary = "Give an entry a new time to live",
     .help = "The time of --ttl, or else the cache's default, counts from now.\n",
     .run = cli_cmd_touch,
     .options = OPT_KEY | CLI_OPT(TTL),
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "ttl",
     .operands = "KEY",
     .summary = "Print how long an entry has left",
     .help = "Prints milliseconds with their unit, or forever: what --ttl takes.\n",
     .run = cli_cmd_ttl,
     .options = OPT_KEY,
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "get-many",
     .operands = "[KEY]...",
     .summary = "Print many keys and values",
     .help = "Prints KEY, a tab and VALUE of each key found, a line each, with backslash escapes\n"
             "for what is not printable: set-many --escapes reads it back. If any key is missing,\n"
             "the exit status is 1.\n" HELP_LINES,
     .run = cli_cmd_get_many,
     .options = OPT_KEY | CLI_OPT(FILE),
     .operand_min = 0,
     .operand_max = -1,
     .needs_cache = true},
    {.name = "set-many",
     .operands = "",
     .summary = "Store many values",
     .help = "Reads lines of KEY, a tab and VALUE from standard input, and stores them.\n",
     .run = cli_cmd_set_many,
     .options = OPT_STORE,
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "delete-many",
     .operands = "[KEY]...",
     .summary = "Remove many entries",
     .help = "If any key is missing, the exit status is 1; the others are removed all the "
             "same.\n" HELP_LINES,
     .run = cli_cmd_delete_many,
     .options = OPT_KEY | CLI_OPT(FILE),
     .operand_min = 0,
     .operand_max = -1,
     .needs_cache = true},
    {.name = "list",
     .operands = "",
     .summary = "Show the entries",
     .help = "Prints the size of the value in bytes, the remaining time, the heat (how hot the\n"
             "entry is to the cache; - if that is not known) and the key of every entry, a line\n"
             "each. With --json, one object a line.\n",
     .run = cli_cmd_list,
     .options = CLI_OPT(LIMIT) | CLI_OPT(SORT) | CLI_OPT(REVERSE),
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "stats",
     .operands = "",
     .summary = "Show the statistics",
     .help = "What the backend does not know is shown as -, in JSON as null.\n",
     .run = cli_cmd_stats,
     .options = 0,
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "clear",
     .operands = "",
     .summary = "Remove every entry",
     .help = "With a prefix in the URL, removes the entries of that prefix only.\n",
     .run = cli_cmd_clear,
     .options = 0,
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "fsck",
     .operands = "",
     .summary = "Check the directory of a file: cache",
     .help = "Reads every entry. If anything is damaged or counted wrong, and --repair is not\n"
             "given, the exit status is 1. The cache may be in use meanwhile.\n",
     .run = cli_cmd_fsck,
     .options = CLI_OPT(REPAIR),
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "import",
     .operands = "DIRECTORY",
     .summary = "Store what a directory of Python's FileSystemCache holds",
     .help =
         "Reads the files that werkzeug, Flask-Caching or cachelib have written, and stores each\n"
         "value as it is, pickled, for as long as it has left. The keys are not in the files:\n"
         "an entry's key becomes the name of its file, the MD5 of the key in hexadecimal\n"
         "digits. The directory is only read. If anything is damaged or refused, the exit\n"
         "status is 1.\n",
     .run = cli_cmd_import,
     .options = CLI_OPT(DRY_RUN),
     .operand_min = 1,
     .operand_max = 1,
     .needs_cache = true},
    {.name = "shm",
     .operands = "list | info NAME | remove NAME",
     .summary = "Show or remove the shared memory caches of this machine",
     .help =
         "list shows each cache that shm:NAME names, with how many processes use it now; info\n"
         "shows one. remove takes a cache away: processes that use it keep what they have, and\n"
         "who opens the name from then on makes a new one.\n",
     .run = cli_cmd_shm,
     .options = 0,
     .operand_min = 1,
     .operand_max = 2,
     .needs_cache = false},
    {.name = "bench",
     .operands = "",
     .summary = "Measure the speed of the cache",
     .help =
         "Stores --keys entries named jaycache-bench:..., reads and writes them for --seconds,\n"
         "and removes them. Storing and removing take at most as long again each. In a full\n"
         "cache this evicts entries of others.\n",
     .run = cli_cmd_bench,
     .options = OPT_BENCH,
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "batch",
     .operands = "",
     .summary = "Run commands from standard input on one open cache",
     .help = "Reads commands, one a line, as they stand after \"jaycache\": words with shell-like\n"
             "quotes, # before a comment. The last line of each result is ok, miss, exists,\n"
             "changed or error, then the value, escaped, or the number. The exit status is the\n"
             "worst of all.\n",
     .run = cli_cmd_batch,
     .options = CLI_OPT(FILE),
     .operand_min = 0,
     .operand_max = 0,
     .needs_cache = true},
    {.name = "help",
     .operands = "[COMMAND|SCHEME:]",
     .summary = "Print this help, or that of a command or a URL scheme",
     .help = "The same as --help; of a scheme, like shm:, the options of its URL.\n",
     .run = cli_cmd_help,
     .options = 0,
     .operand_min = 0,
     .operand_max = 1,
     .needs_cache = false},
};

const cli_command *cli_command_at(size_t index) {
    return index < sizeof commands / sizeof commands[0] ? &commands[index] : NULL;
}

const cli_command *cli_find_command(const char *name) {
    const cli_command *command;
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        if (strcmp(command->name, name) == 0) return command;
    }
    return NULL;
}

int cli_usage_of_command(const cli *c, const char *name) {
    const cli_command *command;
    const char *near = NULL;
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        near = cli_nearer(name, near, command->name);
    }
    if (near == NULL) return cli_usage(c, "there is no command '%s'", name);
    return cli_usage(c, "there is no command '%s'; did you mean %s?", name, near);
}
