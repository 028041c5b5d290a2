/*
 * hitratio_trace.c - see hitratio_trace.h.
 *
 * Ids are told apart by a 64-bit hash of their text. With ten million ids the chance that any two
 * share one is 3 in a million, and then one of them counts as the other.
 */
#include "hitratio_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitratio_file.h"

/* Open addressing with linear probing; a slot with number UINT32_MAX is free. */
typedef struct id_slot {
    uint64_t hash;
    uint32_t number;
} id_slot;

typedef struct loader {
    const char *path;
    char *error;
    hitratio_trace trace;
    uint32_t request_capacity;
    id_slot *slots;
    size_t slot_count; /* a power of two, at least twice the ids */
    size_t line;
} loader;

static bool fail(loader *load, const char *problem) {
    snprintf(load->error, HITRATIO_ERROR_SIZE, "%s:%zu: %s", load->path, load->line, problem);
    return false;
}

static uint64_t hash_text(const char *text, size_t size) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static id_slot *find_slot(id_slot *slots, size_t slot_count, uint64_t hash) {
    size_t place = (size_t)hash & (slot_count - 1);
    while (slots[place].number != UINT32_MAX && slots[place].hash != hash) {
        place = (place + 1) & (slot_count - 1);
    }
    return &slots[place];
}

static bool grow_slots(loader *load) {
    size_t slot_count = load->slot_count == 0 ? 1024 : load->slot_count * 2;
    id_slot *slots = malloc(slot_count * sizeof(*slots));
    if (slots == NULL) {
        return fail(load, "out of memory");
    }
    memset(slots, 0xff, slot_count * sizeof(*slots));
    for (size_t i = 0; i < load->slot_count; i++) {
        if (load->slots[i].number != UINT32_MAX) {
            *find_slot(slots, slot_count, load->slots[i].hash) = load->slots[i];
        }
    }
    free(load->slots);
    load->slots = slots;
    load->slot_count = slot_count;
    return true;
}

/* The number of an id; a new one gets the next, and `ret_new` says so. */
static bool number_of(loader *load, const char *id, size_t size, uint32_t *ret_number,
                      bool *ret_new) {
    if (load->slot_count / 2 <= load->trace.id_count && !grow_slots(load)) {
        return false;
    }
    uint64_t hash = hash_text(id, size);
    id_slot *slot = find_slot(load->slots, load->slot_count, hash);
    *ret_new = slot->number == UINT32_MAX;
    if (*ret_new) {
        *slot = (id_slot){hash, load->trace.id_count};
        load->trace.id_count++;
    }
    *ret_number = slot->number;
    return true;
}

static bool grow_requests(loader *load) {
    hitratio_trace *trace = &load->trace;
    if (trace->request_count < load->request_capacity) {
        return true;
    }
    if (load->request_capacity >= UINT32_MAX / 4) {
        return fail(load, "the trace has too many requests");
    }
    uint32_t capacity = load->request_capacity == 0 ? 65536 : load->request_capacity * 2;
    uint32_t *ids = realloc(trace->ids, capacity * sizeof(*ids));
    trace->ids = ids != NULL ? ids : trace->ids;
    uint64_t *sizes = realloc(trace->sizes, capacity * sizeof(*sizes));
    trace->sizes = sizes != NULL ? sizes : trace->sizes;
    if (ids == NULL || sizes == NULL) {
        return fail(load, "out of memory");
    }
    load->request_capacity = capacity;
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word out of a line. An empty one means that there is none. */
static const char *next_word(const char **line, const char *end, size_t *ret_size) {
    while (*line < end && is_blank(**line)) {
        (*line)++;
    }
    const char *word = *line;
    while (*line < end && !is_blank(**line)) {
        (*line)++;
    }
    *ret_size = (size_t)(*line - word);
    return word;
}

static bool parse_size(loader *load, const char *word, size_t size, uint64_t *ret_bytes) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < size; i++) {
        if (word[i] < '0' || word[i] > '9') {
            return fail(load, "the size is not a decimal number");
        }
        bytes = bytes * 10 + (uint64_t)(word[i] - '0');
        if (bytes > (uint64_t)HITRATIO_MAX_ITEM_BYTES) {
            return fail(load, "the size is larger than 4 GiB");
        }
    }
    *ret_bytes = bytes;
    return true;
}

static bool parse_line(loader *load, const char *line, const char *end, bool *has_sizes) {
    hitratio_trace *trace = &load->trace;
    size_t id_size;
    size_t size_size;
    size_t rest_size;
    const char *id = next_word(&line, end, &id_size);
    if (id_size == 0 || id[0] == '#') {
        return true;
    }
    const char *size = next_word(&line, end, &size_size);
    next_word(&line, end, &rest_size);
    if (rest_size > 0) {
        return fail(load, "a line must be 'id' or 'id size'");
    }
    if (trace->request_count == 0) {
        *has_sizes = size_size > 0;
    } else if (*has_sizes != (size_size > 0)) {
        return fail(load, "some lines have a size and some have none");
    }
    uint32_t number;
    bool is_new;
    uint64_t bytes;
    if (!grow_requests(load) || !number_of(load, id, id_size, &number, &is_new) ||
        !parse_size(load, size, size_size, &bytes)) {
        return false;
    }
    trace->ids[trace->request_count] = number;
    trace->sizes[trace->request_count] = bytes;
    trace->request_count++;
    trace->request_bytes += bytes;
    trace->distinct_bytes += is_new ? bytes : 0;
    return true;
}

/* Fills in where each id comes next, from the end backwards. */
static bool link_requests(loader *load) {
    hitratio_trace *trace = &load->trace;
    uint32_t *upcoming = malloc(trace->id_count * sizeof(*upcoming));
    trace->nexts = malloc(trace->request_count * sizeof(*trace->nexts));
    if (upcoming == NULL || trace->nexts == NULL) {
        free(upcoming);
        return fail(load, "out of memory");
    }
    memset(upcoming, 0xff, trace->id_count * sizeof(*upcoming));
    for (uint32_t i = trace->request_count; i-- > 0;) {
        trace->nexts[i] = upcoming[trace->ids[i]];
        upcoming[trace->ids[i]] = i;
    }
    free(upcoming);
    return true;
}

static bool parse_all(loader *load, const char *text, size_t text_size) {
    const char *end = text + text_size;
    bool has_sizes = false;
    for (const char *line = text; line < end; load->line++) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end != NULL ? line_end : end;
        if (!parse_line(load, line, line_end, &has_sizes)) {
            return false;
        }
        line = line_end + 1;
    }
    if (load->trace.request_count == 0) {
        return fail(load, "the trace has no requests");
    }
    if (!has_sizes) {
        free(load->trace.sizes);
        load->trace.sizes = NULL;
    }
    return link_requests(load);
}

bool hitratio_trace_parse(const char *path, const char *text, size_t text_size,
                          hitratio_trace *ret_trace, char error[HITRATIO_ERROR_SIZE]) {
    loader load = {.path = path, .error = error, .line = 1};
    bool done = parse_all(&load, text, text_size);
    free(load.slots);
    if (done) {
        *ret_trace = load.trace;
    } else {
        hitratio_trace_deinit(&load.trace);
    }
    return done;
}

bool hitratio_trace_load(const char *path, hitratio_trace *ret_trace,
                         char error[HITRATIO_ERROR_SIZE]) {
    size_t text_size;
    char *text = hitratio_file_read(path, &text_size, error);
    if (text == NULL) {
        return false;
    }
    bool done = hitratio_trace_parse(path, text, text_size, ret_trace, error);
    free(text);
    return done;
}

void hitratio_trace_deinit(hitratio_trace *trace) {
    free(trace->ids);
    free(trace->sizes);
    free(trace->nexts);
    *trace = (hitratio_trace){0};
}
