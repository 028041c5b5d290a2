/*
 * site_text.h - a growing buffer of text, and the ways to put text into HTML and URLs safely.
 *
 * A buffer that runs out of memory, or grows over SITE_BUF_MAX_BYTES, remembers it in `failed` and
 * takes nothing more; so callers write on, and look once, at the end.
 */
#ifndef SITE_TEXT_H
#define SITE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define SITE_BUF_MAX_BYTES ((size_t)8 * 1024 * 1024)

/* What the full-text search puts around a match; site_buf_marked turns them into <mark>. */
#define SITE_MARK_BEGIN '\1'
#define SITE_MARK_END '\2'

typedef struct site_buf {
    char *data; /* followed by a NUL, unless NULL */
    size_t size;
    size_t capacity;
    int failed;
} site_buf;

void site_buf_free(site_buf *buf);
void site_buf_bytes(site_buf *buf, const void *data, size_t size);
void site_buf_text(site_buf *buf, const char *text);
void site_buf_format(site_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text as HTML, in elements and in quoted attributes. Control characters are left out. */
void site_buf_escaped(site_buf *buf, const char *text, size_t size);

/* The same, with SITE_MARK_BEGIN and SITE_MARK_END as <mark> and </mark>, always closed. */
void site_buf_marked(site_buf *buf, const char *text);

/* Text as a part of a URL: all but letters, digits and -._~/+ is percent-encoded. */
void site_buf_path(site_buf *buf, const char *text);

/* As site_buf_path, for a value behind '?', where '/' and '+' are encoded, too. */
void site_buf_query(site_buf *buf, const char *text);

/* Numbers for people: "63,666", "1.4 MB", "0.21 ms". At most 32 bytes are written. */
void site_format_count(char text[32], int64_t number);
void site_format_bytes(char text[32], int64_t size_bytes);
void site_format_us(char text[32], int64_t time_us);

/* A decimal number without sign, space or leading zero, from 1 to `max`; 0 when it is none. */
int64_t site_parse_number(const char *text, int64_t max);

/* Microseconds on a clock that never goes back. */
int64_t site_now_us(void);

#endif
