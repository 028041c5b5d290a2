/*
 * fuzz_segments.c - a cache of segments, some bytes of which are replaced by the input's.
 *
 *     input: steps of 4 bytes (which file, where, 2 bytes) and what is written there, in turn
 *
 * The checks are keyed, so a half of the steps also puts them right, as only one who may read the
 * directory could. Whatever is in the files, opening, reading and going on neither crash nor hang;
 * what is found under a key belongs to it.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jaycache/jaycache.h>

#include "backends/file/seg_record.h"
#include "fuzz_input.h"

enum { STEP_BYTES = 8, KEYS = 12, SEGMENTS = 3 };

static char root[64];
static const char options[] = "layout=segments&max_items=50&max_bytes=64k";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

static jay_cache *open_cache(void) {
    char url[200];
    jay_cache *cache = NULL;
    snprintf(url, sizeof url, "file:%s?%s", root, options);
    fuzz_require(jay_open(url, NULL, &cache, NULL) == JAY_OK);
    return cache;
}

static void fill(jay_cache *cache) {
    static char value[700];
    char key[16];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key%d", i);
        snprintf(value, sizeof value, "of key%d", i);
        fuzz_require(jay_set(cache, key, strlen(key), value, sizeof value, 0, NULL) == JAY_OK);
    }
    fuzz_require(jay_delete_str(cache, "key1") == JAY_OK);
    fuzz_require(jay_touch(cache, "key2", 4, 100000, NULL) == JAY_OK);
}

/* The directory's seed, from its marker. */
static uint64_t read_seed(void) {
    char path[100], text[513] = "";
    unsigned long long seed = 0;
    snprintf(path, sizeof path, "%s/jaycache.dir", root);
    FILE *file = fopen(path, "r");
    fuzz_require(file != NULL);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *at = strstr(text, "\nseed ");
    fuzz_require(at != NULL && sscanf(at, "\nseed %llx", &seed) == 1); /* NOLINT(cert-err34-c) */
    return seed;
}

/* Makes the checks of a header right that was changed. */
static void put_right(int fd, off_t at, uint64_t seed) {
    jayi_record record;
    at -= at % (off_t)JAYI_RECORD_STEP;
    if (pread(fd, &record, sizeof record, at) != (ssize_t)sizeof record) return;
    jayi_record_seal(&record, seed);
    (void)!pwrite(fd, &record, sizeof record, at);
}

static void change(const uint8_t *step, uint64_t seed) {
    char path[100], name[JAYI_SEGMENT_NAME_BYTES + 1];
    jayi_segment_name(1 + step[0] % SEGMENTS, name);
    snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    off_t at = (off_t)(step[1] | step[2] << 8) % 5000;
    (void)!pwrite(fd, step + 4, STEP_BYTES - 4, at);
    if (step[3] % 2 == 1) put_right(fd, at, seed);
    if (step[3] % 16 == 2) (void)!ftruncate(fd, at);
    close(fd);
}

static void look(jay_cache *cache) {
    char key[16], expected[24];
    for (int i = 0; i < KEYS; i++) {
        jay_value view = JAY_VALUE_INIT;
        snprintf(key, sizeof key, "key%d", i);
        snprintf(expected, sizeof expected, "of key%d", i);
        int status = jay_get_str(cache, key, &view);
        fuzz_require(status == JAY_OK || status == JAY_MISS);
        if (status == JAY_OK && view.size == 700) fuzz_require(strcmp(view.data, expected) == 0);
        jay_value_release(&view);
    }
}

static int see(void *arg, const jay_entry_info *entry) {
    (void)arg;
    fuzz_require(entry->key_size > 0 && entry->key_size <= JAYI_RECORD_KEY_MAX);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char index[100];
    jay_file_report report;
    if (root[0] == '\0')
        snprintf(root, sizeof root, "/dev/shm/jaycache-fuzz-segments-%d.d", (int)getpid());
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    jay_cache *cache = open_cache();
    fill(cache);
    uint64_t seed = read_seed();
    bool is_open = size > 0 && data[0] % 2 == 0;
    if (!is_open) jay_close(cache);
    for (; size >= STEP_BYTES; data += STEP_BYTES, size -= STEP_BYTES) change(data, seed);
    snprintf(index, sizeof index, "%s/jaycache.index", root);
    if (!is_open) unlink(index);
    if (!is_open) cache = open_cache();
    look(cache);
    fuzz_require(jay_iterate(cache, see, NULL, NULL) == JAY_OK);
    fuzz_require(jay_file_check(cache, 1, &report, sizeof report, NULL) == JAY_OK);
    for (int i = 0; i < 8; i++) fill(cache);
    look(cache);
    jay_close(cache);
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
