/*
 * nearest.c - edit distance for the suggestions in error messages.
 */
#include "util/nearest.h"

#include <string.h>

#define NAME_MAX_COMPARED 63

static size_t fold(const char *name, char *folded) {
    size_t size = strnlen(name, NAME_MAX_COMPARED);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        folded[i] = c == '-' ? '_' : c;
    }
    return size;
}

static size_t least(size_t a, size_t b, size_t c) {
    size_t min = a < b ? a : b;
    return min < c ? min : c;
}

size_t jayi_name_distance(const char *a, const char *b) {
    char x[NAME_MAX_COMPARED], y[NAME_MAX_COMPARED];
    size_t x_size = fold(a, x), y_size = fold(b, y);
    /* Three rows of the table are alive at a time: two before, one before, now. */
    size_t rows[3][NAME_MAX_COMPARED + 1];
    for (size_t j = 0; j <= y_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= x_size; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= y_size; j++) {
            size_t replaced = before[j - 1] + (x[i - 1] != y[j - 1]);
            now[j] = least(before[j] + 1, now[j - 1] + 1, replaced);
            int is_swap = i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1];
            if (is_swap && earlier[j - 2] + 1 < now[j]) now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[x_size % 3][y_size];
}

bool jayi_name_is_like(const char *a, const char *b) {
    size_t a_size = strnlen(a, NAME_MAX_COMPARED), b_size = strnlen(b, NAME_MAX_COMPARED);
    return 2 * jayi_name_distance(a, b) <= (a_size > b_size ? a_size : b_size);
}
