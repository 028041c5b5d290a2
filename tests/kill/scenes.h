/*
 * scenes.h - the operations that are interrupted, and the worlds in which they are.
 */
#ifndef SCENES_H
#define SCENES_H

#include "world.h"

typedef struct scene {
    const char *name;
    const char *options;     /* of the world; NULL: any of scene_worlds */
    void (*stage)(world *w); /* adds what the operation needs; may be NULL */
    int (*act)(world *w);    /* the operation, in the child: 0 if it went as it should */
    bool is_batch;           /* several writes: only where none evicts what another wrote */
    bool is_slow;            /* with views it takes very many steps */
} scene;

/* Operations for every world. Ends with a NULL name. */
extern const scene scene_list[];

/* Operations that need a world of their own: `options` is given. Ends with a NULL name. */
extern const scene scene_specials[];

/* One in a region of several shards, which is too large to be filmed. */
extern const scene scene_large;

typedef struct scene_world {
    const char *name;
    const char *options;
    bool is_full;
    bool has_views;
} scene_world;

extern const scene_world scene_worlds[];

/* Makes the world for a scene, and stages it. `kind` is ignored for a special. */
void scene_build(world *w, const scene *s, const scene_world *kind);

/* For step_start: `arg` is a scene_call. */
typedef struct scene_call {
    world *w;
    const scene *s;
} scene_call;

void scene_prepare(void *arg);
int scene_act(void *arg);

/* An operation that changes nothing in a region that is whole, but needs the shard's lock, by its
 * number. JAY_MISS is its status. */
#define SCENE_NUDGES 4
int scene_nudge(world *w, unsigned number);

#endif
