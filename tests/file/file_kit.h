/*
 * file_kit.h - what the tests of file: share: directories of their own, and looking into them.
 * Children and gates are those of shm_kit.h.
 */
#ifndef FILE_KIT_H
#define FILE_KIT_H

#include "../shm/shm_kit.h"

/* A path in the directory of this program: "what/more". Good until the next call but 7. */
const char *file_path(const char *what);

/* The layout of caches whose options say nothing of it: "files", until a test sets another. */
extern const char *file_layout;

/* jay_open of file:PATH?options, PATH being file_path(what). */
int file_open_as(const char *what, const char *options, jay_cache **ret_cache, jay_error *error);

/* The same, where it has to succeed. */
jay_cache *file_must_open(const char *what, const char *options);

/* Makes the directory of this program, and removes it with all that is in it. */
int file_setup(void **state);
int file_teardown(void **state);

/* Removes a directory with all that is in it, if it is there. */
void file_remove(const char *path);

/* Receives each file of a cache directory's leaves: its path, and its name there. */
typedef void file_visit_fn(void *arg, const char *path, const char *name);
void file_visit(const char *what, file_visit_fn *fn, void *arg);

/* How many files the leaves hold that are called like entries, and how many others. */
typedef struct file_census {
    int entries;
    int spares;
    int others;
} file_census;
file_census file_count(const char *what);

/* The path of the only entry; fails the test if there is not exactly one. */
const char *file_only_entry(const char *what);

/* Whole files. */
size_t file_load(const char *path, unsigned char *buffer, size_t capacity);
void file_store(const char *path, const void *bytes, size_t size);

/* What the cache of a directory holds, by its own count and by that of its files, which have to
 * agree. Expired entries are among them until they are removed. */
int64_t file_items(jay_cache *cache, const char *what);

/* Fails unless the key has that text, or with NULL none. */
void file_expect(jay_cache *cache, const char *key, const char *value);

#endif
