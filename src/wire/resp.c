/*
 * resp.c - the protocol of Redis, as text.
 */
#include "wire/resp.h"

#include <string.h>

#include "util/decimal.h"

/* ---- commands ---- */

static inline char *put_line_end(char *out) {
    out[0] = '\r';
    out[1] = '\n';
    return out + 2;
}

static char *put_long_head(char *out, char mark, size_t number) {
    char digits[JAYI_DECIMAL_MAX];
    size_t used = 0;
    *out++ = mark;
    do {
        digits[used++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (used > 0) *out++ = digits[--used];
    return put_line_end(out);
}

/* Most counts and lengths of words have one digit or two. */
static inline char *put_head(char *out, char mark, size_t number) {
    if (number >= 100) return put_long_head(out, mark, number);
    *out++ = mark;
    if (number >= 10) *out++ = (char)('0' + number / 10);
    *out++ = (char)('0' + number % 10);
    return put_line_end(out);
}

/* Keys and the names of commands are short: no call for them. Pieces may overlap. */
static inline void copy_word(char *out, const char *word, size_t size) {
    if (size > 32) {
        memcpy(out, word, size);
    } else if (size >= 16) {
        memcpy(out, word, 16);
        memcpy(out + size - 16, word + size - 16, 16);
    } else if (size >= 8) {
        memcpy(out, word, 8);
        memcpy(out + size - 8, word + size - 8, 8);
    } else if (size >= 4) {
        memcpy(out, word, 4);
        memcpy(out + size - 4, word + size - 4, 4);
    } else if (size > 0) {
        char first = word[0], middle = word[size / 2], last = word[size - 1];
        out[0] = first;
        out[size / 2] = middle;
        out[size - 1] = last;
    }
}

char *jayi_resp_put_command(char *out, size_t count) {
    return put_head(out, '*', count);
}

char *jayi_resp_put_size(char *out, size_t size) {
    return put_head(out, '$', size);
}

char *jayi_resp_put_word(char *out, const void *word, size_t size) {
    out = put_head(out, '$', size);
    copy_word(out, word, size);
    return put_line_end(out + size);
}

char *jayi_resp_put_number(char *out, int64_t number) {
    char digits[JAYI_DECIMAL_MAX];
    return jayi_resp_put_word(out, digits, jayi_decimal_format(number, digits));
}

/* ---- replies ---- */

/* A length: digits alone, or "-1" where that is a null. */
static bool take_length(jayi_resp_head *head, int64_t most, bool may_be_null) {
    if (!jayi_decimal_parse(head->text, head->text_size, &head->number)) return false;
    if (head->number == -1 && may_be_null) {
        head->type = JAYI_RESP_NULL;
        head->number = 0;
        return true;
    }
    return head->number >= 0 && head->number <= most;
}

static bool take_aggregate(jayi_resp_head *head, enum jayi_resp_type type, int each) {
    head->type = type;
    bool is_length = take_length(head, JAYI_RESP_COUNT_MAX, type == JAYI_RESP_ARRAY && each == 1);
    head->number *= each;
    return is_length;
}

static bool take_string(jayi_resp_head *head, enum jayi_resp_type type) {
    head->type = type;
    return take_length(head, JAYI_RESP_STRING_MAX, type == JAYI_RESP_STRING);
}

/* What the first byte of a line says. */
static bool take_line(jayi_resp_head *head, char mark) {
    switch (mark) {
    case '+':
        head->type = JAYI_RESP_TEXT;
        return true;
    case '-':
        head->type = JAYI_RESP_ERROR;
        return true;
    case ':':
        head->type = JAYI_RESP_INTEGER;
        return jayi_decimal_parse(head->text, head->text_size, &head->number);
    case '$':
    case '=':
        return take_string(head, JAYI_RESP_STRING);
    case '!':
        return take_string(head, JAYI_RESP_LONG_ERROR);
    case '*':
    case '~':
        return take_aggregate(head, JAYI_RESP_ARRAY, 1);
    case '%':
        return take_aggregate(head, JAYI_RESP_ARRAY, 2);
    case '>':
        return take_aggregate(head, JAYI_RESP_PUSH, 1);
    case '|':
        return take_aggregate(head, JAYI_RESP_ATTRIBUTE, 2);
    case '_':
        head->type = JAYI_RESP_NULL;
        return head->text_size == 0;
    case '#':
    case ',':
    case '(':
        head->type = JAYI_RESP_OTHER;
        return head->text_size > 0;
    default:
        return false;
    }
}

/* "$1024", the usual reply, in one pass: its length with its end, or 0 when it is another. */
static inline int parse_usual(const char *bytes, size_t size, jayi_resp_head *ret_head) {
    /* Room for a number of nine digits, which cannot overflow, and its end. */
    if (size < 12 || bytes[0] != '$') return 0;
    const char *at = bytes + 1;
    uint32_t number = 0, digit;
    while ((digit = (uint32_t)(unsigned char)*at - '0') <= 9 && at < bytes + 10) {
        number = number * 10 + digit;
        at++;
    }
    size_t digits = (size_t)(at - bytes) - 1;
    if (at[0] != '\r' || at[1] != '\n' || digits == 0 || (bytes[1] == '0' && digits > 1)) return 0;
    *ret_head = (jayi_resp_head){JAYI_RESP_STRING, number, bytes + 1, digits};
    return (int)digits + 3;
}

int jayi_resp_parse(const char *bytes, size_t size, jayi_resp_head *ret_head) {
    int usual = parse_usual(bytes, size, ret_head);
    if (usual > 0) return usual;
    if (size == 0) return 0;
    /* What speaks another protocol is known by its first byte. */
    if (memchr("+-:$=!*~%>|_#,(", bytes[0], 15) == NULL) return -1;
    size_t most = size < JAYI_RESP_LINE_MAX ? size : JAYI_RESP_LINE_MAX;
    const char *end = memchr(bytes, '\n', most);
    if (end == NULL) return size < JAYI_RESP_LINE_MAX ? 0 : -1;
    /* A line with half of an end in it is two of them, one of which was spoilt. */
    if (end - bytes < 2 || memchr(bytes + 1, '\r', (size_t)(end - bytes) - 1) != end - 1) return -1;
    *ret_head = (jayi_resp_head){.text = bytes + 1, .text_size = (size_t)(end - bytes) - 2};
    return take_line(ret_head, bytes[0]) ? (int)(end - bytes) + 1 : -1;
}

/* ---- nesting ---- */

/* Leaves the aggregates that are over. */
static void settle(jayi_resp_walk *walk) {
    while (walk->depth >= 0 && walk->left[walk->depth] == 0) walk->depth--;
}

void jayi_resp_walk_begin(jayi_resp_walk *walk, int64_t count) {
    walk->depth = 0;
    walk->left[0] = count;
    settle(walk);
}

bool jayi_resp_walk_step(jayi_resp_walk *walk, const jayi_resp_head *head) {
    bool is_extra = head->type == JAYI_RESP_ATTRIBUTE || head->type == JAYI_RESP_PUSH;
    bool is_nested = is_extra || head->type == JAYI_RESP_ARRAY;
    if (!is_extra) walk->left[walk->depth]--;
    if (is_nested && head->number > 0) {
        if (walk->depth == JAYI_RESP_DEPTH_MAX) return false;
        walk->left[++walk->depth] = head->number;
    }
    settle(walk);
    return true;
}

int64_t jayi_resp_measure(const char *bytes, size_t size) {
    jayi_resp_walk walk;
    size_t whole = 0;
    jayi_resp_walk_begin(&walk, 1);
    for (int i = 0; i < JAYI_RESP_MEASURED_MAX; i++) {
        jayi_resp_head head;
        /* The end of a string that others follow has not arrived. */
        if (whole > size) return 0;
        int used = jayi_resp_parse(bytes + whole, size - whole, &head);
        if (used <= 0) return used;
        whole += (size_t)used;
        if (jayi_resp_has_bytes(&head)) {
            if (head.number > INT32_MAX) return -1;
            whole += (size_t)head.number + 2;
            if (whole <= size && memcmp(bytes + whole - 2, "\r\n", 2) != 0) return -1;
        }
        if (!jayi_resp_walk_step(&walk, &head)) return -1;
        if (jayi_resp_walk_is_over(&walk)) return (int64_t)whole;
    }
    return -1;
}
