/*
 * fuzz_file_dir.c - puts any bytes in place of a file of a cache directory, and uses the cache.
 *
 * The first byte chooses which: an entry, an entry whose header's check is made right, so that what
 * lies behind is reached, the table, or the marker. The rest is what is in the file. Whatever it
 * is, every call returns some status, no value comes back that the header's own check of it denies,
 * and in the end what is stored is found again.
 */
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "backends/file/file_entry.h"
#include "fuzz_input.h"
#include "util/hash.h"

enum { FILE_MAX_BYTES = 1 << 17, WHICH = 4 };

static char root[64];
static char url[128];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

static void remove_root(void) {
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void) {
    if (root[0] == '\0') {
        snprintf(root, sizeof root, "/dev/shm/jaycache-fuzz-%d.d", (int)getpid());
        snprintf(url, sizeof url, "file:%s?layout=files&max_items=20&max_bytes=1m&rebuild=yes",
                 root);
        atexit(remove_root);
    }
}

static jay_cache *open_cache(void) {
    jay_cache *cache = NULL;
    jay_error error;
    int status = jay_open(url, NULL, &cache, &error);
    fuzz_require(status == JAY_OK || status == JAY_E_VERSION || status == JAY_E_CORRUPT);
    if (status == JAY_OK) return cache;
    fuzz_require(error.message[0] != '\0');
    remove_root();
    fuzz_require(jay_open(url, NULL, &cache, NULL) == JAY_OK);
    return cache;
}

static char entry_path[300];

static int keep_entry(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    if (kind == FTW_F && jayi_name_is_entry(path + place->base))
        snprintf(entry_path, sizeof entry_path, "%s", path);
    return 0;
}

/* The path of the only entry, which is "key". */
static const char *find_entry(void) {
    entry_path[0] = '\0';
    (void)nftw(root, keep_entry, 16, FTW_PHYS);
    fuzz_require(entry_path[0] != '\0');
    return entry_path;
}

static void put(const char *path, const unsigned char *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_require(fd >= 0);
    fuzz_require(size == 0 || write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static int look(void *arg, const jay_entry_info *entry) {
    (void)arg;
    fuzz_require(entry->key_size > 0 && entry->key_size <= JAYI_ENTRY_KEY_MAX);
    fuzz_require(entry->value_size <= FILE_MAX_BYTES);
    return 0;
}

/* What the bytes say as a header, by itself. */
static void check_parse(const unsigned char *bytes, size_t size) {
    unsigned char again[JAYI_ENTRY_HEADER];
    jayi_entry entry;
    if (size < JAYI_ENTRY_HEADER || !jayi_entry_parse(bytes, size, &entry)) return;
    fuzz_require(JAYI_ENTRY_HEADER + entry.key_size + entry.value_size <= size);
    jayi_entry_compose(&entry, again);
    fuzz_require(memcmp(again, bytes, sizeof again) == 0);
}

static void use(jay_cache *cache) {
    jay_value view = JAY_VALUE_INIT;
    jay_stats stats;
    int64_t number;
    int status = jay_get_str(cache, "key", &view);
    fuzz_require(status == JAY_OK || status == JAY_MISS);
    if (status == JAY_OK) fuzz_require(view.size <= FILE_MAX_BYTES && view.version != 0);
    jay_value_release(&view);
    fuzz_require(jay_iterate(cache, look, NULL, NULL) == JAY_OK);
    (void)jay_inc_str(cache, "key", 1, &number);
    (void)jay_touch_str(cache, "key", 1000);
    fuzz_require(jay_set_str(cache, "key", "value", 0) == JAY_OK);
    fuzz_require(jay_get_str(cache, "key", &view) == JAY_OK && view.size == 5);
    jay_value_release(&view);
    fuzz_require(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK);
    fuzz_require(jay_clear(cache, NULL) == JAY_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned char bytes[FILE_MAX_BYTES];
    char path[100];
    if (size < 1 || size - 1 > sizeof bytes) return 0;
    int which = data[0] % WHICH;
    memcpy(bytes, data + 1, --size);
    if (which == 1 && size >= JAYI_ENTRY_HEADER) {
        uint64_t check = jayi_hash(bytes, JAYI_ENTRY_HEADER - sizeof check, 0);
        for (size_t i = 0; i < sizeof check; i++)
            bytes[JAYI_ENTRY_HEADER - sizeof check + i] = (unsigned char)(check >> 8 * i);
    }
    if (which < 2) check_parse(bytes, size);
    make_root();
    jay_cache *cache = open_cache();
    fuzz_require(jay_set_str(cache, "key", "1", 0) == JAY_OK);
    if (which < 2) {
        put(find_entry(), bytes, size);
    } else {
        fuzz_require(jay_close(cache) == JAY_OK);
        snprintf(path, sizeof path, "%s/jaycache.%s", root, which == 2 ? "table" : "dir");
        put(path, bytes, size);
        cache = open_cache();
    }
    use(cache);
    fuzz_require(jay_close(cache) == JAY_OK);
    if (which >= 2) remove_root();
    return 0;
}
