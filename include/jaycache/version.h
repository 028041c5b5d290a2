/*
 * version.h - the version of the headers a program was compiled with.
 *
 * jay_version() in jaycache.h gives the version of the library it runs with. Until 1.0 the
 * API may change between minor versions; the SOVERSION changes whenever the ABI does.
 */
#ifndef JAYCACHE_VERSION_H
#define JAYCACHE_VERSION_H

#define JAY_VERSION_MAJOR 0
#define JAY_VERSION_MINOR 1
#define JAY_VERSION_PATCH 0

/* One comparable number: 0.1.0 is 100, 1.2.3 is 10203. */
#define JAY_VERSION_NUMBER (JAY_VERSION_MAJOR * 10000 + JAY_VERSION_MINOR * 100 + JAY_VERSION_PATCH)

#define JAY_VERSION_STRING "0.1.0"

#endif
