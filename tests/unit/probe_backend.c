/*
 * probe_backend.c - the backend that writes down what it is asked.
 */
#include "probe_backend.h"

#include <stdio.h>
#include <string.h>

struct jay_backend {
    jay_allocator allocator;
};

probe_state probe;

static const jay_option_info probe_options[PROBE_OPTION_COUNT] = {
    [PROBE_COUNT] = {"count", JAY_OPTION_INT, "7", -10, 100, "number", "how many there are"},
    [PROBE_ROOM] = {"room", JAY_OPTION_SIZE, "1m", 1024, INT64_C(1) << 30, "space capacity",
                    "how much room there is"},
    [PROBE_PATIENCE] = {"patience", JAY_OPTION_DURATION, "5s", 1, 60000, NULL, "how long to wait"},
    [PROBE_EAGER] = {"eager", JAY_OPTION_BOOL, "no", 0, 1, "", "whether not to wait"},
    [PROBE_MODE] = {"mode", JAY_OPTION_MODE, "0600", 0, 0777, "permissions", "who may read it"},
    [PROBE_LABEL] = {"label", JAY_OPTION_TEXT, "none", 2, 12, "title", "what it is called"},
};

/* Ends a call with `status`, and with the error that the test wants. */
static int answer(int status, jay_error *error) {
    if (status < 0 && probe.message != NULL) {
        int code = probe.error_code != 0 ? probe.error_code : status;
        jay_error_set(error, code, probe.sys_errno, "%s", probe.message);
    }
    return status;
}

/* Writes a call on a key down, and ends it. */
static int called(const void *key, size_t key_size, jay_error *error) {
    probe.calls++;
    probe.key_size = key_size;
    memcpy(probe.key, key, key_size < sizeof probe.key ? key_size : sizeof probe.key);
    return answer(probe.call_status, error);
}

static int probe_open(const jay_backend_config *config, jay_backend **ret_backend,
                      jay_error *error) {
    probe.config = *config;
    snprintf(probe.authority, sizeof probe.authority, "%s", config->authority);
    snprintf(probe.path, sizeof probe.path, "%s", config->path);
    snprintf(probe.prefix, sizeof probe.prefix, "%s", config->prefix);
    if (probe.ops.option_count == PROBE_OPTION_COUNT) {
        memcpy(probe.values, config->values, sizeof probe.values);
        snprintf(probe.label, sizeof probe.label, "%s", config->values[PROBE_LABEL].text);
    }
    if (probe.open_status != JAY_OK) return answer(probe.open_status, error);
    jay_backend *backend = config->allocator.alloc(config->allocator.arg, sizeof *backend);
    if (backend == NULL) return jay_error_set(error, JAY_E_NO_MEMORY, 0, "no memory for probe:");
    backend->allocator = config->allocator;
    *ret_backend = backend;
    probe.opened++;
    return JAY_OK;
}

static int probe_close(jay_backend *backend) {
    backend->allocator.free(backend->allocator.arg, backend);
    probe.closed++;
    return probe.close_status;
}

static int probe_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                     jay_error *error) {
    (void)backend;
    int status = called(key, key_size, error);
    if (status != JAY_OK) return status;
    if (!probe.has_entry) return JAY_MISS;
    *ret_value = (jay_value){.data = PROBE_VALUE, .size = strlen(PROBE_VALUE), .version = 1};
    return JAY_OK;
}

static void probe_release(jay_backend *backend, jay_value *value) {
    (void)backend, (void)value;
    probe.released++;
}

static int probe_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    (void)backend;
    probe.write = *write;
    probe.ttl_ms = write->ttl_ms;
    return called(write->key, write->key_size, error);
}

static int probe_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    (void)backend;
    int status = called(key, key_size, error);
    return status == JAY_OK && !probe.has_entry ? JAY_MISS : status;
}

static int probe_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                       jay_error *error) {
    (void)backend;
    probe.ttl_ms = ttl_ms;
    return called(key, key_size, error);
}

static int probe_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                     int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    (void)backend;
    probe.ttl_ms = ttl_ms;
    int status = called(key, key_size, error);
    if (status == JAY_OK) *ret_number = delta;
    return status;
}

static int probe_clear(jay_backend *backend, const void *prefix, size_t prefix_size,
                       jay_error *error) {
    (void)backend;
    return called(prefix, prefix_size, error);
}

static int probe_stats(jay_backend *backend, jay_stats *stats, jay_error *error) {
    (void)backend;
    probe.calls++;
    if (probe.call_status == JAY_OK) stats->items = 4711;
    return answer(probe.call_status, error);
}

void probe_reset(void) {
    memset(&probe, 0, sizeof probe);
    probe.ops = (jay_backend_ops){
        .struct_size = sizeof(jay_backend_ops),
        .abi = JAY_BACKEND_ABI,
        .flags = JAY_BACKEND_ADD | JAY_BACKEND_REPLACE | JAY_BACKEND_CAS,
        .scheme = "probe",
        .help = "writes down what it is asked",
        .options = probe_options,
        .option_count = PROBE_OPTION_COUNT,
        .open = probe_open,
        .close = probe_close,
        .get = probe_get,
        .release = probe_release,
        .write = probe_write,
        .erase = probe_erase,
        .touch = probe_touch,
        .inc = probe_inc,
        .clear = probe_clear,
        .stats = probe_stats,
    };
}
