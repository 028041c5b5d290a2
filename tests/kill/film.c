/*
 * film.c - see film.h.
 */
#include "film.h"

#include <stdlib.h>
#include <string.h>

static void *grown(void *memory, size_t size) {
    memory = realloc(memory, size);
    KILL_CHECK(memory != NULL, "no memory for a film");
    return memory;
}

static void add_line(film *f, uint32_t line, const unsigned char *bytes) {
    if (f->line_count == f->line_capacity) {
        f->line_capacity = f->line_capacity * 2 + 1024;
        f->lines = grown(f->lines, f->line_capacity * sizeof *f->lines);
        f->bytes = grown(f->bytes, f->line_capacity * JAYI_LINE);
    }
    f->lines[f->line_count] = line;
    memcpy(f->bytes + f->line_count++ * JAYI_LINE, bytes, JAYI_LINE);
}

static void end_frame(film *f) {
    if (f->frame_count == f->frame_capacity) {
        f->frame_capacity = f->frame_capacity * 2 + 256;
        f->frame_ends = grown(f->frame_ends, f->frame_capacity * sizeof *f->frame_ends);
    }
    f->frame_ends[f->frame_count++] = (uint32_t)f->line_count;
}

/* Adds a frame if the region is not as in the last. */
static void look(film *f, const world *w) {
    const unsigned char *base = w->region.base;
    const size_t page = 4096;
    size_t before = f->line_count;
    for (size_t at = 0; at < w->region.region_bytes; at += page) {
        if (memcmp(f->frame + at, base + at, page) == 0) continue;
        for (size_t line = at; line < at + page; line += JAYI_LINE) {
            if (memcmp(f->frame + line, base + line, JAYI_LINE) == 0) continue;
            memcpy(f->frame + line, base + line, JAYI_LINE);
            add_line(f, (uint32_t)(line / JAYI_LINE), base + line);
        }
    }
    if (f->line_count > before) end_frame(f);
}

void film_shoot(film *f, const world *w, void (*prepare)(void *arg), int (*operation)(void *arg),
                void *arg) {
    stepper s;
    memset(f, 0, sizeof *f);
    f->frame = malloc(w->region.region_bytes);
    KILL_CHECK(f->frame != NULL, "no memory for a film");
    world_restore(w);
    memcpy(f->frame, w->start, w->region.region_bytes);
    end_frame(f);
    step_start(&s, prepare, operation, arg);
    look(f, w);
    while (step_once(&s)) look(f, w);
    look(f, w);
    f->steps = s.steps;
    f->result = s.report->result;
    step_kill(&s);
    f->shown = f->frame_count - 1;
}

void film_show(film *f, const world *w, size_t frame) {
    for (; f->shown < frame; f->shown++) {
        for (size_t i = f->frame_ends[f->shown]; i < f->frame_ends[f->shown + 1]; i++)
            memcpy(f->frame + (size_t)f->lines[i] * JAYI_LINE, f->bytes + i * JAYI_LINE, JAYI_LINE);
    }
    memcpy(w->region.base, f->frame, w->region.region_bytes);
}

void film_rewind(film *f, const world *w) {
    memcpy(f->frame, w->start, w->region.region_bytes);
    f->shown = 0;
}

void film_free(film *f) {
    free(f->frame);
    free(f->lines);
    free(f->bytes);
    free(f->frame_ends);
}
