/*
 * cmd_import.c - import: stores what the directory of a FileSystemCache holds.
 *
 * The directory is only read. No symbolic link in it is followed, and nothing but regular files is
 * opened for reading. Entries go to the cache in batches, so that a server is asked once for many.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "import_format.h"
#include "output.h"
#include "progress.h"

enum { BATCH_ENTRIES = 64 };
#define BATCH_BYTES ((size_t)4 << 20)

/* What became of the files, as X(name, text). */
#define IMPORT_MAP(X)                                                    \
    X(imported, "entries stored, or with --dry-run, to be stored")       \
    X(expired, "entries whose time is over")                             \
    X(damaged, "files that begin as entries do and are not whole")       \
    X(foreign, "other files, folders and links, which were not touched") \
    X(refused, "entries too large for the cache, or not ours to read")   \
    X(bytes, "bytes of the values stored")

typedef struct import {
    cli *c;
    const char *path;
    int folder_fd;
    bool is_dry;
    int64_t now_ms;
#define COUNT(name, text) int64_t name;
    IMPORT_MAP(COUNT)
#undef COUNT
    atomic_llong seen; /* for the progress */
    atomic_llong total;
    size_t count; /* of the batch */
    size_t batch_bytes;
    jay_pair pairs[BATCH_ENTRIES];
    unsigned char *files[BATCH_ENTRIES]; /* whole files, which the values lie in */
    char keys[BATCH_ENTRIES][CLI_IMPORT_NAME_MAX];
    jay_error error;
} import;

static void describe_import(void *arg, char *text, size_t capacity) {
    import *im = arg;
    snprintf(text, capacity, "importing, %lld of %lld files", atomic_load(&im->seen),
             atomic_load(&im->total));
}

/* ---- storing ---- */

static void empty_batch(import *im) {
    for (size_t i = 0; i < im->count; i++) free(im->files[i]);
    im->count = im->batch_bytes = 0;
}

/* Stores the batch. JAY_OK, or a failure after which going on is of no use. */
static int store_batch(import *im) {
    int statuses[BATCH_ENTRIES] = {0};
    jay_error error = {.code = JAY_OK};
    int status = JAY_OK;
    if (im->count > 0 && !im->is_dry)
        (void)jay_set_many(im->c->cache, im->pairs, im->count, statuses, &error);
    for (size_t i = 0; i < im->count; i++) {
        if (statuses[i] == JAY_OK) {
            im->imported++;
            im->bytes += (int64_t)im->pairs[i].value.size;
        } else if (statuses[i] == JAY_E_TOO_BIG) {
            im->refused++;
        } else if (status == JAY_OK) {
            status = statuses[i];
        }
    }
    empty_batch(im);
    if (status == JAY_OK) return JAY_OK;
    if (error.code != status) { /* it tells of another key of the batch */
        error.sys_errno = 0;
        snprintf(error.message, sizeof error.message, "%s", jay_status_text(status));
    }
    im->error = error;
    im->error.code = status;
    return status;
}

static int add_to_batch(import *im, const char *name, unsigned char *file, size_t size,
                        const cli_import_entry *entry, int64_t ttl_ms) {
    size_t at = im->count++;
    im->files[at] = file;
    memcpy(im->keys[at], name, strlen(name)); /* its length was looked at */
    im->pairs[at] = (jay_pair){.key = {im->keys[at], strlen(name)},
                               .value = {file + entry->value_at, size - entry->value_at},
                               .ttl_ms = ttl_ms};
    im->batch_bytes += size;
    bool is_full = im->count == BATCH_ENTRIES || im->batch_bytes >= BATCH_BYTES;
    return is_full ? store_batch(im) : JAY_OK;
}

/* ---- reading ---- */

static int import_failed(import *im, int code, const char *what, const char *name) {
    im->error.code = code;
    im->error.sys_errno = errno;
    snprintf(im->error.message, sizeof im->error.message, "cannot %s %.150s%s%.100s: %s", what,
             im->path, name[0] != '\0' ? "/" : "", name, strerror(errno));
    return code;
}

/* Opens a file. *ret_fd is -1 where it is none of ours, or not ours to read, which is counted. */
static int open_file(import *im, const char *name, int *ret_fd) {
    *ret_fd = openat(im->folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*ret_fd >= 0 || errno == ENOENT) return JAY_OK; /* it was removed meanwhile */
    bool is_refused = errno == EACCES || errno == EPERM;
    bool is_foreign = errno == ELOOP || errno == ENXIO; /* a link, a socket */
    im->refused += is_refused;
    im->foreign += is_foreign;
    return is_refused || is_foreign ? JAY_OK : import_failed(im, JAY_E_IO, "open", name);
}

/* Reads up to *size bytes, and says how many there were. 0, or -1 and errno. */
static int read_all(int fd, unsigned char *bytes, size_t *size) {
    size_t have = 0;
    while (have < *size) {
        ssize_t got = read(fd, bytes + have, *size - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        have += (size_t)got;
    }
    *size = have;
    return 0;
}

/* Reads a whole file. *ret_file is to be freed; NULL: there is nothing to be read. */
static int read_file(import *im, int fd, const char *name, unsigned char **ret_file,
                     size_t *ret_size) {
    struct stat st;
    *ret_file = NULL;
    if (fstat(fd, &st) != 0) return import_failed(im, JAY_E_IO, "look at", name);
    bool is_file = S_ISREG(st.st_mode);
    bool is_too_large = is_file && (uint64_t)st.st_size > CLI_INPUT_MAX_BYTES;
    im->foreign += !is_file;
    im->refused += is_too_large;
    if (!is_file || is_too_large) return JAY_OK;
    unsigned char *bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL) return import_failed(im, JAY_E_NO_MEMORY, "read", name);
    *ret_size = (size_t)st.st_size;
    if (read_all(fd, bytes, ret_size) != 0) {
        free(bytes);
        return import_failed(im, JAY_E_IO, "read", name);
    }
    *ret_file = bytes;
    return JAY_OK;
}

/* Takes what was read from a file. */
static int import_bytes(import *im, const char *name, unsigned char *file, size_t size) {
    cli_import_entry entry;
    int64_t ttl_ms = -1;
    switch (cli_import_parse(file, size, &entry)) {
    case CLI_IMPORT_ENTRY:
        ttl_ms = cli_import_ttl_ms(&entry, im->now_ms);
        if (ttl_ms >= 0) return add_to_batch(im, name, file, size, &entry, ttl_ms);
        im->expired++;
        break;
    case CLI_IMPORT_DAMAGED:
        im->damaged++;
        break;
    case CLI_IMPORT_FOREIGN:
    default:
        im->foreign++;
        break;
    }
    free(file);
    return JAY_OK;
}

static int import_file(import *im, const char *name) {
    int fd = -1;
    size_t size = 0;
    unsigned char *file = NULL;
    if (cli_import_is_own_name(name)) return JAY_OK;
    if (!cli_import_is_entry_name(name)) {
        im->foreign++;
        return JAY_OK;
    }
    int status = open_file(im, name, &fd);
    if (fd < 0) return status;
    status = read_file(im, fd, name, &file, &size);
    close(fd);
    return file != NULL ? import_bytes(im, name, file, size) : status;
}

/* Calls import_file for each file, or with `is_count` counts them only. */
static int walk(import *im, DIR *folder, bool is_count) {
    int status = JAY_OK;
    rewinddir(folder);
    while (status == JAY_OK) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) return errno == 0 ? JAY_OK : import_failed(im, JAY_E_IO, "list", "");
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        atomic_fetch_add(is_count ? &im->total : &im->seen, 1);
        if (!is_count) status = import_file(im, entry->d_name);
    }
    return status;
}

static int import_folder(import *im) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    im->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    DIR *folder = opendir(im->path);
    if (folder == NULL)
        return import_failed(im, errno == EACCES ? JAY_E_PERMISSION : JAY_E_IO, "open", "");
    im->folder_fd = dirfd(folder);
    int status = walk(im, folder, true);
    if (status == JAY_OK) status = walk(im, folder, false);
    if (status == JAY_OK) status = store_batch(im);
    empty_batch(im);
    closedir(folder);
    return status;
}

/* ---- the result ---- */

static void write_counts(import *im) {
    if (im->c->is_json) {
        cli_json j = {stdout, false};
        cli_json_begin_result(&j, im->c, JAY_OK);
#define ROW(name, text) cli_json_int(&j, #name, im->name);
        IMPORT_MAP(ROW)
#undef ROW
        cli_json_end(&j, '}');
        putchar('\n');
        return;
    }
#define ROW(name, text) printf("%-10s %15" PRId64 "  %s\n", #name, im->name, text);
    IMPORT_MAP(ROW)
#undef ROW
}

int cli_cmd_import(cli *c, cli_args *args) {
    cli_result result = {.kind = CLI_RESULT_NONE};
    cli_progress progress;
    import *im = calloc(1, sizeof *im);
    if (im == NULL) return cli_fail(c, "out of memory");
    im->c = c;
    im->path = args->operands[0];
    im->is_dry = args->is_dry_run != 0;
    cli_progress_start(&progress, describe_import, im);
    result.status = import_folder(im);
    cli_progress_stop(&progress);
    int exit_status;
    if (result.status != JAY_OK) {
        result.error = im->error;
        exit_status = cli_report(c, &result);
        if (im->imported > 0)
            cli_message(c, "%" PRId64 " entries were imported before that", im->imported);
    } else {
        write_counts(im);
        bool is_whole = im->damaged == 0 && im->refused == 0;
        exit_status = is_whole ? CLI_DONE : CLI_MISS;
        if (c->batch_line > 0 && !c->is_json) (void)cli_report(c, &result);
    }
    free(im);
    return exit_status;
}
