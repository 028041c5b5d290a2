/*
 * version.c - the version that a program runs with.
 */
#include <jaycache/jaycache.h>

int jay_version(void) {
    return JAY_VERSION_NUMBER;
}

const char *jay_version_string(void) {
    return JAY_VERSION_STRING;
}
