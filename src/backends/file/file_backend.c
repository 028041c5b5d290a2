/*
 * file_backend.c - options and table of file:. docs/design/file.md tells how it works.
 */
#include "backends/file/file_backend.h"

#include <string.h>
#include <unistd.h>

#include "backends/file/file_read.h"
#include "backends/file/file_room.h"
#include "backends/file/file_walk.h"
#include "backends/file/file_write.h"
#include "util/memory.h"

enum {
    OPTION_MAX_ITEMS,
    OPTION_MAX_BYTES,
    OPTION_MODE,
    OPTION_LAYOUT,
    OPTION_SYNC,
    OPTION_REBUILD,
    OPTION_COUNT
};

static const jay_option_info file_options[OPTION_COUNT] = {
    [OPTION_MAX_ITEMS] = {.name = "max_items",
                          .type = JAY_OPTION_INT,
                          .default_text = "0",
                          .min = 0,
                          .max = INT64_C(1) << 40,
                          .also = "threshold items max_entries capacity",
                          .help = "the most entries it may hold; 0: no limit but max_bytes"},
    [OPTION_MAX_BYTES] = {.name = "max_bytes",
                          .type = JAY_OPTION_SIZE,
                          .default_text = "1g",
                          .min = 65536,
                          .max = INT64_C(1) << 50,
                          .also = "size disk limit max_size maxmemory",
                          .help = "the most that the files of its entries may take, in blocks of "
                                  "4 KiB"},
    [OPTION_MODE] = {.name = "mode",
                     .type = JAY_OPTION_MODE,
                     .default_text = "0600",
                     .min = 0600,
                     .max = 0666,
                     .also = "permissions umask perm",
                     .help = "permissions of the files; folders get what belongs to them"},
    [OPTION_LAYOUT] = {.name = "layout",
                       .type = JAY_OPTION_TEXT,
                       .default_text = "files",
                       .min = 1,
                       .max = 16,
                       .also = "format storage",
                       .help = "how entries are stored; files: each in a file of its own"},
    [OPTION_SYNC] = {.name = "sync",
                     .type = JAY_OPTION_TEXT,
                     .default_text = "none",
                     .min = 1,
                     .max = 16,
                     .also = "fsync durable flush",
                     .help =
                         "data: what was stored survives a power failure; none: it may be lost"},
    [OPTION_REBUILD] = {.name = "rebuild",
                        .type = JAY_OPTION_BOOL,
                        .default_text = "no",
                        .min = 0,
                        .max = 1,
                        .also = "recreate reset",
                        .help = "make the directory's own files anew when they are damaged"},
};

/* Which of two words a text is; else a failure that names both. */
static int choose(const char *name, const char *text, const char *first, const char *second,
                  bool *ret_is_second, jay_error *error) {
    *ret_is_second = strcmp(text, second) == 0;
    if (*ret_is_second || strcmp(text, first) == 0) return JAY_OK;
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0, "option '%s' is '%s'; it must be %s%s%s",
                         name, text, first, first == second ? "" : " or ",
                         first == second ? "" : second);
}

static int check_url(const jay_backend_config *config, jay_error *error) {
    if (config->authority[0] != '\0') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "file: takes a directory and no host; write file:/var/cache/site, "
                             "with one slash or three");
    }
    if (config->path[0] != '\0') return JAY_OK;
    return jay_error_set(error, JAY_E_URL, 0,
                         "file: needs a directory; write for example file:/var/cache/site");
}

static int file_open(const jay_backend_config *config, jay_backend **ret_backend,
                     jay_error *error) {
    const jay_option_value *values = config->values;
    bool is_synced, is_files;
    int status = check_url(config, error);
    if (status == JAY_OK)
        status = choose("layout", values[OPTION_LAYOUT].text, "files", "files", &is_files, error);
    if (status == JAY_OK)
        status = choose("sync", values[OPTION_SYNC].text, "none", "data", &is_synced, error);
    if (status != JAY_OK) return status;
    jayi_dir_plan plan = {.path = config->path,
                          .mode = (uint32_t)values[OPTION_MODE].number,
                          .max_items = (uint64_t)values[OPTION_MAX_ITEMS].number,
                          .max_bytes = (uint64_t)values[OPTION_MAX_BYTES].number,
                          .is_mode_given = values[OPTION_MODE].is_given,
                          .is_items_given = values[OPTION_MAX_ITEMS].is_given,
                          .is_bytes_given = values[OPTION_MAX_BYTES].is_given,
                          .may_rebuild = values[OPTION_REBUILD].number != 0};
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    backend->allocator = config->allocator;
    backend->user = geteuid();
    backend->is_synced = is_synced;
    status = jayi_dir_open(&plan, &config->allocator, &backend->dir, error);
    if (status != JAY_OK) {
        jayi_free(&config->allocator, backend);
        return status;
    }
    backend->mode = plan.is_mode_given ? plan.mode : backend->dir->mode;
    /* The limits may be lower now. One who may only read leaves that to others. */
    if (plan.is_items_given || plan.is_bytes_given) jayi_room_make(backend, 0, 0, NULL, NULL);
    *ret_backend = backend;
    return JAY_OK;
}

static int file_close(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    jayi_dir_close(backend->dir);
    jayi_free(&allocator, backend);
    return JAY_OK;
}

const jay_backend_ops jayi_file_backend = {
    .struct_size = sizeof(jay_backend_ops),
    .abi = JAY_BACKEND_ABI,
    .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS,
    .scheme = "file",
    .help = "in files of a directory, which processes share and which outlive them: "
            "file:/var/cache/site",
    .options = file_options,
    .option_count = OPTION_COUNT,
    .open = file_open,
    .close = file_close,
    .get = jayi_file_get,
    .release = jayi_file_release,
    .write = jayi_file_write,
    .erase = jayi_file_erase,
    .get_into = jayi_file_get_into,
    .has = jayi_file_has,
    .ttl = jayi_file_ttl,
    .touch = jayi_file_touch,
    .inc = jayi_file_inc,
    .clear = jayi_file_clear,
    .iterate = jayi_file_iterate,
    .stats = jayi_file_stats,
};
