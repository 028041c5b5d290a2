/*
 * check.c - jay_file_check.
 */
#include <string.h>

#include "backends/file/file_backend.h"
#include "backends/file/file_check.h"
#include "core/cache.h"

int jay_file_check(jay_cache *cache, int repairs, jay_file_report *ret_report, size_t report_size,
                   jay_error *error) {
    if (cache == NULL) return jayi_bad_argument(NULL, "the cache", error);
    if (ret_report == NULL) return jayi_bad_argument(cache, "ret_report", error);
    jay_error local;
    local.code = JAY_OK;
    int status;
    jay_file_report report;
    if (report_size == 0 || report_size % sizeof(int64_t) != 0) {
        status = jay_error_set(&local, JAY_E_ARGUMENT, 0,
                               "report_size must be sizeof(jay_file_report), not %zu", report_size);
    } else if (cache->ops != &jayi_file_backend) {
        status = jay_error_set(&local, JAY_E_UNSUPPORTED, 0,
                               "%s: has no directory to check; give the URL of a file: cache",
                               cache->ops->scheme);
    } else {
        status = jayi_file_check(cache->backend, repairs != 0, &report, &local);
    }
    if (status == JAY_OK) {
        /* A program made for a longer struct finds the fields that we do not know at -1. */
        memset(ret_report, 0xff, report_size);
        memcpy(ret_report, &report, report_size < sizeof report ? report_size : sizeof report);
    }
    return jayi_finish(cache, status, &local, error);
}
