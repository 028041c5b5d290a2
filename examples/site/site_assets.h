/*
 * site_assets.h - the files of templates/, built into the program by embed_assets.cmake.
 */
#ifndef SITE_ASSETS_H
#define SITE_ASSETS_H

#include <stddef.h>

typedef struct site_asset {
    const char *name; /* "front.html" */
    const char *data; /* followed by a NUL, which `size` does not count */
    size_t size;
    const char *version; /* changes with the contents */
} site_asset;

extern const site_asset site_assets[];
extern const size_t site_asset_count;

/* The file `name`, or NULL. */
const site_asset *site_asset_find(const char *name);

#endif
