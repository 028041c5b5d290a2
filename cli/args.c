/*
 * args.c - options and operands, by one table and getopt_long.
 *
 * getopt_long runs in its return-in-order mode ("-" before the letters) so that a word like -5 can
 * be taken as an operand before getopt sees it: `jaycache inc hits -5` should work as it reads.
 */
#include "args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "text.h"

enum option_kind {
    KIND_FLAG,
    KIND_TEXT,
    KIND_TTL,
    KIND_INT,
    KIND_SIZE,
    KIND_RATIO,
    KIND_SORT,
    KIND_CAS
};

typedef struct cli_option {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
    size_t field; /* offset in cli_args */
    int64_t min;  /* bounds of INT and SIZE */
    int64_t max;
    enum option_kind kind;
    char letter; /* 0: none */
} cli_option;

#define FIELD(name) .field = offsetof(cli_args, name)

/* In the order of enum cli_option_id, which is the order of the help. */
static const cli_option options[CLI_ID_COUNT] = {
    [CLI_ID_URL] = {.name = "url",
                    .letter = 'u',
                    .argument = "URL",
                    .kind = KIND_TEXT,
                    FIELD(url),
                    .help = "the cache, for instance memory: (default: JAYCACHE_URL)"},
    [CLI_ID_JSON] = {.name = "json",
                     .letter = 'j',
                     .kind = KIND_FLAG,
                     FIELD(is_json),
                     .help = "print the result as JSON"},
    [CLI_ID_VERBOSE] = {.name = "verbose",
                        .letter = 'v',
                        .kind = KIND_FLAG,
                        FIELD(is_verbose),
                        .help = "print the library's log on standard error"},
    [CLI_ID_HELP] = {.name = "help",
                     .letter = 'h',
                     .kind = KIND_FLAG,
                     FIELD(is_help),
                     .help = "print this help"},
    [CLI_ID_VERSION] = {.name = "version",
                        .letter = 'V',
                        .kind = KIND_FLAG,
                        FIELD(is_version),
                        .help = "print the versions of the command and of the library"},
    [CLI_ID_TTL] = {.name = "ttl",
                    .letter = 't',
                    .argument = "DURATION",
                    .kind = KIND_TTL,
                    FIELD(ttl_ms),
                    .help = "how long the entry lives: 500ms, 30s, 5m, 2h, 7d; 0 or forever;\n"
                            "default (the cache's default_ttl)"},
    [CLI_ID_FILE] = {.name = "file",
                     .letter = 'f',
                     .argument = "FILE",
                     .kind = KIND_TEXT,
                     FIELD(file),
                     .help = "read from FILE instead of standard input"},
    [CLI_ID_ESCAPES] = {.name = "escapes",
                        .letter = 'e',
                        .kind = KIND_FLAG,
                        FIELD(is_escapes),
                        .help = "decode \\n, \\t, \\0, \\\\ and \\xHH in keys and values"},
    [CLI_ID_HEX] = {.name = "hex",
                    .letter = 'x',
                    .kind = KIND_FLAG,
                    FIELD(is_hex),
                    .help = "keys are given in hexadecimal digits"},
    [CLI_ID_CAS] = {.name = "cas",
                    .argument = "VERSION",
                    .kind = KIND_CAS,
                    FIELD(cas_version),
                    .help = "store only if the entry still has this version (of get --json)"},
    [CLI_ID_LIMIT] = {.name = "limit",
                      .letter = 'n',
                      .argument = "N",
                      .kind = KIND_INT,
                      FIELD(limit),
                      .min = 1,
                      .max = INT64_MAX,
                      .help = "show at most N entries"},
    [CLI_ID_SORT] = {.name = "sort",
                     .letter = 's',
                     .argument = "BY",
                     .kind = KIND_SORT,
                     FIELD(sort),
                     .help = "size (biggest first), ttl (soonest to expire first), heat (hottest\n"
                             "first) or key"},
    [CLI_ID_REVERSE] = {.name = "reverse",
                        .letter = 'r',
                        .kind = KIND_FLAG,
                        FIELD(is_reverse),
                        .help = "sort the other way round"},
    [CLI_ID_REPAIR] = {.name = "repair",
                       .kind = KIND_FLAG,
                       FIELD(is_repair),
                       .help = "remove what is damaged, and count anew"},
    [CLI_ID_DRY_RUN] = {.name = "dry-run",
                        .kind = KIND_FLAG,
                        FIELD(is_dry_run),
                        .help = "only show what would be stored"},
    [CLI_ID_SECONDS] = {.name = "seconds",
                        .argument = "N",
                        .kind = KIND_INT,
                        FIELD(seconds),
                        .min = 1,
                        .max = 3600,
                        .help = "how long to measure (default 5)"},
    [CLI_ID_THREADS] = {.name = "threads",
                        .argument = "N",
                        .kind = KIND_INT,
                        FIELD(threads),
                        .min = 1,
                        .max = 256,
                        .help = "threads at once (default 1)"},
    [CLI_ID_SIZE] = {.name = "size",
                     .argument = "SIZE",
                     .kind = KIND_SIZE,
                     FIELD(size_bytes),
                     .min = 0,
                     .max = 64 << 20,
                     .help = "bytes of a value; k and m are allowed (default 100)"},
    [CLI_ID_KEYS] = {.name = "keys",
                     .argument = "N",
                     .kind = KIND_INT,
                     FIELD(keys),
                     .min = 1,
                     .max = 100000000,
                     .help = "different keys, all equally likely (default 10000)"},
    [CLI_ID_GET_RATIO] = {.name = "get-ratio",
                          .argument = "R",
                          .kind = KIND_RATIO,
                          FIELD(get_ratio),
                          .help = "share of gets, 0 to 1; the rest are sets (default 0.9)"},
};

#undef FIELD

/* What getopt_long returns for option `id` given by its long name; above all letters. */
#define LONG_VALUE(id) (256 + (id))

static bool scale(int64_t factor, int64_t *number) {
    if (*number > INT64_MAX / factor || *number < -(INT64_MAX / factor)) return false;
    *number *= factor;
    return true;
}

/* A decimal integer; *ret_rest is what follows it. */
static bool parse_int(const char *text, int64_t *ret_number, const char **ret_rest) {
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] < '0' || digits[0] > '9') return false;
    char *rest;
    errno = 0;
    long long number = strtoll(text, &rest, 10);
    if (errno != 0) return false;
    *ret_number = number;
    *ret_rest = rest;
    return true;
}

bool cli_parse_ttl(const char *text, int64_t *ret_ttl_ms) {
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (strcmp(text, "default") == 0) {
        *ret_ttl_ms = JAY_TTL_DEFAULT;
        return true;
    }
    if (strcmp(text, "forever") == 0 || strcmp(text, "0") == 0) {
        *ret_ttl_ms = JAY_TTL_FOREVER;
        return true;
    }
    int64_t number;
    const char *unit;
    if (!parse_int(text, &number, &unit)) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) != 0) continue;
        if (!scale(units[i].factor, &number)) return false;
        *ret_ttl_ms = number;
        return true;
    }
    return false;
}

static bool parse_size(const char *text, int64_t *ret_size_bytes) {
    const char *unit;
    int64_t number;
    if (!parse_int(text, &number, &unit)) return false;
    int64_t factor = 1;
    if (strcmp(unit, "k") == 0)
        factor = 1 << 10;
    else if (strcmp(unit, "m") == 0)
        factor = 1 << 20;
    else if (unit[0] != '\0')
        return false;
    if (!scale(factor, &number)) return false;
    *ret_size_bytes = number;
    return true;
}

static bool parse_whole(const char *text, int64_t *ret_number) {
    const char *rest;
    int64_t number;
    if (!parse_int(text, &number, &rest) || rest[0] != '\0') return false;
    *ret_number = number;
    return true;
}

static bool parse_ratio(const char *text, double *ret_ratio) {
    char *rest;
    double ratio = strtod(text, &rest);
    if (rest == text || rest[0] != '\0' || !(ratio >= 0 && ratio <= 1)) return false;
    *ret_ratio = ratio;
    return true;
}

static bool parse_sort(const char *text, int64_t *ret_sort) {
    static const char *const names[] = {"", "size", "ttl", "heat", "key"};
    for (int64_t i = 1; i <= CLI_SORT_KEY; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_sort = i;
            return true;
        }
    }
    return false;
}

/* A version is an unsigned 64-bit number, never 0. */
static bool parse_cas(const char *text, uint64_t *ret_version) {
    if (text[0] < '0' || text[0] > '9') return false;
    char *rest;
    errno = 0;
    unsigned long long version = strtoull(text, &rest, 10);
    if (errno != 0 || rest[0] != '\0' || version == 0) return false;
    *ret_version = version;
    return true;
}

static int usage_of_value(cli *c, const cli_option *o, const char *text) {
    switch (o->kind) {
    case KIND_TTL:
        return cli_usage(c,
                         "--ttl '%s' is no duration; write a whole number with its unit, like "
                         "300s (ms, s, m, h, d), or forever, or default",
                         text);
    case KIND_RATIO:
        return cli_usage(c, "--%s '%s' is not a number from 0 to 1", o->name, text);
    case KIND_SORT:
        return cli_usage(c, "--sort '%s' is none of size, ttl, heat, key", text);
    case KIND_CAS:
        return cli_usage(c, "--cas '%s' is no version; take it from get --json", text);
    case KIND_SIZE:
        return cli_usage(c, "--%s '%s' is not a size from 0 to %lldm, like 100 or 64k", o->name,
                         text, (long long)(o->max >> 20));
    default:
        if (o->max == INT64_MAX) {
            return cli_usage(c, "--%s '%s' is not a whole number of 1 or more", o->name, text);
        }
        return cli_usage(c, "--%s '%s' is not a whole number from %lld to %lld", o->name, text,
                         (long long)o->min, (long long)o->max);
    }
}

/* Stores an option's argument in its field. */
static int set_option(cli *c, cli_args *args, const cli_option *o, const char *text) {
    void *field = (char *)args + o->field;
    bool is_good = true;
    int64_t number = 0;
    switch (o->kind) {
    case KIND_FLAG:
        *(int64_t *)field = 1;
        break;
    case KIND_TEXT:
        *(const char **)field = text;
        break;
    case KIND_TTL:
        is_good = cli_parse_ttl(text, field);
        break;
    case KIND_RATIO:
        is_good = parse_ratio(text, field);
        break;
    case KIND_SORT:
        is_good = parse_sort(text, field);
        break;
    case KIND_CAS:
        is_good = parse_cas(text, field);
        break;
    default: /* INT and SIZE */
        is_good = o->kind == KIND_INT ? parse_whole(text, &number) : parse_size(text, &number);
        is_good = is_good && number >= o->min && number <= o->max;
        if (is_good) *(int64_t *)field = number;
        break;
    }
    return is_good ? CLI_DONE : usage_of_value(c, o, text);
}

/* Both forms of the options in `mask` for getopt_long. */
typedef struct getopt_forms {
    struct option names[CLI_ID_COUNT + 1];
    char letters[2 * CLI_ID_COUNT + 3];
} getopt_forms;

static void fill_forms(getopt_forms *forms, uint32_t mask, bool is_global) {
    size_t count = 0;
    char *letter = forms->letters;
    *letter++ = is_global ? '+' : '-';
    *letter++ = ':';
    for (int id = 0; id < CLI_ID_COUNT; id++) {
        if ((mask >> id & 1) == 0) continue;
        int has_argument = options[id].argument != NULL ? required_argument : no_argument;
        forms->names[count++] =
            (struct option){options[id].name, has_argument, NULL, LONG_VALUE(id)};
        if (options[id].letter == 0) continue;
        *letter++ = options[id].letter;
        if (has_argument) *letter++ = ':';
    }
    forms->names[count] = (struct option){NULL, 0, NULL, 0};
    *letter = '\0';
}

static const cli_option *option_of(int value) {
    if (value >= LONG_VALUE(0)) return &options[value - LONG_VALUE(0)];
    for (int id = 0; id < CLI_ID_COUNT; id++) {
        if (options[id].letter != 0 && options[id].letter == (char)value) return &options[id];
    }
    return NULL;
}

/* getopt found no such option in `mask`: a letter (optopt), or `word`. */
static int usage_of_option(cli *c, const char *word, uint32_t mask) {
    if (strncmp(word, "--", 2) != 0) return cli_usage(c, "there is no option -%c here", optopt);
    if (optopt >= LONG_VALUE(0)) {
        return cli_usage(c, "--%s takes no argument", option_of(optopt)->name);
    }
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *near = NULL;
    for (int id = 0; id < CLI_ID_COUNT; id++) {
        if ((mask >> id & 1) != 0) near = cli_nearer(name, near, options[id].name);
    }
    if (near == NULL) return cli_usage(c, "there is no option --%s here", name);
    return cli_usage(c, "there is no option --%s here; did you mean --%s?", name, near);
}

static bool is_negative_number(const char *word) {
    return word[0] == '-' && word[1] >= '0' && word[1] <= '9';
}

/* One step of getopt_long; the result goes to *args. */
static int take_option(cli *c, cli_args *args, int value, const char *word, uint32_t mask) {
    if (value == 1) {
        args->operands[args->operand_count++] = optarg;
        return CLI_DONE;
    }
    if (value == '?') return usage_of_option(c, word, mask);
    if (value == ':') {
        const cli_option *o = option_of(optopt);
        return cli_usage(c, "--%s needs an argument: --%s %s", o->name, o->name, o->argument);
    }
    return set_option(c, args, option_of(value), optarg);
}

int cli_args_init(cli *c, cli_args *ret_args, int word_count, char **words, uint32_t mask,
                  bool is_global) {
    *ret_args = (cli_args){.ttl_ms = JAY_TTL_DEFAULT,
                           .seconds = 5,
                           .threads = 1,
                           .size_bytes = 100,
                           .keys = 10000,
                           .get_ratio = 0.9};
    ret_args->operands = calloc((size_t)word_count + 1, sizeof(char *));
    if (ret_args->operands == NULL) return cli_fail(c, "out of memory");
    getopt_forms forms;
    fill_forms(&forms, mask, is_global);
    opterr = 0;
    optind = 0; /* makes getopt_long forget the words of an earlier call */
    int exit_status = CLI_DONE;
    int next = 1;
    while (exit_status == CLI_DONE && next < word_count) {
        if (!is_global && is_negative_number(words[next])) {
            ret_args->operands[ret_args->operand_count++] = words[next++];
            optind = next;
            continue;
        }
        int value = getopt_long(word_count, words, forms.letters, forms.names, NULL);
        if (value == -1) {
            next = optind;
            break;
        }
        exit_status = take_option(c, ret_args, value, words[next], mask);
        next = optind;
    }
    while (exit_status == CLI_DONE && next < word_count) {
        ret_args->operands[ret_args->operand_count++] = words[next++];
    }
    return exit_status;
}

void cli_args_deinit(cli_args *args) {
    free(args->operands);
    args->operands = NULL;
}

void cli_write_options(FILE *out, uint32_t mask) {
    for (int id = 0; id < CLI_ID_COUNT; id++) {
        const cli_option *o = &options[id];
        if ((mask >> id & 1) == 0) continue;
        char letter[8] = "    ";
        if (o->letter != 0) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        char names[40];
        snprintf(names, sizeof names, "%s--%s%s%s", letter, o->name, o->argument != NULL ? " " : "",
                 o->argument != NULL ? o->argument : "");
        int first = (int)strcspn(o->help, "\n");
        fprintf(out, "  %-20s  %.*s\n", names, first, o->help);
        if (o->help[first] != '\0') fprintf(out, "  %-20s  %s\n", "", o->help + first + 1);
    }
}

bool cli_decode_key(cli *c, const cli_args *args, char *text, size_t *size) {
    if (args->is_hex) {
        if (cli_unhex(text, size)) return true;
        cli_usage(c, "a key given with --hex must be pairs of the digits 0-9, a-f");
        return false;
    }
    return cli_decode_value(c, args, text, size);
}

bool cli_decode_value(cli *c, const cli_args *args, char *text, size_t *size) {
    if (!args->is_escapes || cli_unescape(text, size)) return true;
    cli_usage(c, "a backslash must begin \\\\, \\n, \\t, \\r, \\0, \\e, \\\", \\' or \\xHH here; "
                 "or leave --escapes out");
    return false;
}

bool cli_key(cli *c, cli_args *args, size_t index, jay_bytes *ret_key) {
    char *text = args->operands[index];
    size_t size = strlen(text);
    if (!cli_decode_key(c, args, text, &size)) return false;
    *ret_key = (jay_bytes){text, size};
    return true;
}
