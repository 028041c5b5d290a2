/*
 * resp.c - the protocol of Redis, as text.
 */
#include "wire/resp.h"

#include <string.h>

#include "util/decimal.h"

/* ---- commands ---- */

static char *put_head(char *out, char mark, size_t number) {
    char digits[JAYI_DECIMAL_MAX];
    size_t used = 0;
    *out++ = mark;
    do {
        digits[used++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (used > 0) *out++ = digits[--used];
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

char *jayi_resp_put_command(char *out, size_t count) {
    return put_head(out, '*', count);
}

char *jayi_resp_put_size(char *out, size_t size) {
    return put_head(out, '$', size);
}

char *jayi_resp_put_word(char *out, const void *word, size_t size) {
    out = put_head(out, '$', size);
    if (size > 0) memcpy(out, word, size);
    out += size;
    *out++ = '\r';
    *out++ = '\n';
    return out;
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

int jayi_resp_parse(const char *bytes, size_t size, jayi_resp_head *ret_head) {
    if (size == 0) return 0;
    /* What speaks another protocol is known by its first byte. */
    if (memchr("+-:$=!*~%>|_#,(", bytes[0], 15) == NULL) return -1;
    size_t most = size < JAYI_RESP_LINE_MAX ? size : JAYI_RESP_LINE_MAX;
    const char *end = memchr(bytes, '\n', most);
    if (end == NULL) return size < JAYI_RESP_LINE_MAX ? 0 : -1;
    if (end - bytes < 2 || end[-1] != '\r') return -1;
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
