/*
 * hitratio_file.c - see hitratio_file.h. Decompression is liblzma's, fed from the file in pieces.
 */
#include "hitratio_file.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A trace of a hundred million requests takes about this much as text. */
#define MAX_TEXT_BYTES ((size_t)1 << 31)
#define PIECE_BYTES 65536
#define LZMA_MEMORY_LIMIT (UINT64_C(1) << 30)

typedef struct text {
    char *bytes;
    size_t size;
    size_t capacity;
} text;

/* Makes room for at least one more byte. */
static bool grow(text *content, const char *path, char *error) {
    if (content->size < content->capacity) {
        return true;
    }
    if (content->capacity >= MAX_TEXT_BYTES) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: the trace is larger than %zu bytes", path,
                 MAX_TEXT_BYTES);
        return false;
    }
    size_t capacity = content->capacity == 0 ? (size_t)1 << 20 : content->capacity * 2;
    char *bytes = realloc(content->bytes, capacity);
    if (bytes == NULL) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: out of memory", path);
        return false;
    }
    content->bytes = bytes;
    content->capacity = capacity;
    return true;
}

static bool read_plain(FILE *file, const char *path, text *content, char *error) {
    do {
        if (!grow(content, path, error)) {
            return false;
        }
        content->size +=
            fread(content->bytes + content->size, 1, content->capacity - content->size, file);
    } while (!feof(file) && !ferror(file));
    return true;
}

static const char *lzma_problem(lzma_ret result) {
    switch (result) {
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return "decompressing it takes too much memory";
    case LZMA_BUF_ERROR:
        return "the xz file is cut short";
    case LZMA_OPTIONS_ERROR:
        return "the xz file uses options that this liblzma does not know";
    default:
        return "the xz file is damaged";
    }
}

static bool inflate(lzma_stream *stream, uint8_t *piece, FILE *file, const char *path,
                    text *content, char *error) {
    lzma_ret result = LZMA_OK;
    while (result == LZMA_OK) {
        if (stream->avail_in == 0 && !feof(file) && !ferror(file)) {
            stream->next_in = piece;
            stream->avail_in = fread(piece, 1, PIECE_BYTES, file);
        }
        if (!grow(content, path, error)) {
            return false;
        }
        stream->next_out = (uint8_t *)content->bytes + content->size;
        stream->avail_out = content->capacity - content->size;
        result = lzma_code(stream, feof(file) || ferror(file) ? LZMA_FINISH : LZMA_RUN);
        content->size = content->capacity - stream->avail_out;
    }
    if (result != LZMA_STREAM_END) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: %s", path, lzma_problem(result));
        return false;
    }
    return true;
}

static bool read_xz(FILE *file, const char *path, text *content, char *error) {
    lzma_stream stream = LZMA_STREAM_INIT;
    uint8_t piece[PIECE_BYTES];
    if (lzma_stream_decoder(&stream, LZMA_MEMORY_LIMIT, LZMA_CONCATENATED) != LZMA_OK) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: out of memory", path);
        return false;
    }
    bool done = inflate(&stream, piece, file, path, content, error);
    lzma_end(&stream);
    return done;
}

static bool starts_as_xz(FILE *file) {
    static const unsigned char magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    unsigned char start[6];
    size_t size = fread(start, 1, sizeof(start), file);
    rewind(file);
    return size == sizeof(start) && memcmp(start, magic, sizeof(magic)) == 0;
}

char *hitratio_file_read(const char *path, size_t *ret_size, char error[HITRATIO_ERROR_SIZE]) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    text content = {0};
    bool done = starts_as_xz(file) ? read_xz(file, path, &content, error)
                                   : read_plain(file, path, &content, error);
    if (done && ferror(file)) {
        snprintf(error, HITRATIO_ERROR_SIZE, "%s: reading it failed", path);
        done = false;
    }
    fclose(file);
    if (!done) {
        free(content.bytes);
        return NULL;
    }
    *ret_size = content.size;
    return content.bytes;
}
