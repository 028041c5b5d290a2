/*
 * site_text.c - text buffers, escaping, and numbers for people. See site_text.h.
 */
#include "site_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void site_buf_free(site_buf *buf) {
    free(buf->data);
    *buf = (site_buf){NULL, 0, 0, 0};
}

/* Makes room for `size` more bytes and a NUL. */
static int reserve(site_buf *buf, size_t size) {
    if (buf->failed || size > SITE_BUF_MAX_BYTES - buf->size) {
        buf->failed = 1;
        return 0;
    }
    size_t needed = buf->size + size + 1;
    if (needed <= buf->capacity) return 1;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 1024;
    if (capacity < needed) capacity = needed;
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = 1;
        return 0;
    }
    buf->data = data;
    buf->capacity = capacity;
    return 1;
}

void site_buf_bytes(site_buf *buf, const void *data, size_t size) {
    if (!reserve(buf, size)) return;
    if (size) memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void site_buf_text(site_buf *buf, const char *text) {
    site_buf_bytes(buf, text, strlen(text));
}

void site_buf_format(site_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(buf, (size_t)length)) {
        buf->failed = 1;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->data + buf->size, (size_t)length + 1, format, args);
    va_end(args);
    buf->size += (size_t)length;
}

static const char *html_entity(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (unsigned char)c < 32 && c != '\n' && c != '\t' ? "" : NULL;
    }
}

void site_buf_escaped(site_buf *buf, const char *text, size_t size) {
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        const char *entity = html_entity(text[i]);
        if (!entity) continue;
        site_buf_bytes(buf, text + start, i - start);
        site_buf_text(buf, entity);
        start = i + 1;
    }
    site_buf_bytes(buf, text + start, size - start);
}

void site_buf_marked(site_buf *buf, const char *text) {
    int is_open = 0;
    while (*text) {
        size_t size = strcspn(text, "\1\2");
        site_buf_escaped(buf, text, size);
        text += size;
        if (*text == SITE_MARK_BEGIN && !is_open) site_buf_text(buf, "<mark>");
        if (*text == SITE_MARK_END && is_open) site_buf_text(buf, "</mark>");
        if (*text) is_open = *text++ == SITE_MARK_BEGIN;
    }
    if (is_open) site_buf_text(buf, "</mark>");
}

static void percent_encode(site_buf *buf, const char *text, const char *also_plain) {
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       strchr("-._~", c) || strchr(also_plain, c);
        char code[3] = {'%', digits[c >> 4], digits[c & 15]};
        site_buf_bytes(buf, is_plain ? text : code, is_plain ? 1 : 3);
    }
}

void site_buf_path(site_buf *buf, const char *text) {
    percent_encode(buf, text, "/+");
}

void site_buf_query(site_buf *buf, const char *text) {
    percent_encode(buf, text, "");
}

void site_format_count(char text[32], int64_t number) {
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, number < 0 ? 0 : number);
    size_t out = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = '\0';
}

void site_format_bytes(char text[32], int64_t size_bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = size_bytes < 0 ? 0 : (double)size_bytes;
    size_t unit = 0;
    while (size >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        size /= 1000;
        unit++;
    }
    snprintf(text, 32, unit && size < 9.95 ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

void site_format_us(char text[32], int64_t time_us) {
    double ms = (double)time_us / 1000;
    if (ms >= 9999.5)
        snprintf(text, 32, "%.1f s", ms / 1000);
    else
        snprintf(text, 32, ms < 9.995 ? "%.2f ms" : ms < 99.95 ? "%.1f ms" : "%.0f ms", ms);
}

int64_t site_parse_number(const char *text, int64_t max) {
    int64_t number = 0;
    if (!text || *text < '1' || *text > '9') return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return 0;
        int digit = *text - '0';
        if (number > (max - digit) / 10) return 0;
        number = number * 10 + digit;
    }
    return number;
}

int64_t site_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
