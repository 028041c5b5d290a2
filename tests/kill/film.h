/*
 * film.h - every state that a region passes through while a child does one operation.
 *
 * A frame is the region after an instruction that changed it: just what SIGKILL at that instruction
 * leaves. Frames are kept as the lines in which they differ from the frame before, and are shown in
 * order. Frame 0 is the world's start.
 */
#ifndef FILM_H
#define FILM_H

#include "stepping.h"
#include "world.h"

typedef struct film {
    unsigned char *frame; /* the frame shown last */
    uint32_t *lines;      /* line numbers in the region */
    unsigned char *bytes; /* of each, the new bytes */
    uint32_t *frame_ends; /* of each frame, the end of its lines in the two above */
    size_t line_count;
    size_t line_capacity;
    size_t frame_count;
    size_t frame_capacity;
    size_t shown; /* the number of the frame shown last */
    uint64_t steps;
    int result;
} film;

/* Steps a child through an operation, from the world's start. The region is then as the operation
 * has left it, and the child dead. */
void film_shoot(film *f, const world *w, void (*prepare)(void *arg), int (*operation)(void *arg),
                void *arg);

/* Puts a frame into the region; not one before the frame shown last. */
void film_show(film *f, const world *w, size_t frame);

/* Back to the first frame. */
void film_rewind(film *f, const world *w);

void film_free(film *f);

#endif
