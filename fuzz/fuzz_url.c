/*
 * fuzz_url.c - opens a cache by any URL text, for the backends that live in this process, and uses
 * what was opened.
 *
 * The first byte of the input bounds the memory that the cache may take, so that running out of it
 * is tried at many places too. The rest is the URL. Whatever the text is, jay_open must return a
 * status, with a message if it is a failure, and never a handle that does not work.
 */
#include <jaycache/jaycache.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"

enum { URL_MAX_BYTES = 4096, ALLOCATION_MAX_BYTES = 1 << 24 };

/* How many allocations are left before they fail; negative: without end. */
typedef struct allowance {
    int left;
} allowance;

static int is_allowed(allowance *mine, size_t size) {
    if (size > ALLOCATION_MAX_BYTES || mine->left == 0) return 0;
    if (mine->left > 0) mine->left--;
    return 1;
}

static void *limited_alloc(void *arg, size_t size) {
    return is_allowed(arg, size) ? malloc(size) : NULL;
}

static void *limited_realloc(void *arg, void *memory, size_t size) {
    return is_allowed(arg, size) ? realloc(memory, size) : NULL;
}

static void limited_free(void *arg, void *memory) {
    (void)arg;
    free(memory);
}

/* Other schemes could reach files and servers. */
static int is_in_process(const char *url) {
    static const char *const schemes[] = {"null:", "memory:", "simple:"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) return 1;
    }
    return strchr(url, ':') == NULL;
}

static void require(int holds) {
    if (!holds) abort();
}

/* What was stored is found, or not; nothing else comes back. */
static void use(jay_cache *cache) {
    jay_value value = JAY_VALUE_INIT;
    int64_t number = 0;
    int is_stored = jay_set_str(cache, "key", "bytes", JAY_TTL_DEFAULT) == JAY_OK;
    if (jay_get_str(cache, "key", &value) == JAY_OK) {
        require(is_stored && value.size == 5 && memcmp(value.data, "bytes", 6) == 0);
    }
    jay_value_release(&value);
    if (jay_inc_str(cache, "count", 3, &number) == JAY_OK) require(number == 3);
    (void)jay_clear(cache, NULL);
    require(jay_has_str(cache, "key") != JAY_OK);
    require(jay_close(cache) == JAY_OK);
}

static void open_and_use(const char *url, int allocations) {
    allowance mine = {allocations};
    const jay_allocator allocator = {limited_alloc, limited_realloc, limited_free, &mine};
    jay_options *options = NULL;
    if (jay_options_create(&allocator, &options) != JAY_OK) return;
    jay_cache *cache = NULL;
    jay_error error;
    int status = jay_open(url, options, &cache, &error);
    jay_options_destroy(options);
    require(status <= 0);
    if (status == JAY_OK) {
        require(cache != NULL);
        use(cache);
    } else {
        require(cache == NULL && error.code == status);
        require(error.message[0] != '\0' &&
                memchr(error.message, '\0', sizeof error.message) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char url[URL_MAX_BYTES + 1];
    if (size < 1 || size - 1 > URL_MAX_BYTES) return 0;
    memcpy(url, data + 1, size - 1);
    url[size - 1] = '\0';
    if (is_in_process(url)) open_and_use(url, data[0] < 64 ? data[0] : -1);
    return 0;
}
