/*
 * shm_backend.c - shm:NAME over a shared region.
 */
#include "backends/shm/shm_backend.h"

#include "backends/region/region_backend.h"
#include "engine/shared.h"

enum { OPTION_MODE = JAYI_REGION_OPTIONS, OPTION_MAX_PROCESSES, OPTION_REBUILD, OPTION_COUNT };

static const jay_option_info shm_options[OPTION_COUNT] = {
    JAYI_REGION_OPTION_ROWS("0"),
    [OPTION_MODE] = {.name = "mode",
                     .type = JAY_OPTION_MODE,
                     .default_text = "0600",
                     .min = 0600,
                     .max = 0666,
                     .also = "permissions umask perm",
                     .help = "permissions of the memory; everyone who may write may also spoil it"},
    [OPTION_MAX_PROCESSES] = {.name = "max_processes",
                              .type = JAY_OPTION_INT,
                              .default_text = "128",
                              .min = 1,
                              .max = 4095,
                              .also = "workers processes max_workers",
                              .help = "the most processes that may use it at the same time"},
    [OPTION_REBUILD] = {.name = "rebuild",
                        .type = JAY_OPTION_BOOL,
                        .default_text = "no",
                        .min = 0,
                        .max = 1,
                        .also = "recreate reset",
                        .help = "make it anew when it is damaged, of another format, or of other "
                                "limits than asked for"},
};

static int shm_open_backend(const jay_backend_config *config, jay_backend **ret_backend,
                            jay_error *error) {
    if (config->authority[0] != '\0') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "shm: takes a name and no host; write shm:NAME without slashes");
    }
    const jay_option_value *values = config->values;
    jayi_shared_plan plan = {
        .name = config->path,
        .region = jayi_region_plan_of(config, (uint32_t)values[OPTION_MAX_PROCESSES].number),
        .mode = (uint32_t)values[OPTION_MODE].number,
        .is_mode_given = values[OPTION_MODE].is_given,
        .is_bytes_given = values[JAYI_REGION_MAX_BYTES].is_given,
        .is_items_given = values[JAYI_REGION_MAX_ITEMS].is_given,
        .may_rebuild = values[OPTION_REBUILD].number != 0};
    jay_backend *backend = jayi_region_backend_create(config, error);
    if (backend == NULL) return JAY_E_NO_MEMORY;
    int status = jayi_shared_open(&plan, &config->allocator, &backend->region, error);
    if (status == JAY_OK) {
        *ret_backend = backend;
    } else {
        jayi_region_backend_destroy(backend);
    }
    return status;
}

static int shm_close_backend(jay_backend *backend) {
    jayi_shared_close(backend->region);
    jayi_region_backend_destroy(backend);
    return JAY_OK;
}

const jay_backend_ops jayi_shm_backend = {
    JAYI_REGION_BACKEND_FIELDS,
    .scheme = "shm",
    .help = "in memory that the processes of this machine share: shm:NAME",
    .options = shm_options,
    .option_count = OPTION_COUNT,
    .open = shm_open_backend,
    .close = shm_close_backend};
