/*
 * status.c - names and texts of statuses, and the filling in of errors.
 */
#include <stdarg.h>
#include <stdio.h>

#include <jaycache/backend.h>

const char *jay_status_text(int status) {
    switch (status) {
#define STATUS_TEXT(name, number, text) \
    case number:                        \
        return text;
        JAY_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    default:
        return "unknown status";
    }
}

const char *jay_status_name(int status) {
    switch (status) {
#define STATUS_NAME(name, number, text) \
    case number:                        \
        return "JAY_" #name;
        JAY_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "JAY_E_UNKNOWN";
    }
}

int jay_error_set(jay_error *error, int code, int sys_errno, const char *format, ...) {
    if (error == NULL) return code;
    error->code = code;
    error->sys_errno = sys_errno;
    error->backend[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0)
        error->message[0] = '\0';
    va_end(arguments);
    /* What is quoted may come from anywhere: a message is one line, and moves no cursor. */
    for (char *c = error->message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    }
    return code;
}
