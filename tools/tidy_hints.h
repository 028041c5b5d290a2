/*
 * tidy_hints.h - tells the static analyser what it cannot see from one source file: that
 * jay_error_set returns the code that it is given. Included before the library's sources, by
 * run_tidy.py alone.
 */
#ifndef JAY_TIDY_HINTS_H
#define JAY_TIDY_HINTS_H

#include <jaycache/backend.h>

#define jay_error_set(error, code, ...) ((void)(jay_error_set)(error, code, __VA_ARGS__), (code))

#endif
