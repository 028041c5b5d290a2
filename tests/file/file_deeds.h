/*
 * file_deeds.h - what is done to a cache directory while its calls fail: to "a", which is "old",
 * and "n", which is 7. For both layouts.
 */
#ifndef FILE_DEEDS_H
#define FILE_DEEDS_H

#include "file_kit.h"

/* A deed's status; of a failure, deed_error tells more. */
typedef int deed(jay_cache *cache);
extern jay_error deed_error;

int deed_set(jay_cache *cache);     /* "a" is "new" then; so with replace */
int deed_add(jay_cache *cache);     /* is refused */
int deed_add_new(jay_cache *cache); /* "b" */
int deed_replace(jay_cache *cache);
int deed_inc(jay_cache *cache);
int deed_touch(jay_cache *cache);
int deed_delete(jay_cache *cache);
int deed_get(jay_cache *cache);
int deed_clear(jay_cache *cache);
int deed_iterate(jay_cache *cache);

/* Opens the directory "other", which may have to be made, stores something, and closes it. */
int deed_open(const char *options);

/* Fails the test unless a deed's failure is told as it should be. */
void deed_check_failure(int status);

/* Fails unless what is there of a key is one of two texts; NULL is nothing, which may always be. */
void deed_check_text(jay_cache *cache, const char *key, const char *one, const char *other);

/* In a child: mounts a disk of 1 MiB, makes a cache "disk/c" on it, fills it to the brim so many
 * times over, and looks that what is stored is found. What the caller has to close. */
jay_cache *deed_fill_disk(int sets);

#endif
