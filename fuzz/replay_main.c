/*
 * replay_main.c - runs a fuzz target over the files of folders, so that a corpus is a test that
 * needs no fuzzer. Every file is one input; a defect shows as a crash or a sanitizer's report.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_target.h"

/* Corpora hold small inputs; a larger file is there by mistake. */
enum { INPUT_MAX_BYTES = 1 << 20, PATH_MAX_BYTES = 4096 };

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    /* An input has its exact size, so that a sanitizer sees a read beyond it. */
    uint8_t *buffer = malloc(INPUT_MAX_BYTES);
    size_t size = buffer == NULL ? 0 : fread(buffer, 1, INPUT_MAX_BYTES, file);
    uint8_t *input = malloc(size == 0 ? 1 : size);
    int is_whole = buffer != NULL && input != NULL && feof(file) && !ferror(file);
    if (is_whole) {
        for (size_t i = 0; i < size; i++) input[i] = buffer[i];
        (void)LLVMFuzzerTestOneInput(input, size);
    } else {
        fprintf(stderr, "%s: cannot be read, or is longer than %d bytes\n", path, INPUT_MAX_BYTES);
    }
    free(input);
    free(buffer);
    (void)fclose(file);
    return is_whole ? 0 : 1;
}

/* Returns how many files failed, and adds those run to *count. */
static int replay_folder(const char *folder, int *count) {
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        perror(folder);
        return 1;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        char path[PATH_MAX_BYTES];
        if (entry->d_name[0] == '.') continue;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed += length >= (int)sizeof path ? 1 : replay_file(path);
        *count += 1;
    }
    (void)closedir(listing);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0;
    int count = 0;
    for (int i = 1; i < argc; i++) failed += replay_folder(argv[i], &count);
    printf("%d inputs, %d failed\n", count, failed);
    return failed == 0 && count > 0 ? 0 : 1;
}
