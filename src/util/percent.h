/*
 * percent.h - the %XX of URLs (RFC 3986).
 */
#ifndef JAYI_PERCENT_H
#define JAYI_PERCENT_H

#include <stdbool.h>

/* Decodes in place, which only ever shortens. False, and the text is spoilt: a '%' is not followed
 * by two hexadecimal digits, or by those of NUL, which would end the text. */
bool jayi_percent_decode(char *text);

#endif
