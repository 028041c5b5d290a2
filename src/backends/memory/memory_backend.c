/*
 * memory_backend.c - memory: and simple: over a private region.
 */
#include "backends/memory/memory_backend.h"

#include "backends/region/region_backend.h"

static const jay_option_info memory_options[] = {JAYI_REGION_OPTION_ROWS("0")};
static const jay_option_info simple_options[] = {JAYI_REGION_OPTION_ROWS("500")};

static int memory_open(const jay_backend_config *config, jay_backend **ret_backend,
                       jay_error *error) {
    if (config->authority[0] != '\0' || config->path[0] != '\0') {
        return jay_error_set(error, JAY_E_URL, 0,
                             "%s: takes nothing but options; write %s: or %s:?max_bytes=256m",
                             config->scheme, config->scheme, config->scheme);
    }
    jay_backend *backend = jayi_region_backend_create(config, error);
    if (backend == NULL) return JAY_E_NO_MEMORY;
    jayi_region_plan plan = jayi_region_plan_of(config, 1);
    int status = jayi_engine_open_private(backend->region, &plan, error);
    if (status == JAY_OK) {
        *ret_backend = backend;
    } else {
        jayi_region_backend_destroy(backend);
    }
    return status;
}

static int memory_close(jay_backend *backend) {
    jayi_engine_close_private(backend->region);
    jayi_region_backend_destroy(backend);
    return JAY_OK;
}

const jay_backend_ops jayi_memory_backend = {JAYI_REGION_BACKEND_FIELDS,
                                             .scheme = "memory",
                                             .help = "in the memory of this process",
                                             .options = memory_options,
                                             .option_count = JAYI_REGION_OPTIONS,
                                             .open = memory_open,
                                             .close = memory_close};

const jay_backend_ops jayi_simple_backend = {JAYI_REGION_BACKEND_FIELDS,
                                             .scheme = "simple",
                                             .help =
                                                 "as memory:, with 500 entries at most by default",
                                             .options = simple_options,
                                             .option_count = JAYI_REGION_OPTIONS,
                                             .open = memory_open,
                                             .close = memory_close};
