/*
 * seg_replay.h - filling a new index from the segments.
 */
#ifndef JAYI_SEG_REPLAY_H
#define JAYI_SEG_REPLAY_H

#include "backends/file/seg_store.h"

/* About how many records the segments have, without reading them. */
uint64_t jayi_store_estimate(jayi_store *store);

/*
 * Goes through all segments, from the oldest record to the newest, so that the index holds what the
 * last one of each key says; removes segments that hold nothing, and begins a new one. Nobody else
 * uses the index. JAY_OK or a failure.
 */
int jayi_store_replay(jayi_store *store, jay_error *error);

#endif
