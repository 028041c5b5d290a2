/*
 * seg_ops.h - the functions of a backend's table for layout=segments.
 */
#ifndef JAYI_SEG_OPS_H
#define JAYI_SEG_OPS_H

#include "backends/file/seg_store.h"

/* Its functions; the options and the name are file_backend.c's. */
extern const jay_backend_ops jayi_seg_functions;

/* A step of a call, repeated with the new index while it says JAYI_RENEW. */
typedef int jayi_seg_fn(jayi_seg *seg, void *arg, jay_error *error);
int jayi_seg_call(const jay_backend *backend, jayi_seg_fn *fn, void *arg, jay_error *error);

/* After writing: sees to an index that has become too small. */
void jayi_seg_tend(const jay_backend *backend);

/* ---- seg_read.c ---- */

int jayi_seg_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                 jay_error *error);
void jayi_seg_release(jay_backend *backend, jay_value *value);
int jayi_seg_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                      size_t capacity, size_t *ret_size, jay_error *error);
int jayi_seg_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_seg_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                 jay_error *error);

/* Reads the value that a locator leads to. JAY_OK; JAYI_AGAIN: it is not there, or not of that key;
 * or a failure. */
int jayi_seg_fetch(const jayi_seg *seg, const jayi_locator *locator, const void *key, void *buffer,
                   jay_error *error);

/* Removes an entry that leads to nothing, if it still is the one that was seen. */
void jayi_seg_forget(const jayi_seg *seg, const jayi_key_hash *hash, jayi_locator *seen);

/* What the index has for a key, which counts as no hit. JAY_OK or JAY_MISS. */
int jayi_seg_look(const jayi_seg *seg, const jayi_key_hash *hash, jayi_locator *ret_locator,
                  uint64_t *ret_deadline_ms);

/* A judge that wants the entry to be the jayi_locator at `arg`. */
int jayi_seg_is_same(void *arg, const jayi_engine_old *old);

/* ---- seg_write.c, seg_batch.c ---- */

int jayi_seg_write(jay_backend *backend, const jay_write *write, jay_error *error);
int jayi_seg_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error);
int jayi_seg_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                   jay_error *error);
int jayi_seg_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                 int64_t ttl_ms, int64_t *ret_number, jay_error *error);
void jayi_seg_set_many(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                       jay_error *error);

/* JAY_OK, or JAY_E_TOO_BIG. */
int jayi_seg_check_size(const jayi_seg *seg, size_t key_size, size_t value_size, jay_error *error);

/* Lets the index name a record that has been written for a plain set. JAY_OK; JAYI_AGAIN: something
 * later is there, so it has to be written again; or a failure. */
int jayi_seg_publish(const jayi_seg *seg, const jayi_record *record, uint64_t deadline_ms,
                     jay_error *error);

/* A TTL as a date for records, and as a deadline of the engine's. */
void jayi_seg_deadlines(int64_t ttl_ms, int64_t *ret_date_ms, uint64_t *ret_deadline_ms);

/* ---- seg_walk.c ---- */

int jayi_seg_clear(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error);
int jayi_seg_iterate(jay_backend *backend, const void *prefix, size_t prefix_size,
                     jay_iterate_fn *fn, void *arg, jay_error *error);
int jayi_seg_stats(jay_backend *backend, jay_stats *stats, jay_error *error);

/* Evicts what is too much for limits that may be lower now. */
void jayi_seg_trim(const jay_backend *backend);

/* As jay_file_check. */
int jayi_seg_check(jay_backend *backend, bool repairs, jay_file_report *ret_report,
                   jay_error *error);

#endif
