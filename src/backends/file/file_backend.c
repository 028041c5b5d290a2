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
#include "backends/file/seg_ops.h"
#include "util/memory.h"

enum {
    OPTION_MAX_ITEMS,
    OPTION_MAX_BYTES,
    OPTION_MODE,
    OPTION_LAYOUT,
    OPTION_SYNC,
    OPTION_REBUILD,
    OPTION_MMAP,
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
                       .default_text = "auto",
                       .min = 1,
                       .max = 16,
                       .also = "format storage",
                       .help =
                           "how entries are stored; files: each in a file of its own; segments: "
                           "many in one file; auto: segments, but files on network file "
                           "systems"},
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
    [OPTION_MMAP] = {.name = "mmap",
                     .type = JAY_OPTION_BOOL,
                     .default_text = "no",
                     .min = 0,
                     .max = 1,
                     .also = "map mapped",
                     .help = "of segments: read them as memory, which is faster; a disk that fails "
                             "then ends the program (SIGBUS)"},
};

/* Which of some words a text is; else a failure that names them all. */
static int choose(const char *name, const char *text, const char *const words[], const char *all,
                  int *ret_index, jay_error *error) {
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *ret_index = i;
        return JAY_OK;
    }
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0, "option '%s' is '%s'; it must be %s", name,
                         text, all);
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

static int make_plan(const jay_backend_config *config, jayi_dir_plan *ret_plan, bool *ret_is_synced,
                     jay_error *error) {
    static const char *const layouts[] = {"auto", "files", "segments", NULL}; /* as in the enum */
    static const char *const syncs[] = {"none", "data", NULL};
    const jay_option_value *values = config->values;
    int layout = 0, sync = 0;
    int status = check_url(config, error);
    if (status == JAY_OK)
        status = choose("layout", values[OPTION_LAYOUT].text, layouts, "auto, files or segments",
                        &layout, error);
    if (status == JAY_OK)
        status = choose("sync", values[OPTION_SYNC].text, syncs, "none or data", &sync, error);
    if (status != JAY_OK) return status;
    *ret_is_synced = sync == 1;
    *ret_plan = (jayi_dir_plan){.path = config->path,
                                .layout = (enum jayi_layout)layout,
                                .mode = (uint32_t)values[OPTION_MODE].number,
                                .max_items = (uint64_t)values[OPTION_MAX_ITEMS].number,
                                .max_bytes = (uint64_t)values[OPTION_MAX_BYTES].number,
                                .is_mode_given = values[OPTION_MODE].is_given,
                                .is_items_given = values[OPTION_MAX_ITEMS].is_given,
                                .is_bytes_given = values[OPTION_MAX_BYTES].is_given,
                                .may_rebuild = values[OPTION_REBUILD].number != 0,
                                .uses_map = values[OPTION_MMAP].number != 0};
    return JAY_OK;
}

/* The limits may be lower now. One who may only read leaves that to others. */
static void apply_limits(jay_backend *backend, const jayi_dir_plan *plan) {
    if (backend->dir->layout == JAYI_LAYOUT_SEGMENTS) {
        jayi_seg_trim(backend);
    } else if (plan->is_items_given || plan->is_bytes_given) {
        jayi_room_make(backend, 0, 0, NULL, NULL);
    }
}

static const jay_backend_ops files_functions;

static int file_open(const jay_backend_config *config, jay_backend **ret_backend,
                     jay_error *error) {
    jayi_dir_plan plan;
    bool is_synced = false;
    int status = make_plan(config, &plan, &is_synced, error);
    if (status != JAY_OK) return status;
    jay_backend *backend = jayi_calloc(&config->allocator, 1, sizeof *backend);
    if (backend == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for a handle");
    backend->allocator = config->allocator;
    backend->user = geteuid();
    backend->is_synced = is_synced;
    backend->uses_map = plan.uses_map;
    status = jayi_dir_open(&plan, &config->allocator, &backend->dir, error);
    if (status != JAY_OK) {
        jayi_free(&config->allocator, backend);
        return status;
    }
    bool is_segments = backend->dir->layout == JAYI_LAYOUT_SEGMENTS;
    backend->ops = is_segments ? &jayi_seg_functions : &files_functions;
    backend->mode = plan.is_mode_given ? plan.mode : backend->dir->mode;
    apply_limits(backend, &plan);
    *ret_backend = backend;
    return JAY_OK;
}

static int file_close(jay_backend *backend) {
    jay_allocator allocator = backend->allocator;
    jayi_dir_close(backend->dir);
    jayi_free(&allocator, backend);
    return JAY_OK;
}

/* ---- the functions of the directory's layout ---- */

static int file_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error) {
    return backend->ops->get(backend, key, key_size, ret_value, error);
}

static void file_release(jay_backend *backend, jay_value *value) {
    backend->ops->release(backend, value);
}

static int file_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    return backend->ops->write(backend, write, error);
}

static int file_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    return backend->ops->erase(backend, key, key_size, error);
}

static int file_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error) {
    return backend->ops->get_into(backend, key, key_size, buffer, capacity, ret_size, error);
}

static int file_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    return backend->ops->has(backend, key, key_size, error);
}

static int file_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error) {
    return backend->ops->ttl(backend, key, key_size, ret_ttl_ms, error);
}

static int file_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error) {
    return backend->ops->touch(backend, key, key_size, ttl_ms, error);
}

static int file_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    return backend->ops->inc(backend, key, key_size, delta, ttl_ms, ret_number, error);
}

static void file_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                          jay_error *error) {
    if (backend->ops->set_many != NULL) {
        backend->ops->set_many(backend, pairs, count, statuses, error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const jay_write write = {.struct_size = sizeof write,
                                 .mode = JAY_WRITE_SET,
                                 .key = pairs[i].key.data,
                                 .key_size = pairs[i].key.size,
                                 .value = pairs[i].value.data,
                                 .value_size = pairs[i].value.size,
                                 .ttl_ms = pairs[i].ttl_ms};
        if (statuses[i] != JAY_OK) continue;
        jay_error once = {.code = JAY_OK};
        statuses[i] = backend->ops->write(backend, &write, &once);
        if (statuses[i] < 0 && error != NULL && error->code == JAY_OK) *error = once;
    }
}

static int file_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                      jay_error *error) {
    return backend->ops->clear(backend, prefix, prefix_size, error);
}

static int file_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                        jay_iterate_fn *fn, void *arg, jay_error *error) {
    return backend->ops->iterate(backend, prefix, prefix_size, fn, arg, error);
}

static int file_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    return backend->ops->stats(backend, stats, error);
}

/* layout=files; that of segments is in seg_walk.c. */
static const jay_backend_ops files_functions = {
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
    .get = file_get,
    .release = file_release,
    .write = file_write,
    .erase = file_erase,
    .get_into = file_get_into,
    .has = file_has,
    .ttl = file_ttl,
    .touch = file_touch,
    .inc = file_inc,
    .set_many = file_set_many,
    .clear = file_clear,
    .iterate = file_iterate,
    .stats = file_stats,
};
